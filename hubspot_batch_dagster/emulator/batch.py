"""The five batch operations on records: create, update, upsert, read, archive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hubspot_batch_dagster.emulator.associating import associate_inline
from hubspot_batch_dagster.emulator.books import Commit
from hubspot_batch_dagster.emulator.exchange import Answer, Json, Refused, Request, iso
from hubspot_batch_dagster.emulator.inputs import (
    Input,
    check_id_property,
    check_unique,
    check_values,
    conflict,
    find,
    identify,
    read_inputs,
    refuse_values,
    required_id,
    too_many,
    traced,
)
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Record, Table


def create(portal: Portal, request: Request) -> Answer:
    """Create records. All or nothing, unless every input has a trace id of its own."""
    table = portal.table_of_path(request.parameters["type"])
    inputs = read_inputs(portal, request)
    partial = traced(portal, inputs)
    check_values(portal, table, inputs, request.version)
    check_unique(portal, table, inputs)
    errors = _failed(portal, table, inputs, request, partial=partial)
    return _written(portal, table, inputs, request, errors, status=portal.settings.create_status)


def upsert(portal: Portal, request: Request) -> Answer:
    """Create or change records by a unique property. All or nothing without trace ids, like create."""
    table = portal.table_of_path(request.parameters["type"])
    inputs = read_inputs(portal, request)
    identify(portal, table, inputs, "upsert")
    by_email = table.name == "contacts" and any(item.id_property == "email" for item in inputs)
    partial = traced(portal, inputs) and not (by_email and not portal.settings.partial_upsert_by_email)
    unknown = [item for item in inputs if item.record is None and item.id_property in (None, "hs_object_id")]
    known = [item for item in inputs if item not in unknown] if unknown else inputs
    for item in known:
        if item.record is not None and item.record.archived_at is not None:
            item.conflict = item.record.id
    check_values(portal, table, known, request.version)
    check_unique(portal, table, known)
    errors = _failed(portal, table, known, request, partial=partial)
    return _written(
        portal, table, known, request, errors + _unknown_items(portal, table, unknown), upserting=True
    )


def update(portal: Portal, request: Request) -> Answer:
    """Change records. Unknown ids are left out and named; a bad value fails the whole batch."""
    table = portal.table_of_path(request.parameters["type"])
    inputs = read_inputs(portal, request)
    try:
        identify(portal, table, inputs, "update")
    except Refused:
        if portal.settings.duplicates_commit_rows_before:
            _commit_first_half(portal, table, inputs, request)
        raise
    settings = portal.settings
    merged = [item for item in inputs if item.by_merged_id(table)] if table.merged else []
    if settings.update_of_merged == "not_found":
        for item in merged:
            item.record = None
    unknown = [item for item in inputs if item.record is None]
    left_out = merged if settings.update_of_merged == "left_out" else []
    known = [item for item in inputs if item.record is not None and item not in left_out]
    if len(unknown) == len(inputs) > 0 and settings.all_absent == "404":
        raise Refused(404, _not_found_item(table, [item.key for item in unknown]))
    check_values(portal, table, known, request.version)
    check_unique(portal, table, known)
    partial = traced(portal, inputs) and settings.update_partial_by_trace_id
    errors = _failed(portal, table, known, request, partial=partial)
    listed = _unknown_items(portal, table, unknown) if settings.update_unknown_as_error else []
    return _written(portal, table, known, request, errors + listed, status=207 if unknown else 200)


def read(portal: Portal, request: Request) -> Answer:
    """Read records by id, or by one unique property for the whole request."""
    table = portal.table_of_path(request.parameters["type"])
    inputs = request.inputs_json
    request.inputs = len(inputs)
    history = _names(request.json.get("propertiesWithHistory"))
    if len(inputs) > portal.settings.max_inputs:
        raise too_many(portal.settings.max_inputs)
    if history and len(inputs) > portal.settings.max_history_inputs:
        raise too_many(portal.settings.max_history_inputs, "a batch for property histories")
    id_property = request.json.get("idProperty") or None
    if id_property is not None:
        check_id_property(portal, table, id_property, "read")
    wanted = _names(request.json.get("properties")) or list(table.definition.default_properties)
    found: dict[str, Record] = {}
    missing: list[str] = []
    for item in inputs:
        key = required_id(item)
        record = _find_for_read(portal, table, key, id_property, request.wants_archived)
        if record is None:
            missing.append(key)
        else:
            found[record.id] = record
    results = [shown(portal, table, record, wanted, history) for record in found.values()]
    if missing and not found and portal.settings.all_absent == "404":
        raise Refused(404, _not_found_item(table, missing))
    return envelope(portal, results, _absent_items(portal, table, missing), status=200)


def archive(portal: Portal, request: Request) -> Answer:
    """Archive records. Ids that are unknown or archived already are passed over in silence."""
    table = portal.table_of_path(request.parameters["type"])
    inputs = read_inputs(portal, request)
    now = portal.now()
    keys = [required_id(item.given) for item in inputs]
    for key in keys:
        record = to_archive(portal, table, key)
        if record is not None:
            portal.archive_record(table, record, now, request.n)
            request.committed.append(record.id)
    return Answer(204)


def to_archive(portal: Portal, table: Table, record_id: str) -> Record | None:
    """Find the record that an archive by this id archives, or None."""
    if portal.settings.archive_of_merged == "ignored":
        return table.records.get(record_id)
    return table.living(record_id)


OPERATIONS: dict[str, Callable[[Portal, Request], Answer]] = {
    "create": create,
    "update": update,
    "upsert": upsert,
    "read": read,
    "archive": archive,
}


def _names(given: Any) -> list[str]:
    return [str(name) for name in given] if isinstance(given, list) else []


def _find_for_read(
    portal: Portal, table: Table, key: str, id_property: str | None, archived: bool
) -> Record | None:
    if archived and not portal.settings.archived_reads_find:
        return None
    if not archived:
        record = find(portal, table, table.fold(id_property, key) if id_property else key, id_property)
        return record if record is not None and record.archived_at is None else None
    return find_archived(table, key, id_property)


def find_archived(table: Table, key: str, id_property: str | None) -> Record | None:
    """Return the archived record that a key names, or None."""
    if id_property is None or id_property == "hs_object_id":
        return table.archived.get(key)
    folded = table.fold(id_property, key)
    holders = (
        r
        for r in table.archived.values()
        if table.fold(id_property, r.properties.get(id_property, "")) == folded
    )
    return next(holders, None)


def _failed(
    portal: Portal, table: Table, inputs: list[Input], request: Request, *, partial: bool
) -> list[Json]:
    """Return the error items of a partial success, or the refusal of the whole batch."""
    settings = portal.settings
    bad = [item for item in inputs if not item.fine]
    if not bad:
        return []
    if not partial:
        value_errors = [error for item in bad for error in item.value_errors]
        if value_errors:
            raise refuse_values(portal, value_errors)
        problem = next((item.problem for item in bad if item.problem is not None), None)
        if problem is not None:
            raise Refused(400, dict(problem))
    first = next((item for item in bad if item.conflict is not None), None)
    if first is not None and (not partial or settings.conflict_with_trace_ids == "409"):
        if settings.conflict_commits_rows_before:
            before = inputs[: inputs.index(first)]
            _write(portal, table, [item for item in before if item.fine], request, upserting=False)
        names_id = settings.conflict_names_id and first.conflict in table.records
        raise conflict(table, first.conflict, names_id)
    return [item.error_item(table, settings.conflict_names_id) for item in bad]


def _commit_first_half(portal: Portal, table: Table, inputs: list[Input], request: Request) -> None:
    half = [item for item in inputs[: len(inputs) // 2] if item.record is not None]
    check_values(portal, table, half, request.version)
    check_unique(portal, table, half)
    _write(portal, table, [item for item in half if item.fine], request, upserting=False)


def _unknown_items(portal: Portal, table: Table, unknown: list[Input]) -> list[Json]:
    return _absent_items(portal, table, [item.key for item in unknown])


def _absent_items(portal: Portal, table: Table, ids: list[str]) -> list[Json]:
    told = [ids] if portal.settings.absent_in_one_error and ids else [[each] for each in ids]
    return [_not_found_item(table, each) for each in told]


def _not_found_item(table: Table, ids: list[str]) -> Json:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"Could not get some {table.type_name} objects, they may be deleted or not exist."
        " Check that ids are valid.",
        "context": {"ids": ids},
    }


def _written(
    portal: Portal,
    table: Table,
    inputs: list[Input],
    request: Request,
    errors: list[Json],
    *,
    upserting: bool = False,
    status: int = 200,
) -> Answer:
    fine = [item for item in inputs if item.fine] if errors else inputs
    results = _write(portal, table, fine, request, upserting=upserting)
    return envelope(portal, results, errors, status=status)


def _write(
    portal: Portal, table: Table, inputs: list[Input], request: Request, *, upserting: bool
) -> list[Json]:
    settings = portal.settings
    now = portal.now()
    stamp = iso(now)
    keep, echo = settings.keep_books, settings.echo_trace_id
    page = _page(portal, table)
    under_old_id = bool(table.merged) and settings.update_of_merged == "under_old_id"
    results = []
    for item in inputs:
        record = item.record
        if record is None:
            record = table.insert(item.record_id, item.values, now, stamp, request.n)
            kind, properties = "created", record.properties
            if not upserting and item.given.get("associations"):
                associate_inline(portal, table, record.id, item.given["associations"], request.n)
        else:
            kind, properties = (
                "updated",
                _touched(table, record, table.change(record, item.values, now, stamp)),
            )
        request.committed.append(record.id)
        if keep:
            portal.books.note_commit(
                Commit(record.id, table.name, kind, item.trace_id, record.properties, now, request.n)
            )
        result: Json = {
            "id": item.key if under_old_id and item.by_merged_id(table) else record.id,
            "properties": properties,
            "createdAt": record.created,
            "updatedAt": stamp,
            "archived": False,
            "url": page + record.id,
        }
        if upserting:
            result["new"] = kind == "created"
        if echo and item.trace_id is not None:
            result["objectWriteTraceId"] = item.trace_id
        if item.warnings:
            result["warnings"] = item.warnings
        results.append(result)
    return results


def _page(portal: Portal, table: Table) -> str:
    """Build the address of a record's page in HubSpot's UI, up to the record's id."""
    portal_id, type_id = portal.settings.portal_id, table.definition.type_id
    return f"https://app.hubspot.com/contacts/{portal_id}/record/{type_id}/"


