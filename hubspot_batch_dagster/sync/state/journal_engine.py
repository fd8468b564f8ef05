"""The journal's database engine."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import sqlalchemy as sa


def open_engine(url: str) -> sa.Engine:
    """An engine for a journal: SQLite with a write-ahead log and full synchronisation, or what the URL names."""
    engine = sa.create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def _durable(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout=30000")
            _write_ahead(cursor)
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.close()

    return engine


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Switch to the write-ahead log. SQLite does not wait for others who open the file at the same moment, so this does."""
    for left in reversed(range(100)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not left or "locked" not in str(error):
                raise
            time.sleep(0.05)
        else:
            return
