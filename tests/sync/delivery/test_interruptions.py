"""A run that is interrupted, stopped or killed while it delivers saves what it knows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bench.sync_bench import (
    BY_EMAIL,
    BY_KEY,
    COMPANIES,
    CONTACTS,
    HASTY,
    QUICK,
    Bench,
    by_key,
    firms,
    people,
    shown,
)

from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync import progress as progress_module
from hubspot_batch_dagster.sync.planning.planner import plan_gone
from hubspot_batch_dagster.sync.progress import Progress
from hubspot_batch_dagster.sync.requests.stop_signal import stop_signal_for
from hubspot_batch_dagster.sync.stages import deliver as deliver_stage


@pytest.fixture(autouse=True)
def default_handler() -> Iterator[None]:
    """Dagster leaves a handler of its own behind, which keeps an interruption until it is asked."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "operation", [COMPANIES, BY_KEY, BY_EMAIL, CONTACTS], ids=["Create", "by key", "by email", "contacts"]
)
@pytest.mark.parametrize("stubborn", [False, True])
def test_an_interrupted_run_saves_what_it_knows_and_hands_the_interruption_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, operation: Operation, stubborn: bool
) -> None:
    monkeypatch.setattr(progress_module, "EVERY", 0.0)
    bench.emulator.change(latency=0.05)
    calls: list[int] = []

    def interrupt(progress: Progress) -> None:
        calls.append(progress.done)
        if stubborn or len(calls) == 1:
            raise KeyboardInterrupt

    rows = firms(120) if operation.object_type == "companies" else people(120)
    finished = bench.finish(rows, operation, batch_size=5, on_progress=interrupt)
    assert isinstance(finished.interruption, KeyboardInterrupt)
    first = finished.result
    assert first.counts["created"] >= 5
    assert first.counts["unsent"] == 120 - len(bench.emulator.records(operation.object_type)) > 0
    assert sum(first.counts.values()) == first.rows == 120
    assert all(line["hs_object_id"] for line in first.ids.to_pylist() if line["outcome"] == "created")
    second = bench.run(rows, operation)
    assert second.counts["created"] + second.counts["unchanged"] == 120
    assert len(bench.emulator.records(operation.object_type)) == 120
    assert bench.nothing_doubled()
    assert shown(bench.run(rows, operation)) == {"unchanged": 120}


def test_an_interruption_while_lost_creates_are_searched_for_keeps_them_open(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.drop(operation="create", times=1, after_commit=True))
    main = threading.main_thread().ident
    assert main is not None

    def strike() -> None:
        assert bench.wait_for(lambda: bench.writes("create") == 1)
        time.sleep(1.0)
        signal.pthread_kill(main, signal.SIGINT)

    striking = threading.Thread(target=strike)
    striking.start()
    finished = bench.finish(firms(5), COMPANIES, retry_policy=replace(QUICK, index_lag=9.0))
    striking.join()
    assert isinstance(finished.interruption, KeyboardInterrupt)
    assert shown(finished.result) == {"unknown": 5}
    assert shown(bench.run(firms(5), COMPANIES)) == {"unchanged": 5}
    assert bench.writes("create") == 1


def test_an_interrupted_run_says_which_of_its_own_creates_were_lost_besides_those_of_earlier_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "EVERY", 0.0)
    bench.emulator.faults.add(Fault.drop(operation="create", times=1))
    assert shown(bench.run(firms(2), COMPANIES)) == {"unknown": 2}
    bench.emulator.faults.add(Fault.drop(operation="create", after_commit=True, row={"name": "Firm 12"}))
    main, ends = threading.main_thread().ident or 0, time.monotonic() + 10
    struck: list[int] = []

    def strike(progress: Progress) -> None:
        while bench.writes("create") < 4 and time.monotonic() < ends:
            time.sleep(0.005)
        if not struck:
            struck.append(progress.done)
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.1)

    rows = [*firms(3, 10), *firms(2)]
    finished = bench.finish(rows, COMPANIES, batch_size=1, on_progress=strike)
    assert isinstance(finished.interruption, KeyboardInterrupt)
    assert shown(finished.result) == {"created": 2, "unknown": 3}
    assert by_key(finished.result)[12]["outcome"] == "unknown"
    assert shown(bench.run(rows, COMPANIES, retry_policy=HASTY)) == {"created": 2, "unchanged": 3}


@pytest.mark.parametrize("statements", [2, 3])
def test_an_interruption_while_rows_that_left_the_source_are_counted_loses_none_of_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, statements: int
) -> None:
    left = iter(range(statements))

    def struck(stage: Any) -> int:
        db = stage.db

        def execute(*query: Any) -> Any:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return db.execute(*query)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage, "db", SimpleNamespace(execute=execute))
            return plan_gone(stage)

    operation = replace(BY_EMAIL, when_gone="archive", max_gone=1)
    bench.run(people(3), operation)
    with monkeypatch.context() as patch:
        patch.setattr(deliver_stage, "plan_gone", struck)
        finished = bench.finish(people(2), operation)
    assert isinstance(finished.interruption, KeyboardInterrupt)
    assert finished.result.counts["unchanged"] == 2
    assert shown(bench.run(people(2), operation)) == {"unchanged": 2, "archived": 1}


KILLED = """
import sys
sys.path.insert(0, {helpers!r})
from bench.sync_bench import *
from hubspot_batch_dagster.emulator.process import RemoteEmulator
bench = Bench(RemoteEmulator({url!r}, {token!r}), {root!r})
print("begin", flush=True)
bench.finish(firms(120), COMPANIES, batch_size=4)
"""


@pytest.mark.parametrize(("number", "sent"), [(signal.SIGINT, 12), (signal.SIGKILL, 1), (signal.SIGKILL, 12)])
def test_a_process_that_dies_in_the_middle_leaves_nothing_lost_or_doubled(
    bench: Bench, number: signal.Signals, sent: int
) -> None:
    bench.emulator.change(latency=0.05)
    code = KILLED.format(
        helpers=str(Path(__file__).parents[2]),
        url=bench.emulator.url,
        token=bench.emulator.token,
        root=str(bench.root),
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    ends = time.monotonic() + 30
    while bench.writes() < sent and time.monotonic() < ends:
        time.sleep(0.005)
    os.kill(process.pid, number)
    process.communicate(timeout=30)
    bench.emulator.change(latency=0.0)
    result = bench.run(firms(120), COMPANIES, retry_policy=HASTY)
    assert result.counts["created"] + result.counts["unchanged"] == 120
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(120)])
    records = bench.emulator.records("companies")
    assert all(records[line["hs_object_id"]]["name"] == f"Firm {i}" for i, line in by_key(result).items())


@pytest.mark.parametrize(
    ("said", "raised"), [("Query interrupted", KeyboardInterrupt), ("Something else", RuntimeError)]
)
def test_an_interruption_that_duckdb_answers_with_an_error_of_its_own_goes_on_as_one(
    bench: Bench, said: str, raised: type[BaseException]
) -> None:
    with pytest.raises(raised), stop_signal_for(bench.client):
        raise RuntimeError(said)
