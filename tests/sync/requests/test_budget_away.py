"""What counts the app's requests goes away during a run: Redis and Postgres, with real servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from bench.servers import Postgres, Redis, installed_binaries
from bench.sync_bench import COMPANIES, Bench, firms

from hubspot_batch_dagster.api.errors import BudgetUnavailable, HubSpotError
from hubspot_batch_dagster.api.rate_limit.open_budget import open_budget

NAMES = [f"Firm {i}" for i in range(40)]


@pytest.fixture(params=["redis", "postgres"])
def server(request: pytest.FixtureRequest) -> Iterator[Redis | Postgres]:
    """A server that the test may stop."""
    kind: type[Redis] | type[Postgres] = Redis if request.param == "redis" else Postgres
    reason, binaries = kind.reason_to_skip(), installed_binaries()
    if reason is not None:
        pytest.skip(reason)
    running = Redis() if request.param == "redis" else Postgres(binaries)  # type: ignore[arg-type]
    yield running
    running.stop()


def counted_by(server: Redis | Postgres, bench: Bench, patience: float) -> None:
    """The bench's requests are counted there from now on, at most 5 in a second."""
    bench.client.budget = open_budget("run", url=server.url, limit=5, patience=patience)
    bench.client.budget.observe(
        200, {"X-HubSpot-RateLimit-Max": "5", "X-HubSpot-RateLimit-Interval-Milliseconds": "1000"}
    )


def test_a_server_that_is_away_for_a_moment_stops_no_run(bench: Bench, server: Redis | Postgres) -> None:
    """The run waits, then goes on; every row is made once."""
    counted_by(server, bench, patience=30)
    away = threading.Event()

    def restart() -> None:
        server.down()
        away.set()
        threading.Timer(0.8, server.up).start()

    first = threading.Timer(0.3, restart)
    first.start()
    result = bench.run(firms(40), COMPANIES, batch_size=4)
    first.join()
    assert away.wait(20)
    assert result.counts["created"] == 40
    assert bench.once_each("companies", "name", NAMES)


def test_a_server_that_stays_away_ends_the_run_and_the_next_goes_on(
    bench: Bench, server: Redis | Postgres
) -> None:
    """The run says which server, keeps what was answered, and leaves the rest unsent; nothing is made
    twice.
    """
    counted_by(server, bench, patience=0.5)
    stopping = threading.Timer(0.3, server.down)
    stopping.start()
    stopped: HubSpotError | None
    try:
        first = bench.run(firms(40), COMPANIES, batch_size=4)
        stopped = first.stopped
    except HubSpotError as error:
        stopped = error
    stopping.join()
    assert isinstance(stopped, BudgetUnavailable)
    assert type(server).__name__ in str(stopped)
    assert "budget_url" in stopped.remedy
    made = bench.emulator.books.created_count("companies")
    assert made < 40
    server.up()
    second = bench.run(firms(40), COMPANIES, batch_size=4)
    assert second.counts["created"] == 40 - made
    assert second.counts["unchanged"] == made
    assert bench.once_each("companies", "name", NAMES)
