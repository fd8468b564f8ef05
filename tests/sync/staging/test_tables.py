"""The map of DuckDB tables is what DuckDB says exists."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest
from bench.sync_bench import Bench

import hubspot_batch_dagster
from hubspot_batch_dagster import Archive, Associate, Association, Create, Update, Upsert
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync import run as run_module
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.tables import TABLES

SYNC = Path(hubspot_batch_dagster.__file__).parent / "sync"
ARCHITECTURE = Path(hubspot_batch_dagster.__file__).parents[1] / "docs" / "architecture.md"
IN_MEMORY = {"incoming", "spooled", "association_texts"}
"""Arrow tables that are registered for one statement."""


class Seen:
    """What DuckDB has, looked at before and after the conclusion of a run and at its end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tables: dict[str, set[tuple[str, ...]]] = {}
        leave, conclude = StagingArea.__exit__, run_module.conclusion.conclude

        def left(area: StagingArea, *error: object) -> None:
            self.look(area)
            leave(area, *error)  # type: ignore[arg-type]

        def concluded(area: StagingArea, **options: int) -> None:
            self.look(area)
            conclude(area, **options)

        monkeypatch.setattr(StagingArea, "__exit__", left)
        monkeypatch.setattr(run_module.conclusion, "conclude", concluded)

    def look(self, area: StagingArea) -> None:
        query = """SELECT table_name, list(column_name ORDER BY ordinal_position)
            FROM information_schema.columns GROUP BY table_name"""
        for name, columns in area.db.execute(query).fetchall():
            if name not in IN_MEMORY:
                self.tables.setdefault(name, set()).add(tuple(columns))


def test_every_table_of_every_operation_is_in_the_map_with_its_columns(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs of all operations, with trouble, leave no table that the map lacks, and the map has none that
    never exists.
    """
    seen = Seen(monkeypatch)
    rows = [
        {
            "id": i,
            "email": f"p{i}@x.org",
            "mail": f"m{i}@x.org",
            "firstname": "A",
            "boss": i // 2 or None,
            "firm": i,
        }
        for i in range(5)
    ]
    boss = Association("contacts", column="boss", type=449, through="mirror", replace=True)
    mirror = Upsert(
        "contacts",
        key="id",
        properties={"email": "mail", "firstname": "firstname"},
        when_gone="archive",
        max_gone=1.0,
        associations=[boss],
    )
    people = Upsert("contacts", id_property="email", properties=["email"])
    firms = Create("companies", key="id", properties={"name": "firstname"})
    bench.emulator.faults.add(Fault.drop(operation="upsert", after_commit=True, times=1))
    bench.run(rows, people, "people")
    bench.run(rows, people, "people", full_refresh=True)
    bench.run(rows, mirror, "mirror")
    bench.run(rows[:3] + rows[:1], mirror, "mirror")
    bench.run(rows, firms, "firms")
    bench.run(rows, Update("companies", key="id", through="firms", properties={"name": "email"}), "renamed")
    seats = Associate(
        "contacts",
        to_type="companies",
        from_column="email",
        to_column="firm",
        from_through="people",
        to_through="firms",
        replace=True,
    )
    bench.run(rows, seats, "seats")
    bench.run(rows, Archive("companies", key="id", through="firms"), "archived")
    lacking = {name: columns for name, columns in seen.tables.items() if name not in TABLES}
    lacking = {name: columns for name, columns in lacking.items() if not re.fullmatch(r"ids_of_\d+", name)}
    assert lacking == {}
    for name, columns in seen.tables.items():
        if name in TABLES:
            assert columns == {TABLES[name].columns}, name
    rare = {
        "superseded",
        "held",
        "at_large",
        "freed",
        "reopened",
        "retried",
        "to_match",
        "matches",
        "matched",
    }  # only after particular trouble
    assert TABLES.keys() - seen.tables.keys() <= rare


@pytest.mark.parametrize("name", TABLES)
def test_who_writes_and_reads_a_table_names_it(name: str) -> None:
    """Each module that the map names speaks of the table."""
    stem = "ids_of_" if name == "ids_of_0" else name
    for module in (*TABLES[name].written_by, *TABLES[name].read_by):
        source = with_statements((SYNC / f"{module}.py").read_text())
        speaks = stem in source or (name == "ids_of_0" and "ids_tables" in source) or "{table}" in source
        assert speaks, f"{module} does not name {name}"


def with_statements(source: str) -> str:
    """A module's text, with that of the named statements which it executes."""
    for package, module in re.findall(
        r"from (hubspot_batch_dagster\.sync\.\w+) import (\w+_statements)", source
    ):
        named = importlib.import_module(f"{package}.{module}")
        for name in set(re.findall(rf"{module}\.(\w+)", source)):
            found = getattr(named, name, "")
            source += found if isinstance(found, str) else inspect.getsource(found)
    return source


def test_the_page_on_the_architecture_has_the_map() -> None:
    """One line for each table: what it holds, who writes it, who reads it."""
    page = ARCHITECTURE.read_text()
    for name, table in TABLES.items():
        line = f"| `{name}` | {table.holds} | {', '.join(table.written_by)} | {', '.join(table.read_by)} |"
        assert line in page, line
