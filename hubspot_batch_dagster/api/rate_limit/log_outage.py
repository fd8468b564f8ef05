"""A log that does not answer: how long it is waited for, and what is said in the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from hubspot_batch_dagster.api.errors import BudgetUnavailable
from hubspot_batch_dagster.api.rate_limit.log import LogUnavailable

logger = logging.getLogger(__name__)

_REFUSES = (
    "It answers, and refuses: do what its words ask for, or correct budget_url, then run again: the run goes"
    " on where it stopped."
)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0

FIRST_CONTACT = 30.0
"""Seconds for which a place is waited for that has not answered anything: its address is more likely wrong
than the place away. It is the same for HubSpot, the journal, the store and what counts the requests.
"""


class LogOutage:
    """The time since the log last answered, for all threads of a budget.

    Args:
        patience: Seconds that the log may be away, once it has answered.
        clock: Time in seconds.
    """

    def __init__(self, patience: float, clock: Callable[[], float]) -> None:
        self.patience = patience
        self._clock = clock
        self._answered = False
        self._since: float | None = None
        self._pause = _FIRST_PAUSE
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether the log did not answer when it was last asked."""
        return self._since is not None

    def over(self) -> None:
        """Note that the log has answered."""
        self._answered = True
        if self._since is not None:
            with self._lock:
                self._since, self._pause = None, _FIRST_PAUSE
            logger.warning("What counts the app's requests answers again.")

    def note(self, error: LogUnavailable, asked: float) -> float:
        """Note that the log did not answer. Returns the seconds after which to ask again.

        Args:
            error: What it said.
            asked: When it was asked.

        Raises:
            BudgetUnavailable: It has been away for as long as the patience lasts, or waiting is of no use.
        """
        now = self._clock()
        self._answered = self._answered or error.refuses
        patience = self.patience if self._answered else min(self.patience, FIRST_CONTACT)
        with self._lock:
            if self._since is None:
                self._since = asked
                if not error.final:
                    logger.warning(
                        "No request can be counted: %s. It is waited for up to %g s.", error, patience
                    )
            pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
            left = self._since + patience - now
        if error.final or left <= 0:
            waited = "" if error.final else f", for {patience:g} s by now"
            raise BudgetUnavailable(
                f"The app's requests cannot be counted: {error}{waited}. Nothing more was sent.",
                remedy=_REFUSES if error.refuses else None,
            )
        return min(pause, left)
