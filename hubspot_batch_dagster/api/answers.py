"""Which answer means what: one function from an HTTP answer to the error tree."""

from __future__ import annotations

import html
import math
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from hubspot_batch_dagster.api.errors import (
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
from hubspot_batch_dagster.api.json_bounds import holds_too_much
from hubspot_batch_dagster.api.models import ErrorBody

SHOWN = 300
"""Characters of HubSpot's message that are kept: it can list every allowed option of a property."""

_NAME = 120
"""Characters of a category, an id, a scope: a word of HubSpot's is shorter."""

_KEPT = 100_000
"""Characters of it that an error carries for settling: 100 rows' reasons, and no page without an end."""

_LONGEST = 4 * 1024 * 1024
"""Bytes of a body that is read as an error of HubSpot's."""

Kind = tuple[type[ResponseError], str]

_BY_STATUS: Mapping[int, Kind] = {
    400: (InvalidBatch, "HubSpot refused the request"),
    401: (NotAuthenticated, "HubSpot does not accept the token"),
    404: (NotFound, "HubSpot does not know this path or object type"),
    408: (UnexpectedStatus, "The request was given up by the server"),
    409: (Conflict, "A unique value is already taken"),
    413: (RequestTooLarge, "The request is too large"),
    414: (RequestTooLarge, "The request is too large"),
    422: (InvalidBatch, "HubSpot refused the request"),
    423: (Locked, "HubSpot has locked these records for a moment"),
    425: (UnexpectedStatus, "The server was not ready for the request"),
    429: (RateLimited, "HubSpot's request limit is reached"),
    477: (AccountMoving, "The account is moving to another data hosting region"),
}

_MOVED = frozenset({301, 307, 308})
"""Redirects that say: the request is to be made elsewhere. After a 302 or 303 it may have been carried out.
"""

_WHOLE_REQUEST = re.compile(
    r"(unable to perform \w+ by non-unique|unable to infer object type|invalid input json|cannot"
    r" deserialize)",
    re.I,
)
"""How HubSpot begins when it refuses the operation and not a row: these have no category and name no row."""


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
    ours = bool(parsed.model_fields_set)
    if not said and not ours:
        said = _plain_text(body)
    kind, happened = _kind(status, parsed, said, hubspots=ours)
    category = _word(parsed.category or parsed.error_type or (parsed.error and parsed.status))
    correlation_id = (
        parsed.correlation_id or lowered.get("x-hubspot-correlation-id") or parsed.request_id or ""
    )
    fields: dict[str, Any] = {
        "status": status,
        "category": category,
        "sub_category": _word(parsed.sub_category),
        "correlation_id": _word(correlation_id),
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
        fields["policy"] = _word(parsed.policy_name) or ("DAILY" if kind is DailyLimitReached else None)
    if issubclass(kind, Redirected):
        fields["location"] = location = _address(lowered.get("location", ""))
        happened = f"{happened}: the answer leads to {location}" if location else happened
    label = f"{status} {category}" if category else str(status)
    message = f"{happened} ({label})"
    says = "HubSpot says" if ours else "The answer says"
    error = kind(f'{message}. {says}: "{shorten(said)}"' if said else f"{message}.", **fields)
    if issubclass(kind, Redirected):
        error.may_have_acted = status not in _MOVED
    return error


def _kind(status: int, parsed: ErrorBody, said: str, *, hubspots: bool) -> Kind:
    category = (parsed.category or "").upper()
    if status == 429 and "DAILY" in (parsed.policy_name or said[:_KEPT]).upper():
        return DailyLimitReached, "The account's requests for today are used up"
    if status == 401 and "EXPIRED" in category:
        return ExpiredToken, "HubSpot says that the token has expired"
    if status == 403:
        return _forbidden(category, parsed, hubspots=hubspots)
    if status == 404 and category == "OBJECT_NOT_FOUND":
        return RecordsNotFound, "HubSpot has none of these records"
    if status == 400 and _WHOLE_REQUEST.match(said.lstrip()):
        return InvalidRequest, "HubSpot refused the request"
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 300 <= status <= 399:
        moved = "The request was not taken here"
        return Redirected, moved if status in _MOVED else "The answer is none to the request"
    if 400 <= status <= 499:
        return RequestRefused, "The request was refused"
    if 500 <= status <= 599:
        return ServerTrouble, "HubSpot's side failed"
    return UnexpectedStatus, "HubSpot gave an answer that is not documented for this request"


def _forbidden(category: str, parsed: ErrorBody, *, hubspots: bool) -> Kind:
    if category == "MISSING_SCOPES" or _scopes(parsed):
        return MissingScopes, "The app may not do this"
    if hubspots:
        return Forbidden, "HubSpot forbids this"
    return Forbidden, "Something that does not answer as HubSpot does forbids this"


def _word(text: str | None) -> str | None:
    return shorten(text, _NAME) if text else None


def _address(location: str) -> str | None:
    """Where a redirect leads, without what may hold a secret: user, query and fragment."""
    try:
        parts = urlsplit(location[:2000].strip())
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    found = f"{parts.scheme}://{host}{port}{parts.path}" if host else parts.path
    return shorten(found, 200) or None


def _parse(body: bytes) -> ErrorBody:
    if len(body) > _LONGEST or holds_too_much(body):
        return ErrorBody()
    try:
        return ErrorBody.model_validate_json(body)
    except ValidationError:
        return ErrorBody()


def _scopes(parsed: ErrorBody) -> tuple[str, ...]:
    contexts = [parsed.context, *(detail.context for detail in parsed.errors)]
    names = ("requiredGranularScopes", "requiredScopes", "missingScopes")
    found = [scope for context in contexts for name in names for scope in context.get(name, [])]
    return tuple(dict.fromkeys(shorten(scope, _NAME) for scope in found[:100]))


_HIDDEN = frozenset({"script", "style", "head"})


def _plain_text(body: bytes) -> str:
    """Return the words of a page, its title first, with the tags taken out. In one pass, whatever the page
    is.
    """
    text = body[:20_000].decode("utf-8", errors="replace")
    if "<" not in text:
        return text.strip()
    first, *pieces = text.split("<")
    title, words, hidden, in_title = [], [first], "", False
    for piece in pieces:
        tag, closed, rest = piece.partition(">")
        name = tag.split(None, 1)[0].rstrip("/").lower() if tag.strip() else ""
        if name in ("title", "/title"):
            in_title = name == "title"
        elif not hidden and name in _HIDDEN:
            hidden = name
        elif hidden and name == f"/{hidden}":
            hidden = ""
        if closed and in_title:
            title.append(rest)
        elif closed and not hidden:
            words.append(rest)
    return html.unescape(" ".join([*title, *words]))


def shorten(text: str, limit: int = SHOWN) -> str:
    """One line of at most `limit` characters, control characters and runs of blanks made one blank."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 20]).split())
    return line if len(line) <= limit else f"{line[: limit - 3].rstrip()}..."


def parse_retry_after(value: str | None, *, now: Callable[[], float] = time.time) -> float | None:
    """Seconds to wait, from a `Retry-After` in seconds or as an HTTP date; None where it says nothing
    usable.
    """
    if value is None or len(value) > _NAME:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now()
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
