"""The answers that are no success, by what HubSpot means with them. The tree is drawn in
:mod:`hubspot_batch_dagster.api.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hubspot_batch_dagster.api.hubspot_error import HubSpotError


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
    read_remedy = default_remedy

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
    """400 about the operation and not about a row: smaller batches would be refused alike. Nothing was
    written.
    """

    default_remedy = (
        "Correct the object type, the unique property or the version. If HubSpot cannot read the JSON,"
        " something in between changed the request: check base_url and the proxy."
    )


class NotAuthenticated(ResponseError):
    """401: the token is missing, wrong or withdrawn. Nothing was written."""

    may_have_acted = False
    default_remedy = "Check that the token is whole, belongs to this account and was not revoked."


class ExpiredToken(NotAuthenticated):
    """401 `EXPIRED_AUTHENTICATION`: the token is too old. HubSpot also says so of a private app token cut
    short.
    """

    default_remedy = (
        "Use OAuthRefresh, which renews tokens by itself. With a private app token or service key, "
        "check that the whole token was copied: HubSpot calls a broken one expired."
    )


class Forbidden(ResponseError):
    """403: something forbids it: a proxy or firewall before HubSpot, a feature that the account lacks, a
    limit of it.

    Nothing was written. The message has the words of whoever forbade it.
    """

    may_have_acted = False
    default_remedy = (
        "The words say who forbids it. HubSpot: the account's plan, a limit of the account, or a feature that"
        " is off. A page that is not HubSpot's: a proxy or firewall before it; check base_url and let the"
        " requests through."
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
        "Check the object type, the version and base_url; a custom object goes by its id (2-123), its full"
        " name (p123_cars) or p_cars."
    )


class RecordsNotFound(NotFound):
    """404 `OBJECT_NOT_FOUND`: none of the records that the request names exist. Nothing was written.

    HubSpot answers so, or with a 207, when *all* ids of a batch are absent; where some exist the others are
    left out.
    """

    default_remedy = "The records were deleted, or the ids are of another account or object type."


class Conflict(ResponseError):
    """409: a unique value is taken. One conflicting row fails the whole batch, and only the first one is
    named.

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
    """A 4xx without a meaning of its own, such as 405, 415 or 451: the request was refused, and nothing was
    written.
    """

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
