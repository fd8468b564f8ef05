"""Columns of associated records: a cell is one record or a list of them, row by row, whatever carries the
column.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from table_helpers import encode, rejected_codes

from hubspot_batch_dagster.table.elements import elements_of
from hubspot_batch_dagster.table.layout import Layout, Target

PAGE = Path(__file__).parents[2] / "docs" / "associations.md"
CALL_TO_CONTACT = (("HUBSPOT_DEFINED", 194),)


def layout(**options: Any) -> Layout:
    return Layout((), ("k",), targets=(Target("t", CALL_TO_CONTACT, **options),))


def targets(rows: Any, **options: Any) -> dict[int, list[str]]:
    """Row -> the records that it is associated with."""
    encoded = encode(rows, layout(**options))
    assert encoded.rejected.num_rows == 0, encoded.rejected["message"].to_pylist()
    return {
        row: [each["to"]["id"] for each in json.loads(text or "[]")]
        for row, text in zip(
            encoded.good["row"].to_pylist(), encoded.good["associations"].to_pylist(), strict=True
        )
    }


def as_pandas(cells: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"k": range(len(cells)), "t": pd.Series(cells, dtype=object)})


def as_polars(cells: list[Any]) -> pl.DataFrame:
    # A first cell that polars cannot know, taken away again: else it would make one type of the others.
    column = pl.Series([object(), *cells], dtype=pl.Object)
    return pl.DataFrame({"k": range(-1, len(cells)), "t": column}).filter(pl.col("k") >= 0)


def dense(cells: list[Any]) -> pa.Table:
    codes = [0 if isinstance(each, list) else 1 for each in cells]
    lists = [each for each in cells if isinstance(each, list)]
    others = [each for each in cells if not isinstance(each, list)]
    at = [codes[:i].count(code) for i, code in enumerate(codes)]
    union = pa.UnionArray.from_dense(
        pa.array(codes, pa.int8()),
        pa.array(at, pa.int32()),
        [pa.array(lists, pa.list_(pa.string())), pa.array(others, pa.string())],
    )
    return pa.table({"k": range(len(cells)), "t": union})


def as_duckdb(cells: list[Any]) -> Any:
    def cell(each: Any) -> str:
        text = "NULL" if each is None else repr(each)
        return (
            f"union_value({'many' if isinstance(each, list) else 'one'} := {text})::UNION(one VARCHAR, many"
            " VARCHAR[])"
        )

    lines = " UNION ALL ".join(f"SELECT {k} AS k, {cell(each)} AS t" for k, each in enumerate(cells))
    return duckdb.sql(f"{lines} ORDER BY k")


CARRIERS: dict[str, Callable[[list[Any]], Any]] = {
    "dicts": lambda cells: [{"k": k, "t": each} for k, each in enumerate(cells)],
    "a generator of dicts": lambda cells: ({"k": k, "t": each} for k, each in enumerate(cells)),
    "pandas": as_pandas,
    "a union of Arrow": dense,
    "a UNION of DuckDB": as_duckdb,
}
if as_polars([None, "a", {}])["t"].to_list() == [None, "a", {}]:  # an old polars loses its own objects
    CARRIERS["polars' Object"] = as_polars


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS.keys())
def test_a_cell_is_a_list_or_is_not_row_by_row(carrier: Callable[[list[Any]], Any]) -> None:
    cells = ["1", ["2", "3"], None, ["4"], [], "5", ["7", "6", "7"]]
    assert targets(carrier(cells)) == {
        0: ["1"],
        1: ["2", "3"],
        2: [],
        3: ["4"],
        4: [],
        5: ["5"],
        6: ["7", "6"],
    }


@pytest.mark.parametrize(
    "cells",
    [
        [1, [2, 3], "4", ["5"], (6, 7), {8}],
        [np.array([1]), 2, np.array(["3", "4"])],
        [[], 1],
        [[], [None], None, "1"],
        [pd.NA, [1], float("nan"), 2.0],
        [[1], ["1"], 1, "1"],
        [["1"]] * 3 + ["1"] * 3,
    ],
)
@pytest.mark.parametrize("rows", [CARRIERS["dicts"], as_pandas], ids=["dicts", "pandas"])
def test_whatever_is_in_a_list_is_what_it_is_alone(
    rows: Callable[[list[Any]], Any], cells: list[Any]
) -> None:
    def ids(each: Any) -> list[str]:
        several = list(each) if isinstance(each, list | tuple | set | np.ndarray) else [each]
        return [str(int(one)) for one in several if one is not None and one is not pd.NA and one == one]

    assert targets(rows(cells)) == {row: ids(each) for row, each in enumerate(cells)}


def test_a_generators_later_rows_may_have_lists_where_the_first_have_none() -> None:
    rows = ({"k": k, "t": [str(k), "9"] if k >= 1000 else str(k)} for k in range(1002))
    found = targets(rows)
    assert (found[999], found[1001]) == (["999"], ["1001", "9"])


def test_one_bad_cell_of_such_a_column_costs_its_row_and_no_other() -> None:
    rows = [
        {"k": k, "t": each} for k, each in enumerate(["1", ["2", "x"], "y", [3, object()], ["4"], [["5"]]])
    ]
    encoded = encode(rows, layout(required=True))
    assert encoded.good["row"].to_pylist() == [0, 4]
    codes = rejected_codes(encoded)
    assert set(codes) == {1, 2, 3, 5}
    assert (codes[1], codes[2]) == ("INVALID_TARGET", "INVALID_TARGET")
    assert "'x'" in encoded.rejected["message"][0].as_py()
    optional = encode(rows, layout())
    assert optional.rejected.num_rows == 0
    found = {row: text or "" for row, text in enumerate(optional.good["associations"].to_pylist())}
    assert [row for row, text in found.items() if text.count("to") != 1] == [2, 3, 5]
    assert sorted(optional.omitted["row"].to_pylist()) == [1, 2, 3, 5]


def test_a_required_one_is_missing_where_the_list_is_empty() -> None:
    rows = [{"k": k, "t": each} for k, each in enumerate(["1", [], None, ["2"], [None]])]
    assert rejected_codes(encode(rows, layout(required=True))) == dict.fromkeys([1, 2, 4], "MISSING_TARGET")


def test_what_was_made_of_the_values_comes_back_in_their_lists() -> None:
    union = dense(["a", ["b", "c"], None, []])["t"].combine_chunks()
    found = elements_of(union)
    assert (found.values.to_pylist(), found.rows.to_pylist()) == (["a", "b", "c", None], [0, 1, 1, 2])
    assert found.in_lists(pa.array(["A", "B", "C", None])).to_pylist() == [["A"], ["B", "C"], [None], []]


def test_the_page_names_each_carrier() -> None:
    text = PAGE.read_text()
    for each in CARRIERS:
        assert f"| {each} |" in text
