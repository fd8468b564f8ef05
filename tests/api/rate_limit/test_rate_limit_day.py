"""The day's budget: what is left, for whom, and when it starts anew."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from budget_helpers import Clock, budget_on, limits
from hypothesis import given, settings
from hypothesis import strategies as st

from hubspot_batch_dagster.api.errors import DailyLimitReached


def test_unknown_until_hubspot_says_it() -> None:
    """With OAuth no header tells the day, and nothing is refused."""
    budget = budget_on(Clock())
    budget.take()
    budget.observe(200, limits(110))
    state = budget.state()
    assert (state.daily_limit, state.daily_remaining, state.daily_available) == (None, None, None)
    assert state.resets_at is None


def test_each_request_uses_the_day_up() -> None:
    """Between answers every request counts, searches too."""
    budget = budget_on(Clock())
    budget.take()
    budget.observe(200, limits(day=(1000, 900)))
    budget.take()
    budget.take("search")
    assert budget.state().daily_remaining == 898


@settings(max_examples=40, deadline=None)
@given(limit=st.integers(1, 500), remaining=st.integers(0, 500), share=st.floats(0.05, 1))
def test_the_others_part_is_never_touched(limit: int, remaining: int, share: float) -> None:
    """Requests stop exactly when what is left is no more than the others' part of the day."""
    clock = Clock()
    budget = budget_on(clock, daily_share=share)
    budget.note_daily(limit, remaining)
    made = 0
    refused = False
    while not refused and made < 501:
        try:
            budget.take()
            made += 1
        except DailyLimitReached:
            refused = True
    assert refused
    left = remaining - made
    others = limit * (1 - share)
    assert left >= min(others, remaining) - 1e-6
    assert made == 0 or left < others + 1


def test_the_refusal_says_when_to_come_back() -> None:
    """The error holds the end of the account's day, in its own time zone, and says it in words."""
    budget = budget_on(Clock(), daily_share=0.6)
    budget.time_zone = "America/New_York"
    budget.note_daily(250_000, 100_000)
    with pytest.raises(DailyLimitReached) as caught:
        budget.take()
    error = caught.value
    # The simulated noon UTC is 8:00 in New York, in summer time: midnight there is 4:00 UTC.
    assert error.resets_at == datetime(2026, 3, 11, 4, tzinfo=timezone.utc)
    assert error.retry_after == pytest.approx(16 * 3600, abs=1)
    assert not error.may_have_acted
    for words in ("100,000 of 250,000", "60%", "2026-03-11 00:00", "America/New_York"):
        assert words in str(error)


def test_the_time_zone_moves_a_day_that_is_known() -> None:
    """When the account's details come after the first answers, the end of the day follows."""
    budget = budget_on(Clock())
    budget.observe(200, limits(day=(1000, 10)))
    assert budget.state().resets_at == datetime(2026, 3, 11, tzinfo=timezone.utc)
    budget.time_zone = "Asia/Tokyo"
    assert budget.state().resets_at == datetime(2026, 3, 10, 15, tzinfo=timezone.utc)
    assert budget.time_zone == "Asia/Tokyo"


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", ""])
def test_an_unknown_time_zone_is_utc_and_says_so(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A zone that this system does not know is no reason to stop."""
    budget = budget_on(Clock())
    with caplog.at_level(logging.WARNING):
        budget.time_zone = name
    assert budget.time_zone == "UTC"
    assert "midnight UTC" in caplog.text


def test_midnight_starts_a_new_day() -> None:
    """After the reset nothing is known, so requests go again and the next answer tells the new day."""
    clock = Clock()
    budget = budget_on(clock)
    budget.note_daily(1000, 0)
    with pytest.raises(DailyLimitReached):
        budget.take()
    clock.sleep(12 * 3600 + 1)
    budget.take()
    assert budget.state().daily_remaining is None
    budget.observe(200, limits(day=(1000, 999)))
    assert budget.state().daily_remaining == 999


def test_a_given_reset_time_is_kept() -> None:
    """The usage endpoint's own reset time wins over our midnight."""
    budget = budget_on(Clock())
    resets_at = datetime(2026, 3, 10, 23, 30, tzinfo=timezone(timedelta(hours=2)))
    budget.note_daily(1000, 5, resets_at)
    assert budget.state().resets_at == resets_at


def test_others_using_the_day_are_noticed_and_late_answers_are_not_believed() -> None:
    """An answer that shows less wins; one that shows a little more is only late."""
    budget = budget_on(Clock())
    budget.observe(200, limits(day=(100_000, 50_000)))
    for _ in range(10):
        budget.take()
    budget.observe(200, limits(day=(100_000, 49_995)))
    assert budget.state().daily_remaining == 49_990
    budget.observe(200, limits(day=(100_000, 40_000)))
    assert budget.state().daily_remaining == 40_000


def test_a_count_that_is_far_too_low_is_corrected() -> None:
    """Requests that never reached HubSpot do not use the day up for ever."""
    budget = budget_on(Clock())
    budget.note_daily(100_000, 1000)
    budget.take()
    budget.observe(200, limits(day=(100_000, 90_000)))
    assert budget.state().daily_remaining == 90_000


def test_a_raised_limit_is_noticed_within_the_day() -> None:
    """A refusal is asked again every 10 minutes with one request, so a raised limit frees the day."""
    clock = Clock()
    budget = budget_on(clock)
    budget.note_daily(1000, 0)
    with pytest.raises(DailyLimitReached):
        budget.take()
    clock.sleep(601)
    budget.take()
    with pytest.raises(DailyLimitReached):
        budget.take()
    budget.observe(200, limits(day=(2000, 999)))
    budget.take()
    assert budget.state().daily_remaining == 998


def test_every_process_knows_that_the_day_is_over(tmp_path: Path) -> None:
    """What one process hears stops the others too."""
    clock = Clock()
    one, other = budget_on(clock, tmp_path / "b"), budget_on(clock, tmp_path / "b")
    one.observe(200, limits(day=(1000, 0)))
    with pytest.raises(DailyLimitReached):
        other.take()
