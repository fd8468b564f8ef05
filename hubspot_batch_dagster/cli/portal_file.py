"""``hubspot-batch-dagster portal``: a portal's definitions in a file, for the emulator to be like it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import click

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.endpoints import DEFAULT_VERSION, associations_path, definition_path
from hubspot_batch_dagster.api.errors import Forbidden, InvalidBatch, NotFound
from hubspot_batch_dagster.api.object_types import BUILT_IN, ObjectType, object_type
from hubspot_batch_dagster.cli.progress import working

SENSITIVITIES = (None, "sensitive", "highly_sensitive")
LABELLED = ("contacts", "companies", "deals", "tickets")
OWNERS_PAGE = 500
MOST_PAGES = 200

Warn = Callable[[str], None]


@click.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("portal.json"),
    show_default=True,
    help="File to write.",
)
@click.option(
    "--token",
    envvar="HUBSPOT_ACCESS_TOKEN",
    show_envvar=True,
    help="Access token. Other users of this machine can see what is typed here: the variable keeps it"
    " private.",
)
@click.option("--base-url", envvar="HUBSPOT_BASE_URL", default="https://api.hubapi.com", show_default=True)
@click.option("--version", default=DEFAULT_VERSION, show_default=True, help="API version.")
def portal(out: Path, token: str | None, base_url: str, version: str) -> None:
    """Write a portal's definitions to a file, for `emulator --portal`.

    Properties, custom objects, pipelines and labels as they are; of owners the ids, and no names or
    addresses. No records.
    """
    client = HubSpotClient(token or "", base_url=base_url, version=version)
    with client, working("Reading the portal's definitions"):
        found = portal_definitions(client, lambda text: click.echo(text, err=True))
    out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    properties = sum(len(listed) for listed in found["properties"].values())
    click.echo(
        f"{out}: {properties} properties of {len(found['properties'])} object types,"
        f" {len(found['schemas'])} custom objects.",
        err=True,
    )


def portal_definitions(client: HubSpotClient, warn: Warn) -> dict[str, Any]:
    """Read what a portal file holds.

    Args:
        client: The portal.
        warn: Where to say what the token may not read; it is left out.
    """
    account = client.account_details()
    schemas = _results(client, definition_path("crm-object-schemas", client.version, "schemas"), warn)
    kinds = [*BUILT_IN, *(object_type(schema["objectTypeId"]) for schema in schemas)]
    properties = {kind.name: found for kind in kinds if (found := _properties(client, kind, warn))}
    names = [*LABELLED, *(schema["objectTypeId"] for schema in schemas)]
    return {
        "format": 1,
        "portalId": account.portal_id,
        "timeZone": account.time_zone or "UTC",
        "schemas": [{**schema, "associations": []} for schema in schemas],
        "properties": properties,
        "pipelines": {
            name: found
            for name in properties
            if (found := _results(client, definition_path("pipelines", client.version, _segment(name)), None))
        },
        "owners": _owners(client, warn),
        "labels": _labels(client, [name for name in names if name in properties]),
    }


def _segment(name: str) -> str:
    return object_type(name).segment


def _results(
    client: HubSpotClient, path: str, warn: Warn | None, query: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    try:
        answer = client.get(path, query)
    except (Forbidden, NotFound, InvalidBatch) as error:
        if warn is not None:
            warn(f"{path} is left out: {error}")
        return []
    found = answer.get("results") if isinstance(answer, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _properties(client: HubSpotClient, kind: ObjectType, warn: Warn) -> list[dict[str, Any]]:
    path = definition_path("properties", client.version, kind.segment)
    listed = _results(client, path, warn)
    if listed:
        for sensitivity in SENSITIVITIES[1:]:
            listed += _results(client, path, None, {"dataSensitivity": sensitivity})
    return listed


def _owners(client: HubSpotClient, warn: Warn) -> list[dict[str, Any]]:
    """Read the owners' ids, living and archived; who they are is nobody's business."""
    base = "/crm/v3/owners" if client.version == "v3" else f"/crm/owners/{client.version}"
    owners: list[dict[str, Any]] = []
    for archived in (False, True):
        after: str | None = None
        for _ in range(MOST_PAGES):
            query = {"limit": OWNERS_PAGE, "archived": archived or None, "after": after}
            try:
                answer = client.get(base, query)
            except (Forbidden, NotFound) as error:
                warn(f"{base} is left out: {error}")
                return owners
            owners += [{"id": str(each["id"]), "archived": archived} for each in answer.get("results", [])]
            after = ((answer.get("paging") or {}).get("next") or {}).get("after")
            if after is None:
                break
    return owners


def _labels(client: HubSpotClient, names: list[str]) -> list[dict[str, Any]]:
    """Read the portal's own labels; the ids of the two directions of one are neighbours."""
    listed = {}
    for source, target in product(names, names):
        found = _results(client, f"{associations_path(source, target, client.version)}/labels", None)
        own = [each for each in found if each.get("category") == "USER_DEFINED"]
        listed[source, target] = {each["typeId"]: each for each in own}
    return [
        {
            "from": source,
            "to": target,
            "typeId": type_id,
            "inverseTypeId": _inverse(type_id, each, listed[target, source]),
            "category": "USER_DEFINED",
            "label": each.get("label"),
        }
        for (source, target), labels in listed.items()
        for type_id, each in labels.items()
    ]


def _inverse(type_id: int, label: Mapping[str, Any], back: Mapping[int, Mapping[str, Any]]) -> int:
    near = [other for other in (type_id - 1, type_id + 1) if other in back]
    same = [other for other in near if back[other].get("label") == label.get("label")]
    return (same or near or [type_id])[0]
