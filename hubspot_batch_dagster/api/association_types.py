"""HubSpot's own association types: which id stands for "associated with", for each direction of a pair.

Source: HubSpot's associations guide, association type id values (2026-03-30). The primary variants are never
chosen here, for they would change which company a contact belongs to; they count when they are given. A lead
alone needs its primary contact.
"""

from __future__ import annotations

from collections.abc import Mapping

from hubspot_batch_dagster.api.errors import InputError

_TYPES: Mapping[str, Mapping[str, int]] = {
    "contacts": {
        "contacts": 449, "companies": 279, "deals": 4, "tickets": 15, "leads": 609, "calls": 193,
        "emails": 197, "meetings": 199, "notes": 201, "tasks": 203, "communications": 82,
        "postal_mail": 454, "quotes": 70, "orders": 508, "carts": 587, "invoices": 178,
        "commerce_payments": 388, "subscriptions": 296, "appointments": 907, "courses": 861,
        "listings": 883, "services": 799, "projects": 1243, "feedback_submissions": 97,
    },
    "companies": {
        "contacts": 280, "companies": 450, "deals": 342, "tickets": 340, "leads": 611, "calls": 181,
        "emails": 185, "meetings": 187, "notes": 189, "tasks": 191, "communications": 88,
        "postal_mail": 460, "quotes": 72, "orders": 935, "invoices": 180, "commerce_payments": 390,
        "subscriptions": 298, "appointments": 909, "courses": 939, "listings": 885, "services": 793,
        "projects": 1237, "feedback_submissions": 929,
    },
    "deals": {
        "contacts": 3, "companies": 341, "deals": 451, "tickets": 27, "leads": 1038, "calls": 205,
        "emails": 209, "meetings": 211, "notes": 213, "tasks": 215, "communications": 86,
        "postal_mail": 458, "line_items": 19, "quotes": 63, "orders": 511, "carts": 1346, "invoices": 176,
        "commerce_payments": 392, "subscriptions": 300, "appointments": 945, "courses": 863,
        "listings": 887, "services": 795, "projects": 1239, "feedback_submissions": 985,
        "goal_targets": 1357,
    },
    "tickets": {
        "contacts": 16, "companies": 339, "deals": 28, "tickets": 452, "calls": 219, "emails": 223,
        "meetings": 225, "notes": 227, "tasks": 229, "communications": 84, "postal_mail": 456,
        "orders": 526, "commerce_payments": 1355, "subscriptions": 1122, "appointments": 947,
        "courses": 941, "listings": 943, "services": 797, "projects": 1241, "feedback_submissions": 99,
    },
    "leads": {
        "contacts": 578, "companies": 610, "deals": 1037, "calls": 596, "emails": 598, "meetings": 600,
        "notes": 854, "tasks": 646, "communications": 602, "feedback_submissions": 1162,
    },
    "calls": {
        "contacts": 194, "companies": 182, "deals": 206, "tickets": 220, "leads": 597, "orders": 773,
        "appointments": 913, "courses": 867, "listings": 891, "services": 841, "projects": 1258,
        "feedback_submissions": 1156,
    },
    "emails": {
        "contacts": 198, "companies": 186, "deals": 210, "tickets": 224, "orders": 777, "appointments": 917,
        "courses": 871, "listings": 895, "services": 843, "projects": 1260,
    },
    "meetings": {
        "contacts": 200, "companies": 188, "deals": 212, "tickets": 226, "leads": 601, "orders": 769,
        "appointments": 919, "courses": 873, "listings": 897, "services": 839,
    },
    "notes": {
        "contacts": 202, "companies": 190, "deals": 214, "tickets": 228, "leads": 855, "orders": 765,
        "appointments": 921, "courses": 875, "listings": 899, "services": 837, "projects": 1249,
    },
    "tasks": {
        "contacts": 204, "companies": 192, "deals": 216, "tickets": 230, "leads": 647, "quotes": 218,
        "orders": 727, "appointments": 923, "courses": 877, "listings": 901, "services": 853,
        "projects": 1247,
    },
    "communications": {
        "contacts": 81, "companies": 87, "deals": 85, "tickets": 83, "leads": 603, "orders": 785,
        "appointments": 925, "courses": 879, "listings": 903, "services": 847, "projects": 1282,
    },
    "postal_mail": {
        "contacts": 453, "companies": 459, "deals": 457, "tickets": 455, "orders": 788, "appointments": 927,
        "courses": 881, "listings": 905, "services": 849, "projects": 1264,
    },
    "line_items": {
        "deals": 20, "quotes": 68, "orders": 514, "carts": 591, "invoices": 410, "commerce_payments": 396,
        "subscriptions": 302, "discounts": 368, "projects": 1345,
    },
    "quotes": {
        "contacts": 69, "companies": 71, "deals": 64, "tasks": 217, "line_items": 67, "orders": 731,
        "carts": 733, "invoices": 408, "commerce_payments": 398, "subscriptions": 304, "discounts": 362,
        "fees": 364, "taxes": 366, "feedback_submissions": 1172,
    },
    "orders": {
        "contacts": 507, "companies": 934, "deals": 512, "tickets": 525, "calls": 772, "emails": 776,
        "meetings": 768, "notes": 764, "tasks": 726, "communications": 784, "postal_mail": 789,
        "line_items": 513, "quotes": 730, "carts": 593, "invoices": 518, "commerce_payments": 523,
        "subscriptions": 516, "discounts": 519, "feedback_submissions": 1168,
    },
    "carts": {
        "contacts": 586, "deals": 1347, "tickets": 594, "tasks": 728, "line_items": 590, "quotes": 732,
        "orders": 592, "discounts": 588, "feedback_submissions": 1158,
    },
    "invoices": {
        "contacts": 177, "companies": 179, "deals": 175, "tickets": 986, "line_items": 409, "quotes": 407,
        "orders": 517, "commerce_payments": 541, "subscriptions": 622, "discounts": 411, "fees": 413,
        "taxes": 415, "feedback_submissions": 1160,
    },
    "commerce_payments": {
        "contacts": 387, "companies": 389, "deals": 391, "tickets": 1354, "line_items": 395, "quotes": 397,
        "orders": 524, "invoices": 542, "subscriptions": 393, "discounts": 428, "fees": 1326,
        "feedback_submissions": 1170,
    },
    "subscriptions": {
        "contacts": 295, "companies": 297, "deals": 299, "tickets": 1121, "line_items": 301, "quotes": 303,
        "orders": 515, "invoices": 623, "feedback_submissions": 1174,
    },
    "discounts": {
        "deals": 369, "line_items": 367, "quotes": 361, "orders": 520, "carts": 589, "invoices": 412,
    },
    "fees": {
        "quotes": 363, "invoices": 414, "commerce_payments": 1327,
    },
    "taxes": {
        "quotes": 365, "invoices": 416,
    },
    "appointments": {
        "contacts": 906, "companies": 908, "deals": 944, "tickets": 946, "calls": 912, "emails": 916,
        "meetings": 918, "notes": 920, "tasks": 922, "communications": 924, "postal_mail": 926,
        "projects": 1325,
    },
    "courses": {
        "contacts": 860, "companies": 938, "deals": 862, "tickets": 940, "calls": 866, "emails": 870,
        "meetings": 872, "notes": 874, "tasks": 876, "communications": 878, "postal_mail": 880,
        "projects": 1323,
    },
    "listings": {
        "contacts": 882, "companies": 884, "deals": 886, "tickets": 942, "calls": 890, "emails": 894,
        "meetings": 896, "notes": 898, "tasks": 900, "communications": 902, "postal_mail": 904,
        "projects": 1321,
    },
    "services": {
        "contacts": 798, "companies": 792, "deals": 794, "tickets": 796, "calls": 840, "emails": 842,
        "meetings": 838, "notes": 836, "tasks": 852, "communications": 846, "postal_mail": 848,
        "projects": 1245,
    },
    "projects": {
        "contacts": 1242, "companies": 1236, "deals": 1238, "tickets": 1240, "calls": 1257, "emails": 1259,
        "notes": 1248, "tasks": 1246, "communications": 1281, "postal_mail": 1263, "appointments": 1324,
        "courses": 1322, "listings": 1320, "services": 1244, "projects": 1254,
    },
    "feedback_submissions": {
        "contacts": 98, "companies": 928, "deals": 984, "tickets": 100, "leads": 1161, "calls": 1155,
        "quotes": 1171, "orders": 1167, "carts": 1157, "invoices": 1159, "commerce_payments": 1169,
        "subscriptions": 1173,
    },
    "goal_targets": {
        "deals": 1356,
    },
}  # fmt: skip


