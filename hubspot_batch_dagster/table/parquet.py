"""Columns as Parquet can hold them, with the values that they have."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.kernels import Array, cells, pc
from hubspot_batch_dagster.table.messages import written
from hubspot_batch_dagster.table.mixed import is_list_of_several, is_mixed, is_unreadable
from hubspot_batch_dagster.table.plain import plain_array, plain_type
from hubspot_batch_dagster.table.rows import open_rows
from hubspot_batch_dagster.table.soundness import sound
from hubspot_batch_dagster.table.values import encoder_for


def storable_batches(rows: object) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return the rows of anything that a sync takes, for a Parquet file: all batches have the types of the
    first.

    A column of several types becomes text, the text that a sync would send.

    Raises:
        TableError: A cell cannot be read, a type cannot be stored, or a later batch has values that the types
            of the first cannot hold. Reading the batches raises it too.
    """
    schema, batches = open_rows(rows)
    first = next(batches, None)
    given = schema if first is None else [_with_times(field, first) for field in schema]
    fields = [field.with_type(_storable_type(field)) for field in given]
    for each in fields:
        _refuse_unknown(each)
    stored = pa.schema(fields).with_metadata(schema.metadata)
    return stored, _stored(batches if first is None else chain([first], batches), stored)


def read_parquet(source: str | Path | BinaryIO, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file whole. ``pq.read_table`` leaves closing it to a thread, which may come after the
    end of a step.

    Raises:
        KeyError: A column is not there.
        OSError: It cannot be read, or a page is not what its sum says.
        pa.ArrowException: It is no Parquet file.
    """
    with pq.ParquetFile(source, page_checksum_verification=True) as file:
        lacking = sorted(set(columns or ()) - set(file.schema_arrow.names))
        if lacking:  # pyarrow would leave it out
            raise KeyError(f"it has no column {lacking[0]}")
        if not file.metadata.num_rows:
            found = file.schema_arrow.empty_table()
            return found if columns is None else found.select(list(columns))
        return file.read(columns=None if columns is None else list(columns))


def stored_batches(file: pq.ParquetFile, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a Parquet file, at least one, of at most so many rows. The file is closed after
    the last.
    """
    try:
        if file.metadata.num_rows:
            yield from file.iter_batches(rows)
        else:  # pyarrow 19 fails where there is nothing to read
            yield pa.RecordBatch.from_pylist([], schema=file.schema_arrow)
    finally:
        file.close()


def _stored(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    row = 0
    for batch in batches:
        columns = [_storable(batch.column(field.name), field, row) for field in schema]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
        row += batch.num_rows


def _with_times(field: pa.Field[Any], first: pa.RecordBatch) -> pa.Field[Any]:
    """Return a column of `date64` with times of day as one of timestamps: Parquet's dates have none."""
    if not _holds(field.type, pa.types.is_date64):
        return field
    plain = plain_type(field.type)
    found = plain_array(first.column(field.name), plain).type
    return field if found == plain else field.with_type(found)


def _storable_type(field: pa.Field[Any]) -> pa.DataType:
    kind = field.type
    if _has_several(kind):
        return pa.string()
    if _holds(kind, pa.types.is_interval):
        raise TableError(
            f"Column '{field.name}' is of type {kind}, which Parquet does not have.",
            column=field.name,
            remedy="Cast it to a duration or to text.",
        )
    if pa.types.is_dictionary(kind):
        if _is_view(kind.value_type):
            return pa.dictionary(kind.index_type, pa.large_string(), kind.ordered)
        return kind if _is_dictionary_of_parquet(kind) else _storable_type(field.with_type(kind.value_type))
    if pa.types.is_decimal(kind) and kind.scale < 0:
        return pa.decimal256(kind.precision - kind.scale, 0)
    if (
        pa.types.is_decimal(kind) and kind.bit_width < pa.decimal128(1).bit_width
    ):  # pyarrow 19 does not write them
        return pa.decimal128(kind.precision, kind.scale)
    return plain_type(kind) if _needs_unwrapping(kind) else kind


def _has_several(kind: pa.DataType) -> bool:
    """Whether the cells are of several types, or cannot be read: they are stored as text, or refused."""
    return is_mixed(kind) or is_unreadable(kind) or is_list_of_several(kind)


def _refuse_unknown(field: pa.Field[Any]) -> None:
    """Refuse a nested type that the writer does not know, such as a struct without fields, by its column."""
    if not pa.types.is_nested(field.type):
        return
    try:
        pq.ParquetWriter(io.BytesIO(), pa.schema([field])).close()
    except (pa.ArrowException, NotImplementedError):
        raise TableError(
            f"Column '{field.name}' is of type {field.type}, which Parquet does not have.",
            column=field.name,
            remedy="Leave the column out, or cast it to text.",
        ) from None


def _holds(kind: pa.DataType, is_one: Callable[[pa.DataType], bool]) -> bool:
    """Whether a type is one of some, or holds one at some depth."""
    if pa.types.is_dictionary(kind):
        return _holds(kind.value_type, is_one)
    return is_one(kind) or any(_holds(kind.field(at).type, is_one) for at in range(kind.num_fields))


def _is_dictionary_of_parquet(kind: pa.DictionaryType[Any, Any, Any]) -> bool:
    """Whether a dictionary comes back as it was: of durations the numbers alone would, and of extensions
    nothing.
    """
    types, of = pa.types, kind.value_type
    known = (types.is_string, types.is_large_string, types.is_integer, types.is_floating, types.is_boolean)
    return any(is_known(of) for is_known in (*known, types.is_date32, types.is_timestamp)) or (
        types.is_decimal(of) and of.scale >= 0
    )


def _needs_unwrapping(kind: pa.DataType) -> bool:
    """Whether a type holds, at some depth, one that Parquet's writer does not know."""
    if pa.types.is_run_end_encoded(kind) or _is_view(kind) or _is_list_view(kind):
        return True
    if pa.types.is_dictionary(kind):
        return _is_view(kind.value_type)
    return any(_needs_unwrapping(kind.field(at).type) for at in range(kind.num_fields))


def _is_list_view(kind: pa.DataType) -> bool:
    return pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind)


def _is_view(kind: pa.DataType) -> bool:
    return pa.types.is_string_view(kind) or pa.types.is_binary_view(kind)


def _storable(array: Array, field: pa.Field[Any], row: int) -> Array:
    kind = field.type
    if _has_several(array.type):
        return _as_text(plain_array(array, array.type), field.name, row)
    if pa.types.is_dictionary(array.type):
        coded = cast("Any", array)
        _refuse_beyond(coded.dictionary, field.name, row)
        if coded.dictionary.null_count or not pa.types.is_dictionary(kind):
            array = coded.dictionary.take(coded.indices)
            if pa.types.is_dictionary(kind):
                array = (
                    cast("Any", array)
                    .dictionary_encode()
                    .cast(pa.dictionary(kind.index_type, coded.type.value_type, kind.ordered))
                )
    _refuse_beyond(array, field.name, row)
    if kind == pa.timestamp("s", getattr(kind, "tz", None)):
        _refuse_far_off(array, field.name, row)
    if array.type == kind:
        if _with_times(field, pa.RecordBatch.from_arrays([array], [field.name])).type != kind:
            raise TableError(
                f"Column '{field.name}' had dates in the first rows, and has times of day from row {row} on.",
                column=field.name,
                row=row,
                remedy="Cast it to a timestamp.",
            )
        return array
    if pa.types.is_dictionary(kind) and pa.types.is_dictionary(array.type):
        coded = cast("Any", array)
        values = plain_array(coded.dictionary, pa.string()).cast(pa.large_string())
        found = cast("Any", pa.DictionaryArray).from_arrays(coded.indices, values, ordered=kind.ordered)
        return cast("Array", found)
    plain = plain_array(array, plain_type(array.type))
    if plain.type == kind:
        return plain
    if pa.types.is_decimal(plain.type) and _storable_type(pa.field("", plain.type)) == kind:
        return plain.cast(kind)  # the wider type that was chosen for it
    return _of_the_first_type(plain, field, row)


def _refuse_beyond(array: Array, name: str, row: int) -> None:
    """Parquet would cut a decimal of more digits than its type has."""
    kind = array.type.value_type if pa.types.is_list(array.type) else array.type
    if pa.types.is_decimal(kind):
        checked = sound(array)
        if is_mixed(checked.type) or is_unreadable(checked.type):
            _as_text(checked, name, row)


def _refuse_far_off(array: Array, name: str, row: int) -> None:
    """Parquet counts milliseconds where a timestamp counts seconds, which reach further."""
    last = 2**63 // 1000 - 1
    seconds = array.view(pa.int64())
    beyond = pc.or_(pc.greater(seconds, last), pc.less(seconds, -last))
    for at in cells(pc.indices_nonzero(pc.fill_null(beyond, False))):
        raise TableError(
            f"Column '{name}' has {written(array, at)} in row {row + at}, which Parquet cannot hold.",
            column=name,
            row=row + at,
            remedy="Correct it, or leave it empty.",
        )


def _as_text(array: Array, name: str, row: int) -> Array:
    text = encoder_for(None)(array)
    for each in text.problems:
        at = each.positions()[0]
        raise TableError(
            f"Column '{name}': {each.says(at)}", column=name, row=row + at, remedy=each.code.remedy
        )
    return text.values


def _of_the_first_type(array: Array, field: pa.Field[Any], row: int) -> Array:
    """Return a later batch's column as the type of the first, if that loses nothing."""
    try:
        found = array.cast(field.type)
        if found.cast(array.type).equals(array):
            return found
    except pa.ArrowException:
        pass
    held = "" if array.null_count == len(array) else f", from row {row} on it is {array.type}"
    raise TableError(
        f"Column '{field.name}' was {field.type} in the first rows{held}.",
        column=field.name,
        row=row,
        remedy="Cast the column to one type, or return a table.",
    )
