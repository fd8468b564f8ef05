"""The conclusion of a run: one line for each row, ids table and rejected rows of the run, and the conservation law."""

from __future__ import annotations

from pathlib import Path

from hubspot_batch_dagster.api.errors import ConservationError
from hubspot_batch_dagster.sync.staging.database import release_memory
from hubspot_batch_dagster.sync.staging.shared_records import MESSAGE
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import LIVE, OLDER, REVERTED, literal, quoted
from hubspot_batch_dagster.sync.state.ids_table import META

SLICE = 250_000
"""Rows that are joined with their outcomes at a time: measured, a million does not fit into 512 MB beside ten million others."""

OUTCOMES = ("created", "updated", "archived", "unchanged", "rejected", "unknown", "unsent")


def conclude(stage: StagingArea, *, gone: int) -> None:
    """Make the table ``final``: one line for each row, with its outcome; and check the conservation law.

    Raises:
        ConservationError: The outcomes do not add up to the rows.
    """
    stage.flush()
    release_memory()
    db = stage.db
    # A row may have two outcomes: a create that found its record, and the update that followed. The last one counts.
    db.execute(
        """CREATE TABLE verdicts AS
        SELECT * REPLACE (coalesce(id, max(id) OVER (PARTITION BY row)) AS id) FROM settled
        QUALIFY row_number() OVER (PARTITION BY row ORDER BY seq DESC) = 1"""
        if stage.count("SELECT count(*) - count(DISTINCT row) FROM settled")
        else "CREATE VIEW verdicts AS FROM settled"
    )
    for low in range(0, max(1, stage.rows_in + gone), SLICE):
        into = "INSERT INTO final" if low else "CREATE TABLE final AS"
        db.execute(f"{into} {_slice_of_final(low, low + SLICE)}")
    db.execute(
        """INSERT INTO final
        SELECT r.row, r.keys, r.key, '' AS digest, CASE WHEN r.code <> 'DUPLICATE_KEY' THEN k.id END, 'rejected', NULL,
            'VALIDATION_ERROR', r.code, r.property, r.message, NULL, NULL, r."column", false, NULL, NULL
        FROM rejected r LEFT JOIN known k USING (key)"""
    )
    _check_law(stage, gone)
    for table in ("staged", "plan", "settled"):  # all of it is in ``final`` now
        db.execute(f"DROP TABLE {table} CASCADE")


def _slice_of_final(low: int, high: int) -> str:
    """The lines of some rows, as SQL: what the joins need in memory does not grow with the table."""
    some = f"row >= {low} AND row < {high}"
    return f"""
        WITH s AS (SELECT * FROM staged WHERE {some}), p AS (SELECT * FROM plan WHERE {some}),
        o AS (SELECT * FROM verdicts WHERE {some}),
        why AS (SELECT reasons.* FROM reasons JOIN o USING (row, seq)),
        past AS (SELECT key, category, code, property, message, correlation_id FROM known WHERE outcome = 'rejected')
        SELECT s.row, s.keys, s.key, CASE WHEN o.stale THEN '' ELSE s.digest END AS digest,
            coalesce(o.id, p.known_id) AS id,
            {_OUTCOME} AS outcome,
            coalesce(o.settled_at, p.synced_at) AS settled_at,
            coalesce(w.category, {_BEFORE}k.category END) AS category,
            CASE WHEN o.outcome IS NULL AND p.action = 'same' THEN 'SAME_RECORD' WHEN p.action = 'missing' THEN 'NO_RECORD'
                WHEN p.action = 'reverted' THEN '{REVERTED}' WHEN p.action = 'older' THEN '{OLDER}' ELSE coalesce(w.code, {_BEFORE}k.code END) END AS code,
            coalesce(w.property, {_BEFORE}k.property END) AS property,
            CASE WHEN o.outcome IS NULL AND p.action = 'same' THEN {MESSAGE}
                WHEN p.action = 'missing' THEN 'The ids table named by through= has no record for this key.'
                WHEN p.action = 'reverted' THEN {_REVERTED}
                WHEN p.action = 'older' THEN {_OLDER}
                WHEN o.outcome IS NULL AND (p.action = 'unknown' OR l.row IS NOT NULL) THEN {_HELD}
                ELSE coalesce(w.message, {_BEFORE}k.message END) END AS message,
            coalesce(w.correlation_id, {_BEFORE}k.correlation_id END) AS correlation_id,
            w.warning AS warning, NULL::VARCHAR AS column_name,
            o.outcome IS NOT NULL OR p.action = 'same' AS moved,
            CASE WHEN o.id <> p.known_id AND o.outcome <> 'created' THEN p.known_id END AS former, s.as_of
        FROM s JOIN p USING (row)
        LEFT JOIN o ON o.row = s.row LEFT JOIN lost l ON l.row = s.row LEFT JOIN same q ON q.row = s.row
        LEFT JOIN why w ON w.row = s.row LEFT JOIN past k ON k.key = s.key"""


