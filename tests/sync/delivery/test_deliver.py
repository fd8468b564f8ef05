"""DeliveredBatch: enough requests in flight, rows read as they are sent, and interruptions that lose
nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.sync_bench import (
    BY_EMAIL,
    COMPANIES,
    HASTY,
    Bench,
    firms,
    people,
    shown,
)

from hubspot_batch_dagster.api.errors import AccountMoving, AnswerLost, DailyLimitReached, StoreError
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget
from hubspot_batch_dagster.api.rate_limit.sqlite_log import SqliteLog
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.delivery.batch_delivery import DeliveredBatch
from hubspot_batch_dagster.sync.delivery.dispatcher import Dispatcher
from hubspot_batch_dagster.sync.planning.planner import Plan
from hubspot_batch_dagster.sync.progress import Progress
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal

NAMES = [f"Firm {i}" for i in range(120)]


def most_at_once(bench: Bench, latency: float) -> int:
    """The most requests that were under way together, by the emulator's books."""
    arrived = sorted(each.arrived for each in bench.emulator.books.requests("upsert"))
    return max(sum(moment <= other < moment + latency for other in arrived) for moment in arrived)


def test_enough_requests_are_in_flight_at_a_high_latency(bench: Bench) -> None:
    bench.emulator.change(latency=0.3)
    result = bench.run(people(240), BY_EMAIL, batch_size=10)
    assert shown(result) == {"created": 240}
    assert result.requests == 24
    assert 4 <= most_at_once(bench, 0.3) <= 64


def test_batches_are_taken_only_as_fast_as_they_are_sent() -> None:
    taken, gate = [], threading.Semaphore(0)

    class SlowSender:
        """Sends a batch when the gate lets it."""

        requester: Any = None

        def begin(self, batches: list[Batch], _accepted: list[Any]) -> list[Batch]:
            return batches

        def deliver(self, _batch: Batch) -> DeliveredBatch:
            gate.acquire(timeout=10)
            return DeliveredBatch()

    class QuietWire:
        stop = StopSignal()

        def requests_per_second(self) -> None:
            return None

    def batches() -> Iterator[Batch]:
        for n in range(200):
            taken.append(n)
            yield Batch("create", "r", [n], ["k"], ["d"], [None], ["{}"], [None])

    sender = SlowSender()
    sender.requester = QuietWire()
    dispatcher = Dispatcher(sender, lambda _: None)  # type: ignore[arg-type]
    thread = threading.Thread(target=dispatcher.deliver, args=(batches(),))
    thread.start()
    time.sleep(0.2)
    assert len(taken) <= 16
    before = len(taken)
    gate.release(4)
    time.sleep(0.2)
    assert before < len(taken) <= before + 5
    gate.release(300)
    thread.join(10)
    assert len(taken) == 200


@pytest.mark.parametrize(
    ("rate", "latency", "commit", "wanted"),
    [
        (None, 0.3, 0.0, 8),
        (19.0, 0.3, 0.0, 10),
        (19.0, 0.3, 0.05, 13),
        (19.0, 0.01, 0.0, 4),
        (100.0, 2.0, 0.0, 64),
    ],
)
def test_as_many_batches_are_in_flight_as_the_limit_and_the_latency_ask_for(
    rate: float | None, latency: float, commit: float, wanted: int
) -> None:
    class Requester:
        tally = type("Tally", (), {"latency": latency})()

        def requests_per_second(self) -> float | None:
            return rate

    sender: Any = type("Sender", (), {"requester": Requester()})()
    assert Dispatcher(sender, lambda _: None)._wanted(commit) == wanted


def test_a_shared_budget_is_kept_and_a_day_that_is_over_is_told_to_everybody(
    bench: Bench, tmp_path: Path
) -> None:
    bench.emulator.change(burst_limit=40, burst_window=1.0)
    budget = SharedBudget(SqliteLog(tmp_path / "budget.db"), limit=40)
    bench.client.budget = budget
    assert shown(bench.run(people(20), BY_EMAIL, batch_size=2)) == {"created": 20}
    assert bench.emulator.books.refused == 0
    bench.emulator.faults.add(Fault.daily_limit(operation="upsert"))
    stopped = bench.run(people(40), BY_EMAIL)
    assert isinstance(stopped.stopped, DailyLimitReached)
    assert stopped.counts["unsent"] == 20
    sent = bench.writes()
    assert isinstance(bench.run(people(40), BY_EMAIL).stopped, DailyLimitReached)
    assert bench.writes() == sent + 1  # asked once a run: quotas grow, clocks err


def test_a_journal_that_breaks_while_sending_stops_everything_and_the_next_run_settles_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = bench.store.journal
    record, calls = journal.record, []

    def breaks(*args: Any, **kwargs: Any) -> None:
        calls.append(1)
        if len(calls) > 3:
            raise StoreError("The disk is full.")
        record(*args, **kwargs)

    monkeypatch.setattr(journal, "record", breaks)
    with pytest.raises(StoreError, match="disk is full"):
        bench.run(firms(120), COMPANIES, batch_size=5)
    assert bench.writes("create") < 24
    monkeypatch.undo()
    result = bench.run(firms(120), COMPANIES, batch_size=5, retry_policy=HASTY)
    assert result.counts["created"] + result.counts["unchanged"] == 120
    assert bench.once_each("companies", "name", NAMES)


