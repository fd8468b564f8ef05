"""``hubspot-batch-dagster rejected``: the rows that were not sent or that HubSpot refused, and why."""

from __future__ import annotations

from pathlib import Path

import click

from hubspot_batch_dagster.cli.options import kept_run, open_store, store_options
from hubspot_batch_dagster.cli.output import output_options, show
from hubspot_batch_dagster.cli.parameters import RUN, SYNC


@click.command()
@click.argument("sync", type=SYNC)
@click.option("--run", type=RUN, default=None, help="`sync_run` of a kept run; by default the last one.")
@output_options
@store_options
def rejected(
    sync: str,
    run: str | None,
    limit: int,
    form: str,
    out: Path | None,
    store: str | None,
    journal: str | None,
) -> None:
    """Show the rejected rows of a run: position, key, column, code and message; as a table, CSV or
    Parquet.
    """
    from hubspot_batch_dagster.sync.report import RejectedRows, listed
    from hubspot_batch_dagster.sync.state.kept_tables import kept_table

    opened = open_store(store, journal)
    with opened.local(sync, "runs", kept_run(opened, sync, run), "rejected.parquet") as path:
        if path is None:
            raise click.ClickException(f"The rejected rows of {sync!r} are gone from {opened.root}.")
        table = kept_table(path)
    if form == "table":
        if not table.num_rows:
            click.echo(f"{sync}: no row was rejected.")
            return
        click.echo(f"{sync}: {table.num_rows:,} rejected: {listed(RejectedRows.of(table).reasons)}")
        table = table.select(
            [name for name in table.column_names if table.column(name).null_count < len(table)]
        )
    show(table, limit=limit, form=form, out=out)
