"""The properties endpoints: definitions and groups, read and made."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from hubspot_batch_dagster.emulator.batch import envelope
from hubspot_batch_dagster.emulator.definitions import PropertyDefinition
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
from hubspot_batch_dagster.emulator.inputs import too_many
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Table

NEEDED = ("name", "label", "type", "fieldType", "groupName")
MAX_UNIQUE = 10
ONLY_SHOWN = ("displayOrder", "hidden", "formField")
SENSITIVITIES = ("non_sensitive", "sensitive", "highly_sensitive")
FIELD_TYPES = {
    "bool": ("booleancheckbox", "calculation_equation"),
    "date": ("date",),
    "datetime": ("date",),
    "enumeration": ("booleancheckbox", "checkbox", "radio", "select", "calculation_equation"),
    "number": ("number", "calculation_equation"),
    "phone_number": ("phonenumber",),
    "string": ("text", "textarea", "html", "file", "phonenumber", "calculation_equation"),
}


def list_properties(portal: Portal, request: Request) -> Answer:
    """List the definitions of an object type, unpaged; sensitive ones only with `dataSensitivity`."""
    table = portal.table_of_path(request.parameters["type"])
    properties = table.archived_properties if request.wants_archived else table.properties
    asked = _sensitivity(request.query("dataSensitivity"))
    listed = [shown(table, prop) for prop in properties.values() if prop.sensitivity == asked]
    return Answer(200, {"results": listed})


def read_property(portal: Portal, request: Request) -> Answer:
    """One definition; 404 if there is none."""
    table = portal.table_of_path(request.parameters["type"])
    return Answer(200, shown(table, _known(table, request.parameters["name"], request.wants_archived)))


def create_property(portal: Portal, request: Request) -> Answer:
    """Make a property. An archived name comes back to life; an active one is a 409."""
    table = portal.table_of_path(request.parameters["type"])
    return Answer(201, shown(table, make(portal, table, request.json)))


def update_property(portal: Portal, request: Request) -> Answer:
    """Change a definition. `hasUniqueValue` cannot be changed: it answers 200 and stays as it is."""
    table = portal.table_of_path(request.parameters["type"])
    prop = _known(table, request.parameters["name"], False)
    body = request.json
    kind, field_type = str(body.get("type", prop.type)), str(body.get("fieldType", prop.field_type))
    group = str(body.get("groupName", prop.group))
    if (kind, field_type) != (prop.type, prop.field_type):
        _refuse_kind(kind, field_type)
    if group != prop.group:
        _refuse_group(table, group)
    changed = replace(
        prop,
        label=str(body.get("label", prop.label)),
        description=str(body.get("description", prop.description)),
        group=group,
        type=kind,
        field_type=field_type,
        options=_options(body, kind) if "options" in body else prop.options,
        extra=_extra(body, dict(prop.extra)),
    )
    table.define(changed)
    return Answer(200, shown(table, changed))


def archive_property(portal: Portal, request: Request) -> Answer:
    """Archive a property of the portal's own."""
    table = portal.table_of_path(request.parameters["type"])
    _archive(table, request.parameters["name"])
    return Answer(204)


def batch_create(portal: Portal, request: Request) -> Answer:
    """Make properties, each for itself."""
    table = portal.table_of_path(request.parameters["type"])
    _refuse_many(portal, request)
    results: list[Json] = []
    errors: list[Json] = []
    for item in request.inputs_json:
        try:
            results.append(shown(table, make(portal, table, item)))
        except Refused as refused:
            errors.append({**refused.answer.body, "context": {"name": [str(item.get("name"))]}})
    return envelope(portal, results, errors, status=201)


def batch_read(portal: Portal, request: Request) -> Answer:
    """Read definitions by name."""
    table = portal.table_of_path(request.parameters["type"])
    _refuse_many(portal, request)
    names = [str(item.get("name")) for item in request.inputs_json]
    properties = table.archived_properties if request.json.get("archived") else table.properties
    asked = _sensitivity(request.json.get("dataSensitivity"))
    found = {name for name in names if name in properties and properties[name].sensitivity == asked}
    results = [shown(table, properties[name]) for name in names if name in found]
    missing = [name for name in names if name not in found]
    errors = [_unknown(name).answer.body | {"context": {"name": [name]}} for name in missing]
    return envelope(portal, results, errors, status=200)


def batch_archive(portal: Portal, request: Request) -> Answer:
    """Archive properties; 204 whatever their state."""
    table = portal.table_of_path(request.parameters["type"])
    for item in request.inputs_json:
        prop = table.properties.get(str(item.get("name")))
        if prop is not None and not prop.hubspot_defined:
            table.undefine(prop.name)
    return Answer(204)


def _refuse_many(portal: Portal, request: Request) -> None:
    request.inputs = len(request.inputs_json)
    most = portal.settings.max_property_inputs
    if most is not None and request.inputs > most:
        raise too_many(most)


def list_groups(portal: Portal, request: Request) -> Answer:
    """Return the groups that properties are sorted into."""
    table = portal.table_of_path(request.parameters["type"])
    return Answer(200, {"results": [_group(name, label) for name, label in table.groups.items()]})


def read_group(portal: Portal, request: Request) -> Answer:
    """One group."""
    table, name = portal.table_of_path(request.parameters["type"]), request.parameters["name"]
    if name not in table.groups:
        raise object_not_found(f"There is no property group {name}")
    return Answer(200, _group(name, table.groups[name]))


