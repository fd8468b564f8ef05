"""Columns as property text by the portal's own definitions, against a plain oracle of what HubSpot takes."""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from table_helpers import encode, encode_column, only_rejection, only_text, rejected_codes, sent

from hubspot_batch_dagster.table.layout import Definition, Field, Layout

NUMBER = Definition("p", "number")
BOOL = Definition("p", "bool", "booleancheckbox", {"true": "Yes", "false": "No"})
DATE = Definition("p", "date")
DATETIME = Definition("p", "datetime")
STRING = Definition("p", "string", max_length=20)
OWNER = Definition("p", "enumeration", "select", owner=True)
STAGE = Definition(
    "p",
    "enumeration",
    "select",
    {
        "lead": "Lead",
        "mql": "Marketing Qualified Lead",
        "opp-1": "Deal",
        "opp-2": "Deal",
        "OTHER": "Something else",
    },
)
COLOURS = Definition(
    "p", "enumeration", "checkbox", {"r": "Red", "g": "Green", "b": "Blue", "Red": "Deep Red"}
)
UTC = dt.timezone.utc

ACCEPTED = [
    (NUMBER, pa.array(["12"]), "12"),
    (NUMBER, pa.array([" -12.50 "]), "-12.50"),
    (NUMBER, pa.array([".5"]), ".5"),
    (NUMBER, pa.array([""]), ""),
    (NUMBER, pa.array([12]), "12"),
    (NUMBER, pa.array([0.5]), "0.5"),
    (NUMBER, pa.array([Decimal("1.50")]), "1.50"),
    (NUMBER, pa.nulls(1), None),
    (BOOL, pa.array([True]), "true"),
    (BOOL, pa.array([" TRUE "]), "true"),
    (BOOL, pa.array(["False"]), "false"),
    (BOOL, pa.nulls(1), None),
    (DATE, pa.array([dt.date(2024, 2, 29)]), "2024-02-29"),
    (DATE, pa.array([dt.datetime(2024, 2, 29)], pa.timestamp("s")), "2024-02-29"),
    (DATE, pa.array([dt.datetime(1924, 2, 29, tzinfo=UTC)], pa.timestamp("ns", "Asia/Tokyo")), "1924-02-29"),
    (DATE, pa.array(["2024-02-29"]), "2024-02-29"),
    (DATE, pa.array([" 2024-02-29 "]), "2024-02-29"),
    (DATE, pa.array(["2024-02-29 00:00:00"]), "2024-02-29"),
    (DATE, pa.array(["2024-02-29T02:00:00+02:00"]), "2024-02-29"),
    (DATE, pa.array(["1709164800000"]), "1709164800000"),
    (DATE, pa.array([1709164800000]), "1709164800000"),
    (DATE, pa.array([""]), ""),
    (DATE, pa.nulls(1), None),
    (DATETIME, pa.array([dt.datetime(2024, 2, 29, 1, 2, 3)]), "2024-02-29T01:02:03.000Z"),
    (DATETIME, pa.array([dt.date(2024, 2, 29)]), "2024-02-29T00:00:00.000Z"),
    (DATETIME, pa.array(["2024-02-29T01:02:03Z"]), "2024-02-29T01:02:03.000Z"),
    (DATETIME, pa.array(["2024-02-29t01:02:03.5z"]), "2024-02-29T01:02:03.500Z"),
    (DATETIME, pa.array(["2024-02-29 01:02:03.123456789 +05:30"]), "2024-02-28T19:32:03.123Z"),
    (DATETIME, pa.array(["2024-02-29T01:02-08"]), "2024-02-29T09:02:00.000Z"),
    (DATETIME, pa.array(["2024-02-29 01:02"]), "2024-02-29T01:02:00.000Z"),
    (DATETIME, pa.array(["2024-02-29"]), "2024-02-29T00:00:00.000Z"),
    (DATETIME, pa.array(["1709164800123"]), "1709164800123"),
    (DATETIME, pa.array([1709164800123]), "1709164800123"),
    (DATETIME, pa.array([0]), "0"),
    (DATETIME, pa.array([""]), ""),
    (DATETIME, pa.nulls(1), None),
    (STRING, pa.array([12.5]), "12.5"),
    (STRING, pa.array([" as it is "]), " as it is "),
    (STRING, pa.array([True]), "true"),
    (OWNER, pa.array([123456]), "123456"),
    (OWNER, pa.array([" 123456 "]), "123456"),
    (OWNER, pa.array([123456.0]), "123456"),
    (OWNER, pa.array([["1", "2"]]), "1;2"),
    (STAGE, pa.array(["lead"]), "lead"),
    (STAGE, pa.array(["Marketing Qualified Lead"]), "mql"),
    (STAGE, pa.array([" LEAD "]), "lead"),
    (STAGE, pa.array(["other"]), "OTHER"),
    (STAGE, pa.array([""]), ""),
    (STAGE, pa.array(["Lead"]).dictionary_encode(), "lead"),
    (COLOURS, pa.array(["r;g"]), "r;g"),
    (COLOURS, pa.array(["Green; Blue"]), "g;b"),
    (COLOURS, pa.array(["Red"]), "Red"),
    (COLOURS, pa.array([";b"]), ";b"),
    (COLOURS, pa.array(["r;"]), "r"),
    (COLOURS, pa.array([["r", "Blue"]]), "r;b"),
    (COLOURS, pa.array([""]), ""),
    (Definition("p", "enumeration", "select"), pa.array(["anything"]), "anything"),
    (Definition("p", "enumeration", "select", {"1": "One"}), pa.array([1]), "1"),
    (
        Definition("p", "enumeration", "booleancheckbox", {"true": "Yes", "false": "No"}),
        pa.array([True]),
        "true",
    ),
    (Definition("p", "phone_number"), pa.array(["+1 (555) 010-2000"]), "+1 (555) 010-2000"),
    (Definition("p", "json"), pa.array(['{"a":1}']), '{"a":1}'),
]


