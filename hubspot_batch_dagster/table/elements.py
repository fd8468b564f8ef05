"""Columns whose cells are one value or a list of them, taken apart into single values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.kernels import Array, counted, pc
from hubspot_batch_dagster.table.mixed import Part, is_mixed, joined_parts, mixed, parts_of


@dataclass(frozen=True)
class Elements:
    """The values of a column, those of a list one after the other.

    Attributes:
        values: Each value; a null cell that is no list is one too.
        rows: The row of each, counted from the first of the column.
        lengths: How many each row has; `None` where no cell is a list, so each has one.
    """

    values: Array
    rows: Array
    lengths: Array | None

    def in_lists(self, made: Array) -> Array:
        """Return what was made of each value, in the lists that the values came in; as it is where no cell is
        a list.
        """
        if self.lengths is None:
            return made
        ends = pc.cumulative_sum(self.lengths).cast(pa.int32())
        offsets: Any = pa.concat_arrays([pa.array([0], pa.int32()), ends])
        lists: Any = pa.ListArray.from_arrays(offsets, made)
        found: Array = lists
        return found


def elements_of(array: Array) -> Elements:
    """Return the values of a column of values, of lists, or of both: a cell is a list or is not, row by
    row.
    """
    if pa.types.is_list(array.type):
        lengths = pc.fill_null(pc.list_value_length(array), 0)
        return Elements(pc.list_flatten(array), pc.list_parent_indices(array).cast(pa.int64()), lengths)
    if is_mixed(array.type):
        parts = list(_parts(array))
        if any(pa.types.is_list(part.cells.type) for part in parts):
            return _of_parts(parts)
    return Elements(array, counted(0, len(array)), None)


def _of_parts(parts: list[Part]) -> Elements:
    apart = [elements_of(part.cells) for part in parts]
    every = pa.concat_arrays([part.places.take(each.rows) for part, each in zip(parts, apart, strict=True)])
    order = pc.array_sort_indices(every)  # keeps the order within a row
    places = pc.array_sort_indices(order).cast(pa.int64())
    values, start = list[Part](), 0
    for each in apart:
        own = places.slice(start, len(each.values))
        inner = (
            _parts(each.values) if is_mixed(each.values.type) else [Part(each.values, counted(0, len(own)))]
        )
        values += [Part(part.cells, own.take(part.places)) for part in inner]
        start += len(own)
    lengths = [
        pa.array([1] * len(part.cells), pa.int32()) if each.lengths is None else each.lengths
        for part, each in zip(parts, apart, strict=True)
    ]
    found = mixed(values, len(every)) if len(every) else pa.nulls(0, pa.string())
    assert len(found) == len(every)
    return Elements(found, every.take(order), joined_parts(parts, lengths, pa.int32()))


def _parts(array: Array) -> Iterator[Part]:
    """Yield the parts of a mixed column, none of which is mixed itself."""
    for part in parts_of(array):
        if is_mixed(part.cells.type):
            for inner in _parts(part.cells):
                yield Part(inner.cells, part.places.take(inner.places))
        else:
            yield part
