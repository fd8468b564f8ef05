"""Python objects as an Arrow column, each cell with the type that it came with.

Arrow finds one type for a whole column and makes the cells fit it, with losses: true becomes 1.0 among
floats, a datetime among dates loses its time, a half float among integers its fraction. So it is asked only
where all cells are of one kind.
"""

from __future__ import annotations

import datetime as dt
import enum
import numbers
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, cast

import pyarrow as pa

from hubspot_batch_dagster.table.check import INVALID_NUMBER, INVALID_TEXT, UNSUPPORTED_TYPE
from hubspot_batch_dagster.table.halves import shortest_half
from hubspot_batch_dagster.table.kernels import Array
from hubspot_batch_dagster.table.messages import cut
from hubspot_batch_dagster.table.mixed import (
    Fault,
    Part,
    is_list_of_several,
    is_mixed,
    is_unreadable,
    mixed,
    unreadable,
)

CONVERSION_ERRORS = (
    pa.ArrowException,
    OverflowError,
    UnicodeEncodeError,
    TypeError,
    ValueError,
    NotImplementedError,  # of a time zone that has no name
)
_INT64, _UINT64 = 2**63, 2**64
_DECIMAL_PLACES = range(31)  # each number of places is a type of its own, and a union holds at most 127
_DECIMAL_DIGITS = 76
_MILLIS_PER_DAY = 86_400_000

_NAMES_OF_EMPTY = ("NoneType", "NAType", "NaTType", "MaskedConstant")
_MARKS_OF_FIELDS = ("_fields", "n_fields")
"""Of tuples whose places have names: they are structs and no lists."""

_Cell = tuple[str, Any]
"""The kind of a cell, and the value that a column of that kind is built from."""


def column_of(values: Sequence[object]) -> Array:
    """Return the values as an Arrow column: of one type where all are of one kind, mixed where they are not.

    None, NaN, NaT and pandas' NA are empty cells. What Arrow has no type for is unreadable, cell by cell.
    """
    try:
        found: Array = pa.array(values, from_pandas=True)
    except CONVERSION_ERRORS:
        return _sorted_out(values)
    if keeps_each_cell(found.type):
        return found
    kinds = {kind for kind in set(map(type, values)) if kind.__name__ not in _NAMES_OF_EMPTY}
    return found if _of_one_kind(kinds, values) else _sorted_out(values)


def _nanoseconds(moment: dt.datetime) -> int:
    """Return what a pandas Timestamp has beyond the microsecond."""
    return getattr(moment, "nanosecond", 0)


def keeps_each_cell(kind: pa.DataType) -> bool:
    """Whether Arrow finds this type only where every cell is of it, so that no cell was made to fit."""
    return pa.types.is_string(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)


def _of_one_kind(kinds: set[type], values: Sequence[Any]) -> bool:
    """Whether Arrow finds a type for the values that loses nothing of any."""
    if not kinds or kinds <= {int, float} or kinds in ({str}, {bool}, {dt.date}):
        return True
    if kinds == {str, float}:  # pandas' text with NaN
        return all(value != value for value in values if type(value) is float)
    if all(issubclass(kind, dt.datetime) for kind in kinds):
        moments = [value for value in values if value is not None]
        zones = set(map(type, map(attrgetter("tzinfo"), moments)))  # zones themselves need not be hashable
        finer = kinds != {dt.datetime} and any(map(_nanoseconds, moments))
        return not finer and (zones == {type(None)} or type(None) not in zones)
    if kinds == {Decimal}:
        return len({value.as_tuple()[2] for value in values if type(value) is Decimal}) == 1
    return False


def _sorted_out(values: Sequence[object]) -> Array:
    kinds: dict[str, tuple[list[int], list[Any]]] = {}
    for at, value in enumerate(values):
        kind, cell = _cell(value)
        places, found = kinds.setdefault(kind, ([], []))
        places.append(at)
        found.append(cell)
    empty, _ = kinds.pop("empty", ([], []))
    if len(kinds) == 1 and empty:
        ((kind, (places, found)),) = kinds.items()
        every: list[Any] = [None] * len(values)
        for at, cell in zip(places, found, strict=True):
            every[at] = cell
        kinds, empty = {kind: (list(range(len(values))), every)}, []
    parts = [Part(pa.nulls(len(empty)), _places(empty))]
    for kind, (places, found) in kinds.items():
        parts += _list_parts(found, places) if kind == "list" else _parts(kind, found, places)
    return mixed(parts, len(values))


def _parts(kind: str, values: list[Any], places: list[int]) -> list[Part]:
    try:
        return [Part(_build(kind, values), _places(places))]
    except CONVERSION_ERRORS:  # an aware datetime before the year 1 in UTC
        if len(values) == 1:
            return [Part(unreadable([_not_sent(values[0])]), _places(places))]
        middle = len(values) // 2
        halves = slice(0, middle), slice(middle, None)
        return [part for half in halves for part in _parts(kind, values[half], places[half])]


def _places(places: list[int]) -> Array:
    return pa.array(places, pa.int64())


