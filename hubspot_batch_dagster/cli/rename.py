"""``hubspot-batch-dagster rename``: a renamed asset keeps its state."""

from __future__ import annotations

import click

from hubspot_batch_dagster.cli.options import open_store, store_options


@click.command()
@click.argument("old")
@click.argument("new")
@store_options
def rename(old: str, new: str, store: str | None, journal: str | None) -> None:
    """Give a sync another name: its ids table, journal and last runs go with it.

    For an asset that was renamed: the new name would know nothing, and make every record a second time. OLD and NEW are
    names of syncs, such as asset keys joined by `/`. Other syncs name it in through=: change that too.
    """
    from hubspot_batch_dagster.sync.state.names import new_run_id
    from hubspot_batch_dagster.sync.state.rename import rename_sync

    rename_sync(open_store(store, journal), old, new, run=new_run_id())
    click.echo(f"The state of {old} is that of {new} from now on.")
