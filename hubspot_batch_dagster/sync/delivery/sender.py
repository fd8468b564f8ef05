"""The sender: how a batch leaves, and what is durable before it does and after its answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hubspot_batch_dagster.api.connection import Answer
from hubspot_batch_dagster.api.departure import LeaveBy, Moment
from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Line, Outcomes
from hubspot_batch_dagster.sync.batches.packed_batch import AcceptedBatch, PackedBatch
from hubspot_batch_dagster.sync.batches.verdict import outcomes_of
from hubspot_batch_dagster.sync.delivery.archive_guard import archivable
from hubspot_batch_dagster.sync.delivery.batch_delivery import BatchDelivery
from hubspot_batch_dagster.sync.delivery.delivered_batch import DeliveredBatch
from hubspot_batch_dagster.sync.delivery.delivery_context import DeliveryContext


@dataclass(frozen=True)
class Sender(DeliveryContext):
    """Sends batches; one for a run, used by all of its threads."""

    def begin(
        self, batches: Sequence[Batch | PackedBatch], accepted: Sequence[AcceptedBatch]
    ) -> list[Batch | PackedBatch]:
        """Make durable what went all well, and the intents of batches that are to leave: in one transaction.

        Args:
            batches: What is to leave.
            accepted: What :meth:`deliver` gave back.

        Returns:
            The batches, to be delivered. Those that cannot leave as they are have been unpacked; their
            intents are still to be written.

        Raises:
            StoreError: The journal could not be written; nothing more may be sent.
        """
        now = self.clock()
        ready = [self._opened(each, now) for each in batches]
        intents = [
            Line(each.intent_id, each.action, now, each.intent_payload())
            for each in ready
            if isinstance(each, PackedBatch)
        ]
        done = [
            Line(each.packed.intent_id, each.packed.action, each.settled_at, each.payload())
            for each in accepted
        ]
        if intents or done:
            self.journal.record(self.sync, self.run, done, intents)
        return ready

    def _opened(self, batch: Batch | PackedBatch, now: float) -> Batch | PackedBatch:
        if not isinstance(batch, PackedBatch):
            return batch
        conditional = self.conditional is not None and self.conditional.concerns(batch.action)
        if self.before is not None or conditional:
            return batch.unpack()
        return replace(batch, sent_at=now, own_at=time.time(), written=Moment.now())

    def deliver(self, batch: Batch | PackedBatch) -> DeliveredBatch:
        """Send the batch and settle every row that can be settled now.

        Raises:
            StoreError: The journal could not be written; nothing more may be sent.
        """
        self.trials.wait(self.requester.stop)
        if isinstance(batch, PackedBatch):
            return self._deliver_packed(batch)
        if self.requester.stop:
            return DeliveredBatch()
        found: list[Outcomes] = []
        if batch.action == "archive":
            batch = self._may_be_archived(batch, found)
            if not len(batch):
                return DeliveredBatch(outcomes=found)
        try:
            if self.before is not None:
                self.before.keep(batch)
            if self.conditional is not None:
                batch = self.conditional.applied(batch)
        except HubSpotError as error:
            self.requester.stop.set(error)
            return DeliveredBatch(outcomes=found)
        intent = replace(batch.intent(self.clock(), time.time()), written=Moment.now())
        self.journal.intend(self.sync, self.run, intent)
        delivery = BatchDelivery(self, batch, intent).run()
        delivery.outcomes += found
        return delivery

    def _deliver_packed(self, packed: PackedBatch) -> DeliveredBatch:
        """Send a batch whose intent is durable. Where its answer is not all well, it is unpacked and settled
        row by row.
        """
        late = None

        def leaving() -> LeaveBy:
            nonlocal late
            if late is None and not self.is_late(packed.written):
                return self.time_left(packed.written)
            late = self.leaving_at(late or packed.intent(packed.unpack()), range(len(packed)))
            return self.time_left(late.written)

        first, mark = None, self.trials.mark()
        if not self.requester.stop:
            first = self.post(packed.action, packed.body, leaving=leaving)
            if isinstance(first, Answer):
                accepted = packed.accept(first.body, self.clock(), self.reader)
                if accepted is not None:
                    self.trials.row_taken(packed.action, mark)
                    return DeliveredBatch(accepted=accepted)
        batch = packed.unpack()
        return BatchDelivery(self, batch, late or packed.intent(batch), first, mark).run()

    def _may_be_archived(self, batch: Batch, settled: list[Outcomes]) -> Batch:
        """HubSpot archives by record id alone, and whatever the id leads to: read the records first, and
        reject what must stay.
        """
        try:
            found = archivable(batch, self.lookup, self.owners, self.known_ids)
        except HubSpotError as error:
            self.requester.stop.set(error)
            return batch.pick([])
        if found.rejected:
            outcomes = outcomes_of(batch, found.rejected, self.clock())
            self.journal.settle(self.sync, self.run, outcomes, intent_id=None)
            settled.append(outcomes)
        return replace(batch, ids=found.ids, id_property=None).without(list(found.rejected))
