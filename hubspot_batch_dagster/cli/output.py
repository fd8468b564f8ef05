"""A table for a person, or for a program."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from hubspot_batch_dagster.cli.parameters import OutFile

if TYPE_CHECKING:
    import pyarrow as pa

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Lines to show as a table."
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice(["table", "csv", "parquet"]),
        default=None,
        help="By default a table; csv and parquet have all lines.",
    ),
    click.option(
        "--out",
        type=OutFile(".csv", ".parquet"),
        default=None,
        help="File to write, .csv or .parquet; by default the terminal.",
    ),
)


def output_options(command: Command) -> Command:
    """Add ``--limit``, ``--format`` and ``--out``. The command gets the one format that both of these say."""

    @functools.wraps(command)
    def with_format(*args: Any, form: str | None, out: Path | None, **options: Any) -> Any:
        return command(*args, form=_format(form, out), out=out, **options)

    wrapped: Any = with_format
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return cast("Command", wrapped)


def _format(form: str | None, out: Path | None) -> str:
    if out is None:
        return form or "table"
    if form == "table":
        raise click.UsageError("--format table is for the terminal: --out has csv or parquet.")
    ending = out.suffix.lower().removeprefix(".")
    if form and ending and form != ending:
        raise click.UsageError(
            f"--format {form} and --out {click.format_filename(out)} do not go together. Leave --format away,"
            f" or end the name in .{form}."
        )
    return form or ending or "csv"


def show(table: pa.Table, *, limit: int, form: str, out: Path | None) -> None:
    """Write a table as the options say.

    Raises:
        click.ClickException: Parquet cannot go to a terminal, or the file cannot be written.
    """
    if form == "table":
        click.echo(lines(table, limit))
    elif out is not None:
        with writing(out), out.open("wb") as file:
            _write(table, form, file)
        click.echo(f"{click.format_filename(out)}: {table.num_rows:,} lines.", err=True)
    elif form == "parquet" and sys.stdout.isatty():
        raise click.UsageError("Parquet is nothing for a terminal: name a file with --out.")
    else:
        _write(table, form, sys.stdout.buffer)


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Tell what keeps a file of the user's from being written, as an error in a sentence."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(
            f"{click.format_filename(out)} cannot be written: {error.strerror}."
        ) from None


def lines(table: pa.Table, limit: int) -> str:
    """Return the first lines of a table, for reading."""
    shown = table.slice(0, min(limit, table.num_rows))
    text = [" | ".join(shown.column_names)]
    text += [
        " | ".join("" if value is None else str(value) for value in row.values()) for row in shown.to_pylist()
    ]
    if table.num_rows > limit:
        text.append(f"... and {table.num_rows - limit:,} more lines (--limit)")
    return "\n".join(text)


def _write(table: pa.Table, form: str, file: Any) -> None:
    if form == "csv":
        from pyarrow import csv

        csv.write_csv(table, file)
    else:
        import pyarrow.parquet as pq

        pq.write_table(table, file)
