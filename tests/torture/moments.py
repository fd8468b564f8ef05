"""The moments at which a run loses its lock: a gate in the run's own process, and the run's notes of what it
does.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubspot_batch_dagster.api import exchange
from hubspot_batch_dagster.api.departure import Departure
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget
from hubspot_batch_dagster.sync.state.bucket_journal import BucketJournal
from hubspot_batch_dagster.sync.state.bucket_log import BucketLog
from hubspot_batch_dagster.sync.state.files import Files
from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import WarehouseIds

LONGEST = 12.0
"""Seconds after which a gate opens by itself."""
_PIECE = 1024
"""Bytes between two looks at the time while a body leaves, so that a short body has a middle."""


class Notes:
    """What a run did, and when by the host's steady clock; one line each, in a file that other processes
    read.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, word: str, rest: str = "") -> None:
        """Note something."""
        os.write(self._file, f"{time.monotonic():.6f} {word} {rest}\n".encode())

    @staticmethod
    def read(path: Path) -> list[tuple[float, str, str]]:
        """All that has been noted."""
        if not path.exists():
            return []
        lines = path.read_text().split("\n")[:-1]
        return [(float(at), word, rest) for at, word, rest in (line.split(" ", 2) for line in lines)]


class Gate:
    """It closes when a moment comes for the nth time, and holds every thread that comes to it until it is
    opened.

    Args:
        nth: At which passage it closes.
        path: A file that opens it.
        notes: Where its closing is noted.
    """

    def __init__(self, nth: int, path: Path, notes: Notes) -> None:
        self._nth = nth
        self._path = path
        self._notes = notes
        self._passages = 0
        self._counting = threading.Lock()

    def pass_through(self) -> None:
        """Go on, or wait until it is open."""
        with self._counting:
            self._passages += 1
            passage = self._passages
        if passage < self._nth:
            return
        if passage == self._nth:
            self._notes.write("there")
        ends = time.monotonic() + LONGEST
        while not self._path.exists() and time.monotonic() < ends:
            time.sleep(0.002)


@dataclass(frozen=True)
class Point:
    """A place in the code that a run comes to.

    Attributes:
        moment: Which of :data:`MOMENTS` it belongs to.
        owner: The class.
        method: Its method, before which the gate is.
        least: The first passage that a seed may choose.
        most: The last one.
        when: Whether a passage counts; all do without it.
    """

    moment: str
    owner: type
    method: str
    least: int = 1
    most: int = 1
    when: Callable[[], bool] | None = None


def _in_body() -> bool:
    return exchange.CURRENT.get().began


POINTS = (
    Point("budget", SharedBudget, "take", most=22),
    Point("body", Departure, "go_on", most=40, when=_in_body),
    Point("saving", Store, "put", least=2, most=4),  # the first is made before anything is sent
    Point("put and delete", SqlJournal, "conclude"),
    Point("put and delete", BucketJournal, "conclude"),
    Point("put and delete", BucketLog, "fold"),
    Point("put and delete", Files, "copy"),
)
MERGES = (
    Point("merge", WarehouseIds, "merge"),
    Point(
        "merge", WarehouseIds, "_check_latest", most=2
    ),  # when it claims the table, and in the merge's transaction
    Point("merge", WarehouseIds, "_not_brought"),
)
"""More of them, where the rows are in a warehouse."""
MOMENTS = tuple(dict.fromkeys(each.moment for each in POINTS))


def points(moment: str, journal: str) -> list[Point]:
    """Where a moment may be, with this journal."""
    of_bucket = {BucketJournal, BucketLog}
    return [
        each
        for each in POINTS
        if each.moment == moment
        and (each.owner is not SqlJournal or journal != "bucket")
        and (each.owner not in of_bucket or journal == "bucket")
    ]


def close_at(point: Point, gate: Gate) -> None:
    """In the process of the run: put the gate there."""
    exchange._PIECE = _PIECE
    for owner in {point.owner, *point.owner.__subclasses__()}:
        if point.method in vars(owner):
            setattr(owner, point.method, _before(getattr(owner, point.method), gate, point.when))


def _before(function: Callable[..., Any], gate: Gate, when: Callable[[], bool] | None) -> Callable[..., Any]:
    def wrapped(*given: Any, **named: Any) -> Any:
        if when is None or when():
            gate.pass_through()
        return function(*given, **named)

    return wrapped


def note_steps(notes: Notes) -> None:
    """In the process of the run: note its begin, and each step of saving."""
    for owner in (SqlJournal, BucketJournal):
        owner.begin = _noted(owner.begin, "begun", notes)
        owner.conclude = _noted_first(owner.conclude, "saved", notes)
    for method in ("put", "publish"):
        setattr(Store, method, _noted(getattr(Store, method), "saved", notes))
    WarehouseIds.merge = _noted_first(WarehouseIds.merge, "saved", notes)


def _noted(function: Callable[..., Any], word: str, notes: Notes) -> Callable[..., Any]:
    """Noted once it is done."""

    def wrapped(*given: Any, **named: Any) -> Any:
        found = function(*given, **named)
        notes.write(word, str(getattr(found, "run", "")))
        return found

    return wrapped


def _noted_first(function: Callable[..., Any], word: str, notes: Notes) -> Callable[..., Any]:
    """Noted where it is tried: whether it is refused is for the fence to say."""

    def wrapped(*given: Any, **named: Any) -> Any:
        notes.write(word)
        return function(*given, **named)

    return wrapped
