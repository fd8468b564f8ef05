"""Any frame as a stream of Arrow record batches, in constant memory."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.dicts import batch_of_list, batches_of_iterator
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.frames import Stream, is_frame, not_accepted, open_frame, refuse_duplicates
from hubspot_batch_dagster.table.plain import plain_batch, plain_schema

MAX_ROWS = 16_384
_MAX_BATCH_BYTES = 64 * 2**20
_NOTHING = object()
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")


class RowStream:
    """A stream of record batches with plain Arrow types; it can be read once.

    Attributes:
        schema: The columns of every batch, with the types of the first; of several frames integers have 64
            bits. A batch may have other types: those of its own values.
    """

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        self.schema = schema
        self._batches = batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self._batches


def record_batches(rows: object, *, max_rows: int = MAX_ROWS) -> RowStream:
    """Open `rows` as a stream of record batches with plain Arrow types.

    Nothing is read before it is asked for, and no more than one chunk of the source is held.
    Text, lists and dictionaries of every layout become `string`, `list` and their values; of extension types
    those that are known (uuid, bool8, json, opaque numbers). pandas' unnamed index is left out; a named one
    is a column. A cell that cannot be read costs its row and no other: the encoder rejects it.

    Args:
        rows: Anything with `__arrow_c_stream__` (pandas, polars, pyarrow, a DuckDB relation), one record
            batch, a list of dicts (its columns are the keys of all rows), or an iterator of dicts or frames.
            A generator of dicts has the columns of its first `max_rows` rows, one of frames those of the
            first frame.
        max_rows: No batch is longer. Batches of long texts are shorter: none is over 64 MB.

    Returns:
        The stream. An empty list, or a generator that yields nothing, gives no batches and no columns.

    Raises:
        TableError: The object is none of these, has no columns or two of one name, or was read before; of
            other iterators that give nothing nobody can tell.
            Reading the stream raises it too, for what shows only later.
    """
    schema, batches = open_rows(rows, max_rows)
    refuse_duplicates(schema.names)
    plain = plain_schema(pa.schema([schema.field(name) for name in _named(schema)]))
    if len(plain) == 0 and not _may_be_empty(rows):
        raise TableError("The table has no columns.", remedy="Return at least the key column.")
    return RowStream(plain, _plain_batches(batches, plain.names, max_rows))


def _plain_batches(
    batches: Iterable[pa.RecordBatch], names: list[str], max_rows: int
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, max_rows):
            for plain in _plain_pieces(batch.slice(start, max_rows), names):
                yield from _light_pieces(plain)


def _plain_pieces(batch: pa.RecordBatch, names: list[str]) -> Iterator[pa.RecordBatch]:
    try:
        plain = plain_batch(batch, names)
    except pa.ArrowInvalid as error:  # more than 2 GB of text do not fit one `string` array
        if batch.num_rows <= 1:
            raise TableError(f"A row cannot be read as Arrow: {str(error)[:200]}") from error
        for half in _halves(batch):
            yield from _plain_pieces(half, names)
        return
    yield plain


def _light_pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.num_rows <= 1 or batch.nbytes <= _MAX_BATCH_BYTES:
        yield batch
        return
    for half in _halves(batch):
        yield from _light_pieces(half)


def _halves(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    middle = batch.num_rows // 2
    return batch.slice(0, middle), batch.slice(middle)


def open_rows(rows: Any, max_rows: int = MAX_ROWS) -> Stream:
    """Return the columns and batches of anything that is accepted, with the types that they came with."""
    if is_frame(rows):
        return open_frame(rows)
    if hasattr(rows, "__arrow_c_array__") and not isinstance(rows, type):
        return _open_array(rows)
    if isinstance(rows, list | tuple):
        return _open_list(list(rows))
    if isinstance(rows, Iterator):
        return _open_iterator(rows, max_rows)
    raise not_accepted(rows)


def _open_array(rows: Any) -> Stream:
    try:
        batch = pa.record_batch(rows)
    except (pa.ArrowException, TypeError) as error:
        raise not_accepted(rows) from error
    return batch.schema, iter([batch])


def _open_list(rows: list[Any]) -> Stream:
    if not rows:
        return pa.schema([]), iter(())
    if is_frame(rows[0]):
        return _open_iterator(iter(rows), MAX_ROWS)
    batch = batch_of_list(rows)
    return batch.schema, iter([batch])


def _open_iterator(rows: Iterator[Any], max_rows: int) -> Stream:
    if inspect.isgenerator(rows) and inspect.getgeneratorstate(rows) == inspect.GEN_CLOSED:
        raise TableError("The generator was read before.", remedy="Give each sync a generator of its own.")
    first = next(rows, _NOTHING)
    if first is _NOTHING:
        if not inspect.isgenerator(rows):  # a generator says itself whether it was read
            raise TableError(
                f"The {type(rows).__name__} gave nothing: it was read before, or its source has no rows.",
                remedy="Give each sync an iterator of its own. Where there may be no rows, give a list.",
            )
        return pa.schema([]), iter(())
    if isinstance(first, Mapping):
        return batches_of_iterator(chain([first], rows), max_rows)
    if not is_frame(first):
        raise not_accepted(first, "an iterator of ")
    schema, batches = open_frame(first)
    return _with_wide_integers(schema), chain(batches, _later_frames(rows, schema))


def _with_wide_integers(schema: pa.Schema) -> pa.Schema:
    """Integers of 64 bits: a key of a later frame may need more of them than those of the first."""
    return pa.schema(
        [
            field.with_type(pa.int64())
            if pa.types.is_integer(field.type) and not pa.types.is_uint64(field.type)
            else field
            for field in schema
        ]
    )


def _later_frames(frames: Iterator[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for number, frame in enumerate(frames, 2):
        if not is_frame(frame):
            raise not_accepted(frame, f"frame {number}, ")
        found, batches = open_frame(frame)
        if set(_named(found)) != set(_named(schema)):
            raise TableError(
                f"Frame {number} has the columns {', '.join(found.names)}, "
                f"the first has {', '.join(schema.names)}.",
                remedy="Give every frame the same columns.",
            )
        yield from batches


def _named(schema: pa.Schema) -> list[str]:
    return [name for name in schema.names if not _UNNAMED_INDEX.fullmatch(name)]


def _may_be_empty(rows: object) -> bool:
    return not is_frame(rows) and not hasattr(rows, "__arrow_c_array__")
