"""A day that the budget knows as used up: HubSpot is asked once a run, with one request."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from bench.sync_bench import BY_EMAIL, Bench

from hubspot_batch_dagster.api.errors import DailyLimitReached
from hubspot_batch_dagster.api.rate_limit.open_budget import open_budget
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget
from hubspot_batch_dagster.emulator import Fault


@pytest.fixture
def budget(bench: Bench) -> Iterator[SharedBudget]:
    """The budget of the bench's client, which knows that the day is used up."""
    with_day = open_budget("used-up", shared=False)
    with_day.note_daily(1000, 0)
    bench.client.budget = with_day
    yield with_day
    with_day.close()


def people(count: int) -> list[dict[str, str]]:
    return [{"email": f"p{i}@x.org", "firstname": "Ada"} for i in range(count)]


@pytest.mark.parametrize("daily_limit", [None, 5000])
def test_a_quota_that_grew_lets_the_run_go_on(
    bench: Bench, budget: SharedBudget, daily_limit: int | None
) -> None:
    """OAuth apps get no daily headers: that HubSpot took the request says enough."""
    bench.emulator.change(daily_limit=daily_limit)
    assert bench.run(people(250), BY_EMAIL).counts["created"] == 250
    state = budget.state()
    assert state.daily_limit == daily_limit


def test_the_request_that_asks_is_the_one_of_the_thread_that_doubts(budget: SharedBudget) -> None:
    """A request of another thread must not leave in its place: who doubts would be refused by its own
    question.
    """
    budget.doubt_day()
    with ThreadPoolExecutor(1) as another, pytest.raises(DailyLimitReached):
        another.submit(budget.take).result()
    budget.take()
    with pytest.raises(DailyLimitReached):
        budget.take()


def test_an_outage_in_place_of_the_answer_is_no_answer_about_the_day(
    bench: Bench, budget: SharedBudget
) -> None:
    bench.emulator.faults.add(Fault.answer(503, times=1))
    assert bench.run(people(250), BY_EMAIL).counts["created"] == 250
    assert budget.state().daily_remaining != 0


def test_a_day_that_is_used_up_costs_each_run_one_request(bench: Bench, budget: SharedBudget) -> None:
    bench.emulator.faults.add(Fault.daily_limit())
    before = len(bench.emulator.books.requests())
    for nights in (1, 2):
        result = bench.run(people(250), BY_EMAIL)
        assert result.counts["unsent"] == 250
        assert isinstance(result.stopped, DailyLimitReached)
        assert len(bench.emulator.books.requests()) == before + nights
    assert budget.state().daily_remaining == 0
