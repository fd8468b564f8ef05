"""The log of requests behaves alike in SQLite, Redis and Postgres: real servers, real processes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from budget_helpers import leave, limits, most_in_a_window, open_place, stamps
from test_rate_limit_file import MARGIN, MAXIMUM, SECONDS, wait_for, workers

from hubspot_batch_dagster.api.rate_limit.log import (
    BORN,
    DAY_REMAINING,
    PAUSED_UNTIL,
    AcquireRequest,
    Log,
)
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget

Opener = Callable[[], Log]


def test_two_users_fill_one_window(open_one: Opener) -> None:
    """The window is full for both when either has filled it, and says how long to wait."""
    logs = open_one(), open_one()
    window = [AcquireRequest("burst", 3, 0.5)]
    assert [logs[number % 2].acquire(window).wait for number in range(3)] == [0, 0, 0]
    refused = logs[1].acquire(window)
    assert refused.entry is None
    assert 0.3 < refused.wait <= 0.5
    time.sleep(refused.wait + 0.01)
    assert logs[0].acquire(window).wait == 0


def test_a_request_takes_from_all_its_windows_or_none(open_one: Opener) -> None:
    """When one of two windows is full, the other is not charged; moving fills both anew or none."""
    log = open_one()
    full, empty = AcquireRequest("burst", 1, 5.0), AcquireRequest("associations", 9, 5.0)
    log.acquire([full])
    assert log.acquire([empty, full]).wait > 4
    now = log.now()
    assert log.count("associations", now - 5, now + 5) == 0
    assert log.count("burst", now - 5, now + 5) == 1
    both = log.acquire([empty, AcquireRequest("burst", 2, 5.0)])
    time.sleep(0.05)
    moved = log.acquire([empty, AcquireRequest("burst", 2, 5.0)], entry=both.entry)
    assert moved.wait == 0
    assert log.count("associations", both.at, log.now() + 1) == 1
    assert log.count("burst", both.at, log.now() + 1) == 1


def test_a_late_request_is_moved_and_not_taken_twice(open_one: Opener) -> None:
    """A full window has room for the move of a request in it; the window and the day count it once, at its
    new time.
    """
    log, other = open_one(), open_one()
    window = [AcquireRequest("burst", 2, 0.6)]
    log.merge({DAY_REMAINING: 10})
    first, second = log.acquire(window), other.acquire(window)
    assert second.wait == 0
    time.sleep(0.3)
    moved = log.acquire(window, entry=first.entry)
    assert moved.wait == 0
    assert moved.entry is not None
    assert first.entry is not None
    assert moved.entry.lines == first.entry.lines
    assert moved.at > first.at + 0.25
    assert other.count("burst", first.at - 1, moved.at + 1) == 2
    assert moved.facts[DAY_REMAINING] == 8
    time.sleep(0.35)
    assert other.acquire(window).wait == 0, "the second has left the window"
    assert 0 < other.acquire(window).wait < 0.6, "the first is in it until its new time is over"


def test_a_late_request_without_room_stays_where_it_was(open_one: Opener) -> None:
    """A move that finds the window full writes nothing and says how long to wait."""
    log, other = open_one(), open_one()
    window = [AcquireRequest("burst", 1, 0.4)]
    late = log.acquire(window)
    time.sleep(0.45)
    taken = other.acquire(window)
    assert taken.wait == 0
    refused = log.acquire(window, entry=late.entry)
    assert refused.entry is None
    assert 0.2 < refused.wait <= 0.4
    assert log.count("burst", late.at - 0.01, late.at + 0.01) == 1
    time.sleep(refused.wait + 0.01)
    assert log.acquire(window, entry=late.entry).wait == 0


def test_a_request_that_has_left_late_is_corrected_without_asking(open_one: Opener) -> None:
    """What has left is counted when it left, also in a full window and during a pause."""
    log, other = open_one(), open_one()
    window = [AcquireRequest("burst", 1, 0.4)]
    late = log.acquire(window)
    time.sleep(0.45)
    other.acquire(window)
    log.merge({PAUSED_UNTIL: log.now() + 1}, "max")
    corrected = log.acquire(window, entry=late.entry, left=True)
    assert corrected.wait == 0
    assert other.count("burst", corrected.at - 0.4, corrected.at + 1) == 2


def test_a_request_that_the_log_has_forgotten_is_written_down_again(open_one: Opener) -> None:
    """A grant from so long ago that its line is gone counts once more in the window, and not in the day."""
    log = open_one()
    window = [AcquireRequest("burst", 5, 0.05)]
    log.merge({DAY_REMAINING: 10})
    late = log.acquire(window)
    time.sleep(0.2)
    log.acquire(window)
    moved = log.acquire(window, entry=late.entry)
    assert moved.entry is not None
    assert log.count("burst", late.at - 1, moved.at + 1) == 2
    assert moved.facts[DAY_REMAINING] == 8
    log.acquire(window, entry=late.entry)
    assert log.count("burst", late.at - 1, moved.at + 1) == 3, "a line that is not its own is never moved"


def test_a_log_that_is_not_the_expected_one_takes_nothing(open_one: Opener) -> None:
    """A log that was born anew says so before the first request goes through it."""
    log = open_one()
    window = [AcquireRequest("burst", 5, 1.0)]
    born = log.acquire(window).facts[BORN]
    assert log.acquire(window, born=born).wait == 0
    refused = log.acquire(window, born=born - 1)
    assert (refused.entry, refused.facts[BORN]) == (None, born)
    assert refused.wait > 0
    assert log.count("burst", 0, log.now() + 1) == 2


def test_facts_merge_by_the_greater_the_smaller_or_the_new(open_one: Opener) -> None:
    """Facts are shared; "max" and "min" keep one of two, "set" replaces; a step returns them all."""
    one, other = open_one(), open_one()
    one.merge({"a": 5, "b": 5, "c": 5})
    other.merge({"a": 7, "b": 4.5}, "max")
    other.merge({"c": 3.25, "d": 1}, "min")
    other.merge({"c": 4}, "min")
    expected = {"a": 7, "b": 5, "c": 3.25, "d": 1}
    facts = one.acquire([AcquireRequest("burst", 1, 1.0)]).facts
    assert {name: facts[name] for name in expected} == expected
    assert facts[BORN] == one.facts()[BORN]


def test_a_pause_and_the_day_are_part_of_the_step(open_one: Opener) -> None:
    """Nothing is taken or moved during a pause, and each request taken lowers the day's count by one."""
    log, other = open_one(), open_one()
    window = [AcquireRequest("burst", 9, 1.0)]
    log.merge({DAY_REMAINING: 10})
    taken = other.acquire(window)
    log.merge({PAUSED_UNTIL: log.now() + 3}, "max")
    for entry in (None, taken.entry):
        refused = other.acquire(window, entry=entry)
        assert 2.5 < refused.wait <= 3
        assert refused.facts[DAY_REMAINING] == 9


