"""Halt: the one thing by which all threads of a run stop together."""

from __future__ import annotations

import threading

from hubspot_batch_dagster.api.errors import HubSpotError


class Halt:
    """Why a run stops before its end; set once, seen by all of its threads."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._lock = threading.Lock()
        self.error: HubSpotError | None = None

    def __bool__(self) -> bool:
        return self.event.is_set()

    def now(self, error: HubSpotError | None = None) -> None:
        """Stop; the first reason is kept."""
        with self._lock:
            if not self.event.is_set():
                self.error = error
                self.event.set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than until the run stops."""
        return self.event.wait(seconds)
