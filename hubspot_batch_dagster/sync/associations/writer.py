"""Writing associations: those of records that exist, and of rows that are associations themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.sync.associations.association_requests import (
    AssociationRequests,
    CurrentAssociations,
    NewAssociation,
    labels_of,
    with_labels,
)
from hubspot_batch_dagster.sync.associations.lines import RemovedAssociation, WantedAssociation
from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey, TypedAssociation
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.requests.requester import Requester

Targets = dict[str, set[AssociationTypeKey]]
"""Record at the other end -> what the association shall mean."""

ASSOCIATED = Verdict(outcome="associated")
LOST = Verdict(outcome="unknown", message="The answer was lost; the next run writes the association again.")


@dataclass
class WrittenAssociations:
    """What became of a group of associations.

    Attributes:
        verdicts: Line -> ``associated``, ``unchanged``, ``rejected`` or ``unknown``. What was not sent is missing.
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

    def write(
        self, to: str, group: Sequence[WantedAssociation], *, prune: bool, look: bool
    ) -> WrittenAssociations:
        """Write associations to one object type; those that are there already are ``unchanged`` where it was looked.

        Args:
            to: The object type that they lead to.
            group: What is wanted, whole records.
            prune: Remove what the records are associated with beyond that.
            look: Read first what is there. Needed, and done anyway, for labels (a request with labels replaces those that
                two records have) and for ``prune``.
        """
        wanted = _by_record(group, self.associations)
        written = WrittenAssociations()
        between = self._between(to)
        labelled = any(not self.associations[each.place].plain for each in group if each.place >= 0)
        current: CurrentAssociations | None = None
        try:
            if look or prune or labelled:
                current = between.read(list(wanted))
            self._add(between, group, wanted, current, written)
            if prune and current is not None and not self.requester.stop:
                kept = {each.record for each in group if written.is_missing(each.line)}
                done = {record: targets for record, targets in wanted.items() if record not in kept}
                written.removed = self._remove(to, done, current)
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
        wanted = _by_record(group, self.associations)
        current = self._between(to).read(list(wanted))
        there = {each.line for each in group if self._is_present(each, current)}
        replaced = wanted.items() if prune else ()
        return there, {record for record, targets in replaced if self.surplus(to, record, targets, current)}

    def surplus(
        self, to: str, record: str, targets: Targets, current: CurrentAssociations
    ) -> list[RemovedAssociation]:
        """What ``replace`` would remove from a record."""
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
        between = self._between(association.to)
        try:
            current = None if association.plain else between.read([each for each, _ in rows.values()])
        except HubSpotError as error:
            self.requester.stop.set(error)
            return {}, set()
        lacking = {
            i: self._new(record, target, types, current)
            for i, (record, targets) in rows.items()
            for target, types in targets.items()
            if not has(current, record, target, types)
        }
        added = between.add(lacking.values())
        verdicts = {i: Verdict(outcome="unchanged") for i in rows if i not in lacking}
        verdicts |= {i: added.verdicts[new] for i, new in lacking.items() if new in added.verdicts}
        return verdicts, {i for i, new in lacking.items() if new in added.sent and i not in verdicts}

    def prune(self, named: Sequence[tuple[str, list[str]]]) -> list[RemovedAssociation]:
        """End the associations of records to others than those named; with a label, that label alone.

        Args:
            named: Record id and the ids of all records that it shall be associated with.

        Returns:
            What there was to end.

        Raises:
            HubSpotError: HubSpot refused, or could not be asked.
        """
        association = self.associations[0]
        current = self._between(association.to).read([record for record, _ in named])
        wanted = {record: {each: {association.type} for each in targets} for record, targets in named}
        return self._remove(association.to, wanted, current)

    def _between(self, to: str) -> AssociationRequests:
        return AssociationRequests(self.requester, self.object_type, to)

    def _targets(self, associations: str | None) -> Targets:
        """The other ends of a row, from the text that a create request would carry."""
        targets: Targets = {}
        for each in json.loads(associations or "[]"):
            for one in each["types"]:
                key = (one["associationCategory"], one["associationTypeId"])
                targets.setdefault(each["to"]["id"], set()).add(key)
        return targets

    def _add(
        self,
        between: AssociationRequests,
        group: Sequence[WantedAssociation],
        wanted: Mapping[str, Targets],
        current: CurrentAssociations | None,
        written: WrittenAssociations,
    ) -> None:
        lines: dict[NewAssociation, list[int]] = {}
        for each in group:
            if each.target is None:
                continue
            if current is not None and self._is_present(each, current):
                written.verdicts[each.line] = Verdict(outcome="unchanged")
                continue
            new = self._new(each.record, each.target, wanted[each.record][each.target], current)
            lines.setdefault(new, []).append(each.line)
        added = between.add(lines)
        for new, of_new in lines.items():
            verdict = added.verdicts.get(new)
            if verdict is None and new in added.sent:
                verdict, written.whole = LOST, False
            if verdict is not None:
                told = ASSOCIATED if verdict.outcome == "created" else verdict
                written.verdicts.update(dict.fromkeys(of_new, told))

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
        self, to: str, wanted: Mapping[str, Targets], current: CurrentAssociations
    ) -> list[RemovedAssociation]:
        removed = [
            each for record, targets in wanted.items() for each in self.surplus(to, record, targets, current)
        ]
        remove(self._between(to), removed)
        return removed

    def _extra(
        self, to: str, record: str, targets: Targets, current: CurrentAssociations
    ) -> tuple[list[str], list[NewAssociation]]:
        """What ``replace`` removes from a record: whole associations, and labels."""
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
            targets.setdefault(each.target, set()).add(associations[each.place].type)
    return wanted


def has(
    current: CurrentAssociations | None, record: str, target: str, types: set[AssociationTypeKey]
) -> bool:
    """Whether two records have an association with these meanings, as far as it was looked."""
    if current is None:
        return False
    present = current.get(record, {}).get(target, ())
    return types <= {(each.category or "", each.type_id or 0) for each in present}
