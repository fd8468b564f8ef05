"""Definitions: object types and their properties, as a fresh portal has them.

The tables in `properties_crm`, `properties_activities` and `properties_commerce` hold one property a line:

    name | type | fieldType | label | flags | options

`flags` are words: `unique`, `readonly`, `calculated`, `owner`, `pipeline`, `stage`, `email`, `emails`.
`options` are `value=Label` or just `value`, separated by semicolons. A line that begins with `+` goes on with
the property before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from hubspot_batch_dagster.emulator.object_types import OBJECT_TYPES, ObjectTypeRow
from hubspot_batch_dagster.emulator.properties_activities import ACTIVITY_PROPERTIES
from hubspot_batch_dagster.emulator.properties_commerce import COMMERCE_PROPERTIES
from hubspot_batch_dagster.emulator.properties_crm import CRM_PROPERTIES

COMMON = """
hs_object_id                   | number      | number   | Record ID | readonly unique
hs_object_source               | enumeration | select   | Record creation source | readonly
hs_object_source_id            | string      | text     | Record creation source ID | readonly
hs_object_source_label         | enumeration | select   | Record source | readonly
hs_object_source_user_id       | number      | number   | Record creation source user ID | readonly
hs_created_by_user_id          | number      | number   | Created by user ID | readonly
hs_updated_by_user_id          | number      | number   | Updated by user ID | readonly
hs_unique_creation_key         | string      | text     | Unique creation key | readonly unique
hs_merged_object_ids           | enumeration | checkbox | Merged record IDs | readonly
hs_read_only | bool | booleancheckbox | Read only object | readonly | true=True;false=False
hs_was_imported | bool | booleancheckbox | Performed in an import | readonly | true=True;false=False
hs_all_owner_ids               | enumeration | checkbox | All owner IDs | readonly
hs_all_team_ids                | enumeration | checkbox | All team IDs | readonly
hs_all_accessible_team_ids     | enumeration | checkbox | All teams | readonly
hs_user_ids_of_all_owners      | enumeration | checkbox | User IDs of all owners | readonly
hs_pinned_engagement_id        | number      | number   | Pinned engagement ID
hs_shared_user_ids             | enumeration | checkbox | Shared users | readonly
hubspot_owner_id               | enumeration | select   | Owner | owner
hubspot_owner_assigneddate     | datetime    | date     | Owner assigned date | readonly
hubspot_team_id                | enumeration | select   | HubSpot team | owner
"""


@dataclass(frozen=True)
class PropertyDefinition:
    """One property of an object type.

    Attributes:
        type: `string`, `number`, `bool`, `date`, `datetime`, `enumeration` or `phone_number`.
        options: Pairs of internal value and label.
        read_only: The API may not set it.
        rule: A special kind of value: `email`, `emails`, `owner`, `pipeline`, `stage` or none.
        sensitivity: `non_sensitive`, `sensitive` or `highly_sensitive`.
    """

    name: str
    type: str
    field_type: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    unique: bool = False
    read_only: bool = False
    calculated: bool = False
    hubspot_defined: bool = True
    rule: str = ""
    group: str = ""
    description: str = ""
    archived: bool = False
    created: float = 0.0
    sensitivity: str = "non_sensitive"
    extra: tuple[tuple[str, Any], ...] = ()

    def as_json(self, created_at: str) -> dict[str, Any]:
        """Return the definition as the properties API shows it."""
        options = [
            {"label": label, "value": value, "displayOrder": place, "hidden": False}
            for place, (value, label) in enumerate(self.options)
        ]
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": options,
            "displayOrder": -1,
            "calculated": self.calculated,
            "externalOptions": self.rule == "owner",
            **({"referencedObjectType": "OWNER"} if self.rule == "owner" else {}),
            "hasUniqueValue": self.unique,
            "hidden": False,
            "hubspotDefined": self.hubspot_defined,
            "modificationMetadata": {
                "archivable": not self.hubspot_defined,
                "readOnlyDefinition": self.hubspot_defined,
                "readOnlyOptions": False,
                "readOnlyValue": self.read_only,
            },
            "formField": not self.read_only,
            "dataSensitivity": self.sensitivity,
            "archived": self.archived,
            "createdAt": created_at,
            "updatedAt": created_at,
            **dict(self.extra),
        }


@dataclass(frozen=True)
class ObjectTypeDefinition:
    """One object type.

    Attributes:
        name: Plural name, such as `contacts`.
        singular: Singular name, such as `contact`; upper-cased in messages.
        type_id: `0-1` and the like; `2-N` for custom ones.
        names: Everything a path may call it.
        created_property: The system property that holds when a record was made.
        modified_property: The one that holds when it last changed.
        default_properties: What a read returns when it asks for nothing.
        required: Properties a create needs where that is enforced; each entry is a set of which one suffices.
    """

    name: str
    singular: str
    type_id: str
    names: tuple[str, ...]
    created_property: str
    modified_property: str
    default_properties: tuple[str, ...]
    properties: tuple[PropertyDefinition, ...]
    required: tuple[tuple[str, ...], ...] = ()
    scope: str = ""
    pipeline_property: str = ""
    stage_property: str = ""
    primary_display_property: str = ""
    fully_qualified_name: str = ""
    labels: tuple[str, str] = ("", "")
    custom: bool = False
    refused_operations: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


def parse_properties(table: str, group: str) -> tuple[PropertyDefinition, ...]:
    """Read a table of properties, one a line."""
    text = table.replace("\n+ ", "")
    return tuple(_parse_line(line, group) for line in text.strip().splitlines() if line.strip())


def _parse_line(line: str, group: str) -> PropertyDefinition:
    cells = [cell.strip() for cell in line.split("|")] + ["", ""]
    name, kind, field_type, label, flag_text, option_text = cells[:6]
    flags = flag_text.split()
    rule = next(
        (flag for flag in flags if flag in ("email", "emails", "owner", "pipeline", "stage", "lifecycle")), ""
    )
    pairs = [option.partition("=") for option in option_text.split(";") if option]
    return PropertyDefinition(
        name=name,
        type=kind,
        field_type=field_type,
        label=label,
        options=tuple((value, text or value.replace("_", " ").title()) for value, _, text in pairs),
        unique="unique" in flags,
        read_only="readonly" in flags or "calculated" in flags,
        calculated="calculated" in flags,
        rule=rule,
        group=group,
    )


def system_properties(
    created: str, modified: str, created_is_writable: bool, group: str
) -> tuple[PropertyDefinition, ...]:
    """Return the properties every record of a type has: its id, its times, where it came from, its owner."""
    flags = "" if created_is_writable else "readonly"
    times = (
        f"{created} | datetime | date | Create date | {flags}\n"
        f"{modified} | datetime | date | Last modified date | readonly"
    )
    return parse_properties(times, group) + parse_properties(COMMON, group)


@cache
def standard_object_types() -> tuple[ObjectTypeDefinition, ...]:
    """Return the object types of a fresh portal."""
    return tuple(_object_type(row) for row in OBJECT_TYPES)


def _object_type(row: ObjectTypeRow) -> ObjectTypeDefinition:
    group = f"{row.singular}information"
    tables = {**CRM_PROPERTIES, **ACTIVITY_PROPERTIES, **COMMERCE_PROPERTIES}
    own = parse_properties(tables.get(row.name, ""), group)
    system = system_properties(row.created, row.modified, row.name == "deals", group)
    named = {prop.name: prop for prop in system + own}
    for prop in own:
        if prop.type == "bool" and not prop.options:
            named[prop.name] = replace(prop, options=(("true", "True"), ("false", "False")))
    defaults = (*row.defaults, row.created, row.modified, "hs_object_id")
    return ObjectTypeDefinition(
        name=row.name,
        singular=row.singular,
        type_id=row.type_id,
        names=(row.name, row.singular, row.type_id),
        created_property=row.created,
        modified_property=row.modified,
        default_properties=tuple(dict.fromkeys(defaults)),
        properties=tuple(named.values()),
        required=tuple(tuple(choice.split("/")) for choice in row.required),
        scope=row.scope,
        pipeline_property=next((p.name for p in own if p.rule == "pipeline"), ""),
        stage_property=next((p.name for p in own if p.rule == "stage"), ""),
        primary_display_property=row.defaults[0] if row.defaults else "hs_object_id",
        labels=(row.singular.replace("_", " ").title(), row.name.replace("_", " ").title()),
        refused_operations=row.refused,
    )
