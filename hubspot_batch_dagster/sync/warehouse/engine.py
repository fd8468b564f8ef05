"""What a database must be able to do for the comparison: one subclass an engine.

To add an engine, write a subclass and go through this list:

1. ``open``: which settings of a session change how a value is written as text (time zone, form of dates,
   digits of floats, bytes)? Pin them all, whatever the server or the user has set.
2. ``text_of``: for each type one text that no two different values share. Two texts of one value only cost a
   comparison; one text of two values would lose a change. Leave out what you do not know: rows with such a
   column are pulled.
3. ``md5`` of a text in the engine's own words, as 32 hex digits, and ``length`` in characters or bytes.
4. Temporary tables, transactions over several statements, ``MERGE`` in one of them, and ``IS DISTINCT FROM``.
5. ``stream`` and ``load``: Arrow where there is an ADBC driver; else some thousand rows at a time into Arrow.
6. ``is_away``: which errors say that nobody answers, such as of a server that is starting? They are waited
   out.
7. Run ``tests/sync/warehouse`` against it. An engine that was not run is not shipped.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import pyarrow as pa
from typing_extensions import Self

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.patience import Patience

T = TypeVar("T")

TRIES = 3
"""How often something is begun whose session is lost: a query may be what ends its server."""


class WarehouseAway(StoreError):
    """A warehouse did not answer for as long as it was waited for."""

    default_remedy = (
        "Start it, or correct its connection, then run again: what was sent is in the journal, and the run"
        " goes on from there."
    )


class SessionLost(WarehouseAway):
    """A warehouse does not answer, and was not waited for. The session is lost with its temporary tables."""


class Engine(ABC):
    """One session of a database; used by one thread at a time, which ``lock`` is for.

    Args:
        place: The database, as it may be shown.
        patience: For how long one that is away is waited for, when a session begins.

    Attributes:
        lock: Hold it around what must not come between others' statements.
        sessions: How many there have been. With each new one the temporary tables are gone.

    Raises:
        StoreError: No session can be begun; so for all that is asked of it.
    """

    name: ClassVar[str]
    unique_keys: ClassVar[bool]
    """Whether the ids table gets a primary key and an index of record ids: engines that keep rows by them
    need it.
    """
    for_update: ClassVar[str] = ""
    """What follows a SELECT of lines that nobody else may change until the transaction ends."""
    alone: ClassVar[str] = "SELECT 1"
    """Makes a transaction wait for others that began with it, so that two do not make the same table."""
    apart: ClassVar[str] = ""
    """What follows a subquery that is to be worked out by itself, before what stands around it."""
    begin_snapshot: ClassVar[str] = "BEGIN"
    """Begins a transaction that sees the database as it was at one moment."""

    def __init__(self, place: str, patience: Patience | None = None) -> None:
        self.lock = threading.RLock()
        self.sessions = 0
        self._place = place
        self._patience = patience or Patience(0.0)
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def open(self) -> None:
        """Begin a session."""

    @abstractmethod
    def close(self) -> None:
        """End the session, and with it its temporary tables."""

    @abstractmethod
    def errors(self) -> tuple[type[Exception], ...]:
        """Return the errors of the driver."""

    @abstractmethod
    def is_away(self, error: Exception) -> bool:
        """Whether one of them says that the database does not answer, and not that it refuses."""

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise errors of the driver as members of the one error tree. Only their first line is shown: others
        may hold values.
        """
        try:
            yield
        except self.errors() as error:
            reason = str(error).strip().partition("\n")[0]
            if self.is_away(error):
                raise SessionLost(f"The warehouse {self._place} does not answer: {reason}") from None
            raise StoreError(
                f"The warehouse {self._place} refuses: {reason}",
                remedy="Check what its role may do there, and that its disk has room, then run again.",
            ) from None

    def again(self, work: Callable[[], T]) -> T:
        """Do work that may be done twice, again in a new session where the one before was lost.

        Raises:
            WarehouseAway: For too long, or each time.
        """
        with self.lock:
            for left in reversed(range(TRIES)):
                try:
                    return work()
                except SessionLost as error:
                    if not left:
                        raise WarehouseAway(error.message) from None
                    self.close()
                    self._begin()
        raise AssertionError

    def _begin(self) -> None:
        def go() -> None:
            with self.explained():
                self.open()

        self._patience.wait_out(
            go,
            (SessionLost,),
            is_away=lambda _: True,
            refused=lambda error: WarehouseAway(str(error)),
            gone=lambda error, waited: WarehouseAway(f"{error.args[0]} It was waited for {waited:.0f} s."),
        )
        self.sessions += 1

    @abstractmethod
    def execute(self, statement: str) -> None:
        """Carry out one statement."""

    @abstractmethod
    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """Return the lines of a small query."""

    @abstractmethod
    def stream(self, query: str) -> pa.RecordBatchReader:
        """Return the rows of a query as Arrow, as they are asked for; nothing else is asked meanwhile."""

    @abstractmethod
    def load(self, table: str, rows: pa.RecordBatchReader) -> None:
        """Make a temporary table of Arrow rows."""

    @abstractmethod
    def types(self, table: str) -> Mapping[str, str]:
        """Return the columns of a temporary table and their types, in the engine's words."""

    @abstractmethod
    def text_of(self, column: str, kind: str) -> str | None:
        """Return a column as a text that no two different values share, as SQL; ``None`` where none is known
        for the type.

        Args:
            column: The column, quoted.
            kind: Its type, as :meth:`types` gives it.
        """

    @abstractmethod
    def has_table(self, schema: str, table: str) -> bool:
        """Whether a table exists."""

    @abstractmethod
    def analyse(self, table: str) -> None:
        """Let the engine look at a temporary table before it is joined."""

    def texts(self, columns: Sequence[str]) -> pa.RecordBatchReader:
        """Texts as rows of one column, ``key``."""
        batch = pa.record_batch({"key": pa.array(columns, pa.string())})
        return pa.RecordBatchReader.from_batches(batch.schema, [batch])

    def count(self, query: str) -> int:
        """Return the single number that a query gives."""
        return int(self.fetch(query)[0][0] or 0)

    def make_again(self, table: str, query: str) -> None:
        """Make a temporary table of a query, in the place of an earlier one."""
        self.execute(f"DROP TABLE IF EXISTS {table}")
        self.execute(f"CREATE TEMPORARY TABLE {table} AS {query}")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All questions within see the database as it was at one moment."""
        with self.lock:
            self.execute(self.begin_snapshot)
            try:
                yield
            finally:
                with suppress(SessionLost):
                    self.execute("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements within, or none."""
        with self.lock:
            self.execute("BEGIN")
            try:
                yield
            except BaseException:
                with suppress(SessionLost):  # a lost session has rolled back
                    self.execute("ROLLBACK")
                raise
            self.execute("COMMIT")
