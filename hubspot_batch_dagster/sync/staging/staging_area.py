"""The stage: all rows of a run, encoded and on disk, so that no run needs them in memory.

What is sent (the property texts) lies in Arrow files and is read once, in order. What must be seen as a whole
(keys, hashes, outcomes) lies in DuckDB, which works out of core under a memory limit.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import Self

from hubspot_batch_dagster.operations.base import Action
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.packed_batch import (
    DIRECT,
    AcceptedBatch,
    PackedBatch,
    batch_of,
    packed,
)
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.staging import spill_file, staging_statements
from hubspot_batch_dagster.sync.staging.database import (
    REASONS,
    make_tables,
    open_database,
    register,
    release_memory,
)
from hubspot_batch_dagster.sync.staging.elsewhere import Elsewhere
from hubspot_batch_dagster.sync.staging.outcome_table import outcome_table, outcomes_without_reasons
from hubspot_batch_dagster.sync.staging.row_digest import row_digest
from hubspot_batch_dagster.sync.staging.spill_file import SpillFile
from hubspot_batch_dagster.table.duckdb_rows import arrow_reader
from hubspot_batch_dagster.table.encode import Encoded, Encoder

if TYPE_CHECKING:
    import duckdb

MOST_UNDER_WAY = 2
"""Batches of rows between the reader and the database; each may take some megabytes."""

LOOKS_AFTER_THREADS = 5.0
"""Seconds between two looks at whether the threads that are waited for live."""

READ_AT_ONCE = 16_384
SORTED_AT_ONCE = 8 * READ_AT_ONCE
"""Rows that are read, and sorted, at a time."""


class StagingArea:
    """Rows on their way.

    Args:
        encoder: What the rows were encoded with.
        folder: Where the files go; the caller deletes it.
        memory: DuckDB's memory limit, such as ``"512MB"``.
        elsewhere: Rows of the source that are not staged, because they were found unchanged where they are.

    Attributes:
        has_order: Whether a column says which of two rows of a key is newer.
        cut: Column -> dates with a time of day of which the day alone is sent.
    """

    def __init__(
        self, encoder: Encoder, folder: Path, *, memory: str = "512MB", elsewhere: Elsewhere | None = None
    ) -> None:
        self.elsewhere = elsewhere or Elsewhere()
        self.folder = folder
        self.respelt: dict[Path, Path] = {}
        self.db = open_database(folder, memory)
        self._writer = self.db.cursor()
        self.key_columns = encoder.layout.key
        self._id_property = encoder.layout.id_property
        self._digest = row_digest(encoder.layout)
        self.has_order = encoder.layout.as_of is not None
        self.rows_in = 0
        self.cut: Counter[str] = Counter()
        self.recovered = False
        self._spool = SpillFile(folder)
        self._settled: list[Outcomes | AcceptedBatch] = []
        self._lock = threading.Lock()
        self._sequence = 0
        make_tables(self.db, encoder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()
        self._writer.close()
        self.db.close()

    def take_in(self, sources: Iterable[tuple[int, Callable[[], Encoded]]]) -> None:
        """Take rows in. While the caller reads some, the ones before are encoded, and those before them
        spooled and staged, in threads.

        Args:
            sources: How many rows there are, and what encodes them. ``rows_in`` counts them before the next
                are asked for.
        """
        with (
            ThreadPoolExecutor(1, thread_name_prefix="hubspot-encode") as encoding,
            ThreadPoolExecutor(1, thread_name_prefix="hubspot-spool") as spooling,
            ThreadPoolExecutor(1, thread_name_prefix="hubspot-stage") as staging,
        ):
            pools = encoding, spooling, staging
            under_way: deque[Future[None]] = deque()
            for rows, encode in sources:
                self.rows_in += rows
                while len(under_way) >= 2 * MOST_UNDER_WAY:
                    await_work(under_way.popleft(), pools)
                encoded = encoding.submit(encode)
                under_way += [spooling.submit(self._spooled, encoded), staging.submit(self._add, encoded)]
            for each in under_way:
                await_work(each, pools)
        self._spool.close()
        release_memory(self.db)

    def _spooled(self, under_way: Future[Encoded]) -> None:
        good = under_way.result().good
        if good.num_rows:
            self._spool.add(good)

    def _add(self, under_way: Future[Encoded]) -> None:
        encoded = under_way.result()
        good = encoded.good
        order = "as_of" if self.has_order else "NULL"
        if good.num_rows:
            self._insert("staged", good, f"row, keys, key, id, {self._digest}, {order}", self._writer)
        if encoded.rejected.num_rows:
            self._insert("rejected", encoded.rejected, "*", self._writer)
        if encoded.omitted.num_rows:
            self._insert("omitted", encoded.omitted, "*", self._writer)

    def incomplete(self, reasons: pa.RecordBatch) -> None:
        """Note the rows that cannot become new records, with the reason of each; the plan decides whether
        they would.
        """
        if reasons.num_rows:
            with self.db.cursor() as alone:  # the caller's thread is not that of the other tables
                self._insert("incomplete", reasons, "*", alone)

    def omit(self, cells: Mapping[int, Verdict], columns: Mapping[str, str]) -> None:
        """Note values that HubSpot refused and that their rows go without.

        Args:
            cells: Row -> why; each names the property.
            columns: Property -> column.
        """
        lines = [
            [columns.get(each.property or ""), each.property, each.code or each.category, each.message, row]
            for row, each in cells.items()
        ]
        with self.db.cursor() as alone:
            alone.executemany(
                "INSERT INTO omitted SELECT row, keys, key, ?, ?, ?, ? FROM staged WHERE row = ?", lines
            )

    def insert(self, table: str, rows: pa.Table) -> None:
        """Append rows to a table; the columns stand in its order."""
        with self._lock:
            self._insert(table, rows, "*")

    def has_table(self, name: str) -> bool:
        """Whether a table was made."""
        return bool(self.count("SELECT count(*) FROM information_schema.tables WHERE table_name = ?", [name]))

    def type_of_keys(self) -> str:
        """Return the key columns as DuckDB's type: a struct."""
        query = "SELECT column_type FROM (DESCRIBE staged) WHERE column_name = 'keys'"
        return str(self.db.execute(query).fetchall()[0][0])

    def want(self, associations: pa.Table) -> None:
        """Note associations that rows want: row, place of the association in the operation, key or record id
        of the other end; and of a cell that names no record, why it does not.
        """
        self._insert("wanted", associations, "*")

    def doubtful(self, doubts: pa.Table) -> None:
        """Note the doubts about rows that may become new records."""
        if doubts.num_rows:
            with self.db.cursor() as alone:
                self._insert("doubtful", doubts, "*", alone)

    def settled(self, outcomes: Outcomes | AcceptedBatch) -> None:
        """Take outcomes in; they reach the database in groups."""
        with self._lock:
            self._settled.append(outcomes)
            if len(self._settled) >= 64:
                self._flush()

    def flush(self) -> None:
        """Bring all outcomes to the database."""
        with self._lock:
            self._flush()

    def insert_outcomes(self, table: str, outcomes: Iterable[Outcomes]) -> None:
        """Append outcomes to a table made by :meth:`make_outcome_table`; later ones have a higher ``seq``."""
        rest = iter(outcomes)
        while several := list(islice(rest, 256)):
            self._insert(table, outcome_table(several, self._numbered(several)), "*")
            self._sequence += len(several)

    def lost(self, intents: Sequence[Intent]) -> None:
        """Note the rows whose fate is not known."""
        keys = [key for intent in intents for key in intent.keys]
        self.db.execute("INSERT INTO lost SELECT row FROM staged WHERE key IN (SELECT unnest(?))", [keys])

    def ask(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Return the lines of a small query, with all outcomes so far; safe for threads."""
        with self._lock:
            self._flush()
            given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
            found: list[tuple[Any, ...]] = self.db.execute(query, given).fetchall()
            return found

    def batches(
        self, run: str, size: int, *, reopened: bool = False, by_record_id: bool = False
    ) -> Iterator[Batch | PackedBatch]:
        """Yield what the plan wants sent, in the order of the rows, in batches of one action each.

        Args:
            run: Prefix of trace ids and intents.
            size: Rows in a batch.
            reopened: Only what is planned anew: the rows of the table ``reopened``.
            by_record_id: They are sent by record id, whatever the operation finds records by.
        """
        for action, rows in self._grouped(self._to_send(reopened), size):
            id_property = self._id_property if action != "create" and not by_record_id else None
            ready = packed(rows, action, run, id_property, size)
            yield from ready if action in DIRECT else (each.unpack() for each in ready)

    def table(self, query: str) -> pa.Table:
        """Return the rows of a query, all at once."""
        return self.stream(query, 65_536).read_all()

    def looked_at(self, query: str, size: int) -> Iterator[Batch]:
        """Yield the rows of a query (row, key, digest, action, send_id; ordered by row) with their texts, in
        batches of one action each.
        """
        for action, rows in self._grouped(iter(self.stream(query, READ_AT_ONCE)), size):
            for start in range(0, rows.num_rows, size):
                yield batch_of(rows.slice(start, size), action, "", self._id_property)

    def _to_send(self, reopened: bool) -> Iterator[pa.RecordBatch]:
        """Yield the plan in the order of the rows, sorted slice by slice: the whole of it would not fit."""
        only = "AND row IN (SELECT row FROM reopened)" if reopened else ""
        for low in range(0, self.rows_in, SORTED_AT_ONCE):
            yield from self.stream(staging_statements.planned_to_send(low, low + SORTED_AT_ONCE, only))

    def _grouped(self, planned: Iterator[pa.RecordBatch], size: int) -> Iterator[tuple[Action, pa.Table]]:
        """Planned rows with their texts, in tables of one action and of whole batches, but for the last of
        each action.
        """
        pending: dict[Action, pa.Table] = {}
        for chunk in self._spool.joined(planned):
            actions: list[Any] = chunk.column("action").unique().to_pylist()
            for action in actions:
                rows = chunk if len(actions) == 1 else chunk.filter(pc.equal(chunk.column("action"), action))
                if action in pending:
                    rows = pa.concat_tables([pending.pop(action), rows])
                whole = rows.num_rows - rows.num_rows % size
                if whole < rows.num_rows:
                    pending[action] = rows.slice(whole)
                if whole:
                    yield action, rows.slice(0, whole)
        yield from pending.items()

    def archives(self, run: str, size: int) -> Iterator[Batch]:
        """Yield the records whose rows left the source, as batches to archive."""
        reader = self.stream(
            "SELECT row, key, digest, send_id FROM plan WHERE action = 'gone' ORDER BY row", size
        )
        for chunk in reader:
            columns = chunk.to_pydict()
            nothing = [None] * chunk.num_rows
            yield Batch(
                action="archive",
                run=run,
                rows=columns["row"],
                keys=columns["key"],
                digests=columns["digest"],
                ids=columns["send_id"],
                properties=["{}"] * chunk.num_rows,
                associations=list(nothing),
            )

    @contextmanager
    def texts(self, name: str) -> Iterator[None]:
        """Yield what the rows would send (row, properties, associations), to be read once under a name."""
        self.db.register(name, pa.RecordBatchReader.from_batches(spill_file.SCHEMA, self._spool.read()))
        try:
            yield
        finally:
            self.db.unregister(name)

    def targets(self, size: int, *, of_both_ends: bool) -> Iterator[list[tuple[str, list[str]]]]:
        """For rows that are associations: each record that they start from with all that they lead to,
        ``size`` at a time.

        With ``of_both_ends``, for records of one type, those that lead to it too.
        Records with a rejected row are left out: what that row names is not known. So are those of which an
        undo took something back, until a row of theirs is sent.
        """
        with self.texts("spooled"):
            self.db.execute(
                """CREATE TABLE targets AS
                SELECT row, s.id, json_extract_string(p.associations, '$[0].to.id') AS target
                FROM spooled p JOIN staged s USING (row)"""
            )
        if of_both_ends:
            self.db.execute(
                "INSERT INTO targets SELECT NULL, target, id FROM targets WHERE target IN (SELECT id FROM"
                " targets)"
            )
        start = "keys." + '"' + self.key_columns[0].replace('"', '""') + '"'
        same = (  # one email in other letters is one record
            f"lower(trim(s.{start}::VARCHAR)) = lower(trim(r.{start}::VARCHAR))"
        )
        for chunk in self.stream(staging_statements.records_of_targets(same), size):
            columns = chunk.to_pydict()
            yield list(zip(columns["id"], columns["targets"], strict=True))

    def count(self, query: str, parameters: Sequence[Any] = ()) -> int:
        """Return the single number that a query gives."""
        found = self.db.execute(query, list(parameters)).fetchall()
        return int(found[0][0] or 0)

    def _numbered(self, several: Sequence[object]) -> range:
        return range(self._sequence, self._sequence + len(several))

    def make_outcome_table(self, name: str) -> None:
        """Make an empty table for outcomes."""
        register(self.db, outcome_table([], []))
        self.db.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming LIMIT 0")

    def stream(self, query: str, rows: int = READ_AT_ONCE) -> pa.RecordBatchReader:
        """Return the rows of a query as they are asked for; on a connection of its own, which other queries
        do not disturb.
        """
        return arrow_reader(self.db.cursor().sql(query), rows)

    def _flush(self) -> None:
        if not self._settled:
            return
        self._insert("settled", outcomes_without_reasons(self._settled, self._numbered(self._settled)), "*")
        # Few rows have a reason: apart from the outcomes, reasons leave those narrow.
        told = {
            self._sequence + i: each
            for i, each in enumerate(self._settled)
            if isinstance(each, Outcomes) and each.tells()
        }
        if told:
            self._insert("reasons", outcome_table(list(told.values()), list(told)), REASONS)
        self._sequence += len(self._settled)
        self._settled = []

    def _insert(
        self,
        table: str,
        rows: pa.RecordBatch | pa.Table,
        columns: str,
        db: duckdb.DuckDBPyConnection | None = None,
    ) -> None:
        db = db or self.db
        register(db, rows)
        db.execute(f"INSERT INTO {table} SELECT {columns} FROM incoming")


def await_work(work: Future[None], pools: Sequence[ThreadPoolExecutor]) -> None:
    """Wait for work of one of several pools, unless one of their threads has ended: nobody would do it.

    Raises:
        RuntimeError: One has, as on a host that has no room for threads.
    """
    while not wait([work], timeout=LOOKS_AFTER_THREADS).done:
        if not all(thread.is_alive() for pool in pools for thread in pool._threads):
            for pool in pools:  # what waits for each other's work ends too
                pool.shutdown(wait=False, cancel_futures=True)
            raise RuntimeError(
                "A thread of the run has ended before its work was done. Nothing was sent; run again."
            )
    work.result()
