"""Refusals that name no row: whether they are about rows or about the run is found out by trial, once for the
run.

A missing permission or a property that was deleted meanwhile makes HubSpot refuse every batch, in words that
name no row. Halving all of them would cost two requests for each row, and remember the refusal against rows
that are fine. So single rows of the refused batches are sent, one after the other, while the batches that got
the same words wait. Creates, updates and archives are refused apart, and have trials of their own; one of
these is on at a time, for the first that is about the run ends all of them.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from hubspot_batch_dagster.api.errors import HubSpotError, InvalidBatch
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.requests.groups import MOST_ALONE
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal

MOST_REQUESTS = 12
"""Requests after the first refusal, until it is known to be about the run: refused batches, and rows tried
alone.
"""

_LOOK = 0.1

_NAMES = re.compile(r"(?<![\w-])[\w-]*[0-9][\w-]*")
"""Numbers, and names with digits in them: ids differ from one answer to the next, in their letters too."""

_UNSENT = "the rows were not sent, and nothing is remembered against them."


class TrialResult(Enum):
    """What a refusal is about."""

    ROWS = "some rows: take the batch apart"
    RUN = "the run: stop"
    TRY = "not known yet: send one row alone"


def words_of(error: HubSpotError, action: str) -> str:
    """Return what HubSpot said to an action, without what changes from one answer to the next. What it says
    to creates is not about updates.
    """
    return f"{action} {error.status} {error.category} {_NAMES.sub('#', error.said)}"


def names_a_record(error: HubSpotError) -> bool:
    """Whether a 409 says which record is in the way, as in "Existing ID: 51": then it is about rows."""
    return bool(error.context or error.errors or re.search(r"[0-9]{2,}", error.said))


def about_the_run(error: HubSpotError) -> HubSpotError:
    """Return the refusal of every row, as what stops the run."""
    return InvalidBatch(
        f"HubSpot refuses every row in the same words, so it is not about the rows: {error.message}",
        status=error.status,
        category=error.category,
        correlation_id=error.correlation_id,
        remedy=(
            "Correct what HubSpot names (a permission of the app, a property, the operation) and run again:"
            f" {_UNSENT}"
        ),
    )


def all_refused(rows: int, reason: str) -> HubSpotError:
    """Return the refusal of each row of a batch alone, as what stops the run."""
    return InvalidBatch(
        f"HubSpot refused all {rows} rows of a batch, one by one, for the same reason: {reason}",
        status=400,
        remedy=(
            "Correct the operation or the column that it names, then run again; the other rows were not sent."
        ),
    )


def deleted_property(verdict: Verdict) -> HubSpotError | None:
    """Return what stops the run where a row is refused because a property is not there: it is the same for
    every row that sends it.
    """
    if verdict.outcome != "rejected" or verdict.code != "PROPERTY_DOESNT_EXIST":
        return None
    return InvalidBatch(
        f"A property that the rows send is not there, or not any more: {verdict.message}",
        status=400,
        category=verdict.category,
        correlation_id=verdict.correlation_id,
        remedy=f"Make the property again in HubSpot, or leave it out of properties, and run again: {_UNSENT}",
    )


@dataclass
class _Trial:
    action: str
    number: int
    taken: bool = False
    batches: int = 0
    alone: int = 0
    trying: bool = False
    decided: TrialResult | None = None
    waiting: deque[int] = field(default_factory=deque)

    @property
    def is_on(self) -> bool:
        return self.decided is None and (self.trying or bool(self.waiting))


class RefusalTrials:
    """The trials of one run."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._trials: dict[str, _Trial] = {}

    def mark(self) -> int:
        """How many refusals are known as a request leaves; :meth:`row_taken` wants it."""
        return len(self._trials)

    def row_taken(self, action: str, mark: int) -> None:
        """HubSpot took a row: what it refused of the same action before that row left is not all rows, so it
        is about rows.

        A row that was under way already proves nothing: the permission may have gone meanwhile.
        """
        if mark:
            with self._changed:
                for trial in self._trials.values():
                    if trial.action == action and trial.number < mark:
                        trial.taken = True
                        if trial.decided is None:
                            self._decide(trial, TrialResult.ROWS)

    def taken_since(self, words: str) -> bool:
        """Whether HubSpot took a row of the same action after it first refused one in these words: then they
        are about rows.
        """
        trial = self._trials.get(words)
        return trial is not None and trial.taken

    def join(self, words: str, batch: int, *, alone: bool) -> None:
        """Note that a batch was refused in these words; ``alone`` if it is of one row."""
        with self._changed:
            action = words.partition(" ")[0]
            trial = self._trials.setdefault(words, _Trial(action, len(self._trials)))
            trial.batches += 1
            if alone:
                trial.alone += 1
            else:
                trial.waiting.append(batch)
            self._changed.notify_all()

    def about(self, words: str, batch: int, *, more: bool, stop: StopSignal) -> TrialResult:
        """Wait until it is known what a refusal is about, or until it is this batch's turn to try a row.

        Args:
            words: The refusal's.
            batch: The batch, as it joined.
            more: Whether it has rows that were not tried.
            stop: Ends the wait.

        Returns:
            ``TRY``: send one row alone, and call :meth:`tried`. Else what the refusal is about.
        """
        with self._changed:
            trial = self._trials[words]
            if not more and batch in trial.waiting:
                trial.waiting.remove(batch)
            while trial.decided is None and not stop and not self._over:
                enough = trial.alone >= max(2, min(MOST_ALONE, MOST_REQUESTS + 1 - self._refused))
                if not self._is_next(trial):
                    self._changed.wait(_LOOK)
                elif not trial.trying and (enough or not trial.waiting):
                    if trial.alone < 2:
                        return (
                            TrialResult.ROWS
                        )  # the only row so far: it is rejected, and the next one tells more
                    self._decide(trial, TrialResult.RUN)
                elif not trial.trying and trial.waiting[0] == batch:
                    trial.trying = True
                    trial.waiting.rotate(-1)
                    return TrialResult.TRY
                else:
                    self._changed.wait(_LOOK)
            return trial.decided or TrialResult.RUN

    @property
    def _over(self) -> bool:
        """Whether a refusal is known to be about the run, which is about to stop."""
        return any(each.decided is TrialResult.RUN for each in self._trials.values())

    @property
    def _refused(self) -> int:
        """The batches whose refusals may be about the run."""
        return sum(each.batches for each in self._trials.values() if each.decided is not TrialResult.ROWS)

    def _is_next(self, trial: _Trial) -> bool:
        """Whether no earlier trial is on."""
        return not any(each.is_on and each.number < trial.number for each in self._trials.values())

    def alone(self, words: str) -> int:
        """How many rows were tried, or were alone in their batches."""
        return self._trials[words].alone

    def tried(self, words: str, *, same: bool) -> None:
        """Note that a row was sent alone; ``same`` if it was refused in the same words."""
        with self._changed:
            trial = self._trials[words]
            trial.trying = False
            trial.alone += 1
            if not same:
                self._decide(trial, TrialResult.ROWS)
            self._changed.notify_all()

    def wait(self, stop: StopSignal) -> None:
        """Wait while a trial is on: what leaves meanwhile may be refused like the others."""
        if self._trials:
            with self._changed:
                while not stop and (self._over or any(each.is_on for each in self._trials.values())):
                    self._changed.wait(_LOOK)

    def _decide(self, trial: _Trial, about: TrialResult) -> None:
        trial.decided = about
        self._changed.notify_all()
