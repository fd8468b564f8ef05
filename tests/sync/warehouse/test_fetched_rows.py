"""Postgres without its ADBC driver: rows are fetched some thousand at a time, and come to the same."""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa
import pytest
from bench.servers import Postgres, new_database
from bench.sync_bench import EXAMPLES, Bench, shown
from bench.typed_cells import VALUES, literal
from bench.warehouse_bench import ALWAYS, FIRMS, Database, cities, moved
from hypothesis import given, settings
from hypothesis import strategies as st

from hubspot_batch_dagster.sync.warehouse import fetched_rows
from hubspot_batch_dagster.sync.warehouse.fetched_postgres import FetchedPostgres
from hubspot_batch_dagster.sync.warehouse.plain_rows import plain_reader
from hubspot_batch_dagster.sync.warehouse.postgres_engine import PostgresEngine

N = 300
SENDABLE = [kind for kind in VALUES if kind != "interval"]  # neither driver has an interval that can be sent


@pytest.fixture
def database(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A Postgres whose ADBC driver is not installed, and fetches that end within the table."""
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    monkeypatch.setattr(fetched_rows, "ROWS_AT_ONCE", 70)
    return Database(new_database(postgres))


def test_a_sync_goes_as_with_the_driver(bench: Bench, database: Database) -> None:
    database.firms(N)
    with database.rows().open(memory="256MB") as engine:
        assert isinstance(engine, FetchedPostgres)
    assert shown(bench.run(database.rows(), FIRMS)) == {"created": N}
    database.sql("UPDATE firms SET city = 'Bonn' WHERE id IN (7, 299)", "DELETE FROM firms WHERE id = 150")
    result = bench.run(database.rows(), FIRMS)
    assert (shown(result), moved(result)) == ({"updated": 2, "unchanged": N - 3}, ALWAYS + 2)
    assert (cities(bench)["Firm 7"], cities(bench)["Firm 8"]) == ("Bonn", "Ulm")
    assert len(database.ids()) == N


def test_both_ways_give_the_same_cells_of_every_type(postgres: Postgres) -> None:
    url = new_database(postgres)
    row = st.fixed_dictionaries({kind: st.none() | VALUES[kind] for kind in SENDABLE})

    def cells(engine: PostgresEngine, rows: list[dict[str, Any]]) -> pa.Table:
        lines = " UNION ALL ".join(
            f"SELECT {place} AS place, "
            + ", ".join(f'{literal(kind, row[kind], "postgres")} AS "{kind}"' for kind in SENDABLE)
            for place, row in enumerate(rows)
        )
        return plain_reader(engine.stream(f"SELECT * FROM ({lines}) q ORDER BY place")).read_all()

    with PostgresEngine(url) as driver, FetchedPostgres(url) as fetching:

        @settings(EXAMPLES, max_examples=25)
        @given(st.lists(row, min_size=1, max_size=8))
        def check(rows: list[dict[str, Any]]) -> None:
            one, other = cells(driver, rows), cells(fetching, rows)
            for name in one.column_names:
                assert repr(one.column(name).to_pylist()) == repr(other.column(name).to_pylist()), name
            assert one.schema == other.schema

        check()


@pytest.mark.parametrize(
    "moment",
    ["'infinity'::timestamptz", "'-infinity'::timestamp", "'infinity'::date", "'0044-03-15 BC'::date"],
)
def test_a_moment_that_nobody_has_is_none_either_way(postgres: Postgres, moment: str) -> None:
    """It is neither null nor a date that could be sent."""
    with FetchedPostgres(new_database(postgres)) as engine:
        column = engine.stream(f"SELECT {moment} AS at").read_all().column("at")
        assert column.null_count == 0
        with pytest.raises((OverflowError, ValueError)):
            column.to_pylist()


def test_what_is_loaded_is_there_as_it_was(postgres: Postgres) -> None:
    table = pa.table({"key": ["a\tb", None, "\\N", "ü\n"], "number": pa.array([1, None, -3, 4], pa.int64())})
    with FetchedPostgres(new_database(postgres)) as engine:
        engine.load("loaded", table.to_reader())
        found = engine.stream("SELECT * FROM loaded").read_all()
    assert found.to_pylist() == table.to_pylist()
