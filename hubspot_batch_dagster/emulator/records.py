"""Records one at a time: create, read, update, archive and list."""

from __future__ import annotations

from heapq import nsmallest
from urllib.parse import parse_qsl, quote, urlencode

from hubspot_batch_dagster.emulator import batch
from hubspot_batch_dagster.emulator.associations_v3 import entries
from hubspot_batch_dagster.emulator.exchange import (
    Answer,
    Json,
    Refused,
    Request,
    not_found,
    object_not_found,
    validation,
    whole,
)
from hubspot_batch_dagster.emulator.inputs import check_id_property, find
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Record, Table

MAX_PAGE = 100


def create_one(portal: Portal, request: Request) -> Answer:
    """Create one record; 201 with the record, and its address in `Location`."""
    single = _single(request, dict(request.json))
    made = batch.create(portal, single).body["results"][0]
    return Answer(201, made, {"Location": f"{_address(request)}/{made['id']}"})


def update_one(portal: Portal, request: Request) -> Answer:
    """Change one record; 404 if there is none."""
    table = portal.table_of_path(request.parameters["type"])
    record = _one(portal, table, request)
    if portal.settings.update_of_merged == "not_found" and request.parameters["id"] in table.merged:
        raise not_found()
    single = _single(request, {"id": record.id, "properties": request.json.get("properties")})
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
    """One page of all records by their ids; `after` is the id that the page begins with.

    So a record that is archived between two pages shifts no other one.
    """
    table = portal.table_of_path(request.parameters["type"])
    limit = whole(request.query("limit", "10"), "limit")
    if not 0 < limit <= MAX_PAGE:
        raise validation(f"limit must be between 1 and {MAX_PAGE}")
    records = table.archived if request.wants_archived else table.records
    start = whole(request.query("after", "0") or 0, "after")
    *page, further = [*nsmallest(limit + 1, (n for n in map(int, records) if n >= start)), 0][: limit + 1]
    names = wanted(table, request)
    body: Json = {"results": [_shown(portal, table, records[str(n)], request, names) for n in page]}
    if further:
        asked = [(name, value) for name, value in parse_qsl(request.query_string) if name != "after"]
        link = f"{_address(request)}?{urlencode([*asked, ('after', str(further))])}"
        body["paging"] = {"next": {"after": str(further), "link": link}}
    return Answer(200, body)


def _address(request: Request) -> str:
    """Return the address that was called, without its query."""
    host = request.headers.get(b"host", b"127.0.0.1").decode("latin-1")
    return f"http://{host}{quote(request.path)}"


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
    if request.wants_archived and request.operation == "read_one":
        record = batch.find_archived(table, key, id_property)
    else:
        record = find(portal, table, key, id_property)
    if record is None:
        raise _unknown(key, id_property)
    return record


def _unknown(key: str, id_property: str | None) -> Refused:
    """404 in the words of live accounts: only a key that is no record id gets a category."""
    if id_property is not None or (key.isascii() and key.isdigit()):
        return not_found()
    return object_not_found("Object not found.  objectId are usually numeric.", context={"id": [key]})
