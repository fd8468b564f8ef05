"""The pytest plugin, as somebody else's project uses it: pytest in a process of its own, in an empty
folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import dagster as dg
import pytest
from hubspot_batch_dagster import Create, Upsert, hubspot_asset

BY_EMAIL = Upsert("contacts", id_property="email")


def test_rows_arrive(hubspot, hubspot_emulator):
    result = hubspot.sync([{"email": "a@x.example"}], BY_EMAIL, name="contacts")
    result.raise_for_failures()
    assert hubspot_emulator.books.created_count("contacts") == 1
    assert hubspot_emulator.records("contacts")
    hubspot_emulator.change(burst_limit=3)
    hubspot_emulator.skew_clock(9_000)


def test_the_account_is_new_for_each_test(hubspot, hubspot_emulator):
    assert hubspot_emulator.records("contacts") == {}
    assert hubspot_emulator.books.requests() == []
    assert hubspot_emulator.portal.settings.burst_limit is None
    assert hubspot_emulator.portal.skew == 0
    hubspot_emulator.stop()


def test_a_server_that_was_stopped_is_back_and_the_ids_table_is_new(hubspot):
    assert hubspot.sync([{"email": "a@x.example"}], BY_EMAIL, name="contacts").counts["created"] == 1


def test_faults_are_survived_quickly(hubspot, hubspot_emulator):
    from hubspot_batch_dagster.emulator import Fault

    hubspot_emulator.faults.add(Fault.answer(502, times=1, operation="upsert", after_commit=True))
    result = hubspot.sync([{"email": "a@x.example"}], BY_EMAIL, name="contacts")
    assert result.retries == 1
    assert hubspot_emulator.books.duplicates("contacts", "email") == {}
    assert result.seconds < 5


def test_an_asset(hubspot, hubspot_emulator):
    @hubspot_asset(Create("calls", key="id", properties={"hs_timestamp": "at"}))
    def calls():
        return [{"id": 1, "at": "2026-01-01T00:00:00Z"}]

    assert dg.materialize([calls], resources={"hubspot": hubspot}).success
    assert hubspot_emulator.books.created_count("calls") == 1
"""

LIGHT = """
import sys

def test_nothing_heavy_was_loaded_for_a_session_that_does_not_use_the_fixtures():
    ours = {name for name in sys.modules if name.startswith("hubspot_batch_dagster")}
    assert ours == {"hubspot_batch_dagster", "hubspot_batch_dagster.pytest_plugin"}
    assert not {"dagster", "pyarrow", "uvicorn", "requests", "duckdb"} & set(sys.modules)
"""


def pytest_in(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_fixtures_connect_reset_and_fail_on_demand(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS)
    page = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
    (tmp_path / "test_page.py").write_text(page.split("```python\n")[1].split("```")[0])
    told = pytest_in(tmp_path)
    assert "6 passed" in told, told


def test_the_plugin_costs_nothing_when_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "test_light.py").write_text(LIGHT)
    told = pytest_in(tmp_path, "-p", "no:hypothesispytest")
    assert "1 passed" in told, told
