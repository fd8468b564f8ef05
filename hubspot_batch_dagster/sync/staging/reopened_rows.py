"""Rows that are planned anew within a run: creates without an answer whose fate is known by now, rows whose
record is gone, and associations that are gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from hubspot_batch_dagster.sync.staging import staging_statements
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea


def places(stage: StagingArea, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Where some keys stand in this run's table: key -> row and hash."""
    query = "SELECT key, row, digest FROM staged WHERE key IN (SELECT unnest(?))"
    found = stage.db.execute(query, [list(keys)]).fetchall()
    return {str(key): (int(row), str(digest)) for key, row, digest in found}


def reopen(stage: StagingArea, unmade: Sequence[str], *, updates: bool) -> int:
    """Plan rows anew: those that were not made, and those that were found with other values.

    Args:
        stage: The plan.
        unmade: Keys whose records were certainly not made.
        updates: Whether the operation changes records that it finds.

    Returns:
        How many rows :meth:`StagingArea.batches` gives with ``reopened``.
    """
    stage.flush()
    db = stage.db
    db.execute(staging_statements.TABLE_OF_REOPENED, [list(unmade)])
    if updates:
        db.execute(
            """INSERT INTO reopened SELECT row, arg_max(id, seq) FROM settled JOIN planned USING (row)
            WHERE action = 'unknown' AND stale GROUP BY row"""
        )
    db.execute(
        """UPDATE planned SET action = CASE WHEN r.id IS NULL THEN 'create' ELSE 'update' END,
            known_id = r.id, send_id = r.id FROM reopened r WHERE planned.row = r.row"""
    )
    return stage.count("SELECT count(*) FROM reopened")


def reopen_gone(stage: StagingArea, rows: Sequence[int]) -> None:
    """Plan rows whose record is gone to be created."""
    db = stage.db
    db.execute("CREATE OR REPLACE TABLE reopened AS SELECT row, send_id AS id FROM planned WHERE false")
    db.execute("INSERT INTO reopened SELECT unnest(?), NULL", [list(rows)])
    db.execute(
        "UPDATE planned SET action = 'create', known_id = NULL, send_id = NULL FROM reopened r"
        " WHERE planned.row = r.row"
    )


def reopen_lacking(stage: StagingArea, lacking: Sequence[tuple[str, str]]) -> int:
    """Plan rows that are associations, and that were made by an earlier run, to be made again.

    Args:
        stage: The plan, and the table ``targets``.
        lacking: Pairs of records that HubSpot has no association between.

    Returns:
        How many rows :meth:`StagingArea.batches` gives with ``reopened``.
    """
    db = stage.db
    ends = [list(each) for each in zip(*lacking, strict=True)] or [[], []]
    db.execute(
        """CREATE OR REPLACE TABLE reopened AS SELECT p.row, t.id FROM planned p JOIN targets t USING (row)
        WHERE p.action = 'unchanged' AND (t.id, t.target) IN (SELECT unnest(?), unnest(?))""",
        ends,
    )
    db.execute(
        "UPDATE planned SET action = 'associate', send_id = r.id FROM reopened r WHERE planned.row = r.row"
    )
    return stage.count("SELECT count(*) FROM reopened")
