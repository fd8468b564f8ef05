"""5,000 rows for each property type: what we let through, the portal accepts; what we reject, it would reject
as well.

Where we are stricter than the portal, the reason stands in `stricter`.
"""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pytest
from bench.sync_bench import Bench
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hubspot_batch_dagster.operations.records import Create
from hubspot_batch_dagster.sync.column_mapping import bind
from hubspot_batch_dagster.sync.schema.definitions import Definitions

ROWS, EXAMPLES = 100, 50

_digits = st.from_regex(r"[+-]?[0-9]{0,6}\.?[0-9]{0,4}(e[0-9])?", fullmatch=True)
_days = st.dates().map(str)
_zones = st.sampled_from(["", "Z", "z", "+02:00", "-0530", "+14", " Z", "+24:00", "+99:99"])
_moments = st.builds(lambda when, zone: when.isoformat() + zone, st.datetimes(), _zones)
_odd_days = st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z)?", fullmatch=True)
_epochs = st.one_of(
    st.integers(-(10**16), 10**16),
    st.integers(-(10**5), 10**5).map(lambda day: day * 86_400_000),
    st.integers(0, 4 * 10**9),
).map(str)
_emails = st.from_regex(r"[A-Za-z.+_-]{1,8}@?([A-Za-z0-9_-]{1,8}\.){0,3}[A-Za-z]{1,4}", fullmatch=True)
_booleans = st.sampled_from(["true", "false", "TRUE", "True", "yes", "1", "0", "t", " true "])
_several = st.lists(st.sampled_from(["red", "blue", "Red", "BLUE", " red", "rot", ""]), max_size=3).map(
    ";".join
)
_ids = st.from_regex(r";?-?[0-9]{1,5}(;[0-9]{1,3})?", fullmatch=True)
_noise = st.one_of(
    st.text(max_size=12), st.sampled_from(["", " ", ";", ";;", "0", "-", ".", "\x00", "é", '"', "\\"])
)

KINDS = {
    "string": st.one_of(_noise, st.integers(65_530, 65_545).map(lambda n: "x" * n)),
    "phone_number": _noise,
    "number": _digits,
    "bool": _booleans,
    "date": st.one_of(_days, _moments, _odd_days, _epochs),
    "datetime": st.one_of(_days, _moments, _odd_days, _epochs),
    "select": st.one_of(_several, _booleans),
    "checkbox": _several,
    "flag": _booleans,
    "hubspot_owner_id": _ids,
    "email": _emails,
}
"""Property -> texts that are nearly right. One cell in ten is noise."""


def stricter(kind: str, text: str) -> str | None:
    """Why we reject what the portal accepts; ``None`` if there is no reason."""
    if kind == "number" and text.startswith("+"):
        return "the properties guide allows digits, a point and a minus"
    if kind == "hubspot_owner_id" and "-" in text:
        return "an owner's id is digits"
    if kind == "checkbox" and not text.strip("; "):
        return "a ';' in front adds to what a record has, and there is nothing to add"
    if kind == "datetime" and re.fullmatch(r"-?\d{1,11}", text) and abs(int(text)) < 100_000_000_000:
        return "it is far likelier in seconds, of which HubSpot would make a moment of 1970"
    if kind in ("date", "datetime") and re.search(r"[+-]\d\d:?\d\d$", text):
        return "no zone is a day away or has 60 minutes, and a shifted year has to stay within 1 to 9999"
    return None


def laxer(kind: str, text: str) -> str | None:
    """Why we let through what the portal refuses; ``None`` if there is no reason."""
    local = text.strip().rpartition("@")[0]
    if kind == "email" and (local.startswith(".") or local.endswith(".") or ".." in local):
        return "RFC 2822 has no such dots; mail servers take some of them, and HubSpot answers for itself"
    return None


@pytest.fixture
def definitions(bench: Bench) -> Definitions:
    """What the portal says of a property of each type."""
    for name in ("string", "phone_number", "number", "bool", "date", "datetime"):
        bench.emulator.add_property("contacts", name, kind=name)
    bench.emulator.add_property("contacts", "select", kind="enumeration", options=["red", "blue"])
    bench.emulator.add_property(
        "contacts", "checkbox", kind="enumeration", field_type="checkbox", options=["red", "blue"]
    )
    bench.emulator.add_property(
        "contacts", "flag", kind="enumeration", field_type="booleancheckbox", options=["true", "false"]
    )
    return Definitions("contacts", {each.name: each for each in bench.client.properties("contacts")})


def refused(bench: Bench, name: str, texts: dict[str, str]) -> dict[str, str]:
    """Trace id -> why the portal refuses it, of texts sent as they are."""
    if not texts:
        return {}
    inputs = [{"properties": {name: text}, "objectWriteTraceId": trace} for trace, text in texts.items()]
    answer = bench.client.batch_create("contacts", inputs)
    return {
        trace: each.message or ""
        for each in answer.errors
        for trace in each.context.get("objectWriteTraceId", [])
        if each.category != "CONFLICT"  # two rows with one email: not the text's fault
    }


@pytest.mark.parametrize("name", KINDS)
def test_what_we_let_through_is_accepted_and_what_we_reject_is_refused(
    bench: Bench, definitions: Definitions, name: str
) -> None:
    bench.emulator.change(keep_books=False, unknown_owner="take")
    schema = pa.schema([("id", pa.int64()), (name, pa.string())])
    encoder = bind(Create("contacts", key="id", properties=[name]), schema, definitions.encoded([name]))
    cells = st.one_of(*[KINDS[name]] * 9, _noise)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(values=st.lists(cells, min_size=ROWS, max_size=ROWS))
    def check(values: list[str]) -> None:
        batch = pa.record_batch([list(range(ROWS)), values], schema=schema)
        encoded = encoder.encode(batch, 0)
        sent = {str(row["row"]): json.loads(row["properties"]).get(name) for row in encoded.good.to_pylist()}
        wrongly_sent = refused(bench, name, {trace: text for trace, text in sent.items() if text is not None})
        assert {
            sent[trace]: why for trace, why in wrongly_sent.items() if laxer(name, sent[trace]) is None
        } == {}
        rejected = {str(row["row"]): values[row["row"]] for row in encoded.rejected.to_pylist()}
        accepted = set(rejected) - set(refused(bench, name, rejected))
        unjust = [rejected[trace] for trace in accepted if stricter(name, rejected[trace]) is None]
        assert unjust == []

    check()
