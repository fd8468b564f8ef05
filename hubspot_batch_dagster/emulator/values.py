"""Property values: what each kind of property accepts, and the form in which it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from hubspot_batch_dagster.emulator.definitions import PropertyDefinition
from hubspot_batch_dagster.emulator.exchange import Json
from hubspot_batch_dagster.emulator.owners import Owner

Check = Callable[[str], str]

MAX_STRING = 65_536
DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
_WHOLE = re.compile(r"-?\d+", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_DATETIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)", re.ASCII
)
_EMAIL = re.compile(r"(?!\.)[^\s@,;:<>()\[\]\\\"]+(?<!\.)@(?:[^\s@.,;:<>()\[\]\\\"_]+\.)+[^\W\d_][\w-]+")


class ValueRefused(Exception):
    """A value that a property does not take.

    Attributes:
        code: HubSpot's code, such as `INVALID_OPTION`.
        corrected: What the versions that normalise dates keep instead, or None.
        read_as: What the others may keep, or None if they refuse it.
    """

    def __init__(
        self, code: str, message: str, corrected: str | None = None, read_as: str | None = None
    ) -> None:
        super().__init__(code, message)
        self.code, self.message, self.corrected, self.read_as = code, message, corrected, read_as


def check_for(prop: PropertyDefinition, allowed: Collection[str] | None = None) -> Check | None:
    """Return the check for one property's values; None if any text of bearable length will do.

    Args:
        prop: The property.
        allowed: The values that count as options now (pipelines, stages); None takes the property's own.
    """
    if prop.rule == "emails":
        return lambda value: ";".join(email(part) for part in value.split(";") if part)
    if prop.rule == "owner":
        return _long
    if prop.type == "number":
        return _number
    if prop.type == "date":
        return _date
    if prop.type == "datetime":
        return _datetime
    if prop.type in ("enumeration", "bool"):
        options = frozenset(allowed if allowed is not None else (value for value, _ in prop.options))
        return _options(options) if prop.field_type == "checkbox" else _option(options)
    return None


def too_long(value: str) -> ValueRefused:
    """Return the refusal of a text over HubSpot's 65,536 characters."""
    return ValueRefused(
        "INVALID_STRING_LENGTH", f"Property value was {len(value)} characters long, {MAX_STRING} is the most"
    )


def _option(options: frozenset[str]) -> Check:
    def check(value: str) -> str:
        if value in options:
            return value
        raise _not_an_option(value, options)

    return check


def _options(options: frozenset[str]) -> Check:
    def check(value: str) -> str:
        for part in value.split(";"):
            if part not in options and part:
                raise _not_an_option(part, options)
        return value

    return check


def _not_an_option(value: str, options: frozenset[str]) -> ValueRefused:
    listed = ", ".join(sorted(options))
    return ValueRefused("INVALID_OPTION", f"{value} was not one of the allowed options: [{listed}]")


def email(value: str, known_tlds: Collection[str] | None = None) -> str:
    """Fold and check an address.

    The rules are HubSpot's own ("How does HubSpot validate email addresses?"): RFC 2822, no quoted local
    part, and a top-level domain of IANA's list, which changes and therefore comes from outside.

    Args:
        value: The address.
        known_tlds: Top-level domains in lower case; None takes any.

    Raises:
        ValueRefused: It is no address.
    """
    folded = value.strip().lower()
    known = known_tlds is None or folded.rpartition(".")[2] in known_tlds
    if _EMAIL.fullmatch(folded) and known and ".." not in folded:
        return folded
    raise ValueRefused("INVALID_EMAIL", f"Email address {value} is invalid")


def owner(value: str, owners: Mapping[str, Owner], refuse_unknown: bool) -> str:
    """Check an owner's id.

    A user's id is an error by HubSpot's owners guide, and users report `INVALID_OWNER_ID` for it.

    Args:
        value: The id.
        owners: Who may own records.
        refuse_unknown: Whether an id that nobody has is refused; a user's id always is.

    Raises:
        ValueRefused: It is no owner's id.
    """
    if value in owners:
        return value
    if not _WHOLE.fullmatch(value):
        raise ValueRefused("INVALID_LONG", f"{value} was not a valid long.")
    if refuse_unknown or any(str(known.user_id) == value for known in owners.values()):
        raise ValueRefused("INVALID_OWNER_ID", f"Owner {value} does not exist")
    return value


def company_domain(value: str, choice: str) -> str:
    """Check or fold a company's domain; what HubSpot does is not known.

    Args:
        value: The domain, or an address with one in it.
        choice: `keep` it, `normalise` it (no scheme, path or `www.`, lower case), or `refuse` what is none.

    Raises:
        ValueRefused: It is no domain, and those are refused.
    """
    if choice == "keep":
        return value
    bare = re.sub(r"^https?://", "", value.strip().lower()).partition("/")[0].removeprefix("www.")
    if choice == "refuse" and value != bare:
        raise ValueRefused("INVALID_DOMAIN", f"{value} was not a valid domain.")
    return bare


