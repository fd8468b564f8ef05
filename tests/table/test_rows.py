"""Any frame as a stream of record batches."""

from __future__ import annotations

import datetime as dt
import decimal
import pickle
import uuid
from collections.abc import Iterator

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from table_helpers import encode, read_all, sent

from hubspot_batch_dagster.table import rows as rows_module
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.layout import Field, Layout
from hubspot_batch_dagster.table.rows import record_batches

ROWS = [
    {
        "mail": "Zoë@x.org",
        "n": 7,
        "f": 0.5,
        "b": True,
        "at": dt.datetime(2024, 2, 29, 12, 30),
        "t": ["a", "b"],
    },
    {"mail": "o'hara@x.org", "n": None, "f": None, "b": None, "at": None, "t": None},
    {"mail": "😀@x.org", "n": -3, "f": 1e22, "b": False, "at": dt.datetime(1969, 1, 1), "t": []},
]
TYPES = pa.schema(
    [
        ("mail", pa.string()),
        ("n", pa.int64()),
        ("f", pa.float64()),
        ("b", pa.bool_()),
        ("at", pa.timestamp("us")),
        ("t", pa.list_(pa.string())),
    ]
)
EXPECTED = [
    '{"at":"2024-02-29T12:30:00.000Z","b":"true","f":"0.5","mail":"Zoë@x.org","n":"7","t":"a;b"}',
    """{"mail":"o'hara@x.org"}""",
    '{"at":"1969-01-01T00:00:00.000Z","b":"false","f":"10000000000000000000000","mail":"😀@x.org","n":"-3"}',
]
LAYOUT = Layout(tuple(Field(name, name) for name in TYPES.names), ("mail",))


def _table() -> pa.Table:
    return pa.Table.from_pylist(ROWS, TYPES)


def _pandas() -> pd.DataFrame:
    frame = pd.DataFrame(ROWS)
    return frame.astype({"n": "Int64", "b": "boolean"})


def _duckdb() -> duckdb.DuckDBPyRelation:
    return duckdb.from_arrow(_table())


FRAMES = {
    "pandas": _pandas,
    "pandas filtered": lambda: pd.concat([_pandas(), _pandas()]).iloc[:3][lambda frame: frame["mail"] != ""],
    "pandas from arrow": lambda: _table().to_pandas(types_mapper=pd.ArrowDtype),
    "pyarrow table": _table,
    "pyarrow batch": lambda: _table().to_batches()[0],
    "reader": lambda: _table().to_reader(),
    "polars": lambda: pl.from_arrow(_table()),
    "duckdb": _duckdb,
    "list of dicts": lambda: ROWS,
    "tuple of dicts": lambda: tuple(ROWS),
    "generator of dicts": lambda: (row for row in ROWS),
    "generator of batches": lambda: iter(_table().to_batches(max_chunksize=1)),
    "list of tables": lambda: [_table().slice(0, 1), _table().slice(1)],
    "views": lambda: _table().cast(TYPES.set(0, pa.field("mail", pa.string_view()))),
    "large": lambda: _table().cast(
        TYPES.set(0, pa.field("mail", pa.large_string())).set(
            5, pa.field("t", pa.large_list(pa.large_string()))
        )
    ),
    "dictionary": lambda: _table().set_column(0, "mail", _table()["mail"].dictionary_encode()),
    "categorical": lambda: _pandas().astype({"mail": "category"}),
}


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES.keys())
def test_every_kind_of_frame_gives_the_same_text(make):
    encoded = encode(make(), LAYOUT)
    assert encoded.rejected.num_rows == 0
    assert encoded.good["properties"].to_pylist() == EXPECTED
    assert encoded.good["row"].to_pylist() == [0, 1, 2]


@pytest.mark.parametrize("max_rows", [1, 2, 3, 100])
def test_batches_hold_at_most_max_rows_and_lose_none(max_rows):
    reader = record_batches(_table(), max_rows=max_rows)
    sizes = [batch.num_rows for batch in reader]
    assert max(sizes) <= max_rows
    assert sum(sizes) == 3


