"""Reconcile: does HubSpot still have what a sync wrote?

The records of an ids table are read, 100 a request, and told apart: as they were sent, changed by others,
archived, merged into another record, or gone. Their associations are read too, 1,000 records a request.
Nothing is written to HubSpot.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.models import HistoricalValue, Record
from hubspot_batch_dagster.sync.reconciliation.association_reconciliation import (
    AssociationReader,
    AssociationReconciliation,
)
from hubspot_batch_dagster.sync.reconciliation.marks import OF_ASSOCIATIONS, Mark, marks_of, repaired
from hubspot_batch_dagster.sync.reconciliation.reconciled_table import ReconciledTable
from hubspot_batch_dagster.sync.requests.parallel import in_parallel
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal
from hubspot_batch_dagster.sync.schema.column_checks import nearest
from hubspot_batch_dagster.sync.schema.definitions import Definitions
from hubspot_batch_dagster.sync.schema.portal import Portal
from hubspot_batch_dagster.sync.settlement.unique_values import UniqueProperty, owned_records
from hubspot_batch_dagster.sync.staging.statements import LIVE, literal, quoted
from hubspot_batch_dagster.sync.state.ids_table import described
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.table.duckdb_rows import arrow_reader

STATES = ("as_sent", "changed", "archived", "merged", "gone")
"""What can have become of a record, as it is told."""

AT_ONCE = 100

CLOSE = timedelta(seconds=2)
"""A value that was written so soon after the row was settled is the row's own."""

_MESSAGE = "reconcile found the record {}; the row is sent again."


@dataclass(frozen=True)
class Reconciliation(ReconciledTable):
    """What became of the records of a sync.

    Attributes:
        sync: The sync.
        object_type: The type of the records.
        known: Records that the ids table has.
        properties: The properties whose values were looked at.
        table: A line for each record that was read: the key columns, ``hs_object_id``, ``state``, ``now_id``
            (the record that it was merged into) and ``changed`` (the properties that others changed).
        requests: Requests that it took.
        repaired: Rows that the next run sends again.
        associations: What became of the associations of its rows; ``None`` where it has none, or its last run
            was one of an earlier version.
        repaired_associations: Rows whose associations the next run writes again.
    """

    states: ClassVar = STATES
    sync: str
    object_type: str
    known: int
    properties: tuple[str, ...]
    table: pa.Table = field(repr=False)
    requests: int
    repaired: int = 0
    associations: AssociationReconciliation | None = None
    repaired_associations: int = 0

    def __str__(self) -> str:
        read = f"{self.table.num_rows:,} of {self.known:,} {self.object_type} were read"
        repaired = f" {self.repaired:,} rows are sent again by the next run." if self.repaired else ""
        associations = "" if self.associations is None else f" {self.associations}"
        if self.repaired_associations:
            again = "are written again by the next run."
            associations += f" Those of {self.repaired_associations:,} rows {again}"
        return (
            f"{self.sync}: {read}: {self.in_words() or 'nothing'}.{associations} {self.requests:,}"
            f" requests.{repaired}"
        )


@dataclass(frozen=True)
class _Line:
    key: str
    record_id: str
    settled_at: datetime
    keys: Mapping[str, Any]


@dataclass(frozen=True)
class _Fate:
    line: _Line
    state: str
    now_id: str | None = None
    changed: tuple[str, ...] = ()


