"""JSON written column by column: strings, objects and arrays as Arrow text."""

from __future__ import annotations

import json

import pyarrow as pa

from hubspot_batch_dagster.table.kernels import (
    Array,
    anywhere,
    by_value,
    cells,
    emptied,
    ends,
    nowhere_null,
    occurs,
    octets,
    pc,
    prefixed,
    suffixed,
)
from hubspot_batch_dagster.table.text import Text

_MUST_ESCAPE = r'["\\\x00-\x1f]'
_SHORT_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))


def escaped(text: Array) -> Array:
    """Return the inside of JSON strings: quotes, backslashes and control characters escaped, all else as it
    is.
    """
    among = octets(text)
    if _has_rare_controls(among):
        return _escaped_by_value(text)
    for character, escape in _SHORT_ESCAPES:
        if occurs(character, among):
            text = pc.replace_substring(text, character, escape)
    return text


def _has_rare_controls(among: Array) -> bool:
    """Whether there are control characters without an escape of their own."""
    lowest, _ = ends(among)
    if lowest is None or lowest >= ord(" "):
        return False
    controls = among.filter(pc.less(among, pa.scalar(ord(" "), pa.uint8())))
    return any(code not in b"\n\r\t" for code in cells(controls.unique()))


def _escaped_by_value(text: Array) -> Array:
    where = nowhere_null(pc.match_substring_regex(text, _MUST_ESCAPE))
    found = by_value(text.filter(where), lambda value: json.dumps(value, ensure_ascii=False)[1:-1])
    return pc.replace_with_mask(text, where, found)


def member(name: str, text: Text) -> Array:
    """`","name":"value` for each row, as it goes on after another member; null where the text is null."""
    value = text.values if text.plain else escaped(text.values)
    return prefixed(value, f'",{json.dumps(name, ensure_ascii=False)}:"')


def json_objects(members: list[Array], rows: int) -> Array:
    """One JSON object a row, of the members that are not null there."""
    end = pa.repeat(pa.scalar('"}'), rows)  # the kernel would drop rows that have nothing but nulls
    joined = pc.binary_join_element_wise(*members, end, "", null_handling="skip")
    objects = pc.binary_replace_slice(joined, 0, len('",'), "{")
    bare = pc.equal(objects, "{")
    return pc.if_else(bare, "{}", objects) if anywhere(bare) else objects


def json_arrays(elements: list[Array]) -> Array:
    """One JSON array a row, of the elements (JSON text) that are not null there; null where all are."""
    bare: Array = elements[0].is_null()
    for each in elements[1:]:
        bare = pc.and_(bare, each.is_null())
    # The kernel drops rows that have nothing but nulls, so those are given an empty element first.
    filled = [pc.if_else(bare, "", elements[0]), *elements[1:]]
    joined = pc.binary_join_element_wise(*filled, ",", null_handling="skip")
    return emptied(bare, suffixed(prefixed(joined, "["), "]"))
