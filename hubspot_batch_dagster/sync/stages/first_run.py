"""A first run, and syncs that send the same rows: what is likely to make records twice is said, or refused,
before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hubspot_batch_dagster.api.errors import HubSpotError, InputError, StoreError
from hubspot_batch_dagster.sync.batches.journal_entries import Outcomes
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.state.identity import Identity
from hubspot_batch_dagster.sync.state.ids_elsewhere import ask
from hubspot_batch_dagster.sync.state.names import rename_command
from hubspot_batch_dagster.sync.state.rename import being_renamed
from hubspot_batch_dagster.sync.warehouse.engine import WarehouseAway

LOOKED_AT = 1000
"""Rows whose keys are looked for in other ids tables."""

MOSTLY = 0.5
"""The share of them from which two syncs send the same rows."""

_HAS_RECORD = "id IS NOT NULL"
_NEW = f"(FROM staged ANTI JOIN (SELECT key FROM known WHERE {_HAS_RECORD}) USING (key))"
"""Rows that have no record yet under this name."""


@dataclass(frozen=True)
class Overlap:
    """Another sync that knows the keys of this one's rows.

    Attributes:
        sync: The other one.
        rows: How many of the rows that were looked at it has a record for.
        of: How many were looked at.
        generation: The other one's latest run. A name that a restore brought back has an earlier one than the
            name that its state has by now.
    """

    sync: str
    rows: int
    of: int
    generation: int


def meet_other_syncs(run: RunContext, identity: Identity, area: StagingArea) -> None:
    """Refuse a run whose new rows have records under another name, and warn of two syncs with the same rows.

    A later run is refused where it has more new rows than the sync has records: that is a sync which began
    under a new name with a few rows. Where it has fewer, both are likely to be meant.

    Raises:
        InputError: The ids table is the only memory of the operation, little or nothing is known yet, and
            another sync of the store knows the new rows.
    """
    operation = run.operation
    if not operation.makes_records:
        return
    first = _nothing_known(area)
    others = _others(run, identity, area)
    refuses = operation.relies_on_ids_table and not run.options.first_run
    refuses = refuses and bool(others) and _mostly_new(area)
    found = _most_known(run, others, area, _NEW if refuses else "staged")
    if found is not None:
        said = (
            f"The sync {found.sync!r} of this store knows {found.rows:,} of {found.of:,} rows that were"
            f" looked at by the same keys, and sends them to {run.object_type} too"
        )
        if refuses:
            raise InputError(
                f"{said}; the sync {run.name!r} knows none of them, and would make every record a second"
                " time. Nothing was sent.",
                remedy=_remedy(run, found, first=first),
            )
        run.options.on_warning(
            f"{run.name}: {said}. Two syncs for one set of records undo each other's changes."
        )
    if first and area.rows_in:
        _announce(run)


def _remedy(run: RunContext, found: Overlap, *, first: bool) -> str:
    both = "If both are meant, run once with first_run=True."
    if first:
        return (
            f"If the sync was renamed, let it keep its state: {rename_command(found.sync, run.name)}. {both}"
        )
    return f"If the sync was renamed, send its rows under the name {found.sync!r} as before. {both}"


def start_over(run: RunContext) -> None:
    """Drop what is known of records that HubSpot does not have: the user said that nothing earlier counts."""
    journal, name, run_id = run.store.journal, run.name, run.definition.id
    for intent in journal.open_intents(name):
        journal.settle(name, run_id, Outcomes(), intent_id=intent.id)
    journal.conclude(name, run_id, current=None, forget=True)


def _announce(run: RunContext) -> None:
    """Say loudly that a run is the first one: it is what a lost or a wrong store looks like."""
    there = _records_of_the_type(run)
    said = (
        f"First run of the sync {run.name!r}: the store {run.store.place} knows nothing of it, so every row"
        " counts as new."
    )
    if there is not None:
        known = f"{there:,} {run.object_type} already" if there else f"no {run.object_type} yet"
        said += f" The portal has {known}."
    if not there or not run.operation.relies_on_ids_table:
        run.options.on_notice(said)
        return
    matched_by = " and ".join(run.operation.matched_by)
    if matched_by:
        run.options.on_notice(
            f"{said} Rows are looked for among them by {matched_by}; a row without a value of it is made."
        )
        return
    run.options.on_warning(
        f"{said} Rows that are among them are made a second time: key= compares with the ids table alone. A"
        " property with unique values prevents that: creation_key='...' with missing_properties='create'"
        " makes one and fills it from the key. HubSpot then refuses a second record itself, and adopt finds"
        " the records again."
    )


def _records_of_the_type(run: RunContext) -> int | None:
    if run.portal is None or not run.portal.check or run.stop:
        return None
    try:
        return run.requester.count(run.object_type)
    except HubSpotError:
        return None  # not worth stopping for


def _nothing_known(area: StagingArea) -> bool:
    return area.count("SELECT count(*) FROM (FROM known LIMIT 1)") == 0


def _mostly_new(area: StagingArea) -> bool:
    """Whether more rows have no record yet than the sync has records."""
    new = area.count(f"SELECT count(*) FROM {_NEW}")
    return new > area.elsewhere.live + area.count(f"SELECT count(*) FROM known WHERE {_HAS_RECORD}")


def _others(run: RunContext, identity: Identity, area: StagingArea) -> list[str]:
    """Return the syncs of the store that may have records for the rows: of the same account and type, with as
    many key columns.
    """
    if area.count("SELECT count(*) FROM (FROM staged LIMIT 1)") == 0:
        return []
    return [
        other
        for other, about in run.store.identities()
        if other != run.name
        and len({about.portal, identity.portal} - {None}) <= 1
        and about.makes_records is not False
        and len(about.key) == len(identity.key)
        and run.same_type(about.object_type, identity.object_type)
    ]


def _most_known(run: RunContext, others: list[str], area: StagingArea, rows: str) -> Overlap | None:
    known_by = _overlaps(run, others, area, rows) if others else ()
    return max(known_by, key=lambda each: (each.rows, each.generation), default=None)


def _overlaps(run: RunContext, others: list[str], area: StagingArea, rows_of: str) -> Iterator[Overlap]:
    of = area.count(f"SELECT count(*) FROM (FROM {rows_of} LIMIT {LOOKED_AT})")
    for other in others:
        try:
            rows = _known_to(run, other, area, rows_of)
        except WarehouseAway:
            raise  # it may be that sync's rows which this run would make a second time
        except StoreError as error:
            run.options.on_notice(f"{run.name}: whether {other!r} sends the same rows is not known. {error}")
            continue
        if rows > MOSTLY * of and being_renamed(run.store, other) is None:
            yield Overlap(other, rows, of, run.store.latest_generation(other))


def _known_to(run: RunContext, other: str, area: StagingArea, rows_of: str) -> int:
    """How many of the first rows another sync has a record for."""
    pointer = run.store.pointer(other)
    if pointer is not None:
        first = area.table(f"SELECT key FROM {rows_of} WHERE key IS NOT NULL LIMIT {LOOKED_AT}")
        keys = [str(each) for each in first.column("key").to_pylist()]
        return ask(run.store.elsewhere, pointer, lambda each: each.known(pointer, keys))
    with run.store.local_ids(other) as path:
        if path is None:
            return 0
        return area.count(
            f"""SELECT count(*) FROM (SELECT key FROM {rows_of} LIMIT {LOOKED_AT}) s SEMI JOIN (
                SELECT _key AS key FROM read_parquet(?) WHERE hs_object_id IS NOT NULL
                    AND outcome <> 'archived'
            ) o USING (key)""",
            [str(path)],
        )