def reconcile(
    store: Store,
    sync: str,
    *,
    client: HubSpotClient,
    retry_policy: RetryPolicy,
    portal: Portal | None = None,
    properties: Sequence[str] = (),
    sample: int | None = None,
    repair: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Reconciliation:
    """Read the records of a sync's ids table and tell what became of them.

    Args:
        store: Where the ids table is.
        sync: The sync.
        client: Reads; its budget is kept to.
        retry_policy: The waits.
        portal: Says which custom objects names stand for.
        properties: Properties that nobody else should change. A record is ``changed`` if one of them has
            another value than when the row was settled; records that were not touched since cost no request
            more, the others one for 50.
        sample: Read so many records, chosen by chance; ``None`` reads all.
        repair: Have the next run send the rows again whose records are not as they were sent. It follows
            merged records, and ``if_missing`` says what it does where there is none. Of rows that lack
            associations, or with ``replace`` have too many, it writes the associations alone.
        on_progress: Called after each request with the records that were read, and how many are to be read.

    Raises:
        InputError: The sync has no ids table, ``properties`` or ``sample`` cannot be meant, or the portal
            lacks one of the properties.
        HubSpotError: HubSpot could not be asked; nothing was marked.
    """
    names = _checked(properties, sample)
    with store.local_ids(sync) as path:
        if path is None:
            raise InputError(
                f"{sync!r} has no ids table in {store.root}.",
                remedy=f"There are: {', '.join(store.syncs()) or 'none'}.",
            )
        said = described(path)
        key = [name for name in said["key"] if name != "hs_object_id"]
        requester = Requester(client, stop=StopSignal(), retry_policy=retry_policy)
        reader = _Reader(requester, said["object_type"], names)
        associations = AssociationReader.of(store, sync, said["object_type"], requester)
        if portal is not None:
            ends = [] if associations is None else [each.to for each in associations.declared.associations]
            portal.learn_types([said["object_type"], *ends], requester.ask)
            _check_defined(portal, said["object_type"], names, requester)
        amiss: list[_Fate] = []
        with duckdb.connect() as db:
            _choose(db, path, sample, associations)
            known = _count(db, path)
            types = _key_types(db, key)
            batches, read = [], 0
            for fates in in_parallel(reader.look, _lines(db, key)):
                batches.append(_batch(fates, types))
                read += len(fates)
                if on_progress is not None:
                    on_progress(read, known if sample is None else min(sample, known))
                amiss += [each for each in fates if each.state != "as_sent"]
            told, marks = None, [_mark(each) for each in amiss]
            if associations is not None:
                moved = {each.line.key: each.now_id for each in amiss if each.state != "changed"}
                told, lacking = associations.look(db, store, sync, said["key"], moved)
                of_rows = associations.declared.rows_are_associations
                marks += marks_of(db, lacking - {each.line.key for each in amiss}, rows=of_rows)
    table = pa.Table.from_batches(batches, _schema(types))
    found = Reconciliation(
        sync, said["object_type"], known, names, table, requester.tally.requests, associations=told
    )
    if not repair or not marks:
        return found
    still = repaired(store, sync, marks, client.server_time())
    rows = sum(each.message != OF_ASSOCIATIONS for each in still)
    return replace(found, repaired=rows, repaired_associations=len(still) - rows)


def _check_defined(portal: Portal, object_type: str, names: Sequence[str], requester: Requester) -> None:
    """Refuse a property that the portal lacks: HubSpot says nothing of it, and so nothing would differ."""
    found = portal.properties_with(object_type, names, requester.ask) if names and portal.check else None
    defined, complete = found or ({}, False)
    lacking = [each for each in names if each not in defined]
    if lacking and complete:
        near = nearest(lacking[0], Definitions(object_type, defined))
        raise InputError(
            f"{object_type} have no property {lacking[0]!r}.",
            remedy=f"Nearest: {', '.join(near)}." if near else "Name properties that the portal has.",
        )


def _checked(properties: Sequence[str], sample: int | None) -> tuple[str, ...]:
    if isinstance(properties, str):
        raise InputError(
            f"properties is a list, not the text {properties!r}.",
            remedy=f"Write properties=[{properties!r}].",
        )
    if sample is not None and (isinstance(sample, bool) or not isinstance(sample, int) or sample < 1):
        raise InputError(f"sample is {sample!r}.", remedy="Give a number of records, 1 or more.")
    return tuple(dict.fromkeys(properties))


@dataclass(frozen=True)
class _Reader:
    """Reads records and tells what became of them.

    Attributes:
        requester: The requests.
        object_type: What to read.
        names: The properties to look at.
    """

    requester: Requester
    object_type: str
    names: tuple[str, ...]

    def look(self, lines: list[_Line]) -> list[_Fate]:
        """Tell what became of up to 100 records."""
        unique = UniqueProperty.of(self.object_type, None)
        wanted = {i: line.record_id for i, line in enumerate(lines)}
        there = owned_records(
            unique, wanted, lambda ids: self.requester.read(self.object_type, ids, unique.read_with)
        )
        absent = [lines[i].record_id for i in wanted if i not in there]
        archived = {each.id for each in self.requester.read(self.object_type, absent, [], archived=True)}
        touched = {i for i, record in there.items() if _is_touched(record, lines[i])}
        changed = self._changed({i: lines[i] for i in touched if there[i].id == lines[i].record_id})
        return [self._fate(line, there.get(i), archived, changed.get(i, ())) for i, line in enumerate(lines)]

    @staticmethod
    def _fate(line: _Line, record: Record | None, archived: set[str], changed: tuple[str, ...]) -> _Fate:
        if record is None:
            return _Fate(line, "archived" if line.record_id in archived else "gone")
        if record.id != line.record_id:
            return _Fate(line, "merged", now_id=record.id)
        return _Fate(line, "changed" if changed else "as_sent", changed=changed)

    def _changed(self, lines: dict[int, _Line]) -> dict[int, tuple[str, ...]]:
        """Of records that somebody touched, the named properties that have another value now."""
        if not self.names or not lines:
            return {}
        ids = {line.record_id: i for i, line in lines.items()}
        found: dict[int, tuple[str, ...]] = {}
        every = list(ids)
        for at in range(0, len(every), AT_ONCE // 2):
            part = every[at : at + AT_ONCE // 2]
            for record in self.requester.read(self.object_type, part, self.names, history=True):
                if record.id in ids:
                    line = lines[ids[record.id]]
                    former = record.properties_with_history
                    found[ids[record.id]] = tuple(
                        name for name in self.names if _has_changed(former.get(name, []), line.settled_at)
                    )
        return found


def _is_touched(record: Record, line: _Line) -> bool:
    return record.updated_at is None or record.updated_at > line.settled_at + CLOSE


def _has_changed(versions: Sequence[HistoricalValue], settled_at: datetime) -> bool:
    """Whether a property's value is another one than when the row was settled."""
    dated = [(each.timestamp, each.value or "") for each in versions if each.timestamp is not None]
    if not dated:
        return False
    now = max(dated, key=lambda each: each[0])
    before = [each for each in dated if each[0] <= settled_at + CLOSE]
    then = max(before, key=lambda each: each[0])[1] if before else ""
    return now[1] != then


_LIVE = f"FROM read_parquet(?) WHERE outcome IN {LIVE}"
_KNOWN = f"{_LIVE} AND hs_object_id IS NOT NULL"


def _choose(
    db: duckdb.DuckDBPyConnection, path: Path, sample: int | None, associations: AssociationReader | None
) -> None:
    """Make ``chosen``: the lines of the ids table whose records are read, or, where the rows are
    associations, that are looked at.
    """
    of_rows = associations is not None and associations.declared.rows_are_associations
    some = f"{_LIVE if of_rows else _KNOWN}".replace("?", literal(str(path)))
    if sample is None:
        db.execute(f"CREATE VIEW chosen AS SELECT * {some}")
    else:
        db.execute(
            f"CREATE TABLE chosen AS SELECT * {some} ORDER BY random() LIMIT {min(sample, sys.maxsize)}"
        )


def _count(db: duckdb.DuckDBPyConnection, path: Path) -> int:
    (found,) = db.execute(f"SELECT count(*) {_KNOWN}", [str(path)]).fetchall()
    return int(found[0])


def _key_types(db: duckdb.DuckDBPyConnection, key: Sequence[str]) -> pa.Schema:
    columns = ", ".join(["hs_object_id", *map(quoted, key)])
    found: Any = db.sql(f"SELECT {columns} FROM chosen LIMIT 0").to_arrow_table()
    return pa.schema([found.schema.field(name) for name in key])


def _lines(db: duckdb.DuckDBPyConnection, key: Sequence[str]) -> Iterator[list[_Line]]:
    columns = ", ".join(["_key", "hs_object_id", "synced_at", *map(quoted, key)])
    found = db.sql(f"SELECT {columns} FROM chosen WHERE hs_object_id IS NOT NULL")
    for batch in arrow_reader(found, AT_ONCE * 50):
        rows = batch.to_pylist()
        lines = [
            _Line(row["_key"], row["hs_object_id"], row["synced_at"], {name: row[name] for name in key})
            for row in rows
        ]
        for at in range(0, len(lines), AT_ONCE):
            yield lines[at : at + AT_ONCE]


def _schema(types: pa.Schema) -> pa.Schema:
    own = [pa.field(name, pa.string()) for name in ("hs_object_id", "state", "now_id")]
    return pa.schema([*types, *own, pa.field("changed", pa.list_(pa.string()))])


def _batch(fates: Sequence[_Fate], types: pa.Schema) -> pa.RecordBatch:
    columns: dict[str, list[Any]] = {name: [each.line.keys[name] for each in fates] for name in types.names}
    columns["hs_object_id"] = [each.line.record_id for each in fates]
    columns["state"] = [each.state for each in fates]
    columns["now_id"] = [each.now_id for each in fates]
    columns["changed"] = [list(each.changed) for each in fates]
    schema = _schema(types)
    arrays = [pa.array(columns[each.name], each.type) for each in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _mark(fate: _Fate) -> Mark:
    line = fate.line
    now_id = fate.now_id or line.record_id
    return Mark(line.key, line.record_id, line.settled_at, now_id, _MESSAGE.format(fate.state))
