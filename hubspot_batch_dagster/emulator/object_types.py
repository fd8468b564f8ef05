"""The object types HubSpot has: names, ids, scopes, what a create needs, what an API version leaves out."""

from __future__ import annotations

from typing import NamedTuple


class ObjectTypeRow(NamedTuple):
    """One standard object type.

    Attributes:
        scope: The middle of its scopes: `crm.objects.{scope}.read` and `.write`; `tickets` stands alone.
        defaults: Properties a read returns unasked, beside id and times.
        required: Properties a create needs; `name/domain` means that one of them will do.
        refused: `operation@version` pairs that do not exist; `*` stands for every version.
    """

    name: str
    singular: str
    type_id: str
    scope: str
    defaults: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    created: str = "hs_createdate"
    modified: str = "hs_lastmodifieddate"
    refused: tuple[str, ...] = ()


ONLY_READ = ("create@*", "update@*", "upsert@*", "archive@*")
_ACTIVITY = ("hs_timestamp",)
_STAGED = ("hs_name", "hs_pipeline", "hs_pipeline_stage")

OBJECT_TYPES: tuple[ObjectTypeRow, ...] = (
    ObjectTypeRow(
        "contacts",
        "contact",
        "0-1",
        "contacts",
        ("email", "firstname", "lastname"),
        ("email/firstname/lastname",),
        "createdate",
        "lastmodifieddate",
    ),
    ObjectTypeRow(
        "companies", "company", "0-2", "companies", ("name", "domain"), ("name/domain",), "createdate"
    ),
    ObjectTypeRow(
        "deals",
        "deal",
        "0-3",
        "deals",
        ("dealname", "amount", "closedate", "pipeline", "dealstage"),
        ("dealname", "dealstage", "pipeline"),
        "createdate",
    ),
    ObjectTypeRow(
        "tickets",
        "ticket",
        "0-5",
        "tickets",
        (
            "subject",
            "content",
            "hs_pipeline",
            "hs_pipeline_stage",
            "hs_ticket_category",
            "hs_ticket_priority",
        ),
        ("subject", "hs_pipeline_stage", "hs_pipeline"),
        "createdate",
    ),
    ObjectTypeRow("leads", "lead", "0-136", "leads", ("hs_lead_name",), ("hs_lead_name",)),
    ObjectTypeRow("calls", "call", "0-48", "contacts", (), _ACTIVITY),
    ObjectTypeRow("emails", "email", "0-49", "contacts", (), ("hs_timestamp", "hs_email_direction")),
    ObjectTypeRow("meetings", "meeting", "0-47", "contacts", (), _ACTIVITY),
    ObjectTypeRow("notes", "note", "0-46", "contacts", (), _ACTIVITY),
    ObjectTypeRow("tasks", "task", "0-27", "contacts", (), _ACTIVITY),
    ObjectTypeRow(
        "communications",
        "communication",
        "0-18",
        "contacts",
        (),
        ("hs_timestamp", "hs_communication_channel_type"),
    ),
    ObjectTypeRow("postal_mail", "postal_mail", "0-116", "contacts", (), _ACTIVITY),
    ObjectTypeRow(
        "products", "product", "0-7", "products", ("name", "price", "description"), ("name",), "createdate"
    ),
    ObjectTypeRow(
        "line_items", "line_item", "0-8", "line_items", ("quantity", "amount", "price"), (), "createdate"
    ),
    ObjectTypeRow("quotes", "quote", "0-14", "quotes", ("hs_title",), ()),
    ObjectTypeRow("discounts", "discount", "0-84", "line_items"),
    ObjectTypeRow("fees", "fee", "0-85", "line_items"),
    ObjectTypeRow("taxes", "tax", "0-86", "line_items"),
    ObjectTypeRow("orders", "order", "0-123", "orders", ("hs_order_name",)),
    ObjectTypeRow("carts", "cart", "0-142", "carts"),
    ObjectTypeRow("invoices", "invoice", "0-53", "invoices"),
    ObjectTypeRow("commerce_payments", "commerce_payment", "0-101", "commercepayments"),
    ObjectTypeRow("subscriptions", "subscription", "0-69", "subscriptions"),
    ObjectTypeRow("users", "user", "0-115", "users", (), ("hs_internal_user_id", "hs_email")),
    ObjectTypeRow(
        "goal_targets", "goal_target", "0-74", "goals", ("hs_goal_name",), (), refused=("upsert@2026-09",)
    ),
    ObjectTypeRow("appointments", "appointment", "0-421", "appointments"),
    ObjectTypeRow("courses", "course", "0-410", "courses", ("hs_course_name",)),
    ObjectTypeRow("listings", "listing", "0-420", "listings", ("hs_name",)),
    ObjectTypeRow("services", "service", "0-162", "services", ("hs_name",), _STAGED),
    ObjectTypeRow(
        "projects", "project", "0-970", "projects", ("hs_name",), _STAGED, refused=("*@2025-09", "*@2026-09")
    ),
    ObjectTypeRow(
        "contracts",
        "contract",
        "0-719",
        "contracts",
        refused=tuple(
            f"{op}@{v}" for op in ("create", "update", "upsert", "archive") for v in ("v3", "2026-03")
        ),
    ),
    ObjectTypeRow(
        "feedback_submissions", "feedback_submission", "0-19", "feedback_submissions", refused=ONLY_READ
    ),
    ObjectTypeRow(
        "partner_clients",
        "partner_client",
        "0-145",
        "partner-clients",
        refused=("create@*", "upsert@*", "archive@*", "read@2026-09"),
    ),
    ObjectTypeRow(
        "partner_services",
        "partner_service",
        "0-146",
        "partner-services",
        refused=("create@*", "upsert@*", "archive@*"),
    ),
)


def refuses(row_refused: tuple[str, ...], operation: str, version: str) -> bool:
    """Whether an object type lacks an operation in an API version."""
    return any(entry in row_refused for entry in (f"{operation}@{version}", f"{operation}@*", f"*@{version}"))
