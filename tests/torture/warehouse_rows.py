"""The rows of a seed in a warehouse: a table that the sync's query reads, and what became of each of its
rows.

A run's own table has the rows that were moved. The audit wants a line for each row, so those that stayed get
theirs from the ids table in the warehouse, which must say the same of them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hubspot_batch_dagster import Warehouse
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.warehouse import comparison
from hubspot_batch_dagster.sync.warehouse.comparison import Comparison
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import WarehouseIds, table_name
from hubspot_batch_dagster.sync.warehouse.warehouse_query import open_engine

WAREHOUSE = "HUBSPOT_TORTURE_WAREHOUSE"
"""The variable that says where the rows are: nothing (they are given as rows), ``duckdb``, or the URL of a
Postgres server.
"""

COLUMNS = ("row_id", "marker", "title", "amount", "email", "ext_id", "rid")
STEPS: dict[str, tuple[Any, str]] = {
    "claim": (WarehouseIds, "claim"),
    "merge": (WarehouseIds, "merge"),
    "within merge": (WarehouseIds, "_not_brought"),
    "candidates": (Comparison, "candidates"),
}
"""Steps of a run with rows in a warehouse at which it is killed, beside those of any run."""

MOMENTS = ("choose", "candidates", "merge")
MEMORY = "256MB"


@dataclass(frozen=True)
class Later:
    """A change of the source while a run is at work.

    Attributes:
        titles: Marker -> title that the row has from then on.
        moment: Before which step of the comparison.
        seconds: After the run's beginning instead, if not zero.
    """

    titles: Mapping[str, str]
    moment: str
    seconds: float = 0.0


def in_warehouse() -> bool:
    """Whether rows are in a warehouse."""
    return bool(os.environ.get(WAREHOUSE))


def connection_of(folder: Path) -> str:
    """The warehouse of a seed: a file in its folder, or a database named like it."""
    where = os.environ[WAREHOUSE]
    return (
        str(folder / "warehouse.duckdb")
        if where == "duckdb"
        else f"{where.rsplit('/', 1)[0]}/seed_{folder.name}"
    )


def make_database(folder: Path) -> None:
    """Make the warehouse of a seed, empty."""
    where = os.environ[WAREHOUSE]
    if where == "duckdb":
        import duckdb

        duckdb.connect(connection_of(folder)).close()
        return
    with open_engine(where, memory=MEMORY) as server:
        server.execute(f"DROP DATABASE IF EXISTS seed_{folder.name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE seed_{folder.name}")


def rows_in_warehouse(rows: Sequence[Mapping[str, Any]], folder: Path, name: str) -> Warehouse:
    """Put the rows into a table of the warehouse, and give the query that has them in their order."""
    fields = [pa.field("place", pa.int32()), *(pa.field(each, pa.string()) for each in COLUMNS)]
    table = pa.Table.from_pylist([{"place": i, **row} for i, row in enumerate(rows)], pa.schema(fields))
    with open_engine(connection_of(folder), memory=MEMORY) as engine:
        engine.load("hubspot_new", table.to_reader())
        engine.execute(f"DROP TABLE IF EXISTS source_{name}")
        engine.execute(f"CREATE TABLE source_{name} AS SELECT * FROM hubspot_new")
    return Warehouse(
        f"SELECT {', '.join(COLUMNS)} FROM source_{name} ORDER BY place", connection=connection_of(folder)
    )


def move_few() -> None:
    """Move a handful of rows only to be looked at, so that most of a small table can stay."""
    comparison.SAMPLE = 3


def change_later(later: Later, folder: Path, name: str) -> None:
    """In the process of a run: have the source changed by somebody else while it is at work."""

    def change() -> None:
        with open_engine(connection_of(folder), memory=MEMORY) as engine:
            for marker, title in later.titles.items():
                engine.execute(f"UPDATE source_{name} SET title = '{title}' WHERE marker = '{marker}'")

    if later.seconds:
        threading.Thread(target=lambda: (time.sleep(later.seconds), change()), daemon=True).start()
        return
    method, left = getattr(Comparison, later.moment), [change]

    def changed_before(*given: Any, **named: Any) -> Any:
        if left:
            left.pop()()
        return method(*given, **named)

    setattr(Comparison, later.moment, changed_before)


def lines_of(
    result: SyncResult, rows: Sequence[Mapping[str, Any]], keys: Sequence[str], folder: Path, name: str
) -> str:
    """Write a line for each row of the source, then those of rows that are gone; returns the file."""
    moved = pq.read_table(result.ids_path, use_threads=False)
    lines = moved.to_pylist()
    kept = _ids_table(folder, name, keys)

    def key_of(each: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(each[key] for key in keys)

    found, at = [], 0
    for row in rows:
        if at < len(lines) and key_of(lines[at]) == key_of(row):
            found.append(lines[at])
            at += 1
        else:
            found.append({**dict.fromkeys(moved.column_names), **kept[key_of(row)], "outcome": "unchanged"})
    written = folder / "lines.parquet"
    schema = pa.schema([field.with_nullable(True) for field in moved.schema])
    pq.write_table(pa.Table.from_pylist([*found, *lines[at:]], schema), written)
    return str(written)


def _ids_table(folder: Path, name: str, keys: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Row key -> key columns and record id of its line, by the user's own SQL."""
    columns = [*keys, "hs_object_id"]
    with open_engine(connection_of(folder), memory=MEMORY) as engine:
        table = f"hubspot.{table_name(name)}"
        lines = engine.fetch(f"SELECT {', '.join(columns)} FROM {table}")
    return {line[:-1]: dict(zip(columns, line, strict=True)) for line in lines}