def write_omitted(stage: StagingArea, path: Path) -> dict[str, int]:
    """Write the cells that were left out or cleared by rule, of the rows that were not rejected.

    Returns:
        ``column: CODE`` -> cells, the commonest first.
    """
    keys = ", ".join(f"o.keys.{quoted(name)} AS {quoted(name)}" for name in stage.key_columns)
    some = "FROM omitted o JOIN final f USING (row) WHERE f.outcome <> 'rejected'"
    target = str(path).replace("'", "''")
    stage.db.execute(
        f"""COPY (SELECT o.row, {keys}, o."column", o.property AS error_property, o.code AS error_code,
            o.message AS error_message {some} ORDER BY o.row) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"""
    )
    query = f"""SELECT o."column" || ': ' || o.code AS reason, count(*) AS n {some} GROUP BY reason ORDER BY n DESC, reason"""
    return {str(name): int(n) for name, n in stage.db.execute(query).fetchall()}


def write_tables(stage: StagingArea, folder: Path, metadata: str) -> tuple[Path, Path]:
    """Write the ids table and the rejected rows of the run; returns their paths."""
    ids, rejected = folder / "ids.parquet", folder / "rejected.parquet"
    keys = [f"keys.{quoted(name)} AS {quoted(name)}" for name in stage.key_columns]
    own = "" if "hs_object_id" in stage.key_columns else "id AS hs_object_id, "
    errors = """category AS error_category, code AS error_code, property AS error_property, message AS error_message,
        correlation_id, warning"""
    for path, query in (
        (
            ids,
            f"SELECT {', '.join(keys)}, {own}outcome, settled_at AS synced_at, {errors} FROM final ORDER BY row",
        ),
        (
            rejected,
            f"""SELECT row, {", ".join(keys)}, column_name AS "column", {errors}, id AS record_id FROM final
            WHERE outcome = 'rejected' ORDER BY row""",
        ),
    ):
        target = str(path).replace("'", "''")
        stage.db.execute(
            f"COPY ({query}) TO '{target}' "
            f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{META.decode()}: {literal(metadata)}}})"
        )
    return ids, rejected


def counts(stage: StagingArea) -> dict[str, int]:
    """Outcome -> rows, all seven of them, and those of the rows that were found unchanged elsewhere."""
    found = dict(stage.db.execute("SELECT outcome, count(*) FROM final GROUP BY outcome").fetchall())
    return {
        name: int(found.get(name, 0)) + (stage.elsewhere.rows if name == "unchanged" else 0)
        for name in OUTCOMES
    }


def reasons(stage: StagingArea) -> dict[str, int]:
    """Error code -> rejected rows, the commonest first."""
    query = """SELECT coalesce(code, category, 'UNKNOWN') AS reason, count(*) AS n FROM final
        WHERE outcome = 'rejected' GROUP BY reason ORDER BY n DESC, reason"""
    return {str(name): int(n) for name, n in stage.db.execute(query).fetchall()}


_BEFORE = "CASE WHEN p.action = 'rejected' THEN "
_HELD = """'This row was sent, and no answer came. HubSpot does not show the record yet, and may still make it; the next run looks again.'"""
_REVERTED = (
    "'An undo took the values of this row back. It is sent again when it changes, or with full_refresh.'"
)
_OLDER = "'A newer partition had this row, and its values stay.'"
_OUTCOME = """CASE
    WHEN o.outcome IS NOT NULL THEN o.outcome
    WHEN p.action IN ('unchanged', 'rejected', 'unknown') THEN p.action
    WHEN p.action IN ('reverted', 'older') THEN 'unchanged'
    WHEN p.action IN ('missing', 'same') THEN 'rejected'
    WHEN l.row IS NOT NULL THEN 'unknown'
    ELSE 'unsent' END"""


def _check_law(stage: StagingArea, gone: int) -> None:
    expected = stage.rows_in + gone
    lines = stage.count("SELECT count(*) FROM final")
    rows = stage.count("SELECT count(DISTINCT row) FROM final")
    if not expected == lines == rows:
        raise ConservationError(
            f"{stage.rows_in} rows came in and {gone} left the source, but {lines} outcomes for {rows} rows came out.",
        )
    twice = stage.db.execute(
        f"""WITH twice AS (SELECT id FROM final WHERE outcome IN {LIVE} AND id IS NOT NULL GROUP BY id HAVING count(*) > 1)
        SELECT id FROM twice WHERE id IN (SELECT id FROM settled) LIMIT 5"""
    ).fetchall()
    if twice:
        raise ConservationError(
            f"Records stand for more than one row: {', '.join(str(each[0]) for each in twice)}."
        )