def _touched(table: Table, record: Record, values: dict[str, str]) -> dict[str, str]:
    definition = table.definition
    system = (definition.created_property, definition.modified_property, "hs_object_id")
    return {**values, **{name: record.properties.get(name, "") for name in system}}


def shown(portal: Portal, table: Table, record: Record, wanted: list[str], history: list[str]) -> Json:
    """Return a record as a read shows it: what was asked for, null where empty, and three of the system."""
    definition = table.definition
    names = dict.fromkeys(
        (*wanted, definition.created_property, definition.modified_property, "hs_object_id")
    )
    result: Json = {
        "id": record.id,
        "properties": {name: record.properties.get(name) for name in names if name in table.properties},
        "createdAt": record.created,
        "updatedAt": record.updated,
        "archived": record.archived_at is not None,
        "url": _page(portal, table) + record.id,
    }
    if record.archived_at is not None:
        result["archivedAt"] = record.archived_at
    if history:
        result["propertiesWithHistory"] = {
            name: [
                {"value": value, "timestamp": stamp, "sourceType": "INTEGRATION"} for value, stamp in versions
            ]
            for name in history
            if (versions := record.history(name))
        }
    return result


def envelope(portal: Portal, results: list[Json], errors: list[Json], *, status: int) -> Answer:
    """Build a batch answer: results in another order than the inputs, errors counted if there are any."""
    if portal.settings.shuffle_results and len(results) > 1:
        draw = portal.random.random
        places = [draw() for _ in results]  # half the time of random.shuffle
        results = [results[number] for number in sorted(range(len(results)), key=places.__getitem__)]
    stamp = iso(portal.now())
    body: Json = {"status": "COMPLETE", "results": results, "startedAt": stamp, "completedAt": stamp}
    if errors or status == 207:
        body["numErrors"] = len(errors)
        body["errors"] = errors
        status = 207
    return Answer(status, body)
