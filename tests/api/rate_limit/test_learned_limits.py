"""What the budget learns of HubSpot's limits from the headers, and what it makes of nonsense."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest
from budget_helpers import Clock, budget_on, limits

from hubspot_batch_dagster.api.rate_limit.windows import ForeignUsage, read_headers


def test_starts_careful_and_follows_the_header() -> None:
    """Before the first answer at most 90 requests leave; after it, what HubSpot allows, less one in a
    hundred.
    """
    budget = budget_on(Clock())
    assert budget.state().limit == 90
    budget.take()
    budget.observe(200, limits(190))
    assert (budget.state().limit, budget.state().ceiling) == (189, 190)
    budget.observe(200, limits(100))
    assert (budget.state().limit, budget.state().ceiling) == (99, 100)


def test_what_was_learned_outlives_the_process(tmp_path: Path) -> None:
    """A new process begins with the limit that an earlier one heard."""
    clock = Clock()
    earlier = budget_on(clock, tmp_path / "budget")
    earlier.observe(200, limits(190))
    earlier.close()
    assert budget_on(clock, tmp_path / "budget").state().limit == 189


def test_a_waiting_request_profits_from_a_higher_limit(tmp_path: Path) -> None:
    """When another process hears of a higher limit, a wait that is already on ends within moments."""
    clock = Clock()
    waiting, hearing = budget_on(clock, tmp_path / "b"), budget_on(clock, tmp_path / "b")
    for _ in range(90):
        waiting.take()
    begin = clock.now()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        hearing.observe(200, limits(190))

    waiting._sleep = sleep
    waiting.take()
    assert clock.now() - begin < 0.6


def test_a_users_limit_is_kept_unless_hubspot_says_less() -> None:
    """`limit` holds against a higher header and gives way to a lower one."""
    budget = budget_on(Clock(), limit=50)
    budget.observe(200, limits(190))
    assert budget.state().limit == 50
    budget.observe(200, limits(30))
    assert budget.state().limit == 30


def test_the_window_length_follows_the_header() -> None:
    """A server that counts in another interval is believed."""
    clock = Clock()
    budget = budget_on(clock)
    budget.observe(200, limits(5, seconds=1.0))
    begin = clock.now()
    for _ in range(11):
        budget.take()
    assert 2.1 < clock.now() - begin < 2.6


@pytest.mark.parametrize("value", ["", "many", "-5", "0", "99999999999", "1.5", "١٢", "9" * 5000])
def test_headers_that_make_no_sense_change_nothing(value: str) -> None:
    """A broken header neither raises nor moves the limit."""
    budget = budget_on(Clock())
    budget.observe(
        200, {"X-HubSpot-RateLimit-Max": value, "X-HubSpot-RateLimit-Interval-Milliseconds": value}
    )
    assert budget.state().limit == 90
    assert budget.state().window_seconds == pytest.approx(10.1)


def test_headers_are_read_in_any_case() -> None:
    """Proxies and HTTP/2 lower header names."""
    heard = read_headers({name.lower(): value for name, value in limits(190, 7, day=(1000, 3)).items()})
    assert (heard.maximum, heard.remaining, heard.seconds) == (190, 7, 10.0)
    assert (heard.daily_limit, heard.daily_remaining) == (1000, 3)


def test_others_in_the_same_window_are_given_room() -> None:
    """When the headers show that others use the window, we slow down, and speed up again when they are
    gone.
    """
    clock = Clock()
    budget = budget_on(clock)
    server: deque[float] = deque()
    refused = []

    def run(seconds: float, others: int) -> None:
        end = clock.now() + seconds
        while clock.now() < end:
            budget.take()
            clock.sleep(0.03)
            while server and server[0] <= clock.now() - 10:
                server.popleft()
            if len(server) + others >= 190:
                refused.append(clock.now())
                budget.observe(429, limits(190, 0))
                budget.pause(10)
            else:
                server.append(clock.now())
                budget.observe(200, limits(190, 190 - others - len(server)))

    run(30, 0)
    assert budget.state().limit == 189
    run(60, 80)
    assert 100 <= budget.state().limit <= 112
    settled = len([at for at in refused if at > clock.now() - 30])
    assert settled <= 1
    run(60, 0)
    assert budget.state().limit == 189


def test_requests_that_are_slower_than_the_margin_are_given_more_for_a_while() -> None:
    """A server that counts late refuses what the log had room for: the window gets longer, once in each
    window, and short again after 10 minutes.
    """
    clock = Clock()
    budget = budget_on(clock, limit=100)
    lengths = []
    for _ in range(5):
        budget.take()
        for _ in range(10):
            budget.observe(429, limits(100, 0))
        lengths.append(budget.state().window_seconds)
        clock.sleep(11)
    assert lengths == pytest.approx([10.3, 10.5, 10.9, 10.9, 10.9])
    clock.sleep(600)
    assert budget.state().window_seconds == pytest.approx(10.1)


def test_one_overtaken_request_is_not_taken_for_others() -> None:
    """A single odd answer among many does not slow us down."""
    others = ForeignUsage(answers=5)
    assert [others.add(190, 189 - own, own) for own in range(4)] == [None] * 4
    assert others.add(190, 100, 10) == 0
