"""The command line: ``hubspot-batch-dagster emulator | plan | ids | journal | models | portal | revert``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hubspot_batch_dagster.api.endpoints import DEFAULT_VERSION
from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.cli.portal_file import portal

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.state.store import Store

_STORE = click.option(
    "--store",
    default=None,
    metavar="FOLDER",
    help="Where the ids tables are. By default hubspot/ in DAGSTER_HOME, else .hubspot/.",
)
_JOURNAL = click.option(
    "--journal", default=None, metavar="URL", help="SQLAlchemy URL of the journal, if it is not in the store."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hubspot-batch-dagster")
def cli() -> None:
    """Look after tables that go to HubSpot."""


@cli.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def emulator(options: tuple[str, ...]) -> None:
    """Run a HubSpot on this machine, until Ctrl-C. `emulator --help` lists its options."""
    try:
        from hubspot_batch_dagster.emulator.__main__ import main as serve
    except ImportError as error:
        raise click.ClickException(
            f"The emulator needs {error.name}. Run: pip install 'hubspot-batch-dagster[emulator]'"
        ) from None
    serve(list(options))


@cli.command()
@click.argument("where", metavar="MODULE_OR_FILE")
@click.argument("asset", metavar="ASSET_KEY")
@click.option("--partition", default=None, metavar="KEY", help="Partition of a partitioned asset.")
@click.option(
    "--full-refresh", is_flag=True, help="Count unchanged and formerly rejected rows as to be sent."
)
@click.option("--show-values", is_flag=True, help="Show the sample's values; they are people's data.")
@click.option(
    "--config", default="{}", metavar="YAML", help="More of the asset's run config, such as '{day: 3}'."
)
def plan(
    where: str, asset: str, partition: str | None, full_refresh: bool, show_values: bool, config: str
) -> None:
    """Say what materializing an asset would do in HubSpot, and do nothing.

    MODULE_OR_FILE holds the project's Definitions; ASSET_KEY is the asset, as in crm/contacts. Upstream assets do not run:
    their stored values are used (set DAGSTER_HOME as for Dagster).
    """
    import dagster
    import yaml

    from hubspot_batch_dagster.cli.planned_asset import planned

    try:
        more = yaml.safe_load(config) or {}
        if not isinstance(more, dict):
            raise click.BadParameter("not a mapping such as '{day: 3}'", param_hint="--config")
        given = {**more, "full_refresh": full_refresh, "show_values": show_values}
        for line in planned(where, asset, config=given, partition=partition):
            click.echo(line)
    except yaml.YAMLError:
        raise click.BadParameter("not YAML", param_hint="--config") from None
    except dagster.Failure as failure:
        raise click.ClickException(failure.description or "The asset's step failed.") from None
    except dagster.DagsterError as error:
        raise click.ClickException(str(error)) from None


@cli.command()
@click.argument("sync", required=False)
@click.option("--limit", default=20, show_default=True, help="Lines to show.")
@click.option("--outcome", default=None, help="Only lines with this outcome, such as rejected.")
@_STORE
@_JOURNAL
def ids(sync: str | None, limit: int, outcome: str | None, store: str | None, journal: str | None) -> None:
    """List the syncs of a store, or show the ids table of one."""
    opened = _open(store, journal)
    if sync is None:
        for name in opened.syncs():
            with opened.local_ids(name) as path:
                click.echo(f"{name}: {_counts(path)}")
        return
    with opened.local_ids(sync) as path:
        if path is None:
            raise click.ClickException(
                f"{sync!r} has no ids table in {opened.root}. There are: {', '.join(opened.syncs()) or 'none'}."
            )
        click.echo(_lines(path, limit, outcome))


@cli.command(name="journal")
@_STORE
@_JOURNAL
def journal_(store: str | None, journal: str | None) -> None:
    """Show what the next runs have to settle: batches whose answer was lost, and outcomes not yet in the ids table."""
    found = _open(store, journal).journal.summary()
    if not found:
        click.echo("Nothing is open: every row that was sent is in an ids table.")
    for sync, opened, settled in found:
        click.echo(
            f"{sync}: {opened} batches without an answer, {settled} outcomes not yet in the ids table."
        )


@cli.command()
@click.argument("run")
@click.option("--yes", is_flag=True, help="Do it. Without this, only say what would be done.")
@click.option("--base-url", default="https://api.hubapi.com", show_default=True, help="Where HubSpot is.")
@click.option("--version", default=DEFAULT_VERSION, show_default=True, help="API version.")
@_STORE
@_JOURNAL
def revert(run: str, yes: bool, base_url: str, version: str, store: str | None, journal: str | None) -> None:
    """Go back from a run: restore what it changed (if the operation has keep_before), archive what it made.

    RUN is `sync_run` in the metadata of the materialization. The token is taken from HUBSPOT_ACCESS_TOKEN.
    """
    from hubspot_batch_dagster.resource import HubSpotResource
    from hubspot_batch_dagster.sync.undo import plan_undo, sync_of_run

    opened = _open(store, journal)
    sync = sync_of_run(opened, run)
    click.echo(str(plan_undo(opened, sync, run)))
    if not yes:
        click.echo("Nothing was done. Add --yes to do it.")
        return
    token = os.environ.get("HUBSPOT_ACCESS_TOKEN")
    if not token:
        raise click.ClickException("Set HUBSPOT_ACCESS_TOKEN.")
    resource = HubSpotResource(
        access_token=token, base_url=base_url, version=version, store=opened.root, journal=journal
    )
    with resource.open() as hubspot:
        for what, result in zip(("restored", "archived"), hubspot.undo(sync, run), strict=True):
            done = ", ".join(f"{n:,} {name}" for name, n in result.counts.items() if n) or "nothing to do"
            click.echo(f"{what}: {done}")
            result.raise_for_failures()


@cli.command()
@click.argument("object_type")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write. By default the terminal."
)
@click.option(
    "--token",
    envvar="HUBSPOT_ACCESS_TOKEN",
    show_envvar=True,
    help="Access token. Other users of this machine can see what is typed here: the variable keeps it private.",
)
@click.option("--base-url", envvar="HUBSPOT_BASE_URL", default="https://api.hubapi.com", show_default=True)
@click.option("--version", default=DEFAULT_VERSION, show_default=True, help="API version.")
def models(object_type: str, out: Path | None, token: str | None, base_url: str, version: str) -> None:
    """Write a pydantic model of an object type, from the portal's own definitions, for `model=`."""
    from hubspot_batch_dagster.api.client import HubSpotClient
    from hubspot_batch_dagster.sync.schema.model_source import models_source
    from hubspot_batch_dagster.sync.schema.portal import Portal

    with HubSpotClient(token or "", base_url=base_url, version=version) as client:
        portal = Portal(client)
        account = portal.account(warn=_warn)
        definitions = portal.properties(object_type, warn=_warn)
    if definitions is None:
        raise click.ClickException(f"There are no definitions of {object_type} to write a model from.")
    text = models_source(
        object_type, definitions.values(), portal_id=account.portal_id if account is not None else None
    )
    if out is None:
        click.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    click.echo(f"{out}: a model of {object_type} with {text.count(' | None = ')} fields.", err=True)


