"""Commits that only the latest run of a sync can make.

They are grouped (:mod:`~hubspot_batch_dagster.sync.state.group_commits`). Each commit begins with an update
of the sync's line in ``hubspot_generations``, where the run must be the latest, and is rolled back where it
is not. The update holds the line until the commit: a run that begins meanwhile waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from hubspot_batch_dagster.api.errors import Overtaken, StoreError
from hubspot_batch_dagster.sync.state import sql_schema as schema
from hubspot_batch_dagster.sync.state.group_commits import GroupCommits
from hubspot_batch_dagster.sync.state.journal import Generation, overtaken
from hubspot_batch_dagster.sync.state.sql_database import Database
from hubspot_batch_dagster.sync.state.sql_record import PLACES

Work = Callable[[sa.Connection], object]

_FENCE = {
    dialect: f"UPDATE hubspot_generations SET beat = beat + 1 WHERE sync = {place} AND run = {place}"
    for dialect, place in PLACES.items()
}
_ADD_TESTIMONY = sa.insert(schema.testimony)


class FencedCommits:
    """Commits for all threads and syncs of a journal.

    Args:
        database: Where.
        latest: The latest run of a sync.
    """

    def __init__(self, database: Database, latest: Callable[[str], Generation | None]) -> None:
        self._database = database
        self._latest = latest
        self._groups = GroupCommits[Work, Mapping[str, Any]](self._write, self._testify)

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
        self._groups.commit(sync, run, work, testimony)

    def _write(self, sync: str, run: str, works: list[Work]) -> None:
        fence = _FENCE[self._database.dialect]

        def go() -> None:
            with self._database.engine.begin() as connection:
                if connection.exec_driver_sql(fence, (sync, run)).rowcount != 1:
                    raise self.overtaken(sync, run)
                for work in works:
                    work(connection)

        self._database.patiently("write", go)

    def _testify(self, _run: str, lines: Sequence[Mapping[str, Any]]) -> None:
        """Keep what a run heard that may not write any more; where even that fails, the later run finds out
        by itself.
        """

        def go() -> None:
            with self._database.engine.begin() as connection:
                connection.execute(_ADD_TESTIMONY, list(lines))

        if lines:
            with suppress(StoreError):
                self._database.patiently("write", go)

    def overtaken(self, sync: str, run: str) -> Overtaken:
        """Return the error for a run that is not the latest of its sync any more."""
        return overtaken(self._latest(sync), sync, run)
