"""Records that an update did not find: they are gone, or were merged into others.

HubSpot answers an update of a record that was merged in several ways: it leaves the row out, it says that
there is no such record, or it carries the update out and names the record that is left. A read tells them
apart: it answers with that record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.verdict import Verdict, same_record
from hubspot_batch_dagster.sync.settlement.lookup import Lookup

NOT_FOUND = "OBJECT_NOT_FOUND"

_ABSENT = Verdict(
    outcome="rejected",
    category=NOT_FOUND,
    code=NOT_FOUND,
    message="HubSpot has no such record: its answer left the row out, and the record cannot be read.",
)


@dataclass(frozen=True)
class Absent:
    """What became of records that an update did not find, by the rows of its batch.

    Attributes:
        rejected: Rows without a record, and rows whose record is another row's by now.
        merged: Rows whose record was merged into another: that one's id. They are still to be sent.
        gone: Of the rejected ones, those whose record is gone.
    """

    rejected: dict[int, Verdict] = field(default_factory=dict)
    merged: dict[int, str] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)


def find_absent(
    batch: Batch,
    told: Mapping[int, Verdict | None],
    lookup: Lookup,
    owners: Callable[[Sequence[str]], dict[str, str]],
    refused: Collection[int] = (),
) -> Absent:
    """Read the records that an update did not find.

    Args:
        batch: The updates.
        told: Row of the batch -> what the answer said of it; ``None`` if it left the row out.
        lookup: Reads.
        owners: Record id -> key of the row of this run that has the record already.
        refused: Rows of the batch that were refused: they have no record.

    Raises:
        HubSpotError: HubSpot could not be asked.
    """
    found = Absent()
    records = lookup.records({row: batch.ids[row] or "" for row in told}, batch.id_property)
    others = {row: record.id for row, record in records.items() if record.id != batch.ids[row]}
    if batch.id_property is not None:
        others = {}
    # A row that was refused has no record here: two rows would be rejected for each other.
    lost = {batch.keys[row] for row in refused}
    owned = owners(list(others.values())) if others else {}
    owned = {each: key for each, key in owned.items() if key not in lost}
    owned |= {
        each: batch.keys[row]
        for row, each in enumerate(batch.ids)
        if each in set(others.values()) and row not in refused
    }
    for row in sorted(told):
        if row in others:
            owner = owned.setdefault(others[row], batch.keys[row])
            if owner == batch.keys[row]:
                found.merged[row] = others[row]
            else:
                # An answer that leaves the row out may be that of an update which was carried out on the
                # other row's record.
                found.rejected[row] = same_record(others[row], owner)._replace(stale=told[row] is None)
        elif row not in records:
            found.rejected[row] = told[row] or _ABSENT
            found.gone.add(row)
    return found


def none_of(part: Batch) -> dict[int, Verdict]:
    """None of the records exist. To archive what is gone is done; which updates have none is found out by
    reading.
    """
    if part.action != "archive":
        return {}
    return {i: Verdict("archived", each) for i, each in enumerate(part.ids)}


def is_absent(verdict: Verdict) -> bool:
    """Whether HubSpot says that there is no such record."""
    return verdict.outcome == "rejected" and verdict.category == NOT_FOUND
