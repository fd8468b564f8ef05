"""``hubspot-batch-dagster reconcile``: does HubSpot still have what a sync wrote?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
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
from hubspot_batch_dagster.cli.output import output_options, show
from hubspot_batch_dagster.cli.parameters import SYNC, TEXT, Share
from hubspot_batch_dagster.cli.progress import Bar

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.reconciliation.reconcile import Reconciliation


@click.command()
@click.argument("sync", type=SYNC)
@click.option(
    "--property",
    "properties",
    type=TEXT,
    multiple=True,
    metavar="NAME",
    help="A property that nobody else should change; more than one may be named.",
)
@click.option("--sample", type=click.IntRange(min=1), default=None, help="Read so many records, by chance.")
@click.option(
    "--share", type=Share(), default=0.5, show_default=True, help="Part of the request limit that it may use."
)
@click.option(
    "--repair", is_flag=True, help="Have the next run send again what is not as it was sent or wanted."
)
@click.option(
    "--associations", is_flag=True, help="Show the associations of the records instead of the records."
)
@output_options
@account_options
@warehouse_option
@store_options
def reconcile(
    sync: str,
    properties: tuple[str, ...],
    sample: int | None,
    share: float,
    repair: bool,
    associations: bool,
    limit: int,
    form: str,
    out: Path | None,
    token: str,
    store: str | None,
    journal: str | None,
    warehouse: str | None,
    **account: Any,
) -> None:
    """Read the records that SYNC knows and say what became of them; nothing is written to HubSpot.

    As sent, changed by others (of the properties named), archived, merged into another record, or gone. Their
    associations are as wanted, missing, or (with replace) too many. A file, csv and parquet have a line for
    each record, the terminal's table those that are not as they were sent; with --associations for each
    association.
    """

    from hubspot_batch_dagster.table.kernels import pc

    opened = open_store(store, journal, warehouse)
    settings = session_settings(token, journal=journal, warehouse=warehouse, share=share, **account)
    with open_session(replace(settings, store=opened.root)) as hubspot, Bar("Reading records") as bar:
        found = hubspot.reconcile(
            sync, properties=properties, sample=sample, repair=repair, on_progress=bar.show
        )
    on_terminal = form == "table"
    click.echo(str(found), err=not on_terminal)
    if associations:
        _show_associations(found, limit=limit, form=form, out=out)
        return
    table = found.amiss if on_terminal else found.table
    if table.num_rows or not on_terminal:
        names = pc.binary_join(table.column("changed"), " ")
        at = table.column_names.index("changed")
        show(table.set_column(at, "changed", names), limit=limit, form=form, out=out)


def _show_associations(found: Reconciliation, *, limit: int, form: str, out: Path | None) -> None:
    if found.associations is None:
        raise click.ClickException(
            "The last run of the sync tells of no associations: it has none, or it was one of an earlier"
            " version."
        )
    on_terminal = form == "table"
    table = found.associations.amiss if on_terminal else found.associations.table
    if table.num_rows or not on_terminal:
        show(table, limit=limit, form=form, out=out)