_MORE: Mapping[int, tuple[str, str]] = {
    1: ("contacts", "companies"), 2: ("companies", "contacts"), 5: ("deals", "companies"),
    6: ("companies", "deals"), 13: ("companies", "companies"), 14: ("companies", "companies"),
    25: ("companies", "tickets"), 26: ("tickets", "companies"), 509: ("orders", "companies"),
    510: ("companies", "orders"), 565: ("line_items", "subscriptions"), 578: ("leads", "contacts"),
    580: ("leads", "companies"), 582: ("leads", "deals"), 583: ("deals", "leads"),
    702: ("quotes", "contacts"), 703: ("contacts", "quotes"), 930: ("companies", "contacts"),
    931: ("contacts", "companies"), 1226: ("quotes", "contacts"), 1227: ("contacts", "quotes"),
    1299: ("projects", "companies"), 1334: ("quotes", "companies"), 1335: ("companies", "quotes"),
    608: ("leads", "contacts"),
}  # fmt: skip
"""Labelled types (primary, billing, signer, upcoming; 13 and 14: parent to child and back), and the plain
type from a lead to a contact.
"""

_DIRECTIONS: Mapping[int, tuple[str, str]] = {
    **{
        type_id: (source, target) for source, targets in _TYPES.items() for target, type_id in targets.items()
    },
    **_MORE,
}


def default_association(from_type: str, to_type: str) -> int | None:
    """Find the type id of a plain association, by plural names; ``None`` where HubSpot documents none.

    A lead's association to a contact is the primary one (578): HubSpot makes no lead without it.
    """
    return _TYPES.get(from_type, {}).get(to_type)


def plain_association(from_type: str, to_type: str) -> int | None:
    """Find the type id without a label; only a lead's contact has another :func:`default_association`."""
    return 608 if (from_type, to_type) == ("leads", "contacts") else default_association(from_type, to_type)


def direction_of(type_id: int) -> tuple[str, str] | None:
    """Find the object types that a type of HubSpot's own leads from and to; ``None`` if undocumented."""
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
