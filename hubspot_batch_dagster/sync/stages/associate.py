"""The associations of the rows, once their records exist: written, looked at, and accounted for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.sync.associations.association_files import (
    note_removed,
    note_sources,
    planned_rows,
)
from hubspot_batch_dagster.sync.associations.association_table import AssociationTable
from hubspot_batch_dagster.sync.associations.lines import RemovedAssociation, WantedAssociation
from hubspot_batch_dagster.sync.associations.writer import WrittenAssociations
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.requests.parallel import in_parallel
from hubspot_batch_dagster.sync.stages.deliver import Delivery
from hubspot_batch_dagster.sync.stages.resolve_schema import Schema
from hubspot_batch_dagster.sync.stages.stage_rows import StagedRows
from hubspot_batch_dagster.sync.state.kept_once import OPEN_ASSOCIATIONS

GROUP = 2_000
"""Associations in a request (HubSpot, associations guide)."""
LOOKED_AT = 1_000
"""Records in a request that reads associations."""


@dataclass(frozen=True)
class Associated:
    """What became of the associations of a run.

    Attributes:
        table: Their lines; ``None`` where the operation has none.
        counts: Outcome -> associations.
        dissociated: Associations that ``replace`` removed.
        answered: Ids of intents that are done with once the new ids table is saved. A run that dies before
            that has written what no ids table knows: the next one must look again.
    """

    table: AssociationTable | None = None
    counts: dict[str, int] = field(default_factory=dict)
    dissociated: int = 0
    answered: Sequence[str] = ()


def associate(
    run: RunContext,
    schema: Schema,
    staged: StagedRows,
    delivery: Delivery,
    at_large: Sequence[Intent],
    *,
    adopts: bool,
) -> Associated:
    """Write the associations that the records lack, and give each that is wanted an outcome.

    A run that adopts looks at all of them and writes none. One that was interrupted writes none.

    Args:
        run: The run.
        schema: The associations with their types.
        staged: The rows, delivered.
        delivery: What delivering them came to.
        at_large: Association requests of earlier runs that HubSpot may carry out late.
        adopts: This is a first run that took over the records that were there: their associations are looked
            at before any is written.

    Raises:
        StoreError: The journal cannot be written.
        ConservationError: The outcomes do not add up to what was wanted.
    """
    with _made(run, schema, staged, delivery.found_rows, at_large, planned=False) as table:
        if table is None:
            return Associated()
        dissociated, answered = 0, list[str]()
        if run.options.adopt:
            _look(run, schema, table)
        elif delivery.interruption is None:
            dissociated = _write_all(run, schema, table, answered, adopts=adopts)
        return Associated(table, table.conclude(adopted=run.options.adopt), dissociated, answered)


def planned_associations(
    run: RunContext, schema: Schema, staged: StagedRows, at_large: Sequence[Intent]
) -> tuple[dict[str, int], int]:
    """Return what a plan would come to.

    Returns:
        Outcome -> associations, those to be written as ``associated``; and the requests that writing them
        takes. Where the rows are associations, the plan of the rows has these.
    """
    if run.operation.is_association:
        return planned_rows(staged.area), 0
    with _made(run, schema, staged, (), at_large, planned=True) as table:
        if table is None:
            return {}, 0
        counts, requests = table.counts(), table.requests(GROUP, LOOKED_AT)
    to_write = counts.pop("open", 0)
    if to_write:
        counts["associated"] = counts.get("associated", 0) + to_write
    return counts, requests


@contextmanager
def _made(
    run: RunContext,
    schema: Schema,
    staged: StagedRows,
    found_rows: Sequence[int],
    at_large: Sequence[Intent],
    *,
    planned: bool,
) -> Iterator[AssociationTable | None]:
    associations = schema.associations.associations
    if run.operation.is_association and not planned:
        note_sources(staged.area)
    if run.operation.is_association or not associations:
        yield None
        return
    table = AssociationTable(staged.area, associations, staged.ids_tables, run.name, run.object_type)
    # A plan does not ask HubSpot what is there: by the ids table it is.
    looks = (run.options.adopt or run.operation.compares_with_portal) and not planned
    every = run.options.full_refresh or looks
    with run.store.local(run.name, OPEN_ASSOCIATIONS) as file:
        again = [key for intent in at_large for key in intent.keys]
        table.make(file, found_rows=found_rows, again=again, every=every, planned=planned)
    yield table


def _write_all(
    run: RunContext, schema: Schema, table: AssociationTable, answered: list[str], *, adopts: bool
) -> int:
    """Write what is open, request by request, each through the journal; ids of answered intents go to
    ``answered``.
    """
    look = adopts or run.operation.keeps_before_images or run.operation.compares_with_portal
    numbers = itertools.count()
    dissociated = 0
    for to in dict.fromkeys(each.to for each in table.associations):
        for prune in (False, True) if table.replaces_to(to) else (False,):
            size = LOOKED_AT if prune or look else GROUP

            def write(
                group: list[WantedAssociation], to: str = to, prune: bool = prune
            ) -> WrittenAssociations:
                return _journaled(
                    run,
                    schema,
                    table,
                    to,
                    group,
                    prune=prune,
                    look=look,
                    number=next(numbers),
                    answered=answered,
                )

            for written in in_parallel(write, table.to_write(to, size, prune=prune)):
                table.note(written.verdicts)
                note_removed(table.stage, to, written.removed)
                dissociated += len(written.removed)
    return dissociated


def _journaled(
    run: RunContext,
    schema: Schema,
    table: AssociationTable,
    to: str,
    group: Sequence[WantedAssociation],
    *,
    prune: bool,
    look: bool,
    number: int,
    answered: list[str],
) -> WrittenAssociations:
    """Write a group whose intent is durable. It stays so until the ids table knows of it, or until HubSpot
    can no longer carry it out.

    The intent says nothing of the rows: their records exist, and writing again does no harm. It says that
    these rows may have associations that no ids table knows, so that the next run looks once more.
    """
    if run.stop:
        return WrittenAssociations()
    intents = [_intend(run, f"{number}", sorted({each.key for each in group}))]

    def removing(ended: Sequence[RemovedAssociation]) -> None:
        # Of a row that is away it is not known whether it wants what goes: it is looked at when it is back.
        keys = table.keys_away(to, ended)
        if keys:
            intents.append(_intend(run, f"{number}-ends", keys))

    written = schema.associations.write(to, group, prune=prune, look=look, removing=removing)
    if written.whole:
        answered += [each.id for each in intents]
    else:
        for each in intents:
            late = replace(each, last_at=run.clock())
            run.store.journal.settle(run.name, run.definition.id, Outcomes(), intent_id=None, left=late)
    return written


def _intend(run: RunContext, name: str, keys: list[str]) -> Intent:
    """Make durable that the associations of some rows are about to be written."""
    intent = Intent(
        id=f"{run.definition.id}-associations-{name}",
        action="associate",
        sent_at=run.clock(),
        rows=[-1] * len(keys),
        keys=keys,
        digests=[""] * len(keys),
        ids=[None] * len(keys),
        settled=True,
    )
    run.store.journal.intend(run.name, run.definition.id, intent)
    return intent


def _look(run: RunContext, schema: Schema, table: AssociationTable) -> None:
    """Note which associations are there; nothing is written."""
    writer = schema.associations
    for to in dict.fromkeys(each.to for each in table.associations):
        for prune in (False, True) if table.replaces_to(to) else (False,):
            groups = table.to_write(to, LOOKED_AT, prune=prune)

            def look(
                group: list[WantedAssociation], to: str = to, prune: bool = prune
            ) -> tuple[set[int], set[str]]:
                return writer.present(to, group, prune=prune)

            try:
                for lines, with_others in in_parallel(look, groups):
                    table.note(dict.fromkeys(lines, Verdict(outcome="unchanged")))
                    table.note_others(with_others)
            except HubSpotError as error:
                run.stop.set(error)
                return
