"""Arrow types as property text, and the JSON around it."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_helpers import (
    KEY,
    UNHURRIED,
    encode,
    encode_column,
    only_rejection,
    only_text,
    rejected_codes,
    sent,
)

from hubspot_batch_dagster.table.binding import bind
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.layout import Field, Layout

UTC = dt.timezone.utc
PARIS = "Europe/Paris"
TEXTS = {
    "text": (pa.array(["Ada"]), "Ada"),
    "empty text": (pa.array([""]), ""),
    "spaces": (pa.array([" a b "]), " a b "),
    "quotes": (pa.array(['"\\/']), '"\\/'),
    "true": (pa.array([True]), "true"),
    "false": (pa.array([False]), "false"),
    "int8": (pa.array([-128], pa.int8()), "-128"),
    "int16": (pa.array([32767], pa.int16()), "32767"),
    "int32": (pa.array([-(2**31)], pa.int32()), "-2147483648"),
    "int64": (pa.array([2**63 - 1]), "9223372036854775807"),
    "uint8": (pa.array([255], pa.uint8()), "255"),
    "uint64": (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
    "whole float": (pa.array([1.0]), "1"),
    "float": (pa.array([0.1]), "0.1"),
    "minus zero": (pa.array([-0.0]), "0"),
    "big float": (pa.array([1e22]), "10000000000000000000000"),
    "small float": (pa.array([1e-7]), "0.0000001"),
    "odd float": (pa.array([-123456789.125]), "-123456789.125"),
    "float32": (pa.array([0.1], pa.float32()), "0.1"),
    "float32 big": (pa.array([1e10], pa.float32()), "10000000000"),
    "float16": (pa.array([np.float16(0.5)], pa.float16()), "0.5"),
    "decimal": (pa.array([Decimal("24.00")]), "24.00"),
    "decimal small": (pa.array([Decimal("0.0000000001")]), "0.0000000001"),
    "decimal zero": (pa.array([Decimal("0")], pa.decimal128(20, 10)), "0.0000000000"),
    "decimal negative scale": (pa.array([Decimal("5000")], pa.decimal128(5, -3)), "5000"),
    "decimal256": (pa.array([Decimal("-1.5")], pa.decimal256(50, 3)), "-1.500"),
    "date": (pa.array([dt.date(2024, 2, 29)]), "2024-02-29"),
    "first date": (pa.array([dt.date(1, 1, 1)]), "0001-01-01"),
    "last date": (pa.array([dt.date(9999, 12, 31)]), "9999-12-31"),
    "naive seconds": (pa.array([1], pa.timestamp("s")), "1970-01-01T00:00:01.000Z"),
    "naive millis": (pa.array([1], pa.timestamp("ms")), "1970-01-01T00:00:00.001Z"),
    "micros are cut": (pa.array([1999], pa.timestamp("us")), "1970-01-01T00:00:00.001Z"),
    "nanos are cut": (pa.array([999_999], pa.timestamp("ns")), "1970-01-01T00:00:00.000Z"),
    "cut towards the past": (pa.array([-1], pa.timestamp("ns")), "1969-12-31T23:59:59.999Z"),
    "zoned": (
        pa.array([dt.datetime(2024, 7, 1, 12, tzinfo=UTC)], pa.timestamp("us", PARIS)),
        "2024-07-01T12:00:00.000Z",
    ),
    "last moment": (pa.array([dt.datetime.max], pa.timestamp("us")), "9999-12-31T23:59:59.999Z"),
    "list": (pa.array([["a", "b"]]), "a;b"),
    "list of one": (pa.array([["a"]]), "a"),
    "list of numbers": (pa.array([[1.0, 2.5]]), "1;2.5"),
    "list of bools": (pa.array([[True, False]]), "true;false"),
    "list with gaps": (pa.array([["a", None, "", "b"]]), "a;b"),
    "category": (pa.array(["x"]).dictionary_encode(), "x"),
    "null": (pa.nulls(1), None),
    "null text": (pa.array([None], pa.string()), None),
    "nan": (pa.array([math.nan]), None),
    "empty list": (pa.array([[]], pa.list_(pa.string())), None),
    "null list": (pa.array([None], pa.list_(pa.string())), None),
    "list of nulls": (pa.array([[None]], pa.list_(pa.string())), None),
    "null struct": (pa.array([None], pa.struct([("a", pa.int64())])), None),
    "null time": (pa.array([None], pa.time64("us")), None),
}


@pytest.mark.parametrize(("values", "text"), TEXTS.values(), ids=TEXTS.keys())
def test_each_arrow_type_has_its_text(values, text):
    assert only_text(values) == text


REFUSED = {
    "infinity": (pa.array([math.inf]), "INVALID_NUMBER", "inf"),
    "minus infinity": (pa.array([-math.inf], pa.float32()), "INVALID_NUMBER", "-inf"),
    "time": (pa.array([dt.time(1, 2)]), "UNSUPPORTED_TYPE", "a time of day"),
    "duration": (pa.array([dt.timedelta(1)]), "UNSUPPORTED_TYPE", "1 day, 0:00:00, a duration"),
    "struct": (pa.array([{"a": 1}]), "UNSUPPORTED_TYPE", "struct"),
    "map": (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "UNSUPPORTED_TYPE", "map"),
    "binary": (pa.array([b"x"]), "UNSUPPORTED_TYPE", "b'x', bytes"),
    "list of lists": (pa.array([[["a"]]]), "UNSUPPORTED_TYPE", ""),
    "list of times": (pa.array([[dt.time(1)]]), "UNSUPPORTED_TYPE", "a time of day"),
    "separator": (pa.array([["a", "b;c"]]), "SEPARATOR_IN_VALUE", "b;c"),
    "list of infinities": (pa.array([[1.0, math.inf]]), "INVALID_NUMBER", "inf"),
    "year 10000": (pa.array([2_932_897], pa.date32()), "INVALID_DATE", "10000-01-01 is not in the years"),
    "year 0": (pa.array([-719_163], pa.date32()), "INVALID_DATE", "0000-12-31"),
    "moment of year 10000": (
        pa.array([253_402_300_800], pa.timestamp("s")),
        "INVALID_DATETIME",
        "10000-01-01 00:00:00",
    ),
    "moment of year 0": (pa.array([-62_135_596_801_000_000], pa.timestamp("us")), "INVALID_DATETIME", ""),
    "too long": (pa.array(["x" * 65_537]), "TOO_LONG", "65537"),
    "too long list": (pa.array([["x" * 40_000, "y" * 40_000]]), "TOO_LONG", "80001"),
}


@pytest.mark.parametrize(("values", "code", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_has_no_text_is_rejected_with_column_code_and_remedy(values, code, says):
    rejection = only_rejection(values)
    assert (rejection["code"], rejection["column"], rejection["property"]) == (code, "cell", "p")
    assert says in rejection["message"]
    assert rejection["message"].startswith("cell: ")
    assert rejection["message"].endswith(".")


def test_a_text_may_have_65536_characters_of_any_width():
    assert only_text(pa.array(["é" * 65_536])) == "é" * 65_536


def test_one_bad_row_costs_no_other_row():
    encoded = encode_column(pa.array([1.0, math.inf, None, 4.0]))
    assert sent(encoded) == {0: "1", 2: None, 3: "4"}
    assert rejected_codes(encoded) == {1: "INVALID_NUMBER"}


def test_messages_show_at_most_forty_characters_of_a_value():
    long = "secret" * 100 + ";"
    message = only_rejection(pa.array([[long]]))["message"]
    assert "…" in message
    assert len(message) < 200
    assert long[:39] in message
    assert long[:40] not in message


def test_all_that_is_wrong_with_a_row_is_told():
    table = pa.table({"k": [1], "a": [math.inf], "b": [math.inf], "c": [math.inf]})
    fields = tuple(Field(name, name) for name in "abc")
    rejection = encode(table, Layout(fields, ("k",))).rejected.to_pylist()[0]
    assert rejection["column"] == "a"
    assert [part.split(",")[0] for part in rejection["message"].split(" Also ")] == [
        "a: inf",
        "b: inf",
        "c: inf",
    ]


def test_nulls_are_left_out_or_sent_as_empty_text_by_choice():
    values = pa.array(["a", None, ""])
    assert encode_column(values).good["properties"].to_pylist() == ['{"p":"a"}', "{}", '{"p":""}']
    cleared = encode_column(values, on_null="clear").good["properties"].to_pylist()
    assert cleared == ['{"p":"a"}', '{"p":""}', '{"p":""}']


def test_properties_are_one_compact_object_sorted_by_name():
    table = pa.table({"k": ["1"], "b": ["Zoë"], "a": [2], "c": [None]})
    layout = Layout((Field("zeta", "b"), Field("alpha", "a"), Field("mid", "c"), Field('q"\\', "b")), ("k",))
    assert encode(table, layout).good["properties"].to_pylist() == [
        '{"alpha":"2","q\\"\\\\":"Zoë","zeta":"Zoë"}'
    ]


def test_no_fields_give_empty_objects():
    good = encode(pa.table({"k": ["a", "b"]}), Layout((), ("k",))).good
    assert good["properties"].to_pylist() == ["{}", "{}"]
    assert good["associations"].to_pylist() == good["id"].to_pylist() == [None, None]


def test_row_positions_run_on_over_batches():
    encoded = encode(
        pa.table({"k": [None if at == 3 else str(at) for at in range(10)]}), Layout((), ("k",)), max_rows=2
    )
    assert encoded.good["row"].to_pylist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert encoded.rejected["row"].to_pylist() == [3]


def test_a_batch_of_another_schema_is_refused():
    encoder = bind(Layout((), ("k",)), pa.schema({"k": pa.string()}))
    with pytest.raises(TableError, match="has the columns"):
        encoder.encode(pa.record_batch({"x": ["a"]}), 0)


def test_an_encoded_batch_prints_counts_and_no_data():
    encoded = encode(pa.table({"k": ["secret", None]}), Layout((), ("k",)))
    assert repr(encoded) == "Encoded(good=1 rows, rejected=1 rows, omitted=0 cells)"


def test_the_result_has_the_promised_schemas():
    layout = Layout((), ("a", "b"))
    encoder = bind(layout, pa.schema({"a": pa.string(), "b": pa.int32()}))
    encoded = encoder.encode(pa.record_batch({"a": ["x", None], "b": pa.array([1, 2], pa.int32())}), 5)
    assert encoded.good.schema == encoder.encoded_schema
    assert encoded.rejected.schema == encoder.rejected_schema
    assert encoded.good.schema.names == ["row", "keys", "key", "id", "properties", "associations"]
    assert encoded.rejected.schema.names == ["row", "keys", "key", "column", "property", "code", "message"]
    assert encoded.good["keys"].to_pylist() == [{"a": "x", "b": 1}]
    assert encoded.rejected["keys"].to_pylist() == [{"a": None, "b": 2}]


CELLS = st.one_of(st.none(), st.text(), st.text('"\\\n\r\t\x00\x1f\x7f\u2028aé😀;,{}', max_size=8))


@UNHURRIED
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=40))
def test_any_text_comes_back_from_the_json_as_it_was(rows):
    table = pa.table(
        {
            KEY: range(len(rows)),
            **{n: pa.array([row[i] for row in rows], pa.string()) for i, n in enumerate("abc")},
        }
    )
    good = encode(table, Layout(tuple(Field(name, name) for name in "abc"), (KEY,))).good
    assert good.num_rows == len(rows)
    for row, text in zip(rows, good["properties"].to_pylist(), strict=True):
        expected = {name: value for name, value in zip("abc", row, strict=True) if value is not None}
        assert json.loads(text) == expected
        assert text == json.dumps(expected, ensure_ascii=False, separators=(",", ":"))


@UNHURRIED
@given(st.lists(CELLS, min_size=4, max_size=40), st.integers(0, 3))
def test_a_slice_of_a_column_encodes_like_the_slice_alone(values, start):
    array = pa.array(values, pa.string())
    assert sent(encode_column(array.slice(start))) == sent(
        encode_column(pa.array(values[start:], pa.string()))
    )


@UNHURRIED
@given(
    st.lists(st.one_of(st.none(), st.lists(CELLS, max_size=4)), min_size=2, max_size=20), st.integers(0, 1)
)
def test_any_list_is_joined_or_rejected(values, start):
    encoded = encode_column(pa.array(values, pa.list_(pa.string())).slice(start))
    for row, value in enumerate(values[start:]):
        parts = [part for part in value or [] if part]
        if any(";" in part for part in parts):
            assert rejected_codes(encoded)[row] == "SEPARATOR_IN_VALUE"
        else:
            assert sent(encoded)[row] == (";".join(parts) or None)


@UNHURRIED
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_floats_are_the_same_float_again_without_exponent(values):
    for row, text in sent(encode_column(pa.array(values, pa.float64()))).items():
        assert float(text) == values[row]
        assert not set(text) - set("-0123456789.")
        assert not text.endswith(".0")


@UNHURRIED
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_short_floats_are_the_same_short_float_again(values):
    for row, text in sent(encode_column(pa.array(values, pa.float32()))).items():
        assert np.float32(text) == np.float32(values[row])
        assert not set(text) - set("-0123456789.")
        assert len(text.strip("-0.").replace(".", "").rstrip("0")) <= 9


@UNHURRIED
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=10))
def test_a_floats_text_does_not_depend_on_its_neighbours(values):
    together = sent(encode_column(pa.array(values, pa.float64())))
    assert together == {row: only_text(pa.array([value])) for row, value in enumerate(values)}


@UNHURRIED
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_integers_are_their_digits(values):
    assert sent(encode_column(pa.array(values, pa.uint64()))) == dict(enumerate(map(str, values)))


@UNHURRIED
@given(st.lists(st.decimals(-(10**20), 10**20, places=12), min_size=1))
def test_decimals_keep_their_places(values):
    for row, text in sent(encode_column(pa.array(values, pa.decimal128(38, 12)))).items():
        assert Decimal(text) == values[row]
        assert text == format(values[row], ".12f") or values[row] == 0


@UNHURRIED
@given(
    st.lists(st.datetimes(), min_size=1),
    st.sampled_from([None, "UTC", PARIS, "America/St_Johns"]),
)
def test_timestamps_are_the_same_millisecond_in_utc(values, zone):
    array = pa.array(values, pa.timestamp("us")).view(pa.timestamp("us", zone))
    for row, text in sent(encode_column(array)).items():
        assert text == values[row].isoformat(timespec="milliseconds") + "Z"


@UNHURRIED
@given(st.lists(st.dates(), min_size=1))
def test_dates_are_iso_dates(values):
    assert sent(encode_column(pa.array(values))) == {
        row: value.isoformat() for row, value in enumerate(values)
    }
