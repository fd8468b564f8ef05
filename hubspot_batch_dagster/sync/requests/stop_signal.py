"""The stop signal: the one thing by which all threads of a run stop together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget


class StopSignal:
    """Why a run stops before its end; set once, seen by all of its threads."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._lock = threading.Lock()
        self.error: HubSpotError | None = None

    def __bool__(self) -> bool:
        return self.event.is_set()

    def set(self, error: HubSpotError | None = None) -> None:
        """Stop; the first reason is kept."""
        with self._lock:
            if not self.event.is_set():
                self.error = error
                self.event.set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than until the run stops."""
        return self.event.wait(seconds)


@contextmanager
def stop_signal_for(client: HubSpotClient) -> Iterator[StopSignal]:
    """Yield a stop that also ends the waiting for a turn in the budget.

    DuckDB answers an interruption during a query with an error of its own; here it goes on as what it was.
    """
    stop, budget = StopSignal(), client.budget
    before = budget.stop if isinstance(budget, SharedBudget) else stop.event
    if isinstance(budget, SharedBudget):
        budget.stop = stop.event
    try:
        yield stop
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise
    finally:
        if isinstance(budget, SharedBudget):
            budget.stop = before
