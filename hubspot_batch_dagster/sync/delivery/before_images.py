"""Before-images: what records held before a run changed them.

They are kept only where the operation asks for it (``keep_before=True``), in the journal, durable before the
change is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.state.journal import Journal


@dataclass(frozen=True)
class BeforeImages:
    """Keeps what a batch is about to change.

    Attributes:
        requester: Reads the records; one request for each batch.
        journal: Where the images go.
        object_type: The type of the records.
        sync: Name of the sync.
        run: Id of the run.
        properties: What the run may change.
    """

    requester: Requester
    journal: Journal
    object_type: str
    sync: str
    run: str
    properties: Sequence[str]

    def keep(self, batch: Batch) -> None:
        """Read the records of a batch and make their values durable.

        Raises:
            HubSpotError: They could not be read; the batch must not be sent.
        """
        if batch.action not in ("update", "upsert"):
            return
        names = sorted({*self.properties, *([batch.id_property] if batch.id_property else [])})
        ids = sorted({each for each in batch.ids if each})
        found = self.requester.read(self.object_type, ids, names, batch.id_property)
        images = [
            {"id": each.id, **{name: each.properties.get(name) for name in self.properties}} for each in found
        ]
        self.journal.keep_before(self.sync, self.run, images)
