"""Setting a portal up without requests: properties, labels, pipelines and owners, in HubSpot's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubspot_batch_dagster.emulator.association_labels import define_label
from hubspot_batch_dagster.emulator.definitions import PropertyDefinition
from hubspot_batch_dagster.emulator.exchange import Json
from hubspot_batch_dagster.emulator.owners import Owner
from hubspot_batch_dagster.emulator.pipeline_definitions import add_pipeline as put_pipeline
from hubspot_batch_dagster.emulator.pipeline_definitions import pipeline_from
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Table

USUAL_FIELD_TYPES = {
    "bool": "booleancheckbox",
    "date": "date",
    "datetime": "date",
    "enumeration": "select",
    "number": "number",
    "phone_number": "phonenumber",
    "string": "text",
}
SHORT_WORDS = {"kind": "type", "field_type": "fieldType", "unique": "hasUniqueValue"}
KNOWN_WORDS = frozenset(
    [
        "name",
        "label",
        "type",
        "fieldType",
        "description",
        "groupName",
        "options",
        "hasUniqueValue",
        "calculated",
        "hidden",
        "displayOrder",
        "formField",
        "hubspotDefined",
        "externalOptions",
        "referencedObjectType",
        "modificationMetadata",
        "dataSensitivity",
        "archived",
        "createdAt",
        "updatedAt",
        "createdUserId",
        "updatedUserId",
        "showCurrencySymbol",
        "calculationFormula",
        "sensitiveDataCategories",
        "currencyPropertyName",
        "numberDisplayHint",
        "textDisplayHint",
        "dateDisplayHint",
        "archivedAt",
        "warnings",
    ]
)


def add_property(portal: Portal, object_type: str, name: str, **words: Any) -> None:
    """Define or replace a property.

    Args:
        portal: The portal.
        object_type: Any name of the type.
        name: Internal name.
        **words: HubSpot's own: `type`, `fieldType`, `options` (values, or objects with `value` and `label`),
            `label`, `groupName`, `hasUniqueValue`, `dataSensitivity`, `modificationMetadata` and so on;
            `kind`, `field_type`, `unique` and `read_only` are short for some. `rule` gives it a special kind
            of value.

    Raises:
        ValueError: A word is unknown, or a value cannot be.
    """
    table = portal.table(object_type)
    rule = str(words.pop("rule", ""))
    read_only = words.pop("read_only", None)
    given = {SHORT_WORDS.get(word, word): value for word, value in words.items()}
    if read_only is not None:
        given["modificationMetadata"] = {"readOnlyValue": bool(read_only)}
    table.define(property_from(table, {"name": name, **given}, rule=rule))


def property_from(table: Table, given: Json, *, rule: str = "", strict: bool = True) -> PropertyDefinition:
    """Read a property as HubSpot's API shows it, or a part of one.

    Args:
        table: Whose property it is.
        given: HubSpot's words.
        rule: A special kind of value.
        strict: Whether unknown words and types are refused; a portal file may have some that are new.

    Raises:
        ValueError: It has no name, a word is unknown, or the type is none of HubSpot's.
    """
    if not isinstance(given, Mapping):
        raise ValueError("a property must be a JSON object")
    unknown = sorted(set(given) - KNOWN_WORDS)
    if unknown and strict:
        raise ValueError(f"a property has no {', '.join(unknown)}; it has {', '.join(sorted(KNOWN_WORDS))}")
    name, kind = str(given.get("name") or ""), str(given.get("type") or "string")
    if not name:
        raise ValueError("a property needs a name")
    if kind not in USUAL_FIELD_TYPES and strict:
        raise ValueError(f"property {name}: type {kind!r} is none of {', '.join(USUAL_FIELD_TYPES)}")
    own = table.properties.get(name)
    changes = given.get("modificationMetadata") or {}
    if not rule and own is not None:
        rule = own.rule
    if given.get("referencedObjectType") == "OWNER":
        rule = "owner"
    return PropertyDefinition(
        name=name,
        type=kind,
        field_type=str(given.get("fieldType") or USUAL_FIELD_TYPES.get(kind, "text")),
        label=str(given.get("label") or name),
        options=_options(given.get("options") or (), kind),
        unique=given.get("hasUniqueValue") is True,
        read_only=changes.get("readOnlyValue") is True or given.get("calculated") is True,
        calculated=given.get("calculated") is True,
        hubspot_defined=given.get("hubspotDefined") is True,
        rule=rule,
        group=str(given.get("groupName") or next(iter(table.groups))),
        description=str(given.get("description") or ""),
        sensitivity=str(given.get("dataSensitivity") or "non_sensitive"),
    )


def _options(given: Any, kind: str) -> tuple[tuple[str, str], ...]:
    pairs = [
        (str(option["value"]), str(option.get("label") or option["value"]))
        if isinstance(option, Mapping)
        else (str(option), str(option))
        for option in given
    ]
    if kind == "bool" and not pairs:
        return (("true", "True"), ("false", "False"))
    return tuple(pairs)


def add_label(
    portal: Portal, source: str, target: str, label: str, name: str = "", inverse_label: str | None = None
) -> tuple[int, int]:
    """Make an association label; return its type ids, from source to target and back.

    Raises:
        Refused: The pair has 50 labels, or one of that name.
    """
    ends = portal.table(source).name, portal.table(target).name
    plain_name = name or "".join(c if c.isalnum() else "_" for c in label.lower())
    made = define_label(portal, *ends, {"label": label, "name": plain_name, "inverseLabel": inverse_label})
    return made[0].type_id, made[0].inverse


def add_pipeline(portal: Portal, object_type: str, pipeline: Json) -> str:
    """Add a pipeline as the pipelines API takes it: `label`, `stages`, `pipelineId` if given; return its id.

    Raises:
        Refused: It has no label or no stages, or its id or label is taken.
    """
    made = pipeline_from(portal, pipeline)
    put_pipeline(portal, portal.table(object_type), made)
    return made.id


def add_owner(
    portal: Portal,
    email: str,
    *,
    firstName: str = "",  # noqa: N803 - HubSpot's word
    lastName: str = "",  # noqa: N803
    id: str = "",
    userId: int = 0,  # noqa: N803
    archived: bool = False,
    **_: Any,
) -> str:
    """Add somebody who may own records, in the words of the owners API; return the owner's id."""
    number = str(id) or str(max((int(owner) for owner in portal.owners), default=1000) + 1)
    user = userId or int(number) + 50_000
    portal.owners[number] = Owner(number, email, firstName, lastName, user, archived)
    return number
