"""What the batches of a run are delivered with, and when a request of theirs may leave."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from hubspot_batch_dagster.api.batch_results import ResultReader
from hubspot_batch_dagster.api.connection import Answer
from hubspot_batch_dagster.api.departure import LeaveBy, Moment
from hubspot_batch_dagster.api.errors import HubSpotError, StoreError
from hubspot_batch_dagster.operations.base import Action
from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.delivery.before_images import BeforeImages
from hubspot_batch_dagster.sync.delivery.conditional_properties import ConditionalProperties
from hubspot_batch_dagster.sync.delivery.outage import Outage, is_trouble
from hubspot_batch_dagster.sync.delivery.refusal_trials import RefusalTrials
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.settlement.lookup import Lookup
from hubspot_batch_dagster.sync.state.journal import Journal

SHORTEST_TIME_TO_LEAVE = 1.0
"""Seconds; a busy host needs them to send at all."""


@dataclass(frozen=True)
class DeliveryContext:
    """What the batches of a run are delivered with; one for a run, used by all of its threads.

    Attributes:
        object_type: Where the records go.
        sync: Name of the sync, for the journal.
        run: Id of the run.
        requester: The requests.
        journal: Where intents and outcomes become durable.
        lookup: Finds out what HubSpot did.
        recreate: Rows whose record is gone are handed back instead of being rejected.
        clock: Seconds since 1970, by HubSpot's clock as far as it is known.
        suspects: Keys of creates that an earlier run perhaps sent, and when: a conflict may be with its own
            record.
        updates: A create that finds its record there already is followed by an update: the operation is an
            upsert.
        known_ids: The record ids that the ids table has for some keys.
        before: Keeps what a batch is about to change, if the operation asks for it.
        on_invalid: Property -> what becomes of a value that HubSpot refuses, where it is not the row's
            rejection.
        omit: Notes the values that were left out or cleared, by row.
        conditional: Leaves properties out of updates, if the operation asks for it.
        required: The types of associations without which no record is made.
        perhaps_archived: Keys of records that an earlier run archived, or will have: they may be made anew.
        owners: The keys of the rows of this run that have some records.
        trials: Finds out whether refusals are about rows or about the run.
        reader: Reads answers in which all went well, with the values of the properties that are sent.
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
    required: Set[AssociationTypeKey] = frozenset()
    perhaps_archived: Set[str] = frozenset()
    owners: Callable[[Sequence[str]], dict[str, str]] = lambda _ids: {}
    trials: RefusalTrials = field(default_factory=RefusalTrials)
    reader: ResultReader = field(default_factory=ResultReader)
    outage: Outage = field(default_factory=Outage)

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
            elif not self.outage.trouble(self.requester.retry_policy) or self.requester.gives_up_on(error):
                self.requester.stop.set(error)
            return error
        self.outage.answered()
        return answer

    def leave_by(self, intent: Intent) -> LeaveBy:
        """Until when a request of an intent may leave: until then no other run can take it for one that is
        long over.
        """
        return self.time_left(intent.written)

    def leaving_at(self, intent: Intent, open_rows: Sequence[int]) -> Intent:
        """Return the intent of a request that leaves now. If it had to wait, it is written anew: its age
        decides later, and a run that was overtaken meanwhile finds that out before it sends.

        Raises:
            StoreError: The journal could not be written; the request must not leave.
        """
        if not self.is_late(intent.written):
            return intent
        intent = replace(intent, last_at=self.clock(), own_at=time.time(), written=Moment.now())
        self.journal.settle(self.sync, self.run, Outcomes(), intent_id=None, left=intent.pick(open_rows))
        return intent

    def time_left(self, written: Moment | None) -> LeaveBy:
        """Until when a request may leave whose intent was written then."""
        return LeaveBy(written or Moment.now(), self._time_to_leave)

    def is_late(self, written: Moment | None) -> bool:
        """Whether a request may not leave any more whose intent was written then."""
        return written is None or written.age() > self._time_to_leave

    @property
    def _time_to_leave(self) -> float:
        """Seconds within which a request must leave once its intent is written; a second at least, for a busy
        host needs it.
        """
        return max(SHORTEST_TIME_TO_LEAVE, self.requester.retry_policy.index_lag / 10)
