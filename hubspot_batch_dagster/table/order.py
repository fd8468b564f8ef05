"""The order of rows by a column: a text that sorts as its values do."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.check import INVALID_ORDER, Problem, problem
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.kernels import Array, ends, floor_divided, pc, prefixed
from hubspot_batch_dagster.table.mixed import (
    is_mixed,
    is_unreadable,
    joined_parts,
    parts_of,
    problems_of,
    problems_of_parts,
)
from hubspot_batch_dagster.table.plain import single_type, types_in
from hubspot_batch_dagster.table.text import (
    PER_SECOND,
    Text,
    by_type,
    date_text,
    instants_of,
    unsupported,
    without,
)

_DIGITS = 20
"""Digits of the largest whole number that fits into 64 bits, and one more."""


def check_order(name: str, kind: pa.DataType, what: str = "as_of column", *, one_type: bool = False) -> None:
    """Refuse a column whose values have no order that is beyond doubt.

    Args:
        name: The column.
        kind: Its type, which may be a mixed one.
        what: What the column is, for the message.
        one_type: Its values must be of one type too.

    Raises:
        TableError: It holds neither points in time, nor dates, nor whole numbers, or numbers beside the
            others.
    """
    found = [single_type(kind)] if one_type else types_in(kind)
    orders = {_order_of(each) for each in found}
    if len(orders - {None}) == 1 or not found or all(map(pa.types.is_null, found)):
        return
    held = " and ".join(map(str, found))
    raise TableError(
        f"The {what} '{name}' is of type {held}, which does not say what is newer.",
        column=name,
        remedy="Cast it to a timestamp, a date or a whole number: texts of points in time do not sort as "
        "these do.",
    )


def _order_of(kind: pa.DataType) -> str | None:
    """Return what the values of a type are ordered by; None where they have no order that is beyond doubt."""
    types = pa.types
    if types.is_timestamp(kind) or types.is_date(kind):
        return "time"
    return "number" if types.is_integer(kind) else None


def readable(values: Array) -> tuple[Array, list[Problem]]:
    """Return a column as the one type that its cells have; null and a problem where a cell cannot be read."""
    if not is_mixed(values.type):
        return values, []
    kind, parts = single_type(values.type), parts_of(values)
    found = [problems_of(part.cells) if is_unreadable(part.cells.type) else [] for part in parts]
    empty: Any = kind
    cells: list[Array] = [
        part.cells if part.cells.type == kind else pa.nulls(len(part.cells), empty) for part in parts
    ]
    return joined_parts(parts, cells, kind), problems_of_parts(parts, found, len(values))


def order_text(values: Array) -> Text:
    """Return the values as texts that sort as they do; nulls stay, and a cell that does not say how new it is
    is a problem.

    Points in time sort among each other, and so do whole numbers.
    """
    if is_mixed(values.type):
        return by_type(values, order_text)
    order = _order_of(values.type)
    if order == "time":
        return _moments(values)
    if order == "number":
        return Text(_numerals(values), [])
    if is_unreadable(values.type):
        return unsupported(values)
    return Text(pa.nulls(len(values), pa.string()), list(problem(values.is_valid(), INVALID_ORDER, values)))


def _numerals(values: Array) -> Array:
    """Return digits of one length; for a number below zero a sign, which sorts before digits, and how far it
    is above the least one.
    """
    text = pc.utf8_lpad(values.cast(pa.string()), _DIGITS, "0")
    least = ends(values)[0]
    if least is None or least >= 0:
        return text
    above = pc.bit_wise_and(values.cast(pa.int64()), pa.scalar(2**63 - 1))
    below = prefixed(pc.utf8_lpad(above.cast(pa.string()), _DIGITS - 1, "0"), "-")
    return pc.if_else(pc.less(values, 0), below, text)


def _moments(values: Array) -> Text:
    """Return ISO 8601 to the microsecond, and three digits more where there are nanoseconds: such texts sort
    among the others.
    """
    found = date_text(values).problems if pa.types.is_date(values.type) else instants_of(values)[1]
    problems = [Problem(each.mask, INVALID_ORDER, each.says) for each in found]
    values = without(values, problems)
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("s"))
    micros = microseconds(values)
    text = pc.strftime(micros.view(pa.timestamp("us", "UTC")), format="%Y-%m-%dT%H:%M:%S")
    if values.type.unit == "ns":
        rest = pc.subtract(values.view(pa.int64()), pc.multiply(micros.view(pa.int64()), 1000))
        more = pc.utf8_lpad(rest.cast(pa.string()), 3, "0")
        text = pc.if_else(pc.equal(rest, 0), text, pc.binary_join_element_wise(text, more, ""))
    return Text(text, problems)


def microseconds(values: Array) -> Array:
    """Timestamps to the microsecond, rounded down; null where the year is not 1 to 9999."""
    instants, per_second = instants_of(values)[0], PER_SECOND[values.type.unit]
    micros = floor_divided(instants, 1000) if per_second == PER_SECOND["ns"] else instants
    if per_second < PER_SECOND["us"]:
        micros = pc.multiply(instants, PER_SECOND["us"] // per_second)
    return micros.view(pa.timestamp("us", values.type.tz))
