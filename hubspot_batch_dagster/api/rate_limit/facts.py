"""What everybody on a log has learned of the limits, as this process last read it; and what an answer adds to
it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from hubspot_batch_dagster.api.rate_limit.budget import Window
from hubspot_batch_dagster.api.rate_limit.log import BORN, PAUSED_UNTIL, Log
from hubspot_batch_dagster.api.rate_limit.windows import (
    RULES,
    Allowance,
    ForeignUsage,
    RateLimitHeaders,
    widened,
)

logger = logging.getLogger(__name__)

_FRESH_SECONDS = 1.0


class SharedFacts:
    """The log's facts, read again when they are a second old.

    Args:
        log: Where they are kept.
        allowance: What this process may use of them.
        clock: Time in seconds.
    """

    def __init__(self, log: Log, allowance: Allowance, clock: Callable[[], float]) -> None:
        self.known: Mapping[str, float] = {}
        self._log = log
        self._allowance = allowance
        self._clock = clock
        self._read_at = float("-inf")
        self._others: Mapping[Window, ForeignUsage] = {window: ForeignUsage() for window in RULES}

    def refresh(self) -> None:
        """Read the facts again if they are not fresh.

        Raises:
            LogUnavailable: The log cannot be asked just now.
        """
        if self._clock() - self._read_at > _FRESH_SECONDS:
            self.read()

    def read(self) -> None:
        """Read the facts again."""
        self.replace(self._log.facts())

    def replace(self, facts: Mapping[str, float]) -> None:
        """Keep what the log has just answered, and notice when it is another log than before."""
        before, self.known, self._read_at = self.known, facts, self._clock()
        if BORN in before and facts.get(BORN) != before[BORN]:
            self._restore(before)

    def publish(self, facts: Mapping[str, float]) -> None:
        """Write facts for everybody."""
        self._log.merge(facts)
        self.known = {**self.known, **facts}

    def observe(self, window: Window, headers: RateLimitHeaders, left_at: float | None) -> None:
        """Take in the limits of one answer.

        Args:
            window: What the request was counted in.
            headers: What the answer said; `maximum` is known.
            left_at: The log's time of the request; None when it is not known.
        """
        assert headers.maximum is not None
        seconds = headers.seconds or RULES[window].seconds
        known = (self.known.get(f"{window}.max"), self.known.get(f"{window}.seconds"))
        if known != (headers.maximum, seconds):
            self.publish({f"{window}.max": headers.maximum, f"{window}.seconds": seconds})
        if headers.remaining is not None and left_at is not None:
            self._observe_foreign_usage(window, headers.maximum, headers.remaining, left_at)

    def widen(self, window: Window, now: float) -> None:
        """Take in a 429: the margin was too small, or others use the window, which the headers show."""
        found = widened(window, self.known, now)
        if found:
            self.publish(found)

    def _observe_foreign_usage(self, window: Window, maximum: int, remaining: int, left_at: float) -> None:
        seconds = self._allowance.seconds(window, self.known)
        own = self._log.count(window, left_at - seconds, left_at)
        others = self._others[window].add(maximum, remaining, own)
        if others is None or (others == 0 and f"{window}.others" not in self.known):
            return
        until = self.known.get(f"{window}.others_until", 0.0)
        if others != self.known.get(f"{window}.others") or until < left_at + seconds:
            self.publish({f"{window}.others": others, f"{window}.others_until": left_at + 2 * seconds})

    def _restore(self, before: Mapping[str, float]) -> None:
        """Give a log that starts anew what the old one knew of the limits; the requests of the last window
        are lost.

        HubSpot has not forgotten them, so everybody waits until it has.
        """
        logger.warning("The log of requests was lost; everybody waits for one window.")
        window = self._allowance.seconds("burst", before) + self._allowance.margin
        self._log.merge({PAUSED_UNTIL: self._log.now() + window}, "max")
        lost = {
            name: value
            for name, value in before.items()
            if name not in self.known and (name.startswith("day.") or name.endswith((".max", ".seconds")))
        }
        if lost:
            self.publish(lost)
