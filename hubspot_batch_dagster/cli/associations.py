"""``hubspot-batch-dagster associations``: which associations the rows of a run wanted, and what became of
each.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from hubspot_batch_dagster.cli.options import kept_run, open_store, store_options
from hubspot_batch_dagster.cli.output import output_options, show
from hubspot_batch_dagster.cli.parameters import RUN, SYNC

OUTCOMES = ("associated", "unchanged", "unresolved", "rejected", "unknown", "unsent")
OPEN = OUTCOMES[2:]


@click.command()
@click.argument("sync", type=SYNC)
@click.option("--run", type=RUN, default=None, help="`sync_run` of a kept run; by default the last one.")
@click.option("--outcome", type=click.Choice(OUTCOMES), default=None, help="Only lines with this outcome.")
@output_options
@store_options
def associations(
    sync: str,
    run: str | None,
    outcome: str | None,
    limit: int,
    form: str,
    out: Path | None,
    store: str | None,
    journal: str | None,
) -> None:
    """Show the associations of a run: those that are open on a terminal, all of them as CSV or Parquet.

    Each has a line: the row's key, its record, the other end, and why it is open.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from hubspot_batch_dagster.sync.state.kept_tables import kept_table

    opened = open_store(store, journal)
    with opened.local(sync, "runs", kept_run(opened, sync, run), "associations.parquet") as path:
        if path is None:
            raise click.ClickException(f"The run of {sync!r} has no associations.")
        table = kept_table(path)
    table = table.select([name for name in table.column_names if not name.startswith("_")])
    on_terminal = form == "table"
    if on_terminal:
        counted = Counter(table.column("outcome").to_pylist())
        said = ", ".join(f"{n:,} {name}" for name, n in counted.most_common())
        click.echo(f"{sync}: {table.num_rows:,} associations: {said or 'none'}")
    wanted = [outcome] if outcome else OPEN if on_terminal else OUTCOMES
    table = table.filter(pc.is_in(table.column("outcome"), value_set=pa.array(wanted)))
    if table.num_rows or not on_terminal:
        show(table, limit=limit, form=form, out=out)
