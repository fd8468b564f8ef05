"""The log of requests that all users of a budget share: who left when, and what HubSpot said about the
limits.

A rolling window needs one thing: the times of the last requests, read and extended in one atomic step by
everybody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Merge = Literal["set", "max", "min"]
PAUSED_UNTIL = "paused_until"
DAY_REMAINING = "day.remaining"
BORN = "born"
MAX_PAUSE = 60.0
"""Seconds. HubSpot's windows are 10 s long, so a longer pause in the log can only be damage."""
KEPT_WINDOWS = 3
"""How many lengths of its window a request is kept for: others of the app may count in longer ones."""
ASK_AGAIN = 0.01
"""Seconds that a log which is not the expected one asks to wait."""


class LogUnavailable(Exception):
    """The log cannot be asked just now: somebody holds its lock, or the server does not answer.

    Args:
        reason: Which log, and what is wrong with it.
        final: Asking again is of no use: the password is wrong, or a permission is missing.
        refuses: It is there, and refuses: to start it is of no use.
    """

    def __init__(self, reason: str, *, final: bool = False, refuses: bool = False) -> None:
        super().__init__(reason)
        self.final = final
        self.refuses = refuses or final


@dataclass(frozen=True)
class AcquireRequest:
    """One window that a request counts against: at most `allowed` requests in any `seconds`."""

    window: str
    allowed: int
    seconds: float


@dataclass(frozen=True)
class Entry:
    """A request as the log has it: its line in each window, by number, and the log's time of it."""

    lines: tuple[int, ...]
    at: float


@dataclass(frozen=True)
class AcquireResult:
    """What the log said.

    Attributes:
        wait: 0.0 when the request may leave, else the seconds until it is worth asking again.
        at: The log's time of the answer.
        facts: What everybody has learned so far.
        entry: The request as it was written down; None when it has to wait.
        since: The moment of `at` on this process's monotonic clock, as early as it can have been.
    """

    wait: float
    at: float
    facts: Mapping[str, float]
    entry: Entry | None = None
    since: float = field(default=0.0, repr=False)


class Log(Protocol):
    """Where requests are written down: `SqliteLog`, `RedisLog` and `PostgresLog` behave alike."""

    def acquire(
        self,
        requests: Sequence[AcquireRequest],
        *,
        entry: Entry | None = None,
        left: bool = False,
        born: float | None = None,
    ) -> AcquireResult:
        """Write one request down if every window has room for it, in one atomic step.

        Args:
            requests: The windows to count against, all or none.
            entry: The same request as it was written down before, for the same windows. It is moved: the old
                time no longer counts, and the day does not count it again.
            left: The request has left already, so the move is a correction and does not ask for room.
            born: What the caller knows the log to be `BORN` as. Another log writes nothing and asks to wait a
                moment.

        Raises:
            LogUnavailable: The log cannot be asked just now.
        """

    def facts(self) -> dict[str, float]:
        """Read what everybody has learned."""

    def merge(self, facts: Mapping[str, float], how: Merge = "set") -> None:
        """Write facts; "max" and "min" keep the greater or smaller of the old and the new value."""

    def count(self, window: str, since: float, until: float) -> int:
        """Count the requests with `since < time <= until` on the log's clock."""

    def now(self) -> float:
        """Read the log's clock, in seconds. Everybody who shares the log shares this clock."""

    def close(self) -> None:
        """Let go of the file or connection. The log itself stays."""


def readable(facts: Mapping[object, object]) -> dict[str, float]:
    """Return the facts that are numbers: what else a damaged log holds is as good as not there."""
    found: dict[str, float] = {}
    for name, value in facts.items():
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue
        if math.isfinite(number):
            found[str(name)] = number
    return found


class RoundTrip:
    """How long a server takes to answer at best: what all answers share is no reason to call one of them
    late.
    """

    def __init__(self) -> None:
        self._best = math.inf

    def since(self, asked: float, answered: float) -> float:
        """Return the moment, on the clock of `asked` and `answered`, that the server's time of the answer
        stands for.
        """
        self._best = min(self._best, answered - asked)
        return asked + self._best
