"""What each run of a sync came to, one line a run: ``runs.parquet`` beside the ids table. Lines are added, never changed."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.staging.conclusion import OUTCOMES
from hubspot_batch_dagster.sync.state.store import Store

RUNS = "runs.parquet"

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("run", pa.string()),
    ("ended_at", pa.timestamp("us", tz="UTC")),
    ("rows", pa.int64()),
    *((name, pa.int64()) for name in OUTCOMES),
    ("unresolved", pa.int64()),
    ("requests", pa.int64()),
    ("retries", pa.int64()),
    ("seconds", pa.float64()),
    ("stopped", pa.string()),
]
SCHEMA = pa.schema(_COLUMNS)


def read_history(store: Store, sync: str) -> pa.Table:
    """The runs of a sync, oldest first; empty before the first."""
    with store.local(sync, RUNS) as path:
        return SCHEMA.empty_table() if path is None else pq.read_table(path)


def add_run(store: Store, result: SyncResult, folder: Path) -> None:
    """Add a run to the history of its sync.

    Args:
        store: Where the sync is.
        result: What the run came to.
        folder: Where files may be written on the way.
    """
    line = {
        "run": result.run,
        "ended_at": datetime.now(timezone.utc),
        "rows": result.rows,
        **result.counts,
        "unresolved": result.unresolved,
        "requests": result.requests,
        "retries": result.retries,
        "seconds": result.seconds,
        "stopped": None if result.stopped is None else str(result.stopped),
    }
    before = read_history(store, result.name)
    if result.run in before.column("run").to_pylist():
        return
    written = folder / RUNS
    pq.write_table(pa.concat_tables([before, pa.Table.from_pylist([line], SCHEMA)]), written)
    store.put(result.name, written, RUNS)
