"""What the portal says of one object type, as encoding and checking need it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hubspot_batch_dagster.api.definitions import Pipeline, PropertyDefinition
from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.sync.schema.owners import OwnersOfRun
from hubspot_batch_dagster.table.layout import Definition

OWNER = "OWNER"


def pipeline_properties(kind: str) -> tuple[str, str]:
    """Return the properties that hold a record's pipeline and stage. Deals have names of their own."""
    if object_type(kind).name == "deals":
        return "pipeline", "dealstage"
    return "hs_pipeline", "hs_pipeline_stage"


@dataclass(frozen=True)
class Definitions:
    """The portal's definitions of one object type.

    Attributes:
        kind: The object type's plural name.
        properties: All live properties by name.
        pipelines: Its pipelines, the default one first; empty where no column is about them.
        required: What the schema of a custom object requires of every record.
        complete: Whether the sensitive properties are among them, as far as they were asked for. The token
            may not be allowed to see them.
        owners: Finds owners by email.
        cuts_times: HubSpot keeps the day of a date with a time of day.
    """

    kind: str
    properties: Mapping[str, PropertyDefinition] = field(repr=False)
    pipelines: tuple[Pipeline, ...] = field(default=(), repr=False)
    required: tuple[str, ...] = ()
    complete: bool = True
    owners: OwnersOfRun | None = field(default=None, repr=False)
    cuts_times: bool = False

    def __repr__(self) -> str:
        return (
            f"Definitions({self.kind!r}, {len(self.properties)} properties, {len(self.pipelines)} pipelines)"
        )

    def encoded(self, names: Iterable[str]) -> dict[str, Definition]:
        """Return the named properties as the encoder wants them; unknown names are left out."""
        return {name: self.property(name) for name in names if name in self.properties}

    def property(self, name: str) -> Definition:
        """One property as the encoder wants it."""
        found = self.properties[name]
        return Definition(
            name=name,
            type=found.type,
            field_type=found.field_type,
            options=self.options(name),
            read_only=found.modification_metadata.read_only_value,
            calculated=found.calculated,
            unique=found.has_unique_value,
            owner=_is_owner(found),
            owners=self.owners if _is_owner(found) else None,
            cuts_times=self.cuts_times,
        )

    def options(self, name: str) -> dict[str, str]:
        """Return a map of internal value to label. Pipelines and stages come from the pipelines
        themselves.
        """
        pipeline, stage = pipeline_properties(self.kind)
        if self.pipelines and name == pipeline:
            return {each.id: each.label or each.id for each in self.pipelines}
        if self.pipelines and name == stage:
            return {
                each.id: each.label or each.id
                for one in self.pipelines
                for each in one.stages
                if not each.archived
            }
        found = self.properties[name]
        return {} if _is_owner(found) else {each.value: each.label or each.value for each in found.options}

    def is_unique(self, name: str) -> bool:
        """Whether HubSpot finds a record by this property. The email of a contact counts, whatever its
        definition says.
        """
        if name == "email" and self.kind == "contacts":
            return name in self.properties
        return name in self.properties and self.properties[name].has_unique_value

    def unique_names(self) -> list[str]:
        """Return the writable properties with unique values."""
        return [
            name
            for name, each in self.properties.items()
            if self.is_unique(name) and not each.read_only and not each.archived
        ]

    def snapshot(self, mapping: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Return the mapped properties as plain values: what the next run compares with."""
        return {
            name: {
                "column": column,
                "type": self.properties[name].type,
                "field_type": self.properties[name].field_type,
                "read_only": self.properties[name].read_only,
                "unique": self.is_unique(name),
                "options": self.options(name),
            }
            for name, column in mapping.items()
            if name in self.properties
        }

    def fingerprint(self, mapping: Mapping[str, str]) -> str:
        """Return a short hash of all that the definitions decide about these columns.

        A row that was rejected is sent again when it changes.
        """
        parts = {
            "properties": self.snapshot(mapping),
            "required": sorted(self.required),
            "stages": [[each.id, sorted(stage.id for stage in each.stages)] for each in self.pipelines],
        }
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_owner(found: PropertyDefinition) -> bool:
    return (found.referenced_object_type or "").upper() == OWNER