_TYPES: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "unsigned": pa.uint64(),
    "float": pa.float64(),
    "short float": pa.float32(),
    "bytes": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "duration": pa.duration("us"),
    "naive": pa.timestamp("us"),
    "aware": pa.timestamp("us", "UTC"),
    "naive ns": pa.timestamp("ns"),
    "numpy ns": pa.timestamp("ns"),
    "aware ns": pa.timestamp("ns", "UTC"),
}


def _build(kind: str, values: list[Any]) -> Array:
    if kind == "unreadable":
        return unreadable(values)
    if kind.startswith("decimal"):
        found: Array = pa.array(values)
        return found
    return pa.array(values, _TYPES[kind])


def _list_parts(lists: list[list[Any] | None], places: list[int]) -> list[Part]:
    """Return lists by the type of their elements; those of which each has several types are one part."""
    try:
        elements = column_of([each for one in lists for each in one or ()])
    except RecursionError:
        return [Part(unreadable([None if one is None else _not_sent(one) for one in lists]), _places(places))]
    if not is_mixed(elements.type) and not is_unreadable(elements.type):
        return [Part(_lists_of(elements, lists), _places(places))]
    if len(lists) == 1 and (numerals := _numerals(lists[0])) is not None:
        return [Part(_lists_of(pa.array(numerals, pa.string()), lists), _places(places))]
    if len(lists) == 1:
        kind = cast("Any", elements.type)
        if is_unreadable(kind) or any(is_unreadable(each.type) for each in kind):
            return [Part(unreadable([_list_fault(lists[0])]), _places(places))]
        return [Part(_lists_of(elements, lists), _places(places))]
    kinds: dict[str, tuple[list[Array], list[int]]] = {}
    several, of_several = list[list[Any] | None](), list[int]()
    for one, place in zip(lists, places, strict=True):
        cells: Array = pa.nulls(1) if one is None else _list_parts([one], [place])[0].cells
        if is_list_of_several(cells.type):
            several.append(one)
            of_several.append(place)
            continue
        alike, where = kinds.setdefault(str(cells.type), ([], []))
        alike.append(cells)
        where.append(place)
    found = [Part(pa.concat_arrays(alike), _places(where)) for alike, where in kinds.values()]
    if several:  # in one union: they may be of very many types, and a column holds at most 127
        elements = column_of([each for one in several for each in one or ()])
        found.append(Part(_lists_of(elements, several), _places(of_several)))
    return found


def _numerals(one: list[Any] | None) -> list[str | None] | None:
    """Numbers of one type that Arrow has several for, as texts: decimals by their places, integers by their
    size.
    """
    kinds = {type(each) for each in one or () if each is not None}
    if one is None or kinds not in ({int}, {Decimal}):
        return None
    if any(isinstance(each, Decimal) and not each.is_finite() for each in one):
        return None
    return [None if each is None else format(each, "f" if kinds == {Decimal} else "d") for each in one]


def _lists_of(elements: Array, lists: list[list[Any] | None]) -> Array:
    offsets, end = [0], 0
    for one in lists:
        end += len(one or ())
        offsets.append(end)
    empty = pa.array([one is None for one in lists], pa.bool_())
    found: Any = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements, mask=empty)
    array: Array = found
    return array


def _list_fault(one: list[Any] | None) -> Fault:
    for each in one or ():
        kind, value = _cell(each)
        if kind == "unreadable" and value.code is INVALID_TEXT:
            return cast("Fault", value)
    return _not_sent(one)


def _cell(value: object) -> _Cell:
    try:
        return _reader(cast("Any", type(value)))(value)
    except CONVERSION_ERRORS:
        return "unreadable", _not_sent(value)


def _not_sent(value: object) -> Fault:
    kind = type(value).__qualname__
    return Fault(UNSUPPORTED_TYPE, f"{_written(value)}, of type {kind}, {UNSUPPORTED_TYPE.meaning}.")


def _written(value: object) -> str:
    try:
        return cut(repr(value)).encode("utf-8", "backslashreplace").decode()
    except Exception:  # any class may have a repr that fails; the message then has only its name
        return "A value"


@lru_cache(maxsize=512)
def _reader(kind: type) -> Callable[[Any], _Cell]:
    """How a value of a Python type is read."""
    if kind.__name__ in _NAMES_OF_EMPTY:
        return lambda _: ("empty", None)
    if kind.__name__ == "timedelta64":  # NumPy counts it among the integers
        return _numpy
    readers: tuple[tuple[Any, Callable[[Any], _Cell]], ...] = (
        (str, _text),
        (bool, lambda value: ("boolean", value)),
        (numbers.Integral, _integer),
        (enum.Enum, _refused),
        (float, _float),
        (Decimal, _decimal),
        (dt.datetime, _moment),
        (dt.date, lambda value: ("date", value)),
        (dt.time, lambda value: ("time", value)),
        (dt.timedelta, lambda value: ("duration", dt.timedelta(seconds=value.total_seconds()))),
        ((bytes, bytearray, memoryview), lambda value: ("bytes", bytes(value))),
        (uuid.UUID, lambda value: ("text", str(value))),
        (Mapping, _refused),
        (
            (set, frozenset),
            lambda value: ("list", sorted(value, key=lambda each: (str(type(each)), str(each)))),
        ),
        ((list, tuple), lambda value: ("list", list(value))),
        (pa.Scalar, _arrow),
    )
    if issubclass(kind, tuple) and any(hasattr(kind, each) for each in _MARKS_OF_FIELDS):
        return _refused
    found = next((read for base, read in readers if issubclass(kind, base)), None)
    if found is not None:
        return found
    if kind.__module__.partition(".")[0] == "numpy":
        return _numpy
    return _sequence if kind.__module__.partition(".")[0] in ("pandas", "polars", "pyarrow") else _refused


