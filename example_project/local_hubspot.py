"""A HubSpot on this machine, set up as a person would set up an account before the first sync."""

import contextlib
from collections.abc import Iterator

import requests

from hubspot_batch_dagster.emulator import EmulatorProcess, Settings

TOKEN = "token-of-the-local-hubspot"

# A real account allows 100 to 250 requests in 10 seconds, which is 1,000 to 2,500 rows a second. This one is
# in a hurry.
SETTINGS = Settings(burst_limit=10_000)

_COLOURS = ("red", "blue", "white", "black")
VEHICLES = {
    "name": "vehicles",
    "labels": {"singular": "Vehicle", "plural": "Vehicles"},
    "primaryDisplayProperty": "model",
    "requiredProperties": ["vin"],
    "properties": [
        {"name": "vin", "label": "VIN", "type": "string", "fieldType": "text", "hasUniqueValue": True},
        {"name": "model", "label": "Model", "type": "string", "fieldType": "text"},
        {"name": "model_year", "label": "Model year", "type": "number", "fieldType": "number"},
        {"name": "price", "label": "Price", "type": "number", "fieldType": "number"},
        {
            "name": "colour",
            "label": "Colour",
            "type": "enumeration",
            "fieldType": "select",
            "options": [{"label": each.title(), "value": each, "displayOrder": place} for place, each in enumerate(_COLOURS)],
        },
    ],
    "associatedObjects": ["CONTACT"],
}  # fmt: skip


@contextlib.contextmanager
def local_hubspot(port: int = 0) -> Iterator[EmulatorProcess]:
    """Start the local HubSpot in a process of its own, define the custom object, stop it at the end.

    Args:
        port: 0 takes a free one.
    """
    with EmulatorProcess(port=port, settings=SETTINGS, token=TOKEN) as hubspot:
        answer = requests.post(
            f"{hubspot.url}/crm-object-schemas/v3/schemas",
            json=VEHICLES,
            headers={"Authorization": f"Bearer {hubspot.token}"},
            timeout=10,
        )
        answer.raise_for_status()
        yield hubspot
