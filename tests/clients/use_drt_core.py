"""drt syncs contacts twice: the second time makes nobody twice."""

import json
import os
import urllib.request

from drt.config.models import HubSpotDestinationConfig, SyncOptions
from drt.destinations.hubspot import HubSpotDestination

os.environ["HUBSPOT_TOKEN"] = os.environ["HUBSPOT_ACCESS_TOKEN"]
CONFIG = HubSpotDestinationConfig.model_validate(
    {
        "type": "hubspot",
        "object_type": "contacts",
        "id_property": "email",
        "properties_template": '{"email": "{{ row.email }}", "firstname": "{{ row.name }}"}',
        "auth": {"type": "bearer", "token_env": "HUBSPOT_TOKEN"},
    }
)


def sync(name: str) -> None:
    rows = [{"email": f"p{n}@example.com", "name": name} for n in range(12)]
    result = HubSpotDestination().load(rows, CONFIG, SyncOptions())
    assert (result.success, result.failed) == (12, 0), result


def contacts() -> list[dict]:
    request = urllib.request.Request(
        f"{os.environ['EMULATOR_URL']}/crm/v3/objects/contacts?limit=100",
        headers={"Authorization": f"Bearer {os.environ['HUBSPOT_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["results"]


sync("Ada")
sync("Grace")
found = contacts()
assert len(found) == 12, len(found)
assert {each["properties"]["firstname"] for each in found} == {"Grace"}
