"""Rows that are associations: how their batches are sent, and what ``replace`` removes afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.object_types import same_type
from hubspot_batch_dagster.sync.associations.association_files import note_removed
from hubspot_batch_dagster.sync.associations.writer import AssociationWriter
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.packed_batch import PackedBatch
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of
from hubspot_batch_dagster.sync.delivery.batch_settlement import LOST
from hubspot_batch_dagster.sync.delivery.delivered_batch import DeliveredBatch
from hubspot_batch_dagster.sync.delivery.sender import Sender
from hubspot_batch_dagster.sync.requests.parallel import in_parallel
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea

ASSOCIATIONS_PER_ROW = 20
"""An association request takes 2,000 associations where a request of records takes 100 rows."""

READ_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True)
class AssociationSender(Sender):
    """Sends batches of associations. All of it may be repeated, so a lost answer costs a request and nothing
    else.

    Attributes:
        association_writer: Writes them.
    """

    association_writer: AssociationWriter

    def deliver(self, batch: Batch | PackedBatch) -> DeliveredBatch:
        """Write the associations of a batch and settle every row that can be settled now.

        Raises:
            StoreError: The journal could not be written; nothing more may be sent.
        """
        assert isinstance(batch, Batch)  # associations are never packed
        if self.requester.stop:
            return DeliveredBatch()
        intent = batch.intent(self.clock(), time.time())
        self.journal.intend(self.sync, self.run, intent)
        verdicts, perhaps = self.association_writer.associate(batch)
        verdicts |= dict.fromkeys(perhaps, Verdict(outcome="unknown", message=LOST))
        outcomes = outcomes_of(batch, verdicts, self.clock())
        self.journal.settle(self.sync, self.run, outcomes, intent_id=intent.id)
        return DeliveredBatch(outcomes=[outcomes])


def prune(stage: StagingArea, association_writer: AssociationWriter) -> tuple[int, list[tuple[str, str]]]:
    """Remove what the records of the table are associated with beyond the table's own associations.

    Nothing is removed once the run stops: the next run removes it.

    Returns:
        How many associations, and the pairs of records that lack theirs.
    """
    stop = association_writer.requester.stop
    (association,) = association_writer.associations
    ends = map(association_writer.requester.client.type_of, (association_writer.object_type, association.to))
    of_both_ends = same_type(*ends) and association.counts_for_both_ends

    def chunks() -> Iterator[list[tuple[str, list[str]]]]:
        for chunk in stage.targets(READ_AT_ONCE, of_both_ends=of_both_ends):
            if stop:
                return
            yield chunk

    count, lacking = 0, list[tuple[str, str]]()
    try:
        for pruned in in_parallel(association_writer.prune, chunks()):
            note_removed(stage, association.to, pruned.removed)
            count += len(pruned.removed)
            lacking += pruned.lacking
    except HubSpotError as error:
        stop.set(error)
    return count, lacking
