"""Rows with a cursor column: most runs read those that changed, and some read all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias

from hubspot_batch_dagster.api.arguments import check_fields
from hubspot_batch_dagster.api.errors import InputError

Moment: TypeAlias = datetime | date | int
"""A value of a cursor column: a point in time, a date, or a whole number that only grows."""


@dataclass(frozen=True)
class ChangedSince:
    """Rows of a sync of which a run reads only those that changed since the last one, by a cursor column.

    Give it in the place of a table. The cursor is kept beside the ids table, in ``runs.parquet``. A run that
    leaves rows ``unsent`` or ``unknown`` leaves it where it was, so that they are read again. All rows are
    read where nothing else is safe: in a first run, with ``full_refresh``, after the operation, the portal's
    definitions or the ids table changed, and every ``full_every``-th run. Only then are rows that left the
    source found.

    Args:
        column: A column of timestamps, dates or whole numbers that is set anew whenever a row changes. Rows
            without a value are always read.
        rows: A function that is given the moment from which rows are wanted, or ``None`` for all, and returns
            any table. It may return more than was asked for: older rows are left out here. Or a table, of
            which older rows are left out.
        overlap: How far before the newest row of the last run is read again, for rows that became visible
            late. By default an hour of timestamps, a day of dates, and nothing of whole numbers.
        full_every: Of so many runs one reads all rows; 1 reads them in each.

    Raises:
        InputError: The column has no name, or ``overlap`` or ``full_every`` is below its least value.

    Examples:
        >>> from hubspot_batch_dagster import ChangedSince
        >>> ChangedSince("changed_at", lambda since: changed_customers(since)).full_every
        7
    """

    column: str
    rows: Callable[[Moment | None], object] | object
    overlap: timedelta | int | None = None
    full_every: int = 7

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.column:
            raise InputError("column of ChangedSince is empty.", remedy="Name the cursor column.")
        least = timedelta(0) if isinstance(self.overlap, timedelta) else 0
        if self.overlap is not None and self.overlap < least:  # type: ignore[operator]
            raise InputError(
                f"overlap is {self.overlap}.", remedy="Give how far to read back, or leave it out."
            )
        if self.full_every < 1:
            raise InputError(
                f"full_every is {self.full_every}.", remedy="Give a number of runs; 1 reads all rows in each."
            )

    def read(self, since: Moment | None) -> object:
        """Read the rows from a moment on, or all of them."""
        return self.rows(since) if callable(self.rows) else self.rows

    def before(self, newest: Moment) -> Moment:
        """Return the moment from which the run after ``newest`` reads.

        Raises:
            InputError: ``overlap`` is of another kind than the column.
        """
        whole = isinstance(newest, int)
        if self.overlap is not None and isinstance(self.overlap, timedelta) is whole:
            raise InputError(
                f"overlap is {self.overlap!r}, and the column '{self.column}' holds"
                f" {'whole numbers' if whole else 'times'}.",
                remedy="Give a number for whole numbers, and a timedelta for times and dates.",
            )
        if isinstance(newest, int):
            return newest - (self.overlap if isinstance(self.overlap, int) else 0)
        by_default = timedelta(hours=1) if isinstance(newest, datetime) else timedelta(days=1)
        try:
            return newest - (self.overlap if isinstance(self.overlap, timedelta) else by_default)
        except OverflowError:  # before the first moment that there is
            return datetime.min.replace(tzinfo=newest.tzinfo) if isinstance(newest, datetime) else date.min
