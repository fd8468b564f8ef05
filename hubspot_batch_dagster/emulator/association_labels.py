"""Association definitions: the types between two object types, and a portal's own labels."""

from __future__ import annotations

from dataclasses import replace

from hubspot_batch_dagster.emulator.association_types import AssociationType
from hubspot_batch_dagster.emulator.exchange import (
    Answer,
    Json,
    Refused,
    Request,
    error_body,
    not_found,
    validation,
)
from hubspot_batch_dagster.emulator.portal import Portal

MAX_LABELS = 50


def list_labels(portal: Portal, request: Request) -> Answer:
    """Every type from one object type to another. Internal names are not among what HubSpot tells."""
    source, target = _ends(portal, request)
    return Answer(200, {"results": [_shown(found) for found in portal.associations.types(source, target)]})


def create_label(portal: Portal, request: Request) -> Answer:
    """Make a label; both directions get a type id of their own. The 51st of a pair gets status 437."""
    source, target = _ends(portal, request)
    return Answer(
        200, {"results": [_shown(kind) for kind in define_label(portal, source, target, request.json)]}
    )


def define_label(portal: Portal, source: str, target: str, body: Json) -> list[AssociationType]:
    """Make a label of the portal's own between two object types, in both directions.

    Raises:
        Refused: It has no label or name, the name is taken, or the pair has 50 labels.
    """
    if not body.get("label") or not body.get("name"):
        raise validation("Some required fields were not set: [label, name]")
    own = [found for found in portal.associations.types(source, target) if found.category == "USER_DEFINED"]
    if len(own) >= MAX_LABELS:
        raise Refused(
            437, error_body(f"A pair of object types has at most {MAX_LABELS} labels", "LIMIT_EXCEEDED")
        )
    if any(found.name == body["name"] for found in own):
        raise Refused(409, error_body(f"A label named {body['name']} exists", "OBJECT_ALREADY_EXISTS"))
    paired = body.get("inverseLabel") is not None or source != target
    forward = portal.associations.new_type_id()
    backward = portal.associations.new_type_id() if paired else forward
    return portal.associations.define_pair(
        source,
        target,
        forward,
        backward,
        category="USER_DEFINED",
        label=str(body["label"]),
        inverse_label=body.get("inverseLabel"),
        name=str(body["name"]),
    )


def update_label(portal: Portal, request: Request) -> Answer:
    """Rename a label, and with `inverseLabel` the one of the other direction."""
    source, target = _ends(portal, request)
    found = _own(portal, source, target, str(request.json.get("associationTypeId")))
    body = request.json
    if not body.get("label"):
        raise validation("Some required fields were not set: [label]")
    inverse = portal.associations.find(found.category, found.inverse)
    portal.associations.replace_type(found, replace(found, label=str(body["label"])))
    if inverse is not None and inverse is not found and body.get("inverseLabel"):
        portal.associations.replace_type(inverse, replace(inverse, label=str(body["inverseLabel"])))
    return Answer(204)


def delete_label(portal: Portal, request: Request) -> Answer:
    """Take a label away in both directions."""
    source, target = _ends(portal, request)
    found = _own(portal, source, target, request.parameters["label"])
    inverse = portal.associations.find(found.category, found.inverse)
    portal.associations.remove_type(found)
    if inverse is not None and inverse is not found:
        portal.associations.remove_type(inverse)
    return Answer(204)


def _ends(portal: Portal, request: Request) -> tuple[str, str]:
    return portal.table_of_path(request.parameters["from"]).name, portal.table_of_path(
        request.parameters["to"]
    ).name


def _own(portal: Portal, source: str, target: str, type_id: str) -> AssociationType:
    found = (
        portal.associations.find("USER_DEFINED", int(type_id))
        if type_id.isascii() and type_id.isdigit()
        else None
    )
    if found is None or (found.source, found.target) != (source, target):
        raise not_found(f"There is no label {type_id} from {source} to {target}")
    return found


def _shown(found: AssociationType) -> Json:
    return {"category": found.category, "typeId": found.type_id, "label": found.label}
