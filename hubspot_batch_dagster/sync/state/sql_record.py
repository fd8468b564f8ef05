"""What a run writes over and over, in the fewest statements: outcomes, the end of their intents, and new
intents.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from hubspot_batch_dagster.sync.batches.journal_entries import Line
from hubspot_batch_dagster.sync.state.sql_lines import intent_payload, outcome_payload

PLACES = {"sqlite": "?", "postgresql": "%s"}
"""Dialect -> how its drivers write the place of a value. What each commit of a run needs is given to them as
text: a commit costs a fifth less CPU than with statements that SQLAlchemy compiles and binds.
"""


def _add_outcomes(places: str) -> str:
    return f"INSERT INTO hubspot_outcomes (sync, run, settled_at, payload) VALUES {places}"


def _add_intents(places: str) -> str:
    return (
        f"INSERT INTO hubspot_intents (id, sync, run, action, sent_at, payload) VALUES {places} "
        "ON CONFLICT DO NOTHING"
    )


_ADD_OUTCOMES, _ADD_INTENT = _add_outcomes("(?, ?, ?, ?)"), _add_intents("(?, ?, ?, ?, ?, ?)")
_CLOSE_INTENT = "DELETE FROM hubspot_intents WHERE id = ?"


def record(
    connection: sa.Connection, sync: str, run: str, accepted: Sequence[Line], intents: Sequence[Line]
) -> None:
    """Write the outcomes of ``accepted``, delete their intents, and write new ``intents``."""
    if connection.dialect.name == "postgresql":
        _record_at_once(connection, sync, run, accepted, intents)
        return
    if accepted:
        settled = [tuple(outcome_line(sync, run, each).values()) for each in accepted]
        connection.exec_driver_sql(_ADD_OUTCOMES, settled)
        connection.exec_driver_sql(_CLOSE_INTENT, [(each.intent_id,) for each in accepted])
    if intents:
        opened = [_intent_line(sync, run, each) for each in intents]
        connection.exec_driver_sql(_ADD_INTENT, opened)


def _record_at_once(
    connection: sa.Connection, sync: str, run: str, accepted: Sequence[Line], intents: Sequence[Line]
) -> None:
    """Do the same in one statement: in Postgres each is a round trip.

    All parts of a statement see the tables as they were before it, so an intent that is closed and opened
    anew needs two.
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
        given += _intent_line(sync, run, each)
    if given:
        connection.exec_driver_sql(_statement(len(accepted), len(intents)), tuple(given))


@lru_cache(maxsize=512)
def _statement(settled: int, opened: int) -> str:
    """Return the statement that writes so many outcomes and intents; the same text is planned once by the
    server.
    """
    outcomes, intents = _add_outcomes(_places(settled, 4)), _add_intents(_places(opened, 6))
    closing = "DELETE FROM hubspot_intents WHERE id = ANY(%s)"
    if not settled:
        return intents
    if not opened:
        return f"WITH settled AS ({outcomes}) {closing}"
    return f"WITH settled AS ({outcomes}), closed AS ({closing}) {intents}"


def _places(lines: int, columns: int) -> str:
    line = f"({', '.join(['%s'] * columns)})"
    return ", ".join([line] * lines)


def _intent_line(sync: str, run: str, opened: Line) -> tuple[Any, ...]:
    payload = intent_payload(
        opened.payload, name=opened.intent_id, sync=sync, action=opened.action, sent_at=opened.at
    )
    return opened.intent_id, sync, run, opened.action, opened.at, payload


def outcome_line(sync: str, run: str, settled: Line) -> dict[str, Any]:
    """Outcomes as a line of their table."""
    payload = outcome_payload(settled.payload, sync=sync, settled_at=settled.at)
    return {"sync": sync, "run": run, "settled_at": settled.at, "payload": payload}
