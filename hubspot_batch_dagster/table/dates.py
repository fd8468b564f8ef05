"""Columns as text for date and datetime properties."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from math import isfinite

import pyarrow as pa

from hubspot_batch_dagster.table.check import (
    INVALID_DATE,
    INVALID_DATETIME,
    Code,
    Problem,
    problem,
)
from hubspot_batch_dagster.table.kernels import (
    Array,
    by_value,
    cells,
    emptied,
    everywhere,
    floor_divided,
    nan_to_null,
    pc,
    suffixed,
)
from hubspot_batch_dagster.table.text import PER_SECOND, Text, instants_of, text_of, without

CUT_TIME = Code(
    "time of day",
    "has a time of day",
    "Cast the column to a date.",
    "HubSpot: what is new in version 2026-09",
)
"""Rejects nothing: HubSpot would keep the day alone, and so the day is sent."""

_EPOCH = re.compile(r"-?[0-9]{1,15}")
_MILLIS_PER_DAY = 86_400_000
_FIRST_MILLI, _END_MILLI = -62_135_596_800_000, 253_402_300_800_000  # years 1 to 9999
_SECONDS_LOOK_ALIKE = 100_000_000_000
_MIDNIGHT = "T00:00:00.000Z"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOMENT = (
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)? ?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def date_property_text(array: Array) -> Text:
    """Return a column for a date property.

    Dates, timestamps at midnight UTC, text that is YYYY-MM-DD or ISO 8601 at midnight UTC, and epoch
    milliseconds at midnight UTC. HubSpot refuses times that are not midnight, so they are problems here.
    Whole floats and decimals are epoch milliseconds from 100,000,000,000 on.
    """
    types, kind = pa.types, array.type
    if types.is_date(kind) or types.is_null(kind):
        return text_of(array)
    if types.is_timestamp(kind):
        return _midnights(array)
    if types.is_integer(kind):
        return _integers(array, INVALID_DATE, _is_midnight)
    if types.is_floating(kind) or types.is_decimal(kind):
        return _fractions(array, INVALID_DATE, lambda millis: _is_clear(millis) and _is_midnight(millis))
    if types.is_string(kind):
        return _parsed(array, _DAY, (pa.date32(),)) or _by_cell(array, INVALID_DATE, _date_cell)
    return Text(pa.nulls(len(array), pa.string()), list(problem(array.is_valid(), INVALID_DATE, array)))


def day_text(array: Array) -> Text:
    """Return the same where HubSpot keeps the day of a date with a time of day: its day in UTC, with a
    problem `CUT_TIME`.
    """
    text = date_property_text(array)
    if not text.problems:
        return text
    moments = datetime_property_text(array)
    cut = pc.and_not(_of_any(text.problems, len(array)), _of_any(moments.problems, len(array)))
    days = by_value(emptied(pc.invert(cut), moments.values), _day)
    refused = [Problem(pc.and_not(each.mask, cut), each.code, each.says) for each in text.problems]
    return Text(pc.if_else(cut, days, text.values), [*refused, *problem(cut, CUT_TIME)], plain=True)


def _of_any(problems: list[Problem], rows: int) -> Array:
    found: Array = pa.array([False] * rows, pa.bool_())
    for each in problems:
        found = pc.or_(found, each.mask)
    return found


def _day(moment: str) -> str:
    if _EPOCH.fullmatch(moment):
        return (dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=int(moment))).date().isoformat()
    return moment[:10]


def datetime_property_text(array: Array) -> Text:
    """Return a column for a datetime property.

    Timestamps, dates (midnight UTC), ISO 8601 text with or without a zone (without: UTC), and epoch
    milliseconds as integers, whole floats, decimals or text. Counts below 100,000,000,000 are refused unless
    they are integers or text and midnights: they are far likelier seconds than milliseconds before 1973.
    """
    types, kind = pa.types, array.type
    if types.is_timestamp(kind) or types.is_null(kind):
        return text_of(array)
    if types.is_date(kind):
        dates = text_of(array)
        return Text(suffixed(dates.values, _MIDNIGHT), dates.problems, plain=True)
    if types.is_integer(kind):
        return _integers(array, INVALID_DATETIME, _is_instant)
    if types.is_floating(kind) or types.is_decimal(kind):
        return _fractions(array, INVALID_DATETIME, _is_clear)
    if types.is_string(kind):
        kinds = (pa.timestamp("us"), pa.timestamp("us", "UTC"))
        return _parsed(array, _MOMENT, kinds) or _by_cell(array, INVALID_DATETIME, _datetime_cell)
    return Text(pa.nulls(len(array), pa.string()), list(problem(array.is_valid(), INVALID_DATETIME, array)))


def _midnights(array: Array) -> Text:
    instants, found = instants_of(array)
    problems = [Problem(each.mask, INVALID_DATE, each.says) for each in found]
    per_day = PER_SECOND[array.type.unit] * 86_400
    days = floor_divided(instants, per_day)
    problems += problem(pc.not_equal(pc.multiply(days, per_day), instants), INVALID_DATE, array)
    return Text(days.cast(pa.int32()).view(pa.date32()).cast(pa.string()), problems, plain=True)


def _integers(array: Array, code: Code, fits: Callable[[int], bool]) -> Text:
    wrong = [value is not None and not fits(value) for value in cells(array)]
    found = list(problem(pa.array(wrong, pa.bool_()), code, array))
    return Text(without(array, found).cast(pa.string()), found, plain=True)


def _fractions(array: Array, code: Code, fits: Callable[[int], bool]) -> Text:
    """Whole floats and decimals as epoch milliseconds."""
    if pa.types.is_floating(array.type):
        array = nan_to_null(array)
    texts, wrong = [], []
    for value in cells(array):
        is_right = value is not None and isfinite(value) and value == int(value) and fits(int(value))
        texts.append(str(int(value)) if is_right else None)
        wrong.append(value is not None and not is_right)
    return Text(
        pa.array(texts, pa.string()), list(problem(pa.array(wrong, pa.bool_()), code, array)), plain=True
    )


def _is_clear(millis: int) -> bool:
    """Far likelier milliseconds than seconds."""
    return abs(millis) >= _SECONDS_LOOK_ALIKE and _FIRST_MILLI <= millis < _END_MILLI


def _is_midnight(millis: int) -> bool:
    return _FIRST_MILLI <= millis < _END_MILLI and millis % _MILLIS_PER_DAY == 0


def _is_instant(millis: int) -> bool:
    return _is_midnight(millis) or _is_clear(millis)


def _parsed(array: Array, pattern: str, kinds: tuple[pa.DataType, ...]) -> Text | None:
    """Return the whole column read by one kernel, or None where a cell needs a closer look."""
    if not everywhere(pc.match_substring_regex(array, f"^(?:{pattern})$")):
        return None
    for kind in kinds:
        try:
            text = text_of(array.cast(kind))
        except pa.ArrowInvalid:
            continue
        return None if text.problems else text
    return None


def _by_cell(array: Array, code: Code, read: Callable[[str], str | None]) -> Text:
    text = by_value(array, read)
    return Text(text, list(problem(pc.and_(text.is_null(), array.is_valid()), code, array)), plain=True)


def _date_cell(cell: str) -> str | None:
    """Return a cell of a date property as it is sent, or None if it is no date."""
    text = cell.strip()
    if not text:
        return None if cell else ""
    if _EPOCH.fullmatch(text):
        return text if _is_midnight(int(text)) else None
    moment = _datetime_cell(text)
    return moment[:10] if moment is not None and moment.endswith(_MIDNIGHT) else None


def _datetime_cell(cell: str) -> str | None:
    """Return a cell of a datetime property in UTC, or None if it is no point in time."""
    text = cell.strip()
    if not text:
        return None if cell else ""
    if _EPOCH.fullmatch(text):
        return text if _is_instant(int(text)) else None
    found = re.fullmatch(_MOMENT, text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        moment = dt.datetime(year, month, day, hour, minute, second) - _offset(found[8])
    except (ValueError, OverflowError):
        return None
    return f"{moment.isoformat()}.{(found[7] or '').ljust(3, '0')[:3]}Z"


def _offset(zone: str | None) -> dt.timedelta:
    if zone is None or zone in "Zz":
        return dt.timedelta(0)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    offset = dt.timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset
