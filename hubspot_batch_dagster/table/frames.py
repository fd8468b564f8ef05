"""Frames of other libraries as streams of Arrow record batches.

Most of them hand their columns over as Arrow. Where a library's own way to Arrow would change a value or
stop at one cell, the column is read another way here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.duckdb_rows import as_it_is, finite_batches
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.kernels import Array
from hubspot_batch_dagster.table.near_rows import step_to_dict, step_to_rows
from hubspot_batch_dagster.table.objects import CONVERSION_ERRORS, column_of, keeps_each_cell

ACCEPTED = (
    "Return a pandas, polars or pyarrow table, a DuckDB relation, a record batch reader, "
    "a list of dicts, or an iterator of dicts or record batches."
)

Stream = tuple[pa.Schema, Iterator[pa.RecordBatch]]


def is_frame(rows: object) -> bool:
    """Whether an object hands itself over as an Arrow stream; a class of such objects does not."""
    return hasattr(rows, "__arrow_c_stream__") and not isinstance(rows, type)


def open_frame(rows: Any) -> Stream:
    """Return the batches of a frame.

    Raises:
        TableError: It is no table, has two columns of one name, or is a reader that was read before.
    """
    refuse_duplicates(_column_names(rows))
    if isinstance(rows, pa.RecordBatchReader):
        return _unread(rows)
    try:
        reader = _reader(rows)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        if "non-struct" in str(error):
            raise not_accepted(rows) from error
        raise TableError(f"The table cannot be read as Arrow: {str(error)[:200]}", remedy=ACCEPTED) from error
    if _is_relation(rows):
        return reader.schema, finite_batches(reader.schema, reader)
    return reader.schema, iter(reader)


def refuse_duplicates(names: Iterable[str]) -> None:
    """Raise where a name stands twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TableError(
            f"Columns that stand more than once in the table: {', '.join(map(repr, twice))}.",
            column=twice[0],
            remedy="Rename or drop them.",
        )


def not_accepted(rows: object, prefix: str = "") -> TableError:
    """Return the error for an object that is no table."""
    kind = f"{type(rows).__module__}.{type(rows).__qualname__}".removeprefix("builtins.")
    step = step_to_dict(rows) or step_to_rows(rows) if prefix else step_to_rows(rows)
    return TableError(f"Rows cannot be read from {prefix}{kind}.", remedy=f"{step} {ACCEPTED}".lstrip())


def _unread(reader: pa.RecordBatchReader) -> Stream:
    """One that was read before looks like one without rows, so a reader must give at least one batch."""
    first = next(iter(reader), None)
    if first is None:
        raise TableError(
            "The record batch reader gave nothing: it was read before, or its source has no rows.",
            remedy="Give each sync a reader of its own. Where there may be no rows, give reader.read_all().",
        )
    return reader.schema, chain([first], reader)


def _reader(rows: Any) -> pa.RecordBatchReader:
    if isinstance(rows, pa.Table):
        return rows.to_reader()
    if isinstance(rows, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(rows.schema, [rows])
    library = type(rows).__module__.partition(".")[0].lstrip("_")
    if library == "pandas" and hasattr(rows, "iloc"):
        return _pandas_table(rows).to_reader()
    if library == "polars" and hasattr(rows, "get_columns"):
        return _polars_reader(rows)
    if _is_relation(rows):
        rows = as_it_is(rows)
    return pa.RecordBatchReader.from_stream(rows)


def _is_relation(rows: Any) -> bool:
    return type(rows).__module__.partition(".")[0].lstrip("_") == "duckdb" and hasattr(rows, "project")


def _pandas_table(frame: Any) -> pa.Table:
    """Columns of objects cell by cell, the others as pandas hands them over. A named index is a column."""
    if frame.ndim != 2:
        raise not_accepted(frame)
    names = [str(name) for name in frame.columns]
    series = [frame.iloc[:, at] for at in range(len(names))]
    for at, name in enumerate(frame.index.names):
        if name is not None or type(frame.index).__name__ != "RangeIndex":
            names.append(f"__index_level_{at}__" if name is None else str(name))
            series.append(frame.index.get_level_values(at).to_series())
    refuse_duplicates(names)
    if not frame.columns.size and all(name is None for name in frame.index.names):
        raise TableError("The table has no columns.", remedy="Return at least the key column.")
    columns = {name: _pandas_column(each) for name, each in zip(names, series, strict=True)}
    return pa.table(columns).replace_schema_metadata(_index_of(frame))


def _index_of(frame: Any) -> Any:
    """Return what pandas' own reading of Arrow needs to find the index again."""
    return pa.Schema.from_pandas(frame.iloc[:, :0]).metadata


def _pandas_column(series: Any) -> Any:
    if str(series.dtype).startswith("Sparse"):
        series = series.sparse.to_dense()
    categories = getattr(series.dtype, "categories", None)
    objects = series if categories is None else categories
    if str(objects.dtype) == "object" and (categories is None or set(map(type, categories)) != {str}):
        return _objects_column(series)
    try:
        return pa.array(series, from_pandas=True)
    except CONVERSION_ERRORS:
        return column_of(list(series))


def _objects_column(series: Any) -> Any:
    try:
        found = pa.array(series, from_pandas=True)
        if keeps_each_cell(found.type):
            return found
    except CONVERSION_ERRORS:
        pass
    return column_of(series.tolist())


def _polars_reader(frame: Any) -> pa.RecordBatchReader:
    """Columns of Python objects and of 128-bit integers cell by cell; polars has no Arrow for them."""
    objects = [each for each in frame.get_columns() if re.search("Object|Int128", str(each.dtype))]
    if not objects:
        return pa.RecordBatchReader.from_stream(frame)
    read: dict[str, Array] = {each.name: column_of(each.to_list()) for each in objects}
    rest = pa.RecordBatchReader.from_stream(frame.drop(list(read))).read_all()
    return pa.table({name: read.get(name, _column(rest, name)) for name in frame.columns}).to_reader()


def _column(table: pa.Table, name: str) -> Any:
    return table.column(name) if name in table.column_names else None


def _column_names(rows: Any) -> list[str]:
    return [str(name) for name in getattr(rows, "columns", ()) if isinstance(name, str)]
