"""The order of rows by a column: a text that sorts as its values do."""

from __future__ import annotations

import pyarrow as pa

from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.kernels import Array, pc
from hubspot_batch_dagster.table.plain import single_type

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
            remedy="Cast it to a timestamp, a date or a whole number: texts of points in time do not sort as these do.",
        )


def order_text(name: str, values: Array) -> Array:
    """The values as texts that sort as they do; nulls stay.

    Raises:
        TableError: As for :func:`check_order`; or a number is below zero.
    """
    check_order(name, values.type)
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), pa.string())
    if not pa.types.is_integer(values.type):
        return pc.strftime(pc.cast(values, pa.timestamp("us", "UTC")), format="%Y-%m-%dT%H:%M:%S")
    if pc.any(pc.less(values, pa.scalar(0))).as_py():  # type: ignore[attr-defined]
        raise TableError(
            f"The as_of column '{name}' has a number below zero.",
            column=name,
            remedy="Give whole numbers from zero on, or a timestamp.",
        )
    return pc.utf8_lpad(pc.cast(values, pa.string()), _DIGITS, "0")
