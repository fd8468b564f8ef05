"""Columns as property text by the portal's own definitions, against a plain oracle of what HubSpot takes."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal

import pyarrow as pa
import pytest
from property_definitions import BOOL, COLOURS, DATE, DATETIME, NUMBER, OWNER, STAGE, STRING, UTC
from table_helpers import encode, encode_column, only_rejection, only_text, rejected_codes, sent

from hubspot_batch_dagster.table.layout import Definition, Field, Layout

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


CUT = Definition("p", "date", cuts_times=True)
TIMES_OF_DAY = {
    "timestamp": (pa.array([dt.datetime(2024, 2, 29, 23, 59)]), "2024-02-29"),
    "timestamp before 1970": (pa.array([dt.datetime(1969, 12, 31, 1)]), "1969-12-31"),
    "timestamp of another zone": (
        pa.array([dt.datetime(2024, 2, 29, 16, tzinfo=UTC)], pa.timestamp("us", "Asia/Tokyo")),
        "2024-02-29",
    ),
    "text": (pa.array([" 2024-02-29T23:30:00-01:00 "]), "2024-03-01"),
    "milliseconds": (pa.array([1709164800001]), "2024-02-29"),
    "milliseconds as a float": (pa.array([1709251199999.0]), "2024-02-29"),
    "milliseconds as a decimal": (pa.array([Decimal("1709164800001")]), "2024-02-29"),
    "milliseconds as text": (pa.array(["1709164800001"]), "2024-02-29"),
    "milliseconds before 1970": (pa.array([-1709164800001]), "1915-11-03"),
    "list": (pa.array([[dt.datetime(2024, 2, 29, 1), dt.datetime(2024, 3, 1)]]), "2024-02-29;2024-03-01"),
}


@pytest.mark.parametrize(("values", "day"), TIMES_OF_DAY.values(), ids=TIMES_OF_DAY)
def test_where_hubspot_keeps_the_day_of_a_date_with_a_time_the_day_is_sent_and_counted(
    values: pa.Array, day: str
) -> None:
    encoded = encode_column(values, CUT)
    assert (sent(encoded), dict(encoded.cut)) == ({0: day}, {"cell": 1})
    assert only_rejection(values, DATE)["code"] == "INVALID_DATE"


@pytest.mark.parametrize(("definition", "values", "text"), [each for each in ACCEPTED if each[0] is DATE])
def test_other_dates_are_sent_there_as_everywhere(
    definition: Definition, values: pa.Array, text: str | None
) -> None:
    encoded = encode_column(values, CUT)
    assert (sent(encoded), sum(encoded.cut.values())) == ({0: text}, 0)
    assert sent(encode_column(values, definition)) == {0: text}


@pytest.mark.parametrize("cell", ["2024-02-30T01:00", "yesterday", "1709164801", "0000-01-01T01:00"])
def test_what_is_no_point_in_time_is_refused_there_too(cell: str) -> None:
    assert only_rejection(pa.array([cell]), CUT)["code"] == "INVALID_DATE"
    assert only_rejection(pa.array([1709164801]), CUT)["code"] == "INVALID_DATE"
