"""DuckDB as a run uses it: in memory up to a limit, beyond it in the run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from hubspot_batch_dagster.sync.staging.outcome_table import outcome_table, outcomes_without_reasons
from hubspot_batch_dagster.table.encode import Encoder

if TYPE_CHECKING:
    import duckdb

THREADS = 2

REASONS = "row, seq, category, code, property, message, correlation_id, warning"
"""The columns of the table of reasons."""


def make_tables(db: duckdb.DuckDBPyConnection, encoder: Encoder) -> None:
    """Make the tables that the rows of a run and their outcomes go to;
    :mod:`~hubspot_batch_dagster.sync.staging.tables` lists all.
    """
    register(db, pa.Table.from_batches([], encoder.encoded_schema))
    db.execute(
        "CREATE TABLE staged AS SELECT row, keys, key, id, '' AS digest, '' AS as_of FROM incoming LIMIT 0"
    )
    register(db, pa.Table.from_batches([], encoder.rejected_schema))
    db.execute("CREATE TABLE rejected AS SELECT * FROM incoming LIMIT 0")
    db.execute("CREATE TABLE omitted AS SELECT * FROM incoming LIMIT 0")
    db.execute("CREATE TABLE lost (row BIGINT)")
    db.execute("CREATE TABLE merged (part VARCHAR, id VARCHAR)")
    db.execute("CREATE TABLE doubtful (row BIGINT, doubt INTEGER)")
    db.execute(
        """CREATE TABLE wanted (row BIGINT, place INTEGER, target_key VARCHAR, target_id VARCHAR,
        code VARCHAR, message VARCHAR)"""
    )
    db.execute(
        'CREATE TABLE incomplete (row BIGINT, "column" VARCHAR, property VARCHAR, code VARCHAR, message'
        " VARCHAR)"
    )
    register(db, outcomes_without_reasons([], []))
    db.execute("CREATE TABLE settled AS SELECT * FROM incoming LIMIT 0")
    register(db, outcome_table([], []))
    db.execute(f"CREATE TABLE reasons AS SELECT {REASONS} FROM incoming LIMIT 0")


def release_memory(db: duckdb.DuckDBPyConnection) -> None:
    """Give back what the steps before have left to Arrow, to the C library and to DuckDB, which frees it only
    when its threads are started anew. Queries that are read from go on.
    """
    for pool in (pa.default_memory_pool(), pa.system_memory_pool()):
        pool.release_unused()
    db.execute(f"SET threads = 1; SET threads = {THREADS}")


def register(db: duckdb.DuckDBPyConnection, rows: pa.RecordBatch | pa.Table) -> None:
    """Let the next statement read rows under the name ``incoming``."""
    db.register("incoming", pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows)


def open_database(folder: Path, memory: str) -> duckdb.DuckDBPyConnection:
    """Open a database of the run's own, which uses a folder for what does not fit into the memory."""
    import duckdb  # costs 60 ms: only a run pays for it

    return duckdb.connect(
        ":memory:",  # what does not fit goes to the folder; a file would be written twice, log and all
        config={
            "memory_limit": memory,
            "temp_directory": str(folder),
            "threads": THREADS,
            "preserve_insertion_order": False,
        },
    )
