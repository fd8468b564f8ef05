"""The associations endpoints: batch create, default, read, archive, labels, and one pair at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from hubspot_batch_dagster.emulator.associating import (
    associate,
    note_association,
    read_type,
    wrong_direction,
)
from hubspot_batch_dagster.emulator.association_types import AssociationType
from hubspot_batch_dagster.emulator.batch import envelope
from hubspot_batch_dagster.emulator.exchange import Answer, Json, Refused, Request, validation, whole
from hubspot_batch_dagster.emulator.inputs import too_many
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Table

T = TypeVar("T")

PAGE = 500


def create(portal: Portal, request: Request) -> Answer:
    """Associates pairs by type. The types of a pair are replaced, not added to."""
    source, target, inputs = start(portal, request, portal.settings.max_association_inputs)
    typed = [(item, _types(portal, source, target, item)) for item in inputs]
    results: list[Json] = []
    errors: list[Json] = []
    for source_id, target_id, types in sound_pairs(portal, source, target, typed, errors):
        _replace(portal, source, source_id, target, target_id, types, request)
        results.append(_pair(portal, request, source, source_id, target, target_id))
    return envelope(portal, results, errors, status=200 if request.version == "2026-09" else 201)


def create_default(portal: Portal, request: Request) -> Answer:
    """Associates pairs by the plain type; one result a direction. Doing it twice changes nothing."""
    source, target, inputs = start(portal, request, portal.settings.max_association_inputs)
    plain = _plain(portal, source, target)
    results: list[Json] = []
    errors: list[Json] = []
    for source_id, target_id, _ in sound_pairs(
        portal, source, target, ((each, None) for each in inputs), errors
    ):
        results += _associate_plain(portal, source, source_id, target, target_id, plain, request)
    return envelope(portal, results, errors, status=200)


def read(portal: Portal, request: Request) -> Answer:
    """Return what records are associated with, 500 a page."""
    source, target, inputs = start(portal, request, portal.settings.max_association_reads)
    results: list[Json] = []
    errors: list[Json] = []
    for item in inputs:
        source_id = str(item.get("id", ""))
        associated = list(
            portal.associations.of(source.name, living_id(source, source_id), target.name).items()
        )
        if not associated:
            errors.append(nothing_found(source, source_id, target))
            continue
        results.append(
            {
                "from": {"id": source_id},
                **_page(portal, request, associated, whole(item.get("after") or 0, "after"), PAGE),
            }
        )
    return envelope(portal, results, errors, status=200)


def archive(portal: Portal, request: Request) -> Answer:
    """Take every type off pairs. 204 in v4, 200 with a body in the dated versions."""
    source, target, inputs = start(portal, request, portal.settings.max_association_inputs)
    most = portal.settings.max_archived_sources
    if most is not None and len({_id(item.get("from")) for item in inputs}) > most:
        raise too_many(most, "a batch of associations to archive")
    results = []
    for item in inputs:
        for end in item.get("to") or []:
            source_id, target_id = living_ids(source, target, {"from": item.get("from"), "to": end})
            dissociate(portal, source, source_id, target, target_id, request)
            results.append({"from": {"id": source_id}, "to": {"id": target_id}})
    return _archived(portal, request, results)


def archive_labels(portal: Portal, request: Request) -> Answer:
    """Take types off pairs; taking the plain type off takes all."""
    source, target, inputs = start(portal, request, portal.settings.max_association_inputs)
    typed = [(item, _types(portal, source, target, item)) for item in inputs]
    results = []
    for item, types in typed:
        source_id, target_id = living_ids(source, target, item)
        for kind in types:
            take_off(portal, kind, source, source_id, target, target_id, request)
        results.append({"from": {"id": source_id}, "to": {"id": target_id}})
    return _archived(portal, request, results)


def list_one(portal: Portal, request: Request) -> Answer:
    """Return what one record is associated with."""
    source = portal.table_of_path(request.parameters["type"])
    target = portal.table_of_path(request.parameters["to"])
    source_id = living_id(source, request.parameters["id"])
    associated = list(portal.associations.of(source.name, source_id, target.name).items())
    page = _page(
        portal,
        request,
        associated,
        whole(request.query("after", "0") or 0, "after"),
        whole(request.query("limit", "500"), "limit"),
    )
    return Answer(200, {"results": page.pop("to"), **page})


def put_default(portal: Portal, request: Request) -> Answer:
    """Associates one pair by the plain type."""
    source, source_id, target, target_id = _one_pair(portal, request)
    plain = _plain(portal, source, target)
    results = _associate_plain(portal, source, source_id, target, target_id, plain, request)
    return envelope(portal, results, [], status=200)


def put_labels(portal: Portal, request: Request) -> Answer:
    """Associates one pair by the types in the body, which is a bare list."""
    source, source_id, target, target_id = _one_pair(portal, request)
    types = _types(portal, source, target, {"types": request.list_json})
    _replace(portal, source, source_id, target, target_id, types, request)
    return Answer(201, _pair(portal, request, source, source_id, target, target_id))


def delete_one(portal: Portal, request: Request) -> Answer:
    """Take every type off one pair."""
    source = portal.table_of_path(request.parameters["type"])
    target = portal.table_of_path(request.parameters["to"])
    ends = {"from": request.parameters["id"], "to": request.parameters["to_id"]}
    source_id, target_id = living_ids(source, target, ends)
    dissociate(portal, source, source_id, target, target_id, request)
    return Answer(204)


def start(portal: Portal, request: Request, most: int) -> tuple[Table, Table, list[Json]]:
    """Read the ends and the inputs of a batch."""
    source, target = (
        portal.table_of_path(request.parameters["from"]),
        portal.table_of_path(request.parameters["to"]),
    )
    inputs = request.inputs_json
    request.inputs = len(inputs)
    if len(inputs) > most:
        raise too_many(most)
    return source, target, inputs


def sound_pairs(
    portal: Portal,
    source: Table,
    target: Table,
    inputs: Iterable[tuple[Json, T]],
    errors: list[Json],
) -> Iterator[tuple[str, str, T]]:
    """Give the ids of each pair that can be associated, and what came beside it; note the others' errors."""
    for item, more in inputs:
        problem = pair_problem(portal, source, target, item)
        if problem is None:
            yield *living_ids(source, target, item), more
        else:
            errors.append(problem)


