"""pyarrow's compute kernels, typed as they are used here: arrays in, an array out.

The published stubs refuse Python scalars and mixed operands, which the kernels take.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute

Array: TypeAlias = "pa.Array[Any]"


_END = 2**31 - 1  # beyond the last byte of any text


class _Kernels(Protocol):
    def __getattr__(self, name: str) -> Callable[..., Array]: ...


pc = cast("_Kernels", pyarrow.compute)


def cells(array: Array) -> list[Any]:
    """Return the values as Python objects."""
    return array.to_pylist()


def by_value(array: Array, read: Callable[[str], str | None]) -> Array:
    """Text made from each distinct text of a column once, by a Python function."""
    encoded = array.dictionary_encode()
    texts = [None if cell is None else read(cell) for cell in encoded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(encoded.indices)


def ends(array: Array) -> tuple[Any, Any]:
    """Return the smallest and the largest value; None, None where all are null."""
    found = pyarrow.compute.min_max(array)
    return found["min"].as_py(), found["max"].as_py()


def anywhere(mask: Array) -> bool:
    """Whether a boolean column is true in any row."""
    return bool(pyarrow.compute.any(mask).as_py())


def everywhere(mask: Array) -> bool:
    """Whether a boolean column is true in every row that is not null."""
    return bool(pyarrow.compute.all(mask).as_py())


def floor_divided(array: Array, by: int) -> Array:
    """Integers divided by a positive number and rounded down; the kernel itself rounds towards zero."""
    cut = pc.divide(array, by)
    below = pc.less(array, pc.multiply(cut, by))
    return pc.subtract(cut, below.cast(array.type)) if anywhere(below) else cut


def octets(text: Array) -> Array:
    """Return the bytes of all values of a text column in a row: what holds for each of them is seen at once.

    Bytes of nulls may be among them, so this shows that something is nowhere, never that it is somewhere.
    """
    _, offsets, data = text.buffers()
    if offsets is None or data is None or len(text) == 0:
        return pa.array([], pa.uint8())
    bounds = pa.Array.from_buffers(pa.int32(), len(text) + 1, [None, offsets], offset=text.offset)
    start, stop = bounds[0].as_py(), bounds[-1].as_py()
    return pa.Array.from_buffers(pa.uint8(), stop - start, [None, data], offset=start)


def occurs(character: str, among: Array) -> bool:
    """Whether an ASCII character is among octets."""
    data = among.buffers()[1]
    return data is not None and character.encode() in data.slice(among.offset, len(among)).to_pybytes()


def is_blank(text: Array) -> Array:
    """Where a text is null, empty or white space."""
    stripped = text if _is_printable_ascii(text) else pc.utf8_trim_whitespace(text)
    return pc.fill_null(pc.equal(stripped, ""), True)


def trimmed_and_lowered(text: Array) -> Array:
    """Text without surrounding white space, in lower case."""
    if _is_printable_ascii(text):
        return pc.ascii_lower(text)  # ten times as fast
    return pc.utf8_lower(pc.utf8_trim_whitespace(text))


def _is_printable_ascii(text: Array) -> bool:
    """Whether no value can hold white space or letters beyond ASCII."""
    lowest, highest = ends(octets(text))
    return lowest is None or bool(ord(" ") < lowest and highest < 0x7F)


def counted(first: int, rows: int) -> Array:
    """Return the numbers `first`, `first + 1`, ..., one for each row."""
    return pc.add(pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), rows)), first - 1)


def prefixed(text: Array, by: str) -> Array:
    """Text with `by` before it; a third of the cost of joining."""
    return pc.binary_replace_slice(text, 0, 0, by)


def suffixed(text: Array, by: str) -> Array:
    """Text with `by` after it."""
    return pc.binary_replace_slice(text, _END, _END, by)


def emptied(mask: Array, array: Array) -> Array:
    """`array` with null where `mask` is true."""
    return pc.if_else(mask, pa.scalar(None, array.type), array)


def nowhere_null(mask: Array) -> Array:
    """Return a boolean column with false for null."""
    return pc.fill_null(mask, False) if mask.null_count else mask


def nan_to_null(array: Array) -> Array:
    """`array`, a column of floats, with null where it is NaN."""
    nan = pc.is_nan(array)
    if not anywhere(nan):
        return array
    return emptied(nan, array)
