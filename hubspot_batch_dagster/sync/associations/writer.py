"""Writing associations: those of records that exist, and of rows that are associations themselves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.sync.associations.association_requests import (
    AssociationRequests,
    CurrentAssociations,
    labels_of,
    with_labels,
)
from hubspot_batch_dagster.sync.associations.lines import RemovedAssociation, WantedAssociation
from hubspot_batch_dagster.sync.associations.moved_records import moved_records
from hubspot_batch_dagster.sync.associations.new_associations import NewAssociation
from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey, TypedAssociation
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.requests.requester import Requester

Targets = dict[str, set[AssociationTypeKey]]
"""Record at the other end -> what the association shall mean."""

Pair = tuple[str, str]
"""Two records."""

Removing = Callable[[Sequence[RemovedAssociation]], None]
"""What is done before associations are removed."""

ASSOCIATED = Verdict(outcome="associated")
LOST = Verdict(outcome="unknown", message="The answer was lost; the next run writes the association again.")


@dataclass
class WrittenAssociations:
    """What became of a group of associations.

    Attributes:
        verdicts: Line -> ``associated``, ``unchanged``, ``rejected`` or ``unknown``. Those not sent lack.
        removed: What ``replace`` removed.
        whole: Whether every request was answered.
    """

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    removed: list[RemovedAssociation] = field(default_factory=list)
    whole: bool = True

    def is_missing(self, line: int) -> bool:
        """Whether an association that is wanted was not made: then its record keeps those that it has."""
        return line >= 0 and (
            line not in self.verdicts or self.verdicts[line].outcome in ("rejected", "unknown")
        )


class PrunedAssociations(NamedTuple):
    """What there was to end, and the pairs of records that were named and lack their association."""

    removed: list[RemovedAssociation]
    lacking: list[tuple[str, str]]


@dataclass(frozen=True)
class AssociationWriter:
    """Writes associations of records that exist.

    Attributes:
        object_type: Where the associations start.
        associations: What the operation declares, with their types.
        requester: The requests.
    """

    object_type: str
    associations: tuple[TypedAssociation, ...]
    requester: Requester
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def write(
        self,
        to: str,
        group: Sequence[WantedAssociation],
        *,
        prune: bool,
        look: bool,
        removing: Removing = lambda _ended: None,
    ) -> WrittenAssociations:
        """Write associations to one object type; those found there already are ``unchanged``.

        Args:
            to: The object type that they lead to.
            group: What is wanted, whole records.
            prune: Remove what the records are associated with beyond that.
            look: Read first what is there; done anyway for ``prune``, and for labels: they replace others.
            removing: Called with what is removed, before it is.
        """
        written = WrittenAssociations()
        between = self._between(to)
        labelled = any(not self.associations[each.place].plain for each in group if each.place >= 0)
        current: CurrentAssociations | None = None
        try:
            if look or prune or labelled:
                current = between.read(list({each.record for each in group}))
                group = self._followed(to, group, current, thorough=look or prune)
            wanted = _by_record(group, self.associations)
            self._add(to, group, wanted, current, written)
            if prune and current is not None and not self.requester.stop:
                kept = {each.record for each in group if written.is_missing(each.line)}
                done = {record: targets for record, targets in wanted.items() if record not in kept}
                written.removed = self._remove(to, done, current, removing)
        except HubSpotError as error:
            written.whole = False
            self.requester.stop.set(error)
        return written

    def present(
        self, to: str, group: Sequence[WantedAssociation], *, prune: bool
    ) -> tuple[set[int], set[str]]:
        """Look which associations are there already; nothing is written.

        Returns:
            The lines of those that are there, and, with ``prune``, the records that have others besides.

        Raises:
            HubSpotError: HubSpot could not be asked.
        """
        current = self._between(to).read(list({each.record for each in group}))
        group = self._followed(to, group, current, thorough=True)
        wanted = _by_record(group, self.associations)
        there = {each.line for each in group if each.line >= 0 and self._is_present(each, current)}
        replaced = wanted.items() if prune else ()
        return there, {record for record, targets in replaced if self.surplus(to, record, targets, current)}

    def surplus(
        self, to: str, record: str, targets: Targets, current: CurrentAssociations
    ) -> list[RemovedAssociation]:
        """Return what ``replace`` would remove from a record."""
        ended, labels = self._extra(to, record, targets, current)
        return [
            RemovedAssociation(record, each, labels_of(current[record][each]), whole=True) for each in ended
        ] + [RemovedAssociation(*each, whole=False) for each in labels]

    def associate(self, batch: Batch) -> tuple[dict[int, Verdict], set[int]]:
        """Write the rows of ``Associate``, each of which is an association.

        Returns:
            The verdicts, and the rows without one whose association HubSpot may have.
        """
        association = self.associations[0]
        rows = {i: (batch.ids[i] or "", self._targets(batch.associations[i])) for i in range(len(batch))}
        to = association.to
        try:
            ids = [] if association.plain else [record for record, _ in rows.values()]
            current = self._between(to).read(ids) if ids else None
            now = self._moved(to, rows.values(), current, thorough=False)
            lacking = {
                i: ((record, now.get(target, target)), types)
                for i, (record, targets) in rows.items()
                for target, types in targets.items()
                if not has(current, record, now.get(target, target), types)
            }
            made, sent = self._added(to, dict(lacking.values()), current)
        except HubSpotError as error:
            self.requester.stop.set(error)
            return {}, set()
        verdicts = {i: Verdict(outcome="unchanged") for i in rows if i not in lacking}
        verdicts |= {i: made[pair] for i, (pair, _) in lacking.items() if pair in made}
        return verdicts, {i for i, (pair, _) in lacking.items() if pair in sent and i not in verdicts}

    def prune(self, named: Sequence[tuple[str, list[str]]]) -> PrunedAssociations:
        """End the associations of records to others than those named; with a label, that label alone.

        Args:
            named: Record id and the ids of all records that it shall be associated with.

        Raises:
            HubSpotError: HubSpot refused, or could not be asked.
        """
        association = self.associations[0]
        current = self._between(association.to).read([record for record, _ in named])
        types = {association.type}
        every: dict[str, Targets] = {record: dict.fromkeys(targets, types) for record, targets in named}
        now = self._moved(association.to, every.items(), current, thorough=True)
        wanted: dict[str, Targets] = {
            record: {now.get(each, each): types for each in targets} for record, targets in named
        }
        lacking = [
            (record, each)
            for record, targets in named
            for each in targets
            if not has(current, record, now.get(each, each), types)
        ]
        return PrunedAssociations(self._remove(association.to, wanted, current), lacking)

    def _between(self, to: str) -> AssociationRequests:
        return AssociationRequests(self.requester, self.object_type, to)

    def _followed(
        self,
        to: str,
        group: Sequence[WantedAssociation],
        current: CurrentAssociations,
        *,
        thorough: bool,
    ) -> list[WantedAssociation]:
        """Return the group with the records of today at the other end, as far as it matters."""
        wanted = _by_record(group, self.associations)
        now = self._moved(to, wanted.items(), current, thorough=thorough)
        return [replace(each, target=now.get(each.target or "", each.target)) for each in group]

    def _moved(
        self,
        to: str,
        wanted: Iterable[tuple[str, Targets]],
        current: CurrentAssociations | None,
        *,
        thorough: bool,
    ) -> dict[str, str]:
        """Which wanted records were merged into others, looked up where a record lacks one and has one that
        is not wanted.

        That may be the one that is left: it must not be removed, nor lose the labels that it has.

        Args:
            to: Their object type.
            wanted: Records with what they want.
            current: What they have.
            thorough: Look even where those that are not wanted have no labels.
        """
        lacking: set[str] = set()
        for record, targets in wanted:
            present = (current or {}).get(record, {})
            others = [kinds for target, kinds in present.items() if target not in targets]
            if others and (thorough or any(map(labels_of, others))):
                lacking |= targets.keys() - present.keys()
        return moved_records(self.requester, to, lacking) if lacking else {}

    def _targets(self, associations: str | None) -> Targets:
        """Return the other ends of a row, from the text that a create request would carry."""
        targets: Targets = {}
        for each in json.loads(associations or "[]"):
            for one in each["types"]:
                key = (one["associationCategory"], one["associationTypeId"])
                targets.setdefault(each["to"]["id"], set()).add(key)
        return targets

    def _add(
        self,
        to: str,
        group: Sequence[WantedAssociation],
        wanted: Mapping[str, Targets],
        current: CurrentAssociations | None,
        written: WrittenAssociations,
    ) -> None:
        lines: dict[Pair, list[int]] = {}
        for each in group:
            if each.target is None or each.is_of_another_row:
                continue
            if current is not None and self._is_present(each, current):
                written.verdicts[each.line] = Verdict(outcome="unchanged")
                continue
            lines.setdefault((each.record, each.target), []).append(each.line)
        verdicts, sent = self._added(
            to, {(record, target): wanted[record][target] for record, target in lines}, current
        )
        for pair, of_pair in lines.items():
            verdict = verdicts.get(pair)
            if verdict is None and pair in sent:
                verdict, written.whole = LOST, False
            if verdict is not None:
                told = ASSOCIATED if verdict.outcome == "created" else verdict
                written.verdicts.update(dict.fromkeys(of_pair, told))

    def _added(
        self, to: str, pairs: Mapping[Pair, set[AssociationTypeKey]], current: CurrentAssociations | None
    ) -> tuple[dict[Pair, Verdict], set[Pair]]:
        """Make associations; returns the verdicts, and the pairs that HubSpot may have.

        A request with labels replaces those that two records have, and between records of one type both of
        them may get one in the same run. So such pairs are written one request at a time, each after a look
        at what the others left.

        Raises:
            HubSpotError: HubSpot could not be asked what is there.
        """
        between = self._between(to)
        if to != self.object_type or all(types <= self._plain for types in pairs.values()):
            return self._made(between, pairs, current)
        verdicts, sent = dict[Pair, Verdict](), set[Pair]()
        second = {pair for pair in pairs if pair[::-1] in pairs and pair[0] > pair[1]}
        for some in (pairs.keys() - second, second):
            if some:
                with self._one_at_a_time:
                    now = between.read(list({record for record, _ in some}))
                    more, perhaps = self._made(between, {pair: pairs[pair] for pair in some}, now)
                verdicts |= more
                sent |= perhaps
        return verdicts, sent

    def _made(
        self,
        between: AssociationRequests,
        pairs: Mapping[Pair, set[AssociationTypeKey]],
        current: CurrentAssociations | None,
    ) -> tuple[dict[Pair, Verdict], set[Pair]]:
        new = {pair: self._new(*pair, types, current) for pair, types in pairs.items()}
        added = between.add(new.values())
        verdicts = {pair: added.verdicts[each] for pair, each in new.items() if each in added.verdicts}
        return verdicts, {pair for pair, each in new.items() if each in added.sent}

    def _is_present(self, wanted: WantedAssociation, current: CurrentAssociations) -> bool:
        return wanted.target is not None and has(
            current, wanted.record, wanted.target, {self.associations[wanted.place].type}
        )

    def _new(
        self, record: str, target: str, types: set[AssociationTypeKey], current: CurrentAssociations | None
    ) -> NewAssociation:
        return with_labels(record, target, types - self._plain, current)

    @cached_property
    def _plain(self) -> set[AssociationTypeKey]:
        return {each.type for each in self.associations if each.plain}

    def _remove(
        self,
        to: str,
        wanted: Mapping[str, Targets],
        current: CurrentAssociations,
        removing: Removing = lambda _ended: None,
    ) -> list[RemovedAssociation]:
        removed = [
            each for record, targets in wanted.items() for each in self.surplus(to, record, targets, current)
        ]
        removing(removed)
        remove(self._between(to), removed)
        return removed

    def _extra(
        self, to: str, record: str, targets: Targets, current: CurrentAssociations
    ) -> tuple[list[str], list[NewAssociation]]:
        """Return what ``replace`` removes from a record: whole associations, and labels."""
        replacing = [each for each in self.associations if each.to == to and each.replace]
        present = current.get(record, {})
        whole = (
            [each for each in present if each not in targets] if any(each.plain for each in replacing) else []
        )
        labels: dict[str, list[AssociationTypeKey]] = {}
        for association in replacing:
            for target, meanings in present.items():
                has = any((each.category, each.type_id) == association.type for each in meanings)
                named = association.type in targets.get(target, ())
                if has and not association.plain and target not in whole and not named:
                    labels.setdefault(target, []).append(association.type)
        return whole, [NewAssociation(record, target, tuple(types)) for target, types in labels.items()]


def remove(between: AssociationRequests, ended: Sequence[RemovedAssociation]) -> None:
    """End associations as a whole, and take single labels from those that stay.

    Raises:
        HubSpotError: HubSpot refused, or could not be asked.
    """
    whole: dict[str, list[str]] = {}
    for each in ended:
        if each.whole:
            whole.setdefault(each.record, []).append(each.target)
    if whole:
        between.remove(whole)
    labels = [NewAssociation(*each[:3]) for each in ended if not each.whole]
    if labels:
        between.remove_labels(labels)


def _by_record(
    group: Sequence[WantedAssociation], associations: Sequence[TypedAssociation]
) -> dict[str, Targets]:
    """Record -> all that it wants."""
    wanted: dict[str, Targets] = {}
    for each in group:
        targets = wanted.setdefault(each.record, {})
        if each.target is not None:
            meanings = targets.setdefault(each.target, set())
            if not each.is_of_another_row or associations[each.place].counts_for_both_ends:
                meanings.add(associations[each.place].type)
    return wanted


def has(
    current: CurrentAssociations | None, record: str, target: str, types: set[AssociationTypeKey]
) -> bool:
    """Whether two records have an association with these meanings, as far as it was looked."""
    if current is None:
        return False
    present = current.get(record, {}).get(target, ())
    return types <= {(each.category or "", each.type_id or 0) for each in present}
