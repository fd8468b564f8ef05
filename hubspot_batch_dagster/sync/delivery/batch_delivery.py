"""One batch, settled row by row: retries, splitting, and what stays unknown.

Each answer is durable before the next request.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hubspot_batch_dagster.api.connection import Answer
from hubspot_batch_dagster.api.errors import Conflict, HubSpotError, InvalidBatch, StoreError
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.packed_batch import AcceptedBatch
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of
from hubspot_batch_dagster.sync.requests.retry_policy import Again, Decision, Examine, Split, Stop, decide
from hubspot_batch_dagster.sync.settlement.answers import verdicts_on
from hubspot_batch_dagster.sync.settlement.refusals import refusals, rejection

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.delivery.sender import Sender

MANY = 10
"""From this many rows on, a batch in which every single row is refused for one reason stops the run."""


@dataclass
class DeliveredBatch:
    """What became of a batch.

    Attributes:
        outcomes: What is settled; durable already.
        again: Rows to send in another way: the record to update is gone and may be made anew.
        stale: Updates to send: these rows were to be created, and their records exist with other values.
        lost: The intent that is still open, with its rows that HubSpot perhaps wrote.
        accepted: A batch that went all well. Its outcomes are not durable yet: :meth:`Sender.begin` makes them so.
    """

    outcomes: list[Outcomes] = field(default_factory=list)
    again: Batch | None = None
    stale: Batch | None = None
    lost: Intent | None = None
    accepted: AcceptedBatch | None = None


class BatchDelivery:
    """The state of one batch under way.

    Attributes:
        first: What came of a request that left before there was an attempt.
    """

    def __init__(self, sender: Sender, batch: Batch, intent: Intent) -> None:
        self.sender = sender
        self.requester = sender.requester
        self.batch = batch
        self.intent = intent
        self.repeatable = batch.action != "create"
        self.open = set(range(len(batch)))
        self.before = {i: sender.suspects[key] for i, key in enumerate(batch.keys) if key in sender.suspects}
        self.touched = set(self.before)
        self.stale: dict[int, str | None] = {}
        self.at_large = False
        self.lost: set[int] = set()
        self.missing: set[int] = set()
        self.resent: Counter[int] = Counter()
        self.delivery = DeliveredBatch()
        self.refusals: Counter[str] = Counter()
        self.deadline = time.monotonic() + sender.requester.retry_policy.total
        self.first: HubSpotError | Answer | None = None

    def run(self) -> DeliveredBatch:
        work = [sorted(self.open)]
        try:
            # What left already is settled even if the run has been stopped meanwhile.
            while work and (self.first is not None or not self.requester.stop):
                work += self._send(work.pop())
        except StoreError:
            raise
        except HubSpotError as error:
            self.requester.stop.set(error)
        self._stop_if_hopeless()
        self._close()
        if self.stale:
            found = sorted(self.stale)
            self.delivery.stale = replace(
                self.batch.pick(found),
                action="update",
                ids=[self.stale[i] for i in found],
                again=self.batch.again + 1,
            )
        return self.delivery

    def _send(self, indexes: list[int]) -> list[list[int]]:
        """Send some rows, again if that is safe; returns the groups of rows that must be sent next."""
        part = self.batch.pick(indexes)
        for attempt in range(1, self.requester.retry_policy.tries + 1):
            try:
                verdicts = self._ask(part, attempt)
            except StoreError:
                raise
            except HubSpotError as error:
                if error.may_have_acted:
                    self.touched.update(indexes)
                    self.at_large |= self.repeatable and not isinstance(error, Conflict)
                decision = self._decide(error, attempt)
                if not isinstance(decision, Again):
                    return self._after(error, decision, indexes, part)
                self.requester.pause(decision)
                if self.requester.stop:
                    return []
            else:
                return self._answered(verdicts, indexes, part)
        return []

    def _ask(self, part: Batch, attempt: int) -> dict[int, Verdict]:
        """Send the rows, or take what came of the request that left before there was an attempt."""
        first, self.first = self.first, None
        if isinstance(first, HubSpotError):
            raise first
        if first is not None:
            return verdicts_on(part, first, self.sender.object_type)
        answer = self.requester.post_batch(
            self.sender.object_type, part.action, part.body(), retry=attempt > 1, leaving=self._note_time
        )
        return verdicts_on(part, answer, self.sender.object_type)

    def _note_time(self) -> None:
        rows = range(len(self.intent)) if self.at_large else sorted(self.open)
        self.intent = self.sender.leaving_at(self.intent, rows)

    def _decide(self, error: HubSpotError, attempt: int) -> Decision:
        decision = decide(
            error, repeatable=self.repeatable, attempt=attempt, retry_policy=self.requester.retry_policy
        )
        if isinstance(decision, Again) and time.monotonic() + decision.pause > self.deadline:
            return Stop()
        return decision

    def _answered(self, verdicts: dict[int, Verdict], indexes: list[int], part: Batch) -> list[list[int]]:
        try:
            verdicts = self._reconsider(verdicts, part)
        finally:
            self.touched.update(indexes)
        if part.action == "update" and len(verdicts) < len(part):
            # HubSpot may leave unknown records out of its answer without a word.
            absent = self.sender.lookup.absent(part.ids, part.id_property) - verdicts.keys()
            verdicts = {**verdicts, **dict.fromkeys(absent, _ABSENT)}
        found = {indexes[i]: verdict for i, verdict in verdicts.items()}
        if self.sender.updates and part.action == "update":
            made_anew, keys = self.sender.recreate, self.sender.perhaps_archived
            self.missing |= {
                i
                for i, verdict in found.items()
                if verdict.category == "OBJECT_NOT_FOUND" and (made_anew or self.batch.keys[i] in keys)
            }
            found = {i: verdict for i, verdict in found.items() if i not in self.missing}
        self._settle(found)
        omitted = [i for i in indexes if i not in found and i not in self.missing]
        if not omitted:
            return []
        return self._not_too_often(omitted) if self.repeatable else self._look_up(omitted)

    def _after(
        self, error: HubSpotError, decision: Decision, indexes: list[int], part: Batch
    ) -> list[list[int]]:
        if isinstance(decision, Split):
            return self._split(error, indexes, part)
        if isinstance(decision, Examine):
            return (
                self._conflict(error, indexes, part)
                if isinstance(error, Conflict)
                else self._look_up(indexes)
            )
        self.requester.stop.set(error)
        return []

    def _split(self, error: HubSpotError, indexes: list[int], part: Batch) -> list[list[int]]:
        """Reject the rows that HubSpot names and send the others; if it names none, halve."""
        named = {0: rejection(error, error.correlation_id)} if len(indexes) == 1 else refusals(part, error)
        if not named:
            return _halves(indexes)
        self.refusals.update(verdict.message or "" for verdict in named.values())
        rejected = self._reconsider(named, part)
        self._settle({indexes[i]: each for i, each in rejected.items()})
        rest = [each for i, each in enumerate(indexes) if i not in named]
        return [rest] if rest else []

    def _conflict(self, error: HubSpotError, indexes: list[int], part: Batch) -> list[list[int]]:
        """A 409 for a batch of creates: whether the other rows were written is not documented, so look before sending again."""
        if len(indexes) == 1:
            return self._split(error, indexes, part)
        keyed = self.sender.lookup.keyed(part.properties)
        found = self._own(part, keyed) if keyed else {}
        if len(keyed) < len(part):
            self.requester.stop.wait(self.requester.retry_policy.index_lag)
            wanted = part.without(list(keyed)).intent(self.intent.sent_at)
            searched = self.sender.lookup.by_search([wanted])[wanted.id]
            rest = [i for i in range(len(part)) if i not in keyed]
            found = {**found, **{rest[i]: verdict for i, verdict in searched.items()}}
        self._settle({indexes[i]: verdict for i, verdict in found.items()})
        left = [each for i, each in enumerate(indexes) if i not in found]
        return _halves(left) if left else []

    def _look_up(self, indexes: list[int]) -> list[list[int]]:
        """Creates whose answer was lost: read them back by a unique value; what has none stays open for the search.

        A row with a unique value that HubSpot does not have may be sent again: were the lost request still
        to be carried out, HubSpot would refuse the second record.
        """
        part = self.batch.pick(indexes)
        keyed = self.sender.lookup.keyed(part.properties)
        self.lost.update(indexes[i] for i in range(len(part)) if i not in keyed)
        if not keyed:
            return []
        found = self._own(part, keyed)
        self._settle({indexes[i]: verdict for i, verdict in found.items()})
        return self._not_too_often([indexes[i] for i in keyed if i not in found])

    def _not_too_often(self, indexes: list[int]) -> list[list[int]]:
        """Rows to send again after a pause, without those that were sent often enough: they stay open."""
        self.resent.update(indexes)
        tired = {i for i in indexes if self.resent[i] >= self.requester.retry_policy.tries}
        self.lost |= tired
        rest = [i for i in indexes if i not in tired]
        if not rest:
            return []
        self.requester.pause(
            Again(self.requester.retry_policy.backoff * 2 ** (max(self.resent[i] for i in rest) - 1))
        )
        return [rest]

    def _reconsider(self, verdicts: dict[int, Verdict], part: Batch) -> dict[int, Verdict]:
        """A create that HubSpot refuses because the value exists may be our own, written a moment ago."""
        if part.action != "create":
            return verdicts
        doubtful = [
            i for i, verdict in verdicts.items() if verdict.outcome == "rejected" and _is_conflict(verdict)
        ]
        doubtful = [
            i
            for i in doubtful
            if self.sender.lookup.adopts or self.batch.rows.index(part.rows[i]) in self.touched
        ]
        keyed = self.sender.lookup.keyed(part.properties)
        doubtful = [i for i in doubtful if i in keyed]
        if not doubtful:
            return verdicts
        return {**verdicts, **self._own(part, {i: keyed[i] for i in doubtful})}

    def _own(self, part: Batch, keyed: dict[int, str]) -> dict[int, Verdict]:
        """Whose the records with these unique values are."""
        place, sent = self.batch.rows.index, self.intent.sent_at
        sent_at = {i: self.before.get(place(part.rows[i]), sent) for i in keyed}
        found = self.sender.lookup.by_unique_value(part.properties, keyed, sent_at)
        return self.sender.association_writer.settle_found(part, found)

    def _settle(self, verdicts: dict[int, Verdict]) -> None:
        if not (verdicts := self.sender.association_writer.settle(self.batch, verdicts)):
            return
        self.open -= verdicts.keys()
        if self.batch.action == "create" and self.sender.updates:
            self.stale.update({i: verdict.id for i, verdict in verdicts.items() if verdict.stale})
        outcomes = outcomes_of(self.batch, verdicts, self.sender.clock())
        self._record(outcomes, self._left())
        self.delivery.outcomes.append(outcomes)

    def _left(self) -> Intent | None:
        """What the journal must still know of the batch: the open rows, and all of them while a request without an answer is at large."""
        if self.at_large:
            return replace(self.intent, settled=not self.open)
        return self.intent.pick(sorted(self.open)) if self.open else None

    def _record(self, outcomes: Outcomes, left: Intent | None) -> None:
        sender = self.sender
        closed = self.intent.id if left is None else None
        sender.journal.settle(sender.sync, sender.run, outcomes, intent_id=closed, left=left)

    def _close(self) -> None:
        """Say of each open row whether HubSpot may have it; what it cannot have is simply not sent."""
        if not self.open:
            return
        perhaps = sorted((self.lost | (self.open & self.touched)) & self.open - self.missing)
        if self.missing & self.open:
            self.delivery.again = self.batch.pick(sorted(self.missing & self.open))
        if perhaps and not self.repeatable:
            self.delivery.lost = self.intent.pick(perhaps)
            self._record(Outcomes(), self.delivery.lost)
            return
        ids = self.batch.ids if self.batch.action == "archive" else [None] * len(self.batch)
        verdicts = {i: Verdict(outcome="unknown", id=ids[i], message=LOST) for i in perhaps}
        outcomes = outcomes_of(self.batch, verdicts, self.sender.clock())
        self._record(outcomes, replace(self.intent, settled=True) if self.at_large else None)
        if perhaps:
            self.delivery.outcomes.append(outcomes)

    def _stop_if_hopeless(self) -> None:
        """Every row refused alone, for one reason: the operation is wrong and not the rows; do not go on like this."""
        if len(self.refusals) == 1 and sum(self.refusals.values()) == len(self.batch) >= MANY:
            reason = next(iter(self.refusals))
            self.requester.stop.set(
                InvalidBatch(
                    f"HubSpot refused all {len(self.batch)} rows of a batch, one by one, for the same reason: {reason}",
                    status=400,
                    remedy="Correct the operation or the column that it names, then run again; the other rows were not sent.",
                )
            )


LOST = "The answer was lost; the next run sends the row again."
_ABSENT = Verdict(
    outcome="rejected",
    category="OBJECT_NOT_FOUND",
    code="OBJECT_NOT_FOUND",
    message="HubSpot has no such record: its answer left the row out, and the record cannot be read.",
)


def _halves(indexes: list[int]) -> list[list[int]]:
    middle = len(indexes) // 2
    return [indexes[middle:], indexes[:middle]]


def _is_conflict(verdict: Verdict) -> bool:
    return verdict.category == "CONFLICT" or verdict.code in (
        "CONFLICTING_UNIQUE_VALUE",
        "CONFLICT",
        "OBJECT_ALREADY_EXISTS",
    )
