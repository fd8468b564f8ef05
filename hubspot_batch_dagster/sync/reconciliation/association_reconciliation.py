"""Does HubSpot still have the associations that the rows of a sync want?

What rows want is known by their hash in the ids table, and by name from the tables of the last runs. Nothing
is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pyarrow as pa

from hubspot_batch_dagster.sync.associations import association_statements
from hubspot_batch_dagster.sync.associations.association_requests import (
    AssociationRequests,
    CurrentAssociations,
)
from hubspot_batch_dagster.sync.associations.kept_lines import (
    Declared,
    attach_kept_lines,
    last_declared,
)
from hubspot_batch_dagster.sync.associations.lines import hashed
from hubspot_batch_dagster.sync.associations.moved_records import moved_records
from hubspot_batch_dagster.sync.associations.types import TypedAssociation
from hubspot_batch_dagster.sync.associations.writer import AssociationWriter, Targets, has
from hubspot_batch_dagster.sync.reconciliation.reconciled_table import ReconciledTable
from hubspot_batch_dagster.sync.requests.parallel import in_parallel
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.staging.statements import listed, quoted
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.table.duckdb_rows import arrow_reader

if TYPE_CHECKING:
    import duckdb

STATES = ("as_wanted", "missing", "too_many", "unknown")
"""What can have become of an association, as it is told."""

READ_AT_ONCE = 1_000
"""Records in a request that reads associations (HubSpot, associations guide)."""


@dataclass(frozen=True)
class AssociationReconciliation(ReconciledTable):
    """What became of the associations of a sync.

    Attributes:
        table: A line for each association: the key columns of its row, ``hs_object_id`` (the record that it
            starts from), ``to``, ``label``, ``target_key``, ``target_id`` and ``state``. ``too_many`` is what
            ``replace`` leaves no record. ``unknown`` stands once for a row whose associations differ from
            those wanted, where the runs that wanted them are no longer kept.
    """

    states: ClassVar = STATES
    table: pa.Table = field(repr=False)

    def __str__(self) -> str:
        return f"Associations: {self.in_words() or 'none'}."


class KnownRow(NamedTuple):
    """A row whose associations are looked at.

    Attributes:
        key: Its row key.
        record: Its record of today.
        keys: Its key columns.
        digest: The hash of what it wants; ``None`` where the rows are associations.
    """

    key: str
    record: str
    keys: Mapping[str, Any]
    digest: str | None


class _Line(NamedTuple):
    """A row with one association that it wants; without one the row wants none."""

    row: KnownRow
    name: str | None = None
    target_key: str | None = None
    target_id: str | None = None
    outcome: str | None = None


@dataclass(frozen=True)
class AssociationFate:
    """What became of an association, or of a row's associations as a whole."""

    row: KnownRow
    association: TypedAssociation | None
    target_key: str | None
    target_id: str | None
    state: str


