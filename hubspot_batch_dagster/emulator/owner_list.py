"""The owners endpoints."""

from __future__ import annotations

from hubspot_batch_dagster.emulator.exchange import Answer, Json, Request, not_found, validation, whole
from hubspot_batch_dagster.emulator.portal import Portal

MAX_PAGE = 500


def list_owners(portal: Portal, request: Request) -> Answer:
    """List who may own records, or with `archived=true` those who have left; by `email` if asked."""
    limit = whole(request.query("limit", "100"), "limit")
    if not 0 < limit <= MAX_PAGE:
        raise validation(f"limit must be between 1 and {MAX_PAGE}")
    asked = request.query("email").strip().lower()
    owners = [
        owner
        for owner in portal.owners.values()
        if owner.archived is request.wants_archived and (not asked or owner.email.lower() == asked)
    ]
    start = whole(request.query("after", "0") or 0, "after")
    body: Json = {"results": [owner.as_json() for owner in owners[start : start + limit]]}
    if start + limit < len(owners):
        body["paging"] = {"next": {"after": str(start + limit)}}
    return Answer(200, body)


def read_owner(portal: Portal, request: Request) -> Answer:
    """Read one owner, by owner id or with `idProperty=userId` by user id."""
    asked = request.parameters["owner"]
    by_user = request.query("idProperty") == "userId"
    for owner in portal.owners.values():
        if (
            str(owner.user_id) if by_user else owner.id
        ) == asked and owner.archived is request.wants_archived:
            return Answer(200, owner.as_json())
    raise not_found()
