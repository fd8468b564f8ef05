"""Schemas: custom object types, and every type as the schemas API shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hubspot_batch_dagster.emulator.definitions import (
    ObjectTypeDefinition,
    system_properties,
)
from hubspot_batch_dagster.emulator.exchange import (
    Answer,
    Json,
    Refused,
    Request,
    error_body,
    iso,
    object_not_found,
    validation,
)
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.property_definitions import make, shown
from hubspot_batch_dagster.emulator.table import Table

FIRST_TYPE_NUMBER = 40_000_001
ACTIVITIES = ("calls", "emails", "meetings", "notes", "tasks", "communications", "postal_mail")


def list_schemas(portal: Portal, request: Request) -> Answer:
    """Return the portal's custom object types; those that were deleted are not kept."""
    if request.wants_archived:
        return Answer(200, {"results": []})
    custom = [table for table in portal.tables.values() if table.definition.custom]
    return Answer(200, {"results": [schema(portal, table) for table in custom]})


def read_schema(portal: Portal, request: Request) -> Answer:
    """One object type, custom or HubSpot's own."""
    table = portal.find_table_of_path(request.parameters["schema"])
    if table is None:
        raise object_not_found(f"Unable to infer object type from: {request.parameters['schema']}")
    return Answer(200, schema(portal, table))


def batch_read(portal: Portal, request: Request) -> Answer:
    """Several object types by name or id."""
    tables = [portal.find_table_of_path(str(item.get("id"))) for item in request.inputs_json]
    results = [schema(portal, table) for table in tables if table is not None]
    stamp = iso(portal.now())
    return Answer(200, {"status": "COMPLETE", "results": results, "startedAt": stamp, "completedAt": stamp})


def create_schema(portal: Portal, request: Request) -> Answer:
    """Make a custom object type."""
    return Answer(201, schema(portal, define_object_type(portal, request.json)))


def update_schema(portal: Portal, request: Request) -> Answer:
    """Change labels or required properties of a custom object type."""
    table = portal.table_of_path(request.parameters["schema"])
    body, old = request.json, table.definition
    labels = body.get("labels") or {}
    table.definition = replace(
        old,
        labels=(str(labels.get("singular", old.labels[0])), str(labels.get("plural", old.labels[1]))),
        required=tuple((str(name),) for name in body["requiredProperties"])
        if "requiredProperties" in body
        else old.required,
    )
    return Answer(200, schema(portal, table))


def delete_schema(portal: Portal, request: Request) -> Answer:
    """Take a custom object type away, which is only possible while it has no records."""
    table = portal.table_of_path(request.parameters["schema"])
    if not table.definition.custom:
        raise validation("HubSpot's own object types cannot be deleted")
    if table.records:
        raise validation(f"{table.name} has {len(table.records)} records; archive them first")
    portal.remove_table(table)
    return Answer(204)


