"""Servers that keep a budget: one of each kind for a test session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench.servers import Redis
from budget_helpers import open_place

from hubspot_batch_dagster.api.rate_limit.log import Log


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """A Redis that this test session started."""
    reason = Redis.reason_to_skip()
    if reason is not None:
        pytest.skip(reason)
    server = Redis()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a log of each kind lies: a path or a URL."""
    if request.param == "sqlite":
        return str(tmp_path / "log")
    url: str = request.getfixturevalue(request.param).url
    return url


@pytest.fixture
def open_one(place: str, tmp_path: Path) -> Iterator[Callable[[], Log]]:
    """Opens another user of this test's log."""
    opened: list[Log] = []

    def open_another() -> Log:
        opened.append(open_place(place, str(tmp_path)))
        return opened[-1]

    yield open_another
    for log in opened:
        log.close()