def take_off(
    portal: Portal,
    kind: AssociationType,
    source: Table,
    source_id: str,
    target: Table,
    target_id: str,
    request: Request,
) -> None:
    """Take a type off a pair; the plain one takes all others with it."""
    if kind.label is None:
        dissociate(portal, source, source_id, target, target_id, request)
    else:
        portal.associations.remove(kind, source_id, target_id)
        note_association(portal, "dissociated", kind, source_id, target_id, request.n)


def _one_pair(portal: Portal, request: Request) -> tuple[Table, str, Table, str]:
    source, target = (
        portal.table_of_path(request.parameters["type"]),
        portal.table_of_path(request.parameters["to"]),
    )
    item = {"from": {"id": request.parameters["id"]}, "to": {"id": request.parameters["to_id"]}}
    problem = pair_problem(portal, source, target, item)
    if problem is not None:
        raise Refused(400, problem)
    source_id, target_id = living_ids(source, target, item)
    return source, source_id, target, target_id


def _id(end: Any) -> str:
    return str(end.get("id", "")) if isinstance(end, dict) else str(end or "")


def _ids(item: Json) -> tuple[str, str]:
    return _id(item.get("from")), _id(item.get("to"))


def living_ids(source: Table, target: Table, item: Json) -> tuple[str, str]:
    """Return the two ids of a pair; those of merged records are led to the records that are left."""
    source_id, target_id = _ids(item)
    return living_id(source, source_id), living_id(target, target_id)


def living_id(table: Table, record_id: str) -> str:
    """Lead the id of a merged record to the record that is left."""
    living = table.living(record_id)
    return living.id if living is not None else record_id


def _plain(portal: Portal, source: Table, target: Table) -> AssociationType:
    plain = portal.associations.plain(source.name, target.name)
    if plain is None:
        raise validation(f"{source.type_name} and {target.type_name} cannot be associated")
    return plain


def _types(portal: Portal, source: Table, target: Table, item: Json) -> list[AssociationType]:
    types = []
    for asked in item.get("types") or []:
        found = read_type(portal, asked)
        if isinstance(found, str):
            raise validation(found)
        if (found.source, found.target) != (source.name, target.name):
            raise validation(wrong_direction(portal, found, source.name))
        types.append(found)
    if not types:
        raise validation("Some required fields were not set: [types]")
    return types