@dataclass(frozen=True)
class AssociationReader:
    """Reads associations and tells what became of them.

    Attributes:
        declared: The associations of the operation.
        writer: Knows what ``replace`` would remove.
    """

    declared: Declared
    writer: AssociationWriter

    @classmethod
    def of(cls, store: Store, sync: str, object_type: str, requester: Requester) -> AssociationReader | None:
        """Return the reader for a sync; ``None`` where it has no associations, or none that its last run
        tells of.
        """
        declared = last_declared(store, sync)
        if declared is None:
            return None
        return cls(declared, AssociationWriter(object_type, declared.associations, requester))

    def look(
        self,
        db: duckdb.DuckDBPyConnection,
        store: Store,
        sync: str,
        key: Sequence[str],
        moved: Mapping[str, str | None],
    ) -> tuple[AssociationReconciliation, set[str]]:
        """Read what the rows of ``chosen`` (lines of the ids table) are associated with, and tell what became
        of each.

        Rows of which an undo took something back, and those whose associations the next run writes anyway,
        are left out.

        Args:
            db: Where ``chosen`` is.
            store: Where the tables of the runs are.
            sync: The sync.
            key: The key columns.
            moved: Key of a row -> its record of today; ``None`` where it has none.

        Returns:
            What there is, and the keys of the rows whose associations the next run must write.

        Raises:
            HubSpotError: HubSpot could not be asked.
        """
        types = self._make_rows(db, key, moved)
        batches, amiss = [], set[str]()
        for fates in self._fates(db, store, sync):
            batches.append(batch_of(fates, types))
            amiss |= {each.row.key for each in fates if self._is_amiss(each)}
        return AssociationReconciliation(pa.Table.from_batches(batches, schema_of(types))), amiss

    def _is_amiss(self, fate: AssociationFate) -> bool:
        """Whether its row must be written again. ``Associate`` with ``replace`` ends what is too many in
        every run.
        """
        if self.declared.rows_are_associations:
            return fate.state == "missing"
        return fate.state != "as_wanted"

    def _make_rows(
        self, db: duckdb.DuckDBPyConnection, key: Sequence[str], moved: Mapping[str, str | None]
    ) -> pa.Schema:
        """Make ``association_rows``: the rows to look at. Returns the key columns with their types."""
        columns: dict[str, Any] = {
            "key": pa.array(list(moved), pa.string()),
            "now": pa.array(list(moved.values()), pa.string()),
        }
        records = pa.table(columns)  # noqa: F841 - DuckDB finds it by its name
        has_hash = db.sql("SELECT * FROM chosen LIMIT 0").columns
        digest = "_associations" if "_associations" in has_hash else "NULL::VARCHAR"
        of_rows = self.declared.rows_are_associations
        some = "true" if of_rows else f"{digest} IS NOT NULL AND (m.key IS NULL OR m.now IS NOT NULL)"
        keys = ", ".join(f"{quoted(name)} := c.{quoted(name)}" for name in key)
        digest = "NULL::VARCHAR" if of_rows else digest
        db.execute(association_statements.make_rows_to_look_at(keys=keys, digest=digest, some=some))
        names = ", ".join(f"keys.{quoted(name)}" for name in key)
        found: Any = db.sql(f"SELECT {names} FROM association_rows LIMIT 0").to_arrow_table()
        own = [name for name in key if name != "hs_object_id"]
        return pa.schema([field for field in found.schema if field.name in own])

    def _fates(
        self, db: duckdb.DuckDBPyConnection, store: Store, sync: str
    ) -> Iterator[list[AssociationFate]]:
        attach_kept_lines(db, store, sync, "association_rows")
        for to in dict.fromkeys(each.to for each in self.declared.associations):

            def look(lines: list[_Line], to: str = to) -> list[AssociationFate]:
                return self._told(to, lines)

            yield from in_parallel(look, _groups(db, self._explained(to)))
        yield from in_parallel(self._compared, _groups(db, self._unexplained()))

    def _names(self, to: str) -> dict[str, TypedAssociation]:
        return {each.name: each for each in self.declared.associations if each.to == to}

    def _explained(self, to: str) -> str:
        names = self._names(to)
        replaced = any(each.replace for each in names.values())
        join = "LEFT JOIN" if replaced and not self.declared.rows_are_associations else "JOIN"
        return f"""SELECT r.key, coalesce(r.record, l.record) AS record, r.keys, r.digest, l.name,
            l.target_key, l.target_id, l.outcome
            FROM association_rows r {join} kept_lines l ON l.key = r.key AND l.name IN {listed(names)}
            WHERE r.key NOT IN (SELECT key FROM unexplained) ORDER BY record, r.key"""

    def _unexplained(self) -> str:
        if self.declared.rows_are_associations:
            return "SELECT * FROM association_rows WHERE false"
        return "SELECT * FROM association_rows WHERE key IN (SELECT key FROM unexplained) ORDER BY record"

    def _told(self, to: str, lines: list[_Line]) -> list[AssociationFate]:
        """Return what became of the associations of up to 1,000 records to one object type."""
        names = self._names(to)
        current = self._read(to, lines)
        fates: list[AssociationFate] = []
        wanted: dict[str, Targets] = {}
        missing: list[_Line] = []
        rows: dict[str, KnownRow] = {}
        for line in lines:
            rows.setdefault(line.row.record, self._of_record(line.row))
            targets = wanted.setdefault(line.row.record, {})
            if line.name is None or line.target_id is None:
                continue
            association = names[line.name]
            targets.setdefault(line.target_id, set()).add(association.type)
            if has(current, line.row.record, line.target_id, {association.type}):
                fates.append(_fate(line, association, "as_wanted"))
            else:
                missing.append(line)
        ids = [line.target_id for line in missing if line.target_id]
        now = moved_records(self.writer.requester, to, ids)
        for line in missing:
            association = names[line.name or ""]
            target = now.get(line.target_id or "")
            if target is not None and has(current, line.row.record, target, {association.type}):
                wanted[line.row.record].setdefault(target, set()).add(association.type)
                fates.append(_fate(line, association, "as_wanted"))
            elif line.outcome != "rejected":  # of HubSpot's no each run tells
                fates.append(_fate(line, association, "missing"))
        for record, targets in wanted.items():
            for extra in self.writer.surplus(to, record, targets, current):
                whose = _of_surplus(names.values(), extra.labels, whole=extra.whole)
                fates.append(AssociationFate(rows[record], whose, None, extra.target, "too_many"))
        return fates

    def _compared(self, lines: list[_Line]) -> list[AssociationFate]:
        """Return what became of the associations of records of which no more than the hash is known."""
        current = {
            to: self._read(to, lines) for to in dict.fromkeys(each.to for each in self.declared.associations)
        }
        fates: list[AssociationFate] = []
        for line in lines:
            there = [
                (each, target)
                for each in self.declared.associations
                for target in current[each.to].get(line.row.record, ())
                if has(current[each.to], line.row.record, target, {each.type})
            ]
            if hashed((each.name, target) for each, target in there) == line.row.digest:
                fates += [
                    AssociationFate(line.row, each, None, target, "as_wanted") for each, target in there
                ]
            else:
                fates.append(AssociationFate(line.row, None, None, None, "unknown"))
        return fates

    def _of_record(self, row: KnownRow) -> KnownRow:
        """Return a row as one that stands for its record: of a row that is an association, without the column
        of the other end.
        """
        if not self.declared.rows_are_associations:
            return row
        first = next(iter(row.keys))
        return row._replace(keys=dict.fromkeys(row.keys) | {first: row.keys[first]})

    def _read(self, to: str, lines: Sequence[_Line]) -> CurrentAssociations:
        between = AssociationRequests(self.writer.requester, self.writer.object_type, to)
        return between.read([line.row.record for line in lines])


