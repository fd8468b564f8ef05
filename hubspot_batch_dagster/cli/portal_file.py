"""``hubspot-batch-dagster portal``: a portal's definitions in a file, for the emulator and for checks without
HubSpot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hubspot_batch_dagster.cli.options import account_options, open_session, session_settings, warn
from hubspot_batch_dagster.cli.output import writing
from hubspot_batch_dagster.cli.parameters import OutFile
from hubspot_batch_dagster.cli.progress import working


@click.command()
@click.option(
    "--out",
    type=OutFile(".json"),
    default=Path("portal.json"),
    show_default=True,
    help="File to write.",
)
@account_options
def portal(out: Path, token: str, **account: Any) -> None:
    """Write a portal's definitions to a file.

    `emulator --portal` is then like this portal, and `dg check defs` checks YAML against it
    (HubSpotPortalComponent). Properties, custom objects, pipelines and labels as they are; of owners the
    ids, and no names or addresses. No records.
    """
    from hubspot_batch_dagster.sync.schema.portal_definitions import read_definitions, write_definitions

    with (
        open_session(session_settings(token, **account)) as hubspot,
        working("Reading the portal's definitions"),
    ):
        found = read_definitions(hubspot.client, warn)
    with writing(out):
        write_definitions(found, out)
    properties = sum(len(listed) for listed in found["properties"].values())
    warn(
        f"{click.format_filename(out)}: {properties} properties of {len(found['properties'])} object types,"
        f" {len(found['schemas'])} custom objects."
    )
