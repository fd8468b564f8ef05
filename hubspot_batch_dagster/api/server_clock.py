"""HubSpot's clock, as far as its answers tell it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

_FRESH_SECONDS = 30.0


class ServerClock:
    """The difference between HubSpot's clock and this host's.

    Both the wall clock and a clock that never jumps are read: when the wall clock is set in the middle of a run, the
    time told here goes on as before.

    Args:
        wall: Seconds since 1970 on this host.
        steady: Seconds from some moment on; never set.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._steady = steady
        self._offset = wall() - steady()
        self._heard_at: float | None = None

    def now(self) -> float:
        """Seconds since 1970."""
        return self._steady() + self._offset

    def hear(self, headers: Mapping[str, str]) -> None:
        """Take the time from an answer's `Date` header, if the last one is some while ago."""
        now = self._steady()
        if self._heard_at is not None and now - self._heard_at < _FRESH_SECONDS:
            return
        said = headers.get("Date") or headers.get("date")
        if not said:
            return
        try:
            self._offset = parsedate_to_datetime(said).timestamp() - now
        except (TypeError, ValueError):
            return
        self._heard_at = now
