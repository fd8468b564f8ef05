"""Columns of record ids, a cell being one or a list of them, as the associations of a record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from hubspot_batch_dagster.table.check import INVALID_TARGET, MISSING_TARGET, Code, Problem, problem
from hubspot_batch_dagster.table.elements import elements_of
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.kernels import Array, by_value, pc, prefixed, suffixed
from hubspot_batch_dagster.table.keys import record_ids
from hubspot_batch_dagster.table.layout import Target
from hubspot_batch_dagster.table.text import Text, list_text

_SEPARATOR = ";"


@dataclass(frozen=True)
class LookedUp:
    """The record ids of a column of keys.

    Attributes:
        ids: Text, or lists of text where a cell may be a list; null where there is no record.
        problems: Rows that are rejected because a key has no record.
    """

    ids: Array
    problems: list[Problem] = field(default_factory=list)


LookUps = Mapping[tuple[str, str], LookedUp]
"""Column and `through` to the record ids."""


def looked_up(found: LookUps | None, column: str, through: str) -> LookedUp:
    """Return the record ids of a column of keys.

    Raises:
        TableError: The caller has not looked them up.
    """
    if found is None or (column, through) not in found:
        raise TableError(
            f"The keys in column '{column}' are looked up in the ids table of '{through}'.",
            column=column,
            remedy="Send the rows with sync, or give a column with record ids.",
        )
    return found[column, through]


def record_ids_of(array: Array, code: Code, through: LookedUp | None) -> Text:
    """Return a column of record ids as text, or what was looked up for it."""
    if through is None:
        return record_ids(array, code)
    ids = through.ids
    if pa.types.is_list(
        ids.type
    ):  # a cell of the column is a list: no id, and no key, so its row is rejected anyway
        ids = pc.binary_join(ids, _SEPARATOR)
    return Text(ids, list(through.problems))


def associations_of(array: Array, target: Target, through: LookedUp | None = None) -> Text:
    """One column's part of the associations: JSON objects joined by commas, null where there is no target."""
    problems = []
    if through is not None:
        array, problems = through.ids, through.problems
    elements = elements_of(array)
    ids = record_ids(elements.values, INVALID_TARGET)
    if elements.lengths is not None:
        of_elements = ids
        ids = list_text(elements.in_lists(ids.values), lambda _: of_elements)
        ids = Text(by_value(ids.values, _once), ids.problems)
    ids = Text(ids.values, [*problems, *ids.problems])
    return Text(_objects(ids.values, target), [*ids.problems, *_missing(ids, target)])


def _once(ids: str) -> str:
    return _SEPARATOR.join(dict.fromkeys(ids.split(_SEPARATOR)))


def _objects(ids: Array, target: Target) -> Array:
    types = [
        {"associationCategory": category, "associationTypeId": type_id} for category, type_id in target.types
    ]
    before, after = '{"to":{"id":"', f'"}},"types":{json.dumps(types, separators=(",", ":"))}}}'
    many = pc.replace_substring(ids, _SEPARATOR, f"{after},{before}")
    return suffixed(prefixed(many, before), after)


def _missing(ids: Text, target: Target) -> list[Problem]:
    if not target.required:
        return []
    missing: Array = ids.values.is_null()
    for each in ids.problems:
        missing = pc.and_not(missing, each.mask)
    return list(problem(missing, MISSING_TARGET))
