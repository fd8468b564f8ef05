"""What is known of the rows before anything is decided: ids table, journal, open intents and, if asked, the
portal itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.batches.journal_entries import Outcomes
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.planning import adoption
from hubspot_batch_dagster.sync.settlement.lookup import Lookup
from hubspot_batch_dagster.sync.settlement.recovery import Recovery
from hubspot_batch_dagster.sync.stages.merged_records import note_merged_before
from hubspot_batch_dagster.sync.stages.resolve_schema import Schema
from hubspot_batch_dagster.sync.staging import known_rows
from hubspot_batch_dagster.sync.staging.record_owners import RecordOwners
from hubspot_batch_dagster.sync.staging.respelling import new_keys
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.state import ids_table
from hubspot_batch_dagster.sync.state.identity import Identity
from hubspot_batch_dagster.sync.state.kept_once import mark_of_first_run
from hubspot_batch_dagster.sync.state.row_order import kept_orders


@contextmanager
def ids_file(run: RunContext) -> Iterator[Path | None]:
    """Yield the ids table as a file; ``None`` if this is the first run of the sync.

    Raises:
        InputError: A first run that was killed had another key or object type.
        StoreError: The file is damaged inside, or the ids table is in a warehouse and the rows are not.
    """
    if run.comparison is not None and run.comparison.has_lines:
        known = run.comparison.known(run.folder / "known.parquet")
        with known_rows.damage_explained(known):
            yield known
        return
    pointer = run.store.pointer(run.name)
    if pointer is not None and run.comparison is not None:
        yield None  # it is lost, and the run makes it anew
        return
    if pointer is not None:
        raise StoreError(
            f"The ids table of {run.name!r} is not in this store: it is the table {pointer.table} of a"
            " warehouse.",
            remedy="Give the rows as Warehouse(...), as the runs before did.",
        )
    with run.store.local_ids(run.name) as path, known_rows.damage_explained(path):
        yield path


@contextmanager
def other_ids_table(run: RunContext, area: StagingArea) -> Iterator[None]:
    """Make ``others``: keys and record ids of the sync that the operation looks its keys up in.

    Raises:
        InputError: That sync has no ids table, or one with another number of key columns.
    """
    other = run.operation.looks_up_keys_in
    if other is None:
        yield
        return
    with run.store.local_ids(other) as path:
        known_rows.attach_other(area, path, other, run.operation.key_columns)
        yield


def check_interrupted_first_run(run: RunContext, schema: Schema, path: Path | None) -> None:
    """Refuse another key than that of a first run that was killed: it left no ids table to tell what its keys
    are.

    Raises:
        InputError: With both keys or object types.
    """
    if path is None and any(sync == run.name for sync, _, _ in run.store.journal.summary()):
        mark = mark_of_first_run(run.store.files, run.name)
        if mark is None:
            return
        with run.store.local(run.name, mark) as begun:
            if begun is not None:
                ids_table.check(begun, schema.encoder.layout.key, run.object_type, run.same_type)


def attach_known(
    run: RunContext, area: StagingArea, path: Path | None, found: Iterable[Outcomes] = ()
) -> None:
    """Make ``known``: one line for each row key, from the ids table, the journal, and what was ``found`` in
    the portal.
    """
    known_rows.detach(area)
    outcomes = run.store.journal.outcomes(run.name)
    with kept_orders(run.store, run.name) as order:
        known_rows.attach(area, path, outcomes, run.definition_in_journal, order, found)


def recover(run: RunContext, area: StagingArea, path: Path | None) -> Recovery:
    """Settle what earlier runs left open, and add it to ``known``.

    Raises:
        HubSpotError: HubSpot could not be asked; nothing was sent.
    """
    lookup = Lookup(
        run.object_type,
        run.requester,
        run.operation.found_by,
        RecordOwners(area).claimed,
    )
    recovery = Recovery(run.store.journal, run.name, run.definition.id, run.requester, lookup, run.clock)
    recovery.look_up_by_value()
    if recovery.settled:
        attach_known(run, area, path)
    if recovery.held:
        recovery.search()
        attach_known(run, area, path)
    if note_merged_before(run, area, lookup):
        attach_known(run, area, path)
    return recovery


def respell_journal(run: RunContext) -> None:
    """In the first run of this version: what an earlier one left in the journal has the row keys of that
    version.
    """
    if run.generation != 1:
        return
    journal, columns = run.store.journal, len(run.operation.key_columns)
    open_keys = (key for intent in journal.open_intents(run.name) for key in intent.keys)
    settled_keys = (key for outcomes in journal.outcomes(run.name) for key in outcomes.keys)
    new = new_keys(chain(open_keys, settled_keys), columns)
    if new:
        journal.rewrite_keys(run.name, run.definition.id, new)


def check_keys(run: RunContext, identity: Identity, area: StagingArea, path: Path | None) -> None:
    """Refuse keys of another type than before, of which none is known.

    Raises:
        InputError: With both types.
    """
    if path is not None:
        before = Identity.from_mapping(ids_table.described(path)).key_types
        known_rows.check_key_types(area, path, before, identity.key_types, run.name)


def read_records(run: RunContext, schema: Schema, area: StagingArea, path: Path | None) -> None:
    """Read the records of the rows where the operation asks for it, and add them to ``known``."""
    operation, size = run.operation, run.options.batch_size
    unique = operation.unique_property
    if any(each.name == unique for each in schema.preflight.missing):
        return  # no record can have a value of it yet
    reads = area, run.requester, run.object_type
    reverted = run.options.adopt or run.options.full_refresh
    adopts = run.options.adopt or (path is None and operation.adopts_on_first_run)
    compares = operation.compares_with_portal
    if unique is not None and operation.reads_new_rows and not adopts and not compares:
        found = adoption.by_unique_property(*reads, unique, size, schema.number_properties, new=True)
    elif unique is not None and (
        adopts or (compares and (operation.id_property_name is not None or operation.reads_new_rows))
    ):
        found = adoption.by_unique_property(*reads, unique, size, schema.number_properties, reverted=reverted)
    elif compares:
        found = adoption.by_record_id(*reads, size, schema.number_properties, reverted=reverted)
    else:
        return
    at = run.clock()
    attach_known(run, area, path, [replace(each, settled_at=at) for each in found])
