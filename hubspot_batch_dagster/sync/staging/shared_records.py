"""Rows that end at one record: two addresses of one contact, or two records that were merged.

One row of each record is written, the others are rejected as ``SAME_RECORD``. Where the ids table knows it,
that is decided before anything is sent; else it shows when the answers name one record for two rows.
"""

from __future__ import annotations

from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of, same_record
from hubspot_batch_dagster.sync.staging import staging_statements
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import LIVE


def plan_same_records(stage: StagingArea, *, by_send_id: bool) -> None:
    """Take the rows out of the plan whose record another row of it has, as far as that is known; they go to
    the table ``same``.

    Args:
        stage: The plan.
        by_send_id: Look at the records that are sent to, too: the ids are another sync's.
    """
    db = stage.db
    db.execute("CREATE TABLE same (row BIGINT, id VARCHAR, owner VARCHAR)")
    several = [f"SELECT {staging_statements.SHARED_ID} AS id FROM known WHERE code = 'SAME_RECORD'"]
    if stage.recovered:
        several.append(f"SELECT id FROM known WHERE outcome IN {LIVE} GROUP BY id HAVING count(*) > 1")
    if by_send_id:
        several.append(
            "SELECT send_id AS id FROM planned WHERE send_id IS NOT NULL GROUP BY id HAVING count(*) > 1"
        )
    if not stage.count(f"SELECT count(*) FROM ({' UNION ALL '.join(several)})"):
        return
    record = "coalesce(p.send_id, p.known_id)" if by_send_id else "p.known_id"
    db.execute(staging_statements.rows_of_same(several, record))
    db.execute("UPDATE planned SET action = 'same' WHERE row IN (SELECT row FROM same)")


def settle_shared_records(stage: StagingArea, *, again: bool, at: float) -> int:
    """Reject the rows whose record an earlier row of this run has, by the answers; the first row of each
    record stays.

    Args:
        stage: The outcomes.
        again: Plan the first row's values to be sent once more where another row's were written over them. If
            not, the next run sends them.
        at: When that is, in seconds since 1970.

    Returns:
        How many rows are to be sent again: :meth:`StagingArea.batches` gives them with ``reopened``.
    """
    stage.flush()
    stage.db.execute(staging_statements.TABLE_OF_SHARED)
    if not stage.count("SELECT count(*) FROM shared"):
        return 0
    stage.settled(_losers(stage, at))
    return _write_again(stage, again, at)


def settle_records_elsewhere(stage: StagingArea, at: float) -> set[str]:
    """Reject the rows that ended at the record of a row which was found unchanged elsewhere.

    Returns:
        The keys of those rows over whose values this run wrote: the next run sends them.
    """
    if not stage.elsewhere.rows:
        return set()
    stage.flush()
    lines = stage.db.execute(
        f"""SELECT t.row, s.key, s.digest, t.id, t.outcome <> 'unchanged' FROM settled t
            JOIN staged s USING (row)
        LEFT JOIN planned p USING (row) WHERE t.outcome IN {LIVE} AND t.id IS DISTINCT FROM p.known_id
            AND t.id IS NOT NULL"""
    ).fetchall()
    overwritten: set[str] = set()
    for start in range(0, len(lines), 1000):
        some = lines[start : start + 1000]
        owners = stage.elsewhere.keys_of([str(line[3]) for line in some])
        lost = [line for line in some if owners.get(str(line[3]), line[1]) != line[1]]
        verdicts = {i: same_record(line[3], owners[line[3]]) for i, line in enumerate(lost)}
        if lost:
            stage.settled(_outcomes(lost, verdicts, at))
        overwritten |= {owners[line[3]] for line in lost if line[4]}
    stage.flush()
    return overwritten


def _losers(stage: StagingArea, at: float) -> Outcomes:
    lines = stage.db.execute(
        """SELECT s.row, s.key, s.digest, h.id, f.key FROM shared h JOIN staged s ON s.row = h.row
        JOIN staged f ON f.row = h.first WHERE h.row <> h.first ORDER BY s.row"""
    ).fetchall()
    verdicts = {i: same_record(record_id, owner) for i, (*_, record_id, owner) in enumerate(lines)}
    return _outcomes(lines, verdicts, at)


def _write_again(stage: StagingArea, again: bool, at: float) -> int:
    """Plan the first rows again whose values another row's were written over."""
    overwritten = (
        "SELECT row, id FROM shared WHERE row = first AND writes > CASE WHEN wrote THEN 1 ELSE 0 END"
    )
    if again:
        stage.db.execute(f"CREATE OR REPLACE TABLE reopened AS {overwritten}")
        stage.db.execute("""UPDATE planned SET action = 'update', known_id = r.id, send_id = r.id
            FROM reopened r WHERE planned.row = r.row""")
        return stage.count("SELECT count(*) FROM reopened")
    lines = stage.db.execute(
        f"SELECT s.row, s.key, s.digest, o.id FROM ({overwritten}) o JOIN staged s USING (row)"
    ).fetchall()
    stale = {i: Verdict("updated", record_id, stale=True) for i, (*_, record_id) in enumerate(lines)}
    stage.settled(_outcomes(lines, stale, at))
    return 0


def _outcomes(lines: list[tuple[object, ...]], verdicts: dict[int, Verdict], at: float) -> Outcomes:
    rows = Intent(
        id="",
        action="update",
        sent_at=0.0,
        rows=[int(str(line[0])) for line in lines],
        keys=[str(line[1]) for line in lines],
        digests=[str(line[2]) for line in lines],
        ids=[None] * len(lines),
    )
    return outcomes_of(rows, verdicts, at)