def test_long_texts_make_shorter_batches():
    text = pa.array(["x" * 1_000_000] * 150, pa.large_string())
    sizes = [batch.nbytes for batch in record_batches(pa.table({"a": text}))]
    assert len(sizes) > 1
    assert max(sizes) <= 64 * 2**20


def test_a_stream_is_read_only_as_far_as_it_is_asked_for():
    made = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(50):
            made.append(number)
            yield pa.record_batch({"a": [number] * 100})

    reader = record_batches(batches())
    for number, batch in enumerate(reader):
        assert batch["a"][0].as_py() == number
        assert len(made) <= number + 2
    assert len(made) == 50


def test_a_generator_of_dicts_is_read_chunk_by_chunk():
    made = []

    def rows() -> Iterator[dict[str, int]]:
        for number in range(100):
            made.append(number)
            yield {"a": number}

    batches = iter(record_batches(rows(), max_rows=10))
    assert len(made) <= 10
    next(batches)
    assert len(made) <= 20
    assert sum(batch.num_rows for batch in batches) == 90


def test_the_unnamed_index_of_pandas_is_left_out_and_a_named_one_kept():
    frame = pd.DataFrame({"a": [1, 2, 3]})
    assert record_batches(frame[frame.a > 1]).schema.names == ["a"]
    named = frame.set_index(pd.Index(["x", "y", "z"], name="id"))
    assert record_batches(named).schema.names == ["a", "id"]


@pytest.mark.parametrize(
    "empty",
    [
        pa.table({"a": pa.array([], pa.string())}),
        pd.DataFrame({"a": pd.Series([], dtype=str)}),
        pl.DataFrame({"a": []}, schema={"a": pl.String}),
    ],
    ids=["pyarrow", "pandas", "polars"],
)
def test_no_rows_is_fine(empty):
    reader = record_batches(empty)
    assert reader.schema.names == ["a"]
    assert sum(batch.num_rows for batch in reader) == 0


@pytest.mark.parametrize("empty", [[], (row for row in ()), ()], ids=["list", "generator", "tuple"])
def test_an_empty_list_encodes_to_nothing_with_any_layout(empty):
    encoded = encode(empty, LAYOUT)
    assert encoded.good.num_rows == encoded.rejected.num_rows == 0


@pytest.mark.parametrize("frame", [pa.table({}), pd.DataFrame(index=[1, 2]), pl.DataFrame()])
def test_a_frame_without_columns_is_refused(frame):
    with pytest.raises(TableError, match="no columns"):
        record_batches(frame)


def test_a_list_of_dicts_has_the_columns_of_all_its_rows():
    batch = next(iter(record_batches([{"a": 1}, {"b": "x"}, {}])))
    assert batch.to_pylist() == [{"a": 1, "b": None}, {"a": None, "b": "x"}, {"a": None, "b": None}]


def test_a_generators_later_key_is_refused_by_row_and_name():
    rows = ({"a": 1, "new": 2} if number == 5 else {"a": 1} for number in range(8))
    with pytest.raises(TableError, match="Row 5 has the new key 'new'") as caught:
        read_all(record_batches(rows, max_rows=2))
    assert (caught.value.row, caught.value.column) == (5, "new")


LATER = {
    "fraction": (10, 99.5, "10", "99.5"),
    "fraction below one": (10, 0.99, "10", "0.99"),
    "wide integer": (0.5, 2**53 + 1, "0.5", "9007199254740993"),
    "decimal places": (decimal.Decimal("1.5"), decimal.Decimal("2.125"), "1.5", "2.125"),
    "text": (10, "ten", "10", "ten"),
    "true": (10, True, "10", "true"),
    "nothing at first": (None, 7, None, "7"),
    "nothing later": (7, None, "7", None),
    "time after dates": (
        dt.date(2024, 1, 1),
        dt.datetime(2024, 1, 2, 5),
        "2024-01-01",
        "2024-01-02T05:00:00.000Z",
    ),
    "list after text": ("a", ["b", "c"], "a", "b;c"),
}
LATER_ROWS = {
    "dicts": lambda values: ({"id": at, "x": value} for at, value in enumerate(values)),
    "frames": lambda values: iter(
        [pa.table({"id": range(4), "x": values[:4]}), pa.table({"x": values[4:], "id": range(4, 8)})]
    ),
    "list of pandas frames": lambda values: [
        pd.DataFrame({"id": range(4), "x": values[:4]}),
        pd.DataFrame({"id": range(4, 8), "x": values[4:]}),
    ],
}


