"""Associations between two object types, request by request: add, read, remove.

All of it may be sent twice without harm. The answers carry no trace ids, so they are matched by the records'
ids, and what an answer does not speak of is sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hubspot_batch_dagster.api.associations import (
    ArchiveAnswer,
    LabelDefinition,
    ReadAnswer,
)
from hubspot_batch_dagster.api.endpoints import AssociationKind
from hubspot_batch_dagster.api.errors import (
    AnswerLost,
    AnswerTooLarge,
    InvalidBatch,
)
from hubspot_batch_dagster.api.models import ErrorItem
from hubspot_batch_dagster.sync.associations.addition import (
    AddedAssociations,
    Addition,
    Trial,
    as_input,
    associations_body,
)
from hubspot_batch_dagster.sync.associations.lines import REFUSED, UNNAMED
from hubspot_batch_dagster.sync.associations.new_associations import NewAssociation
from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey
from hubspot_batch_dagster.sync.requests.requester import Requester

MOST_PAGES = 2_000
"""Pages of one record's associations, of some hundred each; more is a list that leads back to itself."""

MOST_REMOVED = 2000
"""Targets in one archive request; HubSpot documents a limit for its sources alone."""


CurrentAssociations = Mapping[str, Mapping[str, list[LabelDefinition]]]
"""Record -> record at the other end -> what their association means."""


def labels_of(present: Sequence[LabelDefinition]) -> tuple[AssociationTypeKey, ...]:
    """Return the labels of what two records have; the association without a label is none."""
    return tuple((each.category or "", each.type_id or 0) for each in present if each.label and each.type_id)


def with_labels(
    record: str, target: str, labels: Iterable[AssociationTypeKey], current: CurrentAssociations | None
) -> NewAssociation:
    """Return a plain association, or one with all labels that there are and shall be: a request with labels
    replaces them.
    """
    wanted = set(labels)
    if not wanted:
        return NewAssociation(record, target)
    kept = labels_of((current or {}).get(record, {}).get(target, ()))
    return NewAssociation(record, target, tuple(sorted(wanted.union(kept))))


@dataclass(frozen=True)
class AssociationRequests:
    """The associations from one object type to another.

    Attributes:
        requester: The requests.
        from_type: Where the associations start; type ids are those of this direction.
        to_type: Where they lead.
    """

    requester: Requester
    from_type: str
    to_type: str

    def add(self, pairs: Iterable[NewAssociation]) -> AddedAssociations:
        """Add associations, 2,000 in a request. A refusal that names no association is halved down to the
        association that it is about, unless it is about all of them: then the run stops. A few are tried for
        that, until HubSpot takes one.

        Associations without labels leave a pair's labels as they are; labels **replace** those that the pair
        has (HubSpot, associations guide), so they come with the ones to keep.
        """
        added = AddedAssociations()
        every = list(dict.fromkeys(pairs))
        kinds: tuple[AssociationKind, ...] = ("default", "create")
        for kind in kinds:
            of_kind = [each for each in every if bool(each.types) == (kind == "create")]
            trial = Trial()
            most = self.requester.association_endpoint(self.from_type, self.to_type, kind).max_inputs
            for at in range(0, len(of_kind), most):
                Addition(
                    self.requester,
                    (self.from_type, self.to_type),
                    kind,
                    of_kind[at : at + most],
                    added,
                    trial,
                ).run()
        if any(each.outcome == "created" for each in added.verdicts.values()):
            # HubSpot takes others, so a no that names no record is about its association all the same.
            unnamed = {pair: each for pair, each in added.verdicts.items() if each.code == UNNAMED}
            added.verdicts.update((pair, each._replace(code=REFUSED)) for pair, each in unnamed.items())
        return added

    def read(self, ids: Sequence[str]) -> CurrentAssociations:
        """Return what records are associated with at present, 1,000 in a request.

        Raises:
            HubSpotError: HubSpot could not be asked.
        """
        where = self.requester.association_endpoint(self.from_type, self.to_type, "read")
        found: dict[str, dict[str, list[LabelDefinition]]] = {}
        asked: list[tuple[str, str | None]] = [(each, None) for each in dict.fromkeys(ids)]
        pages: Counter[str] = Counter()
        size = where.max_inputs
        while asked:
            part, asked = asked[:size], asked[size:]
            inputs = [{"id": each} if after is None else {"id": each, "after": after} for each, after in part]
            before = dict(part)
            try:
                results = self.requester.post(where, associations_body(inputs), ReadAnswer).results
            except AnswerTooLarge:
                if len(part) == 1:
                    raise
                asked, size = [*part, *asked], len(part) // 2
                continue
            for result in results:
                held = found.setdefault(result.from_.id, {})
                for target in result.to:
                    held.setdefault(target.to_object_id, []).extend(target.association_types)
                if result.after is not None and result.after != before.get(result.from_.id, result.after):
                    asked.append((result.from_.id, result.after))
                    pages[result.from_.id] += 1
            if pages and max(pages.values()) > MOST_PAGES:
                raise AnswerLost("HubSpot's list of a record's associations has no end.").of_a_read()
        return found

    def remove(self, associations: Mapping[str, Sequence[str]]) -> int:
        """End every association between records and those named with each of them; returns how many pairs.

        Raises:
            HubSpotError: HubSpot refused, or could not be asked.
        """
        where = self.requester.association_endpoint(self.from_type, self.to_type, "archive")
        pieces = [
            (source, targets[at : at + MOST_REMOVED])
            for source, targets in associations.items()
            for at in range(0, len(targets), MOST_REMOVED)
        ]
        for part in _portions(pieces, where.max_inputs):
            inputs = [{"from": {"id": source}, "to": [{"id": each} for each in to]} for source, to in part]
            _check(self.requester.post(where, associations_body(inputs), ArchiveAnswer))
        return sum(len(targets) for targets in associations.values())

    def remove_labels(self, pairs: Sequence[NewAssociation]) -> int:
        """Take labels from pairs, which stay associated; returns how many pairs.

        Raises:
            HubSpotError: HubSpot refused, or could not be asked.
        """
        where = self.requester.association_endpoint(self.from_type, self.to_type, "labels_archive")
        for at in range(0, len(pairs), where.max_inputs):
            inputs = [as_input(each) for each in pairs[at : at + where.max_inputs]]
            _check(self.requester.post(where, associations_body(inputs), ArchiveAnswer))
        return len(pairs)


def _check(answer: ArchiveAnswer) -> None:
    if answer.errors or answer.num_errors:
        first = answer.errors[0] if answer.errors else ErrorItem(message="it names none of them")
        raise InvalidBatch(
            f"HubSpot did not remove an association: {first.message}", status=207, category=first.category
        )


def _portions(
    pieces: Sequence[tuple[str, Sequence[str]]], most: int
) -> Iterator[list[tuple[str, Sequence[str]]]]:
    """So many sources and ``MOST_REMOVED`` targets at a time."""
    part: list[tuple[str, Sequence[str]]] = []
    size = 0
    for piece in pieces:
        if part and (len(part) == most or size + len(piece[1]) > MOST_REMOVED):
            yield part
            part, size = [], 0
        part.append(piece)
        size += len(piece[1])
    if part:
        yield part