@pytest.mark.parametrize(("definition", "values", "text"), ACCEPTED, ids=lambda part: str(part)[:30])
def test_a_property_gets_the_text_its_type_wants(definition, values, text):
    assert only_text(values, definition) == text


REFUSED = [
    (NUMBER, pa.array(["1e3"]), "INVALID_NUMBER"),
    (NUMBER, pa.array(["1,000"]), "INVALID_NUMBER"),
    (NUMBER, pa.array(["12 EUR"]), "INVALID_NUMBER"),
    (NUMBER, pa.array(["1.2.3"]), "INVALID_NUMBER"),
    (NUMBER, pa.array(["."]), "INVALID_NUMBER"),
    (NUMBER, pa.array(["٣"]), "INVALID_NUMBER"),
    (NUMBER, pa.array(["NaN"]), "INVALID_NUMBER"),
    (NUMBER, pa.array(["  "]), "INVALID_NUMBER"),
    (NUMBER, pa.array([True]), "INVALID_NUMBER"),
    (NUMBER, pa.array([dt.date(2024, 1, 1)]), "INVALID_NUMBER"),
    (BOOL, pa.array(["yes"]), "INVALID_BOOL"),
    (BOOL, pa.array([1]), "INVALID_BOOL"),
    (BOOL, pa.array([" "]), "INVALID_BOOL"),
    (DATE, pa.array(["2023-02-29"]), "INVALID_DATE"),
    (DATE, pa.array(["29.02.2024"]), "INVALID_DATE"),
    (DATE, pa.array(["20240229"]), "INVALID_DATE"),
    (DATE, pa.array(["0000-01-01"]), "INVALID_DATE"),
    (DATE, pa.array(["2024-02-29 12:00"]), "INVALID_DATE"),
    (DATE, pa.array(["  "]), "INVALID_DATE"),
    (DATE, pa.array([dt.datetime(2024, 2, 29, 0, 0, 0, 1)]), "INVALID_DATE"),
    (DATE, pa.array([2**62], pa.timestamp("us")), "INVALID_DATE"),
    (DATE, pa.array([1709164800001]), "INVALID_DATE"),
    (DATE, pa.array([True]), "INVALID_DATE"),
    (DATE, pa.array([1.5]), "INVALID_DATE"),
    (DATETIME, pa.array(["yesterday"]), "INVALID_DATETIME"),
    (DATETIME, pa.array(["2024-02-30T00:00:00Z"]), "INVALID_DATETIME"),
    (DATETIME, pa.array(["2024-02-29T24:00:00Z"]), "INVALID_DATETIME"),
    (DATETIME, pa.array(["2024-02-29T01:02:60Z"]), "INVALID_DATETIME"),
    (DATETIME, pa.array(["2024-02-29T01"]), "INVALID_DATETIME"),
    (DATETIME, pa.array(["2024-02-29T01:02:03+24:00"]), "INVALID_DATETIME"),
    (DATETIME, pa.array(["0001-01-01T00:00:00+01:00"]), "INVALID_DATETIME"),
    (DATETIME, pa.array(["1709164800"]), "INVALID_DATETIME"),
    (DATETIME, pa.array([1709164801]), "INVALID_DATETIME"),
    (DATETIME, pa.array([2**60]), "INVALID_DATETIME"),
    (DATETIME, pa.array(["  "]), "INVALID_DATETIME"),
    (DATETIME, pa.array([1.5]), "INVALID_DATETIME"),
    (DATETIME, pa.array([2_932_897], pa.date32()), "INVALID_DATE"),
    (STRING, pa.array(["x" * 21]), "TOO_LONG"),
    (OWNER, pa.array(["ada@example.com"]), "INVALID_OWNER"),
    (OWNER, pa.array([["1", "x"]]), "INVALID_OWNER"),
    (STAGE, pa.array(["Leed"]), "INVALID_OPTION"),
    (STAGE, pa.array(["Deal"]), "INVALID_OPTION"),
    (STAGE, pa.array(["  "]), "INVALID_OPTION"),
    (STAGE, pa.array(["lead;mql"]), "INVALID_OPTION"),
    (STAGE, pa.array([dt.time(1)]), "UNSUPPORTED_TYPE"),
    (COLOURS, pa.array(["r;pink"]), "INVALID_OPTION"),
    (COLOURS, pa.array([["r", "pink"]]), "INVALID_OPTION"),
    (COLOURS, pa.array([";"]), "INVALID_OPTION"),
]


