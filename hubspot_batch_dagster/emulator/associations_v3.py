"""The v3 associations endpoints: types go by name, and each type of a pair is an entry of its own."""

from __future__ import annotations

from hubspot_batch_dagster.emulator.associating import associate, note_association
from hubspot_batch_dagster.emulator.association_batch import (
    living_id,
    living_ids,
    nothing_found,
    pair_problem,
    sound_pairs,
    start,
    take_off,
)
from hubspot_batch_dagster.emulator.association_types import AssociationType, v3_name
from hubspot_batch_dagster.emulator.batch import envelope, shown
from hubspot_batch_dagster.emulator.exchange import Answer, Json, Refused, Request, not_found, validation
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.table import Table


def create(portal: Portal, request: Request) -> Answer:
    """Associate pairs; each input names one type."""
    source, target, inputs = start(portal, request, portal.settings.max_association_inputs)
    typed = [(item, _type(portal, source, target, item.get("type"))) for item in inputs]
    results: list[Json] = []
    errors: list[Json] = []
    for source_id, target_id, kind in sound_pairs(portal, source, target, typed, errors):
        associate(portal, source.name, source_id, target.name, target_id, [kind])
        note_association(portal, "associated", kind, source_id, target_id, request.n)
        request.committed.append(source_id)
        results.append({"from": {"id": source_id}, "to": {"id": target_id}, "type": _name(portal, kind)})
    return envelope(portal, results, errors, status=portal.settings.v3_association_status)


def read(portal: Portal, request: Request) -> Answer:
    """Read what records are associated with; a record appears once for each type."""
    source, target, inputs = start(portal, request, portal.settings.max_association_reads)
    results: list[Json] = []
    errors: list[Json] = []
    for item in inputs:
        source_id = str(item.get("id", ""))
        found = entries(portal, source, source_id, target)
        if found:
            results.append({"from": {"id": source_id}, "to": found})
        else:
            errors.append(nothing_found(source, source_id, target))
    return envelope(portal, results, errors, status=200)


def archive(portal: Portal, request: Request) -> Answer:
    """Take one type off each pair."""
    source, target, inputs = start(portal, request, portal.settings.max_association_inputs)
    typed = [(item, _type(portal, source, target, item.get("type"))) for item in inputs]
    for item, kind in typed:
        source_id, target_id = living_ids(source, target, item)
        take_off(portal, kind, source, source_id, target, target_id, request)
    return Answer(204)


def list_types(portal: Portal, request: Request) -> Answer:
    """List the types from one object type to another by id and name."""
    source = portal.table_of_path(request.parameters["from"])
    target = portal.table_of_path(request.parameters["to"])
    kinds = portal.associations.types(source.name, target.name)
    return Answer(
        200, {"results": [{"id": str(kind.type_id), "name": _name(portal, kind)} for kind in kinds]}
    )


def list_one(portal: Portal, request: Request) -> Answer:
    """List what one record is associated with."""
    source = portal.table_of_path(request.parameters["type"])
    target = portal.table_of_path(request.parameters["to"])
    return Answer(200, {"results": entries(portal, source, request.parameters["id"], target)})


def put_one(portal: Portal, request: Request) -> Answer:
    """Associate one pair by the type that the path names; 200 with the record."""
    source, target, item = _ends(portal, request)
    kind = _type(portal, source, target, request.parameters["kind"])
    problem = pair_problem(portal, source, target, item)
    if problem is not None:
        raise Refused(400, problem)
    source_id, target_id = living_ids(source, target, item)
    associate(portal, source.name, source_id, target.name, target_id, [kind])
    note_association(portal, "associated", kind, source_id, target_id, request.n)
    record = source.living(source_id)
    if record is None:
        raise not_found()
    answer = shown(portal, source, record, list(source.definition.default_properties), [])
    answer["associations"] = {target.name: {"results": entries(portal, source, source_id, target)}}
    return Answer(200, answer)


def delete_one(portal: Portal, request: Request) -> Answer:
    """Take one type off one pair."""
    source, target, item = _ends(portal, request)
    kind = _type(portal, source, target, request.parameters["kind"])
    portal.associations.remove(kind, *living_ids(source, target, item))
    return Answer(204)


def entries(portal: Portal, source: Table, source_id: str, target: Table) -> list[Json]:
    """List the records of one type that a record is associated with, once for each type of association."""
    held = portal.associations.of(source.name, living_id(source, source_id), target.name)
    return [
        {"id": target_id, "type": _name(portal, kind)}
        for target_id, keys in held.items()
        for key in sorted(keys)
        if (kind := portal.associations.find(*key)) is not None
    ]


def _ends(portal: Portal, request: Request) -> tuple[Table, Table, Json]:
    source = portal.table_of_path(request.parameters["type"])
    target = portal.table_of_path(request.parameters["to"])
    return (
        source,
        target,
        {"from": {"id": request.parameters["id"]}, "to": {"id": request.parameters["to_id"]}},
    )


def _name(portal: Portal, kind: AssociationType) -> str:
    ends = portal.tables[kind.source].definition.singular, portal.tables[kind.target].definition.singular
    return v3_name(kind, *ends)


def _type(portal: Portal, source: Table, target: Table, asked: object) -> AssociationType:
    for kind in portal.associations.types(source.name, target.name):
        if asked in (_name(portal, kind), str(kind.type_id)):
            return kind
    known = ", ".join(_name(portal, kind) for kind in portal.associations.types(source.name, target.name))
    raise validation(f"{asked} is not a type from {source.name} to {target.name}: [{known}]")
