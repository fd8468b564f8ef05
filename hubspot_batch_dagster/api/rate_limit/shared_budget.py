"""One budget for every process that shares the app.

HubSpot counts requests in a rolling window of 10 s. Everybody who uses one token writes each request down in one log
(`budget_log`: SQLite on one host, `budget_redis`: several hosts) before it leaves, and waits while the window is full.

The log is our own and not pyrate-limiter's (4.5.1), because of what was measured on 2 cores with 190 requests per 10 s
(`benchmarks/limit.py` shows ours):

- its SQLite bucket with file lock, 4 processes of 16 threads: up to 198 requests left in a rolling 10 s, since it notes
  the time before it waits for the lock, and 1.3 ms CPU per request, since each waiting thread asks for itself;
- after the system clock went back a minute it wanted 70 s of waiting;
- its Redis bucket trusts each host's clock: with two clocks 20 ms apart a window of 190 let 242 through;
- it has no place for what must change in the same step: a pause, the day's count, a limit found by another process.

Ours in the same setting: never more than 189, 0.36 ms CPU per request with 64 threads waiting and 0.09 ms with none.
It cannot use all of the limit: 189 of 190 requests in 10.1 s are 98.5 % in the long run, and the missing 1.5 % is what
keeps a request that is slow on its way from being one too many.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from hubspot_batch_dagster.api.errors import BudgetTimeout, InputError
from hubspot_batch_dagster.api.rate_limit.budget import Grant, Granted, Window
from hubspot_batch_dagster.api.rate_limit.budget_file import budget_file, hashed
from hubspot_batch_dagster.api.rate_limit.daily import DayBudget
from hubspot_batch_dagster.api.rate_limit.redis_log import RedisLog
from hubspot_batch_dagster.api.rate_limit.sqlite_log import (
    BORN,
    FRESH_UNTIL,
    MAX_PAUSE,
    PAUSED_UNTIL,
    Log,
    LogUnavailable,
    SqliteLog,
)
from hubspot_batch_dagster.api.rate_limit.windows import (
    RULES,
    Allowance,
    BudgetState,
    ForeignUsage,
    RateLimitHeaders,
    read_headers,
)

logger = logging.getLogger(__name__)

_LONGEST_NAP = 0.25
"""Seconds. Another process may raise the limit or end a wait early; nobody sleeps past that for longer."""
_IDLE_SECONDS = 30.0
_ASKED_AGAIN_SECONDS = 0.05
_FACTS_ARE_FRESH = 1.0


class SharedBudget:
    """The requests that the app may still make, for all threads and all processes on one log.

    One thread of a process waits at the log for each window; the others queue behind it, so waiting costs little CPU
    however many threads there are.

    Args:
        log: Where requests are written down; everybody on it shares the budget.
        limit: Requests per burst window. None starts at 90 and follows `X-HubSpot-RateLimit-Max`. A header that
            says less than `limit` wins.
        share: The part of each window for this process and those beside it on the log, above 0 up to 1; the rest stays
            free for the app's other users.
        daily_share: The part of the day's limit that this app may use, above 0 up to 1. When less than the rest is
            left, by whomever, `take` raises `DailyLimitReached`.
        margin: Seconds added to each window, for requests that are slower on their way to HubSpot than others.
        connect_allowance: Seconds by which a thread's first request may arrive later: it has a connection to open.
        associations_in_burst: True counts association requests against the burst window too. HubSpot gives them
            figures of their own, so the default is False.
        max_wait: Seconds after which `take` gives up with `BudgetTimeout`.
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
        connect_allowance: float = 0.5,
        associations_in_burst: bool = False,
        max_wait: float = 600.0,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._claim = Allowance(limit, share, daily_share, margin)
        for name, value in (("connect_allowance", connect_allowance), ("max_wait", max_wait)):
            if not 0 <= value < float("inf"):
                raise InputError(f"{name} must be a number of seconds, 0 or more, not {value}.")
        self.log = log
        self.max_wait = max_wait
        self.stop = stop or threading.Event()
        self._connect_allowance = connect_allowance
        self._associations_in_burst = associations_in_burst
        self._clock = clock
        self._sleep = sleep
        self._wall = wall
        self._day = DayBudget(log, daily_share, wall)
        self._facts: Mapping[str, float] = {}
        self._facts_at = float("-inf")
        self._turns: Mapping[Window, threading.Lock] = {window: threading.Lock() for window in RULES}
        self._others: Mapping[Window, ForeignUsage] = {window: ForeignUsage() for window in RULES}
        self._mine = threading.local()

    def __repr__(self) -> str:
        claim = self._claim
        limit = "as HubSpot says" if claim.limit is None else claim.limit
        return f"SharedBudget({self.log!r}, limit={limit}, share={claim.share})"

    @property
    def time_zone(self) -> str:
        """The account's time zone, whose midnight starts a new day. UTC until it is set from the account's details."""
        return str(self._day.zone)

    @time_zone.setter
    def time_zone(self, name: str) -> None:
        self._day.use_zone(name)

    def take(self, window: Window = "burst") -> Grant:
        """Wait until one more request may leave, and count it.

        Args:
            window: Which of HubSpot's limits the request counts against.

        Raises:
            DailyLimitReached: The day's requests, or this app's share of them, are used up.
            BudgetTimeout: No request became free within `max_wait`, or `stop` was set.
        """
        deadline = self._clock() + self.max_wait
        reason = "other requests are waiting before it"
        with self._turn(window, deadline, reason):
            while True:
                wait, reason = self._try(window)
                if wait <= 0:
                    return Granted()
                self._nap(min(wait, _LONGEST_NAP), deadline, reason)

    def observe(self, status: int, headers: Mapping[str, str], window: Window = "burst") -> None:
        """Learn the limits from an answer, for every process on the log.

        Args:
            status: The answer's HTTP status. A refused request counts for nothing else here: call `pause` after a 429.
            headers: The answer's headers, in any case.
            window: The window that the request was taken from. Search answers carry no limits.
        """
        heard = read_headers(headers)
        self._mine.answered_at = self._clock()
        try:
            if RULES[window].follows_headers and heard.maximum is not None:
                self._hear_window(window, heard)
            if heard.daily_limit is not None and heard.daily_remaining is not None:
                self._hear_day(heard.daily_limit, heard.daily_remaining)
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
            self._day.note(limit, remaining, resets_at)
            self._read_facts()
        except LogUnavailable as error:
            logger.debug("the day's budget was not kept: %s", error)

    def state(self) -> BudgetState:
        """Look at the burst window and the day.

        Raises:
            BudgetTimeout: The log does not answer.
        """
        try:
            facts, now = self.log.facts(), self.log.now()
            draw = self._claim.draw("burst", facts, now)
            used = self.log.count("burst", now - draw.seconds, now + MAX_PAUSE)
        except LogUnavailable as error:
            raise BudgetTimeout(f"The budget cannot be read: {error}.", remedy="") from None
        day = self._day.read(facts)
        paused = facts.get(PAUSED_UNTIL, 0.0) - now
        return BudgetState(
            limit=draw.allowed,
            ceiling=self._claim.ceiling("burst", facts),
            window_seconds=draw.seconds,
            used=used,
            daily_limit=day.limit if day else None,
            daily_remaining=day.remaining if day else None,
            daily_available=day.available(self._day.share) if day else None,
            resets_at=day.resets_at if day else None,
            paused_until=datetime.fromtimestamp(self._wall() + paused, self._day.zone)
            if paused > 0
            else None,
        )

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

    def _try(self, window: Window) -> tuple[float, str]:
        """Ask the log once. Returns the seconds to wait, 0.0 when the request may leave, and why."""
        late = 0.0 if self._is_connected() else self._connect_allowance
        windows: tuple[Window, ...] = (window,)
        if window == "associations" and self._associations_in_burst:
            windows = ("associations", "burst")
        try:
            if self._clock() - self._facts_at > _FACTS_ARE_FRESH:
                self._read_facts()
            self._day.refuse_when_over(self._facts)
            now = self.log.now() if self._others_are_known(windows) else 0.0
            taken = self.log.take([self._claim.draw(name, self._facts, now) for name in windows], late)
        except LogUnavailable as error:
            return _ASKED_AGAIN_SECONDS, str(error)
        self._use_facts(taken.facts)
        if taken.wait <= 0:
            self._mine.left_at = None if late else taken.at
        return taken.wait, "the window is full, or HubSpot asked for a pause"

    def _is_connected(self) -> bool:
        return self._clock() - getattr(self._mine, "answered_at", -_IDLE_SECONDS) < _IDLE_SECONDS

    def _others_are_known(self, windows: tuple[Window, ...]) -> bool:
        return any(f"{name}.others" in self._facts for name in windows)

    def _read_facts(self) -> None:
        self._use_facts(self.log.facts())

    def _use_facts(self, facts: Mapping[str, float]) -> None:
        """Keep what the log has just said, and notice when it is another log than before."""
        before = self._facts.get(BORN)
        self._facts, self._facts_at = facts, self._clock()
        # A log that starts anew has forgotten the last window; wait until HubSpot has forgotten it too.
        if before is not None and facts.get(BORN) != before:
            logger.warning("The log of requests was lost; everybody waits for one window.")
            self.pause(self._claim.seconds("burst", facts) + self._claim.margin)

    def _nap(self, seconds: float, deadline: float, reason: str) -> None:
        left = deadline - self._clock()
        if left <= 0:
            raise self._give_up(reason)
        (self._sleep or self.stop.wait)(min(seconds, left))
        if self.stop.is_set():
            raise BudgetTimeout(
                "The run was stopped while a request waited for its turn. It was not sent.", remedy=""
            )

    def _give_up(self, reason: str) -> BudgetTimeout:
        return BudgetTimeout(f"No request became free within {self.max_wait:.0f} s: {reason}.")

    def _learn(self, facts: Mapping[str, float]) -> None:
        try:
            self.log.merge(facts)
            self._facts = {**self._facts, **facts}
        except LogUnavailable as error:
            logger.debug("a limit was not kept: %s", error)

    def _hear_window(self, window: Window, heard: RateLimitHeaders) -> None:
        assert heard.maximum is not None
        seconds = heard.seconds or RULES[window].seconds
        now_known = (self._facts.get(f"{window}.max"), self._facts.get(f"{window}.seconds"))
        if now_known != (heard.maximum, seconds):
            self._learn({f"{window}.max": heard.maximum, f"{window}.seconds": seconds})
        left_at = getattr(self._mine, "left_at", None)
        if heard.remaining is not None and left_at is not None:
            self._mine.left_at = None
            self._hear_others(window, heard.maximum, heard.remaining, left_at)

    def _hear_day(self, limit: int, remaining: int) -> None:
        if self._day.hear(self._facts, limit, remaining):
            self._read_facts()

    def _hear_others(self, window: Window, maximum: int, remaining: int, left_at: float) -> None:
        # A request with a connection to open is written down later than it leaves, which would look like others' use.
        if left_at < self._facts.get(FRESH_UNTIL, 0.0):
            return
        seconds = self._claim.seconds(window, self._facts)
        own = self.log.count(window, left_at - seconds, left_at)
        others = self._others[window].add(maximum, remaining, own)
        if others is None or (others == 0 and f"{window}.others" not in self._facts):
            return
        until = self._facts.get(f"{window}.others_until", 0.0)
        if others != self._facts.get(f"{window}.others") or until < left_at + seconds:
            self._learn({f"{window}.others": others, f"{window}.others_until": left_at + 2 * seconds})


