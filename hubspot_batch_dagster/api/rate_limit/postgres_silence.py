"""A Postgres that takes a statement and never answers, such as one on a host that is frozen: its driver would
wait without an end.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_LOOK = 1.0


def end_silence(engine: Engine, seconds: float) -> None:
    """Cut connections on which an answer is waited for too long; who waits hears that the server is away.

    Args:
        engine: Whose connections.
        seconds: For so long a statement or a commit may take.
    """
    from sqlalchemy import event

    watch = _Watch(seconds)
    event.listen(engine, "before_cursor_execute", watch.asked)
    event.listen(engine, "after_cursor_execute", watch.answered)
    event.listen(engine, "commit", watch.asked)
    event.listen(engine, "reset", watch.rolls_back)
    event.listen(engine, "checkin", watch.given_back)


class _Watch:
    """The statements under way; a thread looks at them while there are any."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[int, tuple[float, Any]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def asked(self, connection: Connection, *_: Any) -> None:
        self.rolls_back(connection.connection.dbapi_connection)

    def rolls_back(self, driver: Any, *_: Any) -> None:
        with self._lock:
            self._since[id(driver)] = (time.monotonic(), driver)
            if self._thread is None or not self._thread.is_alive():  # none crosses a fork
                self._thread = threading.Thread(target=self._look, name="hubspot-silence", daemon=True)
                self._thread.start()

    def answered(self, connection: Connection, *_: Any) -> None:
        self.given_back(connection.connection.dbapi_connection)

    def given_back(self, driver: Any, *_: Any) -> None:
        with self._lock:
            self._since.pop(id(driver), None)

    def _look(self) -> None:
        while True:
            time.sleep(min(_LOOK, self._seconds / 4))
            with self._lock:
                now = time.monotonic()
                for key, (since, driver) in list(self._since.items()):
                    if now - since > self._seconds:
                        del self._since[key]
                        _cut(driver)
                if not self._since:
                    self._thread = None
                    return


def _cut(driver: Any) -> None:
    """Shut the connection's socket, and leave the rest to the thread that waits on it."""
    with suppress(Exception), socket.socket(fileno=os.dup(driver.fileno())) as shut:
        shut.shutdown(socket.SHUT_RDWR)
