"""Where the journal of a seed is, and how the run at work loses its lock there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from obstore.store import LocalStore

from hubspot_batch_dagster.sync.state import locks
from hubspot_batch_dagster.sync.state.bucket_journal import BucketJournal
from hubspot_batch_dagster.sync.state.journal import Journal
from hubspot_batch_dagster.sync.state.store import Store
from tests.bench.servers import Postgres, installed_binaries, new_database

LOSSES = {
    "sqlite": ("lock file deleted", "process stopped"),
    "postgres": ("connection killed", "server restarted", "process stopped"),
    "bucket": ("process stopped", "no sign of life"),
}
"""Journal -> how a lock is lost there. In a bucket there is none but the signs of life."""

BY_LEASE = ("process stopped", "no sign of life")
"""The lock is not taken away: the waiting run sees no sign of life of its holder."""
LEASE = 0.2

LOCK_WAIT = 20.0


class Journals:
    """The places of the seeds' journals; a Postgres is started when the first seed needs it."""

    def __init__(self) -> None:
        self.postgres: Postgres | None = None

    @staticmethod
    def known() -> list[str]:
        """Those that this machine has."""
        return [each for each in LOSSES if each != "postgres" or Postgres.reason_to_skip() is None]

    def new(self, journal: str) -> str | None:
        """An empty one; the URL of its database, if it has one."""
        if journal != "postgres":
            return None
        if self.postgres is None:
            binaries = installed_binaries()
            assert binaries is not None
            self.postgres = Postgres(binaries)
        return new_database(self.postgres)

    def lose(self, loss: str, first: int, store: Path, url: str | None) -> None:
        """Take the first run's lock away."""
        if loss == "process stopped":
            os.kill(first, signal.SIGSTOP)
        elif loss == "lock file deleted":
            for each in (store / ".locks").glob("*"):
                each.unlink()
        elif loss == "connection killed":
            assert url is not None
            with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
        elif loss == "server restarted":
            assert self.postgres is not None
            self.postgres.down()
            self.postgres.up()

    def stop(self) -> None:
        """End the server, if there is one."""
        if self.postgres is not None:
            self.postgres.stop()


def open_store(folder: Path, journal: str, url: str | None) -> Store:
    """The store of a seed, in the process of a run."""
    store = Store(folder / "store", journal_url=url, lock_wait=LOCK_WAIT)
    if journal == "bucket":
        store.journal.close()
        objects = LocalStore(folder / "bucket", mkdir=True)
        store.journal = BucketJournal("file://bucket", objects=objects)
    return store


def wait_for_loss(lost: Path) -> None:
    """In the process of the second run: come to the lock only when the first run has lost it, and wait for no
    long silence.
    """
    locks._LOOK = 0.05
    waited_for = locks._waited_for

    def patched(journal: Journal, sync: str, wait: float, _lease: float) -> Callable[[], None]:
        ends = time.monotonic() + LOCK_WAIT
        while not lost.exists() and time.monotonic() < ends:
            time.sleep(0.002)
        return waited_for(journal, sync, wait, LEASE)

    locks._waited_for = patched
