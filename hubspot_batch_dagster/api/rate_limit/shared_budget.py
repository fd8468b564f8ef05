"""One budget for every process that shares the app.

HubSpot counts requests in a rolling window of 10 s. Everybody who uses one token writes each request down in
one log (SQLite on one host; Redis or Postgres on several) before it leaves, and waits while the window is
full. A request that then leaves late is moved in the log to the time at which it leaves.

The log is our own and not pyrate-limiter's (4.5.1), because of what was measured on 2 cores with 190 requests
per 10 s (`benchmarks/limit.py` shows ours):

- its SQLite bucket with file lock, 4 processes of 16 threads: up to 198 requests left in a rolling 10 s,
  since it notes the time before it waits for the lock, and 1.3 ms CPU per request, since each waiting thread
  asks for itself;
- after the system clock went back a minute it wanted 70 s of waiting;
- its Redis bucket trusts each host's clock: with two clocks 20 ms apart a window of 190 let 242 through;
- it has no place for what must change in the same step: a pause, the day's count, a limit found by another
  process.

Ours in the same setting: never more than 189, 0.36 ms CPU per request with 64 threads waiting and 0.09 ms
with none. It cannot use all of the limit: 189 of 190 requests in 10.1 s are 98.5 % in the long run, and the
missing 1.5 % is what keeps a request that is slow on its way from being one too many.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from hubspot_batch_dagster.api.errors import BudgetTimeout, BudgetUnavailable, InputError, NotSent
from hubspot_batch_dagster.api.rate_limit.budget import Window
from hubspot_batch_dagster.api.rate_limit.daily import DayBudget
from hubspot_batch_dagster.api.rate_limit.facts import SharedFacts
from hubspot_batch_dagster.api.rate_limit.grant import SharedGrant
from hubspot_batch_dagster.api.rate_limit.log import (
    BORN,
    MAX_PAUSE,
    PAUSED_UNTIL,
    AcquireRequest,
    AcquireResult,
    Entry,
    Log,
    LogUnavailable,
)
from hubspot_batch_dagster.api.rate_limit.log_outage import LogOutage
from hubspot_batch_dagster.api.rate_limit.windows import RULES, Allowance, BudgetState, read_headers

logger = logging.getLogger(__name__)

_LONGEST_NAP = 0.25
"""Seconds. Another process may raise the limit or end a wait early; nobody sleeps past that for longer."""
_IN_PLACE_SECONDS = 1.0
"""How long a late request waits for room with its connection open, before it goes to the end of the queue."""


class SharedBudget:
    """The requests that the app may still make, for all threads and all processes on one log.

    One thread of a process waits at the log for each window; the others queue behind it, so waiting costs
    little CPU however many threads there are.

    Args:
        log: Where requests are written down; everybody on it shares the budget.
        limit: Requests per burst window. None starts at 90 and follows `X-HubSpot-RateLimit-Max`. A header
            that says less than `limit` wins.
        share: The part of each window for this process and those beside it on the log, above 0 up to 1; the
            rest stays free for the app's other users.
        daily_share: The part of the day's limit that this app may use, above 0 up to 1. When less than the
            rest is left, by whomever, `take` raises `DailyLimitReached`.
        margin: Seconds added to each window, for requests that are slower on their way to HubSpot than
            others.
        associations_in_burst: True counts association requests against the burst window too. HubSpot gives
            them figures of their own, so the default is False.
        max_wait: Seconds of waiting for room after which `take` gives up with `BudgetTimeout`.
        patience: Seconds that the log may be away (Redis or Postgres restarted, the file locked) before
            `take` gives up with `BudgetUnavailable`.
        stop: When set, a waiting `take` ends within moments, with `BudgetTimeout`.
        clock: Time in seconds for `max_wait`, for tests.
        sleep: Waits so many seconds, for tests. By default waits for `stop`.
        wall: Seconds since 1970, for tests.

    Raises:
        InputError: A share, limit or time makes no sense.
    """

    def __init__(
        self,
        log: Log,
        *,
        limit: int | None = None,
        share: float = 1.0,
        daily_share: float = 1.0,
        margin: float = 0.1,
        associations_in_burst: bool = False,
        max_wait: float = 600.0,
        patience: float = 600.0,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._allowance = Allowance(limit, share, daily_share, margin)
        for name, value in (("max_wait", max_wait), ("patience", patience)):
            if not 0 <= value < float("inf"):
                raise InputError(f"{name} must be a number of seconds, 0 or more, not {value}.")
        self.log = log
        self.max_wait = max_wait
        self.stop = stop or threading.Event()
        self._associations_in_burst = associations_in_burst
        self._clock = clock
        self._sleep = sleep
        self._wall = wall
        self._day = DayBudget(log, daily_share, wall)
        self._facts = SharedFacts(log, self._allowance, clock)
        self._outage = LogOutage(patience, clock)
        self._log_ahead: float | None = None
        self._turns: Mapping[Window, threading.Lock] = {window: threading.Lock() for window in RULES}
        self._mine = _ThreadState()

    def __repr__(self) -> str:
        limit = "as HubSpot says" if self._allowance.limit is None else self._allowance.limit
        return f"SharedBudget({self.log!r}, limit={limit}, share={self._allowance.share})"

    @property
    def time_zone(self) -> str:
        """The account's time zone, whose midnight starts a new day. UTC until it is set from the account's
        details.
        """
        return str(self._day.zone)

    @time_zone.setter
    def time_zone(self, name: str) -> None:
        self._day.use_zone(name)

    def take(self, window: Window = "burst") -> SharedGrant:
        """Wait until one more request may leave, and count it.

        Args:
            window: Which of HubSpot's limits the request counts against.

        Returns:
            The grant: ask it again when the connection is open, because it does not last.

        Raises:
            DailyLimitReached: The day's requests, or this app's share of them, are used up.
            BudgetUnavailable: The log was away for longer than `patience`.
            BudgetTimeout: No request became free within `max_wait`, or `stop` was set.
        """
        return SharedGrant(self, window, self._allowance.margin, self._clock, self._wall)

    def acquire(self, window: Window, entry: Entry | None = None) -> AcquireResult:
        """Wait in the queue of the window until a request may leave; see `take`.

        Args:
            window: Which of HubSpot's limits the request counts against.
            entry: The same request as it was counted before: it is moved.
        """
        deadline = self._clock() + self.max_wait
        reason = "other requests are waiting before it"
        if entry is None:
            self._mine.asks, self._mine.doubts = self._mine.doubts, False
        with self._turn(window, deadline, reason):
            while True:
                result = self._try(window, entry)
                if result.entry is not None:
                    return result
                self._nap(min(result.wait, _LONGEST_NAP), deadline)

    def move(self, window: Window, entry: Entry) -> AcquireResult:
        """Count a late request at this moment instead, waiting no longer than a connection may be held open
        for it.

        Raises:
            NotSent: There is no room for it just now.
        """
        deadline = self._clock() + _IN_PLACE_SECONDS
        while True:
            result = self._try(window, entry)
            if result.entry is not None:
                return result
            if self._clock() + result.wait > deadline:
                raise NotSent("The request was late, and the window has no room for it now.")
            self._nap(min(result.wait, _LONGEST_NAP), deadline)

    def correct(self, window: Window, entry: Entry) -> None:
        """Count a request that has left later than it was counted at this moment, whether there is room or
        not.
        """
        if self._outage.is_on:
            return  # a request that is half out must not wait for the log
        try:
            result = self.log.acquire(self._requests(window), entry=entry, left=True)
        except LogUnavailable as error:
            logger.debug("the time of a late request was not kept: %s", error)
        else:
            self._mine.left_at = result.at

    def observe(self, status: int, headers: Mapping[str, str], window: Window = "burst") -> None:
        """Learn the limits from an answer, for every process on the log.

        Args:
            status: The answer's HTTP status. A 429 widens the margin for a while; call `pause` after it, too.
            headers: The answer's headers, in any case.
            window: The window that the request was taken from. Search answers carry no limits.
        """
        limits = read_headers(headers)
        left_at, self._mine.left_at = self._mine.left_at, None
        asked, self._mine.asks = self._mine.asks, False
        if self._outage.is_on:
            return  # the next answer says the same, and nobody should wait for the log twice
        try:
            if RULES[window].follows_headers and limits.maximum is not None:
                self._facts.observe(window, limits, left_at)
            if status == 429:
                self._facts.widen(window, self._log_time())
            limit, remaining = limits.daily_limit, limits.daily_remaining
            if limit is not None and remaining is not None:
                corrected = self._day.reconcile(self._facts.known, limit, remaining)
                if corrected:
                    self._facts.read()
            elif asked and status < 400:
                self._day.forget()
                self._facts.read()
        except LogUnavailable as error:
            logger.debug("the limits of a %s answer were not kept: %s", status, error)

    def pause(self, seconds: float) -> None:
        """Hold everybody on this budget, in every process. A longer pause that is already on stays.

        Args:
            seconds: How long; at most 60.0 count.
        """
        try:
            self.log.merge({PAUSED_UNTIL: self.log.now() + max(0.0, min(seconds, MAX_PAUSE))}, "max")
        except LogUnavailable as error:
            logger.warning(
                "The pause of %.0f s could not be shared with other processes: %s.", seconds, error
            )

    def note_daily(self, limit: int, remaining: int, resets_at: datetime | None = None) -> None:
        """Say what the day still holds, as HubSpot's usage endpoint or a daily 429 tells it.

        Args:
            limit: Requests that the account may make in a day.
            remaining: Left of them.
            resets_at: When the day ends; by default the next midnight in `time_zone`.
        """
        try:
            self._day.record(limit, remaining, resets_at)
            self._facts.read()
        except LogUnavailable as error:
            logger.debug("the day's budget was not kept: %s", error)

    def doubt_day(self) -> None:
        """Let this thread's next request ask whether the day is used up: quotas grow, and clocks err.

        Its answer is believed. Other threads go on being refused until it is there.
        """
        self._mine.doubts = True

    def state(self) -> BudgetState:
        """Look at the burst window and the day.

        Raises:
            BudgetUnavailable: The log does not answer.
        """
        try:
            facts, now = self.log.facts(), self.log.now()
            request = self._allowance.request("burst", facts, now)
            used = self.log.count("burst", now - request.seconds, now + MAX_PAUSE)
        except LogUnavailable as error:
            raise BudgetUnavailable(f"The budget cannot be read: {error}.") from None
        day = self._day.read(facts)
        paused = facts.get(PAUSED_UNTIL, 0.0) - now
        return BudgetState(
            limit=request.allowed,
            ceiling=self._allowance.ceiling("burst", facts),
            window_seconds=request.seconds,
            used=used,
            daily_limit=day.limit if day else None,
            daily_remaining=day.remaining if day else None,
            daily_available=day.available(self._day.share) if day else None,
            resets_at=day.resets_at if day else None,
            paused_until=datetime.fromtimestamp(self._wall() + paused, self._day.zone)
            if paused > 0
            else None,
        )

    def known_state(self) -> BudgetState | None:
        """Look at the budget where a look is not worth an error; None when the log does not answer."""
        try:
            return self.state()
        except BudgetUnavailable as error:
            logger.warning("%s", error.message)
            return None

    def requests_per_second(self) -> float:
        """Return what HubSpot allows at present, as far as this process knows. Asks nobody."""
        facts = self._facts.known
        seconds = self._allowance.seconds("burst", facts) + self._allowance.margin
        return self._allowance.ceiling("burst", facts) / seconds

    def seconds_for(self, requests: int) -> float:
        """How long so many requests take at the present limit, if nobody else sends."""
        return self.state().seconds_for(requests)

    def close(self) -> None:
        """Let go of the log's file or connection."""
        self.log.close()

    @contextmanager
    def _turn(self, window: Window, deadline: float, reason: str) -> Iterator[None]:
        turn = self._turns[window]
        if not turn.acquire(timeout=max(0.0, deadline - self._clock())):
            raise self._give_up(reason)
        try:
            yield
        finally:
            turn.release()

    def _try(self, window: Window, entry: Entry | None) -> AcquireResult:
        """Ask the log once."""
        asked = self._clock()
        try:
            self._facts.refresh()
            if entry is None and not self._mine.asks:
                self._mine.asks = self._day.refuse_when_over(self._facts.known)
            born = self._facts.known.get(BORN)
            result = self.log.acquire(self._requests(window), entry=entry, born=born)
            self._facts.replace(result.facts)
        except LogUnavailable as error:
            return AcquireResult(self._outage.note(error, asked), 0.0, {})
        self._outage.over()
        self._log_ahead = result.at - self._clock()
        self._mine.left_at = result.at if result.entry is not None else None
        return result

    def _requests(self, window: Window) -> list[AcquireRequest]:
        both = window == "associations" and self._associations_in_burst
        windows: tuple[Window, ...] = ("associations", "burst") if both else (window,)
        now = self._log_time()
        return [self._allowance.request(name, self._facts.known, now) for name in windows]

    def _log_time(self) -> float:
        """Return the log's clock, without asking for it: it goes on as this process's does."""
        if self._log_ahead is None:
            self._log_ahead = self.log.now() - self._clock()
        return self._clock() + self._log_ahead

    def _nap(self, seconds: float, deadline: float) -> None:
        left = deadline - self._clock()
        if left <= 0:
            raise self._give_up("the window is full, or HubSpot asked for a pause")
        (self._sleep or self.stop.wait)(min(seconds, left))
        if self.stop.is_set():
            raise BudgetTimeout(
                "The run was stopped while a request waited for its turn. It was not sent.", remedy=""
            )

    def _give_up(self, reason: str) -> BudgetTimeout:
        return BudgetTimeout(f"No request became free within {self.max_wait:.0f} s: {reason}.")


class _ThreadState(threading.local):
    """What a thread remembers between the calls that its one request makes.

    Attributes:
        left_at: The log's time of its request.
        asks: Whether its request goes out although the day is used up as far as is known.
        doubts: Whether its next request shall.
    """

    left_at: float | None = None
    asks: bool = False
    doubts: bool = False
