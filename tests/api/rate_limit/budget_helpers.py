"""A clock that only moves when told, the audit of rolling windows, and a worker process for the budget's
tests.
"""

from __future__ import annotations

import random
import struct
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hubspot_batch_dagster.api.errors import NotSent
from hubspot_batch_dagster.api.rate_limit.budget import Grant
from hubspot_batch_dagster.api.rate_limit.log import Log
from hubspot_batch_dagster.api.rate_limit.postgres_log import PostgresLog
from hubspot_batch_dagster.api.rate_limit.redis_log import RedisLog
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget
from hubspot_batch_dagster.api.rate_limit.sqlite_log import SqliteLog

STAMP = struct.Struct("=d")


class Clock:
    """Time that passes by sleeping only. `wall` is a fixed moment, in UTC 2026-03-10 12:00:00, plus what has
    passed.
    """

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def wall(self) -> float:
        return 1_773_144_000.0 + self.time - 1000.0


def budget_on(clock: Clock, path: Path | None = None, **options: Any) -> SharedBudget:
    """A budget in memory, or in a file, that lives by the clock."""
    log = SqliteLog(path, clock=clock.now)
    return SharedBudget(log, clock=clock.now, sleep=clock.sleep, wall=clock.wall, **options)


def limits(
    maximum: int = 190,
    remaining: int | None = None,
    *,
    seconds: float = 10.0,
    day: tuple[int, int] | None = None,
) -> Mapping[str, str]:
    """The headers of an answer; `day` is the day's limit and what remains of it."""
    headers = {
        "X-HubSpot-RateLimit-Max": str(maximum),
        "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(seconds * 1000)),
    }
    if remaining is not None:
        headers["X-HubSpot-RateLimit-Remaining"] = str(remaining)
    if day is not None:
        headers["X-HubSpot-RateLimit-Daily"] = str(day[0])
        headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(day[1])
    return headers


def most_in_a_window(times: Iterable[float], seconds: float) -> int:
    """The most of these times in any rolling window."""
    ordered = sorted(times)
    most, first = 0, 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def stamps(path: Path) -> list[float]:
    """What the workers wrote down."""
    data = path.read_bytes()
    whole = len(data) - len(data) % STAMP.size
    return [value for (value,) in STAMP.iter_unpack(data[:whole])]


def open_place(place: str, name: str) -> Log:
    """The log at a path or a URL."""
    if "://" not in place:
        return SqliteLog(Path(place))
    return RedisLog(place, name) if place.startswith("redis") else PostgresLog(place, name)


def leave(grant: Grant) -> None:
    """What the transport does when the connection is open and the first byte leaves."""
    for _ in range(20):
        try:
            grant.confirm()
            return grant.left()
        except NotSent:
            grant.renew()
    raise AssertionError("a request never left")


def work(place: str, name: str, record: Path, maximum: int, seconds: float, margin: float) -> None:
    """Take as fast as the budget allows with 4 threads, writing down each time, until standard input ends.

    One request in ten has no processor for a while between its grant and its departure.
    """
    stop = threading.Event()
    budget = SharedBudget(open_place(place, name), margin=margin, stop=stop)

    def send() -> None:
        while not stop.is_set():
            try:
                grant = budget.take()
                if random.random() < 0.1:
                    time.sleep(random.uniform(0, 1))
                leave(grant)
            except Exception:
                return
            out.write(STAMP.pack(time.monotonic()))
            time.sleep(0.005)
            budget.observe(200, limits(maximum, seconds=seconds))

    with record.open("ab", buffering=0) as out:
        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        stop.set()
        for thread in threads:
            thread.join(5)


if __name__ == "__main__":
    work(
        sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]), float(sys.argv[6])
    )
