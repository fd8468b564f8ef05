"""Lines of the journal's tables as what they stand for, and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from hubspot_batch_dagster.sync.batches.journal_entries import (
    INTENT_COLUMNS,
    OUTCOME_COLUMNS,
    Intent,
    Line,
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


_ADD_INTENTS = insert_once("sqlite", schema.intents)


def record(
    connection: sa.Connection, sync: str, run: str, accepted: Sequence[Line], intents: Sequence[Line]
) -> None:
    """Write the outcomes of ``accepted``, delete their intents, and write new ``intents``."""
    if connection.dialect.name == "postgresql":
        _record_at_once(connection, sync, run, accepted, intents)
        return
    if accepted:
        connection.execute(ADD_OUTCOMES, [outcome_line(sync, run, each) for each in accepted])
        connection.execute(CLOSE_INTENT, [{"closed": each.intent_id} for each in accepted])
    if intents:
        connection.execute(_ADD_INTENTS, [_intent_line(sync, run, each) for each in intents])


def _record_at_once(
    connection: sa.Connection, sync: str, run: str, accepted: Sequence[Line], intents: Sequence[Line]
) -> None:
    """The same in one statement: in Postgres each is a round trip.

    All parts of a statement see the tables as they were before it, so an intent that is closed and opened anew needs two.
    """
    if not {each.intent_id for each in accepted}.isdisjoint(each.intent_id for each in intents):
        _record_at_once(connection, sync, run, accepted, ())
        accepted = ()
    given: list[Any] = []
    for each in accepted:
        given += outcome_line(sync, run, each).values()
    if accepted:
        given.append([each.intent_id for each in accepted])
    for each in intents:
        given += _intent_line(sync, run, each).values()
    if given:
        connection.exec_driver_sql(_statement(len(accepted), len(intents)), tuple(given))


@lru_cache(maxsize=512)
def _statement(settled: int, opened: int) -> str:
    """The statement that writes so many outcomes and intents; the same text is planned once by the server."""
    outcomes = f"INSERT INTO hubspot_outcomes (sync, run, settled_at, payload) VALUES {_places(settled, 4)}"
    closing = "DELETE FROM hubspot_intents WHERE id = ANY(%s)"
    intents = (
        f"INSERT INTO hubspot_intents (id, sync, run, action, sent_at, payload) VALUES {_places(opened, 6)} "
        "ON CONFLICT DO NOTHING"
    )
    if not settled:
        return intents
    return (
        f"WITH settled AS ({outcomes}) {closing}"
        if not opened
        else (f"WITH settled AS ({outcomes}), closed AS ({closing}) {intents}")
    )


def _places(lines: int, columns: int) -> str:
    line = f"({', '.join(['%s'] * columns)})"
    return ", ".join([line] * lines)


def _intent_line(sync: str, run: str, opened: Line) -> dict[str, Any]:
    return {
        "id": opened.intent_id,
        "sync": sync,
        "run": run,
        "action": opened.action,
        "sent_at": opened.at,
        "payload": opened.payload,
    }


def outcome_line(sync: str, run: str, settled: Line) -> dict[str, Any]:
    """Outcomes as a line of their table."""
    return {"sync": sync, "run": run, "settled_at": settled.at, "payload": settled.payload}


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
