"""``hubspot-batch-dagster journal``: what is still open."""

from __future__ import annotations

import click

from hubspot_batch_dagster.cli.options import open_store, store_options


@click.command()
@store_options
def journal(store: str | None, journal: str | None) -> None:
    """Show what the next runs have to settle: batches whose answer was lost, and outcomes not yet in the ids
    table.
    """
    found = open_store(store, journal).journal.summary()
    if not found:
        click.echo("Nothing is open: every row that was sent is in an ids table.")
    for sync, opened, settled in found:
        click.echo(
            f"{sync}: {opened} batches without an answer, {settled} outcomes not yet in the ids table."
        )