@pytest.mark.parametrize("ahead", [3600.0])
def test_a_pause_beyond_reason_is_damage(open_one: Opener, ahead: float) -> None:
    """A pause that nobody can have asked for, as after the server's clock was set back, holds nobody."""
    log = open_one()
    log.acquire([AcquireRequest("burst", 9, 1.0)])
    log.merge({PAUSED_UNTIL: log.now() + ahead})
    assert log.acquire([AcquireRequest("burst", 9, 1.0)]).wait == 0
    log.close()
    assert open_one().acquire([AcquireRequest("burst", 9, 1.0)]).wait == 0


def test_many_threads_and_users_never_pass_the_limit(open_one: Opener) -> None:
    """Acquiring, moving and correcting at the same time from several users keeps each window within what is
    allowed.
    """
    logs = [open_one(), open_one()]
    window = [AcquireRequest("burst", 10, 0.3)]
    left: list[float] = []
    ends = time.monotonic() + 1.5

    def send(log: Log) -> None:
        while time.monotonic() < ends:
            result = log.acquire(window)
            if result.entry is None:
                time.sleep(0.005)
                continue
            time.sleep(0.002)
            moved = log.acquire(window, entry=result.entry)
            if moved.entry is not None:
                left.append(moved.at)

    threads = [threading.Thread(target=send, args=(logs[number % 2],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most_in_a_window(left, 0.3) <= 10
    assert len(left) > 20


def test_four_processes_one_killed_never_over_and_nearly_full(place: str, tmp_path: Path) -> None:
    """Four processes with starved requests, one killed with SIGKILL half-way, fill 90 % of the limit and
    never pass it.
    """
    record, name = tmp_path / "record", str(tmp_path)
    log = open_place(place, name)
    first = SharedBudget(log, margin=MARGIN)
    first.observe(200, limits(MAXIMUM, seconds=SECONDS))
    leave(first.take())
    with workers(4, place, name, record) as running:
        wait_for(record)
        begin = time.monotonic()
        time.sleep(2.5)
        running[0].send_signal(signal.SIGKILL)
        time.sleep(begin + 6 - time.monotonic())
    log.close()
    times = stamps(record)
    assert most_in_a_window(times, SECONDS) <= MAXIMUM
    in_time = [at for at in times if at < times[0] + 6]
    assert len(in_time) >= 0.9 * MAXIMUM * 6 / SECONDS
    assert {at > times[0] + 4 for at in times} == {True, False}
