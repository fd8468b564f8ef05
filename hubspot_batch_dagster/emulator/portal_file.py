"""Portal files: a real portal's definitions, so that pipelines are tested against the one they will meet.

A file is a JSON object with HubSpot's own answers in it, each part of which may be missing:

    {"portalId": 123, "timeZone": "Europe/Berlin",
     "properties": {"contacts": [...]}, "schemas": [...], "pipelines": {"deals": [...]}, "owners": [...],
     "labels": [{"from": "contacts", "to": "companies", "label": "Billing", "name": "billing"}]}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hubspot_batch_dagster.emulator.association_types import AssociationType
from hubspot_batch_dagster.emulator.exchange import Json, Refused
from hubspot_batch_dagster.emulator.pipeline_definitions import pipeline_from
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.portal_setup import add_label, add_owner, property_from
from hubspot_batch_dagster.emulator.schemas import define_object_type
from hubspot_batch_dagster.emulator.table import Table

FORMAT = 1
PARTS: dict[str, type] = {
    "format": int,
    "portalId": int,
    "timeZone": str,
    "properties": dict,
    "schemas": list,
    "pipelines": dict,
    "owners": list,
    "labels": list,
}


class PortalFileError(ValueError):
    """A portal file that cannot be read; the message says where it is wrong."""


def read_portal_file(path: Path) -> Json:
    """Read a portal file.

    Raises:
        PortalFileError: It is not there, not JSON, or a part of it is unknown or of another kind.
    """
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PortalFileError(f"cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise PortalFileError(f"is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise PortalFileError(f"must be a JSON object with {', '.join(PARTS)}")
    for name, part in parsed.items():
        if name not in PARTS:
            raise PortalFileError(f"has no part {name!r}; it has {', '.join(PARTS)}")
        if not isinstance(part, PARTS[name]):
            raise PortalFileError(f"{name} must be of the JSON kind {PARTS[name].__name__}")
    return parsed


def reset(portal: Portal) -> None:
    """Make a portal fresh: no records, no definitions but those of the portal file that it was made with."""
    portal.reset()
    if portal.base_definitions is not None:
        fill(portal, portal.base_definitions)


def fill(portal: Portal, definitions: Mapping[str, Any]) -> None:
    """Give a portal the definitions of a portal file; what it defines otherwise is replaced, type by type.

    Raises:
        PortalFileError: A definition cannot be.
    """
    if definitions.get("format", FORMAT) != FORMAT:
        raise PortalFileError(
            f"has the format {definitions['format']!r}, and this version reads {FORMAT}: write it anew"
        )
    place = "the file"
    names = {"portalId": "portal_id", "timeZone": "time_zone"}
    try:
        portal.change({names[name]: definitions[name] for name in names.keys() & definitions.keys()})
        for schema in _objects(definitions, "schemas"):
            place = f"schemas, {schema.get('name')}"
            _add_schema(portal, schema)
        for object_type, listed in definitions.get("properties", {}).items():
            place = f"properties of {object_type}"
            _replace_properties(portal.table(object_type), listed)
        for object_type, listed in definitions.get("pipelines", {}).items():
            place = f"pipelines of {object_type}"
            portal.table(object_type).set_pipelines([pipeline_from(portal, each) for each in listed])
        for owner in _objects(definitions, "owners"):
            place = f"owners, {owner.get('id')}"
            add_owner(portal, str(owner.get("email") or f"owner{owner['id']}@example.com"), **_rest(owner))
        for label in _objects(definitions, "labels"):
            place = f"labels, {label.get('label')}"
            _add_label(portal, label)
    except Refused as refused:
        raise PortalFileError(f"{place}: {refused.answer.body['message']}") from None
    except PortalFileError:
        raise
    except KeyError as error:
        raise PortalFileError(f"{place}: {error.args[0]} is missing") from None
    except ValueError as error:
        raise PortalFileError(f"{place}: {error}") from None
    except (TypeError, AttributeError) as error:
        raise PortalFileError(
            f"{place}: a value is of another kind than in HubSpot's answers: {error}"
        ) from None


def _objects(definitions: Mapping[str, Any], part: str) -> Iterator[Json]:
    """Give the objects of a list in the file; anything else in it is refused with its place."""
    for number, each in enumerate(definitions.get(part, ()), 1):
        if not isinstance(each, dict):
            raise PortalFileError(f"{part}, number {number}: it must be a JSON object")
        yield each


def _rest(owner: Json) -> Json:
    return {name: value for name, value in owner.items() if name != "email"}


def _add_schema(portal: Portal, schema: Json) -> None:
    """Add a custom object with the type id that it has in its portal."""
    properties = schema.get("properties") or [{"name": schema["primaryDisplayProperty"]}]
    type_id = str(schema.get("objectTypeId") or "")
    body = {**schema, "properties": [], "associatedObjects": ["contacts", "companies", "deals", "tickets"]}
    table = define_object_type(portal, {**body, "properties": [_named(schema)]}, type_id=type_id)
    _replace_properties(table, properties)


def _named(schema: Json) -> Json:
    display = str(schema["primaryDisplayProperty"])
    return {"name": display, "label": display, "type": "string", "fieldType": "text"}


def _replace_properties(table: Table, listed: list[Any]) -> None:
    made = [property_from(table, each, strict=False) for each in listed]
    definition = table.definition
    kept = {definition.created_property, definition.modified_property, "hs_object_id"}
    for name in set(table.properties) - {prop.name for prop in made} - kept:
        table.forget(name)
    for prop in made:
        table.groups.setdefault(prop.group, prop.group)
        table.define(prop)


def _add_label(portal: Portal, label: Json) -> None:
    source, target = str(label["from"]), str(label["to"])
    if "typeId" not in label:
        add_label(portal, source, target, str(label["label"]), str(label.get("name") or ""))
        return
    ends = portal.table(source).name, portal.table(target).name
    kind = AssociationType(
        *ends,
        int(label["typeId"]),
        int(label.get("inverseTypeId") or 0),
        str(label.get("category") or "USER_DEFINED"),
        label.get("label"),
        str(label.get("name") or ""),
    )
    portal.associations.define(kind)
