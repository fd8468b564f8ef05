"""Halt: the one thing by which all threads of a run stop together."""

from __future__ import annotations

import threading

from hubspot_batch_dagster.api.errors import HubSpotError


class Halt:
    """Why a run stops before its end; set once, seen by all of its threads."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self.error: HubSpotError | None = None

    def __bool__(self) -> bool:
        return self._event.is_set()

    def now(self, error: HubSpotError | None = None) -> None:
        """Stop; the first reason is kept."""
        with self._lock:
            self.error = self.error or error
            self._event.set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than until the run stops."""
        return self._event.wait(seconds)
