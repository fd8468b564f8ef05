"""``hubspot-batch-dagster runs``: what each run of a sync came to."""

from __future__ import annotations

from pathlib import Path

import click

from hubspot_batch_dagster.cli.options import known_sync, open_store, store_options
from hubspot_batch_dagster.cli.output import output_options, show
from hubspot_batch_dagster.cli.parameters import SYNC


@click.command()
@click.argument("sync", type=SYNC)
@output_options
@store_options
def runs(sync: str, limit: int, form: str, out: Path | None, store: str | None, journal: str | None) -> None:
    """Show the runs of a sync, newest first: when, how many rows, what became of them, requests, and what
    stopped it.
    """
    import pyarrow.compute as pc

    from hubspot_batch_dagster.sync.history import read_history

    opened = open_store(store, journal)
    history = read_history(opened, known_sync(opened, sync)).sort_by([("ended_at", "descending")])
    seconds = pc.round(history["seconds"], 3)
    history = history.set_column(history.schema.get_field_index("seconds"), "seconds", seconds)
    if form == "table" and history.num_rows:  # a line is long enough with what has happened
        empty = [name for name in history.column_names if history.column(name).null_count == len(history)]
        history = history.drop_columns(empty)
    show(history, limit=limit, form=form, out=out)
