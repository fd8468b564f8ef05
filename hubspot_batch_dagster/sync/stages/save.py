"""The tables of a run, and the new ids table."""

from __future__ import annotations

import time
from pathlib import Path

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
from hubspot_batch_dagster.sync.state.ids_table import about, described, metadata_of
from hubspot_batch_dagster.sync.state.kept_once import OPEN_ASSOCIATIONS


def save(
    run: RunContext,
    schema: Schema,
    identity: Identity,
    staged: StagedRows,
    delivery: Delivery,
    associated: Associated,
    *,
    before: Path | None,
) -> SyncResult:
    """Write the tables of the run and the new ids table, and let the journal forget what they hold.

    Where nothing moved the ids table stays as it is: it is neither written nor uploaded, and the run ends
    with the one before.

    Args:
        run: The run.
        schema: How the columns go to HubSpot.
        identity: What the run is about.
        staged: The rows, concluded.
        delivery: What delivering them came to.
        associated: What became of their associations.
        before: The ids table that counts; ``None`` in a first run.

    Raises:
        StoreError: A file cannot be written. What was sent is in the journal, and the next run settles it.
        Overtaken: A later run of the sync has begun; nothing of its was replaced.
    """
    store, name, run_id, area = run.store, run.name, run.definition.id, staged.area
    kept = _kept_generation(run, schema, identity, area, associated, before)
    # A run that keeps the ids table leaves its number: a store that has later numbers than its state is taken
    # for lost.
    generation = (run.generation or 0) if kept is None else kept
    metadata = metadata_of(identity, generation)
    ids, rejected = conclusion.write_tables(area, run.folder, metadata)
    ids_path = store.put(name, ids, "runs", run_id, "ids.parquet")
    rejected_path = store.put(name, rejected, "runs", run_id, "rejected.parquet")
    omitted_path, omitted = _save_omitted(run, area)
    associations_path, association_counts = _save_associations(run, schema, area, associated)
    written = run.folder / "state.parquet" if kept is None else None
    if written is not None:
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
    counts = conclusion.counts(area)
    settled = delivery.interruption is None and not (counts["unsent"] or counts["unknown"])
    reading = None if run.changes is None else run.changes.reading(settled=settled)
    result = SyncResult(
        name=name,
        run=run_id,
        rows=area.rows_in + area.elsewhere.rows + delivery.gone,
        counts=counts,
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
        changed_since=None if reading is None else reading.changed_since,
    )
    # After an interruption the journal may know more than the stage: the next run folds it in.
    store.conclude(
        name,
        run_id,
        generation,
        written,
        number=run.generation or 0,
        history=history.with_run(store, result, run.folder, reading),
        forget=delivery.interruption is None,
    )
    return result


def _kept_generation(
    run: RunContext,
    schema: Schema,
    identity: Identity,
    area: StagingArea,
    associated: Associated,
    before: Path | None,
) -> int | None:
    """Return the generation of the ids table, if a new one would hold the same lines and say the same of
    itself; else ``None``.
    """
    of_another_kind = (
        run.comparison is not None
        or run.options.as_of is not None
        or run.operation.as_of is not None
        or associated.table is not None
    )
    if before is None or area.recovered or of_another_kind:
        return None
    if area.count("SELECT count(*) FROM (FROM final WHERE moved LIMIT 1)"):
        return None
    if next(iter(run.store.journal.outcomes(run.name)), None) is not None:
        return None
    said = described(before)
    number = int(said.get("generation", 0))
    same = said == about(identity, number)
    return number if number and same and schema.preflight.is_kept(run.store, run.name) else None


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
    """Put the associations of the run and those that are still open into the store; returns their path and
    their counts.

    They count from the moment at which the ids table does.
    """
    table, typed = associated.table, schema.associations.associations
    written = run.folder / "associations.parquet"
    removed = run.folder / REMOVED
    if write_removed(area, removed):
        run.store.put(run.name, removed, "runs", run.definition.id, REMOVED)
    if run.operation.is_association and typed:
        counts = write_rows(area, typed[0], written)
        return run.store.put(run.name, written, "runs", run.definition.id, written.name), counts
    if table is None:
        return None, {}
    still_open = run.folder / OPEN_ASSOCIATIONS
    write_open(area, still_open)
    run.store.put_version(run.name, run.generation or 0, still_open, OPEN_ASSOCIATIONS)
    write_lines(area, typed, written)
    return run.store.put(run.name, written, "runs", run.definition.id, written.name), associated.counts
