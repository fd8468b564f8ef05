"""Lines of the journal's tables as what they stand for, and back. Each has a sum, of its payload and of its
own columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pydantic_core
import sqlalchemy as sa

from hubspot_batch_dagster.sync.batches.journal_entries import (
    INTENT_COLUMNS,
    OUTCOME_COLUMNS,
    Intent,
    Outcomes,
    pack,
    unpack,
)
from hubspot_batch_dagster.sync.batches.seals import bound, closed, sum_of, unbroken
from hubspot_batch_dagster.sync.state import sql_schema as schema

CLOSE_INTENT = sa.delete(schema.intents).where(schema.intents.c.id == sa.bindparam("closed"))
ADD_OUTCOMES = sa.insert(schema.outcomes)
"""Made once, as the others: to put a statement together costs more than to execute it."""


def insert_once(dialect: str, table: sa.Table) -> Any:
    """Return an insert that may be repeated when the answer to the first was lost."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table).on_conflict_do_nothing()


def intent_payload(payload: bytes, *, name: str, sync: str, action: str, sent_at: float) -> bytes:
    """Return the payload of an intent as its line has it."""
    return bound(payload, name, sync, action, float(sent_at))


def outcome_payload(payload: bytes, *, sync: str, settled_at: float) -> bytes:
    """Return the payload of outcomes as their line has it; that of testimony is the same."""
    return bound(payload, sync, float(settled_at))


def intent_of(line: Any) -> Intent:
    """Return the intent of a line.

    Raises:
        ValueError: The line is damaged; so for the others.
    """
    payload = unbroken(bytes(line.payload), line.id, line.sync, line.action, float(line.sent_at))
    return Intent(id=line.id, action=line.action, sent_at=line.sent_at, **unpack(payload, INTENT_COLUMNS))


def outcomes_of_line(line: Any) -> Outcomes:
    """Return the outcomes of a line."""
    payload = unbroken(bytes(line.payload), line.sync, float(line.settled_at))
    return Outcomes(settled_at=line.settled_at, **unpack(payload, OUTCOME_COLUMNS))


def images_payload(images: list[dict[str, str | None]], *, sync: str, run: str) -> bytes:
    """Before-images as the payload of their line."""
    return bound(closed(b'{"images":%b' % pydantic_core.to_json(images)), sync, run)


def images_of_line(line: Any) -> list[dict[str, str | None]]:
    """Return the before-images of a line; one of an earlier version has nothing but their list."""
    found = pydantic_core.from_json(unbroken(bytes(line.payload), line.sync, line.run))
    return list(found if isinstance(found, list) else found["images"])


def check_generation(line: Any) -> None:
    """Refuse a line of the generations that was changed since it was written."""
    if line.crc and line.crc != _generation_sum(line):
        raise ValueError("it was changed since it was written")


def sum_generation(connection: sa.Connection, sync: str) -> None:
    """Bring the sum of a sync's line up to date; part of each transaction that changes what it is of."""
    table = schema.generations
    line = connection.execute(sa.select(table).where(table.c.sync == sync)).first()
    if line is not None:
        connection.execute(sa.update(table).where(table.c.sync == sync).values(crc=_generation_sum(line)))


def _generation_sum(line: Any) -> str:
    """Who holds it and whether it is alive may change at any time, and decide nothing."""
    history = () if line.history is None else (line.history,)  # a sum of format 4 knows of none
    return sum_of(line.sync, line.generation, line.run, line.current, line.identity, line.seal, *history)


def rewrite_intent(connection: sa.Connection, intent: Intent) -> None:
    """Write what is left of an intent in its place."""
    table = schema.intents
    line = connection.execute(sa.select(table).where(table.c.id == intent.id)).first()
    if line is None:
        return
    payload = payload_of_line(table, line, pack(intent, INTENT_COLUMNS), line.sync)
    connection.execute(sa.update(table).where(table.c.id == intent.id).values(payload=payload))


def shrink_intent(connection: sa.Connection, intent: Intent, heard: Outcomes) -> None:
    """Take the rows that are settled out of an intent."""
    left = intent.without(heard)
    if left is None:
        connection.execute(CLOSE_INTENT, {"closed": intent.id})
    elif left is not intent:
        rewrite_intent(connection, left)


def rename_lines(connection: sa.Connection, sync: str, new: str) -> None:
    """Give the lines of a sync to another name, one by one: their sums are of the name too."""
    for table in (schema.intents, schema.outcomes, schema.testimony, schema.before):
        name = table.primary_key.columns[0]
        several = connection.execute(sa.select(name).where(table.c.sync == sync)).scalars().all()
        for each in several:
            line = connection.execute(sa.select(table).where(name == each)).one()
            connection.execute(
                sa.update(table).where(name == each).values(sync=new, payload=_renamed(table, line, new))
            )


def _renamed(table: sa.Table, line: Any, new: str) -> bytes:
    if table is schema.before:
        return images_payload(images_of_line(line), sync=new, run=line.run)
    if table is schema.intents:
        return payload_of_line(table, line, pack(intent_of(line), INTENT_COLUMNS), new)
    return payload_of_line(table, line, pack(outcomes_of_line(line), OUTCOME_COLUMNS), new)


def payload_of_line(table: sa.Table, line: Any, payload: bytes, sync: str) -> bytes:
    """Return the payload for a line that is there, of intents or of outcomes."""
    if table is schema.intents:
        return intent_payload(payload, name=line.id, sync=sync, action=line.action, sent_at=line.sent_at)
    return outcome_payload(payload, sync=sync, settled_at=line.settled_at)


def check_pages(connection: sa.Connection) -> None:
    """Refuse a SQLite file whose pages do not fit together.

    Raises:
        ValueError: They do not.
    """
    found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    if found != "ok":
        raise ValueError(str(found))


def check_lines(connection: sa.Connection) -> None:
    """Refuse a journal in which a line was changed since it was written, whichever sync it says that it is
    of.

    A line that names another sync would else be missing where it belongs. Before-images are looked at when
    they are read.

    Raises:
        ValueError: There is one.
    """
    for line in connection.execute(sa.select(schema.generations)):
        check_generation(line)
    for table, read in _READ:
        for line in connection.execute(sa.select(table).execution_options(yield_per=100)):
            read(line)


_READ: Sequence[tuple[sa.Table, Any]] = (
    (
        schema.intents,
        lambda line: unbroken(line.payload, line.id, line.sync, line.action, float(line.sent_at)),
    ),
    (schema.outcomes, lambda line: unbroken(line.payload, line.sync, float(line.settled_at))),
    (schema.testimony, lambda line: unbroken(line.payload, line.sync, float(line.settled_at))),
)
