"""What follows a failed request: the table of answers, as one pure function."""

from __future__ import annotations

import pytest
from bench.sync_bench import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st

from hubspot_batch_dagster.api.errors import (
    AccountMoving,
    AnswerLost,
    BudgetTimeout,
    Conflict,
    DailyLimitReached,
    ExpiredToken,
    HubSpotError,
    InputError,
    InvalidBatch,
    Locked,
    MissingScopes,
    NotAuthenticated,
    NotConnected,
    NotFound,
    RateLimited,
    ServerTrouble,
    UnexpectedStatus,
)
from hubspot_batch_dagster.sync.requests.retry_policy import (
    Again,
    Decision,
    Examine,
    RetryPolicy,
    Split,
    Stop,
    decide,
)

PATIENCE = RetryPolicy(tries=3)
LAST = PATIENCE.tries

WHOLE = [
    "Unable to perform upsert by non-unique 0-3 property dealname",
    "Unable to infer object type from: butterflies",
    "Invalid input JSON on line 1, column 2",
    "Cannot deserialize value",
]

# error, decision for what is repeatable, decision for what is not
TABLE: list[tuple[HubSpotError, type, type]] = [
    (InvalidBatch("Property values were not valid"), Split, Split),
    (Conflict("Contact already exists"), Split, Examine),
    (NotAuthenticated(), Stop, Stop),
    (ExpiredToken(), Stop, Stop),
    (MissingScopes(), Stop, Stop),
    (NotFound(), Stop, Stop),
    (AccountMoving(retry_after=3600), Stop, Stop),
    (DailyLimitReached(), Stop, Stop),
    (BudgetTimeout(), Stop, Stop),
    (InputError("no"), Stop, Stop),
    (Locked(), Again, Again),
    (RateLimited(), Again, Again),
    (NotConnected(), Again, Again),
    (AnswerLost(), Again, Examine),
    (ServerTrouble(), Again, Examine),
    (UnexpectedStatus(), Again, Examine),
    *((InvalidBatch(words), Stop, Stop) for words in WHOLE),
]
ERRORS = [error for error, _, _ in TABLE]


def named(error: object) -> str:
    return type(error).__name__


@pytest.mark.parametrize(
    ("error", "repeatable", "unrepeatable"), TABLE, ids=[named(each[0]) for each in TABLE]
)
@pytest.mark.parametrize("attempt", [1, 2, LAST, LAST + 1])
def test_each_answer_has_its_consequence(
    error: HubSpotError, repeatable: type, unrepeatable: type, attempt: int
) -> None:
    for may_repeat, expected in ((True, repeatable), (False, unrepeatable)):
        spent = expected is Again and attempt >= LAST
        decision = decide(error, repeatable=may_repeat, attempt=attempt, retry_policy=PATIENCE)
        assert isinstance(decision, Stop if spent else expected)


@EXAMPLES
@given(
    st.sampled_from(ERRORS),
    st.integers(1, 20),
    st.one_of(st.none(), st.floats(0, 1e6)),
    st.floats(0, 1),
)
def test_what_may_have_acted_and_is_not_repeatable_is_never_sent_again(
    error: HubSpotError, attempt: int, retry_after: float | None, luck: float
) -> None:
    error = type(error)(error.message, retry_after=retry_after)
    decision = decide(error, repeatable=False, attempt=attempt, retry_policy=PATIENCE, jitter=lambda: luck)
    if error.may_have_acted:
        assert isinstance(decision, Examine)


@EXAMPLES
@given(
    st.sampled_from(ERRORS),
    st.booleans(),
    st.integers(1, 60),
    st.one_of(st.none(), st.floats(0, 1e9)),
    st.floats(0, 1),
)
def test_no_pause_is_longer_than_the_patience_allows(
    error: HubSpotError, repeatable: bool, attempt: int, retry_after: float | None, luck: float
) -> None:
    error = type(error)(error.message, retry_after=retry_after)
    retry_policy = RetryPolicy(tries=100)
    decision = decide(
        error, repeatable=repeatable, attempt=attempt, retry_policy=retry_policy, jitter=lambda: luck
    )
    if isinstance(decision, Again):
        assert 0 <= decision.pause <= retry_policy.longest_pause + 0.25


def pause(error: HubSpotError, attempt: int = 1, luck: float = 0.0) -> Again:
    decision: Decision = decide(
        error, repeatable=True, attempt=attempt, retry_policy=RetryPolicy(), jitter=lambda: luck
    )
    assert isinstance(decision, Again)
    return decision


def test_a_full_window_is_waited_out_by_everybody() -> None:
    assert pause(RateLimited()) == Again(10.0, everybody=True)
    assert pause(RateLimited(retry_after=3)) == Again(3.0, everybody=True)


def test_a_lock_is_waited_out_for_two_seconds_at_least_and_by_this_batch_alone() -> None:
    assert pause(Locked()) == Again(2.0)
    assert pause(Locked(retry_after=0.5)) == Again(2.0)
    assert pause(Locked(retry_after=5)) == Again(5.0)


def test_pauses_after_server_trouble_double_and_differ_by_luck() -> None:
    assert [pause(ServerTrouble(), attempt).pause for attempt in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert pause(ServerTrouble(), luck=1.0).pause == 1.0
    assert pause(ServerTrouble(retry_after=7)).pause == 7.0
    assert pause(NotConnected(), 2).pause == 1.0
