"""The day's requests: how many the account has left, and how many of them this app may still make.

HubSpot counts them for the whole account, whoever makes them, and starts anew at midnight in the account's
time zone ("Usage guidelines", daily limits). With OAuth it does not say how many are left.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hubspot_batch_dagster.api.errors import DailyLimitReached
from hubspot_batch_dagster.api.rate_limit.log import DAY_REMAINING, Log, LogUnavailable

logger = logging.getLogger(__name__)

DAY_LIMIT = "day.limit"
DAY_RESETS_AT = "day.resets_at"
DAY_REPORTED_AT = "day.heard_at"
_ASKED_AGAIN_SECONDS = 600.0
_LONGEST_DAY = 2 * 24 * 3600.0
_NEAR_THE_END = 64
_SLACK = 256
"""More requests than we ever have in flight: a count that is off by more was not ours."""


@dataclass(frozen=True)
class Day:
    """The day's requests, as far as they are known.

    Attributes:
        limit: Requests that the account may make in a day.
        remaining: Left of them; every request we make since counts.
        resets_at: When the account's day ends.
        reported_at: When HubSpot last reported it, in seconds since 1970.
    """

    limit: int
    remaining: int
    resets_at: datetime
    reported_at: float

    def available(self, daily_share: float) -> int:
        """Return requests that we may still make today when `daily_share` of the limit is ours."""
        return max(0, self.remaining - math.ceil(self.limit * (1 - daily_share) - 1e-9))


class DayBudget:
    """What the log knows of the day, and the refusal when it is used up.

    Args:
        log: Where the day's count is kept for every process. Each request taken there lowers it by one.
        share: The part of the day's limit that this app may use.
        wall: Seconds since 1970.
    """

    def __init__(self, log: Log, share: float, wall: Callable[[], float]) -> None:
        self.share = share
        self.zone: tzinfo = timezone.utc
        self._log = log
        self._wall = wall

    def use_zone(self, name: str) -> None:
        """Take the account's time zone, such as "US/Eastern", and set the end of the day that is known by
        it.
        """
        try:
            self.zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            logger.warning(
                "The time zone %r is not known here; the day is taken to end at midnight UTC.", name
            )
            self.zone = timezone.utc
        try:
            if self.read(self._log.facts()) is not None:
                self._log.merge({DAY_RESETS_AT: self._next_midnight().timestamp()})
        except LogUnavailable as error:
            logger.debug("the end of the day was not kept: %s", error)

    def read(self, facts: Mapping[str, float]) -> Day | None:
        """Read the day from the log's facts. None when nothing is known of today."""
        resets_at = facts.get(DAY_RESETS_AT, 0.0)
        now = self._wall()
        if DAY_REMAINING not in facts or DAY_LIMIT not in facts or not now < resets_at < now + _LONGEST_DAY:
            return None
        return Day(
            limit=int(facts[DAY_LIMIT]),
            remaining=max(0, int(facts[DAY_REMAINING])),
            resets_at=datetime.fromtimestamp(resets_at, self.zone),
            reported_at=facts.get(DAY_REPORTED_AT, 0.0),
        )

    def refuse_when_over(self, facts: Mapping[str, float]) -> bool:
        """Raise `DailyLimitReached` when the app's part of the day is used up.

        What HubSpot said is believed for 10 minutes. Then one request may go and bring a new answer, because
        the limit may have been raised meanwhile.

        Returns:
            Whether this request is the one that goes to ask.
        """
        day = self.read(facts)
        if day is None or day.available(self.share) > _NEAR_THE_END:
            return False
        # Each process reads the facts with its last request; near the end that is not fresh enough.
        day = self.read(self._log.facts())
        if day is None or day.available(self.share) > 0:
            return False
        if self._wall() - day.reported_at <= _ASKED_AGAIN_SECONDS:
            raise self._refusal(day)
        self._log.merge({DAY_REPORTED_AT: self._wall()})
        return True

    def forget(self) -> None:
        """Know nothing of the day any more: HubSpot took a request, and did not say how many are left."""
        self._log.merge({DAY_RESETS_AT: 0.0})

    def record(self, limit: int, remaining: int, resets_at: datetime | None = None) -> None:
        """Write down what HubSpot says; the day ends at the next midnight in `zone` unless it is said."""
        self._log.merge(
            {
                DAY_LIMIT: limit,
                DAY_REMAINING: max(0, remaining),
                DAY_RESETS_AT: (resets_at or self._next_midnight()).timestamp(),
                DAY_REPORTED_AT: self._wall(),
            }
        )

    def reconcile(self, facts: Mapping[str, float], limit: int, remaining: int) -> bool:
        """Compare an answer's headers with the count in `facts` and correct the log where they differ.

        Returns:
            Whether the log was corrected, so that `facts` are old.
        """
        day = self.read(facts)
        if day is None or day.limit != limit or remaining > day.remaining + _SLACK:
            self.record(limit, remaining)
            return True
        if remaining < day.remaining:
            # ForeignUsage use the day too. The log's own count may already be lower still: answers come late.
            self._log.merge({DAY_REMAINING: remaining}, "min")
            self._log.merge({DAY_REPORTED_AT: self._wall()})
            return True
        return False

    def _refusal(self, day: Day) -> DailyLimitReached:
        left = f"{day.remaining:,} of {day.limit:,} requests are left today"
        if self.share < 1:
            left += f", and this app may use {self.share:.0%} of the day's limit"
        when = day.resets_at.strftime("%Y-%m-%d %H:%M")
        return DailyLimitReached(
            f"The day's budget is used up: {left}. HubSpot starts counting anew at {when} ({self.zone}).",
            resets_at=day.resets_at,
            retry_after=max(0.0, day.resets_at.timestamp() - self._wall()),
        )

    def _next_midnight(self) -> datetime:
        tomorrow = (datetime.fromtimestamp(self._wall(), self.zone) + timedelta(days=1)).date()
        return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self.zone)
