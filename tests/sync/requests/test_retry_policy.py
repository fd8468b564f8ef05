"""What follows a failed request: the table of answers, as one pure function."""

from __future__ import annotations

import pytest
from bench.sync_bench import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st

from hubspot_batch_dagster.api.errors import (
    AccountMoving,
    AnswerLost,
    AnswerTooLarge,
    BudgetTimeout,
    BudgetUnavailable,
    Conflict,
    DailyLimitReached,
    ExpiredToken,
    Forbidden,
    HubSpotError,
    InputError,
    InvalidBatch,
    InvalidRequest,
    Locked,
    MissingScopes,
    NotAuthenticated,
    NotConnected,
    NotFound,
    NotSent,
    RateLimited,
    RecordsNotFound,
    Redirected,
    RequestRefused,
    RequestTooLarge,
    ServerTrouble,
    UnexpectedStatus,
)
from hubspot_batch_dagster.sync.requests.answer_table import ANSWERS, Then, meaning_of
from hubspot_batch_dagster.sync.requests.retry_policy import (
    Again,
    Decision,
    Examine,
    Halve,
    NoneExist,
    Retries,
    RetryPolicy,
    Split,
    Stop,
    decide,
)

PATIENCE = RetryPolicy(tries=3)
LAST = PATIENCE.tries

# error, decision for what is repeatable, decision for what is not
TABLE: list[tuple[HubSpotError, type, type]] = [
    (InvalidBatch("Property values were not valid"), Split, Split),
    (InvalidRequest("Unable to infer object type"), Stop, Stop),
    (RequestTooLarge(), Halve, Halve),
    (RequestRefused(), Stop, Stop),
    (Redirected(), Stop, Stop),
    (Forbidden(), Stop, Stop),
    (RecordsNotFound(), NoneExist, NoneExist),
    (AnswerTooLarge(), Halve, Examine),
    (NotSent(), Again, Again),
    (BudgetUnavailable(), Stop, Stop),
    (HubSpotError(), Stop, Stop),
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


def every_error(kind: type[HubSpotError] = HubSpotError) -> list[type[HubSpotError]]:
    return [kind, *(below for each in kind.__subclasses__() for below in every_error(each))]


def test_the_table_never_sends_again_what_may_have_been_written_and_may_not_be_repeated() -> None:
    for kind in (each for each in every_error() if each.__module__ == HubSpotError.__module__):
        meaning = meaning_of(kind("x"))
        assert meaning in ANSWERS
        if kind.may_have_acted:
            assert meaning.perhaps in (Then.EXAMINE, Then.STOP), kind


def test_trouble_of_the_token_endpoint_is_trouble_of_no_row() -> None:
    """The request itself was not sent, so a create is tried again and not looked up."""
    error = ServerTrouble(status=503)
    error.may_have_acted = False
    decision = decide(error, repeatable=False, attempt=1, retry_policy=PATIENCE)
    assert isinstance(decision, Again)


def test_tries_end_by_their_number_and_by_their_time() -> None:
    now = [0.0]
    policy = RetryPolicy(tries=4, total=10.0, backoff=1.0)
    retries = Retries(policy, clock=lambda: now[0])
    assert [type(retries.after(Locked())) for _ in range(4)] == [Again, Again, Again, Stop]
    trouble = Retries(policy, clock=lambda: now[0])
    assert {type(trouble.after(ServerTrouble())) for _ in range(50)} == {Again}, (
        "waited out while there is time"
    )
    assert isinstance(Retries(RetryPolicy(tries=1)).after(ServerTrouble()), Stop)
    late = Retries(policy, clock=lambda: now[0])
    now[0] = 9.9
    assert isinstance(late.after(ServerTrouble()), Stop)
    silent = Retries(policy, clock=lambda: now[0])
    assert [type(silent.after_silence()) for _ in range(4)] == [Again, Again, Again, Stop]
    assert isinstance(Retries(policy).after(InvalidBatch()), Split)


@EXAMPLES
@given(st.integers(1, 10_000), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1e9)))
def test_every_pause_has_a_cap(attempt: int, luck: float, asked: float | None) -> None:
    assert 0 < RetryPolicy().pause(attempt, asked=asked, luck=luck) <= RetryPolicy().longest_pause


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
