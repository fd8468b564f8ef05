"""Columns as property text, by the property's own type."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pyarrow as pa

from hubspot_batch_dagster.table.check import (
    INVALID_BOOL,
    INVALID_EMAIL,
    INVALID_NUMBER,
    INVALID_OPTION,
    INVALID_OWNER,
    TOO_LONG,
    Code,
    Problem,
    problem,
)
from hubspot_batch_dagster.table.dates import date_property_text, datetime_property_text, day_text
from hubspot_batch_dagster.table.kernels import (
    Array,
    anywhere,
    by_value,
    cells,
    emptied,
    ends,
    everywhere,
    pc,
    trimmed_and_lowered,
)
from hubspot_batch_dagster.table.layout import Definition, OwnerLookUp
from hubspot_batch_dagster.table.messages import quoted
from hubspot_batch_dagster.table.mixed import is_mixed, is_unreadable
from hubspot_batch_dagster.table.options import Options
from hubspot_batch_dagster.table.text import Text, by_type, list_text, text_of, unsupported

LONGEST_TEXT = 65_536
_NUMBER = r"^(-?([0-9]+\.?[0-9]*|\.[0-9]+))?$"
_OWNER = r"^[0-9]*$"
_OWNERS = r"^(;?[0-9]+(;[0-9]+)*)?$"
_BOOL = r"^(true|false)?$"
_NOT_IN_EMAILS = r'\s\pZ\pC@,;:<>()\[\]\\"'
_EMAIL = rf"^([^{_NOT_IN_EMAILS}]+@([^{_NOT_IN_EMAILS}._]+\.)+\pL[\pL\pN-]+)?$"
_ORDINARY_EMAIL = (
    r"^[A-Za-z0-9.+_-]+@([A-Za-z0-9-]+\.)+[A-Za-z][A-Za-z0-9-]+$"  # the same, at a third of the cost
)

Encode = Callable[[Array], Text]


def encoder_for(
    definition: Definition | None, *, first: Callable[[Encode], Encode] = lambda encode: encode
) -> Encode:
    """Return the function that turns a column into text for a property, and finds what HubSpot would refuse.

    Empty text is let through for every type: it clears the property. Surrounding spaces are dropped except
    in text properties. A list column is encoded element by element.

    Args:
        definition: The property; None where it is not known.
        first: Puts something before the encoding of one type's cells, such as a cast.
    """
    longest = LONGEST_TEXT if definition is None or definition.max_length is None else definition.max_length
    one = first(_by_type(definition))

    def encode(array: Array) -> Text:
        if is_mixed(array.type):
            return by_type(array, encode)
        if is_unreadable(array.type):
            return unsupported(array)
        whole = list_text(array, one) if pa.types.is_list(array.type) else one(array)
        if whole.plain:
            return whole
        return Text(whole.values, [*whole.problems, *too_long(whole.values, longest)])

    return encode


def too_long(text: Array, longest: int) -> list[Problem]:
    """Texts of more than `longest` characters."""
    _, most = ends(pc.binary_length(text))
    if most is None or most <= longest:
        return []
    lengths = pc.utf8_length(text)
    return [
        Problem(each.mask, each.code, lambda at: f"{lengths[at]} characters, the property holds {longest}.")
        for each in problem(pc.greater(lengths, longest), TOO_LONG)
    ]


def not_emails(text: Array) -> list[Problem]:
    """Texts that HubSpot would certainly not take as an email address."""
    if everywhere(pc.match_substring_regex(text, _ORDINARY_EMAIL)):
        return []
    return _matching(pc.utf8_trim_whitespace(text), _EMAIL, INVALID_EMAIL, text).problems


def _by_type(definition: Definition | None) -> Encode:
    if definition is None:
        return text_of
    if definition.owner:
        several = definition.field_type == "checkbox"
        return partial(_owner, pattern=_OWNERS if several else _OWNER, owners=definition.owners)
    if definition.type == "enumeration" and definition.options:
        return _enumeration(definition)
    by_type: dict[str, Encode] = {
        "number": _number,
        "bool": _bool,
        "date": day_text if definition.cuts_times else date_property_text,
        "datetime": datetime_property_text,
    }
    return by_type.get(definition.type, text_of)


def _number(array: Array) -> Text:
    types, kind = pa.types, array.type
    if types.is_string(kind):
        return _matching(pc.utf8_trim_whitespace(array), _NUMBER, INVALID_NUMBER, array)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind):
        return text_of(array)
    return _refused(array, INVALID_NUMBER)


def _owner(array: Array, *, pattern: str, owners: OwnerLookUp | None) -> Text:
    text = text_of(array)
    values = pc.utf8_trim_whitespace(text.values)
    addressed = pc.fill_null(pc.match_substring(values, "@"), False)
    if owners is None or not anywhere(addressed):
        ids = _matching(values, pattern, INVALID_OWNER, text.values)
        return Text(ids.values, [*text.problems, *ids.problems])
    found = by_value(values, lambda cell: _owner_ids(cell, owners))
    unknown = [
        Problem(each.mask, each.code, partial(_no_owner, values, owners))
        for each in problem(pc.and_(addressed, found.is_null()), INVALID_OWNER)
    ]
    rest = emptied(pc.and_(addressed, found.is_null()), text.values)
    ids = _matching(found, pattern, INVALID_OWNER, rest)
    return Text(ids.values, [*text.problems, *unknown, *ids.problems])


def _owner_ids(cell: str, owners: OwnerLookUp) -> str | None:
    """Return the ids for a cell of ids or emails, separated by `;`; None if one of them is no owner's
    address.
    """
    parts = [owners.id_of(part) if "@" in part else part.strip() for part in cell.split(";")]
    return None if None in parts else ";".join(part or "" for part in parts)


def _no_owner(values: Array, owners: OwnerLookUp, at: int) -> str:
    parts = [part for part in cells(values.slice(at, 1))[0].split(";") if "@" in part]
    wrong = next(part for part in parts if owners.id_of(part) is None)
    return f"{quoted(wrong)} is not an owner: {owners.complaint(wrong)}."


def _bool(array: Array) -> Text:
    types, kind = pa.types, array.type
    if types.is_boolean(kind) or types.is_null(kind):
        return text_of(array)
    if types.is_string(kind):
        return _matching(trimmed_and_lowered(array), _BOOL, INVALID_BOOL, array)
    return _refused(array, INVALID_BOOL)


def _refused(array: Array, code: Code) -> Text:
    return Text(pa.nulls(len(array), pa.string()), list(problem(array.is_valid(), code, array)))


def _matching(text: Array, pattern: str, code: Code, original: Array) -> Text:
    """`text` where it matches; a blank cell that was not empty does not."""
    unfit = pc.invert(pc.match_substring_regex(text, pattern))
    blank = pc.and_(pc.equal(text, ""), pc.not_equal(original, ""))
    return Text(text, list(problem(pc.or_(unfit, blank), code, original)))


def _enumeration(definition: Definition) -> Encode:
    options = Options(definition.options, several=definition.field_type == "checkbox")

    def encode(array: Array) -> Text:
        plain = text_of(array)
        text = by_value(plain.values, options.internal)
        wrong = pc.and_(text.is_null(), plain.values.is_valid())
        found = [
            Problem(each.mask, each.code, lambda at: options.complaint(cells(plain.values.slice(at, 1))[0]))
            for each in problem(wrong, INVALID_OPTION)
        ]
        return Text(text, [*plain.problems, *found])

    return encode
