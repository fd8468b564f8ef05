"""The same sync in two databases: the same rows are moved, whatever the types of their cells."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from bench.servers import Postgres, new_database
from bench.sync_bench import EXAMPLES, SETTINGS, Bench
from bench.typed_cells import VALUES, identity, literal, typed
from bench.warehouse_bench import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubspot_batch_dagster import Property, Upsert
from hubspot_batch_dagster.emulator import Emulator
from hubspot_batch_dagster.sync.warehouse import comparison
from hubspot_batch_dagster.sync.warehouse.comparison import MOVED, ROWS, Comparison

EXAMPLES_OF_TABLES = int(os.environ.get("HUBSPOT_WAREHOUSE_EXAMPLES", "6"))
KINDS = dict(zip((f"c{i}" for i in range(len(VALUES))), VALUES, strict=True))
CELLS = {name: st.none() | VALUES[kind] for name, kind in KINDS.items()}
OPERATION = Upsert(
    "companies",
    key="id",
    properties={"name": "id", **{name: Property(name, on_invalid="omit") for name in KINDS}},
)
ROW = st.fixed_dictionaries(CELLS)


@pytest.fixture(scope="module")
def portal() -> Iterator[Emulator]:
    with Emulator(settings=SETTINGS) as emulator:
        yield emulator


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """The keys of the rows that each run moved."""
    found: list[set[int]] = []
    choose = Comparison.choose

    def noted(self: Comparison, *given: Any) -> Any:
        came = choose(self, *given)
        lines = self._engine.fetch(f"SELECT r.id FROM {MOVED} m JOIN {ROWS} r ON r.place = m.place")
        found.append({int(each) for (each,) in lines})
        return came

    monkeypatch.setattr(Comparison, "choose", noted)
    monkeypatch.setattr(comparison, "SAMPLE", 1)
    return found


def test_two_databases_move_the_same_rows_over_all_types_with_a_lossless_text(
    portal: Emulator,
    postgres: Postgres,
    tmp_path_factory: pytest.TempPathFactory,
    moved: list[set[int]],
) -> None:
    @settings(EXAMPLES, max_examples=EXAMPLES_OF_TABLES, suppress_health_check=list(HealthCheck))
    @given(st.lists(ROW, min_size=2, max_size=12), st.data())
    def check(rows: list[dict[str, Any]], data: st.DataObject) -> None:
        portal.reset()
        for name in KINDS:
            portal.add_property("companies", name)
        places = data.draw(st.sets(st.sampled_from(range(len(rows))), max_size=4), "changed rows")
        changed = {each: dict(rows[each]) for each in places}
        for row in changed.values():
            column = data.draw(st.sampled_from(sorted(KINDS)), "column")
            row[column] = data.draw(CELLS[column], "cell")
        folder = tmp_path_factory.mktemp("agree")
        moved.clear()
        for database in (Database.in_folder(folder), Database(new_database(postgres))):
            engine = "postgres" if database.connection.startswith("postgres") else "duckdb"
            bench = Bench(portal, folder / engine)
            try:
                for table in (rows, [changed.get(place, row) for place, row in enumerate(rows)]):
                    fill(database, engine, table)
                    bench.run(database.rows("SELECT * FROM cells ORDER BY id"), OPERATION)
            finally:
                bench.close()
        in_duckdb, in_postgres = moved[1], moved[3]
        assert in_duckdb == in_postgres
        other = {place for place, row in changed.items() if told_apart(row) != told_apart(rows[place])}
        assert other <= in_duckdb
        assert len(in_duckdb - other) <= 1

    check()


def fill(database: Database, engine: str, rows: list[dict[str, Any]]) -> None:
    columns = ", ".join(f"{name} {typed(kind, engine)}" for name, kind in KINDS.items())
    cells = [
        ", ".join([str(place), *(literal(kind, row[name], engine) for name, kind in KINDS.items())])
        for place, row in enumerate(rows)
    ]
    database.sql(
        "DROP TABLE IF EXISTS cells",
        f"CREATE TABLE cells (id INTEGER, {columns})",
        f"INSERT INTO cells VALUES {', '.join(f'({each})' for each in cells)}",
    )


def told_apart(row: dict[str, Any]) -> list[str]:
    """A row as exactly as the types of its cells can tell it."""
    return [repr(identity(kind, row[name])) for name, kind in KINDS.items()]
