"""What HubSpot has already: record ids and current values of the rows, read and not written.

It rebuilds a lost ids table (``adopt``), and it is what ``compare="portal"`` judges a row by.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set

from hubspot_batch_dagster.api.models import Record
from hubspot_batch_dagster.operations.records import Operation
from hubspot_batch_dagster.sync.associations.writer import AssociationWriter
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Outcomes
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of
from hubspot_batch_dagster.sync.requests.parallel import in_parallel
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.settlement.matching import holds
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea


def unique_property(operation: Operation) -> str | None:
    """The property by which the records of an operation can be found in the portal."""
    return operation.id_property_name or getattr(operation, "creation_key", None)


def by_unique_property(
    stage: StagingArea,
    requester: Requester,
    association_writer: AssociationWriter,
    name: str,
    size: int,
    numbers: Set[str] = frozenset(),
) -> Iterator[Outcomes]:
    """The records that rows have in the portal already, found by a property with unique values.

    Args:
        stage: The rows.
        requester: The requests; one for each ``size`` rows.
        association_writer: Compares associations too; knows where the records are.
        name: The unique property; rows that do not send it are left out.
        size: Rows in a request.
        numbers: Properties whose values are numbers: 1.10 is 1.1 there, and nowhere else.

    Yields:
        Outcomes ``unchanged`` with the record id. The hash is the row's if HubSpot has all its values, and
        empty if not, or if there is no such record any more: then the plan sends the row.
    """

    def look(batch: Batch) -> Outcomes:
        values = {i: json.loads(text).get(name) or batch.ids[i] for i, text in enumerate(batch.properties)}
        wanted = {i: value for i, value in values.items() if value}
        found = (
            requester.read(
                association_writer.object_type, sorted(set(wanted.values())), _names(batch, name), name
            )
            if wanted
            else []
        )
        records = {}
        for record in found:
            aliases = (
                (record.properties.get("hs_additional_emails") or "").split(";") if name == "email" else []
            )
            for value in (record.properties.get(name), *aliases):
                if value:
                    records[_folded(value)] = record
        matched = {i: records[_folded(value)] for i, value in wanted.items() if _folded(value) in records}
        left = [i for i in wanted if i not in matched]
        known = stage.known_ids([batch.keys[i] for i in left], archived=False) if left else {}
        gone = {i: known[batch.keys[i]] for i in left if batch.keys[i] in known}
        return _compared(batch, association_writer, matched, gone, numbers)

    yield from in_parallel(look, stage.staged(size))


def by_record_id(
    stage: StagingArea,
    requester: Requester,
    association_writer: AssociationWriter,
    size: int,
    numbers: Set[str] = frozenset(),
) -> Iterator[Outcomes]:
    """The same by the record ids that the ids table names."""

    def look(batch: Batch) -> Outcomes:
        ids = [each for each in batch.ids if each]
        records = {
            each.id: each for each in requester.read(association_writer.object_type, ids, _names(batch))
        }
        matched = {i: records[each] for i, each in enumerate(batch.ids) if each in records}
        gone = {i: each for i, each in enumerate(batch.ids) if each and each not in records}
        return _compared(batch, association_writer, matched, gone, numbers)

    yield from in_parallel(look, stage.staged(size, known=True))


def _compared(
    batch: Batch,
    association_writer: AssociationWriter,
    found: dict[int, Record],
    gone: dict[int, str],
    numbers: Set[str],
) -> Outcomes:
    ids = {i: record.id for i, record in found.items()}
    verdicts = {i: Verdict(outcome="unchanged", id=each) for i, each in {**ids, **gone}.items()}
    linked = association_writer.as_asked([ids.get(i) for i in range(len(batch))], batch.associations)
    digests = [
        digest
        if i in found and i in linked and holds(json.loads(batch.properties[i]), found[i].properties, numbers)
        else ""
        for i, digest in enumerate(batch.digests)
    ]
    outcomes = outcomes_of(batch, verdicts, 0.0)
    return Outcomes(**{**outcomes.__dict__, "digests": [digests[i] for i in sorted(verdicts)]})


def _names(batch: Batch, *more: str) -> list[str]:
    names = {name for text in batch.properties for name in json.loads(text)}
    extra = {"hs_additional_emails"} if "email" in more else set()
    return sorted(names | set(more) | extra)


def _folded(value: str) -> str:
    return value.strip().lower()
