"""Columns whose cells are of several types, and cells that cannot be read at all.

A mixed column is a dense union: each cell keeps the type that it came with. A cell that cannot be read is of
the type `Unreadable`, and says why: it costs its row and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import pyarrow as pa

from hubspot_batch_dagster.table.check import CODES, Code, Problem
from hubspot_batch_dagster.table.kernels import Array, cells, pc

_STORED = pa.struct([("code", pa.string()), ("says", pa.string())])
_BY_NAME = {code.name: code for code in CODES}


class Fault(NamedTuple):
    """Why a cell cannot be read: the code, and the sentence without the remedy."""

    code: Code
    says: str


class Unreadable(pa.ExtensionType):
    """Cells that cannot be read, each with its reason.

    Args:
        of: The type that they came with, if they are of one.
    """

    def __init__(self, of: str = "") -> None:
        self.of = of
        super().__init__(_STORED, "hubspot_batch_dagster.unreadable")

    def __arrow_ext_serialize__(self) -> bytes:
        return self.of.encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> Unreadable:
        return cls(serialized.decode())


@dataclass(frozen=True)
class Part:
    """The cells of a mixed column that are of one type.

    Attributes:
        cells: The cells, in order.
        places: Where they stand in the column.
    """

    cells: Array
    places: Array


def is_mixed(kind: pa.DataType) -> bool:
    """Whether a column of this type holds cells of several types."""
    return pa.types.is_union(kind)


def is_list_of_several(kind: pa.DataType) -> bool:
    """Whether a cell of this type is a list whose elements are of several types."""
    return pa.types.is_list(kind) and is_mixed(kind.value_type)


def is_unreadable(kind: pa.DataType) -> bool:
    """Whether no cell of this type can be read."""
    return isinstance(kind, Unreadable)


def unreadable(faults: Sequence[Fault | None], of: str = "") -> Array:
    """Return a column of cells that cannot be read; None is an empty cell."""
    rows = [None if each is None else {"code": each.code.name, "says": each.says} for each in faults]
    stored = pa.array(rows, _STORED)
    return cast("Array", pa.ExtensionArray.from_storage(Unreadable(of), stored))


def problems_of(array: Array) -> list[Problem]:
    """Return what an unreadable column says of itself."""
    storage = cast("pa.ExtensionArray[Any]", array).storage
    found: dict[str, dict[int, str]] = {}
    for at, cell in enumerate(cells(storage)):
        if cell is not None:
            found.setdefault(cell["code"], {})[at] = cell["says"]
    return [
        Problem(
            pa.array([at in says for at in range(len(array))], pa.bool_()), _BY_NAME[code], says.__getitem__
        )
        for code, says in found.items()
    ]


def mixed(parts: Iterable[Part], rows: int) -> Array:
    """Return a column of several parts, which together hold each place once; a single part stays of its
    type.
    """
    every = [part for part in parts if len(part.cells)]
    if len(every) == 1:
        return every[0].cells.take(pc.sort_indices(every[0].places))
    order = pc.sort_indices(pa.concat_arrays([part.places for part in every]))
    codes = pa.concat_arrays(
        [pa.array([code] * len(part.cells), pa.int8()) for code, part in enumerate(every)]
    )
    offsets = pa.concat_arrays([pa.array(range(len(part.cells)), pa.int32()) for part in every])
    names = [str(code) for code in range(len(every))]
    children = [part.cells for part in every]
    union: Any = pa.UnionArray.from_dense(
        cast("Any", codes.take(order)), cast("Any", offsets.take(order)), cast("Any", children), names
    )
    assert len(union) == rows
    return cast("Array", union)


def parts_of(array: Array) -> list[Part]:
    """Return the cells of a union column by their type."""
    union, found = cast("Any", array), []
    codes, kind = union.type_codes, union.type
    dense = kind.mode == "dense"
    rows = pa.array(range(len(array)), pa.int64())
    for index, code in enumerate(kind.type_codes):
        here = pc.equal(codes, pa.scalar(code, pa.int8()))
        places = rows.filter(here)
        if len(places):
            at = union.offsets.filter(here) if dense else places
            found.append(Part(union.field(index).take(at), places))
    return found


def set_apart(array: Array, faults: dict[int, Fault]) -> Array:
    """`array` with the cells at some positions unreadable."""
    rest = [at for at in range(len(array)) if at not in faults]
    bad = sorted(faults)
    return mixed(
        [
            Part(array.take(pa.array(rest, pa.int64())), pa.array(rest, pa.int64())),
            Part(unreadable([faults[at] for at in bad]), pa.array(bad, pa.int64())),
        ],
        len(array),
    )


def joined_parts(parts: Sequence[Part], values: Sequence[Array], kind: pa.DataType) -> Array:
    """Return the values made of each part, back in the order of the column."""
    if not parts:
        return pa.array([], kind)
    order = pc.sort_indices(pa.concat_arrays([part.places for part in parts]))
    return pa.concat_arrays(list(values)).take(order)


def problems_of_parts(parts: Sequence[Part], found: Sequence[list[Problem]], rows: int) -> list[Problem]:
    """Return the problems of each part as problems of the column."""
    return [
        _moved(each, cells(part.places), rows)
        for part, problems in zip(parts, found, strict=True)
        for each in problems
    ]


def _moved(found: Problem, places: list[int], rows: int) -> Problem:
    inside = {places[at]: at for at in found.positions()}
    mask = pa.array([at in inside for at in range(rows)], pa.bool_())
    says: Callable[[int], str] = lambda at: found.says(inside[at])  # noqa: E731 - a lambda binds `found`
    return Problem(mask, found.code, says)
