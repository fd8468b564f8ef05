"""Any frame as a stream of Arrow record batches, in constant memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.dicts import (
    batches_of_iterator,
    mixed_column,
    refuse_mixed_dates,
    table_of_list,
)
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.plain import plain_batch, plain_schema

MAX_ROWS = 16_384
_MAX_BATCH_BYTES = 64 * 2**20
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")
_FAILED_COLUMN = re.compile(r"Conversion failed for column (.*) with type \S+$")
_ACCEPTED = (
    "Return a pandas, polars or pyarrow table, a DuckDB relation, a record batch reader, "
    "a list of dicts, or an iterator of dicts or record batches."
)

_Stream = tuple[pa.Schema, Iterator[pa.RecordBatch]]


class RowStream:
    """A stream of record batches with plain Arrow types; it can be read once.

    Attributes:
        schema: The columns of every batch, with the types of the first. A later batch of an iterator may have
            other types: those of its own values.
    """

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        self.schema = schema
        self._batches = batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self._batches


def record_batches(rows: object, *, max_rows: int = MAX_ROWS) -> RowStream:
    """Opens `rows` as a stream of record batches with plain Arrow types.

    Nothing is read before it is asked for, and no more than one chunk of the source is held.
    Text, lists, dictionaries and extension types of every layout become `string`, `list`, their values and
    their storage. pandas' unnamed index is left out; a named one is a column.

    Args:
        rows: Anything with `__arrow_c_stream__` (pandas, polars, pyarrow, a DuckDB relation), one record
            batch, a list of dicts (its columns are the keys of all rows), or an iterator of dicts or frames.
            A generator of dicts has the columns of its first `max_rows` rows, one of frames those of the first.
        max_rows: No batch is longer. Batches of long texts are shorter: none is over 64 MB.

    Returns:
        The stream. An empty list or iterator gives no batches and no columns.

    Raises:
        TableError: The object is none of these, has no columns, has two columns of one name, or a column
            mixes types. Reading the stream raises it too, for what shows only later.
    """
    schema, batches = _open(rows, max_rows)
    _refuse_duplicates(schema.names)
    plain = plain_schema(pa.schema([schema.field(name) for name in _named(schema)]))
    if len(plain) == 0 and not _may_be_empty(rows):
        raise TableError("The table has no columns.", remedy="Return at least the key column.")
    return RowStream(plain, _plain_batches(batches, plain.names, max_rows))


def _plain_batches(
    batches: Iterable[pa.RecordBatch], names: list[str], max_rows: int
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        schema = plain_schema(pa.schema([batch.schema.field(name) for name in names]))
        for start in range(0, batch.num_rows, max_rows):
            for plain in _plain_pieces(batch.slice(start, max_rows), schema):
                yield from _light_pieces(plain)


def _plain_pieces(batch: pa.RecordBatch, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    try:
        plain = plain_batch(batch, schema)
    except pa.ArrowInvalid as error:  # more than 2 GB of text do not fit one `string` array
        if batch.num_rows <= 1:
            raise TableError(f"A row cannot be read as Arrow: {str(error)[:200]}") from error
        for half in _halves(batch):
            yield from _plain_pieces(half, schema)
        return
    _refuse_broken_text(plain)
    yield plain


def _refuse_broken_text(batch: pa.RecordBatch) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_string(column.type):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid as error:
                raise TableError(
                    f"Column '{name}' holds text that is not valid UTF-8.",
                    column=name,
                    remedy="Decode it before it is returned.",
                ) from error


def _light_pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.num_rows <= 1 or batch.nbytes <= _MAX_BATCH_BYTES:
        yield batch
        return
    for half in _halves(batch):
        yield from _light_pieces(half)


def _halves(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    middle = batch.num_rows // 2
    return batch.slice(0, middle), batch.slice(middle)


def _open(rows: Any, max_rows: int) -> _Stream:
    if hasattr(rows, "__arrow_c_stream__"):
        return _open_stream(rows)
    if hasattr(rows, "__arrow_c_array__"):
        return _open_array(rows)
    if isinstance(rows, list | tuple):
        return _open_list(list(rows))
    if isinstance(rows, Iterator):
        return _open_iterator(rows, max_rows)
    raise _not_accepted(rows)


def _open_stream(rows: Any) -> _Stream:
    _refuse_duplicates(_column_names(rows))
    try:
        reader = _reader(rows)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise _failed_conversion(rows, error) from error
    for field in reader.schema:
        refuse_mixed_dates(field.name, field.type, _object_values(rows, field.name))
    return reader.schema, iter(reader)


def _reader(rows: Any) -> pa.RecordBatchReader:
    if isinstance(rows, pa.RecordBatchReader):
        return rows
    if isinstance(rows, pa.Table):
        return rows.to_reader()
    if isinstance(rows, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(rows.schema, [rows])
    return pa.RecordBatchReader.from_stream(rows)


def _open_array(rows: Any) -> _Stream:
    try:
        batch = pa.record_batch(rows)
    except (pa.ArrowException, TypeError) as error:
        raise _not_accepted(rows) from error
    return batch.schema, iter([batch])


def _open_list(rows: list[Any]) -> _Stream:
    if not rows:
        return pa.schema([]), iter(())
    if hasattr(rows[0], "__arrow_c_stream__"):
        return _open_iterator(iter(rows), MAX_ROWS)
    table = table_of_list(rows)
    return table.schema, iter(table.to_batches())


def _open_iterator(rows: Iterator[Any], max_rows: int) -> _Stream:
    first = next(rows, None)
    if first is None:
        return pa.schema([]), iter(())
    if isinstance(first, Mapping):
        return batches_of_iterator(chain([first], rows), max_rows)
    if not hasattr(first, "__arrow_c_stream__"):
        raise _not_accepted(first, "an iterator of ")
    schema, batches = _open_stream(first)
    return schema, chain(batches, _later_frames(rows, schema))


def _later_frames(frames: Iterator[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for number, frame in enumerate(frames, 2):
        found, batches = _open_stream(frame)
        if set(_named(found)) != set(_named(schema)):
            raise TableError(
                f"Frame {number} has the columns {', '.join(found.names)}, the first has {', '.join(schema.names)}.",
                remedy="Give every frame the same columns.",
            )
        yield from batches


def _named(schema: pa.Schema) -> list[str]:
    return [name for name in schema.names if not _UNNAMED_INDEX.fullmatch(name)]


def _may_be_empty(rows: object) -> bool:
    return not hasattr(rows, "__arrow_c_stream__") and not hasattr(rows, "__arrow_c_array__")


def _refuse_duplicates(names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TableError(
            f"Columns that stand more than once in the table: {', '.join(map(repr, twice))}.",
            column=twice[0],
            remedy="Rename or drop them.",
        )


def _column_names(rows: Any) -> list[str]:
    return [str(name) for name in getattr(rows, "columns", ()) if isinstance(name, str)]


def _object_values(rows: Any, name: str) -> Iterable[Any]:
    """The Python objects of a pandas column of dtype object; nothing for every other column and frame."""
    try:
        column = rows[name]
        return column if str(column.dtype) == "object" else ()
    except (AttributeError, KeyError, TypeError, ValueError):
        return ()


def _failed_conversion(rows: Any, error: Exception) -> TableError:
    found = _FAILED_COLUMN.search(str(error.args[-1])) if error.args else None
    if found:
        name = found.group(1)
        return mixed_column(name, _object_values(rows, name), str(error.args[0]))
    if "non-struct" in str(error):
        return _not_accepted(rows)
    return TableError(f"The table cannot be read as Arrow: {str(error)[:200]}", remedy=_ACCEPTED)


def _not_accepted(rows: object, prefix: str = "") -> TableError:
    kind = f"{type(rows).__module__}.{type(rows).__qualname__}".removeprefix("builtins.")
    hint = " Call .collect() on it first." if hasattr(rows, "collect") else ""
    return TableError(f"Rows cannot be read from {prefix}{kind}.{hint}", remedy=_ACCEPTED)