@pytest.mark.parametrize(("definition", "values", "code"), REFUSED, ids=lambda part: str(part)[:30])
def test_what_a_property_would_refuse_is_rejected_with_its_code(definition, values, code):
    rejection = only_rejection(values, definition)
    assert rejection["code"] == code
    assert (rejection["column"], rejection["property"]) == ("cell", "p")


@pytest.mark.parametrize(("definition", "values", "text"), ACCEPTED, ids=lambda part: str(part)[:30])
def test_a_cells_text_does_not_depend_on_bad_neighbours(definition, values, text):
    if not pa.types.is_string(values.type):
        return
    encoded = encode_column(
        pa.array(["bad\x00neighbour, far too long", *values.to_pylist(), None, ""]), definition
    )
    assert sent(encoded)[1] == text


def test_a_wrong_option_names_the_nearest():
    message = only_rejection(pa.array(["Markting Qualified Lead"]), STAGE)["message"]
    assert "'Markting Qualified Lead' is not one of the 5 options; the nearest are 'mql'" in message


def test_a_wrong_part_of_several_options_is_the_one_named():
    message = only_rejection(pa.array(["r;Gren"]), COLOURS)["message"]
    assert "'Gren' is not one of the 4 options; the nearest are 'g'" in message


def test_an_option_like_no_other_names_five_of_them():
    many = Definition("p", "enumeration", "select", {f"option_{at}": f"Option {at}" for at in range(30)})
    message = only_rejection(pa.array(["zzz"]), many)["message"]
    assert message.count("'option_") == 5
    assert "among them are" in message


