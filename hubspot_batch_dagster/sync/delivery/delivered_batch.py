"""What became of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.packed_batch import AcceptedBatch


@dataclass
class DeliveredBatch:
    """What became of a batch.

    Attributes:
        outcomes: What is settled; durable already.
        again: Rows to send in another way: the record to update is gone and may be made anew.
        stale: Updates to send: these rows were to be created, and their records exist with other values.
        lost: The intent that is still open, with its rows that HubSpot perhaps wrote.
        found_rows: Rows whose record was there already when it was to be made: what it is associated with is
            not known.
        accepted: A batch that went all well. Its outcomes are not durable yet: :meth:`Sender.begin` makes
            them so.
    """

    outcomes: list[Outcomes] = field(default_factory=list)
    again: Batch | None = None
    stale: Batch | None = None
    lost: Intent | None = None
    found_rows: list[int] = field(default_factory=list)
    accepted: AcceptedBatch | None = None
