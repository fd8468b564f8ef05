"""A database with rows, of either engine, as the tests of warehouses use it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from bench.sync_bench import Bench
from hubspot_batch_dagster import Upsert, Warehouse
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.warehouse.engine import Engine
from hubspot_batch_dagster.sync.warehouse.merged_lines import MergedLines, Staged
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import WarehouseIds

FIRMS = Upsert("companies", key="id", properties=["name", "city"])
ALWAYS = 100
"""Rows that every run moves."""

LINE = """'person.' || i || '@example.com' AS email, CAST(100000 + i AS VARCHAR) AS hs_object_id, '{outcome}' AS outcome,
    TIMESTAMPTZ '2026-01-01 00:00:00+00' AS synced_at, NULL::VARCHAR AS error_category, NULL::VARCHAR AS error_code,
    NULL::VARCHAR AS error_property, NULL::VARCHAR AS error_message, NULL::VARCHAR AS correlation_id, NULL::VARCHAR AS warning,
    'person.' || i || '@example.com' AS _key, md5('{outcome}' || i) AS _digest, md5('definition') AS _definition,
    NULL::VARCHAR AS _associations, NULL::VARCHAR AS _former, NULL::VARCHAR AS _as_of"""


def lines_to_merge(engine: Engine, sync: str, lines: int, at: str) -> tuple[WarehouseIds, pa.Table, pa.Table]:
    """Make an ids table, and what a run brings to it.

    Args:
        engine: A session of a warehouse.
        sync: Whose table.
        lines: How many lines it has, numbered from 0.
        at: The lines that the run has outcomes of, as SQL: their number ``i``, and their place ``n`` in the
            run.

    Returns:
        The table, the outcomes, and the pairs of keys and numbers.
    """
    ids = WarehouseIds(engine, "hubspot", sync)
    engine.make_again("shape", "SELECT CAST('' AS VARCHAR) AS email")
    ids.claim(1, "one", ("email",), "shape")
    line = f"{LINE.format(outcome='created')}, md5('' || i), md5('{{}}' || i), 'definition', 1"
    engine.execute(f"INSERT INTO {ids.table} SELECT {line} FROM generate_series(0, {lines - 1}) t(i)")
    engine.analyse(ids.table)
    ids.claim(2, "two", ("email",), "shape")
    numbered = "n AS place, 'person.' || i || '@example.com' AS email"
    engine.make_again(
        "staged", f"SELECT {numbered}, md5('' || i) AS source_key, md5('b' || i) AS source FROM {at}"
    )
    engine.make_again("moved", "SELECT place AS number, place FROM staged")
    pairs = (
        "SELECT email AS key, CAST(place AS BIGINT) AS number, CAST(NULL AS VARCHAR) AS digest FROM staged"
    )
    outcomes = f"SELECT {LINE.format(outcome='updated')} FROM {at}"
    return ids, engine.stream(outcomes).read_all(), engine.stream(pairs).read_all()


def merge(ids: WarehouseIds, outcomes: pa.Table, pairs: pa.Table) -> None:
    """Merge what :func:`lines_to_merge` made."""
    ids.merge(
        MergedLines(outcomes.to_reader(), pairs.to_reader(), [], "{}"),
        Staged("staged", "moved"),
        ("email",),
        ("updated",),
        "definition",
        generation=2,
        run="two",
        whole=False,
    )


class Database:
    """A database of a test.

    Attributes:
        connection: As a :class:`Warehouse` takes it.
    """

    def __init__(self, connection: str) -> None:
        self.connection = connection

    @classmethod
    def in_folder(cls, folder: Path) -> Database:
        made = cls(str(folder / "warehouse.duckdb"))
        made.sql("SELECT 1")
        return made

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Carry statements out, and give the lines of the last."""
        if self.connection.startswith("postgres"):
            import psycopg

            with psycopg.connect(self.connection.replace("+psycopg", "")) as server:
                for each in statements:
                    found = server.execute(each)
                return found.fetchall() if found.description else []
        with duckdb.connect(self.connection) as file:
            for each in statements:
                file.execute(each)
            return file.fetchall()

    def firms(self, n: int) -> None:
        """Make a table of firms."""
        self.sql(
            "CREATE TABLE firms (id INTEGER, name VARCHAR, city VARCHAR)",
            f"INSERT INTO firms SELECT i, 'Firm ' || i, 'Ulm' FROM generate_series(0, {n - 1}) t(i)",
        )

    def rows(self, query: str = "SELECT * FROM firms") -> Warehouse:
        return Warehouse(query, connection=self.connection)

    def ids(self, columns: str = "*", where: str = "true", sync: str = "sync") -> list[tuple[Any, ...]]:
        """Lines of the ids table."""
        return self.sql(f"SELECT {columns} FROM hubspot.ids_{sync} WHERE {where}")


def cities(bench: Bench) -> dict[str, str]:
    """Name -> city of all companies in HubSpot."""
    return {each["name"]: each.get("city", "") for each in bench.emulator.records("companies").values()}


def moved(result: SyncResult) -> int:
    """Rows that were moved."""
    return result.rows - (result.compared_in_warehouse or 0) - result.counts["archived"]


def told(lines: Sequence[str], part: str) -> bool:
    """Whether one of some messages says something."""
    return any(part in each for each in lines)
