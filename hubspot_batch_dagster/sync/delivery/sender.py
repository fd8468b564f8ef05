"""The sender: how a batch leaves, and what is durable before it does and after its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from hubspot_batch_dagster.api.connection import Answer
from hubspot_batch_dagster.api.departure import LeaveBy, Moment
from hubspot_batch_dagster.api.errors import HubSpotError, StoreError
from hubspot_batch_dagster.operations.records import Action
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Line, Outcomes
from hubspot_batch_dagster.sync.batches.packed_batch import AcceptedBatch, PackedBatch
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of
from hubspot_batch_dagster.sync.delivery.archive_guard import archivable
from hubspot_batch_dagster.sync.delivery.batch_delivery import BatchDelivery
from hubspot_batch_dagster.sync.delivery.before_images import BeforeImages
from hubspot_batch_dagster.sync.delivery.conditional_properties import ConditionalProperties
from hubspot_batch_dagster.sync.delivery.delivered_batch import DeliveredBatch
from hubspot_batch_dagster.sync.delivery.outage import Outage, is_trouble
from hubspot_batch_dagster.sync.delivery.refusal_trials import RefusalTrials
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.settlement.echoes import contradicts
from hubspot_batch_dagster.sync.settlement.lookup import Lookup
from hubspot_batch_dagster.sync.state.journal import Journal

SHORTEST_TIME_TO_LEAVE = 1.0


@dataclass(frozen=True)
class Sender:
    """Sends batches; one for a run, used by all of its threads.

    Attributes:
        object_type: Where the records go.
        sync: Name of the sync, for the journal.
        run: Id of the run.
        requester: The requests.
        journal: Where intents and outcomes become durable.
        lookup: Finds out what HubSpot did.
        recreate: Rows whose record is gone are handed back instead of being rejected.
        clock: Seconds since 1970, by HubSpot's clock as far as it is known.
        suspects: Keys of creates that an earlier run perhaps sent, and when: a conflict may be with its own record.
        updates: A create that finds its record there already is followed by an update: the operation is an upsert.
        known_ids: The record ids that the ids table has for some keys.
        before: Keeps what a batch is about to change, if the operation asks for it.
        on_invalid: Property -> what becomes of a value that HubSpot refuses, where it is not the row's rejection.
        omit: Notes the values that were left out or cleared, by row.
        conditional: Leaves properties out of updates, if the operation asks for it.
        perhaps_archived: Keys of records that an earlier run archived, or will have: they may be made anew.
        owners: The keys of the rows of this run that have some records.
        trials: Finds out whether refusals are about rows or about the run.
        outage: Waits out the trouble that all batches meet.
    """

    object_type: str
    sync: str
    run: str
    requester: Requester
    journal: Journal
    lookup: Lookup
    recreate: bool
    clock: Callable[[], float]
    suspects: Mapping[str, float] = field(default_factory=dict)
    updates: bool = False
    known_ids: Callable[[Sequence[str]], dict[str, str]] = lambda _keys: {}
    before: BeforeImages | None = None
    conditional: ConditionalProperties | None = None
    on_invalid: Mapping[str, str] = field(default_factory=dict)
    omit: Callable[[Mapping[int, Verdict]], None] = lambda _cells: None
    perhaps_archived: Set[str] = frozenset()
    owners: Callable[[Sequence[str]], dict[str, str]] = lambda _ids: {}
    trials: RefusalTrials = field(default_factory=RefusalTrials)
    outage: Outage = field(default_factory=Outage)

    def begin(
        self, batches: Sequence[Batch | PackedBatch], accepted: Sequence[AcceptedBatch]
    ) -> list[Batch | PackedBatch]:
        """Make durable what went all well, and the intents of batches that are to leave: in one transaction.

        Args:
            batches: What is to leave.
            accepted: What :meth:`deliver` gave back.

        Returns:
            The batches, to be delivered. Those that cannot leave as they are have been unpacked; their intents are still to
            be written.

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
        """Send a batch whose intent is durable. Where its answer is not all well, it is unpacked and settled row by row."""
        late = None

        def leaving() -> LeaveBy:
            nonlocal late
            if late is None and not self._is_late(packed.written):
                return self._leave_by(packed.written)
            late = self.leaving_at(late or packed.intent(packed.unpack()), range(len(packed)))
            return self._leave_by(late.written)

        first = None
        if not self.requester.stop:
            first = self.post(packed.action, packed.body, leaving=leaving)
            if isinstance(first, Answer) and not contradicts(packed, first.body):
                accepted = packed.accept(first.body, self.clock())
                if accepted is not None:
                    self.trials.row_taken()
                    return DeliveredBatch(accepted=accepted)
        batch = packed.unpack()
        return BatchDelivery(self, batch, late or packed.intent(batch), first).run()

    def post(
        self, action: Action, body: bytes, *, leaving: Callable[[], LeaveBy], retry: bool = False
    ) -> Answer | HubSpotError:
        """Send a batch once, when its turn has come: not while all requests of the run meet trouble.

        Raises:
            StoreError: The journal could not be written; the request did not leave.
        """
        self.outage.wait(self.requester.stop)
        try:
            answer = self.requester.post_batch(self.object_type, action, body, retry=retry, leaving=leaving)
        except StoreError:
            raise
        except HubSpotError as error:
            if not is_trouble(error):
                self.outage.answered()
            elif not self.outage.trouble(self.requester.retry_policy):
                self.requester.stop.set(error)
            return error
        self.outage.answered()
        return answer

    def leave_by(self, intent: Intent) -> LeaveBy:
        """Until when a request of an intent may leave: until then no other run can take it for one that is long over."""
        return self._leave_by(intent.written)

    def leaving_at(self, intent: Intent, open_rows: Sequence[int]) -> Intent:
        """The intent of a request that leaves now. If it had to wait, it is written anew: its age decides later, and a run that was
        overtaken meanwhile finds that out before it sends.

        Raises:
            StoreError: The journal could not be written; the request must not leave.
        """
        if not self._is_late(intent.written):
            return intent
        intent = replace(intent, last_at=self.clock(), own_at=time.time(), written=Moment.now())
        self.journal.settle(self.sync, self.run, Outcomes(), intent_id=None, left=intent.pick(open_rows))
        return intent

    def _leave_by(self, written: Moment | None) -> LeaveBy:
        return LeaveBy(written or Moment.now(), self._time_to_leave)

    def _is_late(self, written: Moment | None) -> bool:
        return written is None or written.age() > self._time_to_leave

    @property
    def _time_to_leave(self) -> float:
        """Seconds within which a request must leave once its intent is written; a second at least, for a busy host needs it."""
        return max(SHORTEST_TIME_TO_LEAVE, self.requester.retry_policy.index_lag / 10)

    def _may_be_archived(self, batch: Batch, settled: list[Outcomes]) -> Batch:
        """HubSpot archives by record id alone, and whatever the id leads to: read the records first, and reject what must stay."""
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
