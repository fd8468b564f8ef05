"""A run: its stages in their order.

What may go wrong at each stage leaves the journal and the ids table so that the next run can go on.
Everything happens under the sync's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.context import RunContext, open_run
from hubspot_batch_dagster.sync.options import RunOptions, RunReport
from hubspot_batch_dagster.sync.planning.planner import not_sent_again
from hubspot_batch_dagster.sync.planning.preview import SyncPlan, preview
from hubspot_batch_dagster.sync.schema.portal import Portal
from hubspot_batch_dagster.sync.stages.associate import associate, planned_associations
from hubspot_batch_dagster.sync.stages.decide import decide, note_start, prepare_writing
from hubspot_batch_dagster.sync.stages.deliver import Delivery, deliver
from hubspot_batch_dagster.sync.stages.find_known import (
    attach_known,
    check_interrupted_first_run,
    check_keys,
    ids_file,
    other_ids_table,
    read_records,
    recover,
    respell_journal,
)
from hubspot_batch_dagster.sync.stages.first_run import meet_other_syncs, start_over
from hubspot_batch_dagster.sync.stages.identify import identify
from hubspot_batch_dagster.sync.stages.look_at_records import look_at_records
from hubspot_batch_dagster.sync.stages.match_existing import estimate_matching, match_existing
from hubspot_batch_dagster.sync.stages.resolve_schema import Schema, resolve_schema
from hubspot_batch_dagster.sync.stages.retry_refused import retry_refused
from hubspot_batch_dagster.sync.stages.save import save
from hubspot_batch_dagster.sync.stages.stage_rows import StagedRows, stage_rows
from hubspot_batch_dagster.sync.staging import conclusion, known_rows
from hubspot_batch_dagster.sync.state.identity import Identity
from hubspot_batch_dagster.sync.state.patience import Patience
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.sync.warehouse.engine import TRIES, SessionLost

T = TypeVar("T")

__all__ = ["RunOptions", "RunReport", "plan_sync", "run_sync"]


def run_sync(
    rows: object,
    operation: Operation,
    *,
    client: HubSpotClient,
    store: Store,
    name: str,
    options: RunOptions | None = None,
    portal: Portal | None = None,
) -> RunReport:
    """Bring the rows to HubSpot, once each.

    Args:
        rows: Any frame; see :func:`hubspot_batch_dagster.table.rows.record_batches`.
        operation: What to do with them.
        client: The way to HubSpot.
        store: Where the ids table and the journal are.
        name: Of the sync; the same name is the same ids table.
        options: How to go about it.
        portal: What to check the rows against; ``None`` checks nothing but what the rows say of themselves.

    Raises:
        InputError: The rows or the operation cannot be meant; nothing was sent.
        StoreError: The journal or the ids table cannot be read or written. What was sent is
            in the journal, and the next run settles it.
        ConservationError: The outcomes do not add up to the rows.
    """
    options = options or RunOptions()
    opened = partial(open_run, rows, operation, client=client, store=store, name=name, portal=portal)
    return _in_run(partial(opened, options=options, writes=True), options, _carry_out)


def plan_sync(
    rows: object,
    operation: Operation,
    *,
    client: HubSpotClient,
    store: Store,
    name: str,
    options: RunOptions | None = None,
    portal: Portal | None = None,
    show_values: bool = False,
) -> SyncPlan:
    """Say what :func:`run_sync` would do, and write nothing: not to HubSpot, and not to the ids table.

    Args:
        rows: As for :func:`run_sync`.
        operation: As for :func:`run_sync`.
        client: As for :func:`run_sync`.
        store: As for :func:`run_sync`.
        name: As for :func:`run_sync`.
        options: As for :func:`run_sync`.
        portal: As for :func:`run_sync`.
        show_values: Show the values of the sample of changes instead of masking them.

    Raises:
        InputError: As for :func:`run_sync`; a guard of the operation is one of them.
    """
    options = options or RunOptions()
    opened = partial(open_run, rows, operation, client=client, store=store, name=name, portal=portal)
    look = partial(_look, show_values=show_values)
    return _in_run(partial(opened, options=options, writes=False), options, look)


def _in_run(
    opened: Callable[..., AbstractContextManager[RunContext]],
    options: RunOptions,
    work: Callable[[RunContext], T],
) -> T:
    """Open a run and work in it, anew where the warehouse went away while its rows were read: nothing was
    sent then.
    """
    patience = Patience(options.retry_policy.total, first=True)
    for left in reversed(range(TRIES)):
        try:
            with opened(patience=patience) as run:
                return work(run)
        except SessionLost as error:
            if not left:
                raise
            options.on_warning(f"{error.message} It is waited for, and asked anew.")
    raise AssertionError


@dataclass(frozen=True)
class _Ready:
    """What the stages up to the rows on disk have made: for a run and for the plan of one alike."""

    identity: Identity
    schema: Schema
    staged: StagedRows
    ids_path: Path | None


@contextmanager
def _made_ready(run: RunContext) -> Iterator[_Ready]:
    identity = identify(run)
    schema = resolve_schema(run)
    with (
        stage_rows(run, schema) as staged,
        ids_file(run) as path,
        other_ids_table(run, staged.area),
    ):
        check_interrupted_first_run(run, schema, path)
        respell_journal(run)
        attach_known(run, staged.area, path)
        check_keys(run, identity, staged.area, path)
        if not run.options.adopt and not look_at_records(run, staged.area):
            path = None
            if run.writes:
                start_over(run)
            known_rows.detach(staged.area)
            known_rows.attach(staged.area, None, ())
        if not run.options.adopt:
            meet_other_syncs(run, identity, staged.area)
        yield _Ready(identity, schema, staged, path)


def _carry_out(run: RunContext) -> RunReport:
    with _made_ready(run) as ready:
        schema, area = ready.schema, ready.staged.area
        recovery = recover(run, area, ready.ids_path)
        read_records(run, schema, area, ready.ids_path)
        plan = decide(run, schema, area, held=recovery.held, at_large=recovery.at_large)
        delivery = Delivery()
        if not run.options.adopt:
            note_start(run, ready.identity, plan)
            prepare_writing(run, schema, ready.identity, area, plan, ready.ids_path)
            waiting = retry_refused(run, area, plan, recovery.lookup)
            match_existing(run, schema, area)
            delivery = deliver(run, schema, area, plan, recovery, waiting=waiting)
        if delivery.strangers:
            attach_known(run, area, ready.ids_path)
        adopts = ready.ids_path is None and run.operation.adopts_on_first_run
        associated = associate(
            run, schema, ready.staged, delivery, recovery.associations_at_large, adopts=adopts
        )
        missed = not_sent_again(area)
        conclusion.conclude(area, gone=delivery.gone)
        saved = save(run, schema, ready.identity, ready.staged, delivery, associated, before=ready.ids_path)
        whole = not run.stop and not run.options.adopt
        recovery.close_associations(associated.answered, others=whole)
        if whole:
            recovery.close_reopened(missed)
    return RunReport(saved, plan, delivery.interruption, schema.preflight.drift)


def _look(run: RunContext, show_values: bool) -> SyncPlan:
    with _made_ready(run) as ready:
        schema, area = ready.schema, ready.staged.area
        intents = run.store.journal.open_intents(run.name)
        of_associations = [each for each in intents if each.is_of_associations]
        held = [each for each in intents if each.action == "create"]
        at_large = [each for each in intents if each.action != "create" and not each.is_of_associations]
        plan = decide(run, schema, area, held=held, at_large=at_large)
        associations, more_requests = planned_associations(run, schema, ready.staged, of_associations)
        matching = estimate_matching(run, schema, area)
        seen = preview(
            area,
            plan,
            run.requester,
            run.object_type,
            run.name,
            schema.definition(run),
            associations=associations,
            association_requests=more_requests,
            match_requests=matching.requests,
            match_seconds=matching.seconds,
            show_values=show_values,
        )
    return replace(seen, drift=schema.preflight.drift)
