"""``hubspot-batch-dagster plan``: what a run would do, and with its exit status whether it would go well."""

from __future__ import annotations

import json
from typing import Any

import click

from hubspot_batch_dagster.cli.parameters import TEXT
from hubspot_batch_dagster.cli.progress import working

STOPPED = 3
"""The exit status where a run would fail: too many rejected rows, or a guard."""


@click.command()
@click.argument("where", metavar="MODULE_OR_FILE", type=TEXT)
@click.argument("asset", metavar="ASSET_KEY", type=TEXT)
@click.option("--partition", type=TEXT, default=None, metavar="KEY", help="Partition of a partitioned asset.")
@click.option(
    "--full-refresh", is_flag=True, help="Count unchanged and formerly rejected rows as to be sent."
)
@click.option("--show-values", is_flag=True, help="Show the sample's values; they are people's data.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=None, help="Plan the first so many rows only: a trial."
)
@click.option(
    "--fail-on-warning", is_flag=True, help="End with status 3 for any rejected row and any other warning."
)
@click.option(
    "--config",
    type=TEXT,
    default="{}",
    metavar="YAML",
    help="More of the asset's run config, such as '{day: 3}'.",
)
def plan(
    where: str,
    asset: str,
    partition: str | None,
    full_refresh: bool,
    show_values: bool,
    limit: int | None,
    fail_on_warning: bool,
    config: str,
) -> None:
    """Say what materializing an asset would do in HubSpot, and do nothing.

    MODULE_OR_FILE holds the project's Definitions; ASSET_KEY is the asset, as in crm/contacts. Upstream
    assets do not run: their stored values are used (set DAGSTER_HOME as for Dagster). The exit status is 3
    where a run would fail, because more rows are rejected than max_rejected allows or a guard stops it.
    """
    import dagster

    from hubspot_batch_dagster.api.errors import GuardStopped
    from hubspot_batch_dagster.cli.planned_asset import planned

    given = {**_mapping(config), "full_refresh": full_refresh, "show_values": show_values}
    if limit is not None:
        given["limit_rows"] = limit
    try:
        with working(f"Planning {asset}"):
            found = planned(where, asset, config=given, partition=partition)
    except dagster.Failure as failure:
        click.echo(f"Error: {failure.description or 'The step of the asset failed.'}", err=True)
        raise SystemExit(STOPPED if isinstance(failure.__cause__, GuardStopped) else 1) from None
    except dagster.DagsterError as error:
        raise click.ClickException(str(error)) from None
    for line in found.lines:
        click.echo(line)
    if found.fails or (fail_on_warning and found.warned):
        raise SystemExit(STOPPED)


def _mapping(config: str) -> dict[str, Any]:
    import yaml

    try:
        more = yaml.safe_load(config) or {}
        json.dumps(more)  # refuses what holds itself, and dates: Dagster's run config has none
    except (yaml.YAMLError, RecursionError):
        raise click.BadParameter("not YAML", param_hint="--config") from None
    except (TypeError, ValueError) as error:
        raise click.BadParameter(f"{error}: write dates in quotes", param_hint="--config") from None
    if not isinstance(more, dict) or not all(isinstance(each, str) for each in more):
        raise click.BadParameter("not a mapping such as '{day: 3}'", param_hint="--config")
    return more
