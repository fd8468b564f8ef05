"""The associations of a run as files: one line each with its outcome, those that are open, those that were
removed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.api.errors import ConservationError
from hubspot_batch_dagster.sync.associations import association_statements
from hubspot_batch_dagster.sync.associations.association_table import OUTCOMES
from hubspot_batch_dagster.sync.associations.kept_lines import declaration
from hubspot_batch_dagster.sync.associations.lines import RemovedAssociation
from hubspot_batch_dagster.sync.associations.types import TypedAssociation
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import PARQUET, literal, quoted
from hubspot_batch_dagster.sync.state.ids_table import META

REMOVED = "removed_associations.parquet"


def write_lines(stage: StagingArea, associations: Sequence[TypedAssociation], path: Path) -> None:
    """Write one line for each association of the run, with its outcome."""
    names = stage.key_columns
    keys = "".join(f"keys.{quoted(name)} AS {quoted(name)}, " for name in names)
    record = "" if "hs_object_id" in names else "id AS hs_object_id, "
    _copy(
        stage,
        f"""SELECT {keys}{record}p."to", p.label, target_key, target_id, outcome, code AS error_code,
            message AS reason, p.label_type AS _label_type, key AS _key, id AS _record, p.name AS _name
        FROM association_lines JOIN association_places p USING (place) ORDER BY line""",
        path,
        declaration(associations, rows_are_associations=False),
    )


def write_open(stage: StagingArea, path: Path) -> bool:
    """Write the lines that the next run must know: unresolved and rejected ones. Returns whether there are
    any.
    """
    _copy(
        stage,
        """SELECT key, keys, p.name, target_key, target_id, outcome, code, message
        FROM association_lines JOIN association_places p USING (place)
        WHERE outcome IN ('unresolved', 'rejected') ORDER BY line""",
        path,
    )
    return bool(
        stage.count("SELECT count(*) FROM association_lines WHERE outcome IN ('unresolved', 'rejected')")
    )


def note_removed(stage: StagingArea, to: str, removed: Sequence[RemovedAssociation]) -> None:
    """Note what ``replace`` removed."""
    stage.db.execute("""CREATE TABLE IF NOT EXISTS association_removed
        (record VARCHAR, "to" VARCHAR, target_id VARCHAR, labels VARCHAR, whole BOOLEAN)""")
    if removed:
        columns: dict[str, Any] = {
            "record": [each.record for each in removed],
            "to": [to] * len(removed),
            "target_id": [each.target for each in removed],
            "labels": [json.dumps(each.labels) for each in removed],
            "whole": [each.whole for each in removed],
        }
        stage.insert("association_removed", pa.table(columns))


def write_removed(stage: StagingArea, path: Path) -> bool:
    """Write what ``replace`` removed, for the way back. Returns whether there is anything."""
    if not stage.has_table("association_removed"):
        return False
    _copy(stage, "FROM association_removed", path)
    return bool(stage.count("SELECT count(*) FROM association_removed"))


def write_rows(stage: StagingArea, association: TypedAssociation, path: Path) -> dict[str, int]:
    """Return the same lines where the rows are associations themselves: their outcomes, in the words of
    associations.

    Called when the run is concluded.

    Returns:
        Outcome -> associations.

    Raises:
        ConservationError: They do not add up to the rows.
    """
    keys = "".join(f"keys.{quoted(name)} AS {quoted(name)}, " for name in stage.key_columns)
    to_column = quoted(stage.key_columns[1])
    target_key = f"f.keys.{to_column}::VARCHAR" if association.association.through else "NULL::VARCHAR"
    label = "NULL::VARCHAR" if association.label is None else literal(association.label)
    label_type = "NULL::VARCHAR" if association.plain else literal(json.dumps(association.type))
    with stage.texts("association_texts"):
        stage.db.execute(
            association_statements.make_row_associations(
                to=literal(association.to),
                label=label,
                label_type=label_type,
                name=literal(association.name),
                target_key=target_key,
            )
        )
    query = f"SELECT {keys}* EXCLUDE (line, keys) FROM row_associations ORDER BY line"
    _copy(stage, query, path, declaration([association], rows_are_associations=True))
    query = "SELECT outcome, count(*) FROM row_associations GROUP BY outcome"
    found = {str(name): int(n) for name, n in stage.db.execute(query).fetchall()}
    rows = stage.count("SELECT count(*) FROM final")
    if sum(found.values()) != rows or not found.keys() <= set(OUTCOMES):
        raise ConservationError(f"{rows} rows are associations, and their outcomes are {found}.")
    return found


def planned_rows(stage: StagingArea) -> dict[str, int]:
    """Return what rows that are associations would come to, in the words of associations."""
    found = stage.db.execute(association_statements.COUNT_PLANNED_ROWS).fetchall()
    return {str(name): int(n) for name, n in found}


def note_sources(stage: StagingArea) -> None:
    """Keep the records that rows start from where the rows are associations: the ids table has none."""
    stage.db.execute("CREATE TABLE association_sources AS SELECT row, id AS record FROM staged")


def _copy(stage: StagingArea, query: str, path: Path, about: str | None = None) -> None:
    said = "" if about is None else f", KV_METADATA {{{META.decode()}: {literal(about)}}}"
    stage.db.execute(f"COPY ({query}) TO {literal(str(path))} ({PARQUET}{said})")
