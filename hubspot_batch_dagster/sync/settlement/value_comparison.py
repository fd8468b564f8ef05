"""Values that were sent and values that a record has: whether they are the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from datetime import datetime, timedelta, timezone


def same_values(sent: Mapping[str, str], stored: Mapping[str, str | None]) -> bool:
    """Whether a record's values are those that were sent, after the changes that HubSpot is known to make.

    HubSpot trims and lower-cases emails and writes dates and numbers in its own way, so values are
    compared by what they mean. A record that says nothing of what was sent is not the same.
    """
    return bool(sent) and all(
        meaning(value) == meaning(stored.get(name) or "") for name, value in sent.items()
    )


def holds(sent: Mapping[str, str], stored: Mapping[str, str | None], numbers: Set[str] = frozenset()) -> bool:
    """Whether a record has the very values, so that they need not be sent.

    Only emails, points in time and ``numbers`` may be written in another way: elsewhere 1.10 is not 1.1.
    """
    return all(
        _holds(value, stored.get(name) or "", loosely=name == "email" or name in numbers)
        for name, value in sent.items()
    )


def related(sent: str, stored: str) -> bool:
    """Whether a value that came back can be what HubSpot made of the one that was sent.

    It formats phone numbers and cuts web addresses down to their domain; it does not put one text in the place of another.
    """
    shorter, longer = sorted((_plain(sent), _plain(stored)), key=len)
    same = shorter in longer if len(shorter) >= _TELLING else shorter == longer
    return same or meaning(sent) == meaning(stored)


def _holds(sent: str, stored: str, *, loosely: bool) -> bool:
    loosely = loosely or _INSTANT.match(_folded(stored)) is not None
    return sent == stored or (loosely and meaning(sent) == meaning(stored))


def _folded(value: str) -> str:
    return value.strip().lower()


_TELLING = 4
"""Characters from which on it is no accident that one text is found in another."""
_NOT_PLAIN = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?$")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(t\d\d:\d\d.*)?$")
_FRACTION = re.compile(r"\.(\d+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _plain(value: str) -> str:
    return _NOT_PLAIN.sub("", value).lower()


def meaning(value: str) -> str:
    """What a value says, however it is written: two values are the same if this is."""
    text = _folded(value).removeprefix(";")  # a leading one adds to the options
    if _NUMBER.match(text):
        return text.rstrip("0").rstrip(".").lstrip("+") if "." in text else text.lstrip("+")
    return _milliseconds(text) if _INSTANT.match(text) else text


def _milliseconds(text: str) -> str:
    """A point in time as HubSpot also takes it, in milliseconds since 1970."""
    exact = _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", text).replace("z", "+00:00")
    try:
        at = datetime.fromisoformat(exact)
    except ValueError:
        return text
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return str((at - _EPOCH) // timedelta(milliseconds=1))
