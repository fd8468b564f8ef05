"""Columns of several types: each cell is sent as itself, and one that cannot be read costs its row."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from table_helpers import encode, rejected_codes, sent

from hubspot_batch_dagster.returned_rows import first_rows
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.layout import Definition, Field, Layout

NUMBER = Definition("p", "number")


class Colour(enum.Enum):
    RED = 1


class Size(str, enum.Enum):
    LARGE = "large"


def as_dicts(values: list[Any]) -> Any:
    return [{"id": at, "x": value} for at, value in enumerate(values)]


def as_pandas(values: list[Any]) -> Any:
    return pd.DataFrame({"id": range(len(values)), "x": pd.Series(values, dtype=object)})


def as_polars(values: list[Any]) -> Any:
    cells = pl.Series([object(), *values], dtype=pl.Object)  # polars would take a first enum for its value
    return pl.DataFrame({"id": range(-1, len(values)), "x": cells}).filter(pl.col("id") >= 0)


KINDS = {"dicts": as_dicts, "pandas": as_pandas}
if as_polars([None, "a", {}])["x"].to_list() == [None, "a", {}]:  # an old polars loses its own objects
    KINDS["polars"] = as_polars


def layout(definition: Definition | None = None) -> Layout:
    return Layout((Field("p", "x", definition),), ("id",))


MIXED = {
    "number and text": ([1, 0.5, "x", None], ["1", "0.5", "x", None]),
    "booleans are no numbers": ([0.5, True, 1], ["0.5", "true", "1"]),
    "half float and integer": ([np.float16(0.5), 1, np.float32(0.1)], ["0.5", "1", "0.1"]),
    "date and datetime": (
        [dt.date(2024, 1, 1), dt.datetime(2024, 1, 2, 5), dt.date(2024, 1, 3)],
        ["2024-01-01", "2024-01-02T05:00:00.000Z", "2024-01-03"],
    ),
    "with and without zone": (
        [dt.datetime(2024, 1, 1, 5), dt.datetime(2024, 1, 1, 5, tzinfo=dt.timezone(dt.timedelta(hours=2)))],
        ["2024-01-01T05:00:00.000Z", "2024-01-01T03:00:00.000Z"],
    ),
    "decimals keep their places": (
        [decimal.Decimal("1.5"), decimal.Decimal("2.125"), decimal.Decimal("7")],
        ["1.5", "2.125", "7"],
    ),
    "decimal and float": ([decimal.Decimal("1.10"), 0.1], ["1.10", "0.1"]),
    "lists of several types": ([["a"], [1, 2], "b", None, []], ["a", "1;2", "b", None, None]),
    "integers of any width": ([2**64 - 1, -1, 2**80], [str(2**64 - 1), "-1", str(2**80)]),
    "wide integer and float": ([2**53 + 1, 0.5], ["9007199254740993", "0.5"]),
    "uuid and text": ([uuid.UUID(int=5), "x"], ["00000000-0000-0000-0000-000000000005", "x"]),
    "all that is empty": (
        [None, float("nan"), pd.NA, pd.NaT, np.datetime64("NaT", "ns"), 1],
        [None] * 5 + ["1"],
    ),
    "text among enums of text": ([Size.LARGE, "s"], ["large", "s"]),
    "NumPy's own": (
        [np.int64(7), np.bool_(True), np.str_("t"), np.datetime64("2024-01-02"), np.array(["a", "b"])],
        ["7", "true", "t", "2024-01-02", "a;b"],
    ),
}


@pytest.mark.parametrize(("values", "texts"), MIXED.values(), ids=MIXED.keys())
@pytest.mark.parametrize("rows", KINDS.values(), ids=KINDS.keys())
def test_each_cell_of_a_mixed_column_is_sent_as_itself(rows, values, texts):
    encoded = encode(rows(values), layout())
    assert encoded.rejected.num_rows == 0, encoded.rejected["message"].to_pylist()
    assert list(sent(encoded).values()) == texts


UNREADABLE = {
    "lone surrogate": ("a\ud800b", "INVALID_TEXT", r"'a\\ud800b'|'a\\\\ud800b'"),
    "mixed list": (["a", 1], "UNSUPPORTED_TYPE", r"\['a', 1\], a list of several types"),
    "list of objects": ([object()], "UNSUPPORTED_TYPE", "of type list"),
    "list with a lone surrogate": (["ok", "a\ud800b"], "INVALID_TEXT", r"'a\\ud800b'|'a\\\\ud800b'"),
    "enum": (Colour.RED, "UNSUPPORTED_TYPE", "<Colour.RED: 1>, of type Colour"),
    "own class": (object(), "UNSUPPORTED_TYPE", "of type object"),
    "dict": ({"a": 1}, "UNSUPPORTED_TYPE", r"\{'a': 1\}, of type dict"),
    "complex": (1j, "UNSUPPORTED_TYPE", "1j, of type complex"),
    "period": (pd.Period("2024-01", "M"), "UNSUPPORTED_TYPE", r"Period\('2024-01', 'M'\)"),
    "duration": (dt.timedelta(minutes=1), "UNSUPPORTED_TYPE", r"0:01:00, a duration \(timedelta\)"),
    "time": (dt.time(5), "UNSUPPORTED_TYPE", "05:00:00, a time of day"),
    "bytes": (b"x", "UNSUPPORTED_TYPE", "b'x', bytes"),
    "infinite decimal": (decimal.Decimal("Infinity"), "INVALID_NUMBER", r"Decimal\('Infinity'\)"),
    "before the first year": (
        dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=5))),
        "INVALID_DATETIME",
        "0001-01-01 00:00:00.* is not in the years 1 to 9999|0000-12-31 19:00:00.* is not in",
    ),
}


@pytest.mark.parametrize(("value", "code", "says"), UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("rows", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("others", [["ok", "too"], [7, 8], [None, None]], ids=["text", "numbers", "nothing"])
def test_a_cell_that_cannot_be_read_costs_its_row_and_names_column_and_value(rows, others, value, code, says):
    encoded = encode(rows([others[0], value, others[1]]), layout())
    assert rejected_codes(encoded) == {1: code}
    assert encoded.rejected["column"].to_pylist() == ["x"]
    assert pa.compute.match_substring_regex(encoded.rejected["message"], says).to_pylist() == [True]
    assert list(sent(encoded)) == [0, 2]


def test_a_mixed_column_is_checked_by_the_propertys_type_cell_by_cell():
    values = [1, "2.5", True, "x", dt.timedelta(minutes=1), decimal.Decimal("3")]
    encoded = encode(as_dicts(values), layout(NUMBER))
    assert sent(encoded) == {0: "1", 1: "2.5", 5: "3"}
    assert rejected_codes(encoded) == dict.fromkeys([2, 3, 4], "INVALID_NUMBER")
    assert [text.split(" is not")[0] for text in encoded.rejected["message"].to_pylist()] == [
        "x: True, a boolean,",
        "x: 'x'",
        "x: 0:01:00, a duration (timedelta),",
    ]


@pytest.mark.parametrize("rows", KINDS.values(), ids=KINDS.keys())
def test_keys_of_several_types_are_each_their_own_text(rows):
    frame = rows([7, "seven", 7.5, Colour.RED, None])
    encoded = encode(frame, Layout((), ("x",)))
    assert encoded.good["keys"].to_pylist() == [{"x": "7"}, {"x": "seven"}]
    assert rejected_codes(encoded) == {2: "INVALID_KEY", 3: "UNSUPPORTED_TYPE", 4: "MISSING_KEY"}


def test_one_bad_key_does_not_change_the_type_of_the_others():
    encoded = encode(as_dicts([7, Colour.RED, 8]), Layout((), ("x",)))
    assert encoded.good["keys"].to_pylist() == [{"x": 7}, {"x": 8}]


def test_duckdbs_unions_are_mixed_columns():
    rows = duckdb.sql(
        "SELECT * FROM (VALUES (1, 5::UNION(n INTEGER, t VARCHAR)), (2, 'five'), (3, NULL)) AS v(id, x)"
    )
    assert sent(encode(rows, layout())) == {0: "5", 1: "five", 2: None}


@pytest.mark.parametrize("kind", ["UHUGEINT", "HUGEINT"])
def test_duckdbs_longest_integers_are_themselves(kind):
    top = 2**128 - 1 if kind == "UHUGEINT" else 2**127 - 1
    values = [top, 10**38 - 1, 7]
    query = " UNION ALL ".join(f"SELECT {at} AS id, {each}::{kind} AS x" for at, each in enumerate(values))
    encoded = encode(duckdb.sql(query + " ORDER BY id"), layout(NUMBER))
    found = sent(encoded)
    assert set(rejected_codes(encoded).values()) <= {"OUT_OF_RANGE"}
    assert {at: int(text) for at, text in found.items()} == {at: values[at] for at in found}
    assert {1, 2} <= set(found)
    lossless = duckdb.connect(config={"arrow_lossless_conversion": True})
    assert list(sent(encode(lossless.sql(query + " ORDER BY id"), layout(NUMBER))).values()) == list(
        map(str, values)
    )


def test_a_decimal_that_its_type_cannot_hold_costs_its_row():
    table = duckdb.sql(
        f"SELECT 1 AS id, {2**127}::UHUGEINT AS x UNION ALL SELECT 2, 5::UHUGEINT"
    ).to_arrow_table()
    encoded = encode(table, layout(NUMBER))
    assert rejected_codes(encoded) == {0: "OUT_OF_RANGE"}
    assert sent(encoded) == {1: "5"}


def test_bytes_that_pose_as_text_cost_their_row():
    broken = pa.array([b"fine", b"\xff\xfe", None]).view(pa.string())
    encoded = encode(pa.table({"id": [1, 2, 3], "x": broken}), layout())
    assert rejected_codes(encoded) == {1: "INVALID_TEXT"}
    assert sent(encoded) == {0: "fine", 2: None}
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), broken)
    assert rejected_codes(encode(pa.table({"id": [1, 2, 3], "x": lists}), layout())) == {1: "INVALID_TEXT"}


def test_an_extension_type_that_is_not_known_is_refused_whatever_its_storage():
    periods = pd.DataFrame({"id": [1], "x": pd.to_datetime(["2024-01-15"]).to_period("M")})
    stored = pa.table(
        {"id": [1], "x": [648]},
        schema=pa.schema(
            [("id", pa.int64()), pa.field("x", pa.int64(), metadata={"ARROW:extension:name": "a.b"})]
        ),
    )
    for frame, named in ((periods, "pandas.period"), (stored, "a.b")):
        encoded = encode(frame, layout())
        assert rejected_codes(encoded) == {0: "UNSUPPORTED_TYPE"}
        assert named in encoded.rejected["message"].to_pylist()[0]
        with pytest.raises(TableError, match=f"of type {named}, which cannot identify"):
            encode(frame, Layout((), ("x",)))


def test_an_opaque_number_is_a_number_and_any_other_opaque_type_is_refused():
    for type_name, kind in (("numeric", "number"), ("point", None)):
        opaque = pa.ExtensionArray.from_storage(
            pa.opaque(pa.string(), type_name, "PostgreSQL"), pa.array(["1.50"])
        )
        encoded = encode(pa.table({"id": [1], "x": opaque}), layout(NUMBER))
        assert sent(encoded) == ({0: "1.50"} if kind else {})
        assert rejected_codes(encoded) == ({} if kind else {0: "UNSUPPORTED_TYPE"})


def test_a_sparse_column_is_the_dense_one():
    frame = pd.DataFrame({"id": [1, 2], "x": pd.arrays.SparseArray([0.0, 1.5])})
    assert sent(encode(frame, layout())) == {0: "0", 1: "1.5"}


def test_sets_are_sent_in_one_order():
    assert sent(encode(as_dicts([{"b", "a", "c"}, frozenset({2, 10})]), layout())) == {0: "a;b;c", 1: "10;2"}


def test_a_trial_of_the_first_rows_takes_later_ones_of_other_types_too():
    rows = ({"id": at, "x": 1 if at < 16_384 else "late"} for at in range(16_390))
    encoded = encode(first_rows(rows, 16_386), layout(), max_rows=16_384)
    assert list(sent(encoded).values())[-3:] == ["1", "late", "late"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Caracas"])
def test_times_of_pytz_are_the_moments_that_pytz_means(zone):
    pytz = pytest.importorskip("pytz")
    moment = pytz.timezone(zone).localize(dt.datetime(2024, 10, 27, 2, 30), is_dst=False)
    naive = moment.astimezone(dt.timezone.utc).replace(tzinfo=None)
    encoded = encode(as_dicts([moment, None, "x"]), layout())
    assert sent(encoded)[0] == f"{naive.isoformat()}.000Z"
