"""One budget: never over in any rolling window, follows HubSpot, waits no longer than it must. Time is
simulated.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

import pytest
from budget_helpers import Clock, budget_on, leave, limits, most_in_a_window
from hypothesis import given, settings
from hypothesis import strategies as st

from hubspot_batch_dagster.api.errors import BudgetTimeout, InputError, NotSent
from hubspot_batch_dagster.api.rate_limit.budget import Grant, Window
from hubspot_batch_dagster.api.rate_limit.open_budget import open_budget
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget
from hubspot_batch_dagster.api.rate_limit.sqlite_log import SqliteLog

MARGIN = 0.1


@settings(max_examples=100, deadline=None)
@given(
    limit=st.integers(1, 40),
    window=st.sampled_from(["burst", "search", "associations"]),
    steps=st.lists(
        st.tuples(
            st.integers(0, 1), st.floats(0, 2), st.sampled_from([0.0, 0.0, 0.02, 0.3, 4.0, 40.0]), st.floats(0, 0.99)
        ),
        min_size=1,
        max_size=120,
    ),
)  # fmt: skip
def test_never_over_whatever_the_rhythm(
    limit: int, window: Window, steps: list[tuple[int, float, float, float]]
) -> None:
    """Two users of one log never put more than the limit into any rolling window at the server's door.

    Each request may be starved between its grant and its departure, while others are granted and leave.
    """
    clock = Clock()
    first = budget_on(clock, limit=limit)
    budgets = [
        first,
        SharedBudget(first.log, limit=limit, clock=clock.now, sleep=clock.sleep, wall=clock.wall),
    ]
    waiting: list[tuple[float, Grant]] = []
    arrivals = []
    first.observe(200, limits(limit), window)
    for who, gap, starved, way in [*steps, *[(0, 50.0, 0.0, 0.0)]]:
        clock.sleep(gap)
        for entry in sorted(waiting, key=lambda each: each[0]):
            if entry[0] <= clock.now():
                waiting.remove(entry)
                leave(entry[1])
                arrivals.append(clock.now() + way * MARGIN / 2)
        waiting.append((clock.now() + starved, budgets[who].take(window)))
    seconds, allowed = (1.0, 5) if window == "search" else (10.0, limit)
    assert most_in_a_window(arrivals, seconds) <= allowed


def test_the_day_counts_a_late_request_once() -> None:
    """However often it is moved."""
    clock = Clock()
    budget = budget_on(clock)
    budget.note_daily(1000, 900)
    grant = budget.take()
    for _ in range(3):
        clock.sleep(5)
        grant.confirm()
    clock.sleep(60)
    grant.renew()
    leave(grant)
    assert budget.state().daily_remaining == 899
    assert budget.state().used == 1


def test_a_late_request_goes_to_the_end_of_the_queue_when_the_window_is_full() -> None:
    """A process that stood still for longer than a window finds it full: it sends nothing, and waits like the
    others.
    """
    clock = Clock()
    budget = budget_on(clock, limit=3)
    late = budget.take()
    clock.sleep(11)
    for _ in range(3):
        leave(budget.take())
    began = clock.now()
    with pytest.raises(NotSent, match="no room"):
        late.confirm()
    assert clock.now() - began <= 1
    late.renew()
    late.confirm()
    assert clock.now() - began == pytest.approx(10.1, abs=0.3)


def test_a_request_that_leaves_in_time_asks_the_log_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking again costs nothing while a grant is fresh."""
    clock = Clock()
    budget = budget_on(clock)
    grant = budget.take()
    clock.sleep(MARGIN / 6)
    monkeypatch.setattr(budget, "log", None)
    leave(grant)


@settings(max_examples=40, deadline=None)
@given(maximum=st.integers(1, 300), share=st.floats(0.01, 1), takes=st.integers(1, 400))
def test_a_share_leaves_the_rest(maximum: int, share: float, takes: int) -> None:
    """With a share, no rolling window holds more than that part of what HubSpot allows (but always one
    request).
    """
    clock = Clock()
    budget = budget_on(clock, share=share)
    budget.take()
    budget.observe(200, limits(maximum))
    clock.sleep(20)
    times = []
    for _ in range(takes):
        budget.take()
        times.append(clock.now())
    assert most_in_a_window(times, 10.0) <= max(1, share * maximum + 1e-6)


def test_the_limit_is_used_nearly_whole() -> None:
    """Over many windows a lone sender reaches more than 98 % of HubSpot's limit."""
    clock = Clock()
    budget = budget_on(clock, limit=190)
    begin = clock.now()
    for _ in range(19_000):
        budget.take()
        budget.observe(200, {})
    assert 19_000 / (19.0 * (clock.now() - begin)) > 0.98


def test_searches_have_their_own_second() -> None:
    """5 searches a second, whatever other answers say, and they use up nothing of the burst window."""
    clock = Clock()
    budget = budget_on(clock)
    budget.observe(200, limits(190), "search")
    times = []
    for _ in range(30):
        budget.take("search")
        times.append(clock.now())
    assert most_in_a_window(times, 1.0) == 5
    assert budget.state().used == 0
    assert budget.state().ceiling == 90


