"""Budget: the requests that the app may still make, as the client sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

Window = Literal["burst", "search", "associations"]
"""HubSpot counts object, search and association requests apart ("Usage guidelines", request limits)."""


class Grant(Protocol):
    """One request that may leave now. A grant is used once, by the thread that took it."""

    def confirm(self) -> None:
        """Ask, with the connection open, whether the request may still leave. A late grant is moved to this
        moment.

        Raises:
            NotSent: It is late, and the window has no room for it just now: `renew` it, and send again.
        """

    def left(self) -> None:
        """Say that the first bytes have left. Never fails."""

    def renew(self) -> None:
        """Wait as `Budget.take` does, but for the same request: the day counts it once.

        Raises:
            BudgetTimeout: No request became free in time; nothing was sent.
        """


class Budget(Protocol):
    """What the client asks before each request and tells after each answer. One budget serves many
    threads.
    """

    def take(self, window: Window = "burst") -> Grant:
        """Wait until one more request may leave.

        Args:
            window: Which of HubSpot's limits the request counts against.

        Raises:
            DailyLimitReached: The day's requests are used up; nothing was sent.
            BudgetTimeout: No request became free in time; nothing was sent.
        """

    def observe(self, status: int, headers: Mapping[str, str], window: Window = "burst") -> None:
        """Learn the limits from an answer.

        Args:
            status: The answer's HTTP status; a 429 says that somebody went over.
            headers: The answer's headers. Keys may be in any case, so look them up without regard to it.
            window: The window that the request was taken from.
        """

    def pause(self, seconds: float) -> None:
        """Hold everybody on this budget, in every process, for this long."""


class Granted:
    """A grant that is never late."""

    def confirm(self) -> None:
        """Return at once."""

    def left(self) -> None:
        """Note nothing."""

    def renew(self) -> None:
        """Return at once."""


class Unlimited:
    """A budget without an end: for tests, benchmarks, and servers that count nothing."""

    def take(self, window: Window = "burst") -> Grant:  # noqa: ARG002 - the protocol's argument
        """Return at once."""
        return Granted()

    def observe(self, status: int, headers: Mapping[str, str], window: Window = "burst") -> None:
        """Learn nothing."""

    def pause(self, seconds: float) -> None:
        """Hold nobody."""

    def __repr__(self) -> str:
        return "Unlimited()"
