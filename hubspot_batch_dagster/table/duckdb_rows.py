"""Rows out of DuckDB as Arrow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.check import INVALID_DATETIME
from hubspot_batch_dagster.table.kernels import anywhere, cells, nowhere_null, pc
from hubspot_batch_dagster.table.mixed import Fault, set_apart

_UNSIGNED = re.compile(r"UHUGEINT|UNION\(.*\bUHUGEINT\b")


_INFINITY = 2**63 - 1
"""Nanoseconds from 1970; its negative is the infinity before all time."""


def as_it_is(relation: Any) -> Any:
    """Return a relation whose values reach Arrow as they are.

    DuckDB hands UHUGEINT over as signed: 2**128 - 1 would be -1. As text it is itself.

    Args:
        relation: What ``sql`` of a connection gave.
    """
    replaced = []
    for name, kind in zip(relation.columns, map(str, relation.types), strict=True):
        column = '"' + name.replace('"', '""') + '"'
        if _UNSIGNED.match(kind):
            replaced.append(f"CAST({column} AS {kind.replace('UHUGEINT', 'VARCHAR')}) AS {column}")
    return relation.project(f"* REPLACE ({', '.join(replaced)})") if replaced else relation


def finite_batches(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches out of DuckDB, with each infinite TIMESTAMP_NS as a cell that cannot be read.

    DuckDB hands infinity over as the last moment that nanoseconds can say, in 2262. Other timestamps reach
    far enough for it to be beyond the calendar.
    """
    names = [each.name for each in schema if each.type == pa.timestamp("ns")]
    return (_finite(batch, names) for batch in batches) if names else iter(batches)


def _finite(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    for name in names:
        column = batch.column(name)
        instants = column.view(pa.int64())
        endless = nowhere_null(pc.or_(pc.equal(instants, _INFINITY), pc.equal(instants, -_INFINITY)))
        if anywhere(endless):
            faults = {
                at: Fault(INVALID_DATETIME, f"'infinity' {INVALID_DATETIME.meaning}.")
                for at in cells(pc.indices_nonzero(endless))
            }
            index = batch.schema.get_field_index(name)
            batch = batch.set_column(index, name, set_apart(column, faults))
    return batch


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