def test_a_column_of_nothing_but_wrong_options_is_still_rejected_quickly():
    many = Definition(
        "p", "enumeration", "select", {f"option_{at}": f"Option number {at}" for at in range(300)}
    )
    cells = pa.array([f"free text that is no option, {at}" * 20 for at in range(5_000)])
    started = time.process_time()
    encoded = encode_column(cells, many)
    assert encoded.rejected.num_rows == 5_000
    assert time.process_time() - started < 5


def test_an_options_internal_value_is_escaped_even_where_the_column_is_numbers():
    odd = Definition("p", "enumeration", "select", {'a"b\\': "1"})
    assert only_text(pa.array([1]), odd) == 'a"b\\'


EMAILS = {
    "ada@example.com": True,
    " Ada@Example.com ": True,
    "zoë@münchen.de": True,
    "a.b+c'd@sub.example.co.uk": True,
    "": True,
    "ada": False,
    "ada@example": False,
    "ada@@example.com": False,
    "a b@example.com": False,
    "ada@exa mple.com": False,
    "ada@example..com": False,
    "ada@example.com.": False,
    "a@x.org;b@x.org": False,
    "a@x.org, b@x.org": False,
    "Ada <ada@example.com>": False,
    "mailto:ada@example.com": False,
    "@example.com": False,
    "n/a": False,
    "  ": False,
    "ada@my_host.com": False,
    "ada@1.2.3.4": False,
}


@pytest.mark.parametrize(("text", "good"), EMAILS.items())
def test_only_what_may_be_an_email_address_is_sent_as_one(text, good):
    layout = Layout((Field("email", "cell"),), ("k",))
    encoded = encode(pa.table({"k": [1], "cell": [text]}), layout)
    assert rejected_codes(encoded) == ({} if good else {0: "INVALID_EMAIL"})
    if good:
        assert sent(encoded, "email")[0] == text


def test_other_object_types_may_call_any_text_an_email():
    table = pa.table({"k": [1], "cell": ["not an address"]})
    assert encode(table, Layout((Field("email", "cell"),), ("k",), emails=())).rejected.num_rows == 0
    assert (
        encode(table, Layout((Field("e_mail", "cell"),), ("k",), emails=("e_mail",))).rejected.num_rows == 1
    )


# --- what HubSpot takes, written down once more and independently -----------------------------------------

ROWS = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
EACH = 50  # rows an example: 5,000 rows for each type


def _column(cells: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(st.none(), cells), min_size=EACH, max_size=EACH)


def _judged(definition: Definition, cells: list[str | None], takes: Any, same: Any) -> None:
    """Every row is sent with a text HubSpot takes and that means the cell, or rejected because it would not."""
    encoded = encode_column(pa.array(cells, pa.string()), definition)
    texts, codes = sent(encoded), rejected_codes(encoded)
    assert texts.keys() | codes.keys() == set(range(len(cells)))
    for row, cell in enumerate(cells):
        if row in codes:
            assert cell is not None
            assert not takes(cell.strip()) or (cell != "" and not cell.strip()), cell
        elif cell is None:
            assert texts[row] is None
        else:
            assert texts[row] == "" or takes(texts[row]), (cell, texts[row])
            assert same(cell, texts[row]), (cell, texts[row])


def _takes_number(text: str) -> bool:
    digits = text.removeprefix("-")
    return text == "" or (
        set(digits) <= set("0123456789.") and digits.count(".") <= 1 and digits not in ("", ".")
    )


@ROWS
@given(
    _column(
        st.one_of(
            st.text("0123456789.-+e, ", max_size=8),
            st.floats().map(str),
            st.integers().map(str),
            st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
        )
    )
)
def test_numbers_5000_rows_against_the_oracle(cells):
    _judged(NUMBER, cells, _takes_number, lambda cell, text: cell.strip() == text)


@ROWS
@given(
    _column(
        st.one_of(st.sampled_from(["true", "FALSE", "True ", "0", "1", "yes", "", " "]), st.text(max_size=5))
    )
)
def test_bools_5000_rows_against_the_oracle(cells):
    _judged(
        BOOL,
        cells,
        lambda text: text.lower() in ("true", "false", ""),
        lambda cell, text: cell.strip().lower() == text,
    )


