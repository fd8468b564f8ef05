"""Associations between records: which types exist, and how pairs are linked in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hubspot_batch_dagster.emulator.association_types import STANDARD_TYPES
from hubspot_batch_dagster.emulator.books import Commit
from hubspot_batch_dagster.emulator.exchange import Json

if TYPE_CHECKING:
    from hubspot_batch_dagster.emulator.portal import Portal
    from hubspot_batch_dagster.emulator.table import Table

CATEGORIES = ("HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED", "WORK")


@dataclass(frozen=True)
class LinkType:
    """One association type, seen from one end.

    Attributes:
        inverse: The type id seen from the other end.
        label: What the UI calls it; None for the plain type.
        name: The internal name of a label; the API does not list it.
    """

    source: str
    target: str
    type_id: int
    inverse: int
    category: str = "HUBSPOT_DEFINED"
    label: str | None = None
    name: str = ""

    @property
    def primary(self) -> bool:
        """Whether it marks the primary record of a type."""
        return self.category == "HUBSPOT_DEFINED" and self.label == "Primary"


class Links:
    """Every association type and every association of a portal."""

    def __init__(self) -> None:
        self._types: dict[tuple[str, int], LinkType] = {}
        self._by_pair: dict[tuple[str, str], list[LinkType]] = {}
        self._links: dict[tuple[str, str], dict[str, dict[str, set[tuple[str, int]]]]] = {}
        self._last_id = 0
        for pair in STANDARD_TYPES:
            self.define_pair(pair.first, pair.second, pair.forward, pair.backward, label=pair.label)

    def define_pair(
        self,
        first: str,
        second: str,
        forward: int,
        backward: int,
        *,
        category: str = "HUBSPOT_DEFINED",
        label: str | None = None,
        inverse_label: str | None = None,
        name: str = "",
    ) -> list[LinkType]:
        """Adds a type; both directions of it unless they are the same."""
        made = [LinkType(first, second, forward, backward, category, label, name)]
        if backward != forward:
            made.append(LinkType(second, first, backward, forward, category, inverse_label or label, name))
        for link_type in made:
            self._types[link_type.category, link_type.type_id] = link_type
            self._by_pair.setdefault((link_type.source, link_type.target), []).append(link_type)
        return made

    def new_type_id(self) -> int:
        """A type id for a label of the portal's own."""
        self._last_id += 1
        return self._last_id

    def pairs_from(self, source: str) -> list[tuple[str, str]]:
        """The pairs of object types that begin with one and have associations."""
        return [pair for pair in self._links if pair[0] == source]

    def types(self, source: str, target: str) -> list[LinkType]:
        """The types between two object types in one direction."""
        return self._by_pair.get((source, target), [])

    def types_from(self, source: str) -> list[LinkType]:
        """The types from one object type to all others."""
        return [found for (first, _), types in self._by_pair.items() if first == source for found in types]

    def remove_type(self, link_type: LinkType) -> None:
        """Takes a type away, in one direction."""
        self._types.pop((link_type.category, link_type.type_id), None)
        self._by_pair[link_type.source, link_type.target].remove(link_type)

    def replace_type(self, old: LinkType, new: LinkType) -> None:
        """Puts a relabelled type in the place of the old one."""
        self._types[new.category, new.type_id] = new
        known = self._by_pair[old.source, old.target]
        known[known.index(old)] = new

    def plain(self, source: str, target: str) -> LinkType | None:
        """The unlabelled type between two object types."""
        return next((known for known in self.types(source, target) if known.label is None), None)

    def find(self, category: str, type_id: int) -> LinkType | None:
        """A type by category and id."""
        return self._types.get((category, type_id))

    def of(self, source: str, source_id: str, target: str) -> dict[str, set[tuple[str, int]]]:
        """What a record is linked to: target id to the types, as pairs of category and type id."""
        return self._links.get((source, target), {}).get(source_id, {})

    def link(self, link_type: LinkType, source_id: str, target_id: str) -> None:
        """Links two records in both directions; a second primary takes the place of the first."""
        if link_type.primary:
            self._displace_primary(link_type, source_id)
        self._add(link_type, source_id, target_id)
        inverse = self.find(link_type.category, link_type.inverse)
        if inverse is not None:
            self._add(inverse, target_id, source_id)

    def _add(self, link_type: LinkType, source_id: str, target_id: str) -> None:
        pair = self._links.setdefault((link_type.source, link_type.target), {})
        pair.setdefault(source_id, {}).setdefault(target_id, set()).add(
            (link_type.category, link_type.type_id)
        )

    def _displace_primary(self, link_type: LinkType, source_id: str) -> None:
        for target_id in list(self.of(link_type.source, source_id, link_type.target)):
            self.unlink(link_type, source_id, target_id)

    def unlink(self, link_type: LinkType, source_id: str, target_id: str) -> None:
        """Takes one type off a pair, in both directions."""
        self._remove(link_type, source_id, target_id)
        inverse = self.find(link_type.category, link_type.inverse)
        if inverse is not None:
            self._remove(inverse, target_id, source_id)

    def _remove(self, link_type: LinkType, source_id: str, target_id: str) -> None:
        targets = self.of(link_type.source, source_id, link_type.target)
        types = targets.get(target_id, set())
        types.discard((link_type.category, link_type.type_id))
        if not types:
            targets.pop(target_id, None)

    def unlink_all(self, source: str, source_id: str, target: str, target_id: str) -> bool:
        """Takes every type off a pair; whether there was any."""
        ways = (source, source_id, target, target_id), (target, target_id, source, source_id)
        gone = [self._links.get((a, b), {}).get(a_id, {}).pop(b_id, None) for a, a_id, b, b_id in ways]
        return any(types for types in gone)


