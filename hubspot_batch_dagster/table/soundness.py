"""Cells that break the promise of their type: bytes that pose as text, decimals of more digits than fit."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa

from hubspot_batch_dagster.table.check import INVALID_TEXT, OUT_OF_RANGE
from hubspot_batch_dagster.table.kernels import Array, ends, pc
from hubspot_batch_dagster.table.messages import shown
from hubspot_batch_dagster.table.mixed import Fault, set_apart

_BEYOND = 2**127
"""Arrow's own check lets its negative through, the one integer of 128 bits that has no absolute value."""


def sound(array: Array) -> Array:
    """`array` with the cells unreadable that break the promise of its type."""
    types = pa.types
    kind = array.type.value_type if types.is_list(array.type) else array.type
    if not (types.is_string(kind) or types.is_decimal(kind)) or _is_sound(array):
        return array
    alone = (array.slice(at, 1) for at in range(len(array)))
    return set_apart(array, {at: _fault(cell, kind) for at, cell in enumerate(alone) if not _is_sound(cell)})


def _is_sound(array: Array) -> bool:
    if pa.types.is_list(array.type):
        array = pc.list_flatten(array)  # of a slice its own elements, and not all that lie beside them
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    if not pa.types.is_decimal128(array.type):
        return True
    least: Decimal | None = ends(array)[0]
    return least is None or least >= 0 or int("".join(map(str, least.as_tuple().digits))) < _BEYOND


def _fault(cell: Array, kind: pa.DataType) -> Fault:
    if pa.types.is_decimal(kind):
        return Fault(OUT_OF_RANGE, f"{shown(cell, 0)} {OUT_OF_RANGE.meaning}, {kind}.")
    return Fault(INVALID_TEXT, f"A cell {INVALID_TEXT.meaning}.")
