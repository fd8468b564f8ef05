"""What is no table is refused, with what is accepted and where the fault lies."""

from __future__ import annotations

import csv
import sqlite3
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest
from table_helpers import read_all

from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.rows import record_batches


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pa.table([[1], [2]], names=["a", "a"]),
        pa.table([[1], [2]], names=["a", "a"]).to_reader(),
    ],
    ids=["pandas", "pyarrow", "reader"],
)
def test_two_columns_of_one_name_are_refused(frame):
    with pytest.raises(TableError, match="more than once in the table: 'a'"):
        record_batches(frame)


@pytest.mark.parametrize(
    "rows",
    [
        5,
        None,
        "text",
        b"bytes",
        {"a": [1, 2]},
        object(),
        pd.Series([1, 2]),
        pl.Series([1, 2]),
        iter([1, 2]),
        pl.LazyFrame({"a": [1]}),
        pa.array([1, 2]),
    ],
    ids=lambda rows: type(rows).__name__,
)
def test_anything_else_is_refused_with_what_is_accepted(rows):
    with pytest.raises(TableError, match="list of dicts"):
        record_batches(rows)


@pytest.mark.parametrize(
    "again",
    [lambda: pa.table({"a": [1]}).to_reader(), lambda: duckdb.sql("SELECT 1 AS a").to_arrow_reader(10)],
    ids=["pyarrow", "duckdb"],
)
def test_a_reader_that_was_read_before_is_refused_and_not_an_empty_table(again):
    reader = again()
    assert sum(batch.num_rows for batch in record_batches(reader)) > 0
    with pytest.raises(TableError, match="read before"):
        record_batches(reader)


def test_a_generator_that_was_read_before_is_refused_and_not_an_empty_table():
    rows = ({"a": at} for at in range(3))
    assert sum(batch.num_rows for batch in record_batches(rows)) == 3
    with pytest.raises(TableError, match="read before"):
        record_batches(rows)


@pytest.mark.parametrize(
    "rows",
    [iter([]), map(dict, []), csv.DictReader(["a,b"])],
    ids=["iterator", "map", "csv.DictReader"],
)
def test_an_iterator_that_gives_nothing_is_no_empty_table_for_it_may_have_been_read(rows):
    with pytest.raises(TableError, match="gave nothing: it was read before, or its source has no rows"):
        record_batches(rows)


@pytest.mark.parametrize("rows", [iter([None, {"a": 1}]), [None, {"a": 1}]], ids=["iterator", "list"])
def test_none_among_the_rows_is_not_their_end(rows):
    with pytest.raises(TableError, match="NoneType"):
        record_batches(rows)


@pytest.mark.parametrize("rows", [[{}, {}, {}], iter([{}, {}, {}])], ids=["list", "iterator"])
def test_rows_without_any_column_are_not_taken_for_no_rows(rows):
    with pytest.raises(TableError, match="3 rows and no columns"):
        record_batches(rows)


def test_a_lazy_frame_is_told_to_collect():
    with pytest.raises(TableError, match=r"collect\(\)"):
        record_batches(pl.LazyFrame({"a": [1]}))


@dataclass
class Person:
    a: int


Pair = namedtuple("Pair", "a b")


class Model(pydantic.BaseModel):
    a: int


def cursor(*, rows_by_name: bool) -> Any:
    connection = sqlite3.connect(":memory:")
    if rows_by_name:
        connection.row_factory = sqlite3.Row
    return connection.execute("SELECT 1 AS a")


@pytest.mark.parametrize(
    ("rows", "step"),
    [
        (None, "an empty list where there are none"),
        (Path("people.csv"), "Read the file first"),
        ("a,b", "Read the file first"),
        ({"a": 1}, "a list of dicts, also of a single one"),
        ({"a": [1, 2]}, r"pyarrow\.table\(columns\)"),
        (pd.Series([1], name="a"), r"\.to_frame\(\)"),
        (pl.Series("a", [1]), r"\.to_frame\(\)"),
        (np.array([1, 2]), r"pandas\.DataFrame\(array\)"),
        (duckdb.connect().execute("SELECT 1 AS a"), r"_arrow_table\(\)"),
        ({1: {"a": 1}}.values(), r"list\(\.\.\.\)"),
        ([Person(1)], r"dataclasses\.asdict\(row\)"),
        ([Model(a=1)], r"row\.model_dump\(\)"),
        ([Pair(1, 2)], r"row\._asdict\(\)"),
        ([(1, 2)], r"dict\(zip\(names, row\)\)"),
        (cursor(rows_by_name=True), r"dict\(row\)"),
        (cursor(rows_by_name=False), r"dict\(zip\(names, row\)\)"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_what_is_nearly_rows_is_told_the_step_that_makes_rows_of_it(rows, step):
    with pytest.raises(TableError, match=step):
        record_batches(rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"a": 1}, 5], "Row 1 is a int, not a dict"),
        ([{1: "x"}], "Column names must be text"),
        ([{"a": 1}, {"\ud800": 1}], r"Row 1 has the key '\\ud800', which is not valid Unicode text"),
    ],
)
def test_a_list_that_is_not_all_dicts_is_refused_by_row(rows, message):
    with pytest.raises(TableError, match=message):
        record_batches(rows)


@pytest.mark.parametrize("later", [{"a": 1}, [pa.record_batch({"a": [1]})], None, pa.RecordBatch])
def test_what_is_no_frame_between_frames_is_refused_by_number(later):
    rows = iter([pa.record_batch({"a": [1]}), later])
    with pytest.raises(TableError, match="cannot be read from frame 2, "):
        read_all(record_batches(rows))


def test_frames_with_other_columns_are_refused_by_number():
    batches = iter([pa.record_batch({"a": [1]}), pa.record_batch({"b": ["x"]})])
    with pytest.raises(TableError, match="Frame 2 has the columns b, the first has a"):
        read_all(record_batches(batches))