def pair_problem(portal: Portal, source: Table, target: Table, item: Json) -> Json | None:
    """Find what is wrong with the ends of a pair, as an error item; None if nothing is."""
    source_id, target_id = _ids(item)
    base = {
        "status": "error",
        "category": "VALIDATION_ERROR",
        "subCategory": "crm.associations.INVALID_IDENTIFIER",
    }
    for table, record_id in ((source, source_id), (target, target_id)):
        if table.living(record_id) is None:
            message = f"{table.type_name}={record_id} is not valid"
            return {**base, "message": message, "context": {"id": [record_id]}}
    limit = portal.settings.max_associations
    held = portal.associations.of(source.name, living_id(source, source_id), target.name)
    if len(held) >= limit and living_id(target, target_id) not in held:
        # The status and the words are not known; the limit is HubSpot's (rollup of 2025-11).
        message = (
            f"{source.type_name}={source_id} already has {limit} associations to {target.type_name} records"
        )
        return {**base, "subCategory": "crm.associations.LIMIT_EXCEEDED", "message": message, "context": {}}
    if source is target and living_id(source, source_id) == living_id(target, target_id):
        return {**base, "message": f"{source.type_name}={source_id} cannot be associated with itself"}
    return None


def _replace(
    portal: Portal,
    source: Table,
    source_id: str,
    target: Table,
    target_id: str,
    types: list[AssociationType],
    request: Request,
) -> None:
    associations = portal.associations
    for category, type_id in list(associations.of(source.name, source_id, target.name).get(target_id, ())):
        held = associations.find(category, type_id)
        if held is not None and held.label is not None and not held.primary and held not in types:
            associations.remove(held, source_id, target_id)
    associate(portal, source.name, source_id, target.name, target_id, types)
    for kind in types:
        note_association(portal, "associated", kind, source_id, target_id, request.n)
    request.committed.append(source_id)


def _associate_plain(
    portal: Portal,
    source: Table,
    source_id: str,
    target: Table,
    target_id: str,
    plain: AssociationType,
    request: Request,
) -> list[Json]:
    associate(portal, source.name, source_id, target.name, target_id, [plain])
    note_association(portal, "associated", plain, source_id, target_id, request.n)
    request.committed.append(source_id)
    return [
        _spec(source_id, target_id, plain.category, plain.type_id),
        _spec(target_id, source_id, plain.category, plain.inverse),
    ]


def _spec(source_id: str, target_id: str, category: str, type_id: int) -> Json:
    spec = {"associationCategory": category, "associationTypeId": type_id}
    return {"from": {"id": source_id}, "to": {"id": target_id}, "associationSpec": spec}


def dissociate(
    portal: Portal, source: Table, source_id: str, target: Table, target_id: str, request: Request
) -> None:
    """Take every type off a pair."""
    if portal.associations.remove_all(source.name, source_id, target.name, target_id):
        note_association(
            portal, "dissociated", _plain(portal, source, target), source_id, target_id, request.n
        )
        request.committed.append(source_id)


def _archived(portal: Portal, request: Request, results: list[Json]) -> Answer:
    return Answer(204) if request.version == "v4" else envelope(portal, results, [], status=200)


def shown_id(portal: Portal, request: Request, record_id: str) -> int | str:
    """Return an id as a version shows it in association answers: a number in v4, text elsewhere."""
    return int(record_id) if request.version == "v4" and portal.settings.v4_number_ids else record_id


def _pair(
    portal: Portal, request: Request, source: Table, source_id: str, target: Table, target_id: str
) -> Json:
    held = portal.associations.of(source.name, source_id, target.name).get(target_id, set())
    types = [portal.associations.find(*key) for key in held]
    return {
        "fromObjectTypeId": source.definition.type_id,
        "fromObjectId": shown_id(portal, request, source_id),
        "toObjectTypeId": target.definition.type_id,
        "toObjectId": shown_id(portal, request, target_id),
        "labels": sorted(found.label for found in types if found is not None and found.label),
    }


def _page(
    portal: Portal,
    request: Request,
    associated: list[tuple[str, set[tuple[str, int]]]],
    start: int,
    limit: int,
) -> Json:
    if not 0 < limit <= PAGE:
        raise validation(f"limit must be between 1 and {PAGE}")
    page: Json = {
        "to": [
            {
                "toObjectId": shown_id(portal, request, target_id),
                "associationTypes": _shown_types(portal, held),
            }
            for target_id, held in associated[start : start + limit]
        ]
    }
    if start + limit < len(associated):
        page["paging"] = {"next": {"after": str(start + limit)}}
    return page


def _shown_types(portal: Portal, held: set[tuple[str, int]]) -> list[Json]:
    types = (portal.associations.find(*key) for key in sorted(held))
    return [{"category": t.category, "typeId": t.type_id, "label": t.label} for t in types if t is not None]


def nothing_found(source: Table, source_id: str, target: Table) -> Json:
    """Build the error item for a record without associations."""
    names = source.definition.singular, target.definition.singular
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {names[1]} is associated with {names[0]} {source_id}.",
        "context": {"fromObjectId": [source_id], "fromObjectType": [names[0]], "toObjectType": [names[1]]},
    }
