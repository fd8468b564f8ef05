"""Properties that the portal does not have yet, made because the user asked for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pyarrow as pa

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.definitions import (
    PropertyBatchAnswer,
    PropertyCreate,
    PropertyDefinition,
    PropertyOption,
    PropertyOptionCreate,
)
from hubspot_batch_dagster.api.endpoints import definition_path
from hubspot_batch_dagster.api.errors import Conflict, InputError
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.column_mapping import filled_from_key
from hubspot_batch_dagster.sync.schema.owners import Ask

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_BATCH = 100


def planned_properties(
    operation: Operation, names: Sequence[str], mapping: Mapping[str, str], schema: pa.Schema, group: str
) -> list[PropertyCreate]:
    """Return the definitions of the properties to make, typed by their columns.

    Args:
        operation: Its id property and creation key are made with unique values.
        names: The properties to make.
        mapping: Property -> column.
        schema: The columns of the table.
        group: The property group they go to.

    Raises:
        InputError: A name or a column's type does not fit a property.
    """
    unique = {operation.id_property_name, operation.found_by}
    from_key = filled_from_key(operation, mapping)
    return [
        _planned(
            name,
            mapping[name],
            _type_of_key(operation, schema) if name == from_key else schema.field(mapping[name]).type,
            group,
            unique=name in unique,
        )
        for name in names
    ]


def _type_of_key(operation: Operation, schema: pa.Schema) -> pa.DataType:
    """Return what a property must hold that the row key fills: text, for only text and numbers can be
    unique.
    """
    kind, types = schema.field(operation.key_columns[0]).type, pa.types
    text = types.is_date(kind) or types.is_timestamp(kind) or types.is_boolean(kind)
    return pa.string() if text or len(operation.key_columns) > 1 else kind


def make_properties(client: HubSpotClient, kind: str, planned: Sequence[PropertyCreate], ask: Ask) -> None:
    """Make properties, and their group if it is missing.

    Raises:
        InputError: HubSpot refuses one of them, or an archived one came back with another type.
        MissingScopes: The app may not make properties; the message names the scopes.
    """
    for group in dict.fromkeys(each.group_name for each in planned):
        _make_group(client, kind, group, ask)
    for start in range(0, len(planned), _BATCH):
        part = planned[start : start + _BATCH]
        answer = ask(lambda part=part: client.property_batch_create(kind, part))  # type: ignore[misc]
        _check(part, answer, kind)


def as_definition(planned: PropertyCreate) -> PropertyDefinition:
    """Return a property that does not exist yet, as the portal will define it."""
    return PropertyDefinition(
        name=planned.name,
        label=planned.label,
        type=planned.type,
        field_type=planned.field_type,
        group_name=planned.group_name,
        has_unique_value=bool(planned.has_unique_value),
        options=[PropertyOption(value=each.value, label=each.label) for each in planned.options or []],
    )


def _planned(name: str, column: str, kind: pa.DataType, group: str, *, unique: bool) -> PropertyCreate:
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a new property.",
            column=column,
            remedy=(
                "Lower-case letters, digits and underscores, a letter first. Map it:"
                f" properties={{'new_name': {column!r}}}."
            ),
        )
    type_, field_type, options = _type_of(column, kind)
    if unique and type_ not in ("string", "number"):
        raise InputError(
            f"A property of type {type_} cannot have unique values.",
            column=column,
            remedy="Use a column of text or numbers as the unique property.",
        )
    return PropertyCreate.model_validate(
        {
            "name": name,
            "label": name.replace("_", " ").capitalize(),
            "type": type_,
            "fieldType": field_type,
            "groupName": group,
            "options": options,
            "hasUniqueValue": True if unique else None,
        }
    )


def _type_of(column: str, kind: pa.DataType) -> tuple[str, str, list[PropertyOptionCreate] | None]:
    types = pa.types
    if types.is_boolean(kind):
        options = [PropertyOptionCreate(value=value, label=value.capitalize()) for value in ("true", "false")]
        return "enumeration", "booleancheckbox", options
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number", "number", None
    if types.is_date(kind):
        return "date", "date", None
    if types.is_timestamp(kind):
        return "datetime", "date", None
    if types.is_string(kind):
        return "string", "text", None
    why = (
        "A list column needs a property with options, and the column does not say which"
        if types.is_list(kind)
        else (
            "The column holds nothing, so its type is not known"
            if types.is_null(kind)
            else f"A column of type {kind} fits no property"
        )
    )
    raise InputError(
        f"{why}.", column=column, remedy="Make the property in HubSpot, or cast or leave out the column."
    )


def _make_group(client: HubSpotClient, kind: str, group: str, ask: Ask) -> None:
    path = definition_path("properties", client.version, f"{client.type_of(kind).segment}/groups")
    listed = ask(lambda: client.get(path))
    known = listed.get("results") if isinstance(listed, dict) else None
    if any(isinstance(each, dict) and each.get("name") == group for each in known or []):
        return
    label = group.replace("_", " ").capitalize()
    try:
        ask(lambda: client.post_json(path, {"name": group, "label": label, "displayOrder": -1}))
    except Conflict:
        return  # somebody was quicker


def _check(part: Sequence[PropertyCreate], answer: PropertyBatchAnswer, kind: str) -> None:
    for each in answer.errors:
        if each.category == "OBJECT_ALREADY_EXISTS" or "already exists" in (each.message or ""):
            continue
        raise InputError(
            f"HubSpot does not make a property of {kind}: {each.message}. No row was sent.",
            remedy="Make the property in HubSpot, or map the column to another one.",
        )
    made = {each.name: each for each in answer.results}
    for planned in part:
        found = made.get(planned.name)
        if found is not None and found.type != planned.type:
            raise InputError(
                f"Property {planned.name!r} was archived and came back with its old type {found.type}, not"
                f" {planned.type}. No row was sent.",
                remedy="Cast the column to that type, or map it to a new name.",
            )
