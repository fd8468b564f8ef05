"""Record ids for keys: columns that name records by the keys of another sync, looked up in that sync's ids table.

The keys are joined batch by batch in DuckDB, so an ids table of any length costs no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.staging.known_rows import copy_ids
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.table.check import MISSING_KEY, Code, problem
from hubspot_batch_dagster.table.kernels import Array, anywhere, cells, pc
from hubspot_batch_dagster.table.keys import folded_email, key_text
from hubspot_batch_dagster.table.targets import LookedUp, LookUps
from hubspot_batch_dagster.table.text import of_rows, without

UNRESOLVED = "UNRESOLVED_ASSOCIATION"


@dataclass(frozen=True)
class Column:
    """A column of keys.

    Attributes:
        column: Its name.
        sync: Whose keys it holds.
        object_type: What that sync's records are.
        required: Rows with a key that has no record are rejected.
    """

    column: str
    sync: str
    object_type: str
    required: bool


def columns_of(operation: Operation) -> tuple[Column, ...]:
    """The columns of an operation that hold another sync's keys."""
    found = [
        Column(each.column, each.through, object_type(each.to).name, each.required)
        for each in operation.associations
        if each.through is not None
    ]
    if operation.looks_up_record_ids_in is not None and operation.record_id_column is not None:
        source = object_type(operation.object_type).name
        found.append(
            Column(operation.record_id_column, operation.looks_up_record_ids_in, source, required=True)
        )
    return tuple(found)


class KeyLookup:
    """The look-ups of a run.

    Attributes:
        unresolved: Links left out so far, because their keys have no record.
    """

    def __init__(self, stage: StagingArea, columns: tuple[Column, ...], tables: dict[str, str]) -> None:
        self._stage = stage
        self._columns = columns
        self._tables = tables
        self.unresolved = 0

    @classmethod
    @contextmanager
    def open(cls, operation: Operation, stage: StagingArea, store: Store) -> Iterator[KeyLookup]:
        """Take the ids tables in that an operation looks keys up in.

        Raises:
            InputError: A sync has no ids table yet, or one of another object type or of several key columns.
            StoreError: An ids table cannot be read.
        """
        columns = columns_of(operation)
        tables: dict[str, str] = {}
        with ExitStack() as files:
            for each in columns:
                if each.sync not in tables:
                    tables[each.sync] = f"ids_of_{len(tables)}"
                    path = files.enter_context(store.local_ids(each.sync))
                    copy_ids(stage, path, each.sync, each.object_type, tables[each.sync])
        yield cls(stage, columns, tables)

    def look_up(self, batch: pa.RecordBatch) -> LookUps | None:
        """The record ids of a batch's columns of keys; ``None`` if the operation has no such columns."""
        if not self._columns or batch.num_rows == 0:
            return {(each.column, each.sync): LookedUp(_none()) for each in self._columns} or None
        return {
            (each.column, each.sync): self._column(each, batch.column(each.column)) for each in self._columns
        }

    def _column(self, column: Column, array: Array) -> LookedUp:
        several = pa.types.is_list(array.type)
        flat = pc.list_flatten(array) if several else array
        text = key_text(flat, fold=False)
        unfit = [each for each in text.problems if each.code is not MISSING_KEY]
        keys = without(text.values, unfit)
        folded = pc.if_else(pc.match_substring(keys, "@"), folded_email(keys), None)
        ids = self._ids(self._tables[column.sync], keys, folded)
        open_keys = pc.and_(keys.is_valid(), ids.is_null())
        if several:
            unfit = [of_rows(each, pc.list_parent_indices(array), len(array)) for each in unfit]
            ids = _regrouped(array, ids)
            parents = pc.list_parent_indices(array).filter(open_keys)
            rows = pc.is_in(_places(len(array)), value_set=parents)
        else:
            rows = open_keys
        if not column.required:
            self.unresolved += cells(open_keys).count(True)
            return LookedUp(ids, unfit)
        missing = list(problem(rows, _code(column.sync), array)) if anywhere(rows) else []
        return LookedUp(ids, [*unfit, *missing])

    def _ids(self, table: str, keys: Array, folded: Array) -> Array:
        """The record ids of keys, in their order. Emails are found in HubSpot's spelling too."""
        db = self._stage.db
        db.register("incoming", pa.table({"place": _places(len(keys)), "key": keys, "folded": folded}))
        db.execute("CREATE OR REPLACE TABLE asked AS SELECT * FROM incoming")
        query = f"""WITH spelt AS (
                SELECT place, key, 0 AS rank FROM asked
                UNION ALL SELECT place, folded, 1 FROM asked WHERE folded <> key)
            SELECT arg_min(t.id, rank) AS id FROM spelt LEFT JOIN {table} t USING (key) GROUP BY place ORDER BY place"""
        found: Array = self._stage.table(query).column("id").cast(pa.string()).combine_chunks()
        return found


def _code(sync: str) -> Code:
    return Code(
        UNRESOLVED,
        f"is no key of a record in the ids table of {sync!r}",
        f"Run {sync!r} before this sync, or correct the key.",
    )


def _regrouped(array: Array, elements: Array) -> Array:
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    ends = pc.cumulative_sum(lengths).cast(pa.int32())
    offsets: Any = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    lists: Any = pa.ListArray.from_arrays(offsets, elements)
    found: Array = lists
    return found


def _places(rows: int) -> Array:
    return pa.array(range(rows), pa.int64())


def _none() -> Array:
    return pa.array([], pa.string())
