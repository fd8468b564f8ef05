"""The tables of a run, and the new ids table."""

from __future__ import annotations

import time

from hubspot_batch_dagster.sync import history
from hubspot_batch_dagster.sync.associations.association_files import (
    REMOVED,
    write_lines,
    write_open,
    write_removed,
    write_rows,
)
from hubspot_batch_dagster.sync.associations.association_table import OUTCOMES as ASSOCIATION_OUTCOMES
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.stages.associate import Associated
from hubspot_batch_dagster.sync.stages.compare import merge_into_warehouse
from hubspot_batch_dagster.sync.stages.deliver import Delivery
from hubspot_batch_dagster.sync.stages.resolve_schema import Schema
from hubspot_batch_dagster.sync.stages.stage_rows import StagedRows
from hubspot_batch_dagster.sync.staging import conclusion, known_rows
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.state.identity import Identity
from hubspot_batch_dagster.sync.state.ids_table import metadata_of
from hubspot_batch_dagster.sync.state.row_order import forget_orders
from hubspot_batch_dagster.sync.state.store import OPEN_ASSOCIATIONS


def save(
    run: RunContext,
    schema: Schema,
    identity: Identity,
    staged: StagedRows,
    delivery: Delivery,
    associated: Associated,
) -> SyncResult:
    """Write the tables of the run and the new ids table, and let the journal forget what they hold.

    Raises:
        StoreError: A file cannot be written. What was sent is in the journal, and the next run settles it.
        Overtaken: A later run of the sync has begun; nothing of its was replaced.
    """
    store, name, run_id, area = run.store, run.name, run.definition.id, staged.area
    generation = run.generation or 0
    metadata = metadata_of(identity, generation)
    ids, rejected = conclusion.write_tables(area, run.folder, metadata)
    ids_path = store.put(name, ids, "runs", run_id, "ids.parquet")
    rejected_path = store.put(name, rejected, "runs", run_id, "rejected.parquet")
    omitted_path, omitted = _save_omitted(run, area)
    associations_path, association_counts = _save_associations(run, schema, area, associated)
    written = run.folder / "state.parquet"
    known_rows.write(
        area,
        written,
        metadata,
        schema.definition(run),
        part=run.options.as_of.part if run.options.as_of else None,
    )
    if run.comparison is not None:
        written = merge_into_warehouse(run, identity, area, run.comparison, written)
    schema.preflight.keep(store, name, run.folder, generation)
    # After an interruption the journal may know more than the stage: the next run folds it in.
    store.conclude(name, run_id, generation, written, forget=delivery.interruption is None)
    if delivery.interruption is None:
        forget_orders(store, name, generation)
    result = SyncResult(
        name=name,
        run=run_id,
        rows=area.rows_in + area.elsewhere.rows + delivery.gone,
        counts=conclusion.counts(area),
        reasons=conclusion.reasons(area),
        requests=run.requester.tally.requests,
        retries=run.requester.tally.retries,
        seconds=time.monotonic() - run.definition.started,
        ids_path=ids_path,
        rejected_path=rejected_path,
        stopped=run.stop.error,
        associations_path=associations_path,
        association_counts={name: association_counts.get(name, 0) for name in ASSOCIATION_OUTCOMES},
        dissociated=delivery.dissociated + associated.dissociated,
        omitted_path=omitted_path,
        cells_omitted=omitted,
        store=identity.store,
        generation=generation,
        waiting=delivery.waiting,
        compared_in_warehouse=None if run.comparison is None else area.elsewhere.rows,
    )
    history.add_run(store, result, run.folder)
    return result


def _save_omitted(run: RunContext, area: StagingArea) -> tuple[str | None, dict[str, int]]:
    """Put the cells that were left out by rule into the store; nothing where there is none."""
    if area.count("SELECT count(*) FROM omitted") == 0:
        return None, {}
    written = run.folder / "omitted.parquet"
    reasons = conclusion.write_omitted(area, written)
    return run.store.put(run.name, written, "runs", run.definition.id, written.name), reasons


def _save_associations(
    run: RunContext, schema: Schema, area: StagingArea, associated: Associated
) -> tuple[str | None, dict[str, int]]:
    """Put the associations of the run and those that are still open into the store; returns their path and their counts.

    They count from the moment at which the ids table does.
    """
    table, typed = associated.table, schema.associations.associations
    written = run.folder / "associations.parquet"
    if run.operation.is_association and typed:
        counts = write_rows(area, typed[0], written)
        return run.store.put(run.name, written, "runs", run.definition.id, written.name), counts
    if table is None:
        return None, {}
    still_open = run.folder / OPEN_ASSOCIATIONS
    write_open(area, still_open)
    run.store.put_version(run.name, run.generation or 0, still_open, OPEN_ASSOCIATIONS)
    removed = run.folder / REMOVED
    if write_removed(area, removed):
        run.store.put(run.name, removed, "runs", run.definition.id, REMOVED)
    write_lines(area, written)
    return run.store.put(run.name, written, "runs", run.definition.id, written.name), associated.counts