def open_budget(
    fingerprint: str,
    *,
    url: str | None = None,
    limit: int | None = None,
    share: float = 1.0,
    daily_share: float = 1.0,
    folder: str | Path | None = None,
    shared: bool = True,
    associations_in_burst: bool = False,
    max_wait: float = 600.0,
    stop: threading.Event | None = None,
) -> SharedBudget:
    """Open the budget that every process with this credential shares.

    Args:
        fingerprint: What tells the credential apart, such as `TokenSource.fingerprint`. It is hashed before it names
            a file or a key.
        url: A Redis URL, for several hosts. None counts in a file, for one host.
        limit: Requests per 10 s; None follows HubSpot's headers.
        share: The part of each window that may be used.
        daily_share: The part of the day's limit that may be used.
        folder: Where the file lies, on a disk of this host. None takes the user's cache folder, with one file for each
            host. Name a folder to share the budget between users or containers of one host.
        shared: False counts in this process alone.
        associations_in_burst: True counts association requests against the burst window too.
        max_wait: Seconds after which `take` gives up.
        stop: Ends a waiting `take` when set.

    Raises:
        InputError: A value makes no sense, or the redis package is missing.
    """
    log: Log
    if url is not None:
        log = RedisLog(url, hashed(fingerprint))
    else:
        log = SqliteLog(budget_file(fingerprint, folder) if shared else None)
    return SharedBudget(
        log,
        limit=limit,
        share=share,
        daily_share=daily_share,
        associations_in_burst=associations_in_burst,
        max_wait=max_wait,
        stop=stop,
    )
