"""Records that were merged into others: which record it is today."""

from __future__ import annotations

from collections.abc import Iterable

from hubspot_batch_dagster.api.errors import Forbidden, InputError, InvalidBatch, NotFound
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.settlement.unique_values import UniqueProperty, owned_records

READ_AT_ONCE = 100


def moved_records(requester: Requester, object_type: str, ids: Iterable[str]) -> dict[str, str]:
    """Return the records of today of those that were merged into another one. Of what may not be read nothing
    is known.

    Args:
        requester: The requests, one for each 100 records.
        object_type: Their type.
        ids: Ids as they are known.

    Raises:
        HubSpotError: HubSpot could not be asked.
    """
    unique = UniqueProperty.of(object_type, None)
    every = sorted(set(ids))
    found: dict[str, str] = {}
    for at in range(0, len(every), READ_AT_ONCE):
        part = dict(enumerate(every[at : at + READ_AT_ONCE]))
        try:
            owned = owned_records(
                unique, part, lambda some: requester.read(object_type, some, unique.read_with)
            )
        except (Forbidden, InputError, InvalidBatch, NotFound):
            return found
        found |= {part[i]: record.id for i, record in owned.items() if record.id != part[i]}
    return found
