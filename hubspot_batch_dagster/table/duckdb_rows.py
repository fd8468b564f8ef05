"""Rows out of DuckDB as Arrow."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def arrow_reader(relation: Any, rows: int) -> pa.RecordBatchReader:
    """Read the rows of a relation as they are asked for.

    Args:
        relation: What ``sql`` of a connection gave.
        rows: So many in a batch.
    """
    # DuckDB 2 renamed the method, and warns of the former name.
    read = getattr(relation, "to_arrow_reader", None) or relation.fetch_record_batch
    found: pa.RecordBatchReader = read(rows)
    return found
