"""How far a command is: a bar on a terminal, a plain line every few seconds elsewhere.

Both go to standard error: standard output has the answer alone. Rich is what Dagster itself shows its bars
with, and is installed with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from hubspot_batch_dagster.cli.options import warn

if TYPE_CHECKING:
    from rich.progress import Progress

EVERY = 5.0
"""Seconds from one plain line to the next."""


class Bar:
    """How much is done of a total that may become known late."""

    def __init__(self, what: str) -> None:
        """Show nothing before the first :meth:`show`.

        Args:
            what: What is counted, as the line begins: ``Reading records``.
        """
        from rich.console import Console

        self._what = what
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._told = time.monotonic()

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, total: int, note: str = "") -> None:
        """Say how far it is.

        Args:
            done: So much is done.
            total: Of so much.
            note: What else there is to say, such as why it waits.
        """
        if self._console.is_terminal:
            self._draw(done, total, note)
        elif time.monotonic() - self._told >= EVERY:
            self._told = time.monotonic()
            warn(f"{self._what}: {done:,} of {total:,}{f', {note}' if note else ''}")

    def _draw(self, done: int, total: int, note: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self._bar is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.add_task(self._what, total=total, note=note)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, note=note)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say that something goes on whose end is not known: it moves on a terminal, and is one line
    elsewhere.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        warn(f"{what} ...")
        yield
        return
    with console.status(f"{what} ..."):
        yield