@dataclass(frozen=True)
class Rule:
    """One validation rule of a property.

    Attributes:
        type: Such as `MAX_LENGTH`.
        arguments: Such as `("40",)`.
        normalises: Whether HubSpot may mend a value instead of refusing it.
    """

    type: str
    arguments: tuple[str, ...]
    normalises: bool = False


def follow(rules: Iterable[Rule], name: str, value: str) -> None:
    """Hold a value against the rules of its property, those about length, size and letters.

    Raises:
        ValueRefused: It breaks one.
    """
    for rule in rules:
        broken = _BREAKS.get(rule.type)
        if broken is not None and broken(value, rule.arguments[0]):
            message = f"{name} does not follow {rule.type} {rule.arguments[0]}"
            raise ValueRefused("PROPERTY_VALIDATION_RULE", message)


_BREAKS: dict[str, Callable[[str, str], bool]] = {
    "MIN_LENGTH": lambda value, least: len(value) < int(least),
    "MAX_LENGTH": lambda value, most: len(value) > int(most),
    "MIN_NUMBER": lambda value, least: float(value) < float(least),
    "MAX_NUMBER": lambda value, most: float(value) > float(most),
    "ALPHANUMERIC": lambda value, _: not value.isalnum(),
    "REGEX": lambda value, pattern: re.fullmatch(pattern, value) is None,
}


def _long(value: str) -> str:
    if _WHOLE.fullmatch(value):
        return value
    raise ValueRefused("INVALID_LONG", f"{value} was not a valid long.")


def _number(value: str) -> str:
    if _NUMBER.fullmatch(value):
        return value
    raise ValueRefused("INVALID_NUMBER", f"{value} was not a valid number.")


def _date(value: str) -> str:
    match = _DATE.fullmatch(value)
    if match:
        try:
            date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            raise ValueRefused("INVALID_DATE", f"{value} was not a valid date.") from None
        return value
    moment = _moment(value, "date")
    day = moment.strftime("%Y-%m-%d").rjust(10, "0")
    if moment.hour or moment.minute or moment.second or moment.microsecond:
        clock = f"{moment.hour}:{moment.minute}:{moment.second}.{moment.microsecond // 1000}"
        # The words of a live account (hubspot-net/HubSpot.NET#98).
        raise ValueRefused("INVALID_DATE", f"{value} is at {clock} UTC, not midnight!", corrected=day)
    return day


def _datetime(value: str) -> str:
    if _WHOLE.fullmatch(value) and 0 < abs(int(value)) < 100 * 1_000_000_000 and int(value) % DAY_MS:
        raise ValueRefused(
            "INVALID_LONG",
            f"{value} was not a valid long.",
            corrected=_written(_moment(str(int(value) * 1000), "long")),
            read_as=_written(_moment(value, "long")),
        )
    if _DATE.fullmatch(value):
        try:
            return _date(value) + "T00:00:00Z"
        except ValueRefused:
            raise _unreadable(value, "long") from None
    return _written(_moment(value, "long"))


def _unreadable(value: str, kind: str) -> ValueRefused:
    """Build the refusal of what is no time; of a datetime it speaks of a long, as live accounts do."""
    code = "INVALID_LONG" if kind == "long" else "INVALID_DATE"
    return ValueRefused(code, f"{value} was not a valid {kind}.")


def _moment(value: str, kind: str) -> datetime:
    refused = _unreadable(value, kind)
    try:
        if _WHOLE.fullmatch(value):
            return _EPOCH + timedelta(milliseconds=int(value))
        match = _DATETIME.fullmatch(value)
        if match is None:
            raise refused
        year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
        fraction = int((match[7] or "0").ljust(6, "0")[:6])
        naive = datetime(year, month, day, hour, minute, int(match[6] or 0), fraction, tzinfo=timezone.utc)
        return naive - _offset(match[8])
    except (ValueError, OverflowError):
        raise refused from None


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    sign = -1 if zone[0] == "-" else 1
    return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))


def _written(moment: datetime) -> str:
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    millis = moment.microsecond // 1000
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


def value_error(name: str, value: str, refused: ValueRefused) -> Json:
    """Return a refused value as an item of an error\'s list."""
    return {
        "isValid": False,
        "message": refused.message,
        "error": refused.code,
        "name": name,
        "propertyValue": value[:200],
    }


def warning(name: str, raw: str, kept: str) -> dict[str, Any]:
    """Return the warning for a value that was corrected."""
    return {
        "category": "PROPERTY_VALUE_NORMALIZED",
        "message": f"The value of {name} was normalized from {raw} to {kept}.",
        "context": {"rawValue": raw, "normalizedValue": kept, "propertyName": name},
    }