cli.add_command(portal)


def main() -> None:
    """The entry point: errors of ours are shown as sentences, not as tracebacks."""
    try:
        cli(prog_name="hubspot-batch-dagster", standalone_mode=True)
    except HubSpotError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(1) from None


def _warn(text: str) -> None:
    click.echo(text, err=True)


def _open(store: str | None, journal: str | None) -> Store:
    from hubspot_batch_dagster.sync.state.store import Store

    home = os.environ.get("DAGSTER_HOME")
    root = store or (str(Path(home) / "hubspot") if home else ".hubspot")
    if "://" not in root and not Path(root).is_dir():
        raise click.ClickException(f"There is no store at {root}. Name it with --store.")
    return Store(root, journal_url=journal)


def _counts(path: Path | None) -> str:
    import duckdb

    query = "SELECT outcome, count(*) FROM read_parquet(?) GROUP BY outcome ORDER BY outcome"
    found = duckdb.execute(query, [str(path)]).fetchall()
    return ", ".join(f"{n:,} {outcome}" for outcome, n in found) or "empty"


def _lines(path: Path, limit: int, outcome: str | None) -> str:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    if outcome is not None:
        table = table.filter(pc.equal(table.column("outcome"), outcome))
    shown = table.slice(0, limit).select([name for name in table.column_names if not name.startswith("_")])
    lines = [" | ".join(shown.column_names)]
    lines += [
        " | ".join("" if value is None else str(value) for value in row.values()) for row in shown.to_pylist()
    ]
    if table.num_rows > limit:
        lines.append(f"... and {table.num_rows - limit:,} more lines (--limit)")
    return "\n".join(lines)
