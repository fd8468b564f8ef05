"""Sending what the plan says, and settling every answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubspot_batch_dagster.api.batch_results import ResultReader
from hubspot_batch_dagster.sync.batches.journal_entries import Outcomes
from hubspot_batch_dagster.sync.batches.packed_batch import AcceptedBatch
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.delivery.association_sender import AssociationSender, prune
from hubspot_batch_dagster.sync.delivery.before_images import BeforeImages
from hubspot_batch_dagster.sync.delivery.conditional_properties import ConditionalProperties
from hubspot_batch_dagster.sync.delivery.dispatcher import Dispatcher
from hubspot_batch_dagster.sync.delivery.sender import Sender
from hubspot_batch_dagster.sync.planning.planner import Plan, plan_gone
from hubspot_batch_dagster.sync.progress import Progress
from hubspot_batch_dagster.sync.settlement.recovery import Recovery
from hubspot_batch_dagster.sync.stages.match_existing import match_existing
from hubspot_batch_dagster.sync.stages.merged_records import follow_merged
from hubspot_batch_dagster.sync.stages.resolve_schema import Schema
from hubspot_batch_dagster.sync.stages.settle_unknown import settle_unknown
from hubspot_batch_dagster.sync.staging.record_owners import RecordOwners
from hubspot_batch_dagster.sync.staging.reopened_rows import reopen_gone, reopen_lacking
from hubspot_batch_dagster.sync.staging.shared_records import (
    settle_records_elsewhere,
    settle_shared_records,
)
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea


@dataclass(frozen=True)
class Delivery:
    """What delivering a plan came to.

    Attributes:
        gone: Records whose rows left the source, and that were to be archived.
        dissociated: Associations that ``Associate(..., replace=True)`` removed.
        found_rows: Rows to create whose record was there already.
        interruption: What the caller must raise once the result is put away.
        waiting: Rows refused for a reason that may pass, which this run did not look at again.
        strangers: Whether records were found whose keys are not in this run's table.
    """

    gone: int = 0
    dissociated: int = 0
    found_rows: Sequence[int] = ()
    interruption: BaseException | None = None
    strangers: bool = False
    waiting: int = 0


def deliver(
    run: RunContext,
    schema: Schema,
    area: StagingArea,
    plan: Plan,
    recovery: Recovery,
    *,
    waiting: int = 0,
) -> Delivery:
    """Send what the plan says, and settle every answer.

    Raises:
        StoreError: The journal cannot be written.
    """
    sender = _sender(run, schema, area, recovery)
    creates = area.count("SELECT count(*) FROM planned WHERE action = 'create'")
    if creates and recovery.lookup.unique_property is None:
        run.requester.learn_server_time(run.object_type)
    progress = Progress.begin(plan, run.options.on_progress, every=run.options.progress_every)

    def on_outcomes(outcomes: Outcomes | AcceptedBatch) -> None:
        area.settled(outcomes)
        progress.note(len(outcomes), run.requester.tally.requests)

    dispatcher = Dispatcher(sender, on_outcomes, matches=bool(run.operation.matched_by))
    size, gone, dissociated = run.definition.batch_size, 0, 0
    try:
        dispatcher.deliver(area.batches(run.definition.id, size))
        dispatcher.matches = False  # once: a search may show the very record that is gone
        if dispatcher.gone_rows and not run.stop:
            reopen_gone(area, dispatcher.gone_rows)
            match_existing(run, schema, area, reopened=True)
            dispatcher.deliver(area.batches(f"{run.definition.id}.g", size, reopened=True))
        if run.operation.replaces_associations:
            dissociated, lacking = prune(area, schema.associations)
            if not run.stop and reopen_lacking(area, lacking):
                dispatcher.deliver(area.batches(f"{run.definition.id}.r", size, reopened=True))
        if plan.gone and not run.stop:
            gone = plan_gone(area)
            dispatcher.deliver(area.archives(run.definition.id, size))
        strangers = settle_unknown(run, area, recovery, dispatcher, progress)
        if run.comparison is not None:
            run.comparison.overwritten |= settle_records_elsewhere(area, run.clock())
        follow_merged(run, area, recovery.lookup)
        again = run.operation.updates_made_records and not run.stop
        if settle_shared_records(area, again=again, at=run.clock()) and not run.stop:
            batches = area.batches(f"{run.definition.id}.s", size, reopened=True, by_record_id=True)
            dispatcher.deliver(batches)
    except Exception:
        raise
    except BaseException as interruption:
        recovery.hold(dispatcher.lost)
        area.lost(recovery.held)
        settle_shared_records(area, again=False, at=run.clock())
        gone = area.count(f"SELECT count(*) FROM staged WHERE row >= {area.rows_in}")
        return Delivery(gone, dissociated, dispatcher.found_rows, interruption, waiting=waiting)
    area.lost(recovery.held)
    return Delivery(gone, dissociated, dispatcher.found_rows, strangers=strangers, waiting=waiting)


def _sender(run: RunContext, schema: Schema, area: StagingArea, recovery: Recovery) -> Sender:
    owners = RecordOwners(area)
    for key, looked_at in owners.suspects():
        recovery.suspects.setdefault(key, looked_at)
    operation = run.operation
    looks_there = operation.looks_up_keys_in is not None and "archive" in operation.actions
    sender = Sender(
        object_type=run.object_type,
        sync=run.name,
        run=run.definition.id,
        requester=run.requester,
        journal=run.store.journal,
        lookup=recovery.lookup,
        recreate=operation.recreates_missing,
        clock=run.clock,
        suspects=recovery.suspects,
        updates=operation.updates_found_records,
        known_ids=owners.known_ids,
        before=_before_images(run, schema) if operation.keeps_before_images else None,
        on_invalid={
            name: each.on_invalid for name, each in operation.rules.items() if each.on_invalid != "reject"
        },
        omit=lambda cells: area.omit(cells, {name: each.column for name, each in operation.rules.items()}),
        required={each.type for each in schema.associations.associations if each.association.required},
        conditional=_conditional(run) if operation.has_conditional_properties else None,
        perhaps_archived={key for each in recovery.at_large if each.action == "archive" for key in each.keys},
        reader=ResultReader(_properties(schema), found_by=operation.id_property_name),
        owners=owners.keys_here_or_there if looks_there else owners.keys,
    )
    if not operation.is_association:
        return sender
    return AssociationSender(**vars(sender), association_writer=schema.associations)


def _conditional(run: RunContext) -> ConditionalProperties:
    rules = run.operation.rules
    return ConditionalProperties(
        run.requester,
        run.object_type,
        on_create=[name for name, each in rules.items() if each.write == "on_create"],
        if_empty=[name for name, each in rules.items() if each.write == "if_empty"],
    )


def _before_images(run: RunContext, schema: Schema) -> BeforeImages:
    return BeforeImages(
        run.requester,
        run.store.journal,
        run.object_type,
        run.name,
        run.definition.id,
        _properties(schema),
    )


def _properties(schema: Schema) -> list[str]:
    return [each.property for each in schema.encoder.layout.fields]
