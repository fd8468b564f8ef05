"""The ids tables of a store that are in one database, as those ask for them who are no run of that sync."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.sync.state.ids_elsewhere import IdsElsewhere, Pointer
from hubspot_batch_dagster.sync.state.patience import Patience
from hubspot_batch_dagster.sync.warehouse.engine import Engine
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import WarehouseIds, check_age
from hubspot_batch_dagster.sync.warehouse.warehouse_query import check_connection, open_engine

_TABLE = re.compile(r'"([^"]+)"\."([^"]+)"')


class WarehouseTables(IdsElsewhere):
    """The ids tables in one database. A session is opened for each question, and none is kept.

    Args:
        connection: As :class:`Warehouse` takes it. It is never shown.
        memory: What an engine that works in this process may use.
        patience: Seconds for which a database that is away is waited for.

    Raises:
        InputError: Of the connection, if no such database is known.
    """

    def __init__(self, connection: str, *, memory: str, patience: float = 60.0) -> None:
        check_connection(connection)
        self.connection = connection
        self._memory = memory
        self._patience = Patience(patience, first=True)

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

    def latest(self, pointer: Pointer) -> int | None:
        with self._open() as engine:
            found = _ids(engine, pointer).registered()
            return None if found is None else found.generation

    def claim(self, pointer: Pointer, new: str, run: str, generation: int) -> str | None:
        with self._open() as engine, engine.transaction():
            ids = _ids(engine, pointer)
            renamed, registered = WarehouseIds(engine, ids.schema, new), ids.registered()
            if registered is None:
                return None
            check_age(ids, registered, pointer.generation)
            if renamed.merged is not None:
                raise InputError(
                    f"The table {renamed.table} of the warehouse is that of another sync {new!r}.",
                    remedy=(
                        "Choose another name, or drop the table and its line in hubspot_syncs if nothing"
                        " needs them."
                    ),
                )
            ids.claim_again(generation, run)
            return renamed.table

    def rename(self, pointer: Pointer, old: str, generation: int) -> bool | None:
        with self._open() as engine, engine.transaction():
            ids = _ids(engine, pointer)
            if ids.merged is not None or WarehouseIds(engine, ids.schema, old).rename(ids, generation):
                return True
            return None

    def _open(self) -> Engine:
        return open_engine(self.connection, memory=self._memory, patience=self._patience)

    @contextmanager
    def _snapshot(self, pointer: Pointer) -> Iterator[WarehouseIds | None]:
        """Yield the table at one moment: a run that merges meanwhile is seen in all that is asked, or in
        nothing.
        """
        with self._open() as engine, engine.snapshot():
            ids = _ids(engine, pointer)
            registered = ids.registered()
            if registered is not None:
                check_age(ids, registered, pointer.generation)
            yield None if registered is None else ids


def tables_in(connection: str | None, *, memory: str, patience: float = 60.0) -> list[IdsElsewhere]:
    """Return what a store is given for the ids tables in a database; nothing where none is named."""
    return [] if connection is None else [WarehouseTables(connection, memory=memory, patience=patience)]


def _ids(engine: Engine, pointer: Pointer) -> WarehouseIds:
    found = _TABLE.fullmatch(pointer.table)
    assert found is not None
    return WarehouseIds(engine, found[1], pointer.sync)
