"""Waiting for a place that is away: a database's server, a bucket."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock
from typing import TypeVar

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.api.rate_limit.log_outage import FIRST_CONTACT

T = TypeVar("T")

LONGEST_PAUSE = 2.0
_HURRY = 10.0
"""Seconds that are waited once the run is to stop."""

_ANOTHER = 60.0
"""Seconds after which a place that is found away again is taken to have been there meanwhile."""

_RENEW = "Renew or correct the credentials in the environment, then run again."
REMEDIES = {
    "RequestTimeTooSkewed": "Set this host's clock, then run again.",
    "ExpiredToken": _RENEW,
    "InvalidToken": _RENEW,
    "InvalidAccessKeyId": _RENEW,
    "SignatureDoesNotMatch": _RENEW,
}
"""The code by which S3 refuses who asks, with any status -> what to do: no waiting cures it."""


class Patience:
    """For how long a place that does not answer is tried again. An outage is waited for once, and not by each
    who meets it.

    Args:
        seconds: So long.
        first: The place has not answered anything yet: until it has, it is waited for less long.

    Attributes:
        stop: Set when the run is to stop: then it is not waited for long.
    """

    def __init__(self, seconds: float, *, first: bool = False) -> None:
        self._seconds = seconds
        self._first = first
        self._since: float | None = None
        self._met = 0.0
        self._lock = Lock()
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
        pause = 0.1
        limits = [self._seconds, *([] if at_most is None else [at_most])]
        seconds = min([*limits, FIRST_CONTACT] if self._first else limits)
        while True:
            began = time.monotonic()
            try:
                found = work()
                self._first, self._since = False, None
                return found
            except trouble as error:
                if not is_away(error):
                    raise refused(error) from None
                waited = self._waited(began)
                if waited + pause > (min(seconds, _HURRY) if self.stop.is_set() else seconds):
                    raise gone(error, waited) from None
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _waited(self, began: float) -> float:
        """Note that who asked at a moment found the place away; returns for how long it has been."""
        with self._lock:
            if self._since is None or began - self._met > _ANOTHER:
                self._since = began
            self._met = time.monotonic()
            return self._met - self._since
