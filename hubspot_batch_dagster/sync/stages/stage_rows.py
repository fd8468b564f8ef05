"""The rows on disk, encoded and checked: from here on no run needs them in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hubspot_batch_dagster.sync.associations.key_lookup import KeyLookup
from hubspot_batch_dagster.sync.column_mapping import as_input_error
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.stages.compare import compare
from hubspot_batch_dagster.sync.stages.resolve_schema import Schema
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.table.encode import Encoded

if TYPE_CHECKING:
    import pyarrow as pa

    from hubspot_batch_dagster.table.targets import LookUps


@dataclass(frozen=True)
class StagedRows:
    """The rows on disk, encoded and checked.

    Attributes:
        area: Where they lie.
        ids_tables: Sync -> table of its keys and record ids, for the syncs whose keys the rows hold.
    """

    area: StagingArea
    ids_tables: dict[str, str]


@contextmanager
def stage_rows(run: RunContext, schema: Schema) -> Iterator[StagedRows]:
    """Encode and check all rows, and look up the keys of other syncs that they name.

    Raises:
        InputError: The rows cannot be read, or another sync has no ids table.
    """
    source: Iterable[pa.RecordBatch] = run.definition.source
    if run.comparison is not None:
        compare(run, schema, run.comparison)
        source = run.comparison.candidates()
    if run.changes is not None:
        source = run.changes.batches(schema.definition(run))
        run.options.on_notice(f"{run.name}: {run.changes}.")
    elsewhere = run.comparison or run.changes
    with StagingArea(schema.encoder, run.folder, memory=run.options.memory, elsewhere=elsewhere) as area:
        with (
            as_input_error(),
            KeyLookup.open(run.operation, area, run.store, run.name, run.same_type) as keys,
        ):
            area.take_in(_encoded(source, schema, area, keys))
        yield StagedRows(area, keys.tables)


def _encoded(
    source: Iterable[pa.RecordBatch], schema: Schema, area: StagingArea, keys: KeyLookup
) -> Iterator[tuple[int, Callable[[], Encoded]]]:
    for given in source:
        batch = schema.encoder.without_null_values(given)
        yield (
            batch.num_rows,
            partial(_encode, schema, area, batch, area.rows_in, keys.look_up(batch, area.rows_in)),
        )


def _encode(
    schema: Schema, area: StagingArea, batch: pa.RecordBatch, first_row: int, look_ups: LookUps | None
) -> Encoded:
    encoded = schema.encoder.encode(batch, first_row, look_ups)
    area.cut.update(encoded.cut)
    if schema.preflight.rules is not None:
        incomplete, doubtful = schema.preflight.rules.check(encoded.good)
        area.incomplete(incomplete)
        area.doubtful(doubtful)
        if encoded.withheld is not None:
            area.incomplete(schema.preflight.rules.also_lacking(encoded.withheld))
    return encoded