@pytest.mark.parametrize(("in_burst", "used"), [(False, 0), (True, 20)])
def test_associations_count_apart_unless_told(in_burst: bool, used: int) -> None:
    """Association requests have a window of their own; a switch counts them in both."""
    budget = budget_on(Clock(), associations_in_burst=in_burst)
    for _ in range(20):
        budget.take("associations")
    assert budget.state().used == used


def test_associations_wait_for_a_full_burst_window_when_counted_there() -> None:
    """Counted in both, an association request waits for whichever window is full."""
    clock = Clock()
    budget = budget_on(clock, limit=10, associations_in_burst=True)
    for _ in range(10):
        budget.take()
    begin = clock.now()
    budget.take("associations")
    assert clock.now() - begin > 10


def test_a_pause_holds_every_user_and_only_grows(tmp_path: Path) -> None:
    """A pause is seen by other processes; a shorter one afterwards does not end it."""
    clock = Clock()
    one, other = budget_on(clock, tmp_path / "b"), budget_on(clock, tmp_path / "b")
    one.take()
    one.pause(8)
    one.pause(1)
    assert other.state().paused_until is not None
    begin = clock.now()
    other.take("search")
    assert clock.now() - begin == pytest.approx(8, abs=0.01)
    assert other.state().paused_until is None


@pytest.mark.parametrize(("asked", "kept"), [(86_400, 60), (-5, 0)])
def test_a_pause_is_bounded(asked: float, kept: float) -> None:
    """Nobody can hold everybody for more than a minute."""
    clock = Clock()
    budget = budget_on(clock)
    budget.pause(asked)
    begin = clock.now()
    budget.take()
    assert clock.now() - begin == pytest.approx(kept, abs=0.01)


def test_gives_up_after_max_wait_and_says_why() -> None:
    """A wait has an end, and nothing was sent."""
    clock = Clock()
    budget = budget_on(clock, limit=1, max_wait=5)
    budget.take()
    begin = clock.now()
    with pytest.raises(BudgetTimeout, match="within 5 s: the window is full") as caught:
        budget.take()
    assert clock.now() - begin == pytest.approx(5)
    assert not caught.value.may_have_acted


def test_stop_ends_every_waiting_thread_at_once() -> None:
    """Setting `stop` ends the threads that wait, the first and those behind it, long before the window has
    room.
    """
    stop = threading.Event()
    budget = open_budget("x", shared=False, limit=1, stop=stop)
    budget.take()
    failures: list[Exception] = []

    def wait() -> None:
        try:
            budget.take()
        except BudgetTimeout as error:
            failures.append(error)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    begin = time.monotonic()
    stop.set()
    for thread in threads:
        thread.join(5)
    assert time.monotonic() - begin < 5
    assert len(failures) == 8
    assert "stopped" in str(failures[0])


def test_no_thread_starves() -> None:
    """Many threads on a short window all get their turn."""
    budget = open_budget("x", shared=False)
    budget.observe(200, limits(20, seconds=0.1))
    done: deque[int] = deque()
    end = time.monotonic() + 3

    def send(number: int) -> None:
        while time.monotonic() < end:
            budget.take()
            done.append(number)
            budget.observe(200, limits(20, seconds=0.1))
            time.sleep(0.01)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    shares = [done.count(number) for number in range(12)]
    assert min(shares) > 0.4 * sum(shares) / 12


@pytest.mark.parametrize(
    "options",
    [
        {"share": 0},
        {"share": 1.1},
        {"daily_share": 0},
        {"limit": 0},
        {"max_wait": -1},
        {"margin": float("nan")},
        {"patience": float("inf")},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    """A wrong option is an error before anything is sent, and names itself."""
    with pytest.raises(InputError, match=next(iter(options))):
        SharedBudget(SqliteLog(None), **options)  # type: ignore[arg-type]


def test_a_plan_knows_how_long_it_takes() -> None:
    """52,600 requests at 190 per 10 s are about 47 minutes."""
    budget = budget_on(Clock(), limit=190)
    assert budget.seconds_for(52_600) / 60 == pytest.approx(46.8, abs=0.1)
    assert budget.seconds_for(0) == 0


def test_state_counts_what_was_used() -> None:
    """The state shows what the window holds, and forgets it with the window."""
    clock = Clock()
    budget = budget_on(clock)
    for _ in range(7):
        budget.take()
    assert budget.state().used == 7
    clock.sleep(10.7)
    assert budget.state().used == 0


def test_a_request_costs_little() -> None:
    """A free request costs well under a millisecond of CPU, in a file too."""
    budget = open_budget("x", shared=False, limit=10**6)
    budget.take()
    begin = time.thread_time()
    for _ in range(300):
        budget.take()
    assert (time.thread_time() - begin) / 300 < 0.001


def test_prints_without_the_fingerprint(tmp_path: Path) -> None:
    """The budget and its file are named by a hash, so nothing of a credential shows."""
    budget = open_budget("pat-na1-secret", folder=tmp_path)
    budget.take()
    assert "secret" not in repr(budget) + repr(budget.state()) + "".join(map(str, tmp_path.iterdir()))
    assert "limit=as HubSpot says" in repr(budget)
