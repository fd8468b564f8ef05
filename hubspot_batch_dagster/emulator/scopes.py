"""Scopes: which ones a request needs."""

from __future__ import annotations

from hubspot_batch_dagster.emulator.portal import Portal


def needed_scopes(portal: Portal, access: str, object_type: str) -> tuple[str, ...]:
    """Return the scopes of which one is needed.

    Args:
        portal: The portal.
        access: `read` or `write` of records, `schema.read` or `schema.write` of definitions, `none`.
        object_type: The plural name.

    Returns:
        Alternatives; empty if no scope is needed or the type does not exist.
    """
    table = portal.tables.get(object_type)
    if access == "none" or table is None:
        return ()
    verb = access.rpartition(".")[2]
    scope = "custom" if table.definition.custom else table.definition.scope
    records: tuple[str, ...] = (scope,) if scope == "tickets" else (f"crm.objects.{scope}.{verb}",)
    if object_type in ("products", "line_items", "quotes", "discounts", "fees", "taxes"):
        records = (*records, "e-commerce")
    if object_type == "emails":
        records = (*records, "sales-email-read")
    if not access.startswith("schema"):
        return records
    schemas = (f"crm.schemas.{scope}.{verb}",)
    return schemas + records if verb == "read" else schemas


def every_scope(portal: Portal) -> frozenset[str]:
    """Return all scopes that there are for the portal's object types."""
    kinds = ("read", "write", "schema.read", "schema.write")
    return frozenset(
        scope for name in portal.tables for each in kinds for scope in needed_scopes(portal, each, name)
    )
