"""What each answer means for the rows of a request, records and associations alike: the table that the code
executes.

Behind each line stands one question: may HubSpot have acted? What it cannot have done may always be sent
again; what it may have done is sent again only if the operation is repeatable. A create without a unique
value is not: it is looked up first. The second question is whom the answer is about: a row, another record,
the run, or nobody (trouble that passes). Only what is about the row is ever remembered against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from hubspot_batch_dagster.api import errors
from hubspot_batch_dagster.api.errors import HubSpotError


class About(str, Enum):
    """Whom an answer is about."""

    ROW = "a row"
    RECORD = "another record"
    RUN = "the run"
    NOBODY = "nobody: it passes"


class Then(str, Enum):
    """What is done after an answer."""

    AGAIN = "sent again"
    SPLIT = "the named rows rejected, else halved"
    HALVE = "halved"
    EXAMINE = "looked up"
    ABSENT = "settled row by row"
    STOP = "stops"


class Wait(str, Enum):
    """How long is waited before a request is sent again."""

    NONE = "no"
    BACKOFF = "backoff"
    LOCK = "2 s or more"
    WINDOW = "the window, everybody"


@dataclass(frozen=True)
class Meaning:
    """One line of the table.

    Attributes:
        error: The class of the answer; a class below it without a line of its own means the same.
        about: Whom it is about.
        then: What is done where sending twice does no harm, or where nothing was written.
        perhaps: What is done with creates that HubSpot may have written.
        wait: The pause before the next try.
        requests: What it costs, beside the request itself.
        remembered: Whether a row is not sent again until it, the operation or the portal's definitions
            change.
    """

    error: type[HubSpotError]
    about: About
    then: Then
    perhaps: Then
    wait: Wait = Wait.NONE
    requests: str = "none"
    remembered: bool = False


_TRIES = "one a try"

ANSWERS: Sequence[Meaning] = (
    Meaning(
        errors.InvalidBatch,
        About.ROW,
        Then.SPLIT,
        Then.SPLIT,
        requests="1 if rows are named, else up to 12 for a row in 100",
        remembered=True,
    ),
    Meaning(errors.InvalidRequest, About.RUN, Then.STOP, Then.STOP),
    Meaning(
        errors.NotAuthenticated, About.RUN, Then.STOP, Then.STOP, requests="with OAuth 1, and a new token"
    ),
    Meaning(errors.Forbidden, About.RUN, Then.STOP, Then.STOP),
    Meaning(errors.MissingScopes, About.RUN, Then.STOP, Then.STOP),
    Meaning(errors.NotFound, About.RUN, Then.STOP, Then.STOP),
    Meaning(errors.RecordsNotFound, About.RECORD, Then.ABSENT, Then.ABSENT, requests="1 to read them"),
    Meaning(
        errors.Conflict,
        About.RECORD,
        Then.SPLIT,
        Then.EXAMINE,
        requests="up to 12 for a row in 100; creates up to 20, as each refused part is looked up",
    ),
    Meaning(
        errors.RequestTooLarge,
        About.ROW,
        Then.HALVE,
        Then.HALVE,
        requests="up to twice as many",
        remembered=True,
    ),
    Meaning(errors.RequestRefused, About.RUN, Then.STOP, Then.STOP),
    Meaning(errors.Redirected, About.RUN, Then.STOP, Then.STOP),
    Meaning(errors.AccountMoving, About.RUN, Then.STOP, Then.STOP),
    Meaning(
        errors.DailyLimitReached, About.RUN, Then.STOP, Then.STOP, requests="1 a run, to ask whether it is so"
    ),
    Meaning(errors.BudgetTimeout, About.RUN, Then.STOP, Then.STOP),
    Meaning(errors.Locked, About.NOBODY, Then.AGAIN, Then.AGAIN, Wait.LOCK, _TRIES),
    Meaning(errors.RateLimited, About.NOBODY, Then.AGAIN, Then.AGAIN, Wait.WINDOW, _TRIES),
    Meaning(errors.NotSent, About.NOBODY, Then.AGAIN, Then.AGAIN, Wait.BACKOFF),
    Meaning(errors.NotConnected, About.NOBODY, Then.AGAIN, Then.AGAIN, Wait.BACKOFF, _TRIES),
    Meaning(errors.ServerTrouble, About.NOBODY, Then.AGAIN, Then.EXAMINE, Wait.BACKOFF, _TRIES),
    Meaning(errors.UnexpectedStatus, About.NOBODY, Then.AGAIN, Then.EXAMINE, Wait.BACKOFF, _TRIES),
    Meaning(errors.AnswerLost, About.NOBODY, Then.AGAIN, Then.EXAMINE, Wait.BACKOFF, _TRIES),
    Meaning(errors.AnswerTooLarge, About.NOBODY, Then.HALVE, Then.EXAMINE, requests="up to twice as many"),
    Meaning(HubSpotError, About.RUN, Then.STOP, Then.STOP),
)
"""The table. What is raised before anything is sent (bad input, the store) falls under the last line."""

_BY_CLASS = {meaning.error: meaning for meaning in ANSWERS}


def meaning_of(error: HubSpotError) -> Meaning:
    """Look an answer up: its own line, else the line of the class above it."""
    return next(_BY_CLASS[kind] for kind in type(error).__mro__ if kind in _BY_CLASS)
