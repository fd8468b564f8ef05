"""Outages: server trouble that all batches of a run meet. It is waited out together, by one request at a
time.

Without this each batch would go on alone: repeatable ones with as many requests as there are batches, and
bare creates by becoming ``unknown`` one batch after the other, while HubSpot is down.
"""

from __future__ import annotations

import threading
import time

from hubspot_batch_dagster.api.errors import HubSpotError, ServerTrouble, TransportError
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal

IN_A_ROW = 3
"""Requests that end in trouble, with no answer between them, until it counts as an outage."""

LOOK = 0.1
"""Seconds after which a waiting thread looks whether the run stops."""


def is_trouble(error: HubSpotError) -> bool:
    """Whether an error is about HubSpot or the way to it, and not about what was sent."""
    return isinstance(error, ServerTrouble | TransportError)


class Outage:
    """Whether HubSpot is down, as far as the requests of one run know."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._troubles = 0
        self._since = 0.0
        self._asking = False
        self._not_before = 0.0
        self.answers = 0

    def wait(self, stop: StopSignal) -> None:
        """Wait until a request may leave: at once, unless there is an outage. Ends when the run stops."""
        with self._changed:
            while self._troubles >= IN_A_ROW and not stop:
                left = self._not_before - time.monotonic()
                if not self._asking and left <= 0:
                    self._asking = True
                    return
                self._changed.wait(LOOK if self._asking else min(left, LOOK))

    def trouble(self, policy: RetryPolicy) -> bool:
        """Count a request that ended in trouble.

        Returns:
            Whether to go on; not once the trouble has lasted for the policy's total time.
        """
        with self._changed:
            now = time.monotonic()
            if self._troubles == 0:
                self._since = now
            self._troubles += 1
            self._asking = False
            exponent = min(max(0, self._troubles - IN_A_ROW), 30)
            pause = min(policy.backoff * 2.0**exponent, policy.longest_pause)
            self._not_before = now + pause
            self._changed.notify_all()
            return now + pause - self._since < policy.total

    def answered(self) -> None:
        """HubSpot answered a request, in whatever way."""
        self.answers += 1
        if self._troubles:
            with self._changed:
                self._troubles = 0
                self._asking = False
                self._changed.notify_all()