@pytest.mark.parametrize(("before", "after", "first", "last"), LATER.values(), ids=LATER.keys())
@pytest.mark.parametrize("rows", LATER_ROWS.values(), ids=LATER_ROWS.keys())
def test_later_values_are_sent_as_they_are_whatever_the_first_ones_were(rows, before, after, first, last):
    encoded = encode(rows([before] * 4 + [after] * 4), Layout((Field("p", "x"),), ("id",)), max_rows=4)
    assert encoded.rejected.num_rows == 0
    assert list(sent(encoded).values()) == [first] * 4 + [last] * 4


LATER_KEYS = {
    "fractions": ([1, 2], [20000.25, 20000.5, 3.0], {"1": 1, "2": 2, "3": 3}),
    "text": ([1, 2], ["x", "3"], {"1": 1, "2": 2, "3": 3}),
    "true": ([1, 2], [True], {"1": 1, "2": 2}),
    "wide integer": ([1.0], [2**53 + 1, 5], {"1": 1.0, "5": 5.0}),
    "nothing at first": ([None, None], ["x", "y"], {"x": "x", "y": "y"}),
    "numbers after text": (["x"], [7, 8], {"x": "x", "7": "7", "8": "8"}),
}


@pytest.mark.parametrize(("before", "after", "keys"), LATER_KEYS.values(), ids=LATER_KEYS.keys())
def test_a_later_key_that_is_no_value_of_the_first_keys_type_is_refused_and_never_becomes_another(
    before, after, keys
):
    rows = [{"id": value, "x": "a"} for value in [*before, *after]]
    encoded = encode(iter(rows), Layout((Field("p", "x"),), ("id",)), max_rows=len(before))
    found = zip(encoded.good["key"].to_pylist(), encoded.good["keys"].to_pylist(), strict=True)
    assert {key: values["id"] for key, values in found} == keys
    assert encoded.good.num_rows + encoded.rejected.num_rows == len(rows)
    assert set(encoded.rejected["code"].to_pylist()) <= {"INVALID_KEY", "MISSING_KEY"}
    assert {values["id"] for values in encoded.rejected["keys"].to_pylist()} <= {None}


@pytest.mark.parametrize("first", [pa.int8(), pa.uint8(), pa.int32(), pa.int64()], ids=str)
def test_a_later_frame_may_have_keys_that_are_wider_integers(first):
    frames = (
        pa.table({"id": pa.array(ids, kind), "x": ["a"] * len(ids)})
        for ids, kind in (([1, 2], first), ([-(2**40), 300], pa.int64()))
    )
    encoded = encode(frames, Layout((Field("p", "x"),), ("id",)))
    assert encoded.good["key"].to_pylist() == ["1", "2", str(-(2**40)), "300"]


