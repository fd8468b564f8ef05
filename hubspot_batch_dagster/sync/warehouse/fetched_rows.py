"""Rows of a DB-API cursor as Arrow, for databases without an ADBC driver: some thousand at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from typing import Any

import pyarrow as pa

ROWS_AT_ONCE = 10_000


def fetched(
    cursor: Any,
    schema: pa.Schema,
    made: Callable[[Sequence[Any], pa.DataType], Any],
    explained: Callable[[], AbstractContextManager[None]],
) -> pa.RecordBatchReader:
    """Read what a cursor has to give, as it is asked for; no more than one batch of it is held.

    Args:
        cursor: Which carried out a query; it is closed at the end.
        schema: The columns of the query, in their order, and the types that they become.
        made: Makes an array of a type from the values of a column, as the driver gives them.
        explained: Makes errors of ours of the driver's.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        with explained(), closing(cursor):
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                columns = zip(*rows, strict=True)
                arrays = [made(values, field.type) for values, field in zip(columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())
