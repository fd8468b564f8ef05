"""The page on errors against the code: every failure is provoked, or looked up where the code keeps its
list.
"""

import re
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import docs_pages
import pytest

from hubspot_batch_dagster import (
    Archive,
    Create,
    HubSpotClient,
    HubSpotResource,
    Update,
    Upsert,
    hubspot_asset,
)
from hubspot_batch_dagster.api import errors
from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.emulator import Emulator, Fault, Settings
from hubspot_batch_dagster.sync.associations.lines import REFUSED, UNRESOLVED
from hubspot_batch_dagster.sync.requests.answer_table import ANSWERS
from hubspot_batch_dagster.sync.schema.required_properties import MISSING, MISSING_CONTACT
from hubspot_batch_dagster.table.check import CODES

PAGE = (docs_pages.ROOT / "docs" / "errors.md").read_text()
PLAIN = " ".join(PAGE.split())
GOOD: Mapping[str, Any] = {"properties": {"email": "ada@example.com"}}
CREATES = "create"


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", PAGE, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def row_about(word: str, section: str | None = None) -> str:
    """The line of a table that says `word` in its first two cells."""
    text = PAGE if section is None else sections()[section]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    found = [line for line in lines if word in "|".join(line.split("|")[:3])]
    assert found, f"errors.md has no line about {word}"
    return found[0]


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(settings=Settings(search_lag=0.02)) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Emulator:
    running.portal.settings = Settings(search_lag=0.02)
    running.reset()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return running


def client(emulator: Emulator, **changes: Any) -> HubSpotClient:
    patience = Timeout(connect=1.0, read=0.5, total=2.0)
    return HubSpotClient(
        **{"access_token": emulator.token, "base_url": emulator.url, "timeout": patience, **changes}
    )


def create(emulator: Emulator, *inputs: Mapping[str, Any], kind: str = "contacts", **changes: Any) -> None:
    with client(emulator, **changes) as hubspot:
        hubspot.batch_create(kind, inputs or [GOOD])


def upsert_by(emulator: Emulator, name: str, kind: str) -> None:
    with client(emulator) as hubspot:
        hubspot.batch_upsert(kind, [{"id": "x", "idProperty": name, "properties": {name: "x"}}])


def broken(fault: Fault) -> Callable[[Emulator], None]:
    """A create that gets into trouble."""

    def send(emulator: Emulator) -> None:
        emulator.faults.add(fault)
        create(emulator)

    return send


def with_settings(**settings: Any) -> Callable[[Emulator], None]:
    def send(emulator: Emulator) -> None:
        emulator.change(**settings)
        create(emulator)

    return send


def taken(emulator: Emulator) -> None:
    emulator.seed_records("contacts", [{"email": "ada@example.com"}])
    create(emulator)


def twice(emulator: Emulator) -> None:
    (record,) = emulator.seed_records("contacts", [{"email": "ada@example.com"}])
    with client(emulator) as hubspot:
        hubspot.batch_update("contacts", [{"id": record, "properties": {"firstname": name}} for name in "ab"])


def nobody_listens(emulator: Emulator) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        create(emulator, base_url=url)


def administrator_wants_a_name(emulator: Emulator) -> None:
    emulator.set_rules("contacts", [{"property": "firstname"}])
    create(emulator, version="2026-09")


REQUESTS: dict[str, tuple[Callable[[Emulator], None], str, str]] = {
    "a wrong value": (
        lambda it: create(it, {"properties": {"email": "nonsense"}}),
        "InvalidBatch",
        "some property value",
    ),
    "one record twice": (twice, "InvalidBatch", "two inputs for one record"),
    "too many inputs": (lambda it: create(it, *[GOOD] * 101), "InputError", "too many inputs"),
    "a property that is not unique": (
        lambda it: upsert_by(it, "dealname", "deals"),
        "InvalidRequest",
        "is not unique",
    ),
    "an object type that is none": (
        lambda it: create(it, kind="butterflies"),
        "InvalidRequest",
        "infer object type",
    ),
    "an administrator's rule": (administrator_wants_a_name, "InvalidBatch", "version 2026-09"),
    "a wrong token": (lambda it: create(it, access_token="pat-wrong"), "NotAuthenticated", "401 `INVALID"),
    "an old token": (broken(Fault.expired_token()), "ExpiredToken", "401 `EXPIRED"),
    "a scope that is missing": (
        with_settings(scopes=frozenset({"crm.objects.companies.write"})),
        "MissingScopes",
        "403",
    ),
    "an unknown path": (broken(Fault.answer(404)), "NotFound", "404"),
    "records that are all gone": (
        broken(Fault.answer(404, {"category": "OBJECT_NOT_FOUND", "message": "none"})),
        "RecordsNotFound",
        "404 `OBJECT",
    ),
    "a unique value that is taken": (taken, "Conflict", "409"),
    "a lock": (broken(Fault.locked()), "Locked", "423"),
    "too many requests": (broken(Fault.rate_limited()), "RateLimited", "429, too many"),
    "too many requests today": (broken(Fault.daily_limit()), "DailyLimitReached", "429 `DAILY`"),
    "a moving account": (broken(Fault.moving()), "AccountMoving", "477"),
    **{
        f"a {status}": (broken(Fault.html(status)), "ServerTrouble", str(status))
        for status in (500, 502, 503, 504, 521, 522, 523, 524, 525, 526)
    },
    "an address that is too long": (broken(Fault.answer(414)), "RequestTooLarge", "413, 414"),
    "a method that is refused": (broken(Fault.answer(405)), "RequestRefused", "405"),
    "an answer that leads elsewhere": (broken(Fault.answer(308)), "Redirected", "308"),
    "a server that gave up": (broken(Fault.answer(408)), "UnexpectedStatus", "408"),
    "a page of a proxy": (broken(Fault.html(403)), "Forbidden", "403 of another kind"),
    "nobody listening": (nobody_listens, "NotConnected", "connection refused"),
    "a broken connection": (broken(Fault.drop()), "AnswerLost", "breaks"),
    "half an answer": (broken(Fault.truncate()), "AnswerLost", "cut short"),
    "no answer": (broken(Fault.silent(3.0)), "AnswerLost", "none comes within"),
}
"""What happens -> how to make it happen, the error, and words of the line about it."""