def _fate(line: _Line, association: TypedAssociation, state: str) -> AssociationFate:
    return AssociationFate(line.row, association, line.target_key, line.target_id, state)


def _of_surplus(
    associations: Iterable[TypedAssociation], labels: Sequence[tuple[str, int]], *, whole: bool
) -> TypedAssociation | None:
    """Return the association of the operation that leaves no room for it."""
    return next(
        (each for each in associations if each.replace and (each.plain if whole else each.type in labels)),
        None,
    )


def _groups(db: duckdb.DuckDBPyConnection, query: str) -> Iterator[list[_Line]]:
    """Lines of whole records, of up to 1,000 records a group."""
    group: list[_Line] = []
    records = 0
    for batch in arrow_reader(db.cursor().sql(query), 16_384):
        for line in batch.to_pylist():
            row = KnownRow(line["key"], line["record"], line["keys"], line["digest"])
            if not group or group[-1].row.record != row.record:
                if records == READ_AT_ONCE:
                    yield group
                    group, records = [], 0
                records += 1
            group.append(_Line(row, *(line.get(name) for name in _Line._fields[1:])))
    if group:
        yield group


def schema_of(keys: pa.Schema) -> pa.Schema:
    """Return the columns of the table of associations."""
    own = ("hs_object_id", "to", "label", "target_key", "target_id", "state")
    return pa.schema([*keys, *(pa.field(name, pa.string()) for name in own)])


def batch_of(fates: Sequence[AssociationFate], keys: pa.Schema) -> pa.RecordBatch:
    """Fates as lines of that table."""
    lines = [
        {
            **{name: value for name, value in each.row.keys.items() if name in keys.names},
            "hs_object_id": each.row.record,
            "to": None if each.association is None else each.association.to,
            "label": None if each.association is None else each.association.label,
            "target_key": each.target_key,
            "target_id": each.target_id,
            "state": each.state,
        }
        for each in fates
    ]
    return pa.RecordBatch.from_pylist(lines, schema_of(keys))
