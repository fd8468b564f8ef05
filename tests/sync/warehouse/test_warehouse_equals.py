"""A warehouse's rows come to the same as rows that are pulled, whatever happens to them between the runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from bench.sync_bench import EXAMPLES, SETTINGS, Bench
from bench.warehouse_bench import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubspot_batch_dagster import Upsert
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.emulator import Emulator, Fault
from hubspot_batch_dagster.sync.warehouse import comparison

EXAMPLES_OF_RUNS = int(os.environ.get("HUBSPOT_WAREHOUSE_EXAMPLES", "6"))
KEYS = ["a@x.org", "A@x.org", "b@x.org", " b@x.org", "c@x.org", "d@x.org", "e@x.org", "no address", "", None]
ROW = st.tuples(
    st.sampled_from(KEYS), st.sampled_from(["Ada", "Bo", "", None]), st.sampled_from(["Ulm", "Rom"])
)
RUN = st.fixed_dictionaries(
    {
        "rows": st.lists(ROW, max_size=9),
        "gone": st.sampled_from(["keep", "archive"]),
        "duplicates": st.sampled_from([None, "last", "reject"]),
        "properties": st.sampled_from([("email", "firstname"), ("email", "firstname", "city")]),
        "trouble": st.sampled_from([None, None, "daily", "lost"]),
        "fresh": st.sampled_from([False, False, False, True]),
    }
)


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[Emulator, Emulator]]:
    with Emulator(settings=SETTINGS) as one, Emulator(settings=SETTINGS) as other:
        yield one, other


@pytest.fixture(autouse=True)
def all_may_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than one row is moved only to be looked at."""
    monkeypatch.setattr(comparison, "SAMPLE", 1)


def test_counts_and_records_are_the_same(
    two: tuple[Emulator, Emulator],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    @settings(EXAMPLES, max_examples=EXAMPLES_OF_RUNS, suppress_health_check=list(HealthCheck))
    @given(st.lists(RUN, min_size=2, max_size=5))
    def check(runs: list[dict[str, Any]]) -> None:
        folder = tmp_path_factory.mktemp("equals")
        carry_out(two, Database.in_folder(folder), folder, runs)

    check()


def carry_out(
    two: tuple[Emulator, Emulator], database: Database, folder: Path, runs: list[dict[str, Any]]
) -> None:
    database.sql("CREATE TABLE people (place INTEGER, email VARCHAR, firstname VARCHAR, city VARCHAR)")
    benches = []
    for at, emulator in enumerate(two):
        emulator.reset()
        benches.append(Bench(emulator, folder / f"store{at}"))
    try:
        for each in runs:
            listed = [dict(zip(("email", "firstname", "city"), row, strict=True)) for row in each["rows"]]
            database.sql("DELETE FROM people", *(inserted(place, row) for place, row in enumerate(listed)))
            warehouse = database.rows("SELECT email, firstname, city FROM people ORDER BY place")
            pulled = warehouse_rows(database)
            operation = replace(
                Upsert("contacts", id_property="email", properties=list(each["properties"]), max_gone=1.0),
                when_gone=each["gone"],
                on_duplicate=each["duplicates"],
            )
            came = [
                outcome(bench, rows, operation, each)
                for bench, rows in zip(benches, (pulled, warehouse), strict=True)
            ]
            assert came[0] == came[1]
            assert records(two[0]) == records(two[1])
    finally:
        for bench in benches:
            bench.close()


def warehouse_rows(database: Database) -> Any:
    with duckdb.connect(database.connection) as file:
        return file.sql("SELECT email, firstname, city FROM people ORDER BY place").to_arrow_table()


def inserted(place: int, row: dict[str, str | None]) -> str:
    cells = ["NULL" if each is None else f"'{each}'" for each in row.values()]
    return f"INSERT INTO people VALUES ({place}, {', '.join(cells)})"


def outcome(bench: Bench, rows: object, operation: Upsert, each: dict[str, Any]) -> object:
    faults = {
        "daily": Fault.daily_limit(operation="upsert"),
        "lost": Fault.drop(operation="upsert", after_commit=True, times=9),
    }
    if each["trouble"]:
        bench.emulator.faults.add(faults[each["trouble"]])
    try:
        result = bench.run(rows, operation, full_refresh=each["fresh"])
    except InputError as error:
        return str(error).partition("(")[0]
    finally:
        bench.emulator.faults.clear()
    return dict(result.counts), dict(result.reasons), result.rows


def records(emulator: Emulator) -> set[tuple[Any, ...]]:
    return {
        (each.get("email"), each.get("firstname"), each.get("city"))
        for each in emulator.records("contacts").values()
    }
