"""The plan, and what must be there before it is carried out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from hubspot_batch_dagster.api.errors import GuardStopped
from hubspot_batch_dagster.sync.batches.journal_entries import Intent
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.planning.near_keys import near_keys
from hubspot_batch_dagster.sync.planning.planner import Plan, doubts, make_plan, plan_hash
from hubspot_batch_dagster.sync.stages.resolve_schema import Schema
from hubspot_batch_dagster.sync.staging import known_rows
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.state import ids_table
from hubspot_batch_dagster.sync.state.identity import Identity
from hubspot_batch_dagster.sync.state.row_order import put_order
from hubspot_batch_dagster.sync.trace_log import Trace


def decide(
    run: RunContext,
    schema: Schema,
    area: StagingArea,
    *,
    held: Iterable[Intent],
    at_large: Iterable[Intent],
) -> Plan:
    """Plan: one action for each row.

    Args:
        run: The run.
        schema: How the columns go to HubSpot.
        area: The rows, with ``known``.
        held: Creates whose answer is still open: their rows wait.
        at_large: Repeatable batches with a request that HubSpot may carry out late.

    Raises:
        InputError: A guard of the operation, or the plan is not the approved one.
    """
    plan = make_plan(
        area,
        run.operation,
        definition=schema.definition(run),
        held=held,
        at_large=at_large,
        full_refresh=run.options.full_refresh,
        size=run.definition.batch_size,
        as_of=run.options.as_of,
    )
    plan = replace(
        plan,
        warnings=(
            *plan.warnings,
            *_reverted(run, plan),
            *_doubts(run, schema, area),
            *_cut(run, area),
            *near_keys(area),
        ),
    )
    for each in plan.warnings:
        run.options.on_warning(each)
    approved = run.options.approve
    found = plan_hash(area, schema.definition(run)) if approved is not None else None
    if found != approved:
        raise GuardStopped(
            f"The plan is {found}, and {approved} was approved: the source or the portal moved. Nothing was"
            " sent.",
            remedy="Look at the new plan with dry_run, and approve that.",
        )
    return plan


def _reverted(run: RunContext, plan: Plan) -> tuple[str, ...]:
    reverted = plan.actions.get("reverted", 0)
    said = (
        f"{run.name}: an undo took {reverted:,} rows back. They stay as they are until they change, or until "
        "full_refresh=True sends them."
    )
    return (said,) if reverted else ()


def _doubts(run: RunContext, schema: Schema, area: StagingArea) -> tuple[str, ...]:
    rules = schema.preflight.rules
    return () if rules is None else doubts(area, rules.doubts, rules.doubts_about_all, run.object_type)


def _cut(run: RunContext, area: StagingArea) -> tuple[str, ...]:
    """Warn of dates that have a time of day, where HubSpot does not refuse them."""
    return tuple(
        f"{run.name}: {n:,} dates of the column '{column}' have a time of day. This version of HubSpot's API "
        "keeps the day alone, and the day is sent, in UTC. Cast the column to a date where another is meant."
        for column, n in area.cut.items()
        if n
    )


def note_start(run: RunContext, identity: Identity, plan: Plan) -> None:
    """Leave a trace outside the store that the run is about to send."""
    if plan.requests and run.options.trace_log is not None and run.generation is not None:
        run.options.trace_log.note(Trace(run.name, identity.store, run.generation))


def prepare_writing(
    run: RunContext, schema: Schema, identity: Identity, area: StagingArea, plan: Plan, path: Path | None
) -> None:
    """Leave a mark of the run and of how new its rows are, and make the properties that are missing; called
    once the plan is settled.

    The mark says what the keys of a first run are, and that a journal which does not know the run is an older
    one. A journal in the bucket is as old as all else there.

    Raises:
        StoreError: The mark cannot be written.
        HubSpotError: A property cannot be made.
    """
    if not plan.requests:
        return
    journal, definition = run.store.journal, schema.definition(run)
    if definition != run.definition_in_journal and next(iter(journal.outcomes(run.name)), None) is not None:
        definition = ""  # what an interrupted run left came about under another one
    journal.bind(run.name, run.definition.id, replace(identity, definition=definition).to_json())
    if path is None or run.store.files.local:
        mark = ids_table.IN_PROGRESS.format(run.generation or 0)
        ids_table.write_in_progress(run.folder / mark, identity)
        run.store.put(run.name, run.folder / mark, mark)
    order = run.folder / "order.parquet"
    if known_rows.write_order(area, order, run.options.as_of.part if run.options.as_of else None):
        put_order(run.store, run.name, run.generation or 0, order)
    if run.portal is not None:
        schema.preflight.make_missing(run.portal, run.operation, run.requester.ask)
