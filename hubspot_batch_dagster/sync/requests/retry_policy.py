"""What to do after a request failed: the table of the design, as one pure function.

The question behind each answer is whether HubSpot may have acted. What it cannot have done may always be sent again; what
it may have done is sent again only if the operation is repeatable.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from hubspot_batch_dagster.api.errors import (
    BudgetTimeout,
    Conflict,
    DailyLimitReached,
    HubSpotError,
    InvalidBatch,
    Locked,
    NotConnected,
    RateLimited,
    ResponseError,
    ServerTrouble,
    TransportError,
)


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait, and for what. Seconds, all of them.

    Attributes:
        tries: Requests for one batch before it is given up.
        total: Time for one batch with all its tries and waits.
        backoff: First pause after server trouble; it doubles, with jitter, up to ``longest_pause``.
        longest_pause: Longest pause between two tries, whatever the server asks for.
        locked: Pause after 423; HubSpot's locks last 2 s.
        window: Pause after a burst 429 that does not say how long: the whole window.
        index_lag: How long a new record may be missing from HubSpot's search.
        certain_after: Age at which a request has either been carried out or never will be.
    """

    tries: int = 6
    total: float = 600.0
    backoff: float = 1.0
    longest_pause: float = 60.0
    locked: float = 2.0
    window: float = 10.0
    index_lag: float = 30.0
    certain_after: float = 300.0


@dataclass(frozen=True)
class Again:
    """Send the same batch again after ``pause`` seconds; ``everybody`` waits if the whole app must."""

    pause: float
    everybody: bool = False


@dataclass(frozen=True)
class Split:
    """Some row is wrong: reject the rows that are named, else halve the batch."""


@dataclass(frozen=True)
class Examine:
    """Find out what HubSpot did before anything is sent again."""


@dataclass(frozen=True)
class Stop:
    """End the run; what is left is unsent."""


Decision = Again | Split | Examine | Stop


def decide(
    error: HubSpotError,
    *,
    repeatable: bool,
    attempt: int,
    retry_policy: RetryPolicy,
    jitter: Callable[[], float] = random.random,
) -> Decision:
    """What to do after ``error``.

    Args:
        error: What the request ended with.
        repeatable: Whether the batch may be sent twice without harm.
        attempt: How often the batch has been sent, this time included.
        retry_policy: The waits.
        jitter: A number from 0 to 1, so that many clients do not come back in step.
    """
    again = attempt < retry_policy.tries
    if isinstance(error, InvalidBatch):
        return Stop() if _whole_request_is_wrong(error) else Split()
    if isinstance(error, Conflict):
        return Split() if repeatable else Examine()
    if isinstance(error, DailyLimitReached | BudgetTimeout):
        return Stop()
    if isinstance(error, RateLimited):
        wait = retry_policy.window if error.retry_after is None else error.retry_after
        return (
            Again(min(wait, retry_policy.longest_pause) + jitter() * 0.25, everybody=True)
            if again
            else Stop()
        )
    if isinstance(error, Locked):
        wait = max(retry_policy.locked, error.retry_after or 0.0)
        return Again(min(wait * (1 + jitter()), retry_policy.longest_pause)) if again else Stop()
    if isinstance(error, NotConnected):
        return Again(_backoff(attempt, retry_policy, jitter)) if again else Stop()
    if isinstance(error, TransportError | ServerTrouble) or (
        isinstance(error, ResponseError) and error.may_have_acted
    ):
        if not repeatable:
            return Examine()
        return (
            Again(
                max(
                    _backoff(attempt, retry_policy, jitter),
                    min(error.retry_after or 0.0, retry_policy.longest_pause),
                )
            )
            if again
            else Stop()
        )
    return Stop()


def _backoff(attempt: int, retry_policy: RetryPolicy, jitter: Callable[[], float]) -> float:
    return min(retry_policy.backoff * 2.0 ** (attempt - 1), retry_policy.longest_pause) * (0.5 + jitter() / 2)


_WHOLE_REQUEST = ("non-unique", "infer object type", "invalid input json", "cannot deserialize")


def _whole_request_is_wrong(error: InvalidBatch) -> bool:
    """HubSpot gives these no category and names no row; smaller batches would be refused alike."""
    text = error.message.lower()
    return any(words in text for words in _WHOLE_REQUEST)
