"""Locks are manners: they make a second run of a sync wait, and say for whom. What keeps two runs apart is
the journal.

A lock whose holder has vanished is not waited for: its holder's line in the journal does not move any more.
How long it has not is measured on the waiter's own clock; the clocks of two hosts are never compared.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from threading import Event, Thread

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

from hubspot_batch_dagster.api.errors import HubSpotError, Overtaken, StoreError
from hubspot_batch_dagster.sync.state.journal import Generation, Journal
from hubspot_batch_dagster.sync.state.names import file_name_of
from hubspot_batch_dagster.sync.state.private_files import cannot, make_folder

logger = logging.getLogger(__name__)

LEASE = 60.0
"""Seconds without a sign of life after which a holder is not waited for."""

BEAT = 10.0
"""Seconds between two signs of life."""

_LOOK = 0.25


def locks_of(url: str, here: Path) -> Path:
    """Locks lie beside the journal that they protect, where that is a file."""
    where = sa.engine.make_url(url)
    beside = where.get_backend_name() == "sqlite" and where.database not in (None, "", ":memory:")
    return (Path(str(where.database)).absolute().parent if beside else here) / ".locks"


def file_lock(folder: Path, sync: str) -> Callable[[], None] | None:
    """Return a sync's lock as a file of this host; the lock of a process that died is free.

    Raises:
        StoreError: The file cannot be made.
    """
    path = folder / f"{file_name_of(sync)}.lock"
    make_folder(folder, base=folder.parent)
    lock = FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except OSError as error:
        raise cannot("lock", str(path), error) from None
    return lock.release


def database_lock(engine: sa.Engine, sync: str) -> Callable[[], None] | None:
    """Return a sync's lock in Postgres; the lock of a connection that ended is free."""
    digest = hashlib.sha256(f"hubspot-batch-dagster:{sync}".encode()).digest()
    number = {"n": int.from_bytes(digest[:8], "big", signed=True)}
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        taken = connection.execute(sa.text("SELECT pg_try_advisory_lock(:n)"), number).scalar()
    except BaseException:
        connection.close()
        raise
    if not taken:
        connection.close()
        return None

    def release() -> None:
        try:
            connection.execute(sa.text("SELECT pg_advisory_unlock(:n)"), number)
            connection.close()
        except SQLAlchemyError:  # the connection was cut, and the lock with it
            with suppress(SQLAlchemyError):
                connection.invalidate()
                connection.close()

    return release


@contextmanager
def held(journal: Journal, sync: str, *, wait: float, lease: float = LEASE) -> Iterator[None]:
    """Wait for the sync's lock and keep it. A holder without a sign of life for ``lease`` seconds is not
    waited for.

    Raises:
        StoreError: Another run was alive for all of ``wait`` seconds.
    """
    release = _waited_for(journal, sync, wait, lease)
    try:
        yield
    finally:
        release()


def _waited_for(journal: Journal, sync: str, wait: float, lease: float) -> Callable[[], None]:
    began = since = looked = time.monotonic()
    line = seen = None
    told = False
    while (release := journal.try_lock(sync)) is None:
        now = time.monotonic()
        if now >= looked:
            line, looked = journal.generation(sync), now + 1.0
        if _sign(line) != seen:
            seen, since = _sign(line), now
        elif now - since >= lease:
            logger.warning(
                "The lock of %r is held by %s, without a sign of life for %g s: this run goes on without it.",
                sync,
                _holder(line),
                lease,
            )
            return lambda: None
        if now - began >= wait:
            raise StoreError(
                f"Another run of {sync!r} is at work ({_holder(line)}), and did not end within {wait:g} s.",
                remedy=(
                    "Wait for it or terminate it, then run again, or raise lock_wait. "
                    "The lock of a process that died is free by itself."
                ),
            )
        if not told:
            logger.warning("Another run of %r is at work (%s): waiting for it.", sync, _holder(line))
            told = True
        time.sleep(min(_LOOK, wait))
    return release


@contextmanager
def alive(
    journal: Journal, sync: str, run: str, *, on_overtaken: Callable[[HubSpotError], None]
) -> Iterator[None]:
    """Give a sign of life every few seconds while a run is at work, and hear of it when a later one has
    begun.
    """
    over = Event()

    def beating() -> None:
        while not over.wait(BEAT):
            try:
                journal.beat(sync, run)
            except Overtaken as error:
                on_overtaken(error)
                return
            except StoreError:
                pass  # whoever needs the journal says so

    thread = Thread(target=beating, name="hubspot-alive", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def this_process() -> str:
    """Host, process and moment, for people."""
    return (
        f"{socket.gethostname()}, process {os.getpid()}{_container()}, since"
        f" {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    )


def has_vanished(holder: str) -> bool:
    """Whether a holder is a process of this host that is no more."""
    found = re.fullmatch(r"(.*), process (\d+)(.*), since .*", holder)
    # Containers that share a host name number their processes each by themselves.
    if found is None or found[1] != socket.gethostname() or found[3] != _container():
        return False
    try:
        os.kill(int(found[2]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _container() -> str:
    """Return what tells the processes of a container from those of others on the same host."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())  # Linux: pid:[4026531836] is the host's own
    except OSError:
        return ""
    return "" if space == "pid:[4026531836]" else f" in {space}"


def _sign(line: Generation | None) -> tuple[int, int]:
    return (0, 0) if line is None else (line.number, line.beat)


def _holder(line: Generation | None) -> str:
    return line.holder if line is not None and line.holder else "a process that has not begun to write"
