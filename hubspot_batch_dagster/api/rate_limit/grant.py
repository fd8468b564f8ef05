"""A grant of the shared budget: one request that may leave now, and for a short while only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hubspot_batch_dagster.api.rate_limit.budget import Window
from hubspot_batch_dagster.api.rate_limit.log import AcquireResult, Entry

_LEAST_LIFE = 0.01
_MOVES = 3
"""A log that answers more slowly than a grant lives never gives one in time; what then leaves is corrected.
"""


class _Source(Protocol):
    def acquire(self, window: Window, entry: Entry | None = None) -> AcquireResult: ...

    def move(self, window: Window, entry: Entry) -> AcquireResult: ...

    def correct(self, window: Window, entry: Entry) -> None: ...


class SharedGrant:
    """A request as the log has it. It lives for a fifth of the margin: the rest is for the way to HubSpot.

    A thread that was given no processor for a while, or that had a connection to open, would reach HubSpot
    among the requests of a later window. So its time in the log follows the time at which it leaves.

    Args:
        budget: Where it is counted; waited for here.
        window: What it counts against.
        margin: Seconds that the log's windows are longer than HubSpot's.
        clock: This process's monotonic clock.
        wall: Its wall clock, which goes on while a host is suspended.
    """

    def __init__(
        self,
        budget: _Source,
        window: Window,
        margin: float,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._budget = budget
        self._window = window
        self._life = max(margin / 5, _LEAST_LIFE)
        self._clock = clock
        self._wall = wall
        self._note(budget.acquire(window))

    def confirm(self) -> None:
        """See `Grant.confirm`."""
        for _ in range(_MOVES):
            if not self._is_late():
                return
            self._note(self._budget.move(self._window, self._entry))

    def left(self) -> None:
        """See `Grant.left`."""
        if self._is_late():
            self._budget.correct(self._window, self._entry)

    def renew(self) -> None:
        """See `Grant.renew`."""
        self._note(self._budget.acquire(self._window, self._entry))

    def _note(self, result: AcquireResult) -> None:
        assert result.entry is not None
        self._entry, self._since, self._wall_since = result.entry, result.since, self._wall()

    def _is_late(self) -> bool:
        return max(self._clock() - self._since, self._wall() - self._wall_since) > self._life
