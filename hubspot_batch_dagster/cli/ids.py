"""``hubspot-batch-dagster ids``: which syncs a store has, and what became of the rows of one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hubspot_batch_dagster.cli.options import known_sync, open_store, store_options, warehouse_option
from hubspot_batch_dagster.cli.output import output_options, show
from hubspot_batch_dagster.cli.parameters import SYNC

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.state.store import Store

OUTCOMES = ("created", "updated", "archived", "unchanged", "rejected", "unknown", "unsent")


@click.command()
@click.argument("sync", type=SYNC, required=False)
@click.option("--outcome", type=click.Choice(OUTCOMES), default=None, help="Only lines with this outcome.")
@output_options
@warehouse_option
@store_options
def ids(
    sync: str | None,
    outcome: str | None,
    limit: int,
    form: str,
    out: Path | None,
    store: str | None,
    journal: str | None,
    warehouse: str | None,
) -> None:
    """List the syncs of a store, or show the ids table of one: what its last run made of the rows."""
    opened = open_store(store, journal, warehouse)
    if sync is None:
        if outcome or form != "table":
            raise click.UsageError("--outcome, --format and --out are about one ids table. Name its SYNC.")
        for name in opened.syncs():
            click.echo(f"{name}: {_counts(opened, name)}")
        return
    known = known_sync(opened, sync)
    with _last_table(opened, known) as path:
        if path is None:
            raise click.ClickException(f"The ids table of {sync!r} is gone from {opened.root}.")
        show(_lines(path, outcome), limit=limit, form=form, out=out)


def _last_table(store: Store, sync: str) -> AbstractContextManager[Path | None]:
    """Open the ids table as the last run left it, with the rows that have no record."""
    kept = store.runs(sync)
    # A run that compared its rows in a warehouse has a table of those that were moved alone.
    if kept and store.pointer(sync) is None:
        return store.local(sync, "runs", kept[-1], "ids.parquet")
    return store.local_ids(sync)


def _counts(store: Store, sync: str) -> str:
    from collections import Counter

    from hubspot_batch_dagster.sync.state.ids_elsewhere import ask
    from hubspot_batch_dagster.sync.state.kept_tables import kept_table

    found: dict[str, int] | None
    pointer = store.pointer(sync)
    if pointer is None:
        with _last_table(store, sync) as path:
            outcomes = [] if path is None else kept_table(path, ["outcome"]).column("outcome").to_pylist()
        found = dict(sorted(Counter(map(str, outcomes)).items()))
    elif not store.elsewhere:
        return f"in the table {pointer.table} of a warehouse; --warehouse names it"
    else:
        found = ask(store.elsewhere, pointer, lambda each: each.counts(pointer))
    return ", ".join(f"{n:,} {outcome}" for outcome, n in found.items()) or "empty"


def _lines(path: Path, outcome: str | None):  # type: ignore[no-untyped-def]  # pyarrow is imported late
    from hubspot_batch_dagster.sync.state.kept_tables import kept_table
    from hubspot_batch_dagster.table.kernels import pc

    table = kept_table(path)
    if outcome is not None:
        table = table.filter(pc.equal(table.column("outcome"), outcome))
    return table.select([name for name in table.column_names if not name.startswith("_")])
