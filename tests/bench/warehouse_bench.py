"""A database with rows, of either engine, as the tests of warehouses use it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from bench.sync_bench import Bench
from hubspot_batch_dagster import Upsert, Warehouse
from hubspot_batch_dagster.sync.result import SyncResult

FIRMS = Upsert("companies", key="id", properties=["name", "city"])
ALWAYS = 100
"""Rows that every run moves."""


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
