"""GDPR deletion: a contact is gone for good, and its addresses cannot come back."""

from __future__ import annotations

from hubspot_batch_dagster.emulator.books import Commit
from hubspot_batch_dagster.emulator.exchange import Answer, Request, validation
from hubspot_batch_dagster.emulator.inputs import check_id_property, find
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Record


def gdpr_delete(portal: Portal, request: Request) -> Answer:
    """Purge a contact by id or address; an address that nobody has is blocked all the same. 204."""
    table, body = portal.table_of_path(request.parameters["type"]), request.json
    key, id_property = str(body.get("objectId") or ""), body.get("idProperty") or None
    if not key:
        raise validation("Some required fields were not set: [objectId]")
    if id_property is not None:
        check_id_property(portal, table, str(id_property), "delete", single=True)
        key = table.fold(str(id_property), key)
    record = find(portal, table, key, id_property) or table.archived.get(key)
    if id_property == "email":
        table.blocked.add(key)
    if record is not None:
        table.blocked.update(_addresses(record))
        portal.note(Commit(record.id, table.name, "purged", None, {}, portal.now(), request.n))
        table.purge(record)
        portal.associations.forget(table.name, record.id)
        request.committed.append(record.id)
    return Answer(204)


def _addresses(record: Record) -> list[str]:
    more = record.properties.get("hs_additional_emails", "").split(";")
    return [address for address in (record.properties.get("email", ""), *more) if address]