def _date_of(text: str) -> dt.date | None:
    """The date that a text means for a date property, by the standard library alone."""
    moment = _epoch(int(text)) if re.fullmatch(r"-?[0-9]{1,15}", text) else _iso(text)
    return moment.date() if moment and moment.time() == dt.time(0) else None


def _epoch(millis: int) -> dt.datetime | None:
    try:
        return dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=millis)
    except OverflowError:
        return None


def _iso(text: str) -> dt.datetime | None:
    match = re.fullmatch(
        r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?:(:[0-9]{2})(?:\.([0-9]{1,9}))?)? ?"
        r"(Z|([+-][0-9]{2})(?::?([0-9]{2}))?)?)?",
        text,
        re.IGNORECASE,
    )
    if not match:
        return None
    day, clock, seconds, fraction, zone, hours, minutes = match.groups()
    offset = f"{hours}:{minutes or '00'}" if hours else "+00:00"
    micros = (fraction or "").ljust(6, "0")[:6]
    try:
        moment = dt.datetime.fromisoformat(f"{day}T{clock or '00:00'}{seconds or ':00'}.{micros}{offset}")
        return moment.astimezone(UTC).replace(tzinfo=None) if zone or clock else moment.replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


DAY_TEXTS = st.one_of(
    st.dates().map(str),
    st.tuples(st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32)).map(
        lambda p: f"{p[0]:04}-{p[1]:02}-{p[2]:02}"
    ),
    st.dates(dt.date(1900, 1, 1)).map(lambda day: str((day - dt.date(1970, 1, 1)).days * 86_400_000)),
    st.dates().map(lambda day: f"{day} 00:00:00"),
    st.dates().map(lambda day: day.strftime("%d.%m.%Y")),
    st.text("0123456789-: TZ", max_size=12),
)


@ROWS
@given(_column(DAY_TEXTS))
def test_dates_5000_rows_against_the_oracle(cells):
    _judged(
        DATE,
        cells,
        lambda text: text == "" or _date_of(text) is not None,
        lambda cell, text: _date_of(cell.strip()) == _date_of(text),
    )


ZONES = st.sampled_from(["", "Z", "z", "+00:00", "-0330", "+14:00", "+05", " Z", "+24:00", "UTC", "+1"])
MOMENT_TEXTS = st.one_of(
    st.tuples(st.datetimes(), st.sampled_from(["T", " "]), ZONES).map(lambda p: p[0].isoformat(p[1]) + p[2]),
    st.tuples(st.datetimes(), ZONES).map(lambda p: p[0].isoformat("T", "minutes") + p[1]),
    st.datetimes(dt.datetime(1900, 1, 1)).map(lambda at: str(int(at.replace(tzinfo=UTC).timestamp() * 1000))),
    st.integers(-(10**12), 10**16).map(str),
    st.dates().map(str),
    st.text("0123456789-: TZ.", max_size=24),
)


def _takes_moment(text: str) -> bool:
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        millis = int(text)
        return _epoch(millis) is not None and (abs(millis) >= 10**11 or millis % 86_400_000 == 0)
    return text == "" or _iso(text) is not None


def _same_moment(cell: str, text: str) -> bool:
    cell = cell.strip()
    if re.fullmatch(r"-?[0-9]+", cell) or cell == "":
        return cell == text
    meant, written = _iso(cell), _iso(text)
    assert meant is not None
    return written == meant.replace(microsecond=meant.microsecond // 1000 * 1000)


@ROWS
@given(_column(MOMENT_TEXTS))
def test_datetimes_5000_rows_against_the_oracle(cells):
    _judged(DATETIME, cells, _takes_moment, _same_moment)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.datetimes(), min_size=20, max_size=20), st.sampled_from(["Z", "", "+02:00"]))
def test_a_column_of_one_form_is_read_like_its_cells(moments, zone):
    cells = [moment.isoformat(" ") + zone for moment in moments]
    encoded = encode_column(pa.array(cells), DATETIME)
    for row, text in sent(encoded).items():
        assert _same_moment(cells[row], text or "")
    for row in rejected_codes(encoded):
        assert _iso(cells[row]) is None


