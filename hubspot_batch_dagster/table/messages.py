"""Values and types as the user wrote them, for messages."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.kernels import Array

_SHOWN_CHARACTERS = 40
_UNITS = {"s": "s", "ms": "ms", "us": "µs", "ns": "ns"}


def shown(values: Array, at: int) -> str:
    """The value at a position: text in quotes, all else with the word for its type, as a sentence begins.

    Cut to 40 characters: a message is not a copy of the data.
    """
    if pa.types.is_string(values.type):
        return quoted(values[at].as_py())
    return f"{cut(written(values, at))}, {type_words(values.type)},"


def quoted(text: str) -> str:
    """`text` in quotes, cut to 40 characters."""
    return repr(cut(text))


def cut(text: str) -> str:
    """The first 40 characters."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def type_words(kind: pa.DataType) -> str:
    """What a value of an Arrow type is called in a message."""
    types = pa.types
    if types.is_list(kind) and types.is_nested(kind.value_type):
        return "a list of lists or structs"
    words = (
        (types.is_boolean, "a boolean"),
        (types.is_integer, "a whole number"),
        (types.is_floating, "a float"),
        (types.is_decimal, "a decimal"),
        (types.is_date, "a date"),
        (types.is_timestamp, "a timestamp"),
        (types.is_time, "a time of day"),
        (types.is_duration, "a duration (timedelta)"),
        (types.is_interval, "an interval"),
        (types.is_binary, "bytes"),
        (types.is_list, "a list"),
        (types.is_map, "a map"),
        (types.is_struct, "a struct"),
    )
    return next((each for holds, each in words if holds(kind)), f"of type {kind}")


def written(values: Array, at: int) -> str:
    """The value at a position as its user would write it."""
    cell = values[at]
    try:
        value = cell.as_py()
    except (OverflowError, ValueError):  # the year 10000
        return _far_off(cell)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return str(value)


def _far_off(cell: Any) -> str:
    try:
        text = str(cell.cast(pa.string()))
    except pa.ArrowInvalid:  # pyarrow 19 does not know a zone that is an offset: the same moment in UTC
        text = str(cell.cast(pa.timestamp(cell.type.unit)).cast(pa.string()))
    if "out of range" not in text:
        return text
    return f"{cell.cast(pa.int64())} {_UNITS[cell.type.unit]} from 1970"
