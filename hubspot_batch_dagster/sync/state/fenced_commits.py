"""Commits that only the latest run of a sync can make.

They are grouped: whichever thread gets the writer commits for all that wait, so a slow disk costs latency and not throughput.
Each commit begins with an update of the sync's line in ``hubspot_generations``, where the run must be the latest, and is rolled
back where it is not. The update holds the line until the commit: a run that begins meanwhile waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hubspot_batch_dagster.api.errors import Overtaken, StoreError
from hubspot_batch_dagster.sync.state import sql_schema as schema
from hubspot_batch_dagster.sync.state.journal import Generation, overtaken
from hubspot_batch_dagster.sync.state.sql_database import Database

Work = Callable[[sa.Connection], object]

_FENCE = (
    sa.update(schema.generations)
    .where(schema.generations.c.sync == sa.bindparam("of"), schema.generations.c.run == sa.bindparam("by"))
    .values(beat=schema.generations.c.beat + 1)
)
_ADD_TESTIMONY = sa.insert(schema.testimony)


@dataclass
class _Waiting:
    sync: str
    run: str
    work: Work
    testimony: Sequence[Mapping[str, Any]] = ()
    done: bool = False
    error: BaseException | None = field(default=None, repr=False)


class FencedCommits:
    """Commits for all threads and syncs of a journal.

    Args:
        database: Where.
        latest: The latest run of a sync.
    """

    def __init__(self, database: Database, latest: Callable[[str], Generation | None]) -> None:
        self._database = database
        self._latest = latest
        self._waiting: list[_Waiting] = []
        self._mutex = threading.Lock()
        self._writer = threading.Lock()

    def commit(self, sync: str, run: str, work: Work, testimony: Sequence[Mapping[str, Any]] = ()) -> None:
        """Do work in a transaction in which the run is the latest of its sync.

        Args:
            sync: Whose.
            run: In which run.
            work: What to write; it may be done twice, where the answer to a commit was lost.
            testimony: Lines that are kept where the run has been overtaken.

        Raises:
            Overtaken: A later run has begun; nothing but ``testimony`` was written.
            StoreError: It could not be written.
        """
        mine = _Waiting(sync, run, work, testimony)
        with self._mutex:
            self._waiting.append(mine)
        with self._writer:
            if not mine.done:
                with self._mutex:
                    waiting, self._waiting = self._waiting, []
                for of in dict.fromkeys((each.sync, each.run) for each in waiting):
                    self._commit_group([each for each in waiting if (each.sync, each.run) == of], *of)
        if mine.error is not None:
            raise mine.error

    def _commit_group(self, group: list[_Waiting], sync: str, run: str) -> None:
        def go() -> None:
            with self._database.engine.begin() as connection:
                if connection.execute(_FENCE, {"of": sync, "by": run}).rowcount != 1:
                    raise self.overtaken(sync, run)
                for each in group:
                    each.work(connection)

        try:
            self._database.patiently("write", go)
        except BaseException as error:
            for each in group:
                each.error = error
            if isinstance(error, Overtaken):
                self._testify([line for each in group for line in each.testimony])
            elif not isinstance(error, StoreError):
                raise
        finally:
            for each in group:
                each.done = True

    def _testify(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Keep what a run heard that may not write any more; where even that fails, the later run finds out by itself."""

        def go() -> None:
            with self._database.engine.begin() as connection:
                connection.execute(_ADD_TESTIMONY, list(lines))

        if lines:
            with suppress(StoreError):
                self._database.patiently("write", go)

    def overtaken(self, sync: str, run: str) -> Overtaken:
        """The error for a run that is not the latest of its sync any more."""
        return overtaken(self._latest(sync), sync, run)
