"""The associations of a batch: of records that it wrote, and of rows that are links themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.sync.associations.association_requests import (
    AssociationRequests,
    CurrentAssociations,
    NewAssociation,
)
from hubspot_batch_dagster.sync.associations.types import (
    AssociationTypeKey,
    TypedAssociation,
)
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.verdict import MESSAGE_LENGTH, Verdict
from hubspot_batch_dagster.sync.requests.requester import Requester

_WRITTEN = ("created", "updated", "unchanged")

Named = dict[str, set[AssociationTypeKey]]
"""Record at the other end -> what the link shall mean."""


@dataclass(frozen=True)
class AssociationWriter:
    """Writes associations of records that exist.

    Attributes:
        object_type: Where the associations start.
        links: What the operation declares.
        requester: The requests.
    """

    object_type: str
    links: tuple[TypedAssociation, ...]
    requester: Requester

    def settle(self, batch: Batch, verdicts: dict[int, Verdict]) -> dict[int, Verdict]:
        """Write the links of rows that were just updated or upserted, and let their verdicts depend on it.

        A created record has its links from the create request.

        Returns:
            The verdicts. A row with a refused link is rejected and keeps its record id. A row whose links are not settled
            is missing: it stays open, and sending it again does no harm.
        """
        return self._settled(batch, verdicts) if batch.action in ("update", "upsert") else verdicts

    def settle_found(self, batch: Batch, verdicts: dict[int, Verdict]) -> dict[int, Verdict]:
        """Write the links of rows whose records were there already when they were to be created.

        Returns:
            The verdicts. A row whose links are not settled is ``unknown``.
        """
        settled = self._settled(batch, verdicts)
        left = Verdict(outcome="unknown", message="The record exists; its associations are not confirmed.")
        return {i: settled.get(i, left._replace(id=verdict.id)) for i, verdict in verdicts.items()}

    def _settled(self, batch: Batch, verdicts: dict[int, Verdict]) -> dict[int, Verdict]:
        if not self.links:
            return verdicts
        rows = {
            i: verdict.id for i, verdict in verdicts.items() if verdict.id and self._lacks(batch, i, verdict)
        }
        if not rows:
            return verdicts
        wanted = {i: self._named(batch.associations[i]) for i in rows}
        refused: dict[int, Verdict] = {}
        open_rows: set[int] = set()
        for to in dict.fromkeys(link.to for link in self.links):
            chosen = {i: (record, wanted[i].get(to, {})) for i, record in rows.items()}
            try:
                self._write(to, chosen, refused, open_rows)
            except HubSpotError as error:
                self.requester.stop.set(error)
                open_rows |= rows.keys()
                break
        final = {**verdicts, **{i: _rejected(verdicts[i], verdict) for i, verdict in refused.items()}}
        return {i: verdict for i, verdict in final.items() if i not in open_rows}

    def as_asked(self, ids: Sequence[str | None], associations: Sequence[str | None]) -> set[int]:
        """Of some records, those that have all the links that their rows name and, with ``replace``, no others.

        Raises:
            HubSpotError: HubSpot could not be asked.
        """
        rows = {i: each for i, each in enumerate(ids) if each and self._concerns(associations[i])}
        wrong: set[int] = set()
        for to in dict.fromkeys(link.to for link in self.links):
            held = self._between(to).read(list(rows.values())) if rows else {}
            for i, record in rows.items():
                named = self._named(associations[i]).get(to, {})
                if _missing({i: (record, named)}, held) or any(self._extra(to, record, named, held)):
                    wrong.add(i)
        return {i for i, each in enumerate(ids) if each} - wrong

    def associate(self, batch: Batch) -> tuple[dict[int, Verdict], set[int]]:
        """Write the rows of ``Associate``, each of which is a link.

        Returns:
            The verdicts, and the rows without one whose link HubSpot may have.
        """
        link = self.links[0]
        rows: dict[int, tuple[str, Named]] = {
            i: (batch.ids[i] or "", self._named(batch.associations[i]).get(link.to, {}))
            for i in range(len(batch))
        }
        try:
            held = None if link.plain else self._between(link.to).read([each for each, _ in rows.values()])
        except HubSpotError as error:
            self.requester.stop.set(error)
            return {}, set()
        pairs = self._pairs(rows, held)
        added = self._between(link.to).add(pairs.values())
        verdicts = {i: Verdict(outcome="unchanged") for i in rows if i not in pairs}
        verdicts |= {i: added.verdicts[pair] for i, pair in pairs.items() if pair in added.verdicts}
        return verdicts, {i for i, pair in pairs.items() if pair in added.sent and i not in verdicts}

    def prune(self, named: Sequence[tuple[str, list[str]]]) -> int:
        """End the links of records to others than those named; with a label, that label alone.

        Args:
            named: Record id and the ids of all records that it shall be linked to.

        Returns:
            How many links there were to end.

        Raises:
            HubSpotError: HubSpot refused, or could not be asked.
        """
        link = self.links[0]
        between = self._between(link.to)
        held = between.read([record for record, _ in named])
        rows = {
            i: (record, {each: {link.type} for each in targets}) for i, (record, targets) in enumerate(named)
        }
        return self._remove(link.to, rows, held)

    def _lacks(self, batch: Batch, i: int, verdict: Verdict) -> bool:
        return verdict.outcome in _WRITTEN and self._concerns(batch.associations[i])

    def _concerns(self, associations: str | None) -> bool:
        return associations is not None or any(link.replace for link in self.links)

    def _between(self, to: str) -> AssociationRequests:
        return AssociationRequests(self.requester, self.object_type, to)

    def _named(self, associations: str | None) -> dict[str, Named]:
        """Object type -> the links of a row to it, from the text that a create request would carry."""
        to = {link.type: link.to for link in self.links}
        named: dict[str, Named] = {}
        for each in json.loads(associations or "[]"):
            for one in each["types"]:
                link_type = (one["associationCategory"], one["associationTypeId"])
                named.setdefault(to[link_type], {}).setdefault(each["to"]["id"], set()).add(link_type)
        return named

    def _write(
        self,
        to: str,
        rows: dict[int, tuple[str, Named]],
        refused: dict[int, Verdict],
        open_rows: set[int],
    ) -> None:
        links = [link for link in self.links if link.to == to]
        between = self._between(to)
        held = None
        if any(link.replace or not link.plain for link in links):
            held = between.read([record for record, _ in rows.values()])
        asked = self._asked(rows, held)
        added = between.add(pair for pairs in asked.values() for pair in pairs)
        for i, pairs in asked.items():
            verdicts = [added.verdicts.get(pair) for pair in pairs]
            if None in verdicts:
                open_rows.add(i)
            for verdict in verdicts:
                if verdict is not None and verdict.outcome == "rejected":
                    refused.setdefault(i, verdict)
        if any(link.replace for link in links):
            done = {i: row for i, row in rows.items() if i not in refused and i not in open_rows}
            if self.requester.stop:
                open_rows |= done.keys()
            elif held is not None:
                self._remove(to, done, held)

    def _asked(
        self, rows: dict[int, tuple[str, Named]], held: CurrentAssociations | None
    ) -> dict[int, list[NewAssociation]]:
        """The links that rows name and that their records do not have; all of them where it is not known what they have."""
        return {
            i: [self._pair(record, target, types, held) for target, types in named.items()]
            for i, (record, named) in _missing(rows, held).items()
        }

    def _pairs(
        self, rows: dict[int, tuple[str, Named]], held: CurrentAssociations | None
    ) -> dict[int, NewAssociation]:
        return {i: pairs[0] for i, pairs in self._asked(rows, held).items()}

    def _pair(
        self, record: str, target: str, types: set[AssociationTypeKey], held: CurrentAssociations | None
    ) -> NewAssociation:
        """A plain link, or one with all labels that the pair has and shall have: a request with labels replaces them."""
        plain = {link.type for link in self.links if link.plain}
        labels = types - plain
        if not labels:
            return NewAssociation(record, target)
        present = (held or {}).get(record, {}).get(target, ())
        kept = {(each.category or "", each.type_id or 0) for each in present if each.label and each.type_id}
        return NewAssociation(record, target, tuple(sorted(labels | kept)))

    def _extra(
        self, to: str, record: str, named: Named, held: CurrentAssociations
    ) -> tuple[list[str], list[NewAssociation]]:
        """What ``replace`` removes from a record: whole links, and labels."""
        links = [link for link in self.links if link.to == to and link.replace]
        present = held.get(record, {})
        whole = [each for each in present if each not in named] if any(link.plain for link in links) else []
        labels: dict[str, list[AssociationTypeKey]] = {}
        for link in links:
            for target, meanings in present.items():
                has = any((each.category, each.type_id) == link.type for each in meanings)
                if has and not link.plain and target not in whole and link.type not in named.get(target, ()):
                    labels.setdefault(target, []).append(link.type)
        return whole, [NewAssociation(record, target, tuple(types)) for target, types in labels.items()]

    def _remove(self, to: str, rows: dict[int, tuple[str, Named]], held: CurrentAssociations) -> int:
        whole: dict[str, list[str]] = {}
        labels: list[NewAssociation] = []
        for record, named in rows.values():
            targets, pairs = self._extra(to, record, named, held)
            if targets:
                whole[record] = targets
            labels += pairs
        between = self._between(to)
        removed = between.remove(whole) if whole else 0
        return removed + (between.remove_labels(labels) if labels else 0)


def _missing(
    rows: dict[int, tuple[str, Named]], held: CurrentAssociations | None
) -> dict[int, tuple[str, Named]]:
    """Rows with the links that their records do not have."""
    left: dict[int, tuple[str, Named]] = {}
    for i, (record, named) in rows.items():
        lacking = {
            target: types
            for target, types in named.items()
            if held is None
            or not types
            <= {(each.category or "", each.type_id or 0) for each in held.get(record, {}).get(target, ())}
        }
        if lacking:
            left[i] = record, lacking
    return left


def _rejected(written: Verdict, refused: Verdict) -> Verdict:
    said = f"The record itself was written. HubSpot refused an association of it: {refused.message}"
    return refused._replace(id=written.id, message=said[:MESSAGE_LENGTH], warning=written.warning)