def create_group(portal: Portal, request: Request) -> Answer:
    """Make a group."""
    table = portal.table_of_path(request.parameters["type"])
    name, label = request.json.get("name"), request.json.get("label")
    if not name or not label:
        raise validation("Some required fields were not set: [name, label]")
    if name in table.groups:
        raise Refused(409, error_body(f"A property group named {name} exists", "OBJECT_ALREADY_EXISTS"))
    table.groups[str(name)] = str(label)
    return Answer(201, _group(str(name), str(label)))


def update_group(portal: Portal, request: Request) -> Answer:
    """Change the label of a group."""
    table, name = portal.table_of_path(request.parameters["type"]), request.parameters["name"]
    if name not in table.groups:
        raise object_not_found(f"There is no property group {name}")
    table.groups[name] = str(request.json.get("label") or table.groups[name])
    return Answer(200, _group(name, table.groups[name]))


def archive_group(portal: Portal, request: Request) -> Answer:
    """Take a group away, which is only possible while it is empty; 204 if it is not there."""
    table, name = portal.table_of_path(request.parameters["type"]), request.parameters["name"]
    if any(prop.group == name for prop in table.properties.values()):
        raise validation(f"The group {name} holds properties")
    table.groups.pop(name, None)
    return Answer(204)


def _group(name: str, label: str) -> Json:
    return {"name": name, "label": label, "displayOrder": -1, "archived": False}


def shown(table: Table, prop: PropertyDefinition) -> Json:
    """Return a definition as the API shows it; pipelines and stages appear as options."""
    pipelines = table.pipelines
    if prop.rule == "pipeline":
        prop = replace(prop, options=tuple((pipeline.id, pipeline.label) for pipeline in pipelines))
    if prop.rule == "stage":
        stages = tuple((stage.id, stage.label) for pipeline in pipelines for stage in pipeline.stages)
        prop = replace(prop, options=stages)
    return prop.as_json(iso(prop.created or 1_500_000_000.0))


def make(portal: Portal, table: Table, body: Json) -> PropertyDefinition:
    """Make a property from its definition.

    Raises:
        Refused: The definition is not complete or not possible, or the name is taken.
    """
    missing = [field for field in NEEDED if not body.get(field)]
    if missing:
        raise validation(f"Some required fields were not set: [{', '.join(missing)}]")
    name, kind, field_type = str(body["name"]), str(body["type"]), str(body["fieldType"])
    if name in table.properties:
        message = f"A property named '{name}' already exists."
        sub = "Properties.PROPERTY_WITH_NAME_EXISTS"
        raise Refused(409, error_body(message, "OBJECT_ALREADY_EXISTS", subCategory=sub))
    if re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name) is None:
        raise validation(
            f"{name}: a name has lower-case letters, digits and underscores and begins with a letter"
        )
    _refuse_kind(kind, field_type)
    _refuse_group(table, str(body["groupName"]))
    unique = body.get("hasUniqueValue") is True
    own_unique = [prop for prop in table.properties.values() if prop.unique and not prop.hubspot_defined]
    if unique and len(own_unique) >= MAX_UNIQUE:
        raise validation(f"An object type has at most {MAX_UNIQUE} unique properties")
    prop = PropertyDefinition(
        name=name,
        type=kind,
        field_type=field_type,
        label=str(body["label"]),
        options=_options(body, kind),
        unique=unique,
        hubspot_defined=False,
        group=str(body["groupName"]),
        description=str(body.get("description", "")),
        created=portal.now(),
        sensitivity=_sensitivity(body.get("dataSensitivity")),
        extra=_extra(body, {}),
    )
    table.define(prop)
    return prop


def _refuse_kind(kind: str, field_type: str) -> None:
    if field_type not in FIELD_TYPES.get(kind, ()):
        raise validation(f"fieldType {field_type} does not go with type {kind}")


def _refuse_group(table: Table, group: str) -> None:
    if group not in table.groups:
        raise validation(f"There is no property group {group}")


def _sensitivity(given: Any) -> str:
    """Read `dataSensitivity`; without it properties that are not sensitive are meant."""
    asked = str(given or "non_sensitive")
    if asked not in SENSITIVITIES:
        raise validation(f"dataSensitivity must be one of [{', '.join(SENSITIVITIES)}]")
    return asked


def _extra(body: Json, before: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return the words of a definition that change nothing here and are shown as they were sent."""
    words = {**before, **{word: body[word] for word in ONLY_SHOWN if word in body}}
    if body.get("options"):
        shown_options = [
            {
                "label": str(option.get("label", option.get("value"))),
                "value": str(option.get("value")),
                "displayOrder": option.get("displayOrder", place),
                "hidden": option.get("hidden", False),
                **({"description": option["description"]} if "description" in option else {}),
            }
            for place, option in enumerate(body["options"])
        ]
        words["options"] = shown_options
    return tuple(words.items())


def _options(body: Json, kind: str) -> tuple[tuple[str, str], ...]:
    given = body.get("options") or []
    if kind == "bool" and not given:
        return (("true", "True"), ("false", "False"))
    options = tuple(
        (str(option.get("value")), str(option.get("label", option.get("value")))) for option in given
    )
    if len({value for value, _ in options}) < len(options):
        raise validation("Two options have the same value")
    return options


def _known(table: Table, name: str, archived: bool) -> PropertyDefinition:
    prop = (table.archived_properties if archived else table.properties).get(name)
    if prop is None:
        raise _unknown(name)
    return prop


def _unknown(name: str) -> Refused:
    return object_not_found(f'Property "{name}" does not exist')


def _archive(table: Table, name: str) -> None:
    prop = _known(table, name, False)
    if prop.hubspot_defined:
        raise validation(f"{name} is HubSpot's own and cannot be archived")
    table.undefine(name)
