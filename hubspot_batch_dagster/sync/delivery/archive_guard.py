"""What an archive may archive: not a record that a living row stands for, and not what somebody else's record
was merged into.

HubSpot archives by record id, without a word about single ids. So the records are read first, one request for
each batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.verdict import Verdict, same_record
from hubspot_batch_dagster.sync.delivery.absent_records import NOT_FOUND
from hubspot_batch_dagster.sync.settlement.lookup import Lookup
from hubspot_batch_dagster.sync.settlement.unique_values import MERGED_IDS


@dataclass
class Archivable:
    """What may be archived, by the rows of a batch.

    Attributes:
        ids: Record ids; ``None`` where nothing is archived.
        rejected: Rows whose records stay, and rows without one.
    """

    ids: list[str | None]
    rejected: dict[int, Verdict] = field(default_factory=dict)


def archivable(
    batch: Batch,
    lookup: Lookup,
    owners: Callable[[Sequence[str]], dict[str, str]],
    known_ids: Callable[[Sequence[str]], dict[str, str]],
) -> Archivable:
    """Read the records of an archive.

    Args:
        batch: What is to be archived, by record id or unique value.
        lookup: Reads.
        owners: Record id -> key of the row of this run that has the record.
        known_ids: Row key -> record id, as the ids table has it.

    Raises:
        HubSpotError: HubSpot could not be asked; nothing may be archived.
    """
    values = {i: each for i, each in enumerate(batch.ids) if each}
    records = lookup.records(values, batch.id_property, [MERGED_IDS])
    found = Archivable([records[i].id if i in records else None for i in range(len(batch))])
    # A row whose former archive lost its answer has no live record any more; its id is known, and archiving
    # repeats.
    absent = [i for i in range(len(batch)) if i not in records]
    before = known_ids([batch.keys[i] for i in absent]) if absent and batch.id_property else {}
    for i in absent:
        found.ids[i] = before.get(batch.keys[i]) if batch.id_property else batch.ids[i]
        if found.ids[i] is None:
            found.rejected[i] = _no_record(batch.id_property or "")
    parts = {
        i: {record.id, *(each for each in (record.properties.get(MERGED_IDS) or "").split(";") if each)}
        for i, record in records.items()
    }
    owned = owners(sorted(set().union(*parts.values()))) if parts else {}
    mine, taken = set(values.values()), dict[str, str]()
    for i, record in records.items():
        keys = {owned[each] for each in parts[i] if each in owned} - {batch.keys[i]}
        owner = min(keys) if keys else taken.get(record.id)
        followed = batch.id_property is None and record.id != batch.ids[i]
        if owner is not None:
            found.rejected[i] = same_record(record.id, owner)
        elif (followed and not parts[i] - {record.id} <= mine) or (followed and len(parts[i]) == 1):
            found.rejected[i] = _merged(record.id, batch.ids[i] or "")
        else:
            taken[record.id] = batch.keys[i]
    for i in found.rejected:
        found.ids[i] = None
    return found


def _no_record(name: str) -> Verdict:
    return Verdict(
        outcome="rejected",
        category=NOT_FOUND,
        code="NO_RECORD",
        property=name,
        message=f"No record has this {name}.",
    )


def _merged(record_id: str, former: str) -> Verdict:
    message = (
        f"The record {former} was merged into {record_id}, which holds other records too. It was not"
        " archived. Archive it by its own id if that is meant."
    )
    return Verdict(outcome="rejected", id=record_id, code="SAME_RECORD", message=message)
