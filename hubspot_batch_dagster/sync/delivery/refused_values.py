"""Values that HubSpot refuses and that their rows may go without."""

from __future__ import annotations

import json
from dataclasses import replace

from hubspot_batch_dagster.sync.batches.batch import Batch


def without_value(batch: Batch, row: int, name: str, *, clear: bool) -> Batch | None:
    """Return the batch with a property taken out of what a row sends, or cleared; ``None`` if the row sends
    no value of it.
    """
    sent = json.loads(batch.properties[row])
    if not sent.get(name):
        return None
    if clear:
        sent[name] = ""
    else:
        del sent[name]
    texts = list(batch.properties)
    texts[row] = json.dumps(sent, ensure_ascii=False, separators=(",", ":"))
    return replace(batch, properties=texts)
