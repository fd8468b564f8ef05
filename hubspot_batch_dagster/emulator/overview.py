"""The overview: what the page at `/` shows of a portal."""

from __future__ import annotations

from itertools import islice
from typing import Any

from hubspot_batch_dagster.emulator.exchange import iso
from hubspot_batch_dagster.emulator.faults import Fault, Faults
from hubspot_batch_dagster.emulator.limits import Limits
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.settings import Settings
from hubspot_batch_dagster.emulator.table import Table

REQUESTS = 50
RECORDS = 25
PROPERTIES = 12
LONGEST = 60
NOT_SHOWN = ("action", "name", "body", "headers", "content_type", "seed")


def overview(portal: Portal, faults: Faults, limits: Limits) -> dict[str, Any]:
    """Sum up a portal: limits, newest requests, records by type, faults, changed settings."""
    usual = Settings().as_json()
    latest = portal.books.latest_requests(REQUESTS)
    return {
        "portalId": portal.settings.portal_id,
        "clock": iso(portal.now()),
        "requests": portal.request_count,
        "refused": limits.refused,
        "limits": limits.windows(),
        "latest": [_request(entry._asdict()) for entry in latest],
        "types": [
            {"name": table.name, "living": len(table.records), "archived": len(table.archived)}
            for table in portal.tables.values()
            if table.records or table.archived
        ],
        "faults": [
            {"name": fault.name or fault.action, "rule": _rule(fault), "struck": struck}
            for fault, struck in faults.struck()
        ],
        "settings": {
            name: value for name, value in portal.settings.as_json().items() if value != usual.get(name)
        },
    }


def latest_records(table: Table) -> list[dict[str, Any]]:
    """List the records of a type that were made last, newest first, shortened."""
    newest = list(islice(reversed(table.records.values()), RECORDS))
    return [
        {"id": record.id, "updatedAt": record.updated, "properties": _shortened(record.properties)}
        for record in newest
    ]


def _request(entry: dict[str, Any]) -> dict[str, Any]:
    shown = ("n", "time", "method", "path", "status", "inputs", "fault", "seconds")
    return {name: entry[name] for name in shown}


def _shortened(properties: dict[str, str]) -> str:
    own = [(name, value) for name, value in properties.items() if not name.startswith("hs_object")]
    parts = [f"{name}: {value[:LONGEST]}" for name, value in own[:PROPERTIES]]
    return "; ".join(parts) + ("; ..." if len(own) > PROPERTIES else "")


def _rule(fault: Fault) -> str:
    usual = Fault(fault.action).as_json()
    fields = fault.as_json().items()
    told = [f"{name}={value}" for name, value in fields if name not in NOT_SHOWN and value != usual.get(name)]
    return ", ".join(told) or "every request"
