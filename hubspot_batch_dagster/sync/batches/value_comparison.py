"""Values that were sent and values that a record has: whether they are the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from html import unescape


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

    It formats phone numbers and cuts web addresses down to their domain; it does not put one text in the
    place of another.
    """
    shorter, longer = sorted((_plain(sent), _plain(stored)), key=len)
    same = shorter in longer if len(shorter) >= _TELLING else shorter == longer
    return same or meaning(sent) == meaning(stored)


def can_be(stored: str, sent: str) -> bool:
    """Whether a stored value is the one that was sent, in HubSpot's own way to write it.

    Blanks and capitals, dates and numbers, the order of options, the punctuation of phone numbers, the domain
    of a web address and the tags of a formatted text make no other value.
    """
    if not stored or not sent:
        return stored == sent
    return (
        meaning(sent) == meaning(stored)
        or _same_number(sent, stored)
        or _same_options(sent, stored)
        or _same_plainly(sent, stored)
        or _is_its_domain(sent, stored)
    )


def _same_number(sent: str, stored: str) -> bool:
    """Whether two texts are one number. HubSpot may cut a fraction to the digits of a float; whole numbers
    stay what they are.
    """
    one, other = _number(sent), _number(stored)
    if one is None or other is None:
        return False
    return one == other or ("." in sent and float(one) == float(other))


def _number(text: str) -> Decimal | None:
    return Decimal(text.strip()) if _NUMBER.match(text.strip()) else None


def _same_options(sent: str, stored: str) -> bool:
    """Whether several options are the same, or, behind a leading semicolon, were added."""
    wanted, there = ({each.strip().lower() for each in text.split(";")} - {""} for text in (sent, stored))
    return ";" in sent and (wanted <= there if sent.startswith(";") else wanted == there)


def _same_plainly(sent: str, stored: str) -> bool:
    if _number(sent) is not None and _number(stored) is not None:
        return False
    return _plain(_TAG.sub("", unescape(sent))) == _plain(_TAG.sub("", unescape(stored))) != ""


def _is_its_domain(sent: str, stored: str) -> bool:
    """Whether a stored value is the domain of a web address that was sent."""
    kept = _folded(stored)
    return "." in kept and kept in re.split(r"://|www\.|/", _folded(sent))


def _holds(sent: str, stored: str, *, loosely: bool) -> bool:
    loosely = loosely or _INSTANT.match(_folded(stored)) is not None
    return sent == stored or (loosely and meaning(sent) == meaning(stored))


def _folded(value: str) -> str:
    return value.strip().lower()


_TELLING = 4
"""Characters from which on it is no accident that one text is found in another."""
_TAG = re.compile(r"<[^<>]*>")
_NOT_PLAIN = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?$")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(t\d\d:\d\d.*)?$")
_FRACTION = re.compile(r"\.(\d+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _plain(value: str) -> str:
    return _NOT_PLAIN.sub("", value).lower()


def meaning(value: str) -> str:
    """Return what a value says, however it is written: two values are the same if this is."""
    text = _folded(value).removeprefix(";")  # a leading one adds to the options
    if _NUMBER.match(text):
        return text.rstrip("0").rstrip(".").lstrip("+") if "." in text else text.lstrip("+")
    return _milliseconds(text) if _INSTANT.match(text) else text


def _milliseconds(text: str) -> str:
    """Return a point in time as HubSpot also takes it, in milliseconds since 1970."""
    exact = _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", text).replace("z", "+00:00")
    try:
        at = datetime.fromisoformat(exact)
    except ValueError:
        return text
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return str((at - _EPOCH) // timedelta(milliseconds=1))
