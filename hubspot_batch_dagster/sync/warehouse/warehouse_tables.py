"""The ids tables of a store that are in one database, as those ask for them who are no run of that sync."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.sync.state.ids_elsewhere import IdsElsewhere, Pointer
from hubspot_batch_dagster.sync.warehouse.engine import Engine
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import WarehouseIds, check_age
from hubspot_batch_dagster.sync.warehouse.warehouse_query import check_connection, open_engine

_TABLE = re.compile(r'"([^"]+)"\."([^"]+)"')


class WarehouseTables(IdsElsewhere):
    """The ids tables in one database. A session is opened for each question, and none is kept.

    Args:
        connection: As :class:`Warehouse` takes it. It is never shown.
        memory: What an engine that works in this process may use.

    Raises:
        InputError: Of the connection, if no such database is known.
    """

    def __init__(self, connection: str, *, memory: str) -> None:
        check_connection(connection)
        self.connection = connection
        self._memory = memory

    def __repr__(self) -> str:
        return "WarehouseTables()"

    def copy(self, pointer: Pointer, path: Path) -> Path | None:
        with self._snapshot(pointer) as ids:
            return None if ids is None else ids.copy(path)

    def counts(self, pointer: Pointer) -> dict[str, int] | None:
        with self._snapshot(pointer) as ids:
            return None if ids is None else ids.counts()

    def known(self, pointer: Pointer, keys: Sequence[str]) -> int | None:
        with self._snapshot(pointer) as ids:
            return None if ids is None else ids.known(keys)

    def latest(self, pointer: Pointer, new: str) -> int | None:
        with open_engine(self.connection, memory=self._memory) as engine:
            ids = _ids(engine, pointer)
            found = ids.registered() or WarehouseIds(engine, ids.schema, new).registered()
            return None if found is None else found.generation

    def rename(self, pointer: Pointer, new: str, run: str, generation: int) -> str | None:
        with open_engine(self.connection, memory=self._memory) as engine, engine.transaction():
            ids = _ids(engine, pointer)
            renamed, registered = WarehouseIds(engine, ids.schema, new), ids.registered()
            there = renamed.registered() is not None
            if registered is None:
                return renamed.table if there else None
            check_age(ids, registered, pointer.generation)
            if there:
                raise InputError(
                    f"The table {renamed.table} of the warehouse is that of another sync {new!r}.",
                    remedy=(
                        "Choose another name, or drop the table and its line in hubspot_syncs if nothing"
                        " needs them."
                    ),
                )
            ids.rename(renamed, run, generation)
            return renamed.table

    @contextmanager
    def _snapshot(self, pointer: Pointer) -> Iterator[WarehouseIds | None]:
        """Yield the table at one moment: a run that merges meanwhile is seen in all that is asked, or in
        nothing.
        """
        with open_engine(self.connection, memory=self._memory) as engine, engine.snapshot():
            ids = _ids(engine, pointer)
            registered = ids.registered()
            if registered is not None:
                check_age(ids, registered, pointer.generation)
            yield None if registered is None else ids


def tables_in(connection: str | None, *, memory: str) -> list[IdsElsewhere]:
    """Return what a store is given for the ids tables in a database; nothing where none is named."""
    return [] if connection is None else [WarehouseTables(connection, memory=memory)]


def _ids(engine: Engine, pointer: Pointer) -> WarehouseIds:
    found = _TABLE.fullmatch(pointer.table)
    assert found is not None
    return WarehouseIds(engine, found[1], pointer.sync)
