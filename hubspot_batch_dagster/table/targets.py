"""Columns that name other records, a cell being one or a list of them: their ids, and the associations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from hubspot_batch_dagster.table.check import INVALID_TARGET, MISSING_TARGET, Code, Problem, problem
from hubspot_batch_dagster.table.elements import Elements, elements_of
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.kernels import Array, by_value, pc, prefixed, suffixed
from hubspot_batch_dagster.table.keys import record_ids
from hubspot_batch_dagster.table.layout import Target
from hubspot_batch_dagster.table.text import Text, list_text, of_rows, without

_SEPARATOR = ";"


@dataclass(frozen=True)
class LookedUp:
    """The record ids that a column names.

    Attributes:
        ids: Text, or lists of text where a cell may be a list; null where there is no record.
        problems: What is wrong with cells: it rejects the row where the association is required, and is told
            with the rows that are sent where it is not.
    """

    ids: Array
    problems: list[Problem] = field(default_factory=list)


LookUps = Mapping[tuple[str, str | None, bool], LookedUp]
"""Column, `through` and `required` to the record ids."""


def looked_up(found: LookUps | None, column: str, through: str, *, required: bool) -> LookedUp:
    """Return the record ids of a column of keys.

    Raises:
        TableError: The caller has not looked them up.
    """
    if found is None or (column, through, required) not in found:
        raise TableError(
            f"The keys in column '{column}' are looked up in the ids table of '{through}'.",
            column=column,
            remedy="Send the rows with sync, or give a column with record ids.",
        )
    return found[column, through, required]


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


def of_target(found: LookUps | None, target: Target, array: Array) -> LookedUp:
    """Return the record ids that a column of associations names, each element of a list by itself.

    Raises:
        TableError: It holds keys, and the caller has not looked them up.
    """
    if target.through is not None:
        return looked_up(found, target.column, target.through, required=target.required)
    if found is not None and (target.column, None, target.required) in found:
        return found[target.column, None, target.required]
    elements = elements_of(array)
    ids = record_ids(elements.values, INVALID_TARGET)
    values = elements.in_lists(without(ids.values, ids.problems))
    return LookedUp(values, of_cells(ids.problems, elements, len(array)))


def of_cells(problems: list[Problem], elements: Elements, rows: int) -> list[Problem]:
    """Turn problems of elements into problems of the cells that hold them."""
    if elements.lengths is None:
        return problems
    return [of_rows(each, elements.rows, rows) for each in problems]


def associations_of(ids: Array, target: Target) -> Array:
    """One column's part of the associations: JSON objects joined by commas, null where there is no target."""
    return _objects(_joined(ids), target)


def missing_targets(found: LookedUp) -> list[Problem]:
    """Find where a cell names no record at all, and nothing else is wrong with it."""
    missing: Array = _joined(found.ids).is_null()
    for each in found.problems:
        missing = pc.and_not(missing, each.mask)
    return list(problem(missing, MISSING_TARGET))


def _joined(ids: Array) -> Array:
    """Join the ids of each cell to one text, each once; null where there is none."""
    if not pa.types.is_list(ids.type):
        return ids
    return by_value(list_text(ids, lambda elements: Text(elements, [])).values, _once)


def _once(ids: str) -> str:
    return _SEPARATOR.join(dict.fromkeys(ids.split(_SEPARATOR)))


def _objects(ids: Array, target: Target) -> Array:
    types = [
        {"associationCategory": category, "associationTypeId": type_id} for category, type_id in target.types
    ]
    before, after = '{"to":{"id":"', f'"}},"types":{json.dumps(types, separators=(",", ":"))}}}'
    many = pc.replace_substring(ids, _SEPARATOR, f"{after},{before}")
    return suffixed(prefixed(many, before), after)
