"""HubSpot's own association types: which id stands for "associated with", for each direction of a pair.

Source: HubSpot's associations guide, association type id values. The primary variants are not used, for they would change
which company a contact belongs to; a lead alone needs its primary contact.
"""

from __future__ import annotations

from collections.abc import Mapping

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


def default_association(from_type: str, to_type: str) -> int | None:
    """The type id of a plain association, by the object types' plural names; ``None`` where HubSpot documents none.

    A lead's association to a contact is the primary one (578): HubSpot makes no lead without it.
    """
    return _TYPES.get(from_type, {}).get(to_type)
