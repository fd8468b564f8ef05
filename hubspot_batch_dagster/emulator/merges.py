"""Merges: two records become one, and the ids of both lead to it."""

from __future__ import annotations

from hubspot_batch_dagster.emulator.associating import move_associations
from hubspot_batch_dagster.emulator.batch import shown
from hubspot_batch_dagster.emulator.books import Commit
from hubspot_batch_dagster.emulator.exchange import (
    Answer,
    Refused,
    Request,
    error_body,
    iso,
    object_not_found,
    validation,
)
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.special_values import lifecycle_rank
from hubspot_batch_dagster.emulator.table import Record, Table

MAX_IDENTITIES = 250


def merge(portal: Portal, request: Request) -> Answer:
    """Merge one record into another; 200 with the record that both ids lead to from now on."""
    table, body = portal.table_of_path(request.parameters["type"]), request.json
    primary_id, other_id = str(body.get("primaryObjectId") or ""), str(body.get("objectIdToMerge") or "")
    if not primary_id or not other_id:
        raise validation("Some required fields were not set: [primaryObjectId, objectIdToMerge]")
    merged = merge_records(portal, table, primary_id, other_id, request.n)
    request.committed.append(merged.id)
    return Answer(200, shown(portal, table, merged, list(merged.properties), []))


def merge_records(portal: Portal, table: Table, primary_id: str, other_id: str, request: int = 0) -> Record:
    """Merge a record into another.

    Args:
        portal: The portal.
        table: Their object type.
        primary_id: The record whose values win.
        other_id: The record that fills what the first leaves empty.
        request: Number of the request that asks for it; 0 for a test.

    Returns:
        The record that is left: a new one, or the primary one where `merge_gives_new_id` is off.

    Raises:
        Refused: One of them does not live, both are the same, or a contact would have over 250 addresses.
    """
    primary, other = _record(table, primary_id), _record(table, other_id)
    if primary is other:
        raise validation(f"{table.type_name} {primary_id} cannot be merged with itself")
    values = _values(table, primary, other)
    if values.get("hs_additional_emails", "").count(";") + 2 > MAX_IDENTITIES:
        message = f"Cannot have more than {MAX_IDENTITIES} identities on a profile"
        raise Refused(414, error_body(message, "VALIDATION_ERROR"))
    now = portal.now()
    new_id = portal.next_id() if portal.settings.merge_gives_new_id else primary.id
    merged = table.merge(primary, other, new_id, values, now, iso(now), request)
    for old in (primary, other):
        if old.id != new_id:
            move_associations(portal, table.name, old.id, new_id)
    portal.note(Commit(merged.id, table.name, "merged", None, merged.properties, now, request))
    return merged


def _record(table: Table, record_id: str) -> Record:
    record = table.living(record_id)
    if record is None:
        raise object_not_found(f"{table.type_name} {record_id} does not exist")
    return record


def _values(table: Table, primary: Record, other: Record) -> dict[str, str]:
    """Build the properties of what is left; the exceptions are those of HubSpot's help page on merges."""
    values = {**other.properties, **primary.properties}
    created = table.definition.created_property
    values[created] = min(record.properties[created] for record in (primary, other))
    if "lifecyclestage" in values:
        stages = [record.properties.get("lifecyclestage", "") for record in (primary, other)]
        values["lifecyclestage"] = max(stages, key=lifecycle_rank)
    former = [record.properties.get("hs_merged_object_ids", "").split(";") for record in (primary, other)]
    ids = dict.fromkeys([*former[0], *former[1], primary.id, other.id])
    values["hs_merged_object_ids"] = ";".join(record_id for record_id in ids if record_id)
    if table.name == "contacts":
        addresses = [
            address
            for record in (primary, other)
            for address in (
                record.properties.get("email", ""),
                *record.properties.get("hs_additional_emails", "").split(";"),
            )
            if address
        ]
        rest = [address for address in dict.fromkeys(addresses) if address != values.get("email")]
        values["hs_additional_emails"] = ";".join(rest)
    return {name: value for name, value in values.items() if value != ""}
