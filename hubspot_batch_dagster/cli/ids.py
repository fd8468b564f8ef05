"""``hubspot-batch-dagster ids``: which syncs a store has, and what became of the rows of one."""

from __future__ import annotations

from pathlib import Path

import click

from hubspot_batch_dagster.cli.options import known_sync, open_store, store_options
from hubspot_batch_dagster.cli.output import output_options, show

OUTCOMES = ("created", "updated", "archived", "unchanged", "rejected", "unknown", "unsent")


@click.command()
@click.argument("sync", required=False)
@click.option("--outcome", type=click.Choice(OUTCOMES), default=None, help="Only lines with this outcome.")
@output_options
@store_options
def ids(
    sync: str | None,
    outcome: str | None,
    limit: int,
    form: str,
    out: Path | None,
    store: str | None,
    journal: str | None,
) -> None:
    """List the syncs of a store, or show the ids table of one: what its last run made of the rows."""
    opened = open_store(store, journal)
    if sync is None:
        for name in opened.syncs():
            with opened.local_ids(name) as path:
                click.echo(f"{name}: {_counts(path)}")
        return
    known = known_sync(opened, sync)
    kept = opened.runs(known)
    where = ("runs", kept[-1], "ids.parquet") if kept else ("ids.parquet",)
    with opened.local(known, *where) as path:
        if path is None:
            raise click.ClickException(f"The ids table of {sync!r} is gone from {opened.root}.")
        show(_lines(path, outcome), limit=limit, form=form, out=out)


def _counts(path: Path | None) -> str:
    import duckdb

    query = "SELECT outcome, count(*) FROM read_parquet(?) GROUP BY outcome ORDER BY outcome"
    found = duckdb.execute(query, [str(path)]).fetchall()
    return ", ".join(f"{n:,} {outcome}" for outcome, n in found) or "empty"


def _lines(path: Path, outcome: str | None):  # type: ignore[no-untyped-def]  # pyarrow is imported late
    import pyarrow.parquet as pq

    from hubspot_batch_dagster.table.kernels import pc

    table = pq.read_table(path)
    if outcome is not None:
        table = table.filter(pc.equal(table.column("outcome"), outcome))
    return table.select([name for name in table.column_names if not name.startswith("_")])
