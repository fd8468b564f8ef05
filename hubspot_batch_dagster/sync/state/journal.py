"""The journal: what may have been sent, durable before it is sent, and what became of it.

An *intent* is written before the first request of a batch leaves: which rows, with which trace ids and, for creates
that HubSpot could not recognise a second time, which values. *Outcomes* are written as soon as an answer has been read. An intent that still
has unsettled rows is *open*; the next run settles it before it sends anything.

SQLite serves one host and Postgres several, both through SQLAlchemy. Commits are grouped: whichever thread
gets the writer commits for all that wait, so a slow disk costs latency and not throughput.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pydantic_core
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.batches.journal_entries import (
    INTENT_COLUMNS,
    OUTCOME_COLUMNS,
    Intent,
    Line,
    Outcomes,
    pack,
    unpack,
)
from hubspot_batch_dagster.sync.state.journal_engine import open_engine

SCHEMA_VERSION = 1

_metadata = sa.MetaData()
_version = sa.Table("hubspot_journal_version", _metadata, sa.Column("version", sa.Integer, nullable=False))
_intents = sa.Table(
    "hubspot_intents",
    _metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("sync", sa.Text, nullable=False, index=True),
    sa.Column("run", sa.String(32), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("sent_at", sa.Float(53), nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)
_outcomes = sa.Table(
    "hubspot_outcomes",
    _metadata,
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("sync", sa.Text, nullable=False, index=True),
    sa.Column("run", sa.String(32), nullable=False),
    sa.Column("settled_at", sa.Float(53), nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)
_before = sa.Table(
    "hubspot_before",
    _metadata,
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("sync", sa.Text, nullable=False),
    sa.Column("run", sa.String(32), nullable=False, index=True),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)


_ADD_INTENT = sa.insert(_intents)
_CLOSE_INTENT = sa.delete(_intents).where(_intents.c.id == sa.bindparam("closed"))
_ADD_OUTCOMES = sa.insert(_outcomes)
"""Made once: to put a statement together costs more than to execute it."""

_T = TypeVar("_T")


@dataclass
class _Waiting:
    work: Callable[[sa.Connection], None]
    done: bool = False
    error: BaseException | None = None


class Journal:
    """The journal of one store; safe for threads, shared by all syncs of the store.

    Args:
        url: A SQLAlchemy URL: ``sqlite:///…/journal.db`` or ``postgresql+psycopg://…``.
        clock: Seconds since 1970; injectable.

    Raises:
        StoreError: The database cannot be opened, is damaged, or was written by a newer version.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._mutex = threading.Lock()
        self._writer = threading.Lock()
        self._where = sa.engine.make_url(url).render_as_string(hide_password=True)
        with self._explained("open"):
            self._engine = open_engine(url)
            self._migrate()

    def __repr__(self) -> str:
        return f"Journal({self._where!r})"

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @property
    def engine(self) -> sa.Engine:
        """The engine, for locks that live where the journal lives."""
        return self._engine

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def intend(self, sync: str, run: str, intent: Intent) -> None:
        """Make the intent durable. When this returns, the request may leave.

        Raises:
            StoreError: It could not be written; nothing may be sent.
        """
        values = {
            "id": intent.id,
            "sync": sync,
            "run": run,
            "action": intent.action,
            "sent_at": intent.sent_at,
            "payload": pack(intent, INTENT_COLUMNS),
        }
        self._commit(lambda connection: connection.execute(_ADD_INTENT, values))

    def settle(
        self, sync: str, run: str, outcomes: Outcomes, *, intent_id: str | None, left: Intent | None = None
    ) -> None:
        """Make outcomes durable and, in the same transaction, close their intent or shrink it to the rows ``left``.

        Raises:
            StoreError: It could not be written; the intent stays open and the next run settles it.
        """
        values = {
            "sync": sync,
            "run": run,
            "settled_at": outcomes.settled_at,
            "payload": pack(outcomes, OUTCOME_COLUMNS),
        }

        def work(connection: sa.Connection) -> None:
            if len(outcomes):
                connection.execute(_ADD_OUTCOMES, values)
            if intent_id is not None and left is None:
                connection.execute(_CLOSE_INTENT, {"closed": intent_id})
            elif left is not None:
                payload = pack(left, INTENT_COLUMNS)
                connection.execute(
                    sa.update(_intents).where(_intents.c.id == left.id).values(payload=payload)
                )

        self._commit(work)

    def record(self, sync: str, run: str, accepted: Sequence[Line], intents: Sequence[Line]) -> None:
        """Make outcomes durable, close their intents, and make new intents durable: all in one transaction.

        Args:
            sync: Whose.
            run: In which run.
            accepted: Of batches all of whose rows are settled: the intent's id, when they were settled, and the outcomes.
            intents: Of batches that are to leave: the intent's id, its action, its moment, and its rows.

        Raises:
            StoreError: It could not be written; nothing of ``intents`` may be sent, and ``accepted`` is settled by the next run.
        """
        closed = [{"closed": each.intent_id} for each in accepted]
        settled = [
            {"sync": sync, "run": run, "settled_at": each.at, "payload": each.payload} for each in accepted
        ]
        opened = [
            {
                "id": each.intent_id,
                "sync": sync,
                "run": run,
                "action": each.action,
                "sent_at": each.at,
                "payload": each.payload,
            }
            for each in intents
        ]

        def work(connection: sa.Connection) -> None:
            if settled:
                connection.execute(_ADD_OUTCOMES, settled)
                connection.execute(_CLOSE_INTENT, closed)
            if opened:
                connection.execute(_ADD_INTENT, opened)

        self._commit(work)

    def open_intents(self, sync: str) -> list[Intent]:
        """Intents with rows whose outcome is not known, oldest first."""
        query = sa.select(_intents).where(_intents.c.sync == sync).order_by(_intents.c.sent_at, _intents.c.id)
        with self._explained("read"), self._engine.connect() as connection:
            return [
                Intent(
                    id=line.id,
                    action=line.action,
                    sent_at=line.sent_at,
                    **unpack(line.payload, INTENT_COLUMNS),
                )
                for line in connection.execute(query)
            ]

    def outcomes(self, sync: str) -> Iterator[Outcomes]:
        """Outcomes since the ids table was last written, in the order in which they happened."""
        query = sa.select(_outcomes).where(_outcomes.c.sync == sync).order_by(_outcomes.c.seq)
        with self._explained("read"), self._engine.connect() as connection:
            for line in connection.execution_options(yield_per=500).execute(query):
                yield Outcomes(settled_at=line.settled_at, **unpack(line.payload, OUTCOME_COLUMNS))

    def forget(self, sync: str) -> None:
        """Drop the outcomes of a sync: its ids table holds them now."""
        self._commit(
            lambda connection: connection.execute(sa.delete(_outcomes).where(_outcomes.c.sync == sync))
        )

    def keep_before(self, sync: str, run: str, images: list[dict[str, str | None]]) -> None:
        """Make before-images durable: for each record its ``id`` and the values that are about to change."""
        values = {"sync": sync, "run": run, "payload": pydantic_core.to_json(images)}
        self._commit(lambda connection: connection.execute(sa.insert(_before), values))

    def before(self, sync: str, run: str) -> Iterator[dict[str, str | None]]:
        """The before-images of a run, in the order in which they were taken."""
        query = sa.select(_before).where(_before.c.sync == sync, _before.c.run == run).order_by(_before.c.seq)
        with self._explained("read"), self._engine.connect() as connection:
            for line in connection.execute(query):
                yield from pydantic_core.from_json(line.payload)

    def forget_before(self, sync: str, kept_runs: Sequence[str]) -> None:
        """Drop the before-images of a sync's older runs."""
        old = sa.delete(_before).where(_before.c.sync == sync, _before.c.run.not_in(list(kept_runs)))
        self._commit(lambda connection: connection.execute(old))

    def summary(self) -> list[tuple[str, int, int]]:
        """For each sync: its name, its open intents and the outcome batches not yet in the ids table."""
        with self._explained("read"), self._engine.connect() as connection:
            opened, settled = (
                {
                    str(sync): int(n)
                    for sync, n in connection.execute(
                        sa.select(table.c.sync, sa.func.count()).group_by(table.c.sync)
                    )
                }
                for table in (_intents, _outcomes)
            )
            return [(sync, opened.get(sync, 0), settled.get(sync, 0)) for sync in sorted({*opened, *settled})]

    def _commit(self, work: Callable[[sa.Connection], Any]) -> None:
        mine = _Waiting(work)
        with self._mutex:
            self._waiting.append(mine)
        with self._writer:
            if not mine.done:
                with self._mutex:
                    group, self._waiting = self._waiting, []
                self._commit_group(group)
        if mine.error is not None:
            raise mine.error

    def _commit_group(self, group: list[_Waiting]) -> None:
        try:
            with self._explained("write"), self._engine.begin() as connection:
                for each in group:
                    each.work(connection)
        except BaseException as error:
            for each in group:
                each.error = error
            if not isinstance(error, StoreError):
                raise
        finally:
            for each in group:
                each.done = True

    def _migrate(self) -> None:
        with self._alone() as connection:
            _metadata.create_all(connection)
            found = connection.execute(sa.select(_version.c.version)).scalar()
            if found is None:
                connection.execute(sa.insert(_version).values(version=SCHEMA_VERSION))
            elif found > SCHEMA_VERSION:
                raise StoreError(
                    f"The journal {self._where} was written by a newer version (format {found}, this one reads {SCHEMA_VERSION}).",
                    remedy="Upgrade hubspot-batch-dagster, or give this deployment a store of its own.",
                )
            else:
                for version in range(found, SCHEMA_VERSION):
                    MIGRATIONS[version](connection)
                connection.execute(sa.update(_version).values(version=SCHEMA_VERSION))

    @contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        """A transaction that no other process is in: several may open a new journal at once."""
        if self.dialect == "postgresql":
            with self._engine.begin() as connection:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(727274)"))
                yield connection
            return
        # The driver begins no transaction before a CREATE TABLE, so this one is begun by hand.
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            reason = (
                str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__ + ": " + str(error)
            )
            raise StoreError(
                f"Cannot {verb} the journal {self._where}: {reason}",
                remedy="Check that its disk has room, that the file or database may be written, and that it is a journal. "
                "A damaged file: move it away and adopt the records from the portal.",
            ) from None


MIGRATIONS: dict[int, Callable[[sa.Connection], None]] = {}
"""Format version -> what brings a journal of that version to the next."""
