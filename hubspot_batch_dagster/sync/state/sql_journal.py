"""The journal in a database: SQLite serves one host and Postgres several, both through SQLAlchemy.

:mod:`hubspot_batch_dagster.sync.state.fenced_commits` makes the commits of a run; only
:meth:`SqlJournal.begin` is made apart.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.batches.journal_entries import (
    INTENT_COLUMNS,
    OUTCOME_COLUMNS,
    Intent,
    Line,
    Outcomes,
    pack,
)
from hubspot_batch_dagster.sync.state import sql_schema as schema
from hubspot_batch_dagster.sync.state.fenced_commits import FencedCommits
from hubspot_batch_dagster.sync.state.identity import renamed
from hubspot_batch_dagster.sync.state.journal import Generation, Journal
from hubspot_batch_dagster.sync.state.locks import database_lock, file_lock
from hubspot_batch_dagster.sync.state.sql_database import Database
from hubspot_batch_dagster.sync.state.sql_lines import (
    ADD_OUTCOMES,
    CLOSE_INTENT,
    check_generation,
    check_lines,
    check_pages,
    images_of_line,
    images_payload,
    insert_once,
    intent_of,
    intent_payload,
    outcome_payload,
    outcomes_of_line,
    payload_of_line,
    rename_lines,
    rewrite_intent,
    shrink_intent,
    sum_generation,
)
from hubspot_batch_dagster.sync.state.sql_record import outcome_line, record


class SqlJournal(Journal):
    """The journal in a database.

    Args:
        url: A SQLAlchemy URL: ``sqlite:///…/journal.db`` or ``postgresql+psycopg://…``.
        patience: Seconds for which a server that is away is tried again.
        locks: Where the locks of a SQLite journal are.

    Raises:
        StoreError: The database cannot be opened, is damaged, or was written by a newer version.
    """

    def __init__(self, url: str, *, patience: float = 60.0, locks: Path | None = None) -> None:
        self._database = Database(url, patience=patience)
        self._locks = locks
        self._commits = FencedCommits(self._database, self.generation)
        self._commit = self._commits.commit
        self._add_intents = insert_once(self._database.dialect, schema.intents)
        self._database.first_contact(self._migrate)
        if self.dialect == "sqlite":  # a server looks after its own pages
            self._database.first_contact(self._check)

    def __repr__(self) -> str:
        return f"SqlJournal({self._database.where!r})"

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._database.dialect

    @property
    def stop(self) -> threading.Event:
        return self._database.patience.stop

    @stop.setter
    def stop(self, event: threading.Event) -> None:
        self._database.patience.stop = event

    def close(self) -> None:
        self._database.close()

    def try_lock(self, sync: str) -> Callable[[], None] | None:
        if self.dialect == "postgresql":
            return self._database.patiently("lock", lambda: database_lock(self._database.engine, sync))
        return file_lock(self._locks, sync) if self._locks is not None else lambda: None

    def generation(self, sync: str) -> Generation | None:
        line = self._line(sync)
        return line if line is not None and line.run else None

    def _line(self, sync: str) -> Generation | None:
        """Return a sync's line; without a run where it was renamed, for numbers are never given twice."""
        query = sa.select(schema.generations).where(schema.generations.c.sync == sync)

        def read() -> Generation | None:
            with self._database.engine.connect() as connection:
                line = connection.execute(query).first()
            if line is None:
                return None
            check_generation(line)
            known = (line.generation, line.run, line.holder, line.beat, line.current, line.identity)
            return Generation(*known, seal=line.seal, history=line.history)

        return self._database.patiently("read", read)

    def begin(self, sync: str, run: str, *, after: int = 0, holder: str = "") -> Generation:
        latest = self._line(sync)
        number = max(latest.number if latest else 0, after) + 1
        table = schema.generations
        values = {"generation": number, "run": run, "holder": holder, "beat": 0}

        def go() -> None:
            with self._database.engine.begin() as connection:
                found = connection.execute(sa.select(table).where(table.c.sync == sync)).first()
                if found is not None and found.run == run:
                    return  # the answer to the first try was lost
                if latest is None:
                    connection.execute(insert_once(self.dialect, table).values(sync=sync, **values))
                else:
                    line = sa.update(table).where(
                        table.c.sync == sync, table.c.generation == latest.number, table.c.run == latest.run
                    )
                    connection.execute(line.values(**values))
                now = connection.execute(sa.select(table.c.run).where(table.c.sync == sync)).scalar()
                if now != run:
                    raise self._commits.overtaken(sync, run)
                sum_generation(connection, sync)

        self._database.patiently("write", go)
        made = self.generation(sync)
        if made is None or made.run != run:
            raise self._commits.overtaken(sync, run)
        return made

    def beat(self, sync: str, run: str) -> None:
        self._commit(sync, run, lambda _: None)

    def bind(self, sync: str, run: str, identity: str) -> None:
        line = sa.update(schema.generations).where(schema.generations.c.sync == sync)

        def work(connection: sa.Connection) -> None:
            connection.execute(line.values(identity=identity))
            sum_generation(connection, sync)

        self._commit(sync, run, work)

    def end(self, sync: str, run: str) -> None:
        line = sa.update(schema.generations).where(schema.generations.c.sync == sync)
        with suppress(StoreError):  # a later run has begun, or the next one finds no sign of life
            self._commit(sync, run, lambda connection: connection.execute(line.values(holder="")))

    def intend(self, sync: str, run: str, intent: Intent) -> None:
        values = {
            "id": intent.id,
            "sync": sync,
            "run": run,
            "action": intent.action,
            "sent_at": intent.sent_at,
            "payload": intent_payload(
                pack(intent, INTENT_COLUMNS),
                name=intent.id,
                sync=sync,
                action=intent.action,
                sent_at=intent.sent_at,
            ),
        }
        self._commit(sync, run, lambda connection: connection.execute(self._add_intents, values))

    def settle(
        self, sync: str, run: str, outcomes: Outcomes, *, intent_id: str | None, left: Intent | None = None
    ) -> None:
        values = {
            "sync": sync,
            "run": run,
            "settled_at": outcomes.settled_at,
            "payload": outcome_payload(
                pack(outcomes, OUTCOME_COLUMNS), sync=sync, settled_at=outcomes.settled_at
            ),
        }

        def work(connection: sa.Connection) -> None:
            if len(outcomes):
                connection.execute(ADD_OUTCOMES, values)
            if intent_id is not None and left is None:
                connection.execute(CLOSE_INTENT, {"closed": intent_id})
            elif left is not None:
                rewrite_intent(connection, left)

        intent = intent_id or (left.id if left is not None else None)
        heard = [{**values, "intent": intent}] if intent and len(outcomes) else []
        self._commit(sync, run, work, heard)

    def record(self, sync: str, run: str, accepted: Sequence[Line], intents: Sequence[Line]) -> None:
        heard = [{**outcome_line(sync, run, each), "intent": each.intent_id} for each in accepted]
        self._commit(sync, run, lambda connection: record(connection, sync, run, accepted, intents), heard)

    def take_testimony(self, sync: str, run: str) -> list[tuple[str, Outcomes]]:
        table, taken = schema.testimony, list[tuple[str, Outcomes]]()

        def work(connection: sa.Connection) -> None:
            taken.clear()
            lines = connection.execute(
                sa.select(table).where(table.c.sync == sync).order_by(table.c.seq)
            ).all()
            for line in lines:
                outcomes = outcomes_of_line(line)
                known = connection.execute(
                    sa.select(schema.intents).where(schema.intents.c.id == line.intent)
                ).first()
                if known is not None:
                    taken.append((str(line.intent), outcomes))
                    connection.execute(
                        ADD_OUTCOMES,
                        {
                            "sync": sync,
                            "run": line.run,
                            "settled_at": line.settled_at,
                            "payload": line.payload,
                        },
                    )
                    shrink_intent(connection, intent_of(known), outcomes)
                connection.execute(sa.delete(table).where(table.c.seq == line.seq))

        if self._any(table, sync):
            self._commit(sync, run, work)
        return taken

    def open_intents(self, sync: str) -> list[Intent]:
        table = schema.intents
        query = sa.select(table).where(table.c.sync == sync).order_by(table.c.sent_at, table.c.id)

        def read() -> list[Intent]:
            with self._database.engine.connect() as connection:
                return [intent_of(line) for line in connection.execute(query)]

        return self._database.patiently("read", read)

    def outcomes(self, sync: str) -> Iterator[Outcomes]:
        for line in self._pages(schema.outcomes, schema.outcomes.c.sync == sync):
            with self._database.explained("read"):
                found = outcomes_of_line(line)
            yield found

    def conclude(
        self,
        sync: str,
        run: str,
        *,
        current: int | None,
        forget: bool,
        kept_runs: Sequence[str] = (),
        seal: str | None = None,
        history: int | None = None,
    ) -> None:
        line = sa.update(schema.generations).where(schema.generations.c.sync == sync).values(current=current)
        line = line if seal is None else line.values(seal=seal)
        line = line if history is None else line.values(history=history)
        table = schema.before
        old = sa.delete(table).where(table.c.sync == sync, table.c.run.not_in(list(kept_runs)))

        def work(connection: sa.Connection) -> None:
            connection.execute(line)
            sum_generation(connection, sync)
            if forget:
                connection.execute(sa.delete(schema.outcomes).where(schema.outcomes.c.sync == sync))
            if kept_runs:
                connection.execute(old)

        self._commit(sync, run, work)

    def keep_before(self, sync: str, run: str, images: list[dict[str, str | None]]) -> None:
        values = {"sync": sync, "run": run, "payload": images_payload(images, sync=sync, run=run)}
        self._commit(sync, run, lambda connection: connection.execute(sa.insert(schema.before), values))

    def before(self, sync: str, run: str) -> Iterator[dict[str, str | None]]:
        table = schema.before
        for line in self._pages(table, sa.and_(table.c.sync == sync, table.c.run == run)):
            with self._database.explained("read"):
                images = images_of_line(line)
            yield from images

    def rewrite_keys(self, sync: str, run: str, new: Mapping[str, str]) -> None:
        def work(connection: sa.Connection) -> None:
            for table, columns in ((schema.intents, INTENT_COLUMNS), (schema.outcomes, OUTCOME_COLUMNS)):
                name = table.primary_key.columns[0]
                for line in connection.execute(sa.select(table).where(table.c.sync == sync)).all():
                    entry = intent_of(line) if table is schema.intents else outcomes_of_line(line)
                    keys = [new.get(key, key) for key in entry.keys]
                    if keys != entry.keys:
                        payload = payload_of_line(table, line, pack(replace(entry, keys=keys), columns), sync)
                        connection.execute(sa.update(table).where(name == line[0]).values(payload=payload))

        self._commit(sync, run, work)

    def rename(self, sync: str, new: str, run: str, *, seal: str = "") -> None:
        table = schema.generations

        def work(connection: sa.Connection) -> None:
            identity, number = connection.execute(
                sa.select(table.c.identity, table.c.generation).where(table.c.sync == sync)
            ).one()
            # The line of the new name is held until the commit, as that of the old one is.
            taken = (
                sa.update(table).where(table.c.sync == new, table.c.run == run).values(beat=table.c.beat + 1)
            )
            if connection.execute(taken).rowcount != 1:
                raise self._commits.overtaken(new, run)
            there = connection.execute(sa.select(table.c.generation).where(table.c.sync == new)).scalar_one()
            connection.execute(sa.delete(table).where(table.c.sync == new))
            rename_lines(connection, sync, new)
            line = sa.update(table).where(table.c.sync == sync)
            values = {"sync": new, "generation": max(number, there), "seal": seal, "holder": ""}
            connection.execute(line.values(identity=renamed(identity or "", new), **values))
            connection.execute(sa.insert(table).values(sync=sync, generation=max(number, there), run=""))
            for each in (sync, new):
                sum_generation(connection, each)

        self._commit(sync, run, work)

    def summary(self) -> list[tuple[str, int, int]]:
        def read() -> list[tuple[str, int, int]]:
            with self._database.engine.connect() as connection:
                opened, settled = (
                    {
                        str(sync): int(n)
                        for sync, n in connection.execute(
                            sa.select(table.c.sync, sa.func.count()).group_by(table.c.sync)
                        )
                    }
                    for table in (schema.intents, schema.outcomes)
                )
                return [
                    (sync, opened.get(sync, 0), settled.get(sync, 0)) for sync in sorted({*opened, *settled})
                ]

        return self._database.patiently("read", read)

    def _pages(self, table: sa.Table, condition: sa.ColumnElement[bool]) -> Iterator[Any]:
        """Yield lines in order, some hundred at a time; after a server was away the rest is asked for."""
        last = -1
        while True:
            query = sa.select(table).where(condition, table.c.seq > last).order_by(table.c.seq).limit(500)

            def read(query: sa.Select[Any] = query) -> list[Any]:
                with self._database.engine.connect() as connection:
                    return list(connection.execute(query))

            lines = self._database.patiently("read", read)
            for line in lines:
                last = line.seq
                yield line
            if len(lines) < 500:
                return

    def _any(self, table: sa.Table, sync: str) -> bool:
        def read() -> bool:
            with self._database.engine.connect() as connection:
                return (
                    connection.execute(sa.select(table.c.seq).where(table.c.sync == sync).limit(1)).first()
                    is not None
                )

        return self._database.patiently("read", read)

    def _check(self) -> None:
        with self._database.engine.connect() as connection:
            check_pages(connection)
            check_lines(connection)

    def _migrate(self) -> None:
        with self._database.alone() as connection:
            schema.metadata.create_all(connection)
            found = connection.execute(sa.select(schema.version.c.version)).scalar()
            if found is None:
                connection.execute(sa.insert(schema.version).values(version=schema.SCHEMA_VERSION))
            elif found > schema.SCHEMA_VERSION:
                raise StoreError(
                    f"The journal {self._database.where} was written by a newer version "
                    f"(format {found}, this one reads {schema.SCHEMA_VERSION}).",
                    remedy="Upgrade hubspot-batch-dagster, or give this deployment a store of its own.",
                )
            else:
                for version in range(found, schema.SCHEMA_VERSION):
                    schema.MIGRATIONS[version](connection)
                connection.execute(sa.update(schema.version).values(version=schema.SCHEMA_VERSION))
