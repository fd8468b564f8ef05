"""The rows of a source with a cursor column in one run: from where they are read, and up to where that
brought the cursor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from itertools import chain

import pyarrow as pa

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.changed_since import ChangedSince, Moment
from hubspot_batch_dagster.sync.column_mapping import as_input_error
from hubspot_batch_dagster.sync.history import Reading, last_reading
from hubspot_batch_dagster.sync.options import RunOptions
from hubspot_batch_dagster.sync.staging.elsewhere import Elsewhere
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.sync.warehouse.warehouse_query import Warehouse
from hubspot_batch_dagster.table.kernels import Array, pc
from hubspot_batch_dagster.table.order import check_order, microseconds, readable
from hubspot_batch_dagster.table.rows import RowStream, record_batches

_AHEAD = timedelta(days=1)
"""A row from further in the future is a mistake of the source: a cursor there would hide all others."""


class ChangedRows(Elsewhere):
    """The rows of a :class:`ChangedSince` in one run. The others are not looked at: they have not left the
    source.

    Args:
        source: Where they come from.
        last: What the last run read; ``None`` where that does not count.
        whole_because: Why all rows are read; empty where some will do.
    """

    def __init__(self, source: ChangedSince, last: Reading | None, whole_because: str) -> None:
        self._source = source
        self._last = last
        self._newest: Moment | None = None
        self._definition = ""
        self._whole_because = whole_because
        self.since = None if whole_because or last is None else source.before(_moment(last.cursor))
        self.stream = self._open()

    @property
    def whole(self) -> bool:
        """Whether all rows of the source are read."""
        return self.since is None

    def __str__(self) -> str:
        if self.since is None:
            return f"all rows are read, because {self._whole_because}"
        return f"rows are read that changed since {_text(self.since)}"

    def batches(self, definition: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows to look at.

        Args:
            definition: Hash of all that decides what is sent of a row besides its cells. Under another one
                than the last run's all rows are read.

        Raises:
            InputError: The column is not there, or has no order.
        """
        self._definition = hashlib.sha256(f"{self._source.column} {definition}".encode()).hexdigest()[:16]
        if self._last is not None and self._last.cursor_of != self._definition:
            self._read_all("what is sent of a row has changed")
        return map(self._changed, self.stream)

    def reading(self, *, settled: bool) -> Reading:
        """Return what this run read, for the next one.

        Args:
            settled: No row is left to be read again.
        """
        before = self._last.cursor if self._last is not None else None
        known = None if before is None else _moment(before)
        # Of a part the newest row may be of the overlap, and so older than the cursor; all rows say
        # themselves where it is.
        seen = [each for each in (None if self.whole else known, self._newest) if each is not None]
        newest: Moment | None = max(seen, default=None)
        moved = before
        if settled and (newest is not None or self.whole):
            moved = None if newest is None else _text(newest)
        since = None if self.since is None else _text(self.since)
        return Reading(changed_since=since, cursor=moved, cursor_of=self._definition)

    def _read_all(self, why: str) -> None:
        self._last, self.since, self._whole_because = None, None, why
        if callable(self._source.rows):  # a table has them all, and may be a stream that can be read once
            self.stream = self._open()

    def _open(self) -> RowStream:
        rows = self._source.read(self.since)
        if isinstance(rows, Warehouse | ChangedSince):
            raise InputError(
                f"The rows of ChangedSince are a {type(rows).__name__}.",
                remedy="Give a table. A Warehouse compares all rows itself, and needs no cursor.",
            )
        with as_input_error():
            stream = record_batches(rows)
            first = next(iter(stream), None)
        if not stream.schema.names:
            return stream  # an empty list
        if self._source.column not in stream.schema.names:
            raise InputError(
                f"The cursor column '{self._source.column}' is not in the table, which has"
                f" {', '.join(stream.schema.names)}.",
                column=self._source.column,
                remedy=(
                    "Select it, or name another one in ChangedSince. It need not be sent: name the properties"
                    " that are."
                ),
            )
        if first is None:
            return stream
        opened = RowStream(stream.schema, chain([first], stream))
        if self.since is not None and not _is_of_kind(self.since, first.column(self._source.column).type):
            self.stream = opened
            self._read_all("the cursor column has another type than before")
            return self.stream
        return opened

    def _changed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch that are as new as wanted; the newest of them is noted."""
        if self._source.column not in batch.schema.names:
            return batch
        column = batch.column(self._source.column)
        check_order(self._source.column, column.type, "cursor column", one_type=True)
        values, _ = readable(
            column
        )  # a cell that cannot be read is as none: its row is read, and told if it is sent
        if pa.types.is_null(values.type):
            return batch
        if pa.types.is_timestamp(values.type):
            # Python has no nanoseconds. What is cut off makes the cursor older, and so a row is read once
            # more.
            values = microseconds(values)
        if self.since is not None:
            new = pc.greater_equal(values, pa.scalar(self.since, values.type))
            wanted = pc.if_else(pc.is_valid(values), new, pa.scalar(True))
            batch, values = batch.filter(wanted), values.filter(wanted)
        self._note(values)
        return batch

    def _note(self, values: Array) -> None:
        if not pa.types.is_integer(values.type):
            latest = datetime.now(timezone.utc) + _AHEAD
            limit: Moment = latest if getattr(values.type, "tz", None) else latest.replace(tzinfo=None)
            if pa.types.is_date(values.type):
                limit = latest.date()
            values = values.filter(pc.less_equal(values, pa.scalar(limit, values.type)))
        newest = pc.max(values).as_py()  # type: ignore[attr-defined]
        if newest is not None and (self._newest is None or newest > self._newest):
            self._newest = newest


def open_changes(
    rows: object, operation: Operation, store: Store, name: str, options: RunOptions
) -> ChangedRows | None:
    """Return the rows of a :class:`ChangedSince` from where the last run ended; ``None`` for any other
    source.

    Raises:
        InputError: It has no such column, or the rows are one partition of several.
        StoreError: What is known of the last run cannot be read.
    """
    if not isinstance(rows, ChangedSince):
        return None
    if options.as_of is not None:
        raise InputError(
            "ChangedSince takes no partitions: each partition says itself which rows are read.",
            remedy="Leave the partitions out, or return the rows of the partition.",
        )
    last, known = last_reading(store, name), store.ids_described(name)
    if last is not None and (known is None or last.generation != int(known.get("generation", 0))):
        last = None
    return ChangedRows(
        rows, last, next(_whole_because(rows, operation, options, last, first=known is None), "")
    )


def _whole_because(
    source: ChangedSince, operation: Operation, options: RunOptions, last: Reading | None, *, first: bool
) -> Iterator[str]:
    if options.adopt or options.first_run or first:
        yield "nothing is known of their records yet"
    if options.full_refresh:
        yield "full_refresh sends all of them"
    if operation.compares_with_portal:
        yield "they are compared with HubSpot's values"
    if last is None or last.cursor is None:
        yield "it is not known up to where the last run settled them"
    elif last.partial + 1 >= source.full_every:
        yield f"every run in {source.full_every} does (full_every)"


def _is_of_kind(moment: Moment, kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind):
        return isinstance(moment, datetime) and (moment.tzinfo is None) is (kind.tz is None)
    if pa.types.is_date(kind):
        return isinstance(moment, date) and not isinstance(moment, datetime)
    return isinstance(moment, int) or pa.types.is_null(kind)


def _text(moment: Moment) -> str:
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc)
    return str(moment) if isinstance(moment, int) else moment.isoformat()


def _moment(text: str | None) -> Moment:
    said = text or ""
    if said.lstrip("-").isdigit():
        return int(said)
    return datetime.fromisoformat(said) if "T" in said else date.fromisoformat(said)
