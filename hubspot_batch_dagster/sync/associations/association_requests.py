"""Associations between two object types, request by request: add, read, remove.

All of it may be sent twice without harm. The answers carry no trace ids, so they are matched by the records'
ids, and what an answer does not speak of is sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic_core import to_json

from hubspot_batch_dagster.api.association_types import plain_association
from hubspot_batch_dagster.api.associations import (
    ArchiveAnswer,
    AssociationSpec,
    CreatedAnswer,
    DefaultAnswer,
    LabelDefinition,
    ReadAnswer,
)
from hubspot_batch_dagster.api.batch_results import associated_pairs
from hubspot_batch_dagster.api.bodies import batch_body
from hubspot_batch_dagster.api.connection import Answer
from hubspot_batch_dagster.api.endpoints import AssociationKind
from hubspot_batch_dagster.api.errors import (
    AnswerLost,
    AnswerTooLarge,
    HubSpotError,
    InvalidBatch,
    RecordsNotFound,
)
from hubspot_batch_dagster.api.models import ErrorItem
from hubspot_batch_dagster.sync.associations.lines import UNNAMED
from hubspot_batch_dagster.sync.associations.moved_records import moved_records
from hubspot_batch_dagster.sync.associations.new_associations import NewAssociation, named, refusal
from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.requests.groups import Group, Groups
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.requests.retry_policy import Again, Halve, NoneExist, Retries, Split, decide

MANY = 10
"""So many associations refused one by one for the same reason, and none taken, and the run stops."""

MOST_PAGES = 2_000
"""Pages of one record's associations, of some hundred each; more is a list that leads back to itself."""

MOST_REMOVED = 2000
"""Targets in one archive request; HubSpot documents a limit for its sources alone."""


