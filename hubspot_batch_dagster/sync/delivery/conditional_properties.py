"""Properties that are not written to every record: only to new ones, or only where there is no value yet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.requests.requester import Requester


@dataclass(frozen=True)
class ConditionalProperties:
    """Leaves properties out of updates.

    Attributes:
        requester: Reads the records; one request for each batch, and only where ``if_empty`` names a
            property.
        object_type: The type of the records.
        on_create: Written to new records only.
        if_empty: Written to new records, and to others that have no value when they are read, just before.
    """

    requester: Requester
    object_type: str
    on_create: Sequence[str] = ()
    if_empty: Sequence[str] = ()

    def concerns(self, action: str) -> bool:
        """Whether batches of an action may have to go without some properties."""
        return bool(self.on_create or self.if_empty) and action in ("update", "upsert")

    def applied(self, batch: Batch) -> Batch:
        """Return the batch as it is sent. It keeps all of its properties for rows whose record turns out to
        be gone.

        Raises:
            HubSpotError: The records could not be read; the batch must not be sent.
        """
        if not self.concerns(batch.action):
            return batch
        full = batch.full or batch.properties
        taken = self._taken(batch)
        sent = [
            _without(text, {*self.on_create, *taken.get(value or "", ())})
            for text, value in zip(full, batch.ids, strict=True)
        ]
        return replace(batch, properties=sent, full=full)

    def _taken(self, batch: Batch) -> dict[str, set[str]]:
        """Record -> those of ``if_empty`` that it has a value of."""
        if not self.if_empty:
            return {}
        names = sorted({*self.if_empty, *([batch.id_property] if batch.id_property else [])})
        ids = sorted({each for each in batch.ids if each})
        found: dict[str, set[str]] = {}
        for record in self.requester.read(self.object_type, ids, names, batch.id_property):
            filled = {name for name in self.if_empty if record.properties.get(name)}
            found[record.id] = filled
            if batch.id_property and record.properties.get(batch.id_property):
                found[str(record.properties[batch.id_property])] = filled
        if batch.id_property:  # a record that cannot be told by its value is not written over
            return {each: found.get(each, set(self.if_empty)) for each in ids}
        return found


def _without(text: str, names: set[str]) -> str:
    if not any(f'"{name}":' in text for name in names):
        return text
    kept = {name: value for name, value in json.loads(text).items() if name not in names}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