def test_texts_too_large_for_one_array_are_divided_and_at_last_refused(monkeypatch):
    def fits_two(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
        if batch.num_rows > 2:
            raise pa.ArrowInvalid("input array too large")
        return batch.select(names)

    monkeypatch.setattr(rows_module, "plain_batch", fits_two)
    reader = record_batches(pa.table({"a": [str(at) for at in range(9)]}))
    batches = list(reader)
    assert max(batch.num_rows for batch in batches) == 2
    assert [value for batch in batches for value in batch["a"].to_pylist()] == [str(at) for at in range(9)]

    def fits_none(*_: object) -> pa.RecordBatch:
        raise pa.ArrowInvalid("input array too large")

    monkeypatch.setattr(rows_module, "plain_batch", fits_none)
    with pytest.raises(TableError, match="too large"):
        read_all(record_batches(pa.table({"a": ["x", "y"]})))


def test_an_object_with_only_the_array_protocol_is_one_batch():
    class One:
        def __arrow_c_array__(self, requested_schema=None):
            return pa.record_batch({"a": [1, 2]}).__arrow_c_array__(requested_schema)

    assert read_all(record_batches(One())).to_pydict() == {"a": [1, 2]}


UNWRAPPED = {
    "run end": (pa.RunEndEncodedArray.from_arrays([2, 3], ["x", "y"]), pa.string(), ["x", "x", "y"]),
    "list view": (pa.array([["a"], None], pa.list_view(pa.string())), pa.list_(pa.string()), [["a"], None]),
    "fixed list": (
        pa.array([["a", "b"], None], pa.list_(pa.string(), 2)),
        pa.list_(pa.string()),
        [["a", "b"], None],
    ),
    "list of categories": (
        pa.array([["a"], ["b"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        pa.list_(pa.string()),
        [["a"], ["b"]],
    ),
    "binary view": (pa.array([b"x"], pa.binary_view()), pa.binary(), [b"x"]),
    "half float": (pa.array([np.float16(0.1), None], pa.float16()), pa.float64(), [0.1, None]),
    "date64": (pa.array([dt.date(2024, 1, 2)], pa.date64()), pa.date32(), [dt.date(2024, 1, 2)]),
    "uuid": (
        pa.array([uuid.UUID(int=5).bytes, None], pa.uuid()),
        pa.string(),
        ["00000000-0000-0000-0000-000000000005", None],
    ),
    "json": (pa.array(['{"a":1}'], pa.json_(pa.string())), pa.string(), ['{"a":1}']),
    "bool8": (
        pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0], pa.int8())),
        pa.bool_(),
        [True, False],
    ),
    "polars category": (
        pl.Series(["b", None, "b"], dtype=pl.Categorical).to_arrow(compat_level=pl.CompatLevel.newest()),
        pa.string(),
        ["b", None, "b"],
    ),
    "polars list of categories": (
        pl.Series([["b", "a"], None, []], dtype=pl.List(pl.Categorical)).to_arrow(
            compat_level=pl.CompatLevel.newest()
        ),
        pa.list_(pa.string()),
        [["b", "a"], None, []],
    ),
    "large list of views": (
        pl.Series([["b", None], None], dtype=pl.List(pl.String)).to_arrow(
            compat_level=pl.CompatLevel.newest()
        ),
        pa.list_(pa.string()),
        [["b", None], None],
    ),
    "nested dictionary": (
        pa.DictionaryArray.from_arrays(
            pa.array([1, None], pa.int8()), pa.array(["a", "b"], pa.large_string())
        ),
        pa.string(),
        ["b", None],
    ),
}


@pytest.mark.parametrize(("array", "kind", "values"), UNWRAPPED.values(), ids=UNWRAPPED.keys())
def test_unusual_types_become_plain_ones_with_the_same_values(array, kind, values):
    table = read_all(record_batches(pa.table({"a": array})))
    assert table.schema.field("a").type == kind
    assert table["a"].to_pylist() == values


def test_decimals_and_schema_metadata_survive_as_values_only():
    table = pa.table({"a": pa.array([decimal.Decimal("1.50")], pa.decimal64(5, 2))})
    plain = read_all(record_batches(table.replace_schema_metadata({"x": "y"})))
    assert plain["a"].to_pylist() == [decimal.Decimal("1.50")]
    assert plain.schema.metadata is None


def test_the_error_keeps_its_parts_through_pickle():
    error = TableError("Column 'a' is wrong.", column="a", row=3, remedy="Cast it.")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.column, copy.row, copy.remedy) == (
        "Column 'a' is wrong. Cast it.",
        "a",
        3,
        "Cast it.",
    )
