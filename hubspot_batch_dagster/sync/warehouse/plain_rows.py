"""Rows of a database with the plain types of a table."""

from __future__ import annotations

from itertools import chain

import pyarrow as pa

from hubspot_batch_dagster.table.duckdb_rows import finite_batches
from hubspot_batch_dagster.table.rows import RowStream, record_batches


def plain_stream(rows: pa.RecordBatchReader) -> RowStream:
    """Rows with plain types; there may be none."""
    first = next(iter(rows), None)
    none = record_batches(rows.schema.empty_table())
    if first is None:
        return none
    # Each column of a query has one type, which is the one of an iterator's first batch or wider.
    return RowStream(none.schema, iter(record_batches(finite_batches(rows.schema, chain([first], rows)))))


def plain_reader(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Rows with the types that every driver takes."""
    stream = plain_stream(rows)
    schema = stream.schema.remove_metadata()
    return pa.RecordBatchReader.from_batches(schema, (each.replace_schema_metadata(None) for each in stream))
