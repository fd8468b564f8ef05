"""Where the ids tables and the journal live.

A store is a folder or any fsspec URL. Each sync has a folder of its own in it, with its ids table
(``ids.parquet``, replaced atomically) and the tables of its last runs (``runs/<run>/``). The journal is a
SQLite file beside them, or a database that several hosts share.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import sqlalchemy as sa
from filelock import FileLock, Timeout

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.journal import Journal

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

KEEP_RUNS = 10


class Store:
    """Ids tables and journal of a project.

    Args:
        root: A folder, or a URL that fsspec understands (``s3://bucket/hubspot``).
        journal_url: SQLAlchemy URL of the journal. By default a SQLite file in ``root``; required when
            ``root`` is not a local folder, for a journal must be durable before a request leaves.
        lock_wait: Seconds to wait for another run of the same sync before giving up.
        clock: Seconds since 1970; injectable.

    Raises:
        StoreError: The folder cannot be written or the journal cannot be opened.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        journal_url: str | None = None,
        lock_wait: float = 900.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.root = os.fspath(root)
        self._lock_wait = lock_wait
        self._remote: AbstractFileSystem | None = None
        if "://" in self.root and not self.root.startswith("file://"):
            self._remote, self._base = _filesystem(self.root)
            if journal_url is None:
                raise StoreError(
                    f"The store {self.root} is not a local folder, and the journal has no place.",
                    remedy="Give journal= a database URL that all hosts reach, such as postgresql+psycopg://…",
                )
        else:
            self._base = os.fspath(Path(self.root.removeprefix("file://")).absolute())
            self._make_folder(Path(self._base))
        self.journal = Journal(journal_url or f"sqlite:///{Path(self._base) / 'journal.db'}", clock=clock)

    def __repr__(self) -> str:
        return f"Store({self.root!r}, {self.journal!r})"

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

    def path(self, sync: str, *parts: str) -> str:
        """Path or URL of a file of the sync."""
        location = "/".join([self._base, *(quote(part, safe="") for part in sync.split("/")), *parts])
        return location if self._remote is None else self._remote.unstrip_protocol(location)

    @contextlib.contextmanager
    def local_ids(self, sync: str) -> Iterator[Path | None]:
        """The ids table as a local file (a copy if the store is remote); ``None`` before the first run."""
        yield from self._local(sync, "ids.parquet")

    @contextlib.contextmanager
    def local(self, sync: str, name: str) -> Iterator[Path | None]:
        """Another file of the sync as a local file; ``None`` where there is none."""
        yield from self._local(sync, name)

    @contextlib.contextmanager
    def local_file(self, sync: str, *parts: str) -> Iterator[Path | None]:
        """Any file of the sync as a local one; ``None`` if there is none."""
        yield from self._local(sync, *parts)

    def replace_ids(self, sync: str, written: Path) -> None:
        """Put a new ids table in the place of the old one: a reader sees the one or the other, never half of one."""
        self.put(sync, written, "ids.parquet")

    def put(self, sync: str, written: Path, *parts: str) -> str:
        """Move a local file into the store, atomically; returns its path or URL."""
        target = self.path(sync, *parts)
        try:
            if self._remote is None:
                _replace(written, Path(target))
            else:
                self._remote.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
                half = f"{target}.{uuid.uuid4().hex[:8]}.tmp"
                self._remote.put_file(os.fspath(written), half)
                self._remote.mv(half, target)
                written.unlink()
        except OSError as error:
            raise _cannot("write", target, error) from None
        return target

    def forget_old_runs(self, sync: str) -> list[str]:
        """Delete the tables of all but the last runs; returns the ids of those that are kept. Run ids sort by time."""
        folder = self.path(sync, "runs")
        with contextlib.suppress(OSError):
            if self._remote is None:
                runs = sorted(each.name for each in Path(folder).iterdir())
                for old in runs[:-KEEP_RUNS]:
                    shutil.rmtree(Path(folder) / old, ignore_errors=True)
            else:
                runs = sorted(
                    name.rstrip("/").rsplit("/", 1)[1] for name in self._remote.ls(folder, detail=False)
                )
                for old in runs[:-KEEP_RUNS]:
                    self._remote.rm(f"{folder}/{old}", recursive=True)
            return runs[-KEEP_RUNS:]
        return []

    def syncs(self) -> list[str]:
        """Names of the syncs that have an ids table here."""
        if self._remote is None:
            found = [
                os.fspath(each.parent.relative_to(self._base))
                for each in Path(self._base).rglob("ids.parquet")
            ]
        else:
            found = [
                name.removeprefix(self._base).strip("/").rsplit("/", 1)[0]
                for name in self._remote.find(self._base)
                if name.endswith("/ids.parquet")
            ]
        return sorted(unquote(name) for name in found if "/runs/" not in f"/{name}/")

    @contextlib.contextmanager
    def lock(self, sync: str) -> Iterator[None]:
        """Keep other runs of the sync out, in every process and, with a shared journal, on every host.

        The lock of a process that died is free.

        Raises:
            StoreError: Another run held it for longer than ``lock_wait``.
        """
        if self.journal.dialect == "postgresql":
            yield from self._database_lock(sync)
            return
        path = self._here() / ".locks" / (quote(sync, safe="") + ".lock")
        self._make_folder(path.parent)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=self._lock_wait)
        except Timeout:
            raise self._busy(sync) from None
        except OSError as error:
            raise _cannot("lock", str(path), error) from None
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def scratch(self, sync: str) -> Iterator[Path]:
        """A folder of this host for the run's own files; what a killed run left there is cleared first.

        The caller holds the sync's lock.
        """
        folder = self._here() / ".scratch" / quote(sync, safe="")
        shutil.rmtree(folder, ignore_errors=True)
        self._make_folder(folder)
        folder.chmod(0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def check_writable(self, sync: str) -> None:
        """Write and remove a small file, so that a full disk or a read-only folder stops a run before it sends.

        Raises:
            StoreError: It cannot be written.
        """
        try:
            folder = tempfile.TemporaryDirectory()
        except OSError as error:
            raise _cannot("use", "the folder for temporary files", error) from None
        with folder:
            probe = Path(folder.name) / "probe"
            try:
                probe.write_bytes(b"\0" * 4096)
            except OSError as error:
                raise _cannot("write", str(probe), error) from None
            target = self.put(sync, probe, ".probe")
            with contextlib.suppress(OSError):
                Path(target).unlink() if self._remote is None else self._remote.rm_file(target)

    def _here(self) -> Path:
        """The store's folder on this host; a remote store has one of its own for each user and URL."""
        if self._remote is None:
            return Path(self._base)
        mark = hashlib.sha256(f"{getpass.getuser()} {self.root}".encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"hubspot-batch-dagster-{mark}"

    def _database_lock(self, sync: str) -> Iterator[None]:
        number = int.from_bytes(
            hashlib.sha256(f"hubspot-batch-dagster:{sync}".encode()).digest()[:8], "big", signed=True
        )
        deadline = time.monotonic() + self._lock_wait
        with self.journal.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not connection.execute(sa.text("SELECT pg_try_advisory_lock(:n)"), {"n": number}).scalar():
                if time.monotonic() >= deadline:
                    raise self._busy(sync)
                time.sleep(min(0.25, self._lock_wait))
            try:
                yield
            finally:
                connection.execute(sa.text("SELECT pg_advisory_unlock(:n)"), {"n": number})

    def _busy(self, sync: str) -> StoreError:
        return StoreError(
            f"Another run of {sync!r} is at work, and did not end within {self._lock_wait:g} s.",
            remedy="Wait for it or terminate it, then run again. The lock of a process that died is free by itself.",
        )

    def _local(self, sync: str, *parts: str) -> Iterator[Path | None]:
        source = self.path(sync, *parts)
        if self._remote is None:
            yield Path(source) if Path(source).exists() else None
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / parts[-1]
            try:
                self._remote.get_file(source, os.fspath(copy))
            except FileNotFoundError:
                yield None
                return
            except OSError as error:
                raise _cannot("read", source, error) from None
            yield copy

    @staticmethod
    def _make_folder(folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot("make", str(folder), error) from None


def _filesystem(url: str) -> tuple[AbstractFileSystem, str]:
    import fsspec

    filesystem, base = fsspec.core.url_to_fs(url)
    return filesystem, base.rstrip("/")


def _replace(written: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        shutil.move(os.fspath(written), beside)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _cannot(verb: str, where: str, error: OSError) -> StoreError:
    return StoreError(
        f"Cannot {verb} {where}: {error.strerror or error}.",
        remedy="Check that the disk has room and that this user may write there, or give the resource another store=.",
    )
