"""Columns as property text, by their Arrow type alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

import pyarrow as pa

from hubspot_batch_dagster.table.check import (
    INVALID_DATE,
    INVALID_DATETIME,
    INVALID_NUMBER,
    SEPARATOR_IN_VALUE,
    UNSUPPORTED_TYPE,
    Code,
    Problem,
    problem,
)
from hubspot_batch_dagster.table.kernels import (
    Array,
    anywhere,
    cells,
    emptied,
    ends,
    floor_divided,
    nan_to_null,
    nowhere_null,
    occurs,
    octets,
    pc,
    suffixed,
)
from hubspot_batch_dagster.table.messages import written
from hubspot_batch_dagster.table.mixed import (
    is_unreadable,
    joined_parts,
    parts_of,
    problems_of,
    problems_of_parts,
)

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, in days from 1970-01-01
_SECONDS_PER_DAY = 86_400
PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_LAST_INT64 = 2**63 - 1
_TOLD_ELEMENTS = 5


@dataclass(frozen=True)
class Text:
    """A column as text.

    Attributes:
        values: Null stays null.
        problems: What is to be rejected.
        plain: The values hold nothing that JSON escapes and are short: digits, dates, true and false.
    """

    values: Array
    problems: list[Problem]
    plain: bool = False


def text_of(array: Array) -> Text:
    """`array` as HubSpot writes its values.

    Text stays as it is. Numbers are plain digits: the shortest that read back as the same float, a decimal
    with the places it has. Dates are YYYY-MM-DD; timestamps ISO 8601 in UTC with milliseconds (cut, not
    rounded), where a timestamp without zone is taken as UTC. NaN is null. Other types have no text; for lists
    see `list_text`.
    """
    kind, types = array.type, pa.types
    if types.is_string(kind):
        return Text(array, [])
    if types.is_integer(kind) or types.is_boolean(kind):
        return Text(array.cast(pa.string()), [], plain=True)
    if types.is_null(kind):
        return Text(pa.nulls(len(array), pa.string()), [], plain=True)
    if types.is_floating(kind):
        return _float_text(array)
    if types.is_decimal(kind):
        return Text(_without_exponent(array.cast(pa.string()), "E"), [], plain=True)
    if types.is_date(kind):
        return date_text(array)
    if types.is_timestamp(kind):
        return timestamp_text(array)
    return unsupported(array)


def unsupported(array: Array) -> Text:
    """Every value is a problem: HubSpot has no text for the type."""
    found = (
        problems_of(array)
        if is_unreadable(array.type)
        else problem(array.is_valid(), UNSUPPORTED_TYPE, array)
    )
    return Text(pa.nulls(len(array), pa.string()), list(found))


def by_type(array: Array, encode: Callable[[Array], Text]) -> Text:
    """Return a mixed column: the cells of each type encoded by themselves."""
    parts = parts_of(array)
    texts = [encode(part.cells) for part in parts]
    values = joined_parts(parts, [text.values for text in texts], pa.string())
    found = problems_of_parts(parts, [text.problems for text in texts], len(array))
    return Text(values, found, plain=all(text.plain for text in texts))


def without(array: Array, problems: list[Problem]) -> Array:
    """`array` with null where it has a problem."""
    for each in problems:
        array = emptied(each.mask, array)
    return array


def _float_text(array: Array) -> Text:
    array = nan_to_null(array)
    found = list(problem(pc.is_inf(array), INVALID_NUMBER, array))
    array = without(array, found)
    whole = _small_whole(array)
    if whole is not None:
        return Text(whole.cast(pa.string()), found, plain=True)
    text = _without_exponent(array.cast(pa.string()), "e")
    tail = pc.ends_with(text, ".0")
    if anywhere(tail):
        text = pc.if_else(tail, pc.binary_slice(text, 0, -2), text)
    if anywhere(pc.equal(array, 0)):
        text = pc.if_else(pc.equal(text, "-0"), "0", text)
    return Text(text, found, plain=True)


def _small_whole(array: Array) -> Array | None:
    """Return the column as integers where every float is one whose digits are all significant."""
    exact = exact_below(array.type)
    smallest, largest = ends(array)
    if smallest is not None and not -exact < smallest <= largest < exact:
        return None
    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        return None


def exact_below(kind: pa.DataType) -> int:
    """Floats of a type are exact integers below this; from it on, neighbours share one float."""
    return 2**24 if pa.types.is_float32(kind) else 2**53


def _without_exponent(text: Array, mark: str) -> Array:
    if not occurs(mark, octets(text)):
        return text
    has = pc.match_substring(text, mark)
    plain = [format(Decimal(value), "f") for value in cells(text.filter(has))]
    return pc.replace_with_mask(text, nowhere_null(has), pa.array(plain, pa.string()))


def date_text(array: Array) -> Text:
    """Format a date32 column as YYYY-MM-DD; years outside 1 to 9999 are a problem."""
    days = array.view(pa.int32())
    outside = pc.or_(pc.less(days, _FIRST_DAY), pc.greater(days, _LAST_DAY))
    found = _outside_the_calendar(outside, INVALID_DATE, array)
    return Text(without(array, found).cast(pa.string()), found, plain=True)


def _outside_the_calendar(mask: Array, code: Code, array: Array) -> list[Problem]:
    return [
        Problem(each.mask, code, lambda at: f"{written(array, at)} is not in the years 1 to 9999.")
        for each in problem(mask, code)
    ]


def timestamp_text(array: Array) -> Text:
    """Format a timestamp column as `2024-01-31T12:00:00.000Z`; years outside 1 to 9999 are a problem."""
    instants, found = instants_of(array)
    millis = _millis(instants, PER_SECOND[array.type.unit])
    text = millis.view(pa.timestamp("ms")).cast(pa.string())
    return Text(suffixed(pc.binary_replace_slice(text, 10, 11, "T"), "Z"), found, plain=True)


def instants_of(array: Array) -> tuple[Array, list[Problem]]:
    """Return the int64 counts since 1970 UTC of a timestamp column, null where the year is not 1 to 9999."""
    instants = array.view(pa.int64())
    per_day = PER_SECOND[array.type.unit] * _SECONDS_PER_DAY
    first, last = _FIRST_DAY * per_day, (_LAST_DAY + 1) * per_day
    if last > _LAST_INT64:
        return instants, []
    outside = pc.or_(pc.less(instants, first), pc.greater_equal(instants, last))
    found = _outside_the_calendar(outside, INVALID_DATETIME, array)
    return without(instants, found), found


def _millis(instants: Array, per_second: int) -> Array:
    if per_second == PER_SECOND["s"]:
        return pc.multiply(instants, PER_SECOND["ms"])
    if per_second == PER_SECOND["ms"]:
        return instants
    return floor_divided(instants, per_second // PER_SECOND["ms"])


def list_text(array: Array, encode: Callable[[Array], Text]) -> Text:
    """Return a list column as `a;b`, its elements encoded by `encode`.

    Null and empty elements are left out; a list with nothing left is null. Lists of lists are unsupported.
    """
    if pa.types.is_nested(array.type.value_type):
        return unsupported(array)
    elements = encode(pc.list_flatten(array))
    found = list(elements.problems)
    if occurs(";", octets(elements.values)):
        found += problem(pc.match_substring(elements.values, ";"), SEPARATOR_IN_VALUE, elements.values)
    joined = _joined(array, elements.values)
    text = emptied(pc.equal(joined, ""), joined)
    if not found:
        return Text(text, [])
    parents = pc.list_parent_indices(array)
    return Text(text, [of_rows(each, parents, len(array)) for each in found])


def _joined(array: Array, elements: Array) -> Array:
    """Return the elements of each list of `array`, without those that are null or empty, joined by `;`."""
    gaps = pc.fill_null(pc.equal(elements, ""), True)
    if not anywhere(gaps):
        return pc.binary_join(_regrouped(array, elements), ";")
    parts = pc.if_else(gaps, "", suffixed(elements, ";"))
    return pc.utf8_rtrim(pc.binary_join(_regrouped(array, parts), ""), ";")


def _regrouped(array: Array, elements: Array) -> Array:
    """`elements` in lists of the lengths of `array`; a null list becomes an empty one."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    return cast(
        "Array", pa.ListArray.from_arrays(cast("pa.Int32Array", offsets), cast("pa.StringArray", elements))
    )


def of_rows(found: Problem, parents: Array, rows: int) -> Problem:
    """Return a problem of list elements as one of the rows that hold them; each tells of up to five."""
    inside: dict[int, list[int]] = {}
    for element in found.positions():
        inside.setdefault(parents[element].as_py(), []).append(element)
    mask = pa.array([at in inside for at in range(rows)], pa.bool_())

    def says(at: int) -> str:
        return " ".join(dict.fromkeys(found.says(element) for element in inside[at][:_TOLD_ELEMENTS]))

    return Problem(mask, found.code, says)
