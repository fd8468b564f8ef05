"""HubSpot's own association types: which id stands for "associated with", for each direction of a pair.

Source: HubSpot's associations guide, association type id values. The primary variants are never chosen here, for they would
change which company a contact belongs to; they count when they are given. A lead alone needs its primary contact.
"""

from __future__ import annotations

from collections.abc import Mapping

from hubspot_batch_dagster.api.errors import InputError

_TYPES: Mapping[str, Mapping[str, int]] = {
    "contacts": {
        "contacts": 449, "companies": 279, "deals": 4, "tickets": 15, "leads": 609, "calls": 193, "emails": 197,
        "meetings": 199, "notes": 201, "tasks": 203,
    },
    "companies": {
        "contacts": 280, "companies": 450, "deals": 342, "tickets": 340, "leads": 611, "calls": 181, "emails": 185,
        "meetings": 187, "notes": 189, "tasks": 191,
    },
    "deals": {
        "contacts": 3, "companies": 341, "deals": 451, "tickets": 27, "leads": 1038, "calls": 205, "emails": 209,
        "meetings": 211, "notes": 213, "tasks": 215, "line_items": 19,
    },
    "tickets": {
        "contacts": 16, "companies": 339, "deals": 28, "tickets": 452, "calls": 219, "emails": 223, "meetings": 225,
        "notes": 227, "tasks": 229,
    },
    "leads": {
        "contacts": 578, "companies": 610, "deals": 1037, "calls": 596, "emails": 598, "meetings": 600, "notes": 854,
        "tasks": 646,
    },
    "calls": {"contacts": 194, "companies": 182, "deals": 206, "tickets": 220, "leads": 597},
    "emails": {"contacts": 198, "companies": 186, "deals": 210, "tickets": 224},
    "meetings": {"contacts": 200, "companies": 188, "deals": 212, "tickets": 226, "leads": 601},
    "notes": {"contacts": 202, "companies": 190, "deals": 214, "tickets": 228, "leads": 855},
    "tasks": {"contacts": 204, "companies": 192, "deals": 216, "tickets": 230, "leads": 647},
    "communications": {"contacts": 81, "companies": 87, "deals": 85, "tickets": 83, "leads": 603},
    "postal_mail": {"contacts": 453, "companies": 459, "deals": 457, "tickets": 455},
    "line_items": {"deals": 20, "quotes": 68, "invoices": 410, "orders": 514, "subscriptions": 302},
    "quotes": {"deals": 64, "line_items": 67, "contacts": 69, "companies": 71},
}  # fmt: skip


_MORE: Mapping[int, tuple[str, str]] = {
    1: ("contacts", "companies"), 2: ("companies", "contacts"), 5: ("deals", "companies"), 6: ("companies", "deals"),
    25: ("companies", "tickets"), 26: ("tickets", "companies"), 13: ("companies", "companies"),
    14: ("companies", "companies"), 578: ("leads", "contacts"), 580: ("leads", "companies"), 582: ("leads", "deals"),
    583: ("deals", "leads"), 608: ("leads", "contacts"),
}  # fmt: skip
"""Primary variants (13 and 14: parent to child and back), and the plain type from a lead to a contact."""

_DIRECTIONS: Mapping[int, tuple[str, str]] = {
    **{
        type_id: (source, target) for source, targets in _TYPES.items() for target, type_id in targets.items()
    },
    **_MORE,
}


def default_association(from_type: str, to_type: str) -> int | None:
    """The type id of a plain association, by the object types' plural names; ``None`` where HubSpot documents none.

    A lead's association to a contact is the primary one (578): HubSpot makes no lead without it.
    """
    return _TYPES.get(from_type, {}).get(to_type)


def plain_association(from_type: str, to_type: str) -> int | None:
    """The type id that carries no label; it differs from :func:`default_association` for a lead's contact alone."""
    return 608 if (from_type, to_type) == ("leads", "contacts") else default_association(from_type, to_type)


def direction_of(type_id: int) -> tuple[str, str] | None:
    """The object types that one of HubSpot's own types leads from and to; ``None`` where HubSpot documents none."""
    return _DIRECTIONS.get(type_id)


def check_direction(from_type: str, to_type: str, type_id: int) -> None:
    """Refuse one of HubSpot's own types that belongs to another pair or to the other direction of this one.

    Raises:
        InputError: With the type id that is right for the pair, where it is known.
    """
    found = direction_of(type_id)
    if found is None or found == (from_type, to_type):
        return
    right = default_association(from_type, to_type)
    raise InputError(
        f"Association type {type_id} leads from {found[0]} to {found[1]}, not from {from_type} to {to_type}.",
        remedy=f"From {from_type} to {to_type} it is {right}."
        if right is not None
        else "HubSpot lists the type ids of a pair under association labels.",
    )
