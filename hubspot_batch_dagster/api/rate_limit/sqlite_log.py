"""The shared log of requests: who left when, and what HubSpot said about the limits. In SQLite, for one host.

A rolling window needs one thing: the times of the last requests, read and extended in one step by everybody. Here that
is a table of times and a table of facts; SQLite's own lock makes the step atomic between processes, and the system
gives the lock back when a process dies.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from filelock import FileLock, Timeout

T = TypeVar("T")
logger = logging.getLogger(__name__)

Merge = Literal["set", "max", "min"]
PAUSED_UNTIL = "paused_until"
FRESH_UNTIL = "fresh_until"
DAY_REMAINING = "day.remaining"
BORN = "born"
MAX_PAUSE = 60.0
"""Seconds. HubSpot's windows are 10 s long, so a longer pause in the log can only be damage."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (window TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS requests_by_time ON requests (window, at);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
"""
_MERGE: Mapping[Merge, str] = {
    "set": "excluded.value",
    "max": "max(value, excluded.value)",
    "min": "min(value, excluded.value)",
}
_KEPT_WINDOWS = 3


class LogUnavailable(Exception):
    """The log cannot be asked just now: somebody holds its lock, or the server does not answer. Ask again."""


@dataclass(frozen=True)
class AcquireRequest:
    """One window that a request counts against: at most `allowed` requests in any `seconds`."""

    window: str
    allowed: int
    seconds: float


@dataclass(frozen=True)
class AcquireResult:
    """What the log said. `wait` is 0.0 when the request may leave, else the seconds until it is worth asking again.

    `at` is the log's time of the answer and `facts` what everybody has learned so far.
    """

    wait: float
    at: float
    facts: Mapping[str, float]


class Log(Protocol):
    """Where requests are written down. `SqliteLog` and `budget_redis.RedisLog` behave alike."""

    def take(self, draws: Sequence[AcquireRequest], late: float = 0.0) -> AcquireResult:
        """Write one request down if every window has room for it, in one atomic step.

        Args:
            draws: The windows to count against, all or none.
            late: Seconds by which the request may reach HubSpot later than others do. It is written down that much
                later, so that it is also forgotten that much later.
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


