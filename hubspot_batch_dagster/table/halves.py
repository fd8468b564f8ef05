"""Floats of 16 bits as floats of 64 that have the same digits."""

from __future__ import annotations

import struct

import pyarrow as pa

from hubspot_batch_dagster.table.kernels import Array, cells

_DIGITS = range(1, 6)  # five tell any two halves apart


def shortest_half(value: float) -> float:
    """Return the float with the fewest digits that reads back as the same half: 0.1, where the half itself is
    0.0999755859375.

    A whole number stays as it is.
    """
    if value.is_integer() or value != value:
        return value
    for digits in _DIGITS:
        short = float(f"{value:.{digits}g}")
        if struct.pack("<e", short) == struct.pack("<e", value):
            return short
    return value


def widened(array: Array) -> Array:
    """Return a column of halves as floats of 64 bits."""
    halves = [None if each is None else shortest_half(float(each)) for each in cells(array)]
    return pa.array(halves, pa.float64())
