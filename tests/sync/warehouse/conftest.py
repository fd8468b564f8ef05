"""A warehouse of each kind, empty."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.servers import new_database
from bench.warehouse_bench import Database


@pytest.fixture(params=["duckdb", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "duckdb":
        return Database.in_folder(tmp_path)
    return Database(new_database(request.getfixturevalue("postgres")))