@pytest.mark.parametrize("what", list(REQUESTS))
def test_a_failed_request_ends_in_the_error_that_the_page_names(what: str, emulator: Emulator) -> None:
    send, name, words = REQUESTS[what]
    with pytest.raises(HubSpotError) as raised:
        send(emulator)
    error = raised.value
    assert type(error).__name__ == name
    assert f"`{name}`" in row_about(words)
    assert " ".join(error.remedy.split()) in PLAIN
    assert emulator.token not in str(error)


def test_the_page_has_the_table_that_the_code_goes_by() -> None:
    head = "| answer | is about | then | creates perhaps written | pause | more requests | remembered |"
    lines = [
        f"| `{each.error.__name__}` | {each.about.value} | {each.then.value} | {each.perhaps.value} "
        f"| {each.wait.value} | {each.requests} | {'yes' if each.remembered else 'no'} |"
        for each in ANSWERS
        if each.error is not HubSpotError
    ]
    assert "\n".join([head, "|---|---|---|---|---|---|---|", *lines]) in sections()["What an answer means"]


def test_every_error_has_its_line_and_its_remedy() -> None:
    leaves = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, HubSpotError)
    ]
    general = {HubSpotError, errors.TransportError, errors.ResponseError}
    assert len(leaves) > 15
    for each in leaves:
        if each not in general:
            assert f"`{each.__name__}`" in row_about(f"`{each.__name__}`")
            assert " ".join(each.default_remedy.split()) in PLAIN, each.__name__


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_every_code_of_ours_has_its_line_its_remedy_and_whose_rule_it_is(code: Any) -> None:
    line = row_about(f"`{code.name}`", "A row is rejected before it is sent")
    assert code.remedy in line
    assert line.endswith(f"| {code.source} |")
    assert code.source.startswith(("HubSpot: ", "ours: ", "yours: ", "JSON: "))


@pytest.mark.parametrize("code", [MISSING, MISSING_CONTACT, UNRESOLVED, REFUSED, "DUPLICATE_KEY"])
def test_codes_of_the_run_have_a_line(code: str) -> None:
    assert row_about(f"`{code}`")


def test_no_code_that_the_rejected_rows_can_hold_is_left_out() -> None:
    """Codes are upper-case words in quotes, in the rooms that judge rows; a bucket's variables of the
    environment are none.
    """
    package = docs_pages.ROOT / "hubspot_batch_dagster"
    quoted = re.compile(r"[\"']((?!AWS_|TIMESTAMP_)[A-Z]+(?:_[A-Z]+)+)[\"']")
    others = {
        "HUBSPOT_DEFINED",
        "USER_DEFINED",
        "INTEGRATOR_DEFINED",
        "VALIDATION_ERROR",
        "OBJECT_ALREADY_EXISTS",
    }
    found = {
        code
        for room in ("sync", "table")
        for path in (package / room).rglob("*.py")
        for code in quoted.findall(path.read_text())
    }
    assert len(found) > 15
    assert {code for code in found - others if f"`{code}`" not in PAGE} == set()


