"""Values and types as the user wrote them, for messages."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.kernels import Array

_SHOWN_CHARACTERS = 40
NO_PYTHON_VALUE = (OverflowError, ValueError, LookupError)
"""What Arrow raises where Python has no such value: the year 10000, a time zone that is not known."""

_UNITS = {"s": "s", "ms": "ms", "us": "µs", "ns": "ns"}


def shown(values: Array, at: int) -> str:
    """Return the value at a position: text in quotes, all else with the word for its type, as a sentence
    begins.

    Cut to 40 characters: a message is not a copy of the data.
    """
    cell: Any = values[at]
    kind = cell.value.type if pa.types.is_union(values.type) else values.type
    if pa.types.is_string(kind):
        return quoted(cell.as_py())
    return f"{cut(written(values, at))}, {type_words(kind)},"


def quoted(text: str) -> str:
    """`text` in quotes, cut to 40 characters."""
    return repr(cut(text))


def cut(text: str) -> str:
    """Return the first 40 characters."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def type_words(kind: pa.DataType) -> str:
    """Return what a value of an Arrow type is called in a message."""
    types = pa.types
    if types.is_list(kind) and types.is_union(kind.value_type):
        return "a list of several types"
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
    """Return the value at a position as its user would write it."""
    cell: Any = values[at]
    if isinstance(cell, pa.UnionScalar):
        cell = cell.value
    try:
        value = cell.as_py()
    except NO_PYTHON_VALUE:
        return _far_off(cell)
    if isinstance(value, Decimal):
        return format(value, "f")
    if pa.types.is_float32(cell.type):
        return str(cell.cast(pa.string()))  # Python would show the digits of a longer float
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return str(value)


def _is_moment(kind: pa.DataType) -> bool:
    return pa.types.is_temporal(kind)


def _far_off(cell: Any) -> str:
    kind: Any = cell.type
    if not _is_moment(kind):
        return type_words(kind)  # a list with such an element
    try:
        text = str(cell.cast(pa.string()))
    except pa.ArrowInvalid:  # pyarrow 19 does not know a zone that is an offset: the same moment in UTC
        text = str(cell.cast(pa.timestamp(kind.unit)).cast(pa.string()))
    if "out of range" not in text:
        return text
    if pa.types.is_date32(kind):
        return f"{cell.cast(pa.int32())} days from 1970"
    return f"{cell.cast(pa.int64())} {_UNITS[kind.unit]} from 1970"
