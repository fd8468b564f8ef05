"""Where the ids tables and the journal live.

A store is a folder or any fsspec URL. Each sync has a folder of its own in it: its ids table
(``ids-<generation>.parquet``; the journal says which one counts, and ``ids.parquet`` is a copy of that for
whoever reads it), the portal's definitions as they were (``portal-<generation>.json``, with a copy
``portal.json``), what its runs came to (``journal.runs-<generation>.parquet``, with a copy ``runs.parquet``)
and the tables of its last runs (``runs/<run>/``). The journal is a SQLite file beside them, objects of the
bucket that the store is in, or a database that several hosts share.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from hubspot_batch_dagster.api.errors import HubSpotError, StoreError
from hubspot_batch_dagster.sync.batches.seals import sealed_json, unbroken
from hubspot_batch_dagster.sync.state import locks
from hubspot_batch_dagster.sync.state.bucket_journal import BucketJournal
from hubspot_batch_dagster.sync.state.file_sums import FileSums, check_associations, check_ids
from hubspot_batch_dagster.sync.state.identity import Identity, check_identity, check_portal, identity_of
from hubspot_batch_dagster.sync.state.ids_elsewhere import IdsElsewhere, Pointer, ask
from hubspot_batch_dagster.sync.state.ids_table import described, generation_in, portal_in
from hubspot_batch_dagster.sync.state.journal import Generation, Journal
from hubspot_batch_dagster.sync.state.kept_once import (
    IDS,
    KEPT_ONCE,
    OPEN_ASSOCIATIONS,
    RUNS,
    KeptOnce,
    check_first_run,
)
from hubspot_batch_dagster.sync.state.names import folders_of, is_of_undo, name_of
from hubspot_batch_dagster.sync.state.remote_files import open_files
from hubspot_batch_dagster.sync.state.scratch import scratch_folder
from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal

_CHECKED = {(IDS,): check_ids, (OPEN_ASSOCIATIONS,): check_associations}


class Store:
    """Ids tables and journal of a project.

    Args:
        root: A folder, or a URL that fsspec understands (``s3://bucket/hubspot``).
        journal_url: SQLAlchemy URL of the journal. By default a SQLite file in ``root``, or objects of the
            bucket that ``root`` is (extra ``[bucket]``).
        lock_wait: Seconds to wait for another run of the same sync before giving up.
        patience: Seconds for which a journal's server or a remote file system that is away is tried again.
        elsewhere: Databases that may have ids tables of the store; they are asked in this order.

    Attributes:
        files: The files of the store.
        portal_id: The token's account, once it is known: ids tables of another one are refused.

    Raises:
        StoreError: The folder cannot be written or the journal cannot be opened.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        journal_url: str | None = None,
        lock_wait: float = 900.0,
        patience: float = 60.0,
        elsewhere: Iterable[IdsElsewhere] = (),
    ) -> None:
        self.root = os.fspath(root)
        self.portal_id: int | None = None
        self.elsewhere = [*elsewhere]
        self._lock_wait = lock_wait
        self.files, self._here = open_files(self.root, patience=patience)
        self._sums = FileSums(self.files)
        self._kept = KeptOnce(self.files, lambda: self.journal)
        self.journal = self._open_journal(journal_url, patience)

    def _open_journal(self, url: str | None, patience: float) -> Journal:
        if url is None and not self.files.local:
            return BucketJournal(self.root, patience=patience)
        url = url or f"sqlite:///{self._here / 'journal.db'}"
        return SqlJournal(url, patience=patience, locks=locks.locks_of(url, self._here))

    def __repr__(self) -> str:
        return f"Store({self.root!r}, {self.journal!r})"

    def heed(self, stop: Event) -> None:
        """Wait no longer for what is away once the run is to stop."""
        self.journal.stop = self.files.stop = stop

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

    @property
    def id(self) -> str:
        """The store's own id, which is made with its first run and kept in ``store.json``."""
        found = self.files.read(("store.json",))
        if found is None:
            self.files.write_once(("store.json",), sealed_json({"store": uuid.uuid4().hex}).encode())
            found = self.files.read(("store.json",)) or b""
        try:
            return str(json.loads(unbroken(found))["store"])
        except (ValueError, KeyError, TypeError):
            raise StoreError(
                f"The file {self.files.path(('store.json',))} is damaged.",
                remedy="Restore it, or delete it if no other store uses the same journal.",
            ) from None

    @property
    def known_id(self) -> str | None:
        """The store's own id, if it has one by now: asking does not make it."""
        return self.id if self.files.exists(("store.json",)) else None

    @property
    def place(self) -> str:
        """Where the store is: an absolute path, or its URL."""
        return self.files.path(())

    def has_state(self, sync: str) -> bool:
        """Whether anything is known of the rows of a sync; a run that was refused leaves nothing."""
        line = self.journal.generation(sync)
        if line is not None and line.current is not None:
            return True
        return self.files.exists((*folders_of(sync), IDS)) or any(
            each == sync for each, _, _ in self.journal.summary()
        )

    def latest_generation(self, sync: str) -> int:
        """Return a sync's latest run in journal or ids table; 0 for first version state and for none."""
        line = self.journal.generation(sync)
        return line.number if line is not None else int((self.ids_described(sync) or {}).get("generation", 0))

    def generation_of_runs(self, sync: str) -> int | None:
        """Return the newest kept run's generation; 0 if of the first version, ``None`` if there is none."""
        for run in reversed(self.runs(sync)):
            place = (*folders_of(sync), "runs", run, IDS)
            with self.files.opened(place) as file:
                if file is not None:
                    return generation_in(file)
        return None

    def path(self, sync: str, *parts: str) -> str:
        """Path or URL of a file of the sync.

        Raises:
            InputError: The name cannot be that of a sync.
        """
        return self.files.path((*folders_of(sync), *parts))

    @contextlib.contextmanager
    def local_ids(self, sync: str) -> Iterator[Path | None]:
        """Yield the ids table that counts, as a local file; ``None`` before the first run.

        Raises:
            InputError: It is about another account than the token.
            StoreError: It is gone, though the journal knows of it, or in a database that was not named.
        """
        found = self._identity_of_file(sync) if self.portal_id is not None else None
        if found is not None:
            check_portal(f"The ids table of {sync!r}", found.portal, self.portal_id)
        with contextlib.ExitStack() as opened:
            path = opened.enter_context(self.local(sync, IDS))
            pointer = None if path is None else Pointer.of(sync, described(path))
            if pointer is not None:
                copy = opened.enter_context(scratch_folder(self._here)) / IDS
                path = ask(self.elsewhere, pointer, lambda each: each.copy(pointer, copy))
            yield path

    def pointer(self, sync: str) -> Pointer | None:
        """Where the ids table that counts is, if it is in a database."""
        return Pointer.of(sync, self.ids_described(sync))

    @contextlib.contextmanager
    def local(self, sync: str, *parts: str) -> Iterator[Path | None]:
        """Yield a file of the sync as a local one, of several generations' the one that counts, or None."""
        name = self.name_that_counts(sync, parts[0]) if len(parts) == 1 else parts[-1]
        with self.files.local_copy((*folders_of(sync), *parts[:-1], name)) as path:
            if path is not None:
                self._check_sum(sync, parts, path)
            yield path

    def _check_sum(self, sync: str, parts: tuple[str, ...], path: Path) -> None:
        """Refuse a file that is not as it was written; one of another generation has no sum there."""
        if parts[0] == "runs":
            self._sums.check_table(sync, parts[1], parts[-1], path)
        elif parts in _CHECKED:
            line = self.journal.generation(sync)
            if line is not None and path.name == KEPT_ONCE[parts[0]].format(line.current):
                _CHECKED[parts](path, line.seal)

    def check(
        self, sync: str, wanted: Identity, same: Callable[[str, str], bool], *, anew: bool = False
    ) -> Identity:
        """Refuse a run whose sync's state is about something else.

        Args:
            sync: The sync.
            wanted: What the run is about.
            same: Tells whether two names stand for one object type.
            anew: What the journal says is no reason: the records are read from the portal.

        Returns:
            The same, with the portal that was known before where it is not now.

        Raises:
            InputError: With both sides.
        """
        in_file, in_journal = self._identity_of_file(sync), self.identity_in_journal(sync)
        if in_file is not None:
            check_identity(f"The ids table of {sync!r}", in_file, wanted, same)
        else:
            check_first_run(self.files, sync)
        if in_journal is not None and not anew:
            check_identity(f"The journal of {sync!r}", in_journal, wanted, same)
        return wanted.with_known(in_file).with_known(in_journal)

    @contextlib.contextmanager
    def begin(
        self, sync: str, run: str, *, on_overtaken: Callable[[HubSpotError], None], after: int = 0
    ) -> Iterator[Generation]:
        """Make a run the latest of its sync; while it is at work it says that it is alive.

        Args:
            sync: The sync.
            run: Id of the run.
            on_overtaken: Called once, in another thread, when a later run has begun.
            after: A generation that is known elsewhere.

        Raises:
            Overtaken: Another run began at the same moment.
        """
        made = self.journal.begin(
            sync, run, after=max(after, self.latest_generation(sync)), holder=locks.this_process()
        )
        with locks.alive(self.journal, sync, run, on_overtaken=on_overtaken):
            try:
                yield made
            finally:
                self.journal.end(sync, run)

    def accept_loss(self, sync: str, run: str) -> None:
        """Go on without the ids table that counts if it is gone: records are read from the portal."""
        line = self.journal.generation(sync)
        if line is None or line.current is None:
            return
        if not self.files.exists((*folders_of(sync), KEPT_ONCE[IDS].format(line.current))):
            self.journal.conclude(sync, run, current=None, forget=False)

    def put(self, sync: str, written: Path, *parts: str) -> str:
        """Move a local file into the store, atomically; returns its path or URL."""
        if parts[0] == "runs":
            self._sums.note_table(sync, parts[1], parts[-1], written)
        return self.files.put(written, (*folders_of(sync), *parts))

    def put_version(self, sync: str, generation: int, written: Path, name: str) -> None:
        """Keep a file for a generation of the sync; it counts from :meth:`conclude` on."""
        if name == OPEN_ASSOCIATIONS:
            self._sums.note_associations(sync, generation, written)
        self.put(sync, written, KEPT_ONCE[name].format(generation))

    def conclude(
        self,
        sync: str,
        run: str,
        generation: int,
        ids: Path | None,
        *,
        number: int,
        history: Path | None = None,
        forget: bool = True,
    ) -> None:
        """End a run: its ids table is the one that counts from now on, and what it makes needless is deleted.

        Nothing is replaced or deleted where a later run has begun: the closing append to the journal comes
        first, and the names that readers know are copies made afterwards.

        Args:
            sync: The sync.
            run: Id of the run.
            generation: That of the ids table that counts from now on.
            ids: The new ids table; ``None`` where that of ``generation`` is there and goes on to count.
            number: The generation that the run is.
            history: What all runs came to, this one among them; ``None`` where that is there already.
            forget: It holds all that the journal knows.

        Raises:
            Overtaken: A later run has begun; nothing was replaced.
        """
        self._sums.keep(sync, run)
        seal = None
        if ids is not None:
            seal = self._sums.of_generation(sync, generation, ids)
            self.put_version(sync, generation, ids, IDS)
        if history is not None:
            self.put_version(sync, number, history, RUNS)
        kept = self._kept.runs(sync, run)
        old = self._kept.needless(sync, generation=generation, number=number, kept=kept, whole=forget)
        self.journal.conclude(
            sync,
            run,
            current=generation,
            forget=forget,
            kept_runs=kept,
            seal=seal,
            history=None if history is None else number,
        )
        self.publish(sync)
        for place in old:
            self.files.delete(place)

    def runs(self, sync: str) -> list[str]:
        """Ids of the runs whose tables are kept, oldest first: run ids sort by time."""
        return sorted(self.files.names((*folders_of(sync), "runs")))

    def syncs(self) -> list[str]:
        """Names of the syncs that have an ids table here."""
        found = (name_of("/".join(each)) for each in self.files.folders_with(IDS) if "runs" not in each)
        return sorted(set(found))

    def identities(self) -> Iterator[tuple[str, Identity]]:
        """Yield the syncs that have an ids table here, and what each is about, but for undoing ones."""
        for sync in self.syncs():
            found = self._identity_of_file(sync) if not is_of_undo(sync) else None
            if found is not None:
                yield sync, found

    @contextlib.contextmanager
    def lock(self, sync: str) -> Iterator[None]:
        """Keep other runs of the sync waiting, in every process and, with a shared journal, on every host.

        The lock of a process that died is free; one without a sign of life for a minute is not waited for.

        Raises:
            StoreError: Another run held it for longer than ``lock_wait``.
        """
        folders_of(sync)
        with locks.held(self.journal, sync, wait=self._lock_wait):
            yield

    @contextlib.contextmanager
    def scratch(self, sync: str) -> Iterator[Path]:
        """Yield a folder of this host for the run's own files. What killed runs left is cleared."""
        folders_of(sync)
        with scratch_folder(self._here) as folder:
            yield folder

    def check_writable(self, sync: str) -> None:
        """Write and remove a small file: a full disk or a read-only folder stops a run before it sends.

        Raises:
            StoreError: It cannot be written.
        """
        with scratch_folder(self._here) as folder:
            self.files.probe(folder / "probe", (*folders_of(sync), f".{uuid.uuid4().hex[:16]}.probe"))

    def name_that_counts(self, sync: str, name: str) -> str:
        """Return the file with the contents of ``name``, of several generations' the one that counts."""
        return self._kept.current(sync, name)

    def publish(self, sync: str) -> None:
        """Copy what counts to the names that readers know."""
        self._kept.publish(sync)

    def _identity_of_file(self, sync: str) -> Identity | None:
        """Return what the ids table that counts says of itself; the first version's portal is beside it."""
        said = self.ids_described(sync)
        if said is None:
            return None
        found = Identity.from_mapping(said)
        if "portal" in said:
            return found
        portal = self._portal_in_definitions(sync)
        return found if portal is None else replace(found, portal=portal)

    def ids_described(self, sync: str) -> dict[str, Any] | None:
        """Return what the ids table that counts says of itself; ``None`` before the first run."""
        place = (*folders_of(sync), self.name_that_counts(sync, IDS))
        with self.files.opened(place) as file:
            return None if file is None else described(Path(self.files.path(place)), file)

    def _portal_in_definitions(self, sync: str) -> int | None:
        with self.files.opened((*folders_of(sync), "portal.json")) as file:
            return None if file is None else portal_in(file.read())

    def identity_in_journal(self, sync: str) -> Identity | None:
        """Return what the journal says that a sync is about.

        Raises:
            StoreError: It is damaged.
        """
        line = self.journal.generation(sync)
        return identity_of(sync, line.identity) if line is not None else None
