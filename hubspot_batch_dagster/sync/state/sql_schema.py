"""The journal's tables in a database, and what brings those of an earlier version to this one."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

SCHEMA_VERSION = 5

metadata = sa.MetaData()


def _number() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("seq", kind, primary_key=True, autoincrement=True)


version = sa.Table("hubspot_journal_version", metadata, sa.Column("version", sa.Integer, nullable=False))

generations = sa.Table(
    "hubspot_generations",
    metadata,
    sa.Column("sync", sa.Text, primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("run", sa.String(32), nullable=False),
    sa.Column("holder", sa.Text, nullable=False, default=""),
    sa.Column("beat", sa.Integer, nullable=False, default=0),
    sa.Column("current", sa.Integer, nullable=True),
    sa.Column("identity", sa.Text, nullable=False, default=""),
    sa.Column("seal", sa.Text, nullable=False, default="", server_default=""),
    sa.Column("crc", sa.Text, nullable=False, default="", server_default=""),
    sa.Column("history", sa.Integer, nullable=True),
)
"""One line a sync: the fence. Each commit of a run begins with an update of its line, and is rolled back
where there is none.
"""

intents = sa.Table(
    "hubspot_intents",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("sync", sa.Text, nullable=False, index=True),
    sa.Column("run", sa.String(32), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("sent_at", sa.Float(53), nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)

outcomes = sa.Table(
    "hubspot_outcomes",
    metadata,
    _number(),
    sa.Column("sync", sa.Text, nullable=False, index=True),
    sa.Column("run", sa.String(32), nullable=False),
    sa.Column("settled_at", sa.Float(53), nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)

testimony = sa.Table(
    "hubspot_testimony",
    metadata,
    _number(),
    sa.Column("sync", sa.Text, nullable=False, index=True),
    sa.Column("run", sa.String(32), nullable=False),
    sa.Column("intent", sa.String(64), nullable=False),
    sa.Column("settled_at", sa.Float(53), nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)
"""What overtaken runs heard of requests that had left: the only table that they still write to."""

before = sa.Table(
    "hubspot_before",
    metadata,
    _number(),
    sa.Column("sync", sa.Text, nullable=False),
    sa.Column("run", sa.String(32), nullable=False, index=True),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)


def _to_2(connection: sa.Connection) -> None:
    """Change nothing: the tables of generations and of testimony are new, and made with all others."""


def _to_3(connection: sa.Connection) -> None:
    """Let generations say the sum of their ids table."""
    _add_column(connection, "seal", "TEXT NOT NULL DEFAULT ''")


def _to_4(connection: sa.Connection) -> None:
    """Give generations a sum of their own line."""
    _add_column(connection, "crc", "TEXT NOT NULL DEFAULT ''")


def _to_5(connection: sa.Connection) -> None:
    """Let generations say whose file of all runs counts."""
    _add_column(connection, "history", "INTEGER")


def _add_column(connection: sa.Connection, name: str, kind: str) -> None:
    """Give the generations a column; where their table was made a moment ago it has it already."""
    if name not in {each["name"] for each in sa.inspect(connection).get_columns(generations.name)}:
        connection.exec_driver_sql(f"ALTER TABLE {generations.name} ADD COLUMN {name} {kind}")


MIGRATIONS: dict[int, Callable[[sa.Connection], None]] = {1: _to_2, 2: _to_3, 3: _to_4, 4: _to_5}
"""Format version -> what brings a journal of that version to the next."""
