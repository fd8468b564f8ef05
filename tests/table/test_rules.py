"""Rules for a column: how its text is read, and what becomes of a cell that cannot be sent."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from table_helpers import encode, rejected_codes, sent

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.properties import Cast, Property, cast_of
from hubspot_batch_dagster.table.layout import Definition, Field, Layout
from hubspot_batch_dagster.table.rules import Rule

NUMBER, BOOL = Definition("p", "number"), Definition("p", "bool")
TRUTH = Definition("p", "enumeration", "booleancheckbox", {"true": "Yes", "false": "No"})
DATE, DATETIME, STRING = Definition("p", "date"), Definition("p", "datetime"), Definition("p", "string")
YES_NO = Cast(true_values=("yes", "Y", "1"), false_values=("no", "n", "0"))
GERMAN = Cast(decimal=",", thousands=".")
SWISS = Cast(thousands="'")
DAYS = Cast(date_formats=("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d/%m/%y"))
BERLIN = Cast(date_formats=("%d.%m.%Y %H:%M",), time_zone="Europe/Berlin")

CASTS = [
    (
        BOOL,
        YES_NO,
        ["yes", "NO", " y ", "1", "0", "true"],
        ["true", "false", "true", "true", "false", "true"],
    ),
    (TRUTH, YES_NO, ["Yes", "n"], ["true", "false"]),
    (BOOL, YES_NO, [1, 0], ["true", "false"]),
    (STRING, YES_NO, ["yes", "1"], ["yes", "1"]),
    (NUMBER, YES_NO, ["1", "0"], ["1", "0"]),
    (NUMBER, GERMAN, ["1.234,5", "-12,75", "1.234.567", "7", ""], ["1234.5", "-12.75", "1234567", "7", ""]),
    (NUMBER, SWISS, ["1'234.5", "1234.5"], ["1234.5", "1234.5"]),
    (STRING, GERMAN, ["1.234,5"], ["1.234,5"]),
    (NUMBER, GERMAN, [1234.5], ["1234.5"]),
    (DATE, DAYS, ["29.02.2024", "2024-02-29", "29/02/24"], ["2024-02-29"] * 3),
    (
        DATETIME,
        DAYS,
        ["29.02.2024 12:30", "29.02.2024"],
        ["2024-02-29T12:30:00.000Z", "2024-02-29T00:00:00.000Z"],
    ),
    (
        DATETIME,
        BERLIN,
        [
            "29.02.2024 12:30",
            "2024-07-01 12:30:00.123456",
            "2024-07-01T12:30:00Z",
            "2024-07-01T12:30:00+05:00",
        ],
        [
            "2024-02-29T11:30:00.000Z",
            "2024-07-01T10:30:00.123Z",
            "2024-07-01T12:30:00.000Z",
            "2024-07-01T07:30:00.000Z",
        ],
    ),
    (DATETIME, BERLIN, [dt.datetime(2024, 7, 1, 12)], ["2024-07-01T10:00:00.000Z"]),
    (DATETIME, BERLIN, [dt.datetime(2024, 7, 1, 12, tzinfo=dt.timezone.utc)], ["2024-07-01T12:00:00.000Z"]),
    (DATETIME, BERLIN, [dt.datetime(2024, 10, 27, 2, 30)], ["2024-10-27T00:30:00.000Z"]),
    (STRING, Cast(null_values=("N/A", "-")), ["N/A", " - ", "a-b"], [None, None, "a-b"]),
    (NUMBER, Cast(null_values=("n/a",)), ["n/a", "7"], [None, "7"]),
    (NUMBER, Cast(null_values=("-1", "n/a", "300")), pa.array([-1, 7], pa.int8()), [None, "7"]),
    (NUMBER, Cast(null_values=("-999.5", "-1")), pa.array([-999.5, -1.0, 7.5]), [None, None, "7.5"]),
    (NUMBER, Cast(null_values=("-1", "-1.5")), pa.array([Decimal("-1.00"), Decimal("7.25")]), [None, "7.25"]),
    (
        NUMBER,
        Cast(thousands=" "),
        ["1 234", "1\u202f234", "-1\u00a0234\u00a0567.5"],
        ["1234", "1234", "-1234567.5"],
    ),
    (NUMBER, Cast(thousands="\u202f", decimal=","), ["1 234,5"], ["1234.5"]),
    (None, YES_NO, ["yes", "no"], ["true", "false"]),
    (None, GERMAN, ["1.234,5"], ["1234.5"]),
    (None, DAYS, ["29.02.2024"], ["2024-02-29"]),
]


def table(values: object) -> pa.Table:
    return pa.table({"id": range(len(values)), "x": values})


def layout(definition: Definition | None, rule: Rule, **more: object) -> Layout:
    return Layout((Field("p", "x", definition, rule),), ("id",), **more)


@pytest.mark.parametrize(("definition", "cast", "values", "texts"), CASTS)
def test_text_is_read_as_the_cast_says_where_the_property_is_of_that_type(definition, cast, values, texts):
    own = cast if definition is None else None
    encoded = encode(table(values), layout(definition, Rule(cast=cast, own=own)))
    assert encoded.rejected.num_rows == 0, encoded.rejected["message"].to_pylist()
    assert list(sent(encoded).values()) == texts


@pytest.mark.parametrize(
    ("definition", "cast", "cell", "code"),
    [
        (NUMBER, GERMAN, "1.5", "INVALID_NUMBER"),
        (NUMBER, GERMAN, "12.34,5", "INVALID_NUMBER"),
        (NUMBER, GERMAN, "1,2,3", "INVALID_NUMBER"),
        (NUMBER, SWISS, "1'23", "INVALID_NUMBER"),
        (NUMBER, GERMAN, "-", "INVALID_NUMBER"),
        (BOOL, YES_NO, "maybe", "INVALID_BOOL"),
        (DATE, DAYS, "31.02.2024", "INVALID_DATE"),
        (DATETIME, BERLIN, "noon", "INVALID_DATETIME"),
        (DATETIME, BERLIN, "2024-13-01 00:00", "INVALID_DATETIME"),
        (DATETIME, BERLIN, "2024-01-01 25:00", "INVALID_DATETIME"),
        (DATETIME, BERLIN, "0001-01-01 00:00", "INVALID_DATETIME"),
        (DATETIME, Cast(date_formats=("%d.%m.%Y %z",)), "01.01.0001 +0200", "INVALID_DATETIME"),
        (DATE, Cast(date_formats=("%d.%m.%Y %z",)), "29.02.2024 +0200", "INVALID_DATE"),
    ],
)
def test_what_the_cast_does_not_name_is_refused_and_never_guessed(definition, cast, cell, code):
    encoded = encode(table([cell]), layout(definition, Rule(cast=cast)))
    assert rejected_codes(encoded) == {0: code}
    assert repr(cell) in encoded.rejected["message"][0].as_py()


def test_a_cast_cell_that_is_refused_is_told_as_its_user_wrote_it():
    (told,) = (
        encode(table(["29.02.2024 12:30"]), layout(DATE, Rule(cast=DAYS))).rejected["message"].to_pylist()
    )
    assert told.startswith("x: '29.02.2024 12:30' is not a date. ")


@pytest.mark.parametrize(
    ("own", "values", "texts", "codes"),
    [
        (DAYS, ["31.12.2024", "2024-12-31", None, ""], ["2024-12-31", "2024-12-31", None, ""], {}),
        (DAYS, ["soon", "31.02.2024"], [], {0: "INVALID_DATE", 1: "INVALID_DATE"}),
        (GERMAN, ["1.234,5", "12", 7], ["1234.5", "12", "7"], {}),
        (GERMAN, ["1.5"], [], {0: "INVALID_NUMBER"}),
        (YES_NO, ["Yes", "no", True], ["true", "false", "true"], {}),
        (YES_NO, ["maybe"], [], {0: "INVALID_BOOL"}),
        (BERLIN, ["2024-07-01 10:00"], ["2024-07-01T08:00:00.000Z"], {}),
        (Cast(null_values=("-",)), ["31.12.2024", "-"], ["31.12.2024", None], {}),
    ],
)
def test_the_own_options_of_a_column_say_what_the_values_of_a_text_property_are(own, values, texts, codes):
    """HubSpot takes any text for its date of birth: ``31.12.2024`` went there as it stood."""
    for default in (Cast(), GERMAN, DAYS, YES_NO):
        rule = Rule(cast=own.over(default), own=own)
        rows = [{"id": at, "x": each} for at, each in enumerate(values)]
        encoded = encode(rows, layout(Definition("p", "string"), rule))
        assert rejected_codes(encoded) == codes
        assert list(sent(encoded).values()) == texts


def test_the_default_of_all_columns_says_nothing_of_a_text_property():
    encoded = encode(table(["31.12.2024", "1,5", "yes"]), layout(Definition("p", "string"), Rule(cast=DAYS)))
    assert list(sent(encoded).values()) == ["31.12.2024", "1,5", "yes"]


def test_a_default_says_nothing_of_a_property_that_is_not_known_but_which_text_is_empty():
    cast = Cast(null_values=("N/A",), true_values=("1",), false_values=("0",), decimal=",")
    encoded = encode(table(["1", "N/A", "1,5"]), layout(None, Rule(cast=cast)))
    assert list(sent(encoded).values()) == ["1", None, "1,5"]


def test_a_column_of_several_types_is_cast_cell_by_cell():
    rows = [{"id": at, "x": value} for at, value in enumerate(["yes", True, "N/A", 0])]
    rule = Rule(cast=Cast(null_values=("N/A",)).over(YES_NO))
    assert list(sent(encode(rows, layout(BOOL, rule))).values()) == ["true", "true", None, "false"]


def test_a_local_time_means_the_same_as_text_and_as_a_timestamp_also_where_the_clocks_change():
    moments = [
        dt.datetime(2024, 3, 31, 2, 30),
        dt.datetime(2024, 10, 27, 2, 30),
        dt.datetime(1890, 1, 1),
        dt.datetime(2024, 7, 1, 12, 0, 0, 123456),
    ]
    as_text = [moment.strftime("%d.%m.%Y %H:%M:%S.%f") for moment in moments]
    rule = Rule(cast=Cast(date_formats=("%d.%m.%Y %H:%M:%S.%f",), time_zone="Europe/Berlin"))
    found = [
        list(sent(encode(table(values), layout(DATETIME, rule))).values())
        for values in (moments, as_text, [moment.isoformat() for moment in moments])
    ]
    assert (
        found
        == [
            [
                "2024-03-31T01:00:00.000Z",
                "2024-10-27T00:30:00.000Z",
                "1889-12-31T23:06:32.000Z",
                "2024-07-01T10:00:00.123Z",
            ]
        ]
        * 3
    )


@pytest.mark.parametrize("on_null", ["omit", "clear"])
def test_a_cell_left_out_by_rule_does_not_cost_its_row_and_is_told(on_null):
    rule = Rule(on_invalid="omit")
    encoded = encode(table(["7", "seven", None]), layout(NUMBER, rule, on_null=on_null))
    assert encoded.rejected.num_rows == 0
    assert sent(encoded) == {0: "7", 1: None, 2: "" if on_null == "clear" else None}
    omitted = encoded.omitted.to_pylist()
    assert [
        (each["row"], each["key"], each["column"], each["property"], each["code"]) for each in omitted
    ] == [(1, "1", "x", "p", "INVALID_NUMBER")]
    assert omitted[0]["message"].startswith("x: 'seven' is not a number")


def test_a_cell_cleared_by_rule_empties_the_property():
    encoded = encode(table(["7", "seven"]), layout(NUMBER, Rule(on_invalid="clear")))
    assert sent(encoded) == {0: "7", 1: ""}
    assert encoded.omitted.num_rows == 1


def test_a_row_that_is_rejected_for_another_cell_has_no_cells_left_out():
    rows = pa.table({"id": [1], "x": ["seven"], "y": ["eight"]})
    fields = (Field("p", "x", NUMBER, Rule(on_invalid="omit")), Field("q", "y", Definition("q", "number")))
    encoded = encode(rows, Layout(fields, ("id",)))
    assert encoded.rejected["column"].to_pylist() == ["y"]
    assert encoded.omitted.num_rows == 0


def test_null_values_empty_a_key_too():
    cast = Cast(null_values=("N/A",))
    rows = pa.table({"k": ["a", "N/A"]})
    fields = (Field("ext", "k", None, Rule(cast=cast)),)
    assert rejected_codes(encode(rows, Layout(fields, ("k",), id_property="ext"))) == {1: "MISSING_KEY"}
    assert rejected_codes(encode(rows, Layout((), ("k",), cast=cast))) == {1: "MISSING_KEY"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"cast": {"nulls": ["-"]}}, "options that do not exist: \\['nulls'\\]"),
        ({"cast": 7}, "cast is 7"),
        ({"cast": {"null_values": 7}}, "null_values is 7: Cast takes"),
        ({"cast": Cast(decimal=",", thousands=",")}, "no two marks"),
        ({"cast": Cast(true_values=("1",), false_values=("1",))}, "true and false"),
        ({"cast": Cast(time_zone="Mars/Olympus")}, "no time zone 'Mars/Olympus'"),
        ({"on_invalid": "ignore"}, "on_invalid is 'ignore': Property takes"),
        ({"column": ""}, "names no column"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_where_it_is_written(wrong, says):
    with pytest.raises(InputError, match=says):
        Property(**{"column": "x", **wrong})


def test_a_cast_may_be_a_mapping_and_one_text_is_a_list_of_one():
    assert cast_of({"null_values": "N/A", "decimal": ","}) == Cast(null_values=("N/A",), decimal=",")
