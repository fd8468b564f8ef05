"""The loops that one writes with other clients: 100 rows a request (95 in s6r-hubspot), one request after
another.

The rows are texts already, so that only the way to HubSpot is measured. None of the three keeps a journal,
checks a row or knows afterwards which record belongs to which row.
"""

from __future__ import annotations

from typing import Any

import tables

Properties = dict[str, str]


def inputs(pool: str, rows: int, columns: dict[str, str]) -> list[Properties]:
    """Made-up rows as property texts."""
    found = []
    for batch in tables.stream(pool, rows):
        for row in batch.to_pylist():
            cells = {name: row[column] for name, column in columns.items()}
            found.append({name: str(value) for name, value in cells.items() if value is not None})
    return found


def hubspot_api_client(url: str, token: str, rows: list[Properties]) -> int:
    """HubSpot's generated client, its models and all."""
    import hubspot
    from hubspot.crm import contacts as models

    api = hubspot.Client.create(access_token=token, host=url).crm.contacts.batch_api
    written = 0
    for start in range(0, len(rows), 100):
        batch = models.BatchInputSimplePublicObjectBatchInputForCreate(
            inputs=[
                models.SimplePublicObjectBatchInputForCreate(properties=row, associations=[])
                for row in rows[start : start + 100]
            ]
        )
        written += len(api.create(batch).results)
    return written


def hubspot_sdk(url: str, token: str, rows: list[Properties]) -> int:
    """HubSpot's newer client."""
    from hubspot_sdk import HubSpot

    written = 0
    with HubSpot(access_token=token, base_url=url, max_retries=0) as client:
        for start in range(0, len(rows), 100):
            batch: Any = [{"properties": row, "associations": []} for row in rows[start : start + 100]]
            written += len(client.crm.objects.contacts.batch.create(inputs=batch).results)
    return written


def s6r_hubspot(url: str, token: str, rows: list[Properties]) -> int:
    """A thin wrapper of `requests`; it does its own batching. A new connection for each request is its own
    way.
    """
    from s6r_hubspot import HubspotConnection

    connection = HubspotConnection(token)
    connection._url = url
    return len(connection.create("contacts", [{"properties": row} for row in rows]))
