"""How far a run is: a word every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone

from hubspot_batch_dagster.sync.planning.planner import Plan

EVERY = 5.0


@dataclass
class Progress:
    """Rows settled so far, of those that the plan sends.

    Attributes:
        total: Rows to send.
        done: Rows settled.
        requests: Requests made.
        seconds: Since the first request could leave.
        waiting: Rows that HubSpot perhaps made, and that the run waits to be certain of.
        until: When it will be, in seconds since 1970.
    """

    total: int
    done: int = 0
    requests: int = 0
    seconds: float = 0.0
    waiting: int = 0
    until: float = 0.0
    _tell: Callable[[Progress], None] | None = field(default=None, repr=False)
    _every: float = field(default=EVERY, repr=False)
    _clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _begun: float = field(default=0.0, repr=False)
    _told: float = field(default=0.0, repr=False)

    @classmethod
    def begin(
        cls,
        plan: Plan,
        tell: Callable[[Progress], None] | None,
        clock: Callable[[], float] = time.monotonic,
        every: float | None = None,
    ) -> Progress:
        """Start counting for a plan.

        Args:
            plan: What is to be done.
            tell: Called with how far it is.
            clock: Seconds that only grow.
            every: Seconds from one word to the next; by default 5.
        """
        total = (
            sum(plan.actions.get(name, 0) for name in ("create", "upsert", "update", "archive", "associate"))
            + plan.gone
        )
        every = EVERY if every is None else every
        return cls(total, _tell=tell, _every=every, _clock=clock, _begun=clock(), _told=clock())

    def note(self, rows: int, requests: int) -> None:
        """Count rows, and tell about it if the last word is some seconds old."""
        self.waiting = 0
        self.done += rows
        self.requests = requests
        now = self._clock()
        self.seconds = now - self._begun
        if self._tell is not None and now - self._told >= self._every:
            self._told = now
            self._tell(self)

    def wait(self, rows: int, *, until: float) -> None:
        """Tell that the run waits, at once, and again every few seconds."""
        first, self.waiting, self.until = not self.waiting, rows, until
        now = self._clock()
        if self._tell is not None and (first or now - self._told >= self._every):
            self._told = now
            self._tell(self)

    @property
    def rows_per_second(self) -> float:
        """Rows settled a second."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long it still takes at this rate."""
        rate = self.rows_per_second
        return (self.total - self.done) / rate if rate else None

    def __str__(self) -> str:
        if self.waiting:
            at = datetime.fromtimestamp(self.until, timezone.utc)
            return (
                f"{self.waiting:,} rows have no answer. HubSpot may still make their records until"
                f" {at:%H:%M:%S} UTC: the run waits, then looks for them and sends those that were not made"
            )
        left = self.seconds_left
        share = f"{self.done / self.total:.0%}" if self.total else "100%"
        eta = f", {_spoken(left)} left" if left is not None and self.done < self.total else ""
        return (
            f"{self.done:,} of {self.total:,} rows ({share}), {self.rows_per_second:,.0f} rows/s,"
            f" {self.requests:,} requests{eta}"
        )


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