def associate(
    portal: Portal, source: str, source_id: str, target: str, target_id: str, types: list[LinkType]
) -> None:
    """Links two records by the given types, and adds what HubSpot adds by itself.

    A labelled association always carries the plain one too. The first company of a record becomes its primary one.
    """
    links = portal.links
    plain = links.plain(source, target)
    first = not links.of(source, source_id, target)
    for link_type in types:
        links.link(link_type, source_id, target_id)
    if plain is not None and plain not in types:
        links.link(plain, source_id, target_id)
    if first and target == "companies" and source in ("contacts", "deals", "tickets"):
        primary = next((known for known in links.types(source, target) if known.primary), None)
        if primary is not None:
            links.link(primary, source_id, target_id)


def move_associations(portal: Portal, object_type: str, old_id: str, new_id: str) -> None:
    """Move what a merged record was associated with to the record that is left.

    A primary association of the record that is left stays; a second one of its kind is dropped.
    """
    links = portal.links
    for source, target in links.pairs_from(object_type):
        held = links.of(source, old_id, target)
        for other_id, keys in list(held.items()):
            types = [found for key in sorted(keys) if (found := links.find(*key)) is not None]
            links.unlink_all(source, old_id, target, other_id)
            if source == target and other_id == new_id:
                continue
            for link_type in types:
                if not (link_type.primary and _has_primary(links, link_type, new_id)):
                    links.link(link_type, new_id, other_id)


def _has_primary(links: Links, link_type: LinkType, source_id: str) -> bool:
    held = links.of(link_type.source, source_id, link_type.target)
    return any((link_type.category, link_type.type_id) in keys for keys in held.values())


def inline_problem(portal: Portal, table: Table, given: Any) -> Json | None:
    """What is wrong with the associations of one create input, as an error item; None if nothing is."""
    if not given:
        return _lead_problem(portal, table, [])
    if not isinstance(given, list):
        return _item("associations must be a list")
    linked: list[str] = []
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
            linked.append(found.target)
    return _lead_problem(portal, table, linked)


def _lead_problem(portal: Portal, table: Table, linked: list[str]) -> Json | None:
    if table.name == "leads" and portal.settings.lead_requires_contact and "contacts" not in linked:
        return _item("A lead must be associated with a contact when it is created")
    return None


def read_type(portal: Portal, asked: Any) -> LinkType | str:
    """The type that `{associationCategory, associationTypeId}` names, or what is wrong with it."""
    if not isinstance(asked, dict) or "associationTypeId" not in asked or "associationCategory" not in asked:
        return "Some required fields were not set: [associationCategory, associationTypeId]"
    category, type_id = str(asked["associationCategory"]), str(asked["associationTypeId"])
    if category not in CATEGORIES:
        return f"{category} is not one of [{', '.join(CATEGORIES)}]"
    found = portal.links.find(category, int(type_id)) if type_id.isdigit() else None
    return found or f"There is no association type {type_id} of category {category}"


def wrong_direction(portal: Portal, link_type: LinkType, source: str) -> str:
    """The message for a type that belongs to another pair or the other direction."""
    asked = portal.tables[source].definition.type_id
    expected = portal.tables[link_type.source].definition.type_id
    return f"Association type {link_type.type_id}: invalid from object type {asked}, expected {expected}"


def _item(message: str, **more: Any) -> Json:
    return {"status": "error", "category": "VALIDATION_ERROR", "message": message, "context": {}, **more}


def link_inline(portal: Portal, table: Table, record_id: str, given: list[Json], request: int) -> None:
    """Links a new record as its input asked; `inline_problem` has found nothing wrong."""
    for association in given:
        asked_id = str(association["to"]["id"])
        types = [
            found for asked in association["types"] if isinstance(found := read_type(portal, asked), LinkType)
        ]
        for target in {found.target for found in types}:
            chosen = [found for found in types if found.target == target]
            living = portal.tables[target].living(asked_id)
            target_id = living.id if living is not None else asked_id
            associate(portal, table.name, record_id, target, target_id, chosen)
            note_link(portal, "associated", chosen[0], record_id, target_id, request)


def note_link(
    portal: Portal, kind: str, link_type: LinkType, source_id: str, target_id: str, request: int
) -> None:
    """Writes an association, or its end, into the books."""
    details = {
        "from": source_id,
        "to": target_id,
        "toObjectType": link_type.target,
        "typeId": link_type.type_id,
    }
    portal.note(Commit(source_id, link_type.source, kind, None, details, portal.now(), request))
