"""Row keys and record ids: the texts that say which row and which record is meant."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.table.check import INVALID_KEY, MISSING_KEY, Code, Problem, problem
from hubspot_batch_dagster.table.json_text import escaped
from hubspot_batch_dagster.table.kernels import (
    Array,
    anywhere,
    emptied,
    is_blank,
    nowhere_null,
    pc,
    prefixed,
    suffixed,
    trimmed_and_lowered,
)
from hubspot_batch_dagster.table.messages import shown
from hubspot_batch_dagster.table.mixed import is_mixed, joined_parts, parts_of
from hubspot_batch_dagster.table.text import Text, by_type, exact_below, text_of, unsupported, without

_INSTANT = (
    r"^\d{4}-\d\d-\d\d([Tt]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]00:?00)?|"
    r" \d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]00:?00))$"
)
"""A point in time in UTC as ISO 8601 and Python write it."""

_RECORD_ID = "^[0-9]{1,20}$"
_TRAILING_ZEROS = r"^(-?[0-9]+)\.0*$|^(-?[0-9]+\.[0-9]*[1-9])0*$"


def folded_email(text: Array) -> Array:
    """Emails as HubSpot compares them: trimmed and lower-cased."""
    return trimmed_and_lowered(text)


def key_text(array: Array, *, fold: bool) -> Text:
    """One key column as canonical text: the same value gives the same text whatever type carried it.

    The integer 7, the float 7.0 and the decimal 7.00 are one key; so are timestamps of any unit, to the
    nanosecond, a UTC timestamp and its ISO text, a date and its midnight, a UUID and its text. Text is never
    read as a number: '007', '7.0' and '7' are three keys. Empty keys and floats that are not whole are
    problems.
    """
    text = _canonical(array, spelt=not fold)  # an email is no point in time
    values = folded_email(text.values) if fold else text.values
    blank = is_blank(values)
    accounted = [each.mask for each in text.problems]
    for mask in accounted:
        blank = pc.and_not(blank, mask)
    return Text(values, [*text.problems, *problem(blank, MISSING_KEY)])


def _canonical(array: Array, *, spelt: bool = True) -> Text:
    types = pa.types
    if is_mixed(array.type):
        return by_type(array, partial(_canonical, spelt=spelt))
    if types.is_timestamp(array.type):
        exact = _exact_timestamps(array)
        return Text(one_spelling(exact.values), exact.problems)
    text = text_of(array)
    if types.is_string(array.type) or types.is_large_string(array.type):
        return Text(one_spelling(text.values), text.problems) if spelt else text
    if types.is_floating(array.type):
        doubtful = pc.greater_equal(pc.abs(array), exact_below(array.type))
        broken = pc.and_(pc.or_(pc.match_substring(text.values, "."), doubtful), text.values.is_valid())
        return Text(text.values, [*text.problems, *problem(broken, INVALID_KEY, array)])
    if types.is_decimal(array.type):
        return Text(pc.replace_substring_regex(text.values, _TRAILING_ZEROS, r"\1\2"), text.problems)
    return text


def one_spelling(text: Array) -> Array:
    """Points in time, in UTC, in one of their ISO spellings; midnight as the date alone. Other texts stay as
    they are.

    A point in time without a zone counts as UTC, as a timestamp without one does.
    """
    found = nowhere_null(pc.match_substring_regex(text, _INSTANT))
    if not anywhere(found):
        return text
    spelt = pc.replace_substring_regex(text, r"^(.{10})[ Tt]", r"\1T")
    spelt = pc.replace_substring_regex(spelt, r"([Zz]|[+-]00:?00)$", "")
    spelt = pc.replace_substring_regex(spelt, r"T(\d\d:\d\d)$", r"T\1:00")
    spelt = pc.replace_substring_regex(spelt, r"(:\d\d)$", r"\1.0")
    spelt = pc.replace_substring_regex(spelt, r"\.(\d)$", r".\100")  # group 1, and two zeros
    spelt = pc.replace_substring_regex(spelt, r"\.(\d\d)$", r".\10")
    spelt = pc.replace_substring_regex(spelt, r"(\.\d{3}\d*?)0*$", r"\1Z")
    spelt = pc.replace_substring_regex(spelt, r"T00:00:00\.000Z$", "")
    return pc.if_else(found, spelt, text)


def respelt(keys: Array, columns: int) -> Array:
    """Row keys that an earlier version wrote, as this one writes them.

    Args:
        keys: Texts that :func:`joined_keys` gave.
        columns: How many columns a key has.
    """
    if columns == 1:
        return one_spelling(keys)
    parts: list[Any] = [json.loads(str(each)) for each in keys.to_pylist()]
    flat = one_spelling(pa.array([part for each in parts for part in each], pa.string())).to_pylist()
    return joined_keys([pa.array(flat[at::columns], pa.string()) for at in range(columns)])


def _exact_timestamps(array: Array) -> Text:
    """Timestamps with as many places as they need, three at least."""
    coarse = text_of(array)
    if array.type.unit in ("s", "ms"):
        return coarse
    array = without(array, coarse.problems)
    text = array.view(pa.int64()).view(pa.timestamp(array.type.unit)).cast(pa.string())
    text = pc.binary_replace_slice(text, 10, 11, "T")
    text = pc.replace_substring_regex(text, r"(\.\d{3}\d*?)0*$", r"\1Z")
    return Text(text, coarse.problems)


def key_values(array: Array, kind: pa.DataType, text: Text) -> tuple[Array, list[Problem]]:
    """Return a key column as the type of the first rows' keys; null and a problem where it would be another
    key.

    Args:
        array: The column.
        kind: That type.
        text: The column's `key_text`.
    """
    if array.type == kind:
        return array, []
    canonical = _canonical(array).values
    values = canonical if pa.types.is_string(kind) else _cast_where_it_can(array, kind)
    told = nowhere_null(canonical.is_null())
    for each in text.problems:
        told = pc.or_(told, each.mask)
    same = nowhere_null(pc.equal(_canonical(values).values, canonical))
    found = [
        Problem(
            each.mask,
            each.code,
            lambda at: f"{shown(array, at)} is no {kind}, which the first rows' keys are.",
        )
        for each in problem(pc.and_not(pc.invert(same), told), INVALID_KEY)
    ]
    return emptied(pc.invert(same), values), found


def _cast_where_it_can(array: Array, kind: pa.DataType) -> Array:
    if is_mixed(array.type):
        parts = parts_of(array)
        return joined_parts(parts, [_cast_where_it_can(part.cells, kind) for part in parts], kind)
    try:
        return array.cast(kind)
    except pa.ArrowException:
        alone: list[Array] = [_cast_or_null(array.slice(at, 1), kind) for at in range(len(array))]
        return pa.concat_arrays(alone)


def _cast_or_null(cell: Array, kind: pa.DataType) -> Array:
    try:
        return cell.cast(kind)
    except pa.ArrowException:
        return pa.array([None], kind)


def joined_keys(parts: list[Array]) -> Array:
    """Return the key of a row: the text itself, or a JSON array of the texts of several columns."""
    if len(parts) == 1:
        return parts[0]
    inside = pc.binary_join_element_wise(*(escaped(part) for part in parts), '","')
    return suffixed(prefixed(inside, '["'), '"]')


def record_ids(array: Array, code: Code) -> Text:
    """Record ids (text, whole numbers) as text; empty text is null, all else that is no id a problem."""
    types = pa.types
    kind = array.type
    if is_mixed(kind):
        return by_type(array, lambda cells: record_ids(cells, code))
    if not (
        types.is_string(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    ):
        return unsupported(array)
    canonical = _canonical(array)
    text = pc.utf8_trim_whitespace(canonical.values)
    text = emptied(pc.equal(text, ""), text)
    wrong = nowhere_null(pc.invert(pc.match_substring_regex(text, _RECORD_ID)))
    for each in canonical.problems:
        wrong = pc.or_(wrong, each.mask)
    return Text(text, list(problem(wrong, code, array)))
