"""The one way through: rows -> encode -> plan -> deliver -> settle -> result.

Everything a run does happens here in order, under the sync's lock. What may go wrong at each step
leaves the journal and the ids table so that the next run can go on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.endpoints import object_type as object_type_of
from hubspot_batch_dagster.api.errors import HubSpotError, InputError, MissingScopes, StoreError
from hubspot_batch_dagster.operations.associations import Associate
from hubspot_batch_dagster.operations.records import Archive, Operation, Update, Upsert
from hubspot_batch_dagster.sync.associations.key_lookup import KeyLookup
from hubspot_batch_dagster.sync.associations.writer import AssociationWriter
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.packed_batch import AcceptedBatch
from hubspot_batch_dagster.sync.column_mapping import as_input_error, bind
from hubspot_batch_dagster.sync.delivery.association_sender import (
    ASSOCIATIONS_PER_ROW,
    AssociationSender,
    prune,
)
from hubspot_batch_dagster.sync.delivery.before_images import BeforeImages
from hubspot_batch_dagster.sync.delivery.dispatcher import Dispatcher
from hubspot_batch_dagster.sync.delivery.sender import Sender
from hubspot_batch_dagster.sync.options import Finished, RunOptions
from hubspot_batch_dagster.sync.planning import adoption
from hubspot_batch_dagster.sync.planning.planner import Plan, make_plan, not_sent_again, plan_gone, plan_hash
from hubspot_batch_dagster.sync.planning.preview import SyncPlan, preview
from hubspot_batch_dagster.sync.progress import Progress
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal, stop_signal_for
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.schema.portal import Portal
from hubspot_batch_dagster.sync.schema.preflight import Inquiry, Preflight
from hubspot_batch_dagster.sync.settlement.lookup import Lookup
from hubspot_batch_dagster.sync.settlement.recovery import Recovery
from hubspot_batch_dagster.sync.staging import conclusion, known_rows
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.state import ids_table
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.table.encode import Encoded
from hubspot_batch_dagster.table.rows import record_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from hubspot_batch_dagster.table.targets import LookUps

__all__ = ["Finished", "RunOptions", "plan_sync", "run_sync"]


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
        show_values: Show the values of the sample of changes instead of masking them.

    Raises:
        InputError: As for :func:`run_sync`; a guard of the operation is one of them.
    """
    operation.check_version(client.version)
    with store.lock(name), store.scratch(name) as folder, stop_signal_for(client) as stop:
        run = _Run(rows, operation, client, store, name, options or RunOptions(), portal, folder, stop)
        return run.look(show_values)


def run_sync(
    rows: object,
    operation: Operation,
    *,
    client: HubSpotClient,
    store: Store,
    name: str,
    options: RunOptions | None = None,
    portal: Portal | None = None,
) -> Finished:
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
    operation.check_version(client.version)
    with store.lock(name), store.scratch(name) as folder:
        store.check_writable(name)
        with stop_signal_for(client) as stop:
            return _Run(
                rows, operation, client, store, name, options or RunOptions(), portal, folder, stop
            ).go()


