"""Associations under way, as many as one request takes: sent, taken apart where HubSpot refuses them, and
given a verdict each.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic_core import to_json

from hubspot_batch_dagster.api.association_types import plain_association
from hubspot_batch_dagster.api.associations import AssociationSpec, CreatedAnswer, DefaultAnswer
from hubspot_batch_dagster.api.batch_results import associated_pairs
from hubspot_batch_dagster.api.bodies import batch_body
from hubspot_batch_dagster.api.connection import Answer
from hubspot_batch_dagster.api.endpoints import AssociationKind
from hubspot_batch_dagster.api.errors import HubSpotError, InvalidBatch, RecordsNotFound
from hubspot_batch_dagster.api.models import ErrorItem
from hubspot_batch_dagster.sync.associations.lines import UNNAMED
from hubspot_batch_dagster.sync.associations.moved_records import moved_records
from hubspot_batch_dagster.sync.associations.new_associations import NewAssociation, named, refusal
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.requests.groups import MOST_ALONE, Group, Groups
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.requests.retry_policy import Again, Halve, NoneExist, Retries, Split, decide

_NUMBER = re.compile(r"[0-9]+")
_OPEN = Verdict(outcome="unknown")


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


@dataclass
class Trial:
    """Whether refusals without a name are about some associations or about all.

    Attributes:
        words: What HubSpot said to those that were sent alone, without its numbers.
        over: It is known.
    """

    words: set[str] = field(default_factory=set)
    over: bool = False


class Addition:
    """Associations of one kind under way, as many as one request takes."""

    def __init__(
        self,
        requester: Requester,
        types: tuple[str, str],
        kind: AssociationKind,
        pairs: Sequence[NewAssociation],
        added: AddedAssociations,
        trial: Trial,
    ) -> None:
        self.requester = requester
        self.where = requester.association_endpoint(*types, kind)
        self.kind = kind
        self.types = types
        self.plain = plain_association(*types)
        self.pairs = pairs
        self.groups = Groups(range(len(pairs)))
        self.added = added
        self.trial = trial
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
        self.trial.over |= bool(done)
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
            self._refused(errors[0], self.pairs[left[0]])
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
            self._tell_apart(error, group)
            return
        self.groups.found()
        self._refused(error, pairs[0])

    def _refused(self, error: HubSpotError | ErrorItem, pair: NewAssociation) -> None:
        """Reject an association that was sent alone."""
        verdict = self.added.verdicts[pair] = refusal(error, pair)
        self.trial.words.add(_NUMBER.sub("#", verdict.message or ""))
        self.trial.over |= verdict.code != UNNAMED

    def _tell_apart(self, error: HubSpotError, group: Group) -> None:
        """Halve a group that was refused without a name, unless single ones of it are all refused alike.

        Those are asked for once more: what refused them may have passed.
        """
        trial, verdicts = self.trial, self.added.verdicts
        step = len(group.rows) // MOST_ALONE
        tried: list[int] = []
        if step and not trial.over:
            trial.words.clear()
            # From another one in each run: what one run does not find a later one may.
            for row in group.rows[random.randrange(step) :: step][:MOST_ALONE]:
                self._send(Group([row]))
                tried.append(row)
                if self.requester.stop:
                    return
                trial.over |= len(trial.words) > 1
                if trial.over:
                    break
            if not trial.over and all(self.pairs[row] in verdicts for row in tried):
                self.requester.stop.set(_about_all(error, len(tried)))
                return
            trial.over = True
        again = [row for row in tried if verdicts.get(self.pairs[row], _OPEN).outcome == "rejected"]
        for row in again:
            del verdicts[self.pairs[row]]
        left = [row for row in group.rows if self.pairs[row] not in verdicts and row not in again]
        if len(left) > 1:
            self.groups.halve(Group(left))
        else:
            self.groups.add(left)
        for row in again:
            self.groups.add([row], refused=True)

    def _asked(self, part: list[NewAssociation]) -> tuple[set[NewAssociation], list[ErrorItem]]:
        body = associations_body(as_input(each) for each in part)
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


def _about_all(error: HubSpotError, alone: int) -> HubSpotError:
    return InvalidBatch(
        f"HubSpot refused {alone} associations, one by one, for the same reason: {error.message}",
        status=error.status,
        remedy=(
            "Correct the association or the column that it names, or give the app the permission, then run"
            " again; the others were not sent."
        ),
    )


def as_input(pair: NewAssociation) -> dict[str, object]:
    ends: dict[str, object] = {"from": {"id": pair.from_id}, "to": {"id": pair.to_id}}
    if pair.types:
        ends["types"] = [
            {"associationCategory": category, "associationTypeId": type_id}
            for category, type_id in pair.types
        ]
    return ends


def associations_body(inputs: Iterable[object]) -> bytes:
    return batch_body(*map(to_json, inputs))
