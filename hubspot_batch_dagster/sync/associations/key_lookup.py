"""Record ids for the columns that name records, by id or by the keys of another sync, looked up in that
sync's ids table.

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
from hubspot_batch_dagster.sync.associations import association_statements
from hubspot_batch_dagster.sync.associations.lines import UNRESOLVED
from hubspot_batch_dagster.sync.staging.known_rows import copy_ids, no_ids
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.state.identity import SameType
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.table.check import INVALID_TARGET, MISSING_KEY, Code, Problem, problem
from hubspot_batch_dagster.table.elements import Elements, elements_of
from hubspot_batch_dagster.table.kernels import Array, anywhere, counted, pc
from hubspot_batch_dagster.table.keys import folded_email, key_text, record_ids
from hubspot_batch_dagster.table.rejections import Reason
from hubspot_batch_dagster.table.targets import LookedUp, LookUps, of_cells
from hubspot_batch_dagster.table.text import without


@dataclass(frozen=True)
class Column:
    """A column of keys, or of record ids.

    Attributes:
        column: Its name.
        sync: Whose keys it holds; ``None`` for record ids.
        object_type: What the records are.
        required: Rows with a cell that names no record are rejected.
    """

    column: str
    sync: str | None
    object_type: str
    required: bool


@dataclass(frozen=True)
class _Cells:
    """The cells of a column of keys or record ids, lists taken apart.

    Attributes:
        elements: The values as they came.
        keys: Text of each key; of what should be a record id and is none, too.
        ids: The record id of each, null where there is none.
        unfit: Values that cannot be keys or record ids, with the reason.
    """

    elements: Elements
    keys: Array
    ids: Array
    unfit: list[Problem]


def columns_of(operation: Operation) -> tuple[Column, ...]:
    """Return the columns of an operation that name other records."""
    columns = [
        Column(each.column, each.through, object_type(each.to).name, each.required)
        for each in operation.associations
    ]
    source, from_column = operation.looks_up_record_ids_in, operation.record_id_column
    if source is not None and from_column is not None:
        columns.append(Column(from_column, source, object_type(operation.object_type).name, required=True))
    return tuple(dict.fromkeys(columns))


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
    def open(
        cls, operation: Operation, stage: StagingArea, store: Store, own: str, same: SameType
    ) -> Iterator[KeyLookup]:
        """Take the ids tables in that an operation looks keys up in.

        Raises:
            InputError: A sync has no ids table yet, or one of another object type or of several key columns;
                or a required association leads to the records of the run itself.
            StoreError: An ids table cannot be read.
        """
        tables: dict[str, str] = {}
        with ExitStack() as files:
            for each in columns_of(operation):
                if each.sync is None:
                    continue
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
                    copy_ids(stage, path, each.sync, each.object_type, tables[each.sync], same)
        yield cls(stage, operation, tables, own)

    def look_up(self, batch: pa.RecordBatch, first_row: int) -> LookUps:
        """Look up the records that a batch's columns name, and note the associations that its rows want.

        What is wrong with a cell of an association that is not required is noted there: its row is sent.
        """
        if batch.num_rows == 0:
            return {(each.column, each.sync, each.required): LookedUp(_none()) for each in self._columns}
        cells: dict[tuple[str, str | None], _Cells] = {}
        found: dict[tuple[str, str | None, bool], LookedUp] = {}
        for column in self._columns:
            if (column.column, column.sync) not in cells:
                cells[column.column, column.sync] = self._cells(column, batch.column(column.column))
            part = cells[column.column, column.sync]
            problems = self._problems(column, batch.column(column.column), part) if column.required else []
            ids = part.elements.in_lists(part.ids)
            found[column.column, column.sync, column.required] = LookedUp(ids, problems)
        for place, association in enumerate(self._associations):
            part = cells[association.column, association.through]
            self._stage.want(_wanted(part, first_row, place, association.column))
        return found

    def _cells(self, column: Column, array: Array) -> _Cells:
        elements = elements_of(array)
        if column.sync is None:
            text = record_ids(elements.values, INVALID_TARGET)
            ids = without(text.values, text.problems)
            return _Cells(elements, pc.if_else(ids.is_valid(), None, text.values), ids, text.problems)
        text = key_text(elements.values, fold=False)
        unfit = [each for each in text.problems if each.code is not MISSING_KEY]  # a blank cell names nothing
        named = without(text.values, [each for each in text.problems if each.code is MISSING_KEY])
        keys = without(named, unfit)
        folded = pc.if_else(pc.match_substring(keys, "@"), folded_email(keys), None)
        return _Cells(elements, named, self._ids(self.tables[column.sync], keys, folded), unfit)

    def _problems(self, column: Column, array: Array, cells: _Cells) -> list[Problem]:
        """Tell why rows have no record that they must have."""
        unfit = of_cells(cells.unfit, cells.elements, len(array))
        if column.sync is None:
            return unfit
        unknown = pc.and_(cells.keys.is_valid(), cells.ids.is_null())
        for each in cells.unfit:
            unknown = pc.and_not(unknown, each.mask)
        rows = pc.is_in(counted(0, len(array)), value_set=cells.elements.rows.filter(unknown))
        return [*unfit, *(problem(rows, _code(column.sync), array) if anywhere(rows) else ())]

    def _ids(self, table: str, keys: Array, folded: Array) -> Array:
        """Return the record ids of keys, in their order. Emails are found in HubSpot's spelling too."""
        db = self._stage.db
        db.register("incoming", pa.table({"place": counted(0, len(keys)), "key": keys, "folded": folded}))
        db.execute("CREATE OR REPLACE TABLE asked AS SELECT * FROM incoming")
        query = association_statements.ids_of_keys(table)
        found: Array = self._stage.table(query).column("id").cast(pa.string()).combine_chunks()
        return found


def _wanted(cells: _Cells, first_row: int, place: int, column: str) -> pa.Table:
    """Return the associations that cells want; of a value that names no record, why it does not."""
    codes, messages = dict[int, str](), dict[int, str]()
    for each in cells.unfit:
        for at in each.positions():
            codes[at] = each.code.name
            messages[at] = Reason(column, None, each).message(at)
    count, text = len(cells.ids), pa.string()
    return pa.table(
        {
            "row": pc.add(cells.elements.rows, pa.scalar(first_row, pa.int64())),
            "place": pa.array([place] * count, pa.int32()),
            "target_key": cells.keys,
            "target_id": cells.ids,
            "code": pa.array(map(codes.get, range(count)), text) if codes else pa.nulls(count, text),
            "message": pa.array(map(messages.get, range(count)), text) if codes else pa.nulls(count, text),
        }
    )


def _code(sync: str) -> Code:
    return Code(
        UNRESOLVED,
        f"is no key of a record in the ids table of {sync!r}",
        f"Run {sync!r} before this sync, or correct the key.",
        "yours: `through` and `required`",
    )


def _none() -> Array:
    return pa.array([], pa.string())
