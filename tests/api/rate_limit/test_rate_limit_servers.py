"""What is special to a budget in Redis or Postgres: servers that restart or are away, wrong URLs, missing
drivers.
"""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from bench.servers import Postgres, Redis, installed_binaries
from budget_helpers import leave, limits, open_place

from hubspot_batch_dagster.api.errors import BudgetUnavailable, DailyLimitReached, InputError
from hubspot_batch_dagster.api.rate_limit.log import AcquireRequest
from hubspot_batch_dagster.api.rate_limit.open_budget import open_budget
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget


@pytest.fixture(params=["redis", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """A server of each kind."""
    found: str = request.getfixturevalue(request.param).url
    return found


def test_a_budget_by_url_is_shared_and_apart_from_others(url: str) -> None:
    """Same credential and URL: one budget. Another credential: another budget."""
    one, other, third = (open_budget(name, url=url) for name in ("same", "same", "another"))
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


def test_a_host_with_a_wrong_clock_changes_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are the server's, so a host whose clock is an hour off counts like the others."""
    window = [AcquireRequest("burst", 2, 5.0)]
    open_place(url, "clocks").acquire(window)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    open_place(url, "clocks").acquire(window)
    assert open_place(url, "clocks").acquire(window).wait > 4


SCHEMES = {"redis": "redis://user:s3cr3t@{}", "postgres": "postgresql+psycopg://user:s3cr3t@{}"}


@pytest.mark.parametrize("kind", SCHEMES)
def test_a_server_that_is_down_ends_in_an_error_that_names_it(kind: str) -> None:
    """A request waits for the server as long as the patience lasts; the error names the place, never the
    password.
    """
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{closed.getsockname()[1]}/0"
        budget = open_budget("x", url=SCHEMES[kind].format(place), patience=0.3)
        began = time.monotonic()
        with pytest.raises(BudgetUnavailable, match="does not answer") as caught:
            budget.take()
        assert time.monotonic() - began < 5
        budget.observe(200, limits(190, 100))
        budget.pause(1)
        with pytest.raises(BudgetUnavailable):
            budget.state()
        assert budget.requests_per_second() == pytest.approx(90 / 10.1)
    assert kind in str(caught.value).lower()
    assert place in str(caught.value)
    assert "budget_url" in caught.value.remedy
    assert place in repr(budget)
    assert not caught.value.may_have_acted
    assert "s3cr3t" not in str(caught.value) + repr(budget) + repr(caught.value.__cause__)


@pytest.fixture(params=["redis", "postgres"])
def server(request: pytest.FixtureRequest) -> Iterator[Redis | Postgres]:
    """A server that a test may stop."""
    made: type[Redis] | type[Postgres] = Redis if request.param == "redis" else Postgres
    reason, binaries = made.reason_to_skip(), installed_binaries()
    if reason is not None:
        pytest.skip(reason)
    running = Redis() if request.param == "redis" else Postgres(binaries)  # type: ignore[arg-type]
    yield running
    running.stop()


def test_a_server_that_is_away_for_a_moment_is_waited_for(
    server: Redis | Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests in many threads wait while the server restarts, then go on; it is said once. What it lost
    costs a window.
    """
    budget = SharedBudget(open_place(server.url, "x"), patience=30)
    budget.observe(200, limits(40, seconds=1.0))
    leave(budget.take())
    failures: list[BaseException] = []
    sent: list[float] = []

    def send() -> None:
        try:
            for _ in range(4):
                leave(budget.take())
                sent.append(time.monotonic())
                budget.observe(200, limits(40, seconds=1.0))
        except BaseException as error:
            failures.append(error)

    with caplog.at_level(logging.WARNING):
        server.down()
        threads = [threading.Thread(target=send) for _ in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        assert not sent
        server.up()
        for thread in threads:
            thread.join(30)
    assert not failures
    assert len(sent) == 24
    assert budget.state().limit == 40, "what HubSpot allows is known to a server that lost it"
    assert sum("is waited for" in record.message for record in caplog.records) == 1
    assert sum("answers again" in record.message for record in caplog.records) == 1
    if isinstance(server, Redis):
        assert "everybody waits for one window" in caplog.text
    budget.close()


def test_a_server_that_stays_away_ends_every_thread_after_one_patience(server: Redis | Postgres) -> None:
    """Many waiting threads give up together, not one patience after the other."""
    budget = SharedBudget(open_place(server.url, "x"), patience=0.5)
    leave(budget.take())
    server.down()
    failures: list[BudgetUnavailable] = []

    def wait() -> None:
        try:
            budget.take()
        except BudgetUnavailable as error:
            failures.append(error)

    began = time.monotonic()
    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(failures) == 8
    assert time.monotonic() - began < 5
    server.up()
    budget.take()
    budget.close()


def test_a_wrong_password_is_said_at_once(redis: Redis) -> None:
    """Waiting cures no wrong password."""
    began = time.monotonic()
    with pytest.raises(BudgetUnavailable, match=r"Redis at .* refuses: invalid"):
        open_budget("x", url=redis.url.replace("s3cr3t", "other")).take()
    assert time.monotonic() - began < 5


def test_a_database_that_does_not_exist_is_said_at_once(postgres: Postgres) -> None:
    began = time.monotonic()
    with pytest.raises(BudgetUnavailable, match=r"Postgres at .*/nowhere refuses: .*does not exist"):
        open_budget("x", url=postgres.url.rpartition("/")[0] + "/nowhere").take()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_a_server_that_answers_and_refuses_is_not_said_to_be_away(
    request: pytest.FixtureRequest, kind: str
) -> None:
    """It is told in its own words, and nobody is sent to start it."""
    place = request.getfixturevalue(kind).url
    if kind == "postgres":
        place += "?options=-c%20default_transaction_read_only%3Don"
    else:
        import redis as library

        library.Redis.from_url(place).replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(BudgetUnavailable, match=r"refuses: .*read.only") as caught:
            open_budget("refused", url=place, patience=0.2).take()
    finally:
        if kind == "redis":
            library.Redis.from_url(place).replicaof("NO", "ONE")
    assert caught.value.remedy.startswith("It answers, and refuses")


@pytest.mark.parametrize("part", ["facts", "sequence", "burst"])
def test_a_key_of_redis_that_holds_something_else_costs_a_window(redis: Redis, part: str) -> None:
    import redis as library

    budget = SharedBudget(open_place(redis.url, f"damaged {part}"), patience=10)
    budget.observe(200, limits(5, seconds=0.2))
    budget.take()
    client = library.Redis.from_url(redis.url)
    [key] = client.keys(f"*damaged {part}*{part}")
    client.set(key, "somebody else's")
    budget.take()
    assert budget.state().used == 1
    budget.close()


def test_tables_that_are_dropped_on_the_way_are_made_again(postgres: Postgres) -> None:
    """An operator's DROP TABLE costs a window, like a restart of Redis."""
    import sqlalchemy

    budget = SharedBudget(open_place(postgres.url, "dropped"), patience=10)
    budget.observe(200, limits(5, seconds=0.2))
    budget.take()
    engine = sqlalchemy.create_engine(postgres.url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE hubspot_budget_requests, hubspot_budget_facts"))
    engine.dispose()
    budget.take()
    assert budget.state().used == 1
    budget.close()


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("redis://127.0.0.1:1/0", "redis", "redis"),
        ("postgresql+psycopg://127.0.0.1:1/d", "psycopg", "postgres"),
        ("postgresql://127.0.0.1:1/d", "psycopg", "postgres"),
        ("postgres://127.0.0.1:1/d", "psycopg", "postgres"),
        ("postgresql+psycopg2://127.0.0.1:1/d", "psycopg2", "postgres"),
    ],
)
def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, url: str, package: str, extra: str
) -> None:
    """A driver is only needed when its URL is given."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"pip install hubspot-batch-dagster\[{extra}\]"):
        open_budget("x", url=url)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cr3t@host", "redis://:s3cr3t/x@host:1/0", "s3cr3t", "", "mysql://u:s3cr3t@host/d",
        "postgresql+psycopg://u:s3cr3t@host:99999999x/d", "postgresql+nothing://u:s3cr3t@host/d", "sqlite:///s3cr3t",
        "redis://:s3cr3t@host:99999/0", "postgresql+psycopg://u:s3cr3t@host:99999/d", "redis+x://s3cr3t",
    ],
)  # fmt: skip
def test_a_wrong_url_is_refused_without_showing_it(url: str) -> None:
    """The password may be what is wrong with the URL, so the error does not quote it."""
    with pytest.raises(InputError, match="URL") as caught:
        open_budget("x", url=url)
    assert "s3cr3t" not in str(caught.value) + repr(
        caught.value.__context__ and caught.value.__suppress_context__
    )


@pytest.mark.parametrize("tail", ["/abc", "/1/2", "/-1", "/0x", "/0?nonsense=1", "/0?connection_class=x"])
def test_what_a_redis_url_says_besides_the_host_is_not_passed_over(tail: str) -> None:
    """The library takes a name for 0 and 1/2 for 12, and fails with an error of its own for an option that it does not know."""
    with pytest.raises(InputError, match=r"Redis URL (does not name its database|has an option)"):
        open_budget("x", url=f"redis://host{tail}")


@pytest.mark.parametrize("tail", ["", "/", "/0", "/3", "/3/", "/0?socket_timeout=2", "?db=3"])
def test_a_redis_url_with_a_number_or_nothing_after_the_host_is_taken(tail: str) -> None:
    open_budget("x", url=f"redis://host{tail}").close()


def test_a_server_that_never_answered_is_waited_for_for_30_seconds_and_one_that_did_for_all_of_the_patience(
    redis: Redis,
) -> None:
    """An address at which nobody ever answered is more likely wrong than its server away."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    def given_up_after(budget: SharedBudget) -> float:
        began = clock[0]
        with pytest.raises(BudgetUnavailable, match=r"for (30|600) s by now"):
            budget.take()
        return clock[0] - began

    never = SharedBudget(
        open_place("redis://127.0.0.1:1/0", "x"), max_wait=9000.0, clock=lambda: clock[0], sleep=sleep
    )
    assert given_up_after(never) == pytest.approx(30.0, abs=2.0)
    once = SharedBudget(open_place(redis.url, "x"), max_wait=9000.0, clock=lambda: clock[0], sleep=sleep)
    leave(once.take())
    redis.down()
    try:
        assert given_up_after(once) == pytest.approx(600.0, abs=2.0)
    finally:
        redis.up()
    once.close()


def test_drivers_are_imported_only_when_asked_for() -> None:
    """A budget in a file costs no import of redis or SQLAlchemy."""
    code = (
        "import sys; from hubspot_batch_dagster.api.rate_limit.open_budget import open_budget;"
        "open_budget('x', shared=False).take(); sys.exit(bool({'redis', 'sqlalchemy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
