"""When a request may leave: the moment is looked at where its first byte goes to the socket, not where it was
allowed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from hubspot_batch_dagster.api.errors import InputError, NotSent
from hubspot_batch_dagster.api.rate_limit.budget import Grant


@dataclass(frozen=True)
class Moment:
    """A moment on this host. Its age is the larger of wall and monotonic time: the monotonic clock of a
    suspended host stands still, and a wall clock can be set back.
    """

    wall: float
    monotonic: float

    @classmethod
    def now(cls) -> Moment:
        """Return this moment."""
        return cls(time.time(), time.monotonic())

    def age(self) -> float:
        """Seconds since then."""
        return max(time.time() - self.wall, time.monotonic() - self.monotonic)


@dataclass(frozen=True)
class LeaveBy:
    """Until when a request may leave: `seconds` after `since`."""

    since: Moment
    seconds: float

    @classmethod
    def within(cls, seconds: float) -> LeaveBy:
        """So many seconds from now."""
        return cls(Moment.now(), seconds)

    def check(self) -> None:
        """Raise `NotSent` when the time is over."""
        if self.since.age() > self.seconds:
            raise NotSent(f"The request had not left {self.seconds:g} s after it was written down.")


class Departure:
    """What must hold when a request leaves: its grant is fresh, and its time is not over.

    Args:
        grant: Its place in the budget.
        leave_by: Until when all of it must have left; None for a request that does no harm when it is late.
    """

    def __init__(self, grant: Grant, leave_by: LeaveBy | None = None) -> None:
        if not isinstance(leave_by, LeaveBy | None):
            raise InputError("leaving gave no LeaveBy.", remedy="Return LeaveBy.within(seconds), or None.")
        self._grant = grant
        self._leave_by = leave_by

    def begin(self) -> None:
        """Look once more, with the connection open and nothing sent.

        Raises:
            NotSent: It is too late; the request must be allowed anew.
        """
        self._grant.confirm()
        self.go_on()

    def begun(self) -> None:
        """Note that the first bytes have left."""
        self._grant.left()

    def go_on(self) -> None:
        """Look before each further piece of the body: without its last piece HubSpot cannot act.

        Raises:
            NotSent: It is too late.
        """
        if self._leave_by is not None:
            self._leave_by.check()