def define_object_type(portal: Portal, body: Json, *, type_id: str = "") -> Table:
    """Make a custom object type from its schema.

    Raises:
        Refused: The schema is not complete, or the name is taken.
    """
    labels = body.get("labels") or {}
    missing = [
        field for field in ("name", "labels", "properties", "primaryDisplayProperty") if not body.get(field)
    ]
    if missing:
        raise validation(f"Some required fields were not set: [{', '.join(missing)}]")
    name = str(body["name"]).lower()
    full_name = f"p{portal.settings.portal_id}_{name}"
    if portal.find_table(full_name) is not None or portal.find_table(name) is not None:
        raise Refused(409, error_body(f"An object type named {name} exists", "OBJECT_ALREADY_EXISTS"))
    number = FIRST_TYPE_NUMBER + sum(1 for table in portal.tables.values() if table.definition.custom)
    type_id = type_id or f"2-{number}"
    group = f"{name}_information"
    display = str(body["primaryDisplayProperty"])
    definition = ObjectTypeDefinition(
        name=name,
        singular=name,
        type_id=type_id,
        names=(full_name, f"p_{name}", type_id),
        created_property="hs_createdate",
        modified_property="hs_lastmodifieddate",
        default_properties=(display, "hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
        properties=system_properties("hs_createdate", "hs_lastmodifieddate", False, group),
        required=tuple((str(required),) for required in body.get("requiredProperties") or ()),
        primary_display_property=display,
        fully_qualified_name=full_name,
        labels=(str(labels.get("singular", name)), str(labels.get("plural", name))),
        custom=True,
    )
    table = Table(definition, portal.account)
    table.groups = {group: f"{definition.labels[0]} information"}
    for prop in body["properties"]:
        make(portal, table, {"groupName": group, **prop})
    portal.add_table(table)
    for target in dict.fromkeys((*(body.get("associatedObjects") or ()), *ACTIVITIES)):
        _associate(portal, table, str(target))
    return table


def schema_for(
    name: str,
    properties: Iterable[Mapping[str, Any]],
    required: Iterable[str] = (),
    associated: Iterable[str] = ("contacts", "companies"),
) -> Json:
    """Return a schema in short form.

    Args:
        name: Internal name.
        properties: Definitions; only `name` is needed, `type` and `hasUniqueValue` are usual. The first one
            is what the UI shows.
        required: Names of properties that a create needs.
        associated: Object types it can be associated with.
    """
    fields = {"number": "number", "bool": "booleancheckbox", "date": "date", "datetime": "date"}
    fields["enumeration"] = "select"
    made = [
        {
            "type": "string",
            "label": given["name"],
            "fieldType": fields.get(str(given.get("type")), "text"),
            **given,
        }
        for given in properties
    ]
    return {
        "name": name,
        "labels": {"singular": name.title(), "plural": f"{name.title()}s"},
        "primaryDisplayProperty": made[0]["name"] if made else "",
        "requiredProperties": list(required),
        "properties": made,
        "associatedObjects": list(associated),
    }


def _associate(portal: Portal, table: Table, target: str) -> None:
    other = portal.find_table(target)
    if other is None:
        raise validation(f"Unable to infer object type from: {target}")
    if portal.associations.plain(table.name, other.name) is None:
        forward, backward = portal.associations.new_type_id(), portal.associations.new_type_id()
        portal.associations.define_pair(table.name, other.name, forward, backward, category="USER_DEFINED")


def schema(portal: Portal, table: Table) -> Json:
    """Return an object type as the schemas API shows it."""
    definition = table.definition
    stamp = iso(1_500_000_000.0)
    full_name = definition.fully_qualified_name or definition.singular.upper()
    return {
        "id": definition.type_id.rpartition("-")[2],
        "objectTypeId": definition.type_id,
        "name": definition.name if definition.custom else definition.singular.upper(),
        "fullyQualifiedName": full_name,
        "labels": {"singular": definition.labels[0], "plural": definition.labels[1]},
        "primaryDisplayProperty": definition.primary_display_property,
        "secondaryDisplayProperties": [],
        "searchableProperties": [definition.primary_display_property],
        "requiredProperties": [choice[0] for choice in definition.required if len(choice) == 1],
        "properties": [shown(table, prop) for prop in table.properties.values()],
        "associations": [
            {
                "fromObjectTypeId": definition.type_id,
                "toObjectTypeId": portal.tables[kind.target].definition.type_id,
                "name": kind.name or f"{definition.name}_to_{kind.target}",
                "id": str(kind.type_id),
                "cardinality": "ONE_TO_MANY",
                "inverseCardinality": "ONE_TO_MANY",
            }
            for kind in portal.associations.types_from(table.name)
        ],
        "metaType": "PORTAL_SPECIFIC" if definition.custom else "HUBSPOT",
        "allowsSensitiveProperties": False,
        "archived": False,
        "createdAt": stamp,
        "updatedAt": stamp,
    }
