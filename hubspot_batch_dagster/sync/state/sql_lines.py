"""Lines of the journal's tables as what they stand for, and back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hubspot_batch_dagster.sync.batches.journal_entries import (
    INTENT_COLUMNS,
    OUTCOME_COLUMNS,
    Intent,
    Outcomes,
    pack,
    unpack,
)
from hubspot_batch_dagster.sync.state import sql_schema as schema

CLOSE_INTENT = sa.delete(schema.intents).where(schema.intents.c.id == sa.bindparam("closed"))
ADD_OUTCOMES = sa.insert(schema.outcomes)
"""Made once, as the others: to put a statement together costs more than to execute it."""


def insert_once(dialect: str, table: sa.Table) -> Any:
    """An insert that may be repeated when the answer to the first was lost."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table).on_conflict_do_nothing()


def intent_of(line: Any) -> Intent:
    """The intent of a line."""
    return Intent(
        id=line.id, action=line.action, sent_at=line.sent_at, **unpack(line.payload, INTENT_COLUMNS)
    )


def outcomes_of_line(line: Any) -> Outcomes:
    """The outcomes of a line."""
    return Outcomes(settled_at=line.settled_at, **unpack(line.payload, OUTCOME_COLUMNS))


def rewrite_intent(connection: sa.Connection, intent: Intent) -> None:
    """Write what is left of an intent in its place."""
    payload = pack(intent, INTENT_COLUMNS)
    connection.execute(
        sa.update(schema.intents).where(schema.intents.c.id == intent.id).values(payload=payload)
    )


def shrink_intent(connection: sa.Connection, intent: Intent, heard: Outcomes) -> None:
    """Take the rows that are settled out of an intent."""
    left = intent.without(heard)
    if left is None:
        connection.execute(CLOSE_INTENT, {"closed": intent.id})
    elif left is not intent:
        rewrite_intent(connection, left)
