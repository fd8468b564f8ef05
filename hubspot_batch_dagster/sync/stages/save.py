"""The tables of a run, and the new ids table."""

from __future__ import annotations

import time

from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.stages.deliver import Delivery
from hubspot_batch_dagster.sync.stages.resolve_schema import Schema
from hubspot_batch_dagster.sync.stages.stage_rows import StagedRows
from hubspot_batch_dagster.sync.staging import conclusion, known_rows
from hubspot_batch_dagster.sync.state.identity import Identity
from hubspot_batch_dagster.sync.state.ids_table import metadata_of


def save(
    run: RunContext, schema: Schema, identity: Identity, staged: StagedRows, delivery: Delivery
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
    written = run.folder / "state.parquet"
    known_rows.write(area, written, metadata, schema.definition(run))
    schema.preflight.keep(store, name, run.folder, generation)
    # After an interruption the journal may know more than the stage: the next run folds it in.
    store.conclude(name, run_id, generation, written, forget=delivery.interruption is None)
    return SyncResult(
        name=name,
        run=run_id,
        rows=area.rows_in + delivery.gone,
        counts=conclusion.counts(area),
        reasons=conclusion.reasons(area),
        requests=run.requester.tally.requests,
        retries=run.requester.tally.retries,
        seconds=time.monotonic() - run.definition.started,
        ids_path=ids_path,
        rejected_path=rejected_path,
        stopped=run.stop.error,
        unresolved=staged.unresolved,
        dissociated=delivery.dissociated,
    )