@dataclass
class AddedAssociations:
    """What became of associations.

    Attributes:
        verdicts: Association -> ``created``, or ``rejected`` with HubSpot's reason. What is still open is
            missing.
        sent: Associations that HubSpot may have.
    """

    verdicts: dict[NewAssociation, Verdict] = field(default_factory=dict)
    sent: set[NewAssociation] = field(default_factory=set)


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
        association that it is about.

        Associations without labels leave a pair's labels as they are; labels **replace** those that the pair
        has (HubSpot, associations guide), so they come with the ones to keep.
        """
        added = AddedAssociations()
        every = list(dict.fromkeys(pairs))
        kinds: tuple[AssociationKind, ...] = ("default", "create")
        for kind in kinds:
            of_kind = [each for each in every if bool(each.types) == (kind == "create")]
            refused: Counter[str] = Counter()
            most = self.requester.association_endpoint(self.from_type, self.to_type, kind).max_inputs
            for at in range(0, len(of_kind), most):
                _Addition(self, kind, of_kind[at : at + most], added, refused).run()
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
                results = self.requester.post(where, _body(inputs), ReadAnswer).results
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
            _check(self.requester.post(where, _body(inputs), ArchiveAnswer))
        return sum(len(targets) for targets in associations.values())

    def remove_labels(self, pairs: Sequence[NewAssociation]) -> int:
        """Take labels from pairs, which stay associated; returns how many pairs.

        Raises:
            HubSpotError: HubSpot refused, or could not be asked.
        """
        where = self.requester.association_endpoint(self.from_type, self.to_type, "labels_archive")
        for at in range(0, len(pairs), where.max_inputs):
            inputs = [_input(each) for each in pairs[at : at + where.max_inputs]]
            _check(self.requester.post(where, _body(inputs), ArchiveAnswer))
        return len(pairs)


class _Addition:
    """Associations of one kind under way, as many as one request takes."""

    def __init__(
        self,
        between: AssociationRequests,
        kind: AssociationKind,
        pairs: Sequence[NewAssociation],
        added: AddedAssociations,
        refused: Counter[str],
    ) -> None:
        self.requester = between.requester
        self.where = between.requester.association_endpoint(between.from_type, between.to_type, kind)
        self.kind = kind
        self.types = between.from_type, between.to_type
        self.plain = plain_association(between.from_type, between.to_type)
        self.pairs = pairs
        self.groups = Groups(range(len(pairs)))
        self.added = added
        self.refused = refused
        self.silent: dict[int, Retries] = {}

    def run(self) -> None:
        while not self.requester.stop and (group := self.groups.next()):
            self._send(group)

    def _send(self, group: Group) -> None:
        part = [self.pairs[i] for i in group.rows]
        try:
            done, errors = self._asked(part)
        except HubSpotError as error:
            if error.may_have_acted:
                self.added.sent.update(part)
            self._after(error, group)
            return
        self.added.sent.update(part)
        verdicts = self.added.verdicts
        verdicts.update(dict.fromkeys(done, Verdict(outcome="created")))
        left = [each for each in part if each not in done]
        for error_item in errors:
            for each in named(error_item, left):
                verdicts.setdefault(each, refusal(error_item, each))
        self._again([i for i in group.rows if self.pairs[i] not in verdicts], group, errors)

    def _after(self, error: HubSpotError, group: Group) -> None:
        """Choose what to send next after a request that failed as often as it may, by the table of
        answers.
        """
        policy = self.requester.retry_policy
        decision = decide(error, repeatable=True, attempt=policy.tries, retry_policy=policy)
        if isinstance(decision, Halve) and len(group.rows) > 1:
            self.groups.shrink(group)
        elif isinstance(decision, Halve) and error.may_have_acted:
            return  # one alone whose answer is too large: it stays open
        elif isinstance(decision, Split | Halve | NoneExist):
            self._split(error, group)
        else:
            self.requester.stop.set(error)

    def _again(self, left: list[int], group: Group, errors: list[ErrorItem]) -> None:
        """Choose what to send next of the associations that the answer does not speak of.

        Errors that name nobody are halved down to the association that they are about. An answer that says
        nothing at all is like a lost one: the same request again after a pause, and not too often.
        """
        if not left or len(left) < len(group.rows):
            self.groups.taken(group)
            self.groups.add(left)
        elif errors and len(left) > 1:
            self.groups.halve(group)
        elif errors:
            self.added.verdicts[self.pairs[left[0]]] = refusal(errors[0], self.pairs[left[0]])
        else:
            retries = self.silent.setdefault(left[0], Retries(self.requester.retry_policy))
            decision = retries.after_silence()
            if isinstance(decision, Again):
                self.requester.pause(decision)
                self.groups.add(left)

    def _split(self, error: HubSpotError, group: Group) -> None:
        pairs = [self.pairs[i] for i in group.rows]
        about = named(ErrorItem(context=error.context), pairs)
        if 0 < len(about) < len(pairs) or (len(pairs) > 1 and about and isinstance(error, RecordsNotFound)):
            self.added.verdicts.update((each, refusal(error, each)) for each in about)
            self.groups.add(i for i in group.rows if self.pairs[i] not in self.added.verdicts)
            return
        if len(pairs) > 1:
            self.groups.halve(group)
            return
        self.groups.found()
        verdict = self.added.verdicts[pairs[0]] = refusal(error, pairs[0])
        self.refused[error.said or error.message] += verdict.code == UNNAMED
        alike = self.refused.most_common(1)[0][1]
        if alike >= MANY and alike == len(self.added.verdicts):
            self.requester.stop.set(
                InvalidBatch(
                    f"HubSpot refused {alike} associations, one by one, for the same reason: {error.message}",
                    status=400,
                    remedy=(
                        "Correct the association or the column that it names, then run again; the others were"
                        " not sent."
                    ),
                )
            )

    def _asked(self, part: list[NewAssociation]) -> tuple[set[NewAssociation], list[ErrorItem]]:
        body = _body(_input(each) for each in part)
        if self.kind == "default":
            ends, errors = self.requester.ask_of(self.where, body, self._forward)
        else:
            made = self.requester.post(self.where, body, CreatedAnswer)
            ends, errors = {(each.from_object_id, each.to_object_id) for each in made.results}, made.errors
        done = {each for each in part if each[:2] in ends}
        return done | self._done_by_others(set(part) - done, ends - {each[:2] for each in part}), errors

    def _done_by_others(self, left: set[NewAssociation], ends: set[tuple[str, str]]) -> set[NewAssociation]:
        """Of the associations that an answer does not speak of those that it has under other ids: their
        records were merged.
        """
        if not left or not ends:
            return set()
        first = moved_records(self.requester, self.types[0], {each.from_id for each in left})
        second = moved_records(self.requester, self.types[1], {each.to_id for each in left})
        return {
            each
            for each in left
            if (first.get(each.from_id, each.from_id), second.get(each.to_id, each.to_id)) in ends
        }

    def _forward(self, answer: Answer) -> tuple[set[tuple[str, str]], list[ErrorItem]]:
        """Return the ends of the lines of this direction: each association comes in both, and ids of two
        object types may be alike.
        """
        if answer.status == 204:
            return set(), []
        errors: list[ErrorItem] = []
        lines: Sequence[tuple[int | None, str, str]] | None = associated_pairs(answer.body)
        if lines is None:
            whole = answer.whole(DefaultAnswer)
            specs = [each.association_spec or AssociationSpec() for each in whole.results]
            lines = [
                (spec.association_type_id, each.from_.id, each.to.id)
                for spec, each in zip(specs, whole.results, strict=True)
            ]
            errors = whole.errors
        own = {(first, second) for spec, first, second in lines if spec == self.plain}
        return own or {(first, second) for _, first, second in lines}, errors


def _check(answer: ArchiveAnswer) -> None:
    if answer.errors or answer.num_errors:
        first = answer.errors[0] if answer.errors else ErrorItem(message="it names none of them")
        raise InvalidBatch(
            f"HubSpot did not remove an association: {first.message}", status=207, category=first.category
        )


def _input(pair: NewAssociation) -> dict[str, object]:
    ends: dict[str, object] = {"from": {"id": pair.from_id}, "to": {"id": pair.to_id}}
    if pair.types:
        ends["types"] = [
            {"associationCategory": category, "associationTypeId": type_id}
            for category, type_id in pair.types
        ]
    return ends


def _body(inputs: Iterable[object]) -> bytes:
    return batch_body(*map(to_json, inputs))


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
