"""The warehouse goes away: before a session, while rows are read, before and within the merge, and for good."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench.door import Door
from bench.servers import Postgres, new_database
from bench.sync_bench import QUICK, Bench, shown
from bench.warehouse_bench import ALWAYS, FIRMS, Database, moved

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.warehouse import warehouse_query
from hubspot_batch_dagster.sync.warehouse.comparison import Comparison
from hubspot_batch_dagster.sync.warehouse.engine import TRIES, WarehouseAway
from hubspot_batch_dagster.sync.warehouse.fetched_postgres import FetchedPostgres
from hubspot_batch_dagster.sync.warehouse.postgres_engine import PostgresEngine
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import WarehouseIds

N = 300
PATIENT = replace(QUICK, total=30.0)


@pytest.fixture
def door(postgres: Postgres) -> Iterator[Door]:
    """The way to a Postgres that a test may shut."""
    made = Door(postgres.port)
    yield made
    made.shut()


@pytest.fixture
def changed(bench: Bench, postgres: Postgres, door: Door) -> Database:
    """A database behind the door; firms were sent once, and some have changed since."""
    url = new_database(postgres)
    made = Database(url.replace(f":{postgres.port}/", f":{door.port}/"))
    made.firms(N)
    bench.run(made.rows(), FIRMS)
    made.sql("UPDATE firms SET city = 'Bonn' WHERE id = 7", "INSERT INTO firms VALUES (1000, 'New', 'Ulm')")
    return made


def shut_before(door: Door, patched: pytest.MonkeyPatch, owner: Any, name: str, *, back: bool = True) -> None:
    """Shut the door before something happens for the first time, for a moment or for good."""
    function: Callable[..., Any] = getattr(owner, name)
    left = [name]

    def wrapped(*given: Any, **named: Any) -> Any:
        if left:
            left.pop()
            door.shut()
            if back:
                threading.Timer(0.3, door.open).start()
        return function(*given, **named)

    patched.setattr(owner, name, wrapped)


STEPS = [
    (Comparison, "__init__"),
    (WarehouseIds, "claim_again"),
    (Comparison, "_note_concerned"),
    (Comparison, "candidates"),
    (Comparison, "known"),
    (Comparison, "claimed"),
    (WarehouseIds, "merge"),
    (WarehouseIds, "_not_brought"),
]


@pytest.mark.parametrize(
    ("owner", "name", "driver"),
    [*((*step, PostgresEngine) for step in STEPS), *((*step, FetchedPostgres) for step in STEPS[3::3])],
)
def test_a_warehouse_that_is_away_for_a_moment_stops_no_run(
    bench: Bench,
    changed: Database,
    door: Door,
    owner: Any,
    name: str,
    driver: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It goes away before each kind of thing that a run asks of it; rows are sent once, and the next run has nothing to do."""
    with monkeypatch.context() as patched:
        patched.setattr(warehouse_query, "PostgresEngine", driver)
        shut_before(door, patched, owner, name)
        result = bench.run(changed.rows(), FIRMS, retry_policy=PATIENT)
    assert shown(result) == {"created": 1, "updated": 1, "unchanged": N - 1}
    writes = bench.writes()
    assert shown(bench.run(changed.rows(), FIRMS)) == {"unchanged": N + 1}
    assert moved(bench.run(changed.rows(), FIRMS)) == ALWAYS
    assert bench.writes() == writes
    assert bench.once_each("companies", "name", [*(f"Firm {i}" for i in range(N)), "New"])


@pytest.mark.parametrize("name", ["candidates", "merge"])
def test_a_warehouse_that_stays_away_ends_the_run_with_its_name_and_the_next_run_goes_on(
    bench: Bench, changed: Database, door: Door, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        shut_before(door, patched, Comparison, name, back=False)
        place = re.escape(f"The warehouse 127.0.0.1:{door.port}/")
        with pytest.raises(WarehouseAway, match=f"{place}.* does not answer.* was waited for") as caught:
            bench.run(changed.rows(), FIRMS, retry_policy=replace(QUICK, total=0.5))
    assert "run again" in caught.value.remedy
    assert caught.value.__cause__ is None
    door.open()
    sent = {"created": 1, "updated": 1, "unchanged": N - 1}
    assert shown(bench.run(changed.rows(), FIRMS)) == ({"unchanged": N + 1} if name == "merge" else sent)
    assert bench.once_each("companies", "name", [*(f"Firm {i}" for i in range(N)), "New"])


def test_a_warehouse_that_goes_away_each_time_is_not_asked_for_ever(
    bench: Bench, changed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the query itself ends its server."""
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    asked: list[object] = []
    choose = Comparison.choose

    def ended(*given: Any) -> Any:
        asked.append(given)
        changed.sql(ends)
        return choose(*given)

    monkeypatch.setattr(Comparison, "choose", ended)
    with pytest.raises(StoreError, match="does not answer"):
        bench.run(changed.rows(), FIRMS, retry_policy=PATIENT)
    assert len(asked) == TRIES
    assert bench.writes() == 3


def test_a_file_that_another_process_has_open_is_waited_for(bench: Bench, tmp_path: Path) -> None:
    database = Database.in_folder(tmp_path)
    database.firms(3)
    held = f"import duckdb, sys; file = duckdb.connect({database.connection!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        with pytest.raises(WarehouseAway, match=r"warehouse\.duckdb does not answer.*lock"):
            bench.run(database.rows(), FIRMS, retry_policy=replace(QUICK, total=0.1))
        threading.Timer(0.5, holder.stdin.close).start()
        assert shown(bench.run(database.rows(), FIRMS, retry_policy=PATIENT)) == {"created": 3}


def test_what_a_server_refuses_is_no_outage(postgres: Postgres) -> None:
    with PostgresEngine(new_database(postgres)) as engine:
        rows = engine.stream("SELECT 1 / (300000 - i) FROM generate_series(1, 400000) t(i)")
        with pytest.raises(StoreError, match=r"refuses.*division by zero"):
            rows.read_all()
        with pytest.raises(StoreError, match="refuses"):
            engine.execute("DROP TABLE nothing")
