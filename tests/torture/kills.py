"""How and when a sync is killed: at a moment, at a request, or between two steps of its own."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.staging import conclusion
from hubspot_batch_dagster.sync.state.bucket_journal import BucketJournal
from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal
from hubspot_batch_dagster.sync.state.store import Store
from tests.torture import warehouse_rows
from tests.torture.trouble import WRITES

STALL = 0.8
"""Seconds for which a request is held, so that the sync dies while it is under way."""

STEPS: dict[str, tuple[Any, str]] = {
    "intend": (SqlJournal, "intend"),
    "settle": (SqlJournal, "settle"),
    "record": (SqlJournal, "record"),
    "conclude": (conclusion, "conclude"),
    "put": (Store, "put"),
    "put_version": (Store, "put_version"),
    "close": (SqlJournal, "conclude"),
    "publish": (Store, "publish"),
    "fsync": (os, "fsync"),
}
"""Step -> where it is. ``fsync`` is inside the replacement of a file: before it is renamed, and after."""


@dataclass(frozen=True)
class Kill:
    """One SIGKILL.

    Attributes:
        kind: ``moment`` (seconds after the start), ``request`` or ``step``.
        seconds: For a moment.
        nth: Which request, or which passage of the step.
        step: For a step.
        after: After the request was carried out or the step was done; else before it.
        lost: A request that is never carried out; else it is, after the sync is dead.
    """

    kind: str
    seconds: float = 0.0
    nth: int = 1
    step: str = ""
    after: bool = False
    lost: bool = False

    def __str__(self) -> str:
        if self.kind == "moment":
            return f"after {self.seconds:.3f} s"
        side = "after" if self.after else "before"
        what = f"request {self.nth}" if self.kind == "request" else f"{self.step} {self.nth}"
        return f"{side} {what}{' (lost)' if self.lost else ''}"

    def fault(self) -> Fault | None:
        """The rule that holds the request during which the sync dies."""
        if self.kind != "request":
            return None
        when: dict[str, Any] = {
            "operation": WRITES,
            "path": "objects/20",
            "nth": self.nth,
            "times": 1,
            "name": "stall",
        }
        if self.lost:
            return Fault.silent(STALL, **when)
        return Fault.slow(STALL, after_commit=self.after, **when)

    def arm(self) -> None:
        """In the process that is to die: make the step deadly."""
        if self.kind == "step":
            owner, name = {**STEPS, **warehouse_rows.STEPS}[self.step]
            for each in (SqlJournal, BucketJournal) if owner is SqlJournal else (owner,):
                setattr(each, name, _deadly(getattr(each, name), self.nth, after=self.after))


def _deadly(function: Callable[..., Any], nth: int, *, after: bool) -> Callable[..., Any]:
    passages = iter(range(1, 1_000_000))

    def wrapped(*given: Any, **named: Any) -> Any:
        mine = next(passages) == nth
        if mine and not after:
            die()
        found = function(*given, **named)
        if mine:
            die()
        return found

    return wrapped


def die() -> None:
    """SIGKILL to oneself."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def choose_kills(rng: random.Random, rows: int) -> list[Kill]:
    """None to three kills, one for each of the first runs."""
    return [_choose(rng, rows // 100 + 1) for _ in range(rng.choice([0, 1, 1, 2, 2, 3]))]


def _choose(rng: random.Random, batches: int) -> Kill:
    kind = rng.choice(["moment", "request", "request", "step", "step"])
    if kind == "moment":
        return Kill(kind, seconds=rng.uniform(0.0, 0.35))
    if kind == "request":
        after = rng.random() < 0.5
        return Kill(kind, nth=rng.randint(1, batches), after=after, lost=not after and rng.random() < 0.4)
    steps = {**STEPS, **warehouse_rows.STEPS} if warehouse_rows.in_warehouse() else STEPS
    step = rng.choice(list(steps))
    most = {
        "intend": batches,
        "settle": batches,
        "record": batches,
        "put": 4,
        "fsync": 8,
        "candidates": 2,
    }.get(step, 1)
    return Kill(kind, nth=rng.randint(1, most), step=step, after=rng.random() < 0.5)
