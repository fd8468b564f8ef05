"""Row keys that an earlier version wrote, in the spelling of this one: in ids tables, open intents and
outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import literal
from hubspot_batch_dagster.sync.state.ids_table import described, unreadable
from hubspot_batch_dagster.table.keys import respelt
from hubspot_batch_dagster.table.parquet import stored_batches

SPELT_SINCE = 2
"""The format of ids tables whose keys are spelt as they are now."""


def in_this_spelling(stage: StagingArea, path: Path) -> Path:
    """Return the ids table, or a copy of one of an earlier version whose keys are spelt anew.

    Two keys that are one now keep the line that was written last.

    Raises:
        StoreError: The file is damaged.
    """
    said = described(path)
    if said.get("format", 0) >= SPELT_SINCE:
        return path
    if path not in stage.respelt:
        stage.respelt[path] = _copied(stage, path, len(said["key"]))
    return stage.respelt[path]


def new_keys(keys: Iterable[str], columns: int) -> dict[str, str]:
    """Former key -> key, of those whose spelling is another one now."""
    former = list(dict.fromkeys(keys))
    now = respelt(pa.array(former, pa.string()), columns).to_pylist()
    return {old: str(new) for old, new in zip(former, now, strict=True) if old != new}


def _copied(stage: StagingArea, path: Path, columns: int) -> Path:
    number = len(stage.respelt)
    copy, changed = stage.folder / f"respelt-{number}.parquet", False
    try:
        file = pq.ParquetFile(path, pre_buffer=False)
        place = file.schema_arrow.get_field_index("_key")
        with pq.ParquetWriter(copy, file.schema_arrow) as written:
            for batch in stored_batches(file):
                keys = respelt(batch.column(place).cast(pa.string()), columns)
                changed = changed or not pc.all(pc.equal(keys, batch.column(place))).as_py()
                written.write_batch(batch.set_column(place, file.schema_arrow.field(place), keys))
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise unreadable(path, error) from None
    if not changed:
        return copy
    alone = stage.folder / f"respelt-once-{number}.parquet"
    stage.db.execute(
        f"""COPY (FROM read_parquet({literal(str(copy))}) QUALIFY row_number() OVER (
            PARTITION BY _key ORDER BY hs_object_id IS NULL, synced_at DESC) = 1)
                TO {literal(str(alone))} (FORMAT parquet)"""
    )
    return alone
