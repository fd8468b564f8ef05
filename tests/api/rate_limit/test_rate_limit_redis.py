"""The budget of several hosts, against a real redis-server on a free port; and that both logs behave alike."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from budget_helpers import limits, most_in_a_window, stamps
from test_rate_limit_file import MARGIN, MAXIMUM, SECONDS, wait_for, workers

from hubspot_batch_dagster.api.errors import BudgetTimeout, DailyLimitReached, InputError
from hubspot_batch_dagster.api.rate_limit.redis_log import RedisLog
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget, open_budget
from hubspot_batch_dagster.api.rate_limit.sqlite_log import (
    BORN,
    FRESH_UNTIL,
    PAUSED_UNTIL,
    AcquireRequest,
    Log,
    LogUnavailable,
    SqliteLog,
)


class RedisServer:
    """A redis-server of our own, with a password and without a file."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.place = f"127.0.0.1:{port}/0"
        self.url = f"redis://:s3cr3t@{self.place}"
        self._command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        self._command += ["--requirepass", "s3cr3t", "--dir", str(folder)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        log = RedisLog(self.url, "probe")
        for _ in range(200):
            try:
                log.now()
                break
            except LogUnavailable:
                time.sleep(0.05)
        log.close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "redis"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Log, Log]]:
    """Two users of one log, of each kind."""
    if request.param == "sqlite":
        pair: tuple[Log, Log] = (SqliteLog(tmp_path / "log"), SqliteLog(tmp_path / "log"))
    else:
        url = request.getfixturevalue("redis").url
        pair = (RedisLog(url, str(tmp_path)), RedisLog(url, str(tmp_path)))
    yield pair
    for log in pair:
        log.close()


def test_two_users_fill_one_window(logs: tuple[Log, Log]) -> None:
    """The window is full for both when either has filled it, and says how long to wait."""
    draw = [AcquireRequest("burst", 3, 0.5)]
    assert [logs[number % 2].take(draw).wait for number in range(3)] == [0, 0, 0]
    refused = logs[1].take(draw)
    assert 0.3 < refused.wait <= 0.5
    time.sleep(refused.wait + 0.01)
    assert logs[0].take(draw).wait == 0


def test_a_request_takes_from_all_its_windows_or_none(logs: tuple[Log, Log]) -> None:
    """When one of two windows is full, the other is not charged."""
    full, empty = AcquireRequest("burst", 1, 5.0), AcquireRequest("associations", 9, 5.0)
    logs[0].take([full])
    assert logs[0].take([empty, full]).wait > 4
    now = logs[0].now()
    assert logs[1].count("associations", now - 5, now + 5) == 0
    assert logs[1].count("burst", now - 5, now + 5) == 1


def test_a_late_request_is_forgotten_later(logs: tuple[Log, Log]) -> None:
    """A request that may arrive late holds its place for that much longer, and says so to everybody."""
    taken = logs[0].take([AcquireRequest("burst", 1, 0.2)], late=0.3)
    assert 0.35 < logs[1].take([AcquireRequest("burst", 1, 0.2)]).wait <= 0.5
    assert logs[1].facts()[FRESH_UNTIL] == pytest.approx(taken.at + 0.3, abs=0.01)


def test_facts_merge_by_the_greater_the_smaller_or_the_new(logs: tuple[Log, Log]) -> None:
    """Facts are shared; "max" and "min" keep one of two, "set" replaces; a step returns them all."""
    one, other = logs
    one.merge({"a": 5, "b": 5, "c": 5})
    other.merge({"a": 7, "b": 4.5}, "max")
    other.merge({"c": 3.25, "d": 1}, "min")
    other.merge({"c": 4}, "min")
    expected = {"a": 7, "b": 5, "c": 3.25, "d": 1}
    facts = one.take([AcquireRequest("burst", 1, 1.0)]).facts
    assert {name: facts[name] for name in expected} == expected
    assert facts[BORN] == one.facts()[BORN]


def test_a_pause_and_the_day_are_part_of_the_step(logs: tuple[Log, Log]) -> None:
    """Nothing is taken during a pause, and each request taken lowers the day's count by one."""
    draw = [AcquireRequest("burst", 9, 1.0)]
    logs[0].merge({"day.remaining": 10})
    logs[1].take(draw)
    logs[0].merge({PAUSED_UNTIL: logs[0].now() + 3}, "max")
    refused = logs[1].take(draw)
    assert 2.5 < refused.wait <= 3
    assert refused.facts["day.remaining"] == 9


