"""What HubSpot has already: record ids and current values of the rows, read and not written.

It rebuilds a lost ids table (``adopt``), and it is what ``compare="portal"`` judges a row by.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set

from hubspot_batch_dagster.api.models import Record
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Outcomes
from hubspot_batch_dagster.sync.batches.value_comparison import holds
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of
from hubspot_batch_dagster.sync.requests.parallel import in_parallel
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.settlement.unique_values import UniqueProperty, owned_records
from hubspot_batch_dagster.sync.staging.record_owners import RecordOwners
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import REVERTED


def by_unique_property(
    stage: StagingArea,
    requester: Requester,
    object_type: str,
    name: str,
    size: int,
    numbers: Set[str] = frozenset(),
    *,
    reverted: bool = True,
    new: bool = False,
) -> Iterator[Outcomes]:
    """Yield the records that rows have in the portal already, found by a property with unique values.

    Args:
        stage: The rows.
        requester: The requests; one for each ``size`` rows.
        object_type: Where the records are.
        name: The unique property; rows that do not send it are left out.
        size: Rows in a request.
        numbers: Properties whose values are numbers: 1.10 is 1.1 there, and nowhere else.
        reverted: Look at rows too that an undo took back and that have not changed since.
        new: Look only at rows that the ids table does not know.

    Yields:
        Outcomes ``unchanged`` with the record id. The hash is the row's if HubSpot has all its values, and
        empty if not, or if there is no such record any more: then the plan sends the row.
    """

    def look(batch: Batch) -> Outcomes:
        values = {i: json.loads(text).get(name) or batch.ids[i] for i, text in enumerate(batch.properties)}
        wanted = {i: value for i, value in values.items() if value}
        matched = _records(batch, requester, UniqueProperty.of(object_type, name), object_type, wanted)
        left = [i for i in wanted if i not in matched]
        known = RecordOwners(stage).known_ids([batch.keys[i] for i in left], archived=False) if left else {}
        gone = {i: known[batch.keys[i]] for i in left if batch.keys[i] in known}
        return _compared(batch, matched, gone, numbers)

    yield from in_parallel(look, _rows(stage, size, known=False, reverted=reverted, new=new))


def by_record_id(
    stage: StagingArea,
    requester: Requester,
    object_type: str,
    size: int,
    numbers: Set[str] = frozenset(),
    *,
    reverted: bool = True,
) -> Iterator[Outcomes]:
    """Yield the same by the record ids that the ids table names."""

    def look(batch: Batch) -> Outcomes:
        ids = {i: each for i, each in enumerate(batch.ids) if each}
        matched = _records(batch, requester, UniqueProperty.of(object_type, None), object_type, ids)
        gone = {i: each for i, each in ids.items() if i not in matched}
        return _compared(batch, matched, gone, numbers)

    yield from in_parallel(look, _rows(stage, size, known=True, reverted=reverted))


def _rows(
    stage: StagingArea, size: int, *, known: bool, reverted: bool, new: bool = False
) -> Iterator[Batch]:
    """Yield the rows to look up: all with the id they came with, or (``known``) those with a record, with the
    id that the ids table has.

    Those that an undo took back and that have not changed since are among them only with ``reverted``; with
    ``new`` only those without a record that is known.
    """
    query = "SELECT row, key, digest, 'update' AS action, id AS send_id FROM staged s"
    some = (
        []
        if reverted
        else [
            f"NOT EXISTS (FROM known u WHERE u.key = s.key AND u.digest = s.digest AND u.code = '{REVERTED}')"
        ]
    )
    if new:
        some.append("NOT EXISTS (FROM known n WHERE n.key = s.key AND n.id IS NOT NULL)")
    if known:
        query = """SELECT s.row, s.key, s.digest, 'update' AS action, k.id AS send_id
            FROM staged s JOIN known k USING (key)"""
        some += ["k.id IS NOT NULL", "k.outcome <> 'archived'"]
    query += (f" WHERE {' AND '.join(some)}" if some else "") + " ORDER BY row"
    yield from stage.looked_at(query, size)


def _compared(
    batch: Batch,
    found: dict[int, Record],
    gone: dict[int, str],
    numbers: Set[str],
) -> Outcomes:
    ids = {i: record.id for i, record in found.items()}
    verdicts = {i: Verdict(outcome="unchanged", id=each) for i, each in {**ids, **gone}.items()}
    digests = [
        digest if i in found and holds(json.loads(batch.properties[i]), found[i].properties, numbers) else ""
        for i, digest in enumerate(batch.digests)
    ]
    outcomes = outcomes_of(batch, verdicts, 0.0)
    return Outcomes(**{**outcomes.__dict__, "digests": [digests[i] for i in sorted(verdicts)]})


def _records(
    batch: Batch, requester: Requester, unique: UniqueProperty, object_type: str, values: dict[int, str]
) -> dict[int, Record]:
    """Return the records that have the values, with what the rows would send."""
    sent = {name for text in batch.properties for name in json.loads(text)}
    names = sorted({*sent, *unique.read_with})
    return owned_records(unique, values, lambda ids: requester.read(object_type, ids, names, unique.name))
