"""Record ids for keys: columns that name records by the keys of another sync, looked up in that sync's ids
table.

The keys are joined batch by batch in DuckDB, so an ids table of any length costs no memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pyarrow as pa

from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.associations.association_table import UNRESOLVED
from hubspot_batch_dagster.sync.staging.known_rows import copy_ids, no_ids
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.table.check import INVALID_TARGET, MISSING_KEY, Code, Problem, problem
from hubspot_batch_dagster.table.elements import Elements, elements_of
from hubspot_batch_dagster.table.kernels import Array, anywhere, counted, pc
from hubspot_batch_dagster.table.keys import folded_email, key_text, record_ids
from hubspot_batch_dagster.table.targets import LookedUp, LookUps
from hubspot_batch_dagster.table.text import of_rows, without


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


@dataclass(frozen=True)
class _Cells:
    """The cells of a column of keys, lists taken apart.

    Attributes:
        elements: The keys as they came.
        keys: Text of each.
        ids: The record id of each, null where there is none.
        unfit: Cells that cannot be keys, with the reason.
    """

    elements: Elements
    keys: Array
    ids: Array
    unfit: list[Problem]


def columns_of(operation: Operation) -> tuple[Column, ...]:
    """Return the columns of an operation that hold another sync's keys."""
    columns = [
        Column(each.column, each.through, object_type(each.to).name, each.required)
        for each in operation.associations
        if each.through is not None
    ]
    source, from_column = operation.looks_up_record_ids_in, operation.record_id_column
    if source is not None and from_column is not None:
        columns.append(Column(from_column, source, object_type(operation.object_type).name, required=True))
    return tuple(columns)


class KeyLookup:
    """The look-ups of a run.

    Args:
        stage: The rows of the run.
        operation: What to do with them.
        tables: Sync -> the table of its keys and record ids.
        own: The sync of the run itself. Its keys have no record yet while rows are read; they are looked up
            again once the records of the run exist.
    """

    def __init__(self, stage: StagingArea, operation: Operation, tables: dict[str, str], own: str) -> None:
        self.tables = tables
        self._stage = stage
        self._columns = columns_of(operation)
        self._associations: Sequence[Association] = (
            () if operation.is_association else tuple(operation.associations)
        )
        self._own = own

    @classmethod
    @contextmanager
    def open(cls, operation: Operation, stage: StagingArea, store: Store, own: str) -> Iterator[KeyLookup]:
        """Take the ids tables in that an operation looks keys up in.

        Raises:
            InputError: A sync has no ids table yet, or one of another object type or of several key columns;
                or a required association leads to the records of the run itself.
            StoreError: An ids table cannot be read.
        """
        tables: dict[str, str] = {}
        with ExitStack() as files:
            for each in columns_of(operation):
                if each.sync == own and each.required:
                    raise InputError(
                        f"The association by column {each.column!r} is required and leads to records of this"
                        " sync itself, which do not exist before its rows are sent.",
                        column=each.column,
                        remedy="Leave required out: the association is made once both records exist.",
                    )
                if each.sync in tables:
                    continue
                tables[each.sync] = f"ids_of_{len(tables)}"
                path = files.enter_context(store.local_ids(each.sync))
                if path is None and each.sync == own:
                    no_ids(stage, tables[each.sync])
                else:
                    copy_ids(stage, path, each.sync, each.object_type, tables[each.sync])
        yield cls(stage, operation, tables, own)

    def look_up(self, batch: pa.RecordBatch, first_row: int) -> LookUps | None:
        """Look up the record ids of a batch's columns of keys, and note the associations that its rows want.

        Returns:
            The record ids; ``None`` if the operation has no such columns.
        """
        if batch.num_rows == 0:
            return {(each.column, each.sync): LookedUp(_none()) for each in self._columns} or None
        cells: dict[tuple[str, str], _Cells] = {}
        found: dict[tuple[str, str], LookedUp] = {}
        for column in self._columns:
            array = batch.column(column.column)
            cells[column.column, column.sync] = part = self._cells(column, array)
            found[column.column, column.sync] = self._looked_up(column, array, part)
        self._note_wanted(batch, first_row, cells)
        return found or None

    def _note_wanted(
        self, batch: pa.RecordBatch, first_row: int, cells: dict[tuple[str, str], _Cells]
    ) -> None:
        for place, association in enumerate(self._associations):
            array = batch.column(association.column)
            if association.through is not None:
                part = cells[association.column, association.through]
            else:
                elements = elements_of(array)
                ids = record_ids(elements.values, INVALID_TARGET).values
                part = _Cells(elements, pa.nulls(len(ids), pa.string()), ids, [])
            self._stage.want(
                pa.table(
                    {
                        "row": pc.add(part.elements.rows, pa.scalar(first_row, pa.int64())),
                        "place": pa.array([place] * len(part.ids), pa.int32()),
                        "target_key": part.keys,
                        "target_id": part.ids,
                    }
                )
            )

    def _cells(self, column: Column, array: Array) -> _Cells:
        elements = elements_of(array)
        text = key_text(elements.values, fold=False)
        keys = without(text.values, text.problems)  # a blank cell names nothing
        folded = pc.if_else(pc.match_substring(keys, "@"), folded_email(keys), None)
        unfit = [each for each in text.problems if each.code is not MISSING_KEY]
        return _Cells(elements, keys, self._ids(self.tables[column.sync], keys, folded), unfit)

    def _looked_up(self, column: Column, array: Array, cells: _Cells) -> LookedUp:
        elements, unfit = cells.elements, cells.unfit
        ids = elements.in_lists(cells.ids)
        if elements.lengths is not None:
            unfit = [of_rows(each, elements.rows, len(array)) for each in unfit]
        if not column.required:
            return LookedUp(ids, unfit)
        missing = elements.rows.filter(pc.and_(cells.keys.is_valid(), cells.ids.is_null()))
        rows = pc.is_in(counted(0, len(array)), value_set=missing)
        open_keys = list(problem(rows, _code(column.sync), array)) if anywhere(rows) else []
        return LookedUp(ids, [*unfit, *open_keys])

    def _ids(self, table: str, keys: Array, folded: Array) -> Array:
        """Return the record ids of keys, in their order. Emails are found in HubSpot's spelling too."""
        db = self._stage.db
        db.register("incoming", pa.table({"place": counted(0, len(keys)), "key": keys, "folded": folded}))
        db.execute("CREATE OR REPLACE TABLE asked AS SELECT * FROM incoming")
        query = f"""WITH spelt AS (
                SELECT place, key, 0 AS rank FROM asked
                UNION ALL SELECT place, folded, 1 FROM asked WHERE folded <> key)
            SELECT arg_min(t.id, rank) AS id FROM spelt LEFT JOIN {table} t USING (key) GROUP BY place
                ORDER BY place"""
        found: Array = self._stage.table(query).column("id").cast(pa.string()).combine_chunks()
        return found


def _code(sync: str) -> Code:
    return Code(
        UNRESOLVED,
        f"is no key of a record in the ids table of {sync!r}",
        f"Run {sync!r} before this sync, or correct the key.",
        "yours: `through` and `required`",
    )


def _none() -> Array:
    return pa.array([], pa.string())
