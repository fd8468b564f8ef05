"""Rows that are Python dicts, as Arrow record batches."""

from __future__ import annotations

import datetime as dt
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.kernels import Array

_REMEDY_MIXED = "Cast the column to one type, or to text."
_CONVERSION_ERRORS = (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError)

Row = Mapping[str, Any]


def table_of_list(rows: Sequence[Row]) -> pa.Table:
    """One table of a whole list: every key of any row is a column, a key that a row lacks is null."""
    names: dict[str, None] = {}
    for position, row in enumerate(rows):
        for name in _keys(row, position):
            names.setdefault(name)
    return pa.table({name: _column(name, [row.get(name) for row in rows]) for name in names})


def batches_of_iterator(rows: Iterator[Row], max_rows: int) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The rows of a generator, `max_rows` at a time.

    The first `max_rows` rows decide the columns; a later row with another one is a `TableError`. They do not
    decide the types: each batch has those of its own values, so a fraction after whole numbers stays one.
    """
    first = list(islice(rows, max_rows))
    table = table_of_list(first).combine_chunks()
    head = table.to_batches(max_chunksize=max_rows)
    return table.schema, chain(head, _later_batches(rows, table.schema.names, max_rows))


def _later_batches(rows: Iterator[Row], names: list[str], max_rows: int) -> Iterator[pa.RecordBatch]:
    start = max_rows
    known = frozenset(names)
    while chunk := list(islice(rows, max_rows)):
        for position, row in enumerate(chunk, start):
            if not known.issuperset(_keys(row, position)):
                new = next(name for name in row if name not in known)
                raise TableError(
                    f"Row {position} has the new key '{new}': the first {max_rows:,} rows of a generator decide its columns.",
                    column=new,
                    row=position,
                    remedy=f"Give every row the key '{new}' (None where it is empty), or return a list.",
                )
        columns = [_column(name, [row.get(name) for row in chunk], start) for name in names]
        yield pa.RecordBatch.from_arrays(columns, names=names)
        start += len(chunk)


def _keys(row: object, position: int) -> Iterable[str]:
    if not isinstance(row, Mapping):
        raise TableError(
            f"Row {position} is a {type(row).__name__}, not a dict.",
            row=position,
            remedy="Return dicts of column name to value.",
        )
    for name in row:
        if not isinstance(name, str):
            raise TableError(
                f"Row {position} has the key {name!r}, a {type(name).__name__}.",
                row=position,
                remedy="Column names must be text.",
            )
    return row


def _column(name: str, values: list[Any], start: int = 0) -> Array:
    array: Array
    try:
        array = pa.array(values, from_pandas=True)
    except OverflowError as error:
        array = _wide_integers(name, values, start, error)
    except _CONVERSION_ERRORS as error:
        raise mixed_column(name, values, str(error), start) from error
    refuse_mixed_dates(name, array.type, values, start)
    return array


def _wide_integers(name: str, values: list[Any], start: int, error: OverflowError) -> Array:
    try:
        wide: Array = pa.array(values, type=pa.uint64(), from_pandas=True)
        return wide
    except _CONVERSION_ERRORS:
        raise TableError(
            f"Column '{name}' holds an integer of more than 64 bits.",
            column=name,
            row=_first_row(values, lambda value: isinstance(value, int) and value.bit_length() > 63, start),
            remedy="Send it as text or as a Decimal.",
        ) from error


def refuse_mixed_dates(name: str, kind: pa.DataType, values: Iterable[Any], start: int = 0) -> None:
    """Raises where Arrow would have cut the time off a datetime, because dates stand in the same column."""
    if not pa.types.is_date(kind):
        return
    row = _first_row(values, lambda value: isinstance(value, dt.datetime) and value == value, start)
    if row is not None:
        raise TableError(
            f"Column '{name}' mixes dates and datetimes (row {row} has a time).",
            column=name,
            row=row,
            remedy="Make the column one or the other.",
        )


def mixed_column(name: str, values: Iterable[Any], reason: str, start: int = 0) -> TableError:
    """The error for a column whose values have no type in common, with the first row that differs."""
    row, found = _first_other_family(values, start)
    if row is not None:
        message = f"Column '{name}' mixes types: row {row} holds {found}."
    else:
        message = f"Column '{name}' cannot be read: {reason.splitlines()[0][:120]}."
    return TableError(message, column=name, row=row, remedy=_REMEDY_MIXED)


def _first_other_family(values: Iterable[Any], start: int) -> tuple[int | None, str]:
    first: str | None = None
    for row, value in enumerate(values, start):
        family = _family(value)
        if family is None:
            continue
        if first is None:
            first = family
        elif family != first:
            return row, f"{family} where the rows before hold {first}"
    return None, ""


def _family(value: object) -> str | None:
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
        return None
    families: tuple[tuple[Any, str], ...] = (
        (bool, "true/false"),
        (numbers.Number, "a number"),
        (str, "text"),
        (bytes, "bytes"),
        (dt.datetime, "a datetime"),
        (dt.date, "a date"),
        ((list, tuple, set), "a list"),
        (Mapping, "a dict"),
    )
    return next((name for kind, name in families if isinstance(value, kind)), f"a {type(value).__name__}")


def _first_row(values: Iterable[Any], matches: Any, start: int) -> int | None:
    return next((row for row, value in enumerate(values, start) if matches(value)), None)
