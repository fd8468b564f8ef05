"""JSON written column by column: strings, objects and arrays as Arrow text."""

from __future__ import annotations

import json

import pyarrow as pa

from hubspot_batch_dagster.table.kernels import (
    Array,
    anywhere,
    by_value,
    emptied,
    nowhere_null,
    pc,
    prefixed,
    suffixed,
)
from hubspot_batch_dagster.table.text import Text

_MUST_ESCAPE = r'["\\\x00-\x1f]'
_CONTROL = r"[\x00-\x1f]"
_SHORT_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))


def escaped(text: Array) -> Array:
    """The inside of JSON strings: quotes, backslashes and control characters escaped, all else as it is."""
    if not _may_need_escaping(text):
        return text
    where = nowhere_null(pc.match_substring_regex(text, _MUST_ESCAPE))
    if not anywhere(where):
        return text
    found = text.filter(where)
    for character, escape in _SHORT_ESCAPES:
        found = pc.replace_substring(found, character, escape)
    if anywhere(pc.match_substring_regex(found, _CONTROL)):
        found = by_value(text.filter(where), lambda value: json.dumps(value, ensure_ascii=False)[1:-1])
    return pc.replace_with_mask(text, where, found)


def _may_need_escaping(text: Array) -> bool:
    """Looks at the bytes of all values at once: most columns have nothing to escape."""
    _, offsets, data = text.buffers()
    if offsets is None or data is None or len(text) == 0:
        return False
    ends = pa.Array.from_buffers(pa.int32(), len(text) + 1, [None, offsets], offset=text.offset)
    start, stop = ends[0].as_py(), ends[-1].as_py()
    octets = pa.Array.from_buffers(pa.uint8(), stop - start, [None, data], offset=start)
    return (
        anywhere(pc.equal(octets, _octet('"')))
        or anywhere(pc.equal(octets, _octet("\\")))
        or anywhere(pc.less(octets, _octet(" ")))
    )


def _octet(character: str) -> pa.UInt8Scalar:
    # Not a constant: making a scalar imports pandas, which an import of this room should not cost.
    return pa.scalar(ord(character), pa.uint8())


def member(name: str, text: Text) -> Array:
    """`"name":"value` for each row, without the closing quote; null where the text is null."""
    value = text.values if text.plain else escaped(text.values)
    return prefixed(value, f'{json.dumps(name, ensure_ascii=False)}:"')


def json_objects(members: list[Array], rows: int) -> Array:
    """One JSON object a row, of the members that are not null there."""
    if not members:
        return pa.repeat(pa.scalar("{}"), rows)
    inside, bare = _joined(members, '",')
    objects = suffixed(prefixed(inside, "{"), '"}')
    return objects if bare is None else pc.if_else(bare, "{}", objects)


def json_arrays(elements: list[Array]) -> Array:
    """One JSON array a row, of the elements (JSON text) that are not null there; null where all are."""
    inside, bare = _joined(elements, ",")
    arrays = suffixed(prefixed(inside, "["), "]")
    return arrays if bare is None else emptied(bare, arrays)


def _joined(parts: list[Array], separator: str) -> tuple[Array, Array | None]:
    """The parts of each row that are not null, and where all of them are (None: nowhere).

    The kernel drops rows that have nothing but nulls, so those are given an empty part first.
    """
    bare = _null_everywhere(parts)
    if bare is not None:
        parts = [pc.if_else(bare, "", parts[0]), *parts[1:]]
    return pc.binary_join_element_wise(*parts, separator, null_handling="skip"), bare


def _null_everywhere(parts: list[Array]) -> Array | None:
    if any(part.null_count == 0 for part in parts):
        return None
    bare: Array = parts[0].is_null()
    for part in parts[1:]:
        bare = pc.and_(bare, part.is_null())
    return bare if anywhere(bare) else None