OPTION_TEXTS = st.one_of(
    st.sampled_from(
        [*STAGE.options, *STAGE.options.values(), " lead", "DEAL", "mql ", "Opp-1", "", " ", "lead;"]
    ),
    st.text(max_size=6),
)


@ROWS
@given(_column(OPTION_TEXTS))
def test_options_5000_rows_against_the_oracle(cells):
    def meant(cell: str) -> set[str]:
        if cell in STAGE.options or cell == "":
            return {cell}
        by_label = {value for value, label in STAGE.options.items() if label == cell}
        folded = cell.strip().casefold()
        loose = {
            v
            for v, label in STAGE.options.items()
            if folded in (v.strip().casefold(), label.strip().casefold())
        }
        return by_label or loose

    encoded = encode_column(pa.array(cells, pa.string()), STAGE)
    texts, codes = sent(encoded), rejected_codes(encoded)
    for row, cell in enumerate(cells):
        if cell is None:
            assert texts[row] is None
        elif row in codes:
            assert len(meant(cell)) != 1
        else:
            assert meant(cell) == {texts[row]}


@ROWS
@given(
    _column(
        st.lists(st.sampled_from(["r", "Green", "BLUE", "Red", "pink", "", " "]), max_size=4).map(";".join)
    )
)
def test_several_options_5000_rows_against_the_oracle(cells):
    names = {"r": "r", "Green": "g", "BLUE": "b", "Red": "Red"}
    encoded = encode_column(pa.array(cells, pa.string()), COLOURS)
    texts, codes = sent(encoded), rejected_codes(encoded)
    for row, cell in enumerate(cells):
        parts = [part for part in (cell or "").split(";") if part.strip()]
        if cell is None or cell == "":
            assert texts[row] == cell
        elif not parts or "pink" in parts:
            assert codes[row] == "INVALID_OPTION"
        else:
            append = ";" if cell.startswith(";") else ""
            assert texts[row] == append + ";".join(names[part] for part in parts)


@ROWS
@given(_column(st.text(max_size=30)))
def test_texts_5000_rows_against_the_oracle(cells):
    encoded = encode_column(pa.array(cells, pa.string()), STRING)
    expected = {row: cell for row, cell in enumerate(cells) if cell is None or len(cell) <= 20}
    assert sent(encoded) == expected
    assert set(rejected_codes(encoded).values()) <= {"TOO_LONG"}


EMAIL_TEXTS = st.tuples(
    st.sampled_from(["ada", "Ada.L", "a+b", "o'hara", "zoë", '"a b"', "", " x"]),
    st.sampled_from(["@", "@@", " at ", "@ "]),
    st.sampled_from(
        ["example", "example.com", "sub.example.co", "x.c", "münchen.de", "a_b.com", ".com", "1.2.3.4"]
    ),
).map("".join)


@ROWS
@given(_column(st.one_of(EMAIL_TEXTS, st.text('a.b@-_ ;,"', max_size=9))))
def test_emails_5000_rows_never_let_through_what_has_no_domain(cells):
    table = pa.table({"k": range(len(cells)), "cell": pa.array(cells, pa.string())})
    encoded = encode(table, Layout((Field("email", "cell"),), ("k",)))
    for text in sent(encoded, "email").values():
        if text:
            local, _, domain = text.strip().rpartition("@")
            assert local
            assert "." in domain
            assert "@" not in local
            assert not re.search(r"[\s,;]", text.strip())
    for row in rejected_codes(encoded):
        cell = cells[row].strip()
        plain = re.fullmatch(r"[a-z0-9.+-]+@([a-z0-9-]+\.)+[a-z]{2,}", cell)
        assert plain is None


def test_every_text_that_is_sent_is_json_text():
    encoded = encode_column(pa.array(["lead"]), STAGE)
    assert json.loads(encoded.good["properties"].to_pylist()[0]) == {"p": "lead"}
