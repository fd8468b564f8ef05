"""The shared log of requests in SQLite, for one host.

A table of times and a table of facts; SQLite's own lock makes each step atomic between processes, and the
system gives the lock back when a process dies.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from hubspot_batch_dagster.api.rate_limit.log import (
    ASK_AGAIN,
    BORN,
    DAY_REMAINING,
    KEPT_WINDOWS,
    MAX_PAUSE,
    PAUSED_UNTIL,
    AcquireRequest,
    AcquireResult,
    Entry,
    LogUnavailable,
    Merge,
    readable,
)

T = TypeVar("T")
logger = logging.getLogger(__name__)

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
# The window is full exactly when the allowed-th newest request is still inside it. A line's number may be
# used again after it was deleted, so a line is named by number and time.
_BLOCKING = """
SELECT at FROM requests WHERE window = ? AND NOT (rowid = ? AND at = ?) ORDER BY at DESC LIMIT 1 OFFSET ?
"""
_NOT_TO_COME = "UPDATE requests SET at = ? WHERE window = ? AND at > ?"
_NO_ENTRY = (-1, -1.0)


class SqliteLog:
    """A log in a SQLite file, shared by the processes of one host; or in memory, for one process.

    The clock is `time.monotonic`, which Python promises to be the same for all processes of a host and which
    nobody can set back. A damaged or deleted file is replaced. If no file can be written, the log goes on in
    memory. Both lose the last window's requests, so `BORN` changes, and a warning is logged.

    Args:
        path: The file; None for memory. Its folder is created, readable for the user only.
        clock: The time in seconds, for tests.
        busy_seconds: How long to wait for another process's lock before `LogUnavailable`. A lock is held for
            well under a millisecond, so only a stopped process makes this matter.
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

    def acquire(
        self,
        requests: Sequence[AcquireRequest],
        *,
        entry: Entry | None = None,
        left: bool = False,
        born: float | None = None,
    ) -> AcquireResult:
        def step(connection: sqlite3.Connection) -> AcquireResult:
            facts, now = self._facts(connection), self.now()
            if born is not None and facts.get(BORN) != born:
                return AcquireResult(ASK_AGAIN, now, facts)
            wait = 0.0 if left else self._wait(connection, requests, entry, facts, now)
            if wait > 0:
                return AcquireResult(wait, now, facts)
            written = self._write(connection, requests, entry, now)
            if entry is None and DAY_REMAINING in facts:
                facts[DAY_REMAINING] -= 1
                connection.execute("UPDATE facts SET value = value - 1 WHERE name = ?", (DAY_REMAINING,))
            return AcquireResult(0.0, now, facts, written, now)

        return self._run(step)

    def _wait(
        self,
        connection: sqlite3.Connection,
        requests: Sequence[AcquireRequest],
        entry: Entry | None,
        facts: Mapping[str, float],
        now: float,
    ) -> float:
        paused = facts.get(PAUSED_UNTIL, now) - now
        wait = paused if paused <= MAX_PAUSE else 0.0
        for number, request in enumerate(requests):
            # The host was started anew, or shares the file with one whose clock is another: times to come
            # count as now.
            connection.execute(_NOT_TO_COME, (now, request.window, now + 1))
            own = _NO_ENTRY if entry is None else (entry.lines[number], entry.at)
            blocking = connection.execute(_BLOCKING, (request.window, *own, request.allowed - 1)).fetchone()
            if blocking is not None:
                wait = max(wait, blocking[0] + request.seconds - now)
        return wait

    def _write(
        self,
        connection: sqlite3.Connection,
        requests: Sequence[AcquireRequest],
        entry: Entry | None,
        now: float,
    ) -> Entry:
        lines = []
        for number, request in enumerate(requests):
            moved = (
                entry is not None
                and connection.execute(
                    "UPDATE requests SET at = ? WHERE rowid = ? AND at = ? AND window = ?",
                    (now, entry.lines[number], entry.at, request.window),
                ).rowcount
            )
            if entry is not None and moved:
                lines.append(entry.lines[number])
            else:
                insert = connection.execute("INSERT INTO requests VALUES (?, ?)", (request.window, now))
                lines.append(insert.lastrowid or 0)
            connection.execute(
                "DELETE FROM requests WHERE window = ? AND at < ?",
                (request.window, now - KEPT_WINDOWS * request.seconds),
            )
        return Entry(tuple(lines), now)

    def facts(self) -> dict[str, float]:
        return self._run(self._facts)

    @staticmethod
    def _facts(connection: sqlite3.Connection) -> dict[str, float]:
        return readable(dict(connection.execute("SELECT name, value FROM facts")))

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
                    except (
                        TypeError,
                        ValueError,
                    ) as error:  # a value of another type than any that is written
                        connection.execute("ROLLBACK")
                        raise sqlite3.DatabaseError(f"malformed: {error}") from None
                    except BaseException:
                        connection.execute("ROLLBACK")
                        raise
                    connection.execute("COMMIT")
                    return result
                except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
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
            # After a restart of the host the clock begins anew, and a pause of before would hide all others.
            connection.execute(
                "DELETE FROM facts WHERE name = ? AND value > ?", (PAUSED_UNTIL, self.now() + 2 * MAX_PAUSE)
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
        message = "" if isinstance(error, OSError) else text
        if "locked" in message or "busy" in message:
            raise LogUnavailable(f"another process holds the lock of the budget file {self.path}") from None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self.path is None:
            raise LogUnavailable(f"the budget in memory failed: {text}") from None
        if _is_damage(message) and attempt == 1:
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
                except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                    if not _is_damage(str(error)):
                        return
                    for suffix in ("", "-wal", "-shm"):
                        path.with_name(path.name + suffix).unlink(missing_ok=True)
                    logger.warning("The budget file %s was damaged (%s) and starts anew.", path, reason)
        except (OSError, Timeout):
            logger.debug("could not replace %s", path, exc_info=True)


def _is_damage(message: str) -> bool:
    """Whether SQLite's words mean that the file itself is broken, which a new one cures."""
    signs = ("not a database", "malformed", "no such", "no column", "disk I/O error", "decode")
    return any(sign in message for sign in signs)
