"""What is known of the rows of a batch, made durable: their states, their outcomes, and what the journal
still holds of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hubspot_batch_dagster.api.departure import LeaveBy
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of
from hubspot_batch_dagster.sync.delivery.delivered_batch import DeliveredBatch
from hubspot_batch_dagster.sync.delivery.delivery_context import DeliveryContext
from hubspot_batch_dagster.sync.delivery.row_states import Event, Kind, RowStates, State

LOST = "The answer was lost; the next run sends the row again."

DOUBTED = (
    "HubSpot refused its batch with a 409, which does not say whether other rows were written; the next run"
    " sends the row again."
)

UNDER_WAY = (State.SENT, State.RESENT)


class BatchSettlement:
    """The rows of a batch, as far as they are settled.

    Args:
        sender: Whose journal and clock are used.
        batch: The rows.
        intent: Their intent, durable already.
    """

    def __init__(self, sender: DeliveryContext, batch: Batch, intent: Intent) -> None:
        self.sender = sender
        self.batch = batch
        self.intent = intent
        self.repeatable = batch.action != "create"
        self.keyed = {} if self.repeatable else sender.lookup.keyed(batch.properties)
        self.before = {i: sender.suspects[key] for i, key in enumerate(batch.keys) if key in sender.suspects}
        self.states = RowStates([self._kind(i) for i in range(len(batch))], self.before)
        self.stale: dict[int, str | None] = {}
        self.at_large = False
        self.doubt = LOST
        self.mark = 0
        self.refused: set[int] = set()
        self.delivery = DeliveredBatch()

    def _kind(self, row: int) -> Kind:
        if self.repeatable:
            return Kind.REPEATABLE
        return Kind.UNIQUE if row in self.keyed else Kind.BARE

    def _note_time(self) -> LeaveBy:
        """Note that a request is about to leave. If it had to wait, the journal is told."""
        rows: Sequence[int] = range(len(self.intent)) if self.at_large else self.states.unsettled()
        self.intent = self.sender.leaving_at(self.intent, rows)
        return self.sender.leave_by(self.intent)

    def _settle(self, verdicts: dict[int, Verdict], event: Event) -> None:
        """Make verdicts durable. ``event`` is what happened to the rows that were not refused."""
        if not verdicts:
            return
        refused = [row for row, verdict in verdicts.items() if verdict.outcome == "rejected"]
        written = [row for row in verdicts if row not in set(refused)]
        self.states.happens(Event.REFUSED, refused)
        self.refused.update(refused)
        self.states.happens(event, written)
        if written:
            self.sender.trials.row_taken(self.batch.action, self.mark)
        if self.batch.action == "create" and self.sender.updates:
            self.stale.update({row: verdicts[row].id for row in written if verdicts[row].stale})
        outcomes = outcomes_of(self.batch, verdicts, self.sender.clock())
        self._record(outcomes, self._left())
        self.delivery.outcomes.append(outcomes)

    def _refused_with_the_run(self, rows: list[int], *, certain: bool) -> None:
        """HubSpot refuses every row of the run. These were not written, or (not ``certain``) perhaps were."""
        if not certain:
            self.doubt = DOUBTED
        self.states.happens(Event.NOT_CARRIED_OUT if certain else Event.CONFLICT, rows)

    def _left(self) -> Intent | None:
        """Return what the journal must still know of the batch: the open rows, and all of them while a
        request without an answer is at large.
        """
        unsettled = self.states.unsettled()
        if self.at_large:
            return replace(self.intent, settled=not unsettled)
        return self.intent.pick(unsettled) if unsettled else None

    def _record(self, outcomes: Outcomes, left: Intent | None) -> None:
        sender = self.sender
        closed = self.intent.id if left is None else None
        sender.journal.settle(sender.sync, sender.run, outcomes, intent_id=closed, left=left)

    def _close(self) -> None:
        """Say of each open row whether HubSpot may have it; what it cannot have is simply not sent."""
        if not self.states.unsettled():
            return
        self.states.happens(Event.NO_ANSWER, self.states.those(*UNDER_WAY))
        self.states.happens(Event.GIVEN_UP, self.states.moving())
        if anew := self.states.those(State.HANDED_BACK):
            self.delivery.again = self.batch.pick(anew)
        if perhaps := self.states.those(State.OPEN):
            self.delivery.lost = self.intent.pick(perhaps)
            self._record(Outcomes(), self.delivery.lost)
            return
        unknown = self.states.those(State.UNKNOWN)
        ids = self.batch.ids if self.batch.action == "archive" else [None] * len(self.batch)
        verdicts = {row: Verdict(outcome="unknown", id=ids[row], message=self.doubt) for row in unknown}
        outcomes = outcomes_of(self.batch, verdicts, self.sender.clock())
        self._record(outcomes, replace(self.intent, settled=True) if self.at_large else None)
        if unknown:
            self.delivery.outcomes.append(outcomes)

    def _follow_up(self) -> None:
        """Rows that were to be created, and whose records exist with other values, are updates now."""
        if self.stale:
            found = sorted(self.stale)
            self.delivery.stale = replace(
                self.batch.pick(found),
                action="update",
                ids=[self.stale[i] for i in found],
                again=self.batch.again + 1,
            )
