"""HubSpot's own association types, both directions of each.

Source: the table in HubSpot's associations guide. A few inverse ids that the guide leaves out are filled in with
the neighbouring number.
"""

from __future__ import annotations

from typing import NamedTuple


class TypePair(NamedTuple):
    """One kind of association: its type id seen from either end."""

    first: str
    second: str
    forward: int
    backward: int
    label: str | None = None


STANDARD_TYPES: tuple[TypePair, ...] = (
    TypePair("contacts", "contacts", 449, 449),
    TypePair("contacts", "companies", 279, 280),
    TypePair("contacts", "companies", 1, 2, "Primary"),
    TypePair("contacts", "deals", 4, 3),
    TypePair("contacts", "tickets", 15, 16),
    TypePair("contacts", "leads", 609, 608),
    TypePair("contacts", "leads", 579, 578, "Primary"),
    TypePair("contacts", "calls", 193, 194),
    TypePair("contacts", "emails", 197, 198),
    TypePair("contacts", "meetings", 199, 200),
    TypePair("contacts", "notes", 201, 202),
    TypePair("contacts", "tasks", 203, 204),
    TypePair("contacts", "communications", 82, 81),
    TypePair("contacts", "postal_mail", 454, 453),
    TypePair("companies", "companies", 450, 450),
    TypePair("companies", "companies", 13, 14, "Child Company"),
    TypePair("companies", "deals", 342, 341),
    TypePair("companies", "deals", 6, 5, "Primary"),
    TypePair("companies", "tickets", 340, 339),
    TypePair("companies", "tickets", 25, 26, "Primary"),
    TypePair("companies", "leads", 611, 610),
    TypePair("companies", "leads", 581, 580, "Primary"),
    TypePair("companies", "calls", 181, 182),
    TypePair("companies", "emails", 185, 186),
    TypePair("companies", "meetings", 187, 188),
    TypePair("companies", "notes", 189, 190),
    TypePair("companies", "tasks", 191, 192),
    TypePair("companies", "communications", 88, 87),
    TypePair("companies", "postal_mail", 460, 459),
    TypePair("deals", "deals", 451, 451),
    TypePair("deals", "tickets", 27, 28),
    TypePair("deals", "leads", 1038, 1037),
    TypePair("deals", "leads", 583, 582, "Primary"),
    TypePair("deals", "calls", 205, 206),
    TypePair("deals", "emails", 209, 210),
    TypePair("deals", "meetings", 211, 212),
    TypePair("deals", "notes", 213, 214),
    TypePair("deals", "tasks", 215, 216),
    TypePair("deals", "communications", 86, 85),
    TypePair("deals", "postal_mail", 458, 457),
    TypePair("deals", "line_items", 19, 20),
    TypePair("tickets", "tickets", 452, 452),
    TypePair("tickets", "calls", 219, 220),
    TypePair("tickets", "emails", 223, 224),
    TypePair("tickets", "meetings", 225, 226),
    TypePair("tickets", "notes", 227, 228),
    TypePair("tickets", "tasks", 229, 230),
    TypePair("tickets", "communications", 84, 83),
    TypePair("tickets", "postal_mail", 456, 455),
    TypePair("leads", "calls", 596, 597),
    TypePair("leads", "emails", 598, 599),
    TypePair("leads", "meetings", 600, 601),
    TypePair("leads", "notes", 854, 855),
    TypePair("leads", "tasks", 646, 647),
    TypePair("leads", "communications", 602, 603),
    TypePair("line_items", "quotes", 68, 67),
    TypePair("line_items", "invoices", 410, 409),
    TypePair("line_items", "orders", 514, 513),
    TypePair("line_items", "subscriptions", 302, 301),
    TypePair("quotes", "deals", 64, 63),
    TypePair("quotes", "contacts", 69, 70),
    TypePair("quotes", "companies", 71, 72),
)
