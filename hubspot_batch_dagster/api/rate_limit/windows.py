"""What HubSpot allows, and how much of it this process may use. No waiting, no storage: only the sums.

The windows are those of HubSpot's "Usage guidelines": 100, 190 or 250 requests in any 10 s for each app (110
for an OAuth app in each account), 5 searches a second for each account, and figures of their own for
associations.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.rate_limit.budget import Window
from hubspot_batch_dagster.api.rate_limit.log import AcquireRequest

_HEADER = "x-hubspot-ratelimit-"
_LONGEST_NUMBER = 18
_MOST_REQUESTS = 1_000_000
_SECONDS_ALLOWED = (0.1, 3600.0)


@dataclass(frozen=True)
class WindowRule:
    """How a window starts before HubSpot has reported anything.

    Attributes:
        requests: Allowed at first. Under the lowest documented tier, so that the first second cannot go over.
        seconds: The window's length.
        follows_headers: Whether answers say what the window is. Search answers do not.
    """

    requests: int
    seconds: float
    follows_headers: bool


RULES: Mapping[Window, WindowRule] = {
    "burst": WindowRule(90, 10.0, True),
    "associations": WindowRule(90, 10.0, True),
    "search": WindowRule(5, 1.0, False),
}


@dataclass(frozen=True)
class RateLimitHeaders:
    """What one answer's headers say; None for what they do not.

    Attributes:
        maximum: Requests allowed in the window (`X-HubSpot-RateLimit-Max`).
        remaining: Left in the window, whoever used the rest (`-Remaining`).
        seconds: The window's length (`-Interval-Milliseconds`).
        daily_limit: Requests allowed in a day (`-Daily`). Absent with OAuth.
        daily_remaining: Left of the day (`-Daily-Remaining`). Absent with OAuth.
    """

    maximum: int | None = None
    remaining: int | None = None
    seconds: float | None = None
    daily_limit: int | None = None
    daily_remaining: int | None = None


def read_headers(headers: Mapping[str, str]) -> RateLimitHeaders:
    """Read the limits from an answer's headers, in any case. What makes no sense counts as absent."""
    numbers: dict[str, int] = {}
    for name, value in headers.items():
        lowered = name.lower()
        if lowered.startswith(_HEADER) and len(value) <= _LONGEST_NUMBER and _is_number(value):
            numbers[lowered[len(_HEADER) :]] = int(value)
    maximum = numbers.get("max", 0)
    seconds = numbers.get("interval-milliseconds", 0) / 1000
    return RateLimitHeaders(
        maximum=maximum if 0 < maximum < _MOST_REQUESTS else None,
        remaining=numbers.get("remaining"),
        seconds=seconds if _SECONDS_ALLOWED[0] <= seconds <= _SECONDS_ALLOWED[1] else None,
        daily_limit=numbers.get("daily"),
        daily_remaining=numbers.get("daily-remaining"),
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.strip().isdecimal()


@dataclass(frozen=True)
class Allowance:
    """How much of what HubSpot allows this process may use.

    Attributes:
        limit: Requests in a burst window, as the user says; None follows HubSpot's headers. Where the headers
            say less, they win.
        share: The part of each window that is ours, above 0 up to 1.
        daily_share: The part of the day's limit that is ours, above 0 up to 1.
        margin: Seconds added to each window. HubSpot counts when requests arrive, we when they leave; the
            margin covers the difference between a slow and a quick way there.
    """

    limit: int | None
    share: float
    daily_share: float
    margin: float

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit must be at least 1 request per window, not {self.limit}.")
        for name in ("share", "daily_share"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(f"{name} must be above 0 and at most 1, not {getattr(self, name)}.")
        if not 0 <= self.margin < float("inf"):
            raise InputError(f"margin must be a number of seconds, 0 or more, not {self.margin}.")

    def ceiling(self, window: Window, facts: Mapping[str, float]) -> int:
        """Return what the whole window allows, as far as is known."""
        known = facts.get(f"{window}.max", 0.0)
        known = known if 1 <= known < _MOST_REQUESTS else 0.0
        if window == "burst" and self.limit is not None:
            return min(self.limit, int(known)) if known else self.limit
        return int(known) if known else RULES[window].requests

    def request(self, window: Window, facts: Mapping[str, float], now: float) -> AcquireRequest:
        """Return what to ask the log for: our requests in a window that is longer by the margin."""
        ceiling = self.ceiling(window, facts)
        # One in a hundred stays unused, for the request that is on its way for longer than the margin.
        usable = ceiling - ceiling // 100
        ours = min(usable, math.floor(ceiling * self.share + 1e-9))
        if facts.get(f"{window}.others_until", 0.0) > now:
            # Never down to nothing: only our own requests bring the headers that say when the others are
            # gone.
            others = int(min(max(0.0, facts.get(f"{window}.others", 0.0)), ceiling))
            ours = max(min(ours, usable - others), ours // 10)
        seconds = self.seconds(window, facts) + self.margin + extra_margin(window, facts, now)
        return AcquireRequest(window, max(1, ours), seconds)

    def seconds(self, window: Window, facts: Mapping[str, float]) -> float:
        """Return the window's length as HubSpot counts it."""
        known = facts.get(f"{window}.seconds", 0.0)
        return known if _SECONDS_ALLOWED[0] <= known <= _SECONDS_ALLOWED[1] else RULES[window].seconds


_FIRST_EXTRA, _MOST_EXTRA, _EXTRA_LASTS = 0.2, 0.8, 600.0


def extra_margin(window: Window, facts: Mapping[str, float], now: float) -> float:
    """Seconds beyond the margin, for as long as requests were lately seen to need them."""
    widened_at = facts.get(f"{window}.widened_at", -math.inf)
    extra = facts.get(f"{window}.extra", 0.0)
    return extra if widened_at > now - _EXTRA_LASTS and 0 <= extra <= _MOST_EXTRA else 0.0


def widened(window: Window, facts: Mapping[str, float], now: float) -> dict[str, float]:
    """Return what to remember after a 429 that the log did not expect: some requests were slower on their way
    than the margin.

    The extra margin doubles with each window in which that happens. It is forgotten after 10 minutes: a host
    that is short of processors, or a network that stutters, mostly is so for a while.
    """
    if facts.get(f"{window}.widened_at", -math.inf) > now - RULES[window].seconds:
        return {}
    extra = max(_FIRST_EXTRA, 2 * extra_margin(window, facts, now))
    return {f"{window}.extra": min(extra, _MOST_EXTRA), f"{window}.widened_at": now}


class ForeignUsage:
    """How many requests others make in the same window, from what is left and what we used ourselves.

    One answer proves little: a request that was overtaken on its way sees more used than we would think. So
    the median of the last answers counts, and a few requests are nobody.
    """

    def __init__(self, answers: int = 9) -> None:
        self._seen: deque[int] = deque(maxlen=answers)

    def add(self, maximum: int, remaining: int, own: int) -> int | None:
        """Take in one answer; returns the estimate once there are enough answers to trust it."""
        self._seen.append(maximum - remaining - own)
        if len(self._seen) < (self._seen.maxlen or 0):
            return None
        estimate = int(median(self._seen))
        return estimate if estimate > max(2, maximum * 0.03) else 0


@dataclass(frozen=True)
class BudgetState:
    """The budget at one moment, for people and for plans.

    Attributes:
        limit: Requests that this process may make in a window, all processes on the budget counted together.
        ceiling: What HubSpot allows in a window, or what we assume until it has reported it.
        window_seconds: The window's length, with our margin.
        used: Requests in the window now.
        daily_limit: Requests that the account may make in a day; None where HubSpot does not say (OAuth).
        daily_remaining: Left of them, for everybody.
        daily_available: Left of them for this app, by its `daily_share`.
        resets_at: When the account's day ends.
        paused_until: Nobody sends before this; None when nobody waits.
    """

    limit: int
    ceiling: int
    window_seconds: float
    used: int
    daily_limit: int | None = None
    daily_remaining: int | None = None
    daily_available: int | None = None
    resets_at: datetime | None = None
    paused_until: datetime | None = None

    def seconds_for(self, requests: int) -> float:
        """How long so many requests take at this limit if nobody else sends."""
        return requests * self.window_seconds / self.limit
