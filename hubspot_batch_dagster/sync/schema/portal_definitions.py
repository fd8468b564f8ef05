"""A portal's definitions in a file: what the emulator can be like, and what syncs can be checked against
without HubSpot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.connection import results_of
from hubspot_batch_dagster.api.custom_objects import spellings
from hubspot_batch_dagster.api.definitions import ObjectSchema, PropertyDefinition
from hubspot_batch_dagster.api.endpoints import associations_path, definition_path
from hubspot_batch_dagster.api.errors import Forbidden, InputError, InvalidBatch, NotFound
from hubspot_batch_dagster.api.object_types import BUILT_IN, ObjectType, object_type
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.schema.column_checks import check_columns, check_unique, unknown_properties
from hubspot_batch_dagster.sync.schema.definitions import Definitions

SENSITIVITIES = (None, "sensitive", "highly_sensitive")
FORMAT = 1
"""Rises when the file changes so that an older version of this package would misread it."""
LABELLED = ("contacts", "companies", "deals", "tickets")

Warn = Callable[[str], None]


@dataclass(frozen=True)
class PortalDefinitions:
    """What a portal file says of properties and custom objects.

    Attributes:
        properties: Object type, as the file names it, to its properties by name.
        schemas: The custom objects.
    """

    properties: Mapping[str, Mapping[str, PropertyDefinition]] = field(repr=False)
    schemas: tuple[ObjectSchema, ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, path: Path) -> PortalDefinitions:
        """Read a file that ``hubspot-batch-dagster portal`` wrote.

        Raises:
            InputError: It is not there, no such file, or of a format that this version does not know.
        """
        remedy = f"Write it with hubspot-batch-dagster portal --out {path.name}."
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found.get("format", FORMAT) != FORMAT:
                raise InputError(
                    f"{path} has the format {found['format']!r}, and this version reads {FORMAT}.",
                    remedy=remedy,
                )
            return cls(
                properties={
                    kind: {each["name"]: PropertyDefinition.model_validate(each) for each in listed}
                    for kind, listed in found["properties"].items()
                },
                schemas=tuple(ObjectSchema.model_validate(each) for each in found.get("schemas", ())),
            )
        except InputError:
            raise
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.", remedy=remedy) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{path} holds no definitions of a portal: {type(error).__name__}: {error}.", remedy=remedy
            ) from None

    def of(self, kind: str) -> Definitions | None:
        """Return the definitions of an object type; ``None`` where the file has none.

        Raises:
            InputError: The file has custom objects, and none of this name.
        """
        found = object_type(kind)
        if not found.custom:
            listed = self.properties.get(found.name)
            return None if listed is None else Definitions(found.name, listed)
        schema = self._schema(found)
        if schema is None:
            if self.schemas:
                names = ", ".join(sorted(each.name for each in self.schemas))
                raise InputError(f"The account has no object type {kind!r}.", remedy=f"It has {names}.")
            return None
        listed = self.properties.get(schema.object_type_id)
        return None if listed is None else Definitions(found.name, listed)

    def check(self, operation: Operation) -> None:
        """Refuse an operation that a run would refuse for the portal's definitions, as far as it names its
        properties.

        Raises:
            InputError: A property does not exist or cannot be written, what finds records is not unique, or
                the account has no such object type.
        """
        definitions = self.of(operation.object_type)
        for other in operation.associations:
            self.of(other.to)
        if definitions is None:
            return
        mapping = operation.property_columns or {}
        made = unknown_properties(mapping, definitions) if operation.makes_missing_properties else ()
        if operation.sends_properties:
            check_columns(operation, mapping, definitions, to_make=made, consequence="")
        check_unique(operation, definitions, made, consequence="")

    def _schema(self, found: ObjectType) -> ObjectSchema | None:
        for each in self.schemas:
            if found.name.lower() in spellings(each):
                return each
        return None


def read_definitions(client: HubSpotClient, warn: Warn) -> dict[str, Any]:
    """Read what a portal file holds.

    Args:
        client: The portal.
        warn: Where to say what the token may not read; it is left out.
    """
    account = client.account_details()
    listed = _results(client, definition_path("crm-object-schemas", client.version, "schemas"), warn)
    schemas = [each for each in listed if each.get("objectTypeId")]
    kinds = [*BUILT_IN, *(object_type(schema["objectTypeId"]) for schema in schemas)]
    properties = {kind.name: found for kind in kinds if (found := _properties(client, kind, warn))}
    names = [*LABELLED, *(schema["objectTypeId"] for schema in schemas)]
    return {
        "format": FORMAT,
        "portalId": account.portal_id,
        "timeZone": account.time_zone or "UTC",
        "schemas": [{**schema, "associations": []} for schema in schemas],
        "properties": properties,
        "pipelines": {
            name: found
            for name in properties
            if (found := _results(client, definition_path("pipelines", client.version, _segment(name)), None))
        },
        "owners": _owners(client, warn),
        "labels": _labels(client, [name for name in names if name in properties]),
    }


def write_definitions(found: Mapping[str, Any], path: Path) -> None:
    """Write what :func:`read_definitions` read."""
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _segment(name: str) -> str:
    return object_type(name).segment


def _results(
    client: HubSpotClient, path: str, warn: Warn | None, query: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    try:
        answer = client.get(path, query)
    except (Forbidden, NotFound, InvalidBatch) as error:
        if warn is not None:
            warn(f"{path} is left out: {error}")
        return []
    return results_of(answer, dict)


def _properties(client: HubSpotClient, kind: ObjectType, warn: Warn) -> list[dict[str, Any]]:
    path = definition_path("properties", client.version, kind.segment)
    listed = _results(client, path, warn)
    if listed:
        for sensitivity in SENSITIVITIES[1:]:
            listed += _results(client, path, None, {"dataSensitivity": sensitivity})
    return listed


def _owners(client: HubSpotClient, warn: Warn) -> list[dict[str, Any]]:
    """Read the owners' ids, living and archived; who they are is nobody's business."""
    try:
        return [
            {"id": each.id, "archived": archived}
            for archived in (False, True)
            for each in client.owners(archived=archived)
        ]
    except (Forbidden, NotFound) as error:
        warn(f"{definition_path('owners', client.version)} is left out: {error}")
        return []


def _labels(client: HubSpotClient, names: list[str]) -> list[dict[str, Any]]:
    """Read the portal's own labels; the ids of the two directions of one are neighbours."""
    listed = {}
    for source, target in product(names, names):
        found = _results(client, f"{associations_path(source, target, client.version)}/labels", None)
        own = [each for each in found if each.get("category") == "USER_DEFINED" and "typeId" in each]
        listed[source, target] = {each["typeId"]: each for each in own}
    return [
        {
            "from": source,
            "to": target,
            "typeId": type_id,
            "inverseTypeId": _inverse(type_id, each, listed[target, source]),
            "category": "USER_DEFINED",
            "label": each.get("label"),
        }
        for (source, target), labels in listed.items()
        for type_id, each in labels.items()
    ]


def _inverse(type_id: int, label: Mapping[str, Any], back: Mapping[int, Mapping[str, Any]]) -> int:
    near = [other for other in (type_id - 1, type_id + 1) if other in back]
    same = [other for other in near if back[other].get("label") == label.get("label")]
    return (same or near or [type_id])[0]
