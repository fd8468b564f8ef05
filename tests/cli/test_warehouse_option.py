"""Commands about a sync whose ids table is in a warehouse: they are told which one, and then work as for
any.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.warehouse_bench import FIRMS, Database
from click.testing import CliRunner, Result

from hubspot_batch_dagster import HubSpotSession, SessionSettings
from hubspot_batch_dagster.cli import cli
from hubspot_batch_dagster.emulator import Emulator

N = 120


@pytest.fixture(scope="module")
def hubspot() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def database(hubspot: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Firms that were sent once, and an environment that names portal and store."""
    hubspot.reset()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", hubspot.token)
    monkeypatch.setenv("HUBSPOT_BASE_URL", hubspot.url)
    monkeypatch.setenv("HUBSPOT_STORE", str(tmp_path / "store"))
    made = Database.in_folder(tmp_path)
    made.firms(N)
    synced(hubspot, tmp_path, made)
    return made


def synced(hubspot: Emulator, folder: Path, database: Database) -> str:
    """Send the firms; returns the run."""
    settings = SessionSettings(access_token=hubspot.token, base_url=hubspot.url, store=str(folder / "store"))
    with HubSpotSession(settings) as session:
        return session.sync(database.rows(), FIRMS, name="firms").run


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(cli, arguments)
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    return done


def test_ids_counts_and_shows_the_table_of_the_warehouse(
    hubspot: Emulator, tmp_path: Path, database: Database
) -> None:
    database.sql("UPDATE firms SET city = 'Bonn' WHERE id = 7")
    synced(hubspot, tmp_path, database)
    assert 'in the table "hubspot"."ids_firms" of a warehouse' in run("ids").output
    listed = run("ids", "--warehouse", database.connection).output
    assert listed == f"firms: {N - 1} created, 1 updated\n"
    found = run("ids", "firms", "--format", "csv", "--warehouse", database.connection).output
    assert len(found.splitlines()) == N + 1


def test_a_command_without_the_warehouse_says_how_to_name_it(database: Database) -> None:
    assert database.ids(sync="firms")
    for command in (["ids", "firms"], ["reconcile", "firms"], ["rename", "firms", "companies"]):
        done = run(*command)
        assert done.exit_code == 1, done.output
        assert "--warehouse or HUBSPOT_WAREHOUSE" in done.output


def test_reconcile_reads_the_records_that_the_warehouse_knows(database: Database) -> None:
    done = run("reconcile", "firms", "--warehouse", database.connection)
    assert f"{N} of {N} companies were read: {N} as sent" in done.output


def test_a_run_is_taken_back(hubspot: Emulator, tmp_path: Path, database: Database) -> None:
    database.sql("INSERT INTO firms VALUES (1000, 'New', 'Ulm')")
    last = synced(hubspot, tmp_path, database)
    done = run("revert", last, "--yes", "--warehouse", database.connection)
    assert "archived: 1 archived" in done.output
    assert len(hubspot.records("companies")) == N


def test_a_sync_is_renamed_with_its_table(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_WAREHOUSE", database.connection)
    done = run("rename", "firms", "crm/companies")
    assert done.exit_code == 0, done.output
    assert run("ids").output == f"crm/companies: {N} created\n"
    assert database.sql("SELECT sync FROM hubspot.hubspot_syncs") == [("crm/companies",)]
