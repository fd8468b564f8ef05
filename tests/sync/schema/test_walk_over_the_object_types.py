"""Every object type, operation and version that we offer is answered by the portal, with rows that its
definitions ask for.
"""

from __future__ import annotations

from typing import Any

import pytest
from bench.sync_bench import Bench

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.definitions import PropertyDefinition
from hubspot_batch_dagster.api.object_types import BUILT_IN, VERSIONS, ObjectType
from hubspot_batch_dagster.sync.schema.required_properties import NEEDED

VALUES = {"number": "1", "date": "2024-01-02", "datetime": "2024-01-02T03:04:05Z", "bool": "true"}

ONLY_GENERIC = {
    (name, "2025-09") for name in ("feedback_submissions", "partner_clients", "partner_services")
} | {("partner_clients", "2026-09")}
"""The specification of 2025-09 offers all operations for all types alike; these types are read-only in the
guides.
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_what_we_offer_is_answered(bench: Bench, version: str) -> None:
    answered, contact = 0, bench.emulator.seed_records("contacts", [{"email": "a@x.org"}])[0]
    with HubSpotClient(bench.emulator.token, base_url=bench.emulator.url, version=version) as client:
        for kind in BUILT_IN:
            operations = kind.operations.get(version, ())  # type: ignore[call-overload]
            if (kind.name, version) in ONLY_GENERIC or not operations:
                continue
            bench.emulator.add_property(kind.name, "walk_key", unique=True)
            definitions = {each.name: each for each in client.properties(kind)}
            row = minimal(kind, definitions)
            for operation in operations:
                assert accepted(client, kind, operation, row, contact) == [], (kind.name, operation)
                answered += 1
    assert answered > 100
    assert len(bench.emulator.books.requests()) == answered + len(
        bench.emulator.books.requests("properties.list")
    )


def minimal(kind: ObjectType, definitions: dict[str, PropertyDefinition]) -> dict[str, str]:
    """A row with what a new record needs, and no more."""
    row = {"walk_key": "a"}
    for needed in NEEDED.get(kind.name, ()):
        found = definitions[needed.choice[0]]
        row[found.name] = found.options[0].value if found.options else VALUES.get(found.type, "a@x.org")
    return row


def accepted(
    client: HubSpotClient, kind: ObjectType, operation: str, row: dict[str, str], contact: str
) -> list[Any]:
    """What the portal says against it."""
    lead = [
        {
            "to": {"id": contact},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578}],
        }
    ]
    by_key = {"idProperty": "walk_key", "id": "a", "properties": row, "objectWriteTraceId": "1"}
    if operation == "create":
        links = {"associations": lead} if kind.name == "leads" else {}
        return client.batch_create(kind, [{"properties": row, "objectWriteTraceId": "1", **links}]).errors
    if operation == "upsert":
        return client.batch_upsert(kind, [by_key]).errors
    if operation == "update":
        answer = client.batch_update(kind, [{"id": "1", "properties": {"walk_key": "b"}}])
        return [each for each in answer.errors if each.category != "OBJECT_NOT_FOUND"]
    if operation == "read":
        return [each for each in client.batch_read(kind, ["1"]).errors if each.category != "OBJECT_NOT_FOUND"]
    client.batch_archive(kind, ["1"])
    return []
