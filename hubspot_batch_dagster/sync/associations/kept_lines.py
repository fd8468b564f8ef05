"""The associations that the rows of a sync want, from the tables of its last runs: the ids table keeps no
more than their hash.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.sync.associations import association_statements
from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey, TypedAssociation
from hubspot_batch_dagster.sync.staging.statements import LIVE, REVERTED, literal
from hubspot_batch_dagster.sync.state.ids_table import META, described
from hubspot_batch_dagster.sync.state.kept_tables import kept_columns, kept_metadata
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.table.duckdb_rows import arrow_reader

if TYPE_CHECKING:
    import duckdb

FILE = "associations.parquet"
_NEEDED = {"_key", "_record", "_name"}


@dataclass(frozen=True)
class Declared:
    """What the associations of a run's operation were.

    Attributes:
        associations: They, with their types.
        rows_are_associations: Whether the operation is ``Associate``.
    """

    associations: tuple[TypedAssociation, ...]
    rows_are_associations: bool = False


def declaration(associations: Sequence[TypedAssociation], *, rows_are_associations: bool) -> str:
    """Return the associations of an operation as text, for the file of a run's associations."""
    declared = [
        {
            "to": each.to,
            "column": each.association.column,
            "through": each.association.through,
            "given": each.association.type,
            "type": each.type,
            "plain": each.plain,
            "replace": each.replace,
        }
        for each in associations
    ]
    return json.dumps({"rows_are_associations": rows_are_associations, "associations": declared})


def declared_in(path: Path) -> Declared | None:
    """Return what such a file says of the operation; ``None`` for one of an earlier version."""
    said = kept_metadata(path).get(META)
    if said is None:
        return None
    found = json.loads(said)
    return Declared(tuple(map(_typed, found["associations"])), found["rows_are_associations"])


def _typed(said: dict[str, Any]) -> TypedAssociation:
    category, type_id = said["type"]
    given = said["given"]
    association = Association(
        said["to"],
        column=said["column"],
        type=given,
        category=category if isinstance(given, int) else "HUBSPOT_DEFINED",
        through=said["through"],
        replace=said["replace"],
    )
    return TypedAssociation(association, said["to"], (category, type_id), plain=said["plain"])


def last_declared(store: Store, sync: str) -> Declared | None:
    """Return what the last run of a sync says of its associations; ``None`` where it has none, or is of an
    earlier version.
    """
    for run in reversed(store.runs(sync)):
        with store.local(sync, "runs", run, FILE) as path:
            if path is not None:
                return declared_in(path)
    return None


def attach_kept_lines(db: duckdb.DuckDBPyConnection, store: Store, sync: str, rows: str) -> None:
    """Make the table ``kept_lines``: of each row the associations that its latest run wanted, as far as they
    are kept.

    Args:
        db: Where.
        store: Where the tables of the runs are; those of the last ten are kept.
        sync: The sync.
        rows: A table (key, digest). Of a row with a hash only lines that have it count; of one without the
            newest ones that HubSpot has.
    """
    db.execute(
        """CREATE TABLE kept_lines
        (key VARCHAR, record VARCHAR, name VARCHAR, target_key VARCHAR, target_id VARCHAR, outcome VARCHAR)"""
    )
    db.execute(f"CREATE TABLE unexplained AS SELECT key, digest FROM {rows} WHERE digest IS DISTINCT FROM ''")
    for run in reversed(store.runs(sync)):
        if not db.execute("SELECT count(*) FROM unexplained").fetchall()[0][0]:
            return
        with store.local(sync, "runs", run, FILE) as path:
            if path is not None and set(kept_columns(path)) >= _NEEDED:
                _take(db, path)


def _take(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    db.execute(association_statements.take_kept_lines(literal(str(path))))
    db.execute("DELETE FROM unexplained WHERE key IN (SELECT key FROM kept_lines)")


class WantedLine(NamedTuple):
    """An association that HubSpot has and that a row of a sync wants."""

    key: str
    name: str
    object_type: str
    record: str
    to: str
    target_id: str
    label: AssociationTypeKey | None


def wanted_lines(db: duckdb.DuckDBPyConnection, store: Store, sync: str) -> Iterator[WantedLine]:
    """Yield what the rows of a sync want and have, as far as the tables of its runs are kept.

    Args:
        db: An empty database.
        store: Where they are.
        sync: The sync.
    """
    declared = last_declared(store, sync)
    if declared is None:
        return
    with store.local_ids(sync) as path:
        if path is None:
            return
        source = object_type(str(described(path)["object_type"])).name
        has_hash = not declared.rows_are_associations and "_associations" in kept_columns(path)
        db.execute(
            f"""CREATE TABLE association_rows AS
            SELECT _key AS key, {"_associations" if has_hash else "NULL::VARCHAR"} AS digest
            FROM read_parquet({literal(str(path))})
            WHERE outcome IN {LIVE} AND error_code IS DISTINCT FROM '{REVERTED}'"""
        )
    attach_kept_lines(db, store, sync, "association_rows")
    names = {each.name: each for each in declared.associations}
    query = "SELECT key, record, name, target_id FROM kept_lines WHERE outcome IN ('associated', 'unchanged')"
    for batch in arrow_reader(db.sql(query), 16_384):
        for key, record, name, target_id in zip(*(each.to_pylist() for each in batch.columns), strict=True):
            each = names.get(name)
            if each is not None and record is not None:
                label = None if each.plain else each.type
                yield WantedLine(key, name, source, record, each.to, target_id, label)
