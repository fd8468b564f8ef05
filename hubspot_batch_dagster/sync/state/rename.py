"""Giving a sync another name: its state goes with it, so that a renamed asset does not make its records again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet as pq

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.sync.state.files import Files
from hubspot_batch_dagster.sync.state.ids_table import META, described
from hubspot_batch_dagster.sync.state.names import folders_of
from hubspot_batch_dagster.sync.state.store import IDS, Store
from hubspot_batch_dagster.table.parquet import stored_batches


def rename_sync(store: Store, old: str, new: str, *, run: str) -> None:
    """Move the state of a sync to another name: ids table, journal, tables of the last runs.

    A kill at any moment leaves the sync under the one name or the other; done again, it is finished.

    Args:
        store: Where the state is.
        old: The name that the sync had.
        new: The name that it is to have.
        run: An id for this, as of a run.

    Raises:
        InputError: There is no such sync, or the new name has state of its own.
    """
    if old == new:
        raise InputError(f"{old!r} is the name already.", remedy="Name another one.")
    with ExitStack() as locks:
        for each in sorted((old, new)):
            locks.enter_context(store.lock(each))
        moved = _moved_before(store, old, new)
        if not moved:
            _check(store, old, new)
            # The files first: until the journal names the new sync, the old one is whole.
            with store.begin(old, run, on_overtaken=lambda _: None):
                _copy_files(store, old, new)
                store.journal.rename(old, new, run)
            store.publish(new)
        for place in [*_files_of(store.files, folders_of(old)), [*folders_of(old), "runs"]]:
            store.files.delete(place)


def _moved_before(store: Store, old: str, new: str) -> bool:
    """Whether all is done but the deletion of the old files."""
    return store.journal.generation(old) is None and store.has_state(new) and _has_ids(store, old)


def _check(store: Store, old: str, new: str) -> None:
    if not store.has_state(old):
        raise InputError(
            f"The store {store.place} knows no sync {old!r}.",
            remedy=f"It knows: {', '.join(store.syncs()) or 'none'}.",
        )
    if store.has_state(new):
        raise InputError(
            f"The sync {new!r} has state of its own already.",
            remedy="Two syncs cannot be made one. Choose another name, or move the folder of the one that is not needed away.",
        )


def _has_ids(store: Store, sync: str) -> bool:
    return store.files.exists((*folders_of(sync), IDS))


def _copy_files(store: Store, old: str, new: str) -> None:
    for place in _files_of(store.files, folders_of(old)):
        name = place[-1]
        if place[:-1] == folders_of(old) and name.startswith("ids"):
            _copy_ids(store, place, [*folders_of(new), name], new)
        else:
            store.files.copy(place, [*folders_of(new), *place[len(folders_of(old)) :]])


def _files_of(files: Files, folder: list[str]) -> Iterator[list[str]]:
    """The files of a sync, and those of its runs; folders of other syncs below it are not its own."""
    for name in files.names(folder):
        if name == "runs":
            for run in files.names([*folder, "runs"]):
                for each in files.names([*folder, "runs", run]):
                    yield [*folder, "runs", run, each]
        elif not files.names([*folder, name]):
            yield [*folder, name]


def _copy_ids(store: Store, source: list[str], target: list[str], new: str) -> None:
    """Copy an ids table batch by batch; it says of itself whose it is."""
    with store.files.local_copy(source) as path, tempfile.TemporaryDirectory() as folder:
        if path is None:
            return
        said = described(path)
        if "sync" in said:
            said["sync"] = new
        written = Path(folder) / "renamed.parquet"
        file = pq.ParquetFile(path, pre_buffer=False)
        schema = file.schema_arrow.with_metadata(
            {**(file.schema_arrow.metadata or {}), META: json.dumps(said).encode()}
        )
        with pq.ParquetWriter(written, schema, compression="zstd") as writer:
            for batch in stored_batches(file):
                writer.write_batch(batch.replace_schema_metadata(schema.metadata))
        store.files.put(written, target)
