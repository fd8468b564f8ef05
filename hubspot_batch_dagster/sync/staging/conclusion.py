"""The conclusion of a run: one line for each row, ids table and rejected rows of the run, and the
conservation law.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from hubspot_batch_dagster.api.errors import ConservationError
from hubspot_batch_dagster.sync.staging import staging_statements
from hubspot_batch_dagster.sync.staging.database import release_memory
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import LIVE, PARQUET, literal, quoted
from hubspot_batch_dagster.sync.state.ids_table import META

SLICE = 250_000
"""Rows that are joined with their outcomes at a time: measured, a million does not fit into 512 MB beside ten
million others.
"""

OUTCOMES = ("created", "updated", "archived", "unchanged", "rejected", "unknown", "unsent")


def conclude(stage: StagingArea, *, gone: int) -> None:
    """Make the view ``final``: one line for each row, with its outcome; and check the conservation law.

    Rows that are unchanged, nearly all of a table at night, stay where they are; the lines of the others make
    the table ``told``.

    Raises:
        ConservationError: The outcomes do not add up to the rows.
    """
    stage.flush()
    db = stage.db
    release_memory(db)
    db.execute(
        staging_statements.TABLE_OF_VERDICTS
        if stage.count("SELECT count(*) - count(DISTINCT row) FROM settled")
        else "CREATE VIEW verdicts AS FROM settled"
    )
    for low in range(0, max(1, stage.rows_in + gone), SLICE):
        into = "INSERT INTO told" if low else "CREATE TABLE told AS"
        db.execute(f"{into} {staging_statements.lines_of_final(low, low + SLICE)}")
    db.execute(staging_statements.REJECTED_IN_FINAL)
    db.execute(f"DELETE FROM planned WHERE {staging_statements.TOLD}")
    db.execute(staging_statements.VIEW_OF_FINAL)
    _check_law(stage, gone)
    db.execute("DROP TABLE settled CASCADE")
    if stage.count("SELECT count(*) FROM planned") == 0:  # all of it is in ``told`` now
        db.execute("DROP VIEW final; CREATE VIEW final AS FROM told")
        db.execute("DROP TABLE planned CASCADE; DROP TABLE staged CASCADE")


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
            o.message AS error_message {some} ORDER BY o.row)
            TO '{target}' ({PARQUET})"""
    )
    query = f"""SELECT o."column" || ': ' || o.code AS reason, count(*) AS n {some} GROUP BY reason
        ORDER BY n DESC, reason"""
    return {str(name): int(n) for name, n in stage.db.execute(query).fetchall()}


def write_tables(stage: StagingArea, folder: Path, metadata: str) -> tuple[Path, Path]:
    """Write the ids table and the rejected rows of the run; returns their paths."""
    ids, rejected = folder / "ids.parquet", folder / "rejected.parquet"
    keys = [f"keys.{quoted(name)} AS {quoted(name)}" for name in stage.key_columns]
    own = "" if "hs_object_id" in stage.key_columns else "id AS hs_object_id, "
    errors = """category AS error_category, code AS error_code, property AS error_property,
        message AS error_message, correlation_id, warning"""
    release_memory(stage.db)
    form = f"{PARQUET}, KV_METADATA {{{META.decode()}: {literal(metadata)}}}"
    with _in_order(
        stage, f"SELECT {', '.join(keys)}, {own}outcome, settled_at AS synced_at, {errors} FROM final"
    ) as lines:
        stage.db.execute(f"COPY (FROM {lines}) TO {literal(str(ids))} ({form})")
    query = f"""SELECT row, {", ".join(keys)}, column_name AS "column", {errors}, id AS record_id FROM final
        WHERE outcome = 'rejected' ORDER BY row"""
    stage.db.execute(f"COPY ({query}) TO {literal(str(rejected))} ({form})")
    return ids, rejected


@contextmanager
def _in_order(stage: StagingArea, query: str) -> Iterator[str]:
    """Yield a name under which the lines of a query of ``final`` can be read once, in the order of the rows.

    They are sorted slice by slice: sorted at once they take more memory than all tables of the run.
    """
    end = 1 + stage.count("SELECT max(row) FROM final")
    failed: list[Exception] = []

    def lines() -> Iterator[pa.RecordBatch]:
        try:
            for low in range(0, end, SLICE):
                yield from stage.stream(f"{query} WHERE row >= {low} AND row < {low + SLICE} ORDER BY row")
        except Exception as error:
            failed.append(error)
            raise

    schema = stage.stream(f"{query} LIMIT 0").schema
    stage.db.register("lines_in_order", pa.RecordBatchReader.from_batches(schema, lines()))
    stage.db.execute("SET preserve_insertion_order = true")
    try:
        yield "lines_in_order"
    except Exception:
        if failed:  # what Arrow makes of it hides what it was
            raise failed[0] from None
        raise
    finally:
        stage.db.execute("SET preserve_insertion_order = false")
        stage.db.unregister("lines_in_order")


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


def _check_law(stage: StagingArea, gone: int) -> None:
    expected = stage.rows_in + gone
    lines = stage.count("SELECT count(*) FROM final")
    # A bit for each row takes a fraction of the time and memory of a set of them.
    own = f"bitstring_agg(row, 0, {expected}) FILTER (row BETWEEN 0 AND {expected - 1})"
    rows = stage.count(f"SELECT bit_count({own}) FROM final")
    if not expected == lines == rows:
        raise ConservationError(
            f"{stage.rows_in} rows came in and {gone} left the source, but {lines} outcomes for {rows} rows"
            " came out.",
        )
    twice = stage.db.execute(
        f"""SELECT id FROM final WHERE outcome IN {LIVE} AND id IN (SELECT id FROM settled)
            GROUP BY id HAVING count(*) > 1 LIMIT 5"""
    ).fetchall()
    if twice:
        raise ConservationError(
            f"Records stand for more than one row: {', '.join(str(each[0]) for each in twice)}."
        )
