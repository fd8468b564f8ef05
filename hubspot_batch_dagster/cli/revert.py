"""``hubspot-batch-dagster revert``: back to before a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from hubspot_batch_dagster.cli.options import (
    account_options,
    open_session,
    open_store,
    session_settings,
    store_options,
    warehouse_option,
)
from hubspot_batch_dagster.cli.parameters import RUN
from hubspot_batch_dagster.cli.progress import Bar

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.progress import Progress


@click.command()
@click.argument("run", type=RUN)
@click.option("--yes", is_flag=True, help="Do it. Without this, only say what would be done.")
@account_options
@warehouse_option
@store_options
def revert(
    run: str,
    yes: bool,
    token: str,
    store: str | None,
    journal: str | None,
    warehouse: str | None,
    **account: Any,
) -> None:
    """Go back from a run: restore what it changed (if the operation has keep_before), archive what it made.

    RUN is `sync_run` in the metadata of the materialization.
    """
    from hubspot_batch_dagster.sync.undo import plan_undo, sync_of_run

    opened = open_store(store, journal, warehouse)
    sync = sync_of_run(opened, run)
    click.echo(str(plan_undo(opened, sync, run)))
    if not yes:
        click.echo("Nothing was done. Add --yes to do it.")
        return
    settings = replace(
        session_settings(token, journal=journal, warehouse=warehouse, **account), store=opened.root
    )
    with open_session(settings) as hubspot:
        with Bar("Going back") as bar:
            results = hubspot.undo(sync, run, on_progress=lambda at: bar.show(at.done, at.total, _note(at)))
        for what, result in zip(("restored", "archived"), results, strict=True):
            done = ", ".join(f"{n:,} {name}" for name, n in result.counts.items() if n) or "nothing to do"
            click.echo(f"{what}: {done}")
            result.raise_for_failures()


def _note(at: Progress) -> str:
    return str(at) if at.waiting else f"{at.rows_per_second:,.0f} rows/s"