def test_a_defect_in_a_worker_is_raised_and_not_swallowed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.client, "send", breaks)
    with pytest.raises(ZeroDivisionError):
        bench.run(people(50), BY_EMAIL, batch_size=5)
    monkeypatch.undo()
    assert shown(bench.run(people(50), BY_EMAIL)) == {"created": 50}


def test_nothing_is_sent_after_a_stop() -> None:
    stop = StopSignal()
    assert not stop.wait(0.0)
    first, second = StoreError("first"), StoreError("second")
    stop.set(first)
    stop.set(second)
    assert stop
    assert stop.error is first
    assert stop.wait(60.0)


def progress(clock: list[float], told: list[str], total: int = 100) -> Progress:
    plan = Plan(
        actions={"create": total - 10, "unchanged": 1000}, new=total - 10, changed=0, gone=10, requests=1
    )
    return Progress.begin(plan, lambda each: told.append(str(each)), lambda: clock[0])


def test_progress_is_told_every_few_seconds_with_rate_and_time_left() -> None:
    clock, told = [100.0], []
    under_way = progress(clock, told)
    for second in range(1, 11):
        clock[0] = 100.0 + second
        under_way.note(5, second)
    assert told == [
        "25 of 100 rows (25%), 5 rows/s, 5 requests, 15 s left",
        "50 of 100 rows (50%), 5 rows/s, 10 requests, 10 s left",
    ]


@pytest.mark.parametrize(("seconds", "words"), [(600, "10 min left"), (90_000, "25.0 h left")])
def test_long_times_are_told_in_long_units(seconds: float, words: str) -> None:
    clock, told = [0.0], []
    under_way = progress(clock, told)
    clock[0] = seconds
    under_way.note(50, 1)
    assert words in told[0]


def test_progress_of_nothing_is_all_of_it() -> None:
    plan = Plan(actions={}, new=0, changed=0, gone=0, requests=0)
    nothing = Progress.begin(plan, None, lambda: 0.0)
    assert str(nothing) == "0 of 0 rows (100%), 0 rows/s, 0 requests"
    assert nothing.seconds_left is None


def test_fewer_batches_are_in_flight_when_the_latency_falls() -> None:
    class Requester:
        stop = StopSignal()
        tally = type("Tally", (), {"latency": 2.0})()

        def requests_per_second(self) -> float:
            return 19.0

    class Sender:
        """Finds HubSpot quick after ten batches."""

        requester, sent, flying, most_later = Requester(), 0, 0, 0
        lock = threading.Lock()

        def begin(self, batches: list[Batch], _accepted: list[Any]) -> list[Batch]:
            with self.lock:
                self.flying += len(batches)
                if self.sent >= 100:
                    self.most_later = max(self.most_later, self.flying)
            return batches

        def deliver(self, _batch: Batch) -> DeliveredBatch:
            time.sleep(0.002)
            with self.lock:
                self.sent += 1
                self.flying -= 1
                if self.sent == 10:
                    self.requester.tally.latency = 0.01
            return DeliveredBatch()

    sender = Sender()
    batches = (Batch("create", "r", [n], ["k"], ["d"], [None], ["{}"], [None]) for n in range(200))
    Dispatcher(sender, lambda _: None).deliver(batches)  # type: ignore[arg-type]
    assert sender.sent == 200
    assert 1 <= sender.most_later <= 5


@pytest.mark.parametrize("fault", ["lost", "rows left out"])
def test_a_batch_that_was_under_way_when_the_run_stopped_is_settled(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    stopped = threading.Event()
    exchange = bench.client._transport.exchange

    def slow(method: str, path: str, headers: Any, body: bytes | None, **options: Any) -> Any:
        answer = exchange(method, path, headers, body, **options)
        if b"Firm 2" in (body or b""):
            stopped.set()
        elif b"Firm 0" in (body or b"") and path.endswith("create"):
            stopped.wait(5)
            time.sleep(0.2)
            if fault == "lost":
                raise AnswerLost("The answer was lost.")
        return answer

    monkeypatch.setattr(bench.client._transport, "exchange", slow)
    if fault != "lost":
        bench.emulator.faults.add(Fault.omit(operation="create", row={"name": "Firm 0"}))
    bench.emulator.faults.add(Fault.moving(operation="create", row={"name": "Firm 2"}))
    first = bench.run(firms(4), COMPANIES, batch_size=2)
    assert isinstance(first.stopped, AccountMoving)
    assert first.counts["unsent"] == 2
    bench.emulator.faults.clear()
    bench.run(firms(4), COMPANIES, batch_size=2, retry_policy=HASTY)
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(4)])
