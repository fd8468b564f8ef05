"""Records one at a time: create, read, update, archive and list."""

from __future__ import annotations

from hubspot_batch_dagster.emulator import batch
from hubspot_batch_dagster.emulator.associations_v3 import entries
from hubspot_batch_dagster.emulator.exchange import Answer, Json, Request, object_not_found, validation, whole
from hubspot_batch_dagster.emulator.inputs import check_id_property, find
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Record, Table

MAX_PAGE = 100


def create_one(portal: Portal, request: Request) -> Answer:
    """Create one record; 201 with the record."""
    single = _single(request, dict(request.json))
    return Answer(201, batch.create(portal, single).body["results"][0])


def update_one(portal: Portal, request: Request) -> Answer:
    """Change one record; 404 if there is none."""
    table = portal.table_of_path(request.parameters["type"])
    record = _one(portal, table, request)
    if portal.settings.update_of_merged == "not_found" and request.parameters["id"] in table.merged:
        raise object_not_found(f"{table.type_name} {request.parameters['id']} does not exist")
    single = _single(request, {**request.json, "id": record.id})
    return Answer(200, batch.update(portal, single).body["results"][0])


def read_one(portal: Portal, request: Request) -> Answer:
    """Read one record by id or, with the query parameter `idProperty`, by a unique property."""
    table = portal.table_of_path(request.parameters["type"])
    record = _one(portal, table, request)
    return Answer(200, _shown(portal, table, record, request, wanted(table, request)))


def archive_one(portal: Portal, request: Request) -> Answer:
    """Archive one record; 204 whether it was there or not."""
    table = portal.table_of_path(request.parameters["type"])
    record = batch.to_archive(portal, table, request.parameters["id"])
    if record is not None:
        portal.archive_record(table, record, portal.now(), request.n)
        request.committed.append(record.id)
    return Answer(204)


def list_page(portal: Portal, request: Request) -> Answer:
    """One page of all records, oldest first."""
    table = portal.table_of_path(request.parameters["type"])
    limit = whole(request.query("limit", "10"), "limit")
    if not 0 < limit <= MAX_PAGE:
        raise validation(f"limit must be between 1 and {MAX_PAGE}")
    records = list((table.archived if request.wants_archived else table.records).values())
    start = whole(request.query("after", "0") or 0, "after")
    page = records[start : start + limit]
    names = wanted(table, request)
    body: Json = {"results": [_shown(portal, table, record, request, names) for record in page]}
    if start + limit < len(records):
        body["paging"] = {"next": {"after": str(start + limit)}}
    return Answer(200, body)


def _shown(portal: Portal, table: Table, record: Record, request: Request, names: list[str]) -> Json:
    """Show a record with what the query asks for beside: former values and associations."""
    result = batch.shown(portal, table, record, names, _listed(request, "propertiesWithHistory"))
    asked = [portal.table_of_path(name) for name in _listed(request, "associations")]
    found = {other.name: entries(portal, table, record.id, other) for other in asked}
    if any(found.values()):
        result["associations"] = {name: {"results": listed} for name, listed in found.items() if listed}
    return result


def _listed(request: Request, name: str) -> list[str]:
    """Read a query parameter that is given several times or with commas."""
    return [part for value in request.query_all(name) for part in value.split(",") if part]


def wanted(table: Table, request: Request) -> list[str]:
    """Return the properties that the query asks for, or the type's defaults."""
    return _listed(request, "properties") or list(table.definition.default_properties)


def _single(request: Request, item: Json) -> Request:
    """Return the same request as a batch of one; errors then come as they do without trace ids."""
    item.pop("objectWriteTraceId", None)
    request.set_json({"inputs": [item]})
    return request


def _one(portal: Portal, table: Table, request: Request) -> Record:
    key, id_property = request.parameters["id"], request.query("idProperty") or None
    if id_property is not None:
        check_id_property(portal, table, id_property, request.operation.removesuffix("_one"), single=True)
        key = table.fold(id_property, key)
    if request.wants_archived and id_property is None:
        record = table.archived.get(key)
    else:
        record = find(portal, table, key, id_property)
    if record is None:
        raise object_not_found(
            f"Object not found. objectId are usually numeric. {table.type_name} {key} is not known."
        )
    return record