BY_EMAIL = Upsert("contacts", id_property="email")
ROWS: dict[str, tuple[Any, list[dict[str, Any]], str]] = {
    "an empty key": (BY_EMAIL, [{"email": None}], "MISSING_KEY"),
    "one key twice": (BY_EMAIL, [{"email": "a@x.org"}, {"email": " A@x.org"}], "DUPLICATE_KEY"),
    "a text that is no number": (
        Upsert("companies", key="id", properties=["numberofemployees"]),
        [{"id": 1, "numberofemployees": "many"}],
        "INVALID_NUMBER",
    ),
    "no such option": (
        Upsert("contacts", id_property="email", properties=["email", "lifecyclestage"]),
        [{"email": "a@x.org", "lifecyclestage": "friend"}],
        "INVALID_OPTION",
    ),
    "an email that is none": (BY_EMAIL, [{"email": "nonsense"}], "INVALID_EMAIL"),
    "too long a text": (
        Create("notes", key="id", properties=["hs_timestamp", "hs_note_body"]),
        [{"id": 1, "hs_timestamp": "2026-01-01T09:00:00Z", "hs_note_body": "x" * 70_000}],
        "TOO_LONG",
    ),
    "a note without a time": (
        Create("notes", key="id", properties=["hs_timestamp"]),
        [{"id": 1, "hs_timestamp": None}, {"id": 2, "hs_timestamp": "2026-01-01T09:00:00Z"}],
        "MISSING_REQUIRED_PROPERTY",
    ),
    "a record that is not there": (
        Update("contacts", record_id="id", properties=["firstname"]),
        [{"id": "987654", "firstname": "Ada"}],
        "OBJECT_NOT_FOUND",
    ),
    "a value that no record has": (
        Archive("contacts", id_property="email"),
        [{"email": "a@x.org"}],
        "NO_RECORD",
    ),
}
"""What is wrong with a row -> an operation, its rows, the code of the one that is rejected."""


@pytest.mark.parametrize("what", list(ROWS))
def test_a_bad_row_gets_the_code_that_the_page_names(what: str, emulator: Emulator, tmp_path: Path) -> None:
    operation, rows, code = ROWS[what]
    with resource(emulator, tmp_path).open() as hubspot:
        rejected = hubspot.sync(rows, operation, name="bad").rejected
    assert rejected["error_code"].to_pylist() == [code]
    assert row_about(f"`{code}`")


def resource(emulator: Emulator, folder: Path) -> HubSpotResource:
    return HubSpotResource(
        access_token=emulator.token,
        base_url=emulator.url,
        store=str(folder / "store"),
        limit=10_000,
        backoff=0.01,
        index_lag=0.05,
        patience=2.0,
        timeout=5.0,
        wait_for_unknown=False,
    )


@hubspot_asset(BY_EMAIL, max_rejected=1)
def people() -> list[dict[str, str]]:
    return [{"email": f"p{n}@x.org"} for n in range(3)]


@hubspot_asset(BY_EMAIL, max_rejected=0, name="strict")
def strict() -> list[dict[str, str]]:
    return [{"email": "nonsense"}]


@hubspot_asset(Create("companies", key="id", properties=["name"]), name="firms")
def firms() -> list[dict[str, str]]:
    return [{"id": "1", "name": "Firm"}]


BAD_ADDRESS = Fault.invalid_batch(row={"email": "p1@x.org"})
COLOURS: dict[str, tuple[Any, Fault | None, bool, dict[str, str]]] = {
    "rejected, within bounds": (people, BAD_ADDRESS, True, {"rows_rejected": "WARN"}),
    "rejected, above": (strict, None, False, {"rows_rejected": "ERROR"}),
    "the day's limit": (
        people,
        Fault.daily_limit(operation="upsert"),
        False,
        {"rows_accounted_for": "ERROR"},
    ),
    "a moving account": (people, Fault.moving(operation="upsert"), False, {"rows_accounted_for": "ERROR"}),
    "a lost create": (firms, Fault.drop(operation=CREATES), False, {"rows_unknown": "ERROR"}),
    "server trouble": (people, Fault.html(502, operation="upsert"), False, {"rows_unknown": "ERROR"}),
    "a missing scope": (
        people,
        Fault.answer(403, operation="upsert"),
        False,
        {"rows_accounted_for": "ERROR"},
    ),
}
"""What happens -> the asset, the fault, whether the run succeeds, and the checks that fail with their
colours.
"""


@pytest.mark.parametrize("what", list(COLOURS))
def test_dagster_shows_the_colours_that_the_page_names(what: str, emulator: Emulator, tmp_path: Path) -> None:
    asset, fault, success, colours = COLOURS[what]
    if fault is not None:
        emulator.faults.add(fault)
    result = dg.materialize(
        [asset],
        resources={"hubspot": resource(emulator, tmp_path)},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    failed = {
        each.check_name: each.severity.name
        for each in result.get_asset_check_evaluations()
        if not each.passed
    }
    assert (result.success, failed) == (success, colours)
    for name in failed:
        assert f"`{name}`" in sections()["Where to look"]
