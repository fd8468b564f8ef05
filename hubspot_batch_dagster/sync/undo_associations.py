"""Undo of associations: those that a run made are ended, those that it removed are made again.

What others rely on stays: an association that another sync, or another row, wants too, and the associations
of a record that a later run of the sync wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field, replace

import duckdb

from hubspot_batch_dagster.api.endpoints import object_type as object_type_of
from hubspot_batch_dagster.sync.associations.association_files import REMOVED
from hubspot_batch_dagster.sync.associations.association_requests import (
    AssociationRequests,
    with_labels,
)
from hubspot_batch_dagster.sync.associations.kept_lines import FILE, declared_in, wanted_lines
from hubspot_batch_dagster.sync.associations.lines import RemovedAssociation
from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey
from hubspot_batch_dagster.sync.associations.writer import remove
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.state.kept_tables import kept_columns, kept_table
from hubspot_batch_dagster.sync.state.names import is_of_undo, name_of_undo
from hubspot_batch_dagster.sync.state.store import Store


@dataclass(frozen=True)
class AssociationUndo:
    """What the way back from a run is for associations.

    Attributes:
        end: Object type -> associations that the run made between records that exist.
        restore: Object type -> associations that ``replace`` removed.
        kept: Associations that the run made or removed and that stay as they are: others rely on them.
        records: Records of which associations are ended or made again.
        rows: Where the rows are associations: row key -> outcome of those that are ended (``archived``), and
            of the others of records of which some are made again (``unchanged``).
    """

    end: dict[str, list[RemovedAssociation]] = field(default_factory=dict, repr=False)
    restore: dict[str, list[RemovedAssociation]] = field(default_factory=dict, repr=False)
    kept: int = 0
    records: frozenset[str] = frozenset()
    rows: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> int:
        """How many are ended."""
        return sum(map(len, self.end.values()))

    @property
    def restored(self) -> int:
        """How many are made again."""
        return sum(map(len, self.restore.values()))


@dataclass(frozen=True)
class _Made:
    """An association that a run made.

    Attributes:
        key: Its row.
        name: Which association of the operation it is.
        to: The object type at the other end.
        ended: What ending it takes away.
    """

    key: str
    name: str
    to: str
    ended: RemovedAssociation


def plan_association_undo(
    store: Store, sync: str, run: str, object_type: str, archived: set[str]
) -> AssociationUndo:
    """Find out what associations a run made and removed, and which of them nobody else relies on.

    Args:
        store: Where its tables are.
        sync: The sync.
        run: The run.
        object_type: Where its associations start.
        archived: Records that the undo archives: their associations end with them.
    """
    made = [each for each in _made(store, sync, run) if each.ended.record not in archived]
    removed = [each for each in _removed(store, sync, run) if each[1].record not in archived]
    later = _written_later(store, sync, run)
    relied_on = _relied_on(store, sync, object_type, made)
    end: dict[str, list[RemovedAssociation]] = {}
    restore: dict[str, list[RemovedAssociation]] = {}
    keys = set[str]()
    for each in made:
        if (each.to, each.ended.record) not in later and each not in relied_on:
            end.setdefault(each.to, []).append(each.ended)
            keys.add(each.key)
    for to, gone in removed:
        if (to, gone.record) not in later:
            restore.setdefault(to, []).append(gone)
    found = AssociationUndo(end, restore)
    kept = len(made) + len(removed) - found.ended - found.restored
    records = {each.record for of_type in (end, restore) for several in of_type.values() for each in several}
    rows = _rows(store, sync, run, keys, records)
    return replace(found, kept=kept, records=frozenset(records), rows=rows)


def undo_associations(found: AssociationUndo, object_type: str, requester: Requester) -> int:
    """End what the run made and make what it removed. Doing it twice does no harm.

    Returns:
        How many of those that it removed HubSpot does not take: their records are gone.

    Raises:
        HubSpotError: HubSpot refused, or could not be asked.
    """
    for to, made in found.end.items():
        remove(AssociationRequests(requester, object_type, to), made)
    refused = 0
    for to, removed in found.restore.items():
        between = AssociationRequests(requester, object_type, to)
        present = between.read(list({each.record for each in removed}))
        added = between.add(with_labels(each.record, each.target, each.labels, present) for each in removed)
        refused += sum(each.outcome == "rejected" for each in added.verdicts.values())
        if requester.stop.error is not None:
            raise requester.stop.error
    return refused


def _rows(store: Store, sync: str, run: str, ended: Set[str], records: Set[str]) -> dict[str, str]:
    with store.local(sync, "runs", run, FILE) as path:
        declared = None if path is None else declared_in(path)
        if path is None or declared is None or not declared.rows_are_associations:
            return {}
        lines = kept_table(path, ["_key", "_record"]).to_pylist()
    return {
        line["_key"]: "archived" if line["_key"] in ended else "unchanged"
        for line in lines
        if line["_record"] in records
    }


def _made(store: Store, sync: str, run: str) -> Iterator[_Made]:
    """Yield what a run made, and what it may have made: of those the answer was lost."""
    with store.local(sync, "runs", run, FILE) as path:
        names = set() if path is None else set(kept_columns(path))
        if path is None or "_label_type" not in names:
            return
        record = "_record" if "_record" in names else "hs_object_id"
        for line in kept_table(path).to_pylist():
            if line["outcome"] in ("associated", "unknown") and line.get(record):
                label = line["_label_type"]
                labels: tuple[AssociationTypeKey, ...] = () if label is None else (tuple(json.loads(label)),)
                ended = RemovedAssociation(line[record], line["target_id"], labels, whole=label is None)
                yield _Made(line.get("_key") or "", line.get("_name") or "", line["to"], ended)


def _removed(store: Store, sync: str, run: str) -> Iterator[tuple[str, RemovedAssociation]]:
    with store.local(sync, "runs", run, REMOVED) as path:
        for line in [] if path is None else kept_table(path).to_pylist():
            labels = tuple((str(category), int(type_id)) for category, type_id in json.loads(line["labels"]))
            yield (
                line["to"],
                RemovedAssociation(line["record"], line["target_id"], labels, line["whole"]),
            )


def _written_later(store: Store, sync: str, run: str) -> set[tuple[str, str]]:
    """Object type and record of the associations that later runs of the sync wrote or removed, but for runs
    that were undone.
    """
    later = [each for each in store.runs(sync) if each > run]
    undone = {each for each in later if store.runs(f"{name_of_undo(sync, each)}/restore")}
    return {
        pair
        for each in later
        if each not in undone
        for pair in (
            *((made.to, made.ended.record) for made in _made(store, sync, each)),
            *((to, removed.record) for to, removed in _removed(store, sync, each)),
        )
    }


def _relied_on(store: Store, sync: str, object_type: str, made: Iterable[_Made]) -> set[_Made]:
    """Those that somebody else wants too: another sync, or another row or association of this one."""
    by_pair: dict[tuple[str, str, str, str], list[_Made]] = {}
    own: set[tuple[str, str, str]] = set()
    for each in made:
        pair = (_folded(object_type), each.ended.record, _folded(each.to), each.ended.target)
        by_pair.setdefault(pair, []).append(each)
        own.add((each.key, each.name, each.ended.target))
    if not by_pair:
        return set()
    found: set[_Made] = set()
    for other in store.syncs():
        if is_of_undo(other.rpartition("/")[0]):
            continue
        with duckdb.connect() as db:
            for line in wanted_lines(db, store, other):
                if other == sync and (line.key, line.name, line.target_id) in own:
                    continue
                source, to = _folded(line.object_type), _folded(line.to)
                there = (source, line.record, to, line.target_id)
                back = (to, line.target_id, source, line.record)
                for each in by_pair.get(there, ()):
                    if each.ended.whole or each.ended.labels == (line.label,):
                        found.add(each)
                found |= {each for each in by_pair.get(back, ()) if each.ended.whole or line.label}
    return found


def _folded(object_type: str) -> str:
    """One spelling for the names of a type that say it themselves: ``cars`` and ``p_cars`` are one."""
    return object_type_of(object_type).segment.lower()
