"""The journal's database engine."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hubspot_batch_dagster.api.rate_limit.postgres_silence import end_silence
from hubspot_batch_dagster.sync.state.private_files import create_private

LIBPQ = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server that vanished without a word is noticed, and not waited for."""


SHORTEST_LOCK, LONGEST_LOCK = 5.0, 30.0
"""Seconds for which SQLite itself waits for who writes to its file, other runs among them; Postgres waits for
the latter.
"""

LONGEST_SILENCE = 60.0
"""Seconds that a statement or a commit may take in Postgres: longer than it waits for a lock."""

LONGEST_IDLE = 20.0
"""Seconds after which Postgres ends a transaction in which nothing happens: those of a run take moments."""


def open_engine(url: str, *, patience: float) -> sa.Engine:
    """Return an engine for a journal: SQLite with a write-ahead log and full synchronisation, or what the URL
    names.
    """
    busy = max(SHORTEST_LOCK, min(patience, LONGEST_LOCK))
    where = sa.engine.make_url(url)
    if where.get_backend_name() == "sqlite":
        if where.database and where.database != ":memory:":
            create_private(Path(where.database))  # SQLite gives its log the permissions of the file
        engine = sa.create_engine(where, hide_parameters=True)

        @sa.event.listens_for(engine, "connect")
        def _durable(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={1000 * busy:.0f}")
            _write_ahead(cursor)
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA secure_delete=ON")  # what is dropped is overwritten: it was people's data
            cursor.close()

        return engine
    # No ping before each commit: whoever finds the connection cut does its work again, on a new one.
    engine = sa.create_engine(where, connect_args=limits(where), hide_parameters=True)
    sa.event.listen(engine, "connect", _let_others_in)
    end_silence(engine, LONGEST_SILENCE)
    return engine


def _let_others_in(connection: Any, _record: Any) -> None:
    """Have the server end what a run that is stopped within a commit holds; who waits for it asks anew."""
    with connection.cursor() as cursor:
        for name, seconds in (
            ("idle_in_transaction_session_timeout", LONGEST_IDLE),
            ("lock_timeout", LONGEST_LOCK),
        ):
            cursor.execute(f"SET {name} = {1000 * seconds:.0f}")
    connection.commit()


def limits(where: sa.URL) -> dict[str, int]:
    """Return what a driver is given so that a server that vanished is noticed; what the URL says stays."""
    given = LIBPQ if where.get_driver_name() in ("psycopg", "psycopg2") else {}
    return {name: value for name, value in given.items() if name not in where.query}


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Switch to the write-ahead log. SQLite does not wait for others who open the file at the same moment, so
    this does.
    """
    for left in reversed(range(100)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not left or "locked" not in str(error):
                raise
            time.sleep(0.05)
        else:
            return
