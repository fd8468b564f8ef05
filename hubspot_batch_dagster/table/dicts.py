"""Rows that are Python dicts, as Arrow record batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.near_rows import step_to_dict
from hubspot_batch_dagster.table.objects import column_of

Row = Mapping[str, Any]


def batch_of_list(rows: Sequence[Row]) -> pa.RecordBatch:
    """One batch of a whole list: every key of any row is a column, a key that a row lacks is null."""
    names: dict[str, None] = {}
    for position, row in enumerate(rows):
        for name in _keys(row, position):
            if name not in names:
                names[_unicode(name, position)] = None
    if rows and not names:
        raise TableError(
            f"The table has {len(rows):,} rows and no columns: all dicts are empty.",
            row=0,
            remedy="Return at least the key column.",
        )
    return _batch(rows, list(names))


def batches_of_iterator(rows: Iterator[Row], max_rows: int) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return the rows of a generator, `max_rows` at a time.

    The first `max_rows` rows decide the columns; a later row with another one is a `TableError`. They do not
    decide the types: each batch has those of its own values, so a fraction after whole numbers stays one.
    """
    head = batch_of_list(list(islice(rows, max_rows)))
    return head.schema, chain([head], _later_batches(rows, head.schema.names, max_rows))


def _later_batches(rows: Iterator[Row], names: list[str], max_rows: int) -> Iterator[pa.RecordBatch]:
    start = max_rows
    known = frozenset(names)
    while chunk := list(islice(rows, max_rows)):
        for position, row in enumerate(chunk, start):
            if not known.issuperset(_keys(row, position)):
                new = _unicode(next(name for name in row if name not in known), position)
                raise TableError(
                    f"Row {position} has the new key '{new}': "
                    f"the first {max_rows:,} rows of a generator decide its columns.",
                    column=new,
                    row=position,
                    remedy=f"Give every row the key '{new}' (None where it is empty), or return a list.",
                )
        yield _batch(chunk, names)
        start += len(chunk)


def _batch(rows: Sequence[Row], names: list[str]) -> pa.RecordBatch:
    columns = [column_of([row.get(name) for row in rows]) for name in names]
    return pa.RecordBatch.from_arrays(columns, names=names)


def _unicode(name: str, position: int) -> str:
    """Return the name of a column, which must be one that Arrow and a log can hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise TableError(
            f"Row {position} has the key {name!r}, which is not valid Unicode text.",
            row=position,
            remedy="Correct it where it is read or decoded.",
        ) from None
    return name


def _keys(row: object, position: int) -> Iterable[str]:
    if not isinstance(row, Mapping):
        raise TableError(
            f"Row {position} is a {type(row).__name__}, not a dict.",
            row=position,
            remedy=f"{step_to_dict(row)} Return dicts of column name to value.".lstrip(),
        )
    for name in row:
        if not isinstance(name, str):
            raise TableError(
                f"Row {position} has the key {name!r}, a {type(name).__name__}.",
                row=position,
                remedy="Column names must be text.",
            )
    return row