def test_four_hosts_one_killed_never_over_and_nearly_full(redis: RedisServer, tmp_path: Path) -> None:
    """Four processes on Redis, one killed with SIGKILL half-way, fill 90 % of the limit and never pass it."""
    record = tmp_path / "record"
    first = SharedBudget(RedisLog(redis.url, "four"), margin=MARGIN)
    first.observe(200, limits(MAXIMUM, seconds=SECONDS))
    with workers(4, redis.url, "four", record) as running:
        wait_for(record)
        begin = time.monotonic()
        time.sleep(2.5)
        running[0].send_signal(signal.SIGKILL)
        time.sleep(begin + 6 - time.monotonic())
    times = stamps(record)
    assert most_in_a_window(times, SECONDS) <= MAXIMUM
    assert len([at for at in times if at < times[0] + 6]) >= 0.9 * MAXIMUM * 6 / SECONDS


def test_a_budget_by_url_is_shared_and_apart_from_others(redis: RedisServer) -> None:
    """Same credential and URL: one budget. Another credential: another budget."""
    one, other, third = (open_budget(name, url=redis.url) for name in ("same", "same", "another"))
    one.take()
    one.observe(200, limits(190, 150, day=(1000, 1)))
    other.take()
    state = other.state()
    assert (state.used, state.limit, state.daily_remaining) == (2, 189, 0)
    with pytest.raises(DailyLimitReached):
        one.take()
    assert third.state().used == 0
    for budget in (one, other, third):
        budget.close()


def test_a_host_with_a_wrong_clock_changes_nothing(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times are the Redis server's, so a host whose clock is an hour off counts like the others."""
    draw = [AcquireRequest("burst", 2, 5.0)]
    RedisLog(redis.url, "clocks").take(draw)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    RedisLog(redis.url, "clocks").take(draw)
    assert RedisLog(redis.url, "clocks").take(draw).wait > 4


def test_a_redis_that_is_down_ends_in_an_error_without_the_password() -> None:
    """A request waits for Redis up to `max_wait`; the error names the place, never the password."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{closed.getsockname()[1]}/0"
        budget = open_budget("x", url=f"redis://user:s3cr3t@{place}", max_wait=0.3)
        with pytest.raises(BudgetTimeout, match="does not answer") as caught:
            budget.take()
        budget.observe(200, limits(190, 100))
        budget.pause(1)
    assert place in str(caught.value)
    assert place in repr(budget)
    assert "s3cr3t" not in str(caught.value) + repr(budget) + repr(caught.value.__cause__)


def test_a_restarted_redis_costs_one_window(tmp_path: Path) -> None:
    """Redis comes back empty: the budget notices that the log is new and everybody waits for a window."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    server = RedisServer(tmp_path)
    try:
        budget = SharedBudget(RedisLog(server.url, "x"), max_wait=20)
        budget.observe(200, limits(5, seconds=1.0))
        budget.take()
        server.stop()
        server.start()
        budget.take()
        assert budget.state().paused_until is not None
    finally:
        server.stop()


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """redis is only needed when a URL is given."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(InputError, match=r"pip install hubspot-batch-dagster\[redis\]"):
        open_budget("x", url="redis://127.0.0.1:1/0")


@pytest.mark.parametrize("url", ["http://user:s3cr3t@host", "redis://:s3cr3t/x@host:1/0", "s3cr3t"])
def test_a_wrong_url_is_refused_without_showing_it(url: str) -> None:
    """The password may be what is wrong with the URL, so the error does not quote it."""
    with pytest.raises(InputError, match="Redis URL is not valid") as caught:
        open_budget("x", url=url)
    assert "s3cr3t" not in str(caught.value) + repr(
        caught.value.__context__ and caught.value.__suppress_context__
    )


def test_redis_is_imported_only_when_asked_for() -> None:
    """A budget in a file costs no import of redis."""
    code = (
        "import sys; from hubspot_batch_dagster.api.rate_limit.shared_budget import open_budget;"
        "open_budget('x', shared=False).take(); sys.exit('redis' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
