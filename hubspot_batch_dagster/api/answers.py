"""Which answer means what: one function from an HTTP answer to the error tree."""

from __future__ import annotations

import html
import math
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import ValidationError

from hubspot_batch_dagster.api.errors import (
    AccountMoving,
    Conflict,
    DailyLimitReached,
    ExpiredToken,
    InvalidBatch,
    Locked,
    MissingScopes,
    NotAuthenticated,
    NotFound,
    RateLimited,
    ResponseError,
    ServerTrouble,
    UnexpectedStatus,
)
from hubspot_batch_dagster.api.models import ErrorBody

SHOWN = 300
"""Characters of HubSpot's message that are kept: it can list every allowed option of a property."""

_KEPT = 100_000
"""Characters of it that an error carries for settling: 100 rows' reasons, and no page without an end."""

_BY_STATUS: Mapping[int, tuple[type[ResponseError], str]] = {
    400: (InvalidBatch, "HubSpot refused the request"),
    401: (NotAuthenticated, "HubSpot does not accept the token"),
    403: (MissingScopes, "The app may not do this"),
    404: (NotFound, "HubSpot does not know this path or record"),
    409: (Conflict, "A unique value is already taken"),
    423: (Locked, "HubSpot has locked these records for a moment"),
    429: (RateLimited, "HubSpot's request limit is reached"),
    477: (AccountMoving, "The account is moving to another data hosting region"),
}


def error_from_answer(
    status: int, headers: Mapping[str, str], body: bytes, *, now: Callable[[], float] = time.time
) -> ResponseError:
    """Read an answer that is not a success.

    Args:
        status: The HTTP status.
        headers: The answer's headers, keys in any case.
        body: The answer's bytes: HubSpot's JSON, a proxy's HTML, or anything else.
        now: Epoch seconds, for a `Retry-After` given as a date.

    Returns:
        The leaf of the tree that the answer stands for, with whatever the body tells. Never raises.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    parsed = _parse(body)
    said = parsed.message or parsed.error_description or parsed.error or ""
    if not said and not _has_fields(parsed):
        said = _plain_text(body)
    kind, happened = _kind(status, parsed, said)
    category = parsed.category or parsed.error_type or (parsed.error and parsed.status)
    fields: dict[str, Any] = {
        "status": status,
        "category": category,
        "sub_category": parsed.sub_category,
        "correlation_id": parsed.correlation_id
        or lowered.get("x-hubspot-correlation-id")
        or parsed.request_id,
        "retry_after": parse_retry_after(lowered.get("retry-after"), now=now),
        "errors": tuple(parsed.errors),
        "context": parsed.context,
        "said": said[:_KEPT],
    }
    if issubclass(kind, MissingScopes):
        fields["scopes"] = missing = _scopes(parsed)
        if missing:
            happened = f"{happened}: it lacks {', '.join(missing)}"
    if issubclass(kind, RateLimited | DailyLimitReached):
        fields["policy"] = parsed.policy_name or ("DAILY" if kind is DailyLimitReached else None)
    label = f"{status} {category}" if category else str(status)
    message = f"{happened} ({label})"
    return kind(f'{message}. HubSpot says: "{shorten(said)}"' if said else f"{message}.", **fields)


def _kind(status: int, parsed: ErrorBody, said: str) -> tuple[type[ResponseError], str]:
    if status == 429 and "DAILY" in (parsed.policy_name or said).upper():
        return DailyLimitReached, "The account's requests for today are used up"
    if status == 401 and "EXPIRED" in (parsed.category or "").upper():
        return ExpiredToken, "HubSpot says that the token has expired"
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 500 <= status <= 599:
        return ServerTrouble, "HubSpot's side failed"
    return UnexpectedStatus, "HubSpot gave an answer that is not documented for this request"


def _parse(body: bytes) -> ErrorBody:
    try:
        return ErrorBody.model_validate_json(body)
    except ValidationError:
        return ErrorBody()


def _has_fields(parsed: ErrorBody) -> bool:
    return bool(parsed.model_fields_set)


def _scopes(parsed: ErrorBody) -> tuple[str, ...]:
    contexts = [parsed.context, *(detail.context for detail in parsed.errors)]
    names = ("requiredGranularScopes", "requiredScopes", "missingScopes")
    found = [scope for context in contexts for name in names for scope in context.get(name, [])]
    return tuple(dict.fromkeys(found))


_HIDDEN = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def _plain_text(body: bytes) -> str:
    """The words of a page, its title first, with the tags taken out."""
    text = body[:20_000].decode("utf-8", errors="replace")
    if "<" not in text:
        return text.strip()
    title = " ".join(_TITLE.findall(text)[:1])
    return html.unescape(_TAG.sub(" ", f"{title} {_HIDDEN.sub(' ', text)}"))


def shorten(text: str, limit: int = SHOWN) -> str:
    """One line of at most `limit` characters, control characters and runs of blanks made one blank."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 20]).split())
    return line if len(line) <= limit else f"{line[: limit - 3].rstrip()}..."


def parse_retry_after(value: str | None, *, now: Callable[[], float] = time.time) -> float | None:
    """Seconds to wait, from a `Retry-After` in seconds or as an HTTP date; None where it says nothing usable."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now()
        except (TypeError, ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