class _Run:
    def __init__(
        self,
        rows: object,
        operation: Operation,
        client: HubSpotClient,
        store: Store,
        name: str,
        options: RunOptions,
        portal: Portal | None,
        folder: Path,
        stop: StopSignal,
    ) -> None:
        self.operation = operation
        self.store = store
        self.name = name
        self.options = options
        self.folder = folder
        self.started = time.monotonic()
        self.id = f"{int(time.time()):08x}{uuid.uuid4().hex[:8]}"  # sorts by time, and so do the folders of the runs
        self.stop = stop
        self.clock = client.server_time
        self.requester = Requester(
            client, stop=self.stop, retry_policy=options.retry_policy, version=operation.version
        )
        self.object_type = object_type_of(operation.object_type).name
        with as_input_error():
            self.source = record_batches(rows)
        self.portal = portal
        self.preflight = self._preflight()
        self.definition = self.preflight.definition(operation)
        self.keep_before = isinstance(operation, Upsert | Update) and operation.keep_before
        self.association_writer = AssociationWriter.of(operation, self.requester)
        self.encoder = bind(
            operation, self.source.schema, self.preflight.encoded(), self.association_writer.links
        )
        self.batch_size = options.batch_size * (
            ASSOCIATIONS_PER_ROW if isinstance(operation, Associate) else 1
        )
        self.unresolved = self.dissociated = 0

    def _preflight(self) -> Preflight:
        """Ask the portal. If it does not answer, the run goes on with nothing to send: what was open stays open."""
        if self.portal is None:
            return Preflight()
        options, ask = self.options, self.requester.ask
        inquiry = Inquiry(self.portal, ask, options.on_warning, self.store, self.name, options.on_drift)
        try:
            return inquiry.preflight(self.operation, self.source.schema, self.requester.version)
        except (InputError, MissingScopes, StoreError):
            raise
        except HubSpotError as error:
            self.stop.set(error)
            return Preflight()

    def look(self, show_values: bool) -> SyncPlan:
        """Plan, and describe the plan."""
        with self._staged() as stage, self._known() as known:
            self._check_unfinished(known)
            intents = self.store.journal.open_intents(self.name)
            known_rows.attach(stage, known, self.object_type, self.store.journal.outcomes(self.name))
            creates, others = (
                [each for each in intents if (each.action == "create") is created]
                for created in (True, False)
            )
            plan = self._decide(stage, creates, others)
            found = preview(
                stage,
                plan,
                self.requester,
                self.object_type,
                self.name,
                self.definition,
                show_values=show_values,
            )
            return replace(found, drift=self.preflight.drift)

    @contextmanager
    def _known(self) -> Iterator[Path | None]:
        with self.store.local_ids(self.name) as path, known_rows.damage_explained(path):
            yield path

    @contextmanager
    def _staged(self) -> Iterator[StagingArea]:
        with StagingArea(self.encoder, self.folder, memory=self.options.memory) as stage:
            with as_input_error(), KeyLookup.open(self.operation, stage, self.store) as through:
                stage.take_in(self._sources(stage, through))
            self.unresolved = through.unresolved
            yield stage

    def _sources(self, stage: StagingArea, through: KeyLookup) -> Iterator[tuple[int, Callable[[], Encoded]]]:
        for batch in self.source:
            yield batch.num_rows, partial(self._encode, batch, stage.rows_in, through.look_up(batch), stage)

    def _encode(
        self, batch: pa.RecordBatch, first_row: int, look_ups: LookUps | None, stage: StagingArea
    ) -> Encoded:
        encoded = self.encoder.encode(batch, first_row, look_ups)
        if self.preflight.rules is not None:
            encoded, incomplete = self.preflight.rules.check(encoded)
            stage.incomplete(incomplete)
        return encoded

    def go(self) -> Finished:
        with self._staged() as stage:
            lookup = Lookup(
                self.object_type, self.requester, getattr(self.operation, "creation_key", None), stage.claimed
            )
            recovery = Recovery(self.store.journal, self.name, self.id, self.requester, lookup, self.clock)
            with self._known() as known:
                plan = self._plan(stage, recovery, known)
                gone, interruption = 0, None
                if not self.options.adopt:
                    if known is None and plan.requests:
                        self._begin()
                    if self.portal is not None and plan.requests:
                        self.preflight.make_missing(self.portal, self.operation, self.requester.ask)
                    gone, interruption = self._deliver(stage, plan, recovery, lookup)
                missed = not_sent_again(stage)
                conclusion.conclude(stage, gone=gone)
                saved = self._save(stage, gone, interruption)
                if not self.stop and not self.options.adopt:
                    recovery.close_reopened(missed)
                return Finished(saved, plan, interruption, self.preflight.drift)

    def _plan(self, stage: StagingArea, recovery: Recovery, known: Path | None) -> Plan:
        self._check_unfinished(known)
        self._attach(stage, recovery, known)
        plan = self._decide(stage, recovery.held, recovery.at_large)
        if self.options.approve is not None:
            self._check_approval(plan_hash(stage, self.definition))
        return plan

    def _check_approval(self, found: str) -> None:
        if found != self.options.approve:
            raise InputError(
                f"The plan is {found}, and {self.options.approve} was approved: the source or the portal moved. Nothing was sent.",
                remedy="Look at the new plan with dry_run, and approve that.",
            )

    def _decide(self, stage: StagingArea, held: Iterable[Intent], at_large: Iterable[Intent]) -> Plan:
        with self._others() as path:
            if isinstance(self.operation, Update | Archive) and self.operation.through is not None:
                known_rows.attach_other(stage, path, self.operation.through, self.operation.key_columns)
            return make_plan(
                stage,
                self.operation,
                definition=self.definition,
                held=held,
                at_large=at_large,
                full_refresh=self.options.full_refresh,
                size=self.batch_size,
            )

    def _check_unfinished(self, known: Path | None) -> None:
        """A first run that was killed left no ids table to tell what its keys are."""
        if known is None and any(sync == self.name for sync, _, _ in self.store.journal.summary()):
            for file in (ids_table.IN_PROGRESS, ids_table.FORMERLY_IN_PROGRESS):
                with self.store.local(self.name, file) as begun:
                    if begun is not None:
                        ids_table.check(begun, self.encoder.layout.key, self.object_type)

    def _begin(self) -> None:
        written = self.folder / ids_table.IN_PROGRESS
        ids_table.write_in_progress(written, self.encoder.layout.key, self.object_type)
        self.store.put(self.name, written, ids_table.IN_PROGRESS)

    def _attach(self, stage: StagingArea, recovery: Recovery, path: Path | None) -> None:
        """Bring together what is known of the rows: ids table, journal, open intents and, if asked, the portal itself."""
        journal = self.store.journal

        def attach(*more: Iterable[Outcomes]) -> None:
            known_rows.detach(stage)
            known_rows.attach(stage, path, self.object_type, chain(journal.outcomes(self.name), *more))

        recovery.look_up_by_value()
        attach()
        if recovery.held:
            recovery.search()
            attach()
        for look in self._looks(stage, fresh=path is None):
            seen = list(look)
            attach(seen)

    def _looks(self, stage: StagingArea, *, fresh: bool) -> Iterator[Iterator[Outcomes]]:
        """What to read from the portal before planning."""
        operation, size = self.operation, self.options.batch_size
        unique = adoption.unique_property(operation)
        known = [each.definition for each in self.encoder.layout.fields if each.definition is not None]
        numbers = {each.name for each in known if each.type == "number"}
        if any(each.name == unique for each in self.preflight.missing):
            return  # no record can have a value of it yet
        portal = isinstance(operation, Upsert) and operation.compare == "portal"
        adopting = self.options.adopt or (
            fresh and isinstance(operation, Upsert) and operation.adopt_existing
        )
        if unique is not None and (adopting or (portal and operation.id_property_name is not None)):
            yield adoption.by_unique_property(
                stage, self.requester, self.association_writer, unique, size, numbers
            )
        elif portal:
            yield adoption.by_record_id(stage, self.requester, self.association_writer, size, numbers)

    def _deliver(
        self, stage: StagingArea, plan: Plan, recovery: Recovery, lookup: Lookup
    ) -> tuple[int, BaseException | None]:
        """Send what the plan says; returns how many records left the source, and what interrupted."""
        for key, looked_at in stage.suspects():
            recovery.suspects.setdefault(key, looked_at)
        sender = (AssociationSender if isinstance(self.operation, Associate) else Sender)(
            object_type=self.object_type,
            sync=self.name,
            run=self.id,
            requester=self.requester,
            journal=self.store.journal,
            lookup=lookup,
            association_writer=self.association_writer,
            recreate=isinstance(self.operation, Upsert) and self.operation.if_missing == "recreate",
            clock=self.clock,
            suspects=recovery.suspects,
            updates=isinstance(self.operation, Upsert),
            known_ids=stage.known_ids,
            before=self._before_images() if self.keep_before else None,
            perhaps_archived={
                key for each in recovery.at_large if each.action == "archive" for key in each.keys
            },
        )
        if plan.actions.get("create") and lookup.unique_property is None:
            self.requester.hear_clock(self.object_type)
        progress = Progress.begin(plan, self.options.on_progress)

        def on_outcomes(outcomes: Outcomes | AcceptedBatch) -> None:
            stage.settled(outcomes)
            progress.note(len(outcomes), self.requester.tally.requests)

        dispatcher = Dispatcher(sender, on_outcomes, Batch.as_new)
        gone, size = 0, self.batch_size
        try:
            dispatcher.deliver(stage.batches(self.id, size))
            if isinstance(self.operation, Associate) and self.operation.replace:
                self.dissociated = prune(stage, self.association_writer)
            if plan.gone and not self.stop:
                gone = plan_gone(stage)
                dispatcher.deliver(stage.archives(self.id, size))
            recovery.held = dispatcher.lost
            if not self.stop:
                self._settle_lost(recovery, stage)
        except Exception:
            raise
        except BaseException as interruption:
            stage.lost(dispatcher.lost)
            gone = stage.count(f"SELECT count(*) FROM staged WHERE row >= {stage.rows_in}")
            return gone, interruption
        stage.lost(recovery.held)
        return gone, None

    def _before_images(self) -> BeforeImages:
        names = [each.property for each in self.encoder.layout.fields]
        return BeforeImages(self.requester, self.store.journal, self.object_type, self.name, self.id, names)

    def _settle_lost(self, recovery: Recovery, stage: StagingArea) -> None:
        """Creates whose answer was lost in this run: look once more before it ends."""
        before = len(recovery.settled)
        try:
            recovery.search()
        except StoreError:
            raise
        except HubSpotError as error:
            self.stop.set(error)
        finally:
            for outcomes in recovery.settled[before:]:
                stage.settled(outcomes)

    @contextmanager
    def _others(self) -> Iterator[Path | None]:
        through = getattr(self.operation, "through", None)
        if through is None:
            yield None
            return
        other: AbstractContextManager[Path | None] = self.store.local_ids(through)
        with other as path:
            yield path

    def _save(self, stage: StagingArea, gone: int, interruption: BaseException | None) -> SyncResult:
        ids, rejected = conclusion.write_tables(stage, self.folder)
        ids_path = self.store.put(self.name, ids, "runs", self.id, "ids.parquet")
        rejected_path = self.store.put(self.name, rejected, "runs", self.id, "rejected.parquet")
        written = self.folder / "state.parquet"
        known_rows.write(stage, written, self.object_type, self.definition)
        self.store.replace_ids(self.name, written)
        self.preflight.keep(self.store, self.name, self.folder)
        if interruption is None:  # else the journal may know more than the stage: the next run folds it in
            self.store.journal.forget(self.name)
        kept = self.store.forget_old_runs(self.name)
        if self.keep_before:
            self.store.journal.forget_before(self.name, kept)
        return SyncResult(
            name=self.name,
            run=self.id,
            rows=stage.rows_in + gone,
            counts=conclusion.counts(stage),
            reasons=conclusion.reasons(stage),
            requests=self.requester.tally.requests,
            retries=self.requester.tally.retries,
            seconds=time.monotonic() - self.started,
            ids_path=ids_path,
            rejected_path=rejected_path,
            stopped=self.stop.error,
            unresolved=self.unresolved,
            dissociated=self.dissociated,
        )
