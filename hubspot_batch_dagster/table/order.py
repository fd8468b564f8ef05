"""The order of rows by a column: a text that sorts as its values do."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.check import Problem
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.kernels import Array, ends, floor_divided, pc
from hubspot_batch_dagster.table.messages import written
from hubspot_batch_dagster.table.mixed import (
    is_mixed,
    is_unreadable,
    joined_parts,
    parts_of,
    problems_of,
    problems_of_parts,
)
from hubspot_batch_dagster.table.plain import single_type
from hubspot_batch_dagster.table.text import PER_SECOND, Text, instants_of

_DIGITS = 20
"""Digits of the largest whole number that fits into 64 bits, and one more."""


def check_order(name: str, kind: pa.DataType, what: str = "as_of column") -> None:
    """Refuse a column whose values have no order that is beyond doubt.

    Raises:
        TableError: It holds neither points in time, nor dates, nor whole numbers.
    """
    types, one = pa.types, single_type(kind)
    if not (types.is_timestamp(one) or types.is_date(one) or types.is_integer(one) or types.is_null(one)):
        raise TableError(
            f"The {what} '{name}' is of type {one}, which does not say what is newer.",
            column=name,
            remedy=(
                "Cast it to a timestamp, a date or a whole number: texts of points in time do not sort as"
                " these do."
            ),
        )


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


def order_text(name: str, values: Array) -> Text:
    """Return the values as texts that sort as they do; nulls stay, and a cell that cannot be read is a
    problem.

    Raises:
        TableError: As for :func:`check_order`; a number is below zero, or a year is not 1 to 9999.
    """
    check_order(name, values.type)
    values, problems = readable(values)
    if pa.types.is_null(values.type):
        return Text(pa.nulls(len(values), pa.string()), problems)
    if not pa.types.is_integer(values.type):
        return Text(_moments(name, values), problems)
    least = ends(values)[0]
    if least is not None and least < 0:
        raise TableError(
            f"The as_of column '{name}' has a number below zero.",
            column=name,
            remedy="Give whole numbers from zero on, or a timestamp.",
        )
    return Text(pc.utf8_lpad(values.cast(pa.string()), _DIGITS, "0"), problems)


def _moments(name: str, values: Array) -> Array:
    """ISO 8601 to the microsecond, and three digits more where there are nanoseconds: such texts sort among
    the others.
    """
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("s"))
    for each in instants_of(values)[1]:
        raise TableError(
            f"The as_of column '{name}' has {written(values, each.positions()[0])}, and its texts sort in the"
            " years 1 to 9999.",
            column=name,
            remedy="Correct it, or leave it empty.",
        )
    micros = microseconds(values)
    text = pc.strftime(micros.view(pa.timestamp("us", "UTC")), format="%Y-%m-%dT%H:%M:%S")
    if values.type.unit != "ns":
        return text
    rest = pc.subtract(values.view(pa.int64()), pc.multiply(micros.view(pa.int64()), 1000))
    more = pc.utf8_lpad(rest.cast(pa.string()), 3, "0")
    return pc.if_else(pc.equal(rest, 0), text, pc.binary_join_element_wise(text, more, ""))


def microseconds(values: Array) -> Array:
    """Timestamps to the microsecond, rounded down; null where the year is not 1 to 9999."""
    instants, per_second = instants_of(values)[0], PER_SECOND[values.type.unit]
    micros = floor_divided(instants, 1000) if per_second == PER_SECOND["ns"] else instants
    if per_second < PER_SECOND["us"]:
        micros = pc.multiply(instants, PER_SECOND["us"] // per_second)
    return micros.view(pa.timestamp("us", values.type.tz))