class SqliteLog:
    """A log in a SQLite file, shared by the processes of one host; or in memory, for one process.

    The clock is `time.monotonic`, which Python promises to be the same for all processes of a host and which nobody
    can set back. A damaged or deleted file is replaced. If no file can be written, the log goes on in memory. Both
    lose the last window's requests, so `BORN` changes, and a warning is logged.

    Args:
        path: The file; None for memory. Its folder is created, readable for the user only.
        clock: The time in seconds, for tests.
        busy_seconds: How long to wait for another process's lock before `LogUnavailable`. A lock is held for well
            under a millisecond, so only a stopped process makes this matter.
    """

    def __init__(
        self, path: Path | None, *, clock: Callable[[], float] = time.monotonic, busy_seconds: float = 2.0
    ) -> None:
        self.path = path
        self.now = clock
        self._busy_seconds = busy_seconds
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = os.getpid()
        self._inode = 0

    def __repr__(self) -> str:
        return f"SqliteLog({str(self.path) if self.path else 'in memory'})"

    def take(self, draws: Sequence[AcquireRequest], late: float = 0.0) -> AcquireResult:
        return self._run(lambda connection: self._take(connection, draws, late))

    def _take(
        self, connection: sqlite3.Connection, draws: Sequence[AcquireRequest], late: float
    ) -> AcquireResult:
        facts = dict(connection.execute("SELECT name, value FROM facts"))
        now = self.now()
        wait = facts.get(PAUSED_UNTIL, now) - now
        for draw in draws:
            # The window is full exactly when the allowed-th newest request is still inside it.
            blocking = connection.execute(
                "SELECT at FROM requests WHERE window = ? ORDER BY at DESC LIMIT 1 OFFSET ?",
                (draw.window, draw.allowed - 1),
            ).fetchone()
            if blocking is not None:
                wait = max(wait, blocking[0] + draw.seconds - now)
        if wait > 0:
            return AcquireResult(wait, now, facts)
        for draw in draws:
            connection.execute("INSERT INTO requests VALUES (?, ?)", (draw.window, now + late))
            connection.execute(
                "DELETE FROM requests WHERE window = ? AND at < ?",
                (draw.window, now - _KEPT_WINDOWS * draw.seconds),
            )
        if DAY_REMAINING in facts:
            facts[DAY_REMAINING] -= 1
            connection.execute("UPDATE facts SET value = value - 1 WHERE name = ?", (DAY_REMAINING,))
        if late:
            facts[FRESH_UNTIL] = max(facts.get(FRESH_UNTIL, 0.0), now + late)
            self._merge(connection, {FRESH_UNTIL: now + late}, "max")
        return AcquireResult(0.0, now, facts)

    def facts(self) -> dict[str, float]:
        return self._run(lambda connection: dict(connection.execute("SELECT name, value FROM facts")))

    def merge(self, facts: Mapping[str, float], how: Merge = "set") -> None:
        self._run(lambda connection: self._merge(connection, facts, how))

    def _merge(self, connection: sqlite3.Connection, facts: Mapping[str, float], how: Merge) -> None:
        connection.executemany(
            f"INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = {_MERGE[how]}",
            list(facts.items()),
        )

    def count(self, window: str, since: float, until: float) -> int:
        def query(connection: sqlite3.Connection) -> int:
            sql = "SELECT count(*) FROM requests WHERE window = ? AND at > ? AND at <= ?"
            return int(connection.execute(sql, (window, since, until)).fetchone()[0])

        return self._run(query)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work in one transaction, healing the file where it is damaged or gone."""
        if self._owner != os.getpid():
            # A SQLite connection must not cross a fork, and the parent may have held the lock.
            self._lock, self._connection, self._owner = threading.Lock(), None, os.getpid()
        with self._lock:
            for attempt in (1, 2, 3):
                try:
                    connection = self._ready()
                    connection.execute("BEGIN IMMEDIATE")
                    try:
                        result = work(connection)
                    except BaseException:
                        connection.execute("ROLLBACK")
                        raise
                    connection.execute("COMMIT")
                    return result
                except (sqlite3.Error, OSError) as error:
                    self._heal(error, attempt)
        raise LogUnavailable(f"the budget file {self.path} changes under our hands")

    def _ready(self) -> sqlite3.Connection:
        if self._connection is not None and not self._is_gone():
            return self._connection
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self.path is not None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._connection = self._open()
        return self._connection

    def _is_gone(self) -> bool:
        # Somebody who clears the cache folder leaves us writing to a file that no new process would ever see.
        if self.path is None:
            return False
        try:
            return self.path.stat().st_ino != self._inode
        except OSError:
            return True

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path or ":memory:",
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            # What the log holds is worthless 10 s later, so surviving a power cut is not worth an fsync.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(_SCHEMA)
            now = self.now()
            # After a restart of the host the clock begins anew, and times of before lie in the future.
            connection.execute("UPDATE requests SET at = ? WHERE at > ?", (now, now + MAX_PAUSE))
            connection.execute(
                "DELETE FROM facts WHERE name IN (?, ?) AND value > ?",
                (PAUSED_UNTIL, FRESH_UNTIL, now + 2 * MAX_PAUSE),
            )
            connection.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (BORN, time.time()))
        except BaseException:
            connection.close()
            raise
        self._inode = self.path.stat().st_ino if self.path else 0
        return connection

    def _heal(self, error: Exception, attempt: int) -> None:
        text = str(error)
        # The words are SQLite's; an OSError's text holds a path, which may hold any word.
        said = text if isinstance(error, sqlite3.Error) else ""
        if "locked" in said or "busy" in said:
            raise LogUnavailable(f"another process holds the lock of the budget file {self.path}") from None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self.path is None:
            raise LogUnavailable(f"the budget in memory failed: {text}") from None
        damaged = any(sign in said for sign in ("not a database", "malformed", "no such", "no column"))
        if damaged and attempt == 1:
            self._replace(text)
        elif attempt > 1 or not self._is_gone():
            logger.warning(
                "The budget file %s cannot be used (%s). This process now counts its requests alone: "
                "other processes with the same token may go over HubSpot's limit together with it. "
                "Make the folder writable, or name another one.",
                self.path,
                text,
            )
            self.path = None

    def _replace(self, reason: str) -> None:
        """Delete the damaged file, unless another process has already put a good one in its place."""
        path = self.path
        assert path is not None
        try:
            with FileLock(f"{path}.replace", timeout=5):
                try:
                    self._open().close()
                except sqlite3.DatabaseError:
                    for suffix in ("", "-wal", "-shm"):
                        path.with_name(path.name + suffix).unlink(missing_ok=True)
                    logger.warning("The budget file %s was damaged (%s) and starts anew.", path, reason)
        except (OSError, Timeout):
            logger.debug("could not replace %s", path, exc_info=True)
