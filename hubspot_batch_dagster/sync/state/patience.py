"""Waiting for a place that is away: a database's server, a bucket."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from hubspot_batch_dagster.api.errors import StoreError

T = TypeVar("T")

LONGEST_PAUSE = 2.0
_HURRY = 10.0
"""Seconds that are waited once the run is to stop."""

FIRST_CONTACT = 30.0
"""Seconds for which a place is waited for that has not answered anything: its URL is more likely wrong than
the place away.
"""


class Patience:
    """For how long a place that does not answer is tried again.

    Args:
        seconds: So long.
        first: The place has not answered anything yet: until it has, it is waited for less long.

    Attributes:
        stop: Set when the run is to stop: then it is not waited for long.
    """

    def __init__(self, seconds: float, *, first: bool = False) -> None:
        self._seconds = seconds
        self._first = first
        self.stop = Event()

    def wait_out(
        self,
        work: Callable[[], T],
        trouble: tuple[type[Exception], ...],
        *,
        at_most: float | None = None,
        is_away: Callable[[Exception], bool],
        refused: Callable[[Exception], StoreError],
        gone: Callable[[Exception, float], StoreError],
    ) -> T:
        """Do work that may be done twice, again while its place is away.

        Args:
            work: What to do.
            trouble: The errors of the place.
            at_most: Seconds, where it is to be waited for no longer than these.
            is_away: Whether one of them says that it is away, and not that it refuses.
            refused: What to raise where it refuses.
            gone: What to raise where it was waited for in vain, for so many seconds.

        Raises:
            StoreError: It is away for too long, or refuses.
        """
        began, pause = time.monotonic(), 0.1
        limits = [self._seconds, *([] if at_most is None else [at_most])]
        seconds = min([*limits, FIRST_CONTACT] if self._first else limits)
        while True:
            try:
                found = work()
                self._first = False
                return found
            except trouble as error:
                waited = time.monotonic() - began
                if not is_away(error):
                    raise refused(error) from None
                if waited + pause > (min(seconds, _HURRY) if self.stop.is_set() else seconds):
                    raise gone(error, waited) from None
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
