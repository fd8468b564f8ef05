"""HubSpot's own association types, both directions of each.

Source: "association type ID values" in HubSpot's associations guide (2026-03-30). There the two ids of a pair
are always neighbours. Where the guide has one direction only, the other one is the free neighbouring number;
those lines say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


def v3_name(kind: AssociationType, source: str, target: str) -> str:
    """Spell a type as the v3 endpoints do.

    Args:
        kind: The type.
        source: The singular name of the object type that it leads from.
        target: The one that it leads to.
    """
    plain = f"{source}_to_{target}"
    if kind.category != "HUBSPOT_DEFINED":
        return kind.name or plain
    if kind.type_id in V3_NAMES:
        return V3_NAMES[kind.type_id]
    if kind.label is None:
        return f"{plain}_unlabeled" if kind.type_id in UNLABELED else plain
    return f"{plain}_{kind.label.lower().replace(' ', '_')}"


class StandardType(NamedTuple):
    """One kind of association: its type id seen from either end."""

    first: str
    second: str
    forward: int
    backward: int
    label: str | None = None
    inverse_label: str | None = None


V3_NAMES = {
    1: "contact_to_company",
    2: "company_to_contact",
    5: "deal_to_company",
    6: "company_to_deal",
    25: "company_to_ticket",
    26: "ticket_to_company",
    13: "parent_to_child_company",
    14: "child_to_parent_company",
    930: "company_to_billing_contact",
    931: "billing_contact_to_company",
}
"""Names that clients of others use; a primary company was once the only one, and has the plain name."""

UNLABELED = frozenset({279, 280, 341, 342, 339, 340})
"""Types without a label beside which a primary one has the plain name."""


@dataclass(frozen=True)
class AssociationType:
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


STANDARD_TYPES: tuple[StandardType, ...] = (
    StandardType("contacts", "contacts", 449, 449),
    StandardType("contacts", "companies", 279, 280),
    StandardType("contacts", "companies", 1, 2, "Primary"),
    StandardType("contacts", "companies", 931, 930, "Billing contact"),
    StandardType("contacts", "deals", 4, 3),
    StandardType("contacts", "tickets", 15, 16),
    StandardType("contacts", "leads", 609, 608),
    StandardType("contacts", "leads", 579, 578, "Primary"),  # 579 is not published
    StandardType("contacts", "calls", 193, 194),
    StandardType("contacts", "emails", 197, 198),
    StandardType("contacts", "meetings", 199, 200),
    StandardType("contacts", "notes", 201, 202),
    StandardType("contacts", "tasks", 203, 204),
    StandardType("contacts", "communications", 82, 81),
    StandardType("contacts", "postal_mail", 454, 453),
    StandardType("contacts", "quotes", 70, 69),
    StandardType("contacts", "quotes", 703, 702, "Signer"),
    StandardType("contacts", "quotes", 1227, 1226, "Billing contact"),
    StandardType("contacts", "orders", 508, 507),
    StandardType("contacts", "carts", 587, 586),
    StandardType("contacts", "invoices", 178, 177),
    StandardType("contacts", "commerce_payments", 388, 387),
    StandardType("contacts", "subscriptions", 296, 295),
    StandardType("contacts", "appointments", 907, 906),
    StandardType("contacts", "courses", 861, 860),
    StandardType("contacts", "listings", 883, 882),
    StandardType("contacts", "services", 799, 798),
    StandardType("contacts", "projects", 1243, 1242),
    StandardType("contacts", "feedback_submissions", 97, 98),
    StandardType("companies", "companies", 450, 450),
    StandardType("companies", "companies", 13, 14, "Child Company", "Parent Company"),
    StandardType("companies", "deals", 342, 341),
    StandardType("companies", "deals", 6, 5, "Primary"),
    StandardType("companies", "tickets", 340, 339),
    StandardType("companies", "tickets", 25, 26, "Primary"),
    StandardType("companies", "leads", 611, 610),
    StandardType("companies", "leads", 581, 580, "Primary"),  # 581 is not published
    StandardType("companies", "calls", 181, 182),
    StandardType("companies", "emails", 185, 186),
    StandardType("companies", "meetings", 187, 188),
    StandardType("companies", "notes", 189, 190),
    StandardType("companies", "tasks", 191, 192),
    StandardType("companies", "communications", 88, 87),
    StandardType("companies", "postal_mail", 460, 459),
    StandardType("companies", "quotes", 72, 71),
    StandardType("companies", "quotes", 1335, 1334, "Billing company"),
    StandardType("companies", "orders", 935, 934),
    StandardType("companies", "orders", 510, 509, "Primary"),
    StandardType("companies", "invoices", 180, 179),
    StandardType("companies", "commerce_payments", 390, 389),
    StandardType("companies", "subscriptions", 298, 297),
    StandardType("companies", "appointments", 909, 908),
    StandardType("companies", "courses", 939, 938),
    StandardType("companies", "listings", 885, 884),
    StandardType("companies", "services", 793, 792),
    StandardType("companies", "projects", 1237, 1236),
    StandardType("companies", "projects", 1298, 1299, "Primary"),  # 1298 is not published
    StandardType("companies", "feedback_submissions", 929, 928),
    StandardType("deals", "deals", 451, 451),
    StandardType("deals", "tickets", 27, 28),
    StandardType("deals", "leads", 1038, 1037),
    StandardType("deals", "leads", 583, 582, "Primary"),
    StandardType("deals", "calls", 205, 206),
    StandardType("deals", "emails", 209, 210),
    StandardType("deals", "meetings", 211, 212),
    StandardType("deals", "notes", 213, 214),
    StandardType("deals", "tasks", 215, 216),
    StandardType("deals", "communications", 86, 85),
    StandardType("deals", "postal_mail", 458, 457),
    StandardType("deals", "line_items", 19, 20),
    StandardType("deals", "quotes", 63, 64),
    StandardType("deals", "orders", 511, 512),
    StandardType("deals", "carts", 1346, 1347),
    StandardType("deals", "invoices", 176, 175),
    StandardType("deals", "commerce_payments", 392, 391),
    StandardType("deals", "subscriptions", 300, 299),
    StandardType("deals", "discounts", 370, 369),  # 370 is not published
    StandardType("deals", "appointments", 945, 944),
    StandardType("deals", "courses", 863, 862),
    StandardType("deals", "listings", 887, 886),
    StandardType("deals", "services", 795, 794),
    StandardType("deals", "projects", 1239, 1238),
    StandardType("deals", "feedback_submissions", 985, 984),
    StandardType("deals", "goal_targets", 1357, 1356),
    StandardType("tickets", "tickets", 452, 452),
    StandardType("tickets", "calls", 219, 220),
    StandardType("tickets", "emails", 223, 224),
    StandardType("tickets", "meetings", 225, 226),
    StandardType("tickets", "notes", 227, 228),
    StandardType("tickets", "tasks", 229, 230),
    StandardType("tickets", "communications", 84, 83),
    StandardType("tickets", "postal_mail", 456, 455),
    StandardType("tickets", "orders", 526, 525),
    StandardType("tickets", "carts", 595, 594),  # 595 is not published
    StandardType("tickets", "invoices", 987, 986),  # 987 is not published
    StandardType("tickets", "commerce_payments", 1355, 1354),
    StandardType("tickets", "subscriptions", 1122, 1121),
    StandardType("tickets", "appointments", 947, 946),
    StandardType("tickets", "courses", 941, 940),
    StandardType("tickets", "listings", 943, 942),
    StandardType("tickets", "services", 797, 796),
    StandardType("tickets", "projects", 1241, 1240),
    StandardType("tickets", "feedback_submissions", 99, 100),
    StandardType("leads", "calls", 596, 597),
    StandardType("leads", "emails", 598, 599),  # 599 is not published
    StandardType("leads", "meetings", 600, 601),
    StandardType("leads", "notes", 854, 855),
    StandardType("leads", "tasks", 646, 647),
    StandardType("leads", "communications", 602, 603),
    StandardType("leads", "feedback_submissions", 1162, 1161),
    StandardType("calls", "orders", 773, 772),
    StandardType("calls", "appointments", 913, 912),
    StandardType("calls", "courses", 867, 866),
    StandardType("calls", "listings", 891, 890),
    StandardType("calls", "services", 841, 840),
    StandardType("calls", "projects", 1258, 1257),
    StandardType("calls", "feedback_submissions", 1156, 1155),
    StandardType("emails", "orders", 777, 776),
    StandardType("emails", "appointments", 917, 916),
    StandardType("emails", "courses", 871, 870),
    StandardType("emails", "listings", 895, 894),
    StandardType("emails", "services", 843, 842),
    StandardType("emails", "projects", 1260, 1259),
    StandardType("meetings", "orders", 769, 768),
    StandardType("meetings", "appointments", 919, 918),
    StandardType("meetings", "courses", 873, 872),
    StandardType("meetings", "listings", 897, 896),
    StandardType("meetings", "services", 839, 838),
    StandardType("notes", "orders", 765, 764),
    StandardType("notes", "appointments", 921, 920),
    StandardType("notes", "courses", 875, 874),
    StandardType("notes", "listings", 899, 898),
    StandardType("notes", "services", 837, 836),
    StandardType("notes", "projects", 1249, 1248),
    StandardType("tasks", "quotes", 218, 217),
    StandardType("tasks", "orders", 727, 726),
    StandardType("tasks", "carts", 729, 728),  # 729 is not published
    StandardType("tasks", "appointments", 923, 922),
    StandardType("tasks", "courses", 877, 876),
    StandardType("tasks", "listings", 901, 900),
    StandardType("tasks", "services", 853, 852),
    StandardType("tasks", "projects", 1247, 1246),
    StandardType("communications", "orders", 785, 784),
    StandardType("communications", "appointments", 925, 924),
    StandardType("communications", "courses", 879, 878),
    StandardType("communications", "listings", 903, 902),
    StandardType("communications", "services", 847, 846),
    StandardType("communications", "projects", 1282, 1281),
    StandardType("postal_mail", "orders", 788, 789),
    StandardType("postal_mail", "appointments", 927, 926),
    StandardType("postal_mail", "courses", 881, 880),
    StandardType("postal_mail", "listings", 905, 904),
    StandardType("postal_mail", "services", 849, 848),
    StandardType("postal_mail", "projects", 1264, 1263),
    StandardType("line_items", "quotes", 68, 67),
    StandardType("line_items", "orders", 514, 513),
    StandardType("line_items", "carts", 591, 590),
    StandardType("line_items", "invoices", 410, 409),
    StandardType("line_items", "commerce_payments", 396, 395),
    StandardType("line_items", "subscriptions", 302, 301),
    StandardType("line_items", "subscriptions", 565, 566, "Upcoming line item"),  # 566 is not published
    StandardType("line_items", "discounts", 368, 367),
    StandardType("line_items", "projects", 1345, 1344),  # 1344 is not published
    StandardType("quotes", "orders", 731, 730),
    StandardType("quotes", "carts", 733, 732),
    StandardType("quotes", "invoices", 408, 407),
    StandardType("quotes", "commerce_payments", 398, 397),
    StandardType("quotes", "subscriptions", 304, 303),
    StandardType("quotes", "discounts", 362, 361),
    StandardType("quotes", "fees", 364, 363),
    StandardType("quotes", "taxes", 366, 365),
    StandardType("quotes", "feedback_submissions", 1172, 1171),
    StandardType("orders", "carts", 593, 592),
    StandardType("orders", "invoices", 518, 517),
    StandardType("orders", "commerce_payments", 523, 524),
    StandardType("orders", "subscriptions", 516, 515),
    StandardType("orders", "discounts", 519, 520),
    StandardType("orders", "feedback_submissions", 1168, 1167),
    StandardType("carts", "discounts", 588, 589),
    StandardType("carts", "feedback_submissions", 1158, 1157),
    StandardType("invoices", "commerce_payments", 541, 542),
    StandardType("invoices", "subscriptions", 622, 623),
    StandardType("invoices", "discounts", 411, 412),
    StandardType("invoices", "fees", 413, 414),
    StandardType("invoices", "taxes", 415, 416),
    StandardType("invoices", "feedback_submissions", 1160, 1159),
    StandardType("commerce_payments", "subscriptions", 393, 394),  # 394 is not published
    StandardType("commerce_payments", "discounts", 428, 429),  # 429 is not published
    StandardType("commerce_payments", "fees", 1326, 1327),
    StandardType("commerce_payments", "feedback_submissions", 1170, 1169),
    StandardType("subscriptions", "feedback_submissions", 1174, 1173),
    StandardType("appointments", "projects", 1325, 1324),
    StandardType("courses", "projects", 1323, 1322),
    StandardType("listings", "projects", 1321, 1320),
    StandardType("services", "projects", 1245, 1244),
    StandardType("projects", "projects", 1254, 1254),
)
