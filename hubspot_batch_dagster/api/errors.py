"""Everything that can go wrong between a row and HubSpot, as one tree::

    HubSpotError
      InputError              bad input, found before anything was sent
        GuardStopped            a guard (max_created, max_changed, max_gone) or approve said no
      StoreError              the journal or an ids table cannot be read or written; nothing was sent
        Overtaken             a later run of the sync has begun; this one sends and writes nothing more
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

Each class says whether the server may have acted (`may_have_acted`), because that decides whether a create may be sent
again. The statuses and their causes are those of HubSpot's "Handling errors" page.

Errors survive pickling with all their fields and hold neither the request nor its headers, so no token can leak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

if TYPE_CHECKING:
    from hubspot_batch_dagster.api.models import ErrorDetail


class HubSpotError(Exception):
    """The root of the tree. Catch it to catch everything that this package raises on purpose.

    Args:
        message: What happened, in plain words.
        status: The HTTP status, if there was an answer.
        category: HubSpot's `category` (or `errorType`), such as `VALIDATION_ERROR`.
        sub_category: HubSpot's `subCategory`.
        correlation_id: What HubSpot's support asks for.
        row: The row's position in the input, counted from 0, where one row is to blame.
        column: The column or property that is to blame.
        remedy: What to do next; each class has its own by default.
        retry_after: Seconds that HubSpot asked to wait, as it said them: cap them before you sleep.
        errors: HubSpot's list of reasons.
        context: HubSpot's context, always as a map of lists.
        said: HubSpot's message as it came. It may list values of rows: it is for settling, and not shown.

    Attributes:
        may_have_acted: False where HubSpot certainly wrote nothing. True means "perhaps": only what is repeatable may
            be sent again.

    Examples:
        >>> from hubspot_batch_dagster import HubSpotError
        >>> print(HubSpotError("The page is gone.", row=3, remedy="Name another."))
        Row 3: The page is gone. Name another.
    """

    may_have_acted: bool = False
    default_remedy = "Look at the message, correct the cause, and run again."

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        category: str | None = None,
        sub_category: str | None = None,
        correlation_id: str | None = None,
        row: int | None = None,
        column: str | None = None,
        remedy: str | None = None,
        retry_after: float | None = None,
        errors: Sequence[ErrorDetail] = (),
        context: Mapping[str, list[str]] | None = None,
        said: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.category = category
        self.sub_category = sub_category
        self.correlation_id = correlation_id
        self.row = row
        self.column = column
        self.remedy = self.default_remedy if remedy is None else remedy
        self.retry_after = retry_after
        self.errors: tuple[ErrorDetail, ...] = tuple(errors)
        self.context: dict[str, list[str]] = dict(context or {})
        self.said = said

    def __str__(self) -> str:
        where = ", ".join(
            part
            for part in (
                f"row {self.row}" if self.row is not None else "",
                f"column {self.column!r}" if self.column is not None else "",
            )
            if part
        )
        parts = [f"{where[:1].upper()}{where[1:]}: {self.message}" if where else self.message]
        if self.correlation_id:
            parts.append(f"Correlation id: {self.correlation_id}.")
        if self.remedy:
            parts.append(self.remedy)
        return " ".join(part for part in parts if part)

    def of_a_read(self) -> Self:
        """Say that the request only read: nothing can have been written, whatever became of it."""
        if self.may_have_acted:
            self.may_have_acted = False
            self.remedy = "It was a read, so nothing was written. Wait a few seconds, then run again."
        return self

    def __repr__(self) -> str:
        shown = {"status": self.status, "category": self.category, "correlation_id": self.correlation_id}
        fields = "".join(f", {name}={value!r}" for name, value in shown.items() if value is not None)
        return f"{type(self).__name__}({self.message!r}{fields})"


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
    """A guard (``max_created``, ``max_changed``, ``max_gone``) or ``approve`` stopped the run before its first write."""


class StoreError(HubSpotError):
    """The journal, an ids table or a token cache cannot be read or written. Nothing was sent.

    Examples:
        >>> from hubspot_batch_dagster import HubSpotError, StoreError
        >>> issubclass(StoreError, HubSpotError)
        True
    """

    default_remedy = "Check the path, its permissions and the free space, then run again."


class Overtaken(StoreError):
    """A later run of the sync has begun, and this one sends and writes nothing more. The later one goes on from what was done."""

    default_remedy = "Look at the later run. Where none was meant, find out who started it, then run again."


class ConservationError(HubSpotError):
    """The rows out do not add up to the rows in."""

    default_remedy = "Keep the journal and the ids table as they are and report this: it is a defect."


class BudgetTimeout(HubSpotError):
    """No request became free within the longest wait allowed. Nothing was sent."""

    default_remedy = (
        "Other processes use the same app's limit. Run again later, or give this one a larger share."
    )


class BudgetUnavailable(BudgetTimeout):
    """What counts the app's requests (Redis, Postgres, a file) did not answer for as long as it was waited for.

    Nothing was sent. What was answered before is kept.
    """

    default_remedy = "Start it, or correct budget_url, then run again: the run goes on where it stopped."


class TransportError(HubSpotError):
    """There was no whole answer."""


class NotSent(TransportError):
    """The request was allowed to leave and did not in time, so it was kept back: HubSpot certainly did not act."""

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


class ResponseError(HubSpotError):
    """HubSpot answered, and the answer is not a success."""

    may_have_acted = True


class Redirected(ResponseError):
    """3xx: another address is named; it is not followed, for the token would go there. A run stops.

    After 301, 307 and 308 nothing was written. A 302 or 303 may answer a request that was carried out.

    Attributes:
        location: The address that is named, without its query; None if there is none.
    """

    may_have_acted = False
    default_remedy = (
        "If HubSpot says so, give the address as base_url. "
        "A page to log in on is a proxy's: let the requests through."
    )

    def __init__(self, message: str = "", *, location: str | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.location = location


class InvalidBatch(ResponseError):
    """400, 422: some input is wrong, and nothing of the request was written."""

    may_have_acted = False
    default_remedy = (
        "Correct what HubSpot names and send again. "
        "If it names no row, send the batch in halves to find the one that is wrong."
    )


class InvalidRequest(InvalidBatch):
    """400 about the operation and not about a row: smaller batches would be refused alike. Nothing was written."""

    default_remedy = (
        "Correct the object type, the unique property or the version. "
        "If HubSpot cannot read the JSON, something in between changed the request: check base_url and the proxy."
    )


class NotAuthenticated(ResponseError):
    """401: the token is missing, wrong or withdrawn. Nothing was written."""

    may_have_acted = False
    default_remedy = "Check that the token is whole, belongs to this account and was not revoked."


class ExpiredToken(NotAuthenticated):
    """401 `EXPIRED_AUTHENTICATION`: the token is too old. HubSpot also says so of a private app token cut short."""

    default_remedy = (
        "Use OAuthRefresh, which renews tokens by itself. With a private app token or service key, "
        "check that the whole token was copied: HubSpot calls a broken one expired."
    )


class Forbidden(ResponseError):
    """403: something forbids it: a proxy or firewall before HubSpot, a feature that the account lacks, a limit of it.

    Nothing was written. The message has the words of whoever forbade it.
    """

    may_have_acted = False
    default_remedy = (
        "The words say who forbids it. HubSpot: the account's plan, a limit of the account, or a feature that is off. "
        "A page that is not HubSpot's: a proxy or firewall before it; check base_url and let the requests through."
    )


class MissingScopes(Forbidden):
    """403 `MISSING_SCOPES`: the app was not granted what this needs. Nothing was written.

    Attributes:
        scopes: The scopes that HubSpot names; empty when it names none.
    """

    default_remedy = (
        "Add the missing scopes to the app in HubSpot. An OAuth app must then be installed again."
    )

    def __init__(self, message: str = "", *, scopes: Sequence[str] = (), **fields: Any) -> None:
        super().__init__(message, **fields)
        self.scopes: tuple[str, ...] = tuple(scopes)


class NotFound(ResponseError):
    """404: the path or object type does not exist. Nothing was written."""

    may_have_acted = False
    default_remedy = (
        "Check the object type, the version and base_url; custom object names need their full name or 2-N id."
    )


class RecordsNotFound(NotFound):
    """404 `OBJECT_NOT_FOUND`: none of the records that the request names exist. Nothing was written.

    HubSpot answers so, or with a 207, when *all* ids of a batch are absent; where some exist the others are left out.
    """

    default_remedy = "The records were deleted, or the ids are of another account or object type."


class Conflict(ResponseError):
    """409: a unique value is taken. One conflicting row fails the whole batch, and only the first one is named.

    Whether the other rows were written is not documented, so `may_have_acted` is True.
    """

    default_remedy = "Upsert by the unique property instead of creating, or take the named record's row out."

    @property
    def existing_id(self) -> str | None:
        """The record that has the value already, where HubSpot names it."""
        from hubspot_batch_dagster.api.models import (
            existing_id,
        )  # the models cost 30 ms, and errors are imported first

        return existing_id(self.message, self.context)


class RequestTooLarge(ResponseError):
    """413, 414: the request is too large for HubSpot, or for a proxy before it. Nothing was written."""

    may_have_acted = False
    default_remedy = "Send fewer rows in a request. If one row alone is too large, shorten its texts."


class RequestRefused(ResponseError):
    """A 4xx without a meaning of its own, such as 405, 415 or 451: the request was refused, and nothing was written."""

    may_have_acted = False
    default_remedy = (
        "The words say why. If they are not HubSpot's, look at base_url and at any proxy in between."
    )


class Locked(ResponseError):
    """423: HubSpot holds a lock under many writes; it lasts about two seconds. Nothing was written."""

    may_have_acted = False
    default_remedy = "Wait at least 2 seconds and send the same batch again."


class RateLimited(ResponseError):
    """429: too many requests in a few seconds. Nothing was written.

    Attributes:
        policy: HubSpot's `policyName`, such as `TEN_SECONDLY_ROLLING` or `SECONDLY`.
    """

    may_have_acted = False
    default_remedy = "Wait out the window (10 seconds) and send the same batch again."

    def __init__(self, message: str = "", *, policy: str | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.policy = policy


class DailyLimitReached(ResponseError):
    """429 `DAILY`: the account's requests for today are used up, or the share of them that this app may use.

    Attributes:
        policy: `DAILY`.
        resets_at: When the day ends in the account's time zone, where it is known.
    """

    may_have_acted = False
    default_remedy = "Run again after midnight in the account's time zone, when HubSpot starts counting anew."

    def __init__(
        self,
        message: str = "",
        *,
        policy: str | None = "DAILY",
        resets_at: datetime | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(message, **fields)
        self.policy = policy
        self.resets_at = resets_at


class AccountMoving(ResponseError):
    """477: the account is moving to another data hosting region, for up to 24 hours. Nothing was written."""

    may_have_acted = False
    default_remedy = "Run again when the move is over; retry_after says how many seconds HubSpot expects."


class ServerTrouble(ResponseError):
    """5xx: HubSpot, or a server before it, failed. The write may have happened, a 524 above all."""

    default_remedy = (
        "Wait a few seconds. What is repeatable may be sent again; "
        "before sending a create again, read the records back by a unique property."
    )


class UnexpectedStatus(ResponseError):
    """A status that HubSpot does not document, and that leaves open what became of the request (408, 425)."""

    default_remedy = "Check base_url, the version and any proxy in between, and look at what was written."