def _refused(value: object) -> _Cell:
    return "unreadable", _not_sent(value)


def _text(value: str) -> _Cell:
    text = str.__str__(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return "unreadable", Fault(INVALID_TEXT, f"{_written(text)} {INVALID_TEXT.meaning}.")
    return "text", text


def _integer(value: Any) -> _Cell:
    number = int(value)
    if -_INT64 <= number < _INT64:
        return "integer", number
    return ("unsigned", number) if 0 <= number < _UINT64 else ("text", str(number))


def _float(value: float) -> _Cell:
    return ("empty", None) if value != value else ("float", float(value))


def _short_float(value: float, *, half: bool) -> _Cell:
    if value != value:
        return "empty", None
    return ("float", shortest_half(value)) if half else ("short float", value)


def _decimal(value: Decimal) -> _Cell:
    if value.is_nan():
        return "empty", None
    if not value.is_finite():
        return "unreadable", Fault(INVALID_NUMBER, f"{_written(value)} {INVALID_NUMBER.meaning}.")
    _, digits, exponent = value.as_tuple()
    places = -int(exponent)
    if places in _DECIMAL_PLACES and max(len(digits), places) <= _DECIMAL_DIGITS:
        return f"decimal {places}", Decimal(value)  # Arrow would ask a class of its own for its text
    return "text", format(value, "f")


def _moment(value: dt.datetime) -> _Cell:
    offset = value.utcoffset()
    kind = "naive" if offset is None else "aware"
    if _nanoseconds(value):
        return f"{kind} ns", value
    moment = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    # Arrow asks some zones for a name, which they need not have.
    zone = None if offset is None else dt.timezone(offset)
    return kind, moment.replace(tzinfo=zone, fold=0)


def _numpy(value: Any) -> _Cell:
    """NumPy's scalars and arrays, by what they hold."""
    kind = value.dtype
    if getattr(value, "ndim", 0):  # tolist makes numbers of durations, and longer floats of short ones
        return "list", value.tolist() if kind.kind in "biuU" else list(value)
    if kind.kind == "b":
        return "boolean", bool(value)
    if kind.kind == "f" and kind.itemsize <= 4:
        return _short_float(float(value), half=kind.itemsize == 2)
    if kind.kind == "f" and float(value) == value:
        return _float(float(value))
    if kind.kind == "M":
        return _numpy_moment(value)
    if kind.kind == "m" and value == value:
        return "duration", value.astype("timedelta64[us]").item()
    return ("empty", None) if value != value else _refused(value)


def _numpy_moment(value: Any) -> _Cell:
    if value != value:  # NaT
        return "empty", None
    unit = value.dtype.name.partition("[")[2].rstrip("]")
    if unit == "D":
        return "date", value.item()
    if unit not in ("h", "m", "s", "ms", "us", "ns"):
        return _refused(value)  # months and years are periods, finer units have no type
    whole = value.astype("datetime64[us]")
    if unit == "ns" and whole != value:
        return "numpy ns", value
    if whole.astype(value.dtype) != value:
        return _refused(value)  # so far off that the microseconds ran over
    moment = whole.item()
    return ("naive", moment) if isinstance(moment, dt.datetime) else _refused(value)


def _arrow(value: Any) -> _Cell:
    """Arrow's scalars; their own `as_py` gives the storage of extensions, and longer floats for short
    ones.
    """
    kind, types = value.type, pa.types
    if not value.is_valid:
        return "empty", None
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name != "arrow.uuid":
        return _refused(value)
    if types.is_float32(kind) or types.is_float16(kind):
        return _short_float(float(value.as_py()), half=types.is_float16(kind))
    if types.is_date64(kind) and value.value % _MILLIS_PER_DAY:
        return _arrow(pa.scalar(value.value, pa.timestamp("ms")))  # a date with a time
    if types.is_dictionary(kind):
        return _arrow(value.dictionary[value.index.as_py()])
    if isinstance(value, pa.ListScalar):
        return "list", list(cast("Any", value).values)
    return _cell(value.as_py())


def _sequence(value: Any) -> _Cell:
    """Return a series or an array as a cell."""
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return "list", list(value)
    to_list = getattr(value, "to_list", None) or getattr(value, "tolist", None)  # pandas has both
    if to_list is None:
        return _refused(value)
    short = str(value.dtype) in ("float16", "float32", "Float16", "Float32")
    return "list", list(value.to_numpy()) if short else to_list()
