"""What each run of a sync came to, one line a run: ``runs.parquet`` beside the ids table. Lines are added,
never changed.

Each run writes a file of its own with all lines and its own; the closing append says that it counts, as it
says of the ids table.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.staging.conclusion import OUTCOMES
from hubspot_batch_dagster.sync.state.kept_once import RUNS
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.table.parquet import read_parquet

logger = logging.getLogger(__name__)

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
    ("generation", pa.int64()),
    ("changed_since", pa.string()),
    ("cursor", pa.string()),
    ("cursor_of", pa.string()),
]
SCHEMA = pa.schema(_COLUMNS)


@dataclass(frozen=True)
class Reading:
    """What a run read of a source with a cursor column.

    Attributes:
        changed_since: The moment from which rows were read; ``None`` if all were.
        cursor: Up to where rows are read and settled; ``None`` if that is not known.
        cursor_of: Hash of the column and of all that decides what is sent.
        generation: Of the ids table that the run left.
        partial: How many runs, this one last, one after the other read a part of the rows.
    """

    changed_since: str | None
    cursor: str | None
    cursor_of: str
    generation: int = 0
    partial: int = 0


def read_history(store: Store, sync: str) -> pa.Table:
    """Return the runs of a sync, oldest first; empty before the first."""
    with store.local(sync, RUNS) as path:
        if path is None:
            return SCHEMA.empty_table()
        try:
            return pa.concat_tables(
                [SCHEMA.empty_table(), read_parquet(path)],
                promote_options="default",
            )
        except (pa.ArrowException, OSError, ValueError) as error:
            raise StoreError(
                f"What the runs of {sync!r} came to, {store.path(sync, store.name_that_counts(sync, RUNS))}, "
                f"cannot be read: {error}.",
                remedy=(
                    "Restore the file, or move it away: then the next run begins a new one, and reads its"
                    " whole source."
                ),
            ) from None


def last_reading(store: Store, sync: str) -> Reading | None:
    """Return what the last run of a sync read, if its source had a cursor column."""
    lines = (
        read_history(store, sync).select(["generation", "changed_since", "cursor", "cursor_of"]).to_pylist()
    )
    if not lines or lines[-1]["cursor_of"] is None:
        return None
    partial = 0
    for line in reversed(lines):
        if line["changed_since"] is None:
            break
        partial += 1
    return Reading(**{**lines[-1], "generation": lines[-1]["generation"] or 0}, partial=partial)


def with_run(store: Store, result: SyncResult, folder: Path, reading: Reading | None = None) -> Path | None:
    """Write the history of a sync with a run added to it; ``None`` where it has the run already.

    Args:
        store: Where the sync is.
        result: What the run came to.
        folder: Where the file is to be.
        reading: What it read, if its source has a cursor column.
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
        "generation": result.generation,
        "changed_since": result.changed_since,
        "cursor": None if reading is None else reading.cursor,
        "cursor_of": None if reading is None else reading.cursor_of,
    }
    try:
        before = read_history(store, result.name)
    except StoreError as error:
        logger.warning("%s It begins anew with this run.", error.message)
        before = SCHEMA.empty_table()
    if result.run in before.column("run").to_pylist():
        return None
    written = folder / RUNS
    lines = pa.concat_tables([before, pa.Table.from_pylist([line], SCHEMA)])
    pq.write_table(
        lines, written, write_page_checksum=True
    )  # a cursor that a disk gives back wrongly leaves rows out
    return written
