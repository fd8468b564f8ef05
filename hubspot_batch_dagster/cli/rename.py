"""``hubspot-batch-dagster rename``: a renamed asset keeps its state."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from hubspot_batch_dagster.cli.options import open_store, store_options, warehouse_option, warn
from hubspot_batch_dagster.cli.parameters import SYNC

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.state.store import Store


@click.command()
@click.argument("old", type=SYNC)
@click.argument("new", type=SYNC)
@warehouse_option
@store_options
def rename(old: str, new: str, store: str | None, journal: str | None, warehouse: str | None) -> None:
    """Give a sync another name: its ids table, journal and last runs go with it.

    For an asset that was renamed: the new name would know nothing, and make every record a second time. OLD
    and NEW are names of syncs, such as asset keys joined by `/`. Other syncs name it in through=: change that
    too. With DAGSTER_HOME set, Dagster's event log learns the new name, so that a store that is lost before
    the next run is noticed.
    """
    from hubspot_batch_dagster.sync.state.names import new_run_id
    from hubspot_batch_dagster.sync.state.rename import rename_sync

    opened = open_store(store, journal, warehouse)
    rename_sync(opened, old, new, run=new_run_id())
    click.echo(f"The state of {old} is that of {new} from now on.")
    _tell_dagster(opened, old, new)


def _tell_dagster(store: Store, old: str, new: str) -> None:
    if not os.environ.get("DAGSTER_HOME"):
        warn(
            f"DAGSTER_HOME is not set, so Dagster's event log knows the runs of {old} alone: if the store"
            f" were lost before {new} has run once, nobody would notice."
        )
        return
    import dagster as dg

    from hubspot_batch_dagster.event_log import note_renamed
    from hubspot_batch_dagster.sync.trace_log import Trace

    trace = Trace(new, store.id, store.latest_generation(new))
    try:
        with dg.DagsterInstance.get() as instance:
            noted = note_renamed(instance, old, trace)
    except Exception as error:  # whatever storage an instance has: the rename itself is done
        warn(
            f"Dagster's event log cannot be written ({type(error).__name__}: {error}): if the store were lost"
            f" before {new} has run once, nobody would notice."
        )
        return
    for asset in noted:
        click.echo(f"Dagster knows the runs of {new} as those of the asset {asset.to_user_string()}.")
