"""Associating records: what HubSpot checks, adds by itself and notes."""

from __future__ import annotations

from typing import Any

from hubspot_batch_dagster.emulator.association_types import AssociationType
from hubspot_batch_dagster.emulator.associations import Associations
from hubspot_batch_dagster.emulator.books import Commit
from hubspot_batch_dagster.emulator.exchange import Json
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Table

CATEGORIES = ("HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED", "WORK")


def associate(
    portal: Portal, source: str, source_id: str, target: str, target_id: str, types: list[AssociationType]
) -> None:
    """Associations two records by the given types, and adds what HubSpot adds by itself.

    A labelled association always carries the plain one too. The first company of a record becomes its primary
    one.
    """
    associations = portal.associations
    plain = associations.plain(source, target)
    first = not associations.of(source, source_id, target)
    for kind in types:
        associations.add(kind, source_id, target_id)
    if plain is not None and plain not in types:
        associations.add(plain, source_id, target_id)
    if first and target == "companies" and source in ("contacts", "deals", "tickets"):
        primary = next((known for known in associations.types(source, target) if known.primary), None)
        if primary is not None:
            associations.add(primary, source_id, target_id)


def move_associations(portal: Portal, object_type: str, old_id: str, new_id: str) -> None:
    """Move what a merged record was associated with to the record that is left.

    A primary association of the record that is left stays; a second one of its kind is dropped.
    """
    associations = portal.associations
    for source, target in associations.pairs_from(object_type):
        held = associations.of(source, old_id, target)
        for other_id, keys in list(held.items()):
            types = [found for key in sorted(keys) if (found := associations.find(*key)) is not None]
            associations.remove_all(source, old_id, target, other_id)
            if source == target and other_id == new_id:
                continue
            for kind in types:
                if not (kind.primary and _has_primary(associations, kind, new_id)):
                    associations.add(kind, new_id, other_id)


def _has_primary(associations: Associations, kind: AssociationType, source_id: str) -> bool:
    held = associations.of(kind.source, source_id, kind.target)
    return any((kind.category, kind.type_id) in keys for keys in held.values())


def inline_problem(portal: Portal, table: Table, given: Any) -> Json | None:
    """Return what is wrong with the associations of one input, as an error item; None if nothing is."""
    if given is None:
        return _lead_problem(portal, table, [])
    if not isinstance(given, list):
        return _item("associations must be a list")
    most = portal.settings.max_inline_associations
    if most is not None and len(given) > most:
        return _item(f"An input can hold at most {most} associations")
    associated: list[str] = []
    for association in given:
        target_id = str((association.get("to") or {}).get("id", "")) if isinstance(association, dict) else ""
        types = association.get("types") if isinstance(association, dict) else None
        if not target_id or not isinstance(types, list) or not types:
            return _item("Each association needs to.id and at least one type")
        for asked in types:
            found = read_type(portal, asked)
            if isinstance(found, str):
                return _item(found)
            if found.source != table.name:
                return _item(wrong_direction(portal, found, table.name))
            if portal.tables[found.target].living(target_id) is None:
                return _item(
                    f"{portal.tables[found.target].type_name}={target_id} is not valid",
                    subCategory="crm.associations.INVALID_IDENTIFIER",
                    context={"id": [target_id]},
                )
            associated.append(found.target)
    return _lead_problem(portal, table, associated)


def _lead_problem(portal: Portal, table: Table, associated: list[str]) -> Json | None:
    if table.name == "leads" and portal.settings.lead_requires_contact and "contacts" not in associated:
        return _item("A lead must be associated with a contact when it is created")
    return None


def read_type(portal: Portal, asked: Any) -> AssociationType | str:
    """Return the type that `{associationCategory, associationTypeId}` names, or what is wrong with it."""
    if not isinstance(asked, dict) or "associationTypeId" not in asked or "associationCategory" not in asked:
        return "Some required fields were not set: [associationCategory, associationTypeId]"
    category, type_id = str(asked["associationCategory"]), str(asked["associationTypeId"])
    if category not in CATEGORIES:
        return f"{category} is not one of [{', '.join(CATEGORIES)}]"
    found = portal.associations.find(category, int(type_id)) if type_id.isdigit() else None
    return found or f"There is no association type {type_id} of category {category}"


def wrong_direction(portal: Portal, kind: AssociationType, source: str) -> str:
    """Return the message for a type that belongs to another pair or the other direction."""
    asked = portal.tables[source].definition.type_id
    expected = portal.tables[kind.source].definition.type_id
    return f"Association type {kind.type_id}: invalid from object type {asked}, expected {expected}"


def _item(message: str, **more: Any) -> Json:
    return {"status": "error", "category": "VALIDATION_ERROR", "message": message, "context": {}, **more}


def associate_inline(portal: Portal, table: Table, record_id: str, given: list[Json], request: int) -> None:
    """Associations a new record as its input asked; `inline_problem` has found nothing wrong."""
    for association in given:
        asked_id = str(association["to"]["id"])
        types = [
            found
            for asked in association["types"]
            if isinstance(found := read_type(portal, asked), AssociationType)
        ]
        for target in {found.target for found in types}:
            chosen = [found for found in types if found.target == target]
            living = portal.tables[target].living(asked_id)
            target_id = living.id if living is not None else asked_id
            associate(portal, table.name, record_id, target, target_id, chosen)
            note_association(portal, "associated", chosen[0], record_id, target_id, request)


def note_association(
    portal: Portal, change: str, kind: AssociationType, source_id: str, target_id: str, request: int
) -> None:
    """Write an association, or its end, into the books."""
    details = {
        "from": source_id,
        "to": target_id,
        "toObjectType": kind.target,
        "typeId": kind.type_id,
    }
    portal.note(Commit(source_id, kind.source, change, None, details, portal.now(), request))
