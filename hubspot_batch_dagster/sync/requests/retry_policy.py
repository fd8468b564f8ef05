"""How often something is tried, how long is waited between, and what follows when the tries are used up.

One policy serves every request of a run: batches, reads, searches, associations, and the renewal of a token,
which fails as the request does that needs it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.rate_limit.log_outage import FIRST_CONTACT
from hubspot_batch_dagster.sync.requests.answer_table import Then, Wait, meaning_of


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait, and for what. Seconds, all of them.

    Attributes:
        tries: Requests for one batch before it is given up. Trouble that passes is waited out for the whole
            of ``total``.
        total: Time for one batch with all its tries and waits.
        backoff: First pause after server trouble; it doubles, with jitter, up to ``longest_pause``.
        longest_pause: Longest pause between two tries, whatever the server asks for.
        locked: Pause after 423; HubSpot's locks last 2 s.
        window: Pause after a burst 429 that does not say how long: the whole window.
        index_lag: How long a new record may be missing from HubSpot's search.
        certain_after: Age at which a request has either been carried out or never will be.
        first_contact: How long a host is tried that has not answered anything in this run: its address is
            more likely wrong than its network down.
    """

    tries: int = 6
    total: float = 600.0
    backoff: float = 1.0
    longest_pause: float = 60.0
    locked: float = 2.0
    window: float = 10.0
    index_lag: float = 30.0
    certain_after: float = 300.0
    first_contact: float = FIRST_CONTACT

    def pause(self, attempt: int, *, asked: float | None = None, luck: float | None = None) -> float:
        """Tell how long to wait after the try number ``attempt``: twice as long each time, so that trouble is
        not made worse.

        Args:
            attempt: From 1.
            asked: Seconds that the server asked for (``Retry-After``). It is waited for at least that long,
                if that is not longer than ``longest_pause``.
            luck: From 0 to 1; by chance, so that many clients do not come back in step.
        """
        doubled = min(self.backoff * 2.0 ** min(attempt - 1, 60), self.longest_pause)
        return max(doubled * (0.5 + _chance(luck) / 2), min(asked or 0.0, self.longest_pause))


@dataclass(frozen=True)
class Again:
    """Send the same batch again after ``pause`` seconds; ``everybody`` waits if the whole app must."""

    pause: float
    everybody: bool = False


@dataclass(frozen=True)
class Split:
    """Some row is wrong: reject the rows that are named, else halve the batch."""


@dataclass(frozen=True)
class Halve:
    """The request, or its answer, is too large: send it in halves."""


@dataclass(frozen=True)
class Examine:
    """Find out what HubSpot did before anything is sent again."""


@dataclass(frozen=True)
class NoneExist:
    """None of the records exist: settle row by row."""


@dataclass(frozen=True)
class Stop:
    """End the run; what is left is unsent."""


Decision = Again | Split | Halve | Examine | NoneExist | Stop

_DECISIONS: dict[Then, Decision] = {
    Then.SPLIT: Split(),
    Then.HALVE: Halve(),
    Then.EXAMINE: Examine(),
    Then.ABSENT: NoneExist(),
    Then.STOP: Stop(),
}


def decide(
    error: HubSpotError,
    *,
    repeatable: bool,
    attempt: int,
    retry_policy: RetryPolicy,
    jitter: Callable[[], float] = random.random,
) -> Decision:
    """Tell what to do after ``error``, as the table of answers says.

    Args:
        error: What the request ended with.
        repeatable: Whether the batch may be sent twice without harm.
        attempt: How often the batch has been sent, this time included.
        retry_policy: The waits.
        jitter: A number from 0 to 1, so that many clients do not come back in step.
    """
    meaning = meaning_of(error)
    then = meaning.perhaps if error.may_have_acted and not repeatable else meaning.then
    if then is not Then.AGAIN:
        return _DECISIONS[then]
    if attempt >= retry_policy.tries:
        return Stop()
    return _again(meaning.wait, error.retry_after, attempt, retry_policy, jitter())


def _again(wait: Wait, asked: float | None, attempt: int, policy: RetryPolicy, luck: float) -> Again:
    if wait is Wait.WINDOW:
        window = policy.window if asked is None else asked
        return Again(min(window, policy.longest_pause) + luck * 0.25, everybody=True)
    if wait is Wait.LOCK:
        return Again(min(max(policy.locked, asked or 0.0) * (1 + luck), policy.longest_pause))
    return Again(policy.pause(attempt, asked=asked, luck=luck))


class Retries:
    """The tries of one thing under a policy: they are counted, and end with its total time.

    Args:
        policy: The waits and the bounds.
        clock: Seconds of a clock that never jumps.
    """

    def __init__(self, policy: RetryPolicy, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.policy = policy
        self.attempt = 0
        self._clock = clock
        self._ends = clock() + policy.total

    def after(self, error: HubSpotError, *, repeatable: bool = True) -> Decision:
        """Count a try that failed, and tell what to do next. A pause that would end too late is a
        :class:`Stop`.

        Trouble that passes (HubSpot or the way to it is down) is waited out for the whole time; its pauses
        stay as long as those of the last try.
        """
        self.attempt += 1
        attempt = self.attempt
        if meaning_of(error).wait is Wait.BACKOFF and self.policy.tries > 1:
            attempt = min(attempt, self.policy.tries - 1)
        return self._in_time(decide(error, repeatable=repeatable, attempt=attempt, retry_policy=self.policy))

    def after_silence(self) -> Again | Stop:
        """Count a try whose answer did not speak of what was asked, and tell whether to send it again."""
        self.attempt += 1
        again = self.attempt < self.policy.tries
        decision = self._in_time(Again(self.policy.pause(self.attempt)) if again else Stop())
        return decision if isinstance(decision, Again) else Stop()

    def _in_time(self, decision: Decision) -> Decision:
        late = isinstance(decision, Again) and self._clock() + decision.pause > self._ends
        return Stop() if late else decision


def _chance(luck: float | None) -> float:
    return random.random() if luck is None else luck
