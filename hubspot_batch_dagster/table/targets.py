"""Columns of record ids as the inline associations of a create request."""

from __future__ import annotations

import json

import pyarrow as pa

from hubspot_batch_dagster.table.check import INVALID_TARGET, MISSING_TARGET, Problem, problem
from hubspot_batch_dagster.table.kernels import Array, by_value, pc, prefixed, suffixed
from hubspot_batch_dagster.table.keys import record_ids
from hubspot_batch_dagster.table.layout import Target
from hubspot_batch_dagster.table.text import Text, list_text

_SEPARATOR = ";"


def associations_of(array: Array, target: Target) -> Text:
    """One column's part of the associations: JSON objects joined by commas, null where there is no target."""
    if pa.types.is_list(array.type):
        ids = list_text(array, lambda elements: record_ids(elements, INVALID_TARGET))
        ids = Text(by_value(ids.values, _once), ids.problems)
    else:
        ids = record_ids(array, INVALID_TARGET)
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
