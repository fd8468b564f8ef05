"""Everything that can go wrong between a row and HubSpot, as one tree::

    HubSpotError
      InputError              bad input, found before anything was sent
        GuardStopped            a guard (max_created, max_changed, max_gone) or approve said no
      StoreError              the journal or an ids table cannot be read or written; nothing was sent
        Overtaken             a later run of the sync has begun; this one sends and writes nothing more
      SourceUnavailable       what the rows are read from does not answer; nothing was sent
      ConservationError       the rows out do not add up to the rows in
      BudgetTimeout           no request became free in time; nothing was sent
        BudgetUnavailable       Redis, Postgres or the file that counts the requests does not answer
      TransportError          no answer
        NotSent                 too late to leave: HubSpot certainly did not act
        NotConnected            refused, DNS, TLS, connect timeout: HubSpot certainly did not act
        AnswerLost              read timeout, reset, truncated or non-JSON 2xx: HubSpot perhaps acted
          AnswerTooLarge          ... because it was longer than an answer may be
      ResponseError           an answer that is not a success
        Redirected              3xx   another address is named; 301, 307, 308: HubSpot certainly did not act
        InvalidBatch            400, 422   some input is wrong
          InvalidRequest          400   ... and no smaller batch would be taken: the operation itself is wrong
        NotAuthenticated        401   the token is refused
          ExpiredToken          401   ... because it is too old
        Forbidden               403   a proxy, a feature of the account or a limit forbids it
          MissingScopes           403   ... `MISSING_SCOPES`: the app was not granted what it needs
        NotFound                404   there is no such path or object type
          RecordsNotFound         404   ... `OBJECT_NOT_FOUND`: none of the records exist
        Conflict                409   a unique value is taken
        RequestTooLarge         413, 414   the batch is too large for HubSpot, or for what is before it
        Locked                  423   HubSpot holds a lock for about two seconds
        RateLimited             429   too many requests in a few seconds
        DailyLimitReached       429   the day's requests are used up
        AccountMoving           477   the account is changing its data hosting region
        RequestRefused          any other 4xx but 408 and 425: refused, and nothing was written
        ServerTrouble           5xx   HubSpot, or something before it, failed
        UnexpectedStatus        anything else, 408 and 425 among it: HubSpot perhaps acted

Each class says whether the server may have acted (`may_have_acted`), because that decides whether a create
may be sent again. The statuses and their causes are those of HubSpot's "Handling errors" page.

Errors survive pickling with all their fields and hold neither the request nor its headers, so no token can
leak.
"""

from __future__ import annotations

from hubspot_batch_dagster.api.hubspot_error import HubSpotError
from hubspot_batch_dagster.api.response_errors import (
    AccountMoving,
    Conflict,
    DailyLimitReached,
    ExpiredToken,
    Forbidden,
    InvalidBatch,
    InvalidRequest,
    Locked,
    MissingScopes,
    NotAuthenticated,
    NotFound,
    RateLimited,
    RecordsNotFound,
    Redirected,
    RequestRefused,
    RequestTooLarge,
    ResponseError,
    ServerTrouble,
    UnexpectedStatus,
)

__all__ = [
    "AccountMoving",
    "AnswerLost",
    "AnswerTooLarge",
    "BudgetTimeout",
    "BudgetUnavailable",
    "Conflict",
    "ConservationError",
    "DailyLimitReached",
    "ExpiredToken",
    "Forbidden",
    "GuardStopped",
    "HubSpotError",
    "InputError",
    "InvalidBatch",
    "InvalidRequest",
    "Locked",
    "MissingScopes",
    "NotAuthenticated",
    "NotConnected",
    "NotFound",
    "NotSent",
    "Overtaken",
    "RateLimited",
    "RecordsNotFound",
    "Redirected",
    "RequestRefused",
    "RequestTooLarge",
    "ResponseError",
    "ServerTrouble",
    "SourceUnavailable",
    "StoreError",
    "TransportError",
    "UnexpectedStatus",
]


class InputError(HubSpotError, ValueError):
    """Bad input, found before anything was sent: a wrong column name, a missing key, too many inputs.

    Examples:
        >>> from hubspot_batch_dagster import Create, InputError
        >>> try:
        ...     Create("notes", key=[])
        ... except InputError as error:
        ...     print(error.message)
        key names no column.
    """

    default_remedy = ""


class GuardStopped(InputError):
    """A guard (``max_created``, ``max_changed``, ``max_gone``) or ``approve`` stopped the run before its
    first write.
    """


class StoreError(HubSpotError):
    """The journal, an ids table or a token cache cannot be read or written. Nothing was sent.

    Examples:
        >>> from hubspot_batch_dagster import HubSpotError, StoreError
        >>> issubclass(StoreError, HubSpotError)
        True
    """

    default_remedy = "Check the path, its permissions and the free space, then run again."


class Overtaken(StoreError):
    """A later run of the sync has begun, and this one sends and writes nothing more. The later one goes on
    from what was done.
    """

    default_remedy = "Look at the later run. Where none was meant, find out who started it, then run again."


class SourceUnavailable(HubSpotError):
    """The database or the file system that a component's rows are read from does not answer, or broke off.
    Rows are read before anything is sent.
    """

    default_remedy = "Nothing was sent. Start it, or correct source in the YAML, then run again."


class ConservationError(HubSpotError):
    """The rows out do not add up to the rows in."""

    default_remedy = "Keep the journal and the ids table as they are and report this: it is a defect."


class BudgetTimeout(HubSpotError):
    """No request became free within the longest wait allowed. Nothing was sent."""

    default_remedy = (
        "Other processes use the same app's limit. Run again later, or give this one a larger share."
    )


class BudgetUnavailable(BudgetTimeout):
    """What counts the app's requests (Redis, Postgres, a file) did not answer for as long as it was waited
    for.

    Nothing was sent. What was answered before is kept.
    """

    default_remedy = "Start it, or correct budget_url, then run again: the run goes on where it stopped."


class TransportError(HubSpotError):
    """There was no whole answer."""


class NotSent(TransportError):
    """The request was allowed to leave and did not in time, so it was kept back: HubSpot certainly did not
    act.
    """

    default_remedy = "Nothing was sent. This host is too busy, or was suspended: run again."


class NotConnected(TransportError):
    """The connection was refused, or DNS, TLS or a connect timeout failed: HubSpot certainly did not act."""

    default_remedy = "Nothing was sent. Check the network, the proxy and base_url, then run again."


class AnswerLost(TransportError):
    """The request was sent and its answer did not come whole: HubSpot perhaps acted."""

    may_have_acted = True
    default_remedy = (
        "HubSpot may have written these rows. Do not send a create again before looking: "
        "read the records back by a unique property first."
    )


class AnswerTooLarge(AnswerLost):
    """The answer was longer than any that means something, and was cut off: HubSpot perhaps acted."""

    default_remedy = (
        "Send fewer rows in a request, or ask for fewer properties. If it stays, "
        "something before HubSpot gives the answer: check base_url and the proxy."
    )
