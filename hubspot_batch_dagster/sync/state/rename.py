"""Giving a sync another name: its state goes with it, so that a renamed asset does not make its records again.

The order of the steps is what makes a kill harmless. Until the journal has the new name, the old sync is whole, and what was copied
under the new one is no state. From then on the new sync is whole, and a mark in the old folder keeps runs of the old name out until
what is left there is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet as pq

from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.sync.batches.seals import seal_of, sealed_json
from hubspot_batch_dagster.sync.state.file_sums import with_ids
from hubspot_batch_dagster.sync.state.files import Files
from hubspot_batch_dagster.sync.state.ids_elsewhere import ask
from hubspot_batch_dagster.sync.state.ids_table import FORMERLY_IN_PROGRESS, IN_PROGRESS, META, described
from hubspot_batch_dagster.sync.state.kept_once import IDS, KEPT_ONCE
from hubspot_batch_dagster.sync.state.names import folders_of, rename_command
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.table.parquet import stored_batches

_MARK = "in_progress.rename.json"
"""Says in the old folder which name the sync is getting."""

_OF_A_FIRST_RUN = (IN_PROGRESS, FORMERLY_IN_PROGRESS)


def rename_sync(store: Store, old: str, new: str, *, run: str) -> None:
    """Move the state of a sync to another name: ids table, journal, tables of the last runs.

    A kill at any moment leaves the sync under the one name or the other; done again, it is finished.

    An ids table that is in a database is renamed there first: until all is done, no run of either name takes it for its own.

    Args:
        store: Where the state is.
        old: The name that the sync had.
        new: The name that it is to have.
        run: An id for this, as of a run.

    Raises:
        InputError: There is no such sync, or the new name has state of its own.
        StoreError: The sync's ids table is gone or in a database that the store cannot ask, or a file cannot be written.
    """
    if old == new:
        raise InputError(f"{old!r} is the name already.", remedy="Name another one.")
    with ExitStack() as locks:
        for each in sorted((old, new)):
            locks.enter_context(store.lock(each))
        folder = locks.enter_context(store.scratch(old))
        if being_renamed(store, old) != new:
            _check(store, old, new)
            with store.begin(old, run, on_overtaken=lambda _: None) as made:
                _give_generation(store, old, run, made.number)
                pointer, table = store.pointer(old), None
                if pointer is not None:
                    table = ask(store.elsewhere, pointer, lambda each: each.rename(pointer, new, run))
                seal = _copy_state(store, old, new, folder, table)
                _mark(store, old, new, folder)
                store.journal.rename(old, new, run, seal=seal)
        store.publish(new)
        _copy_runs(store, old, new, folder)
        _delete_files(store, old)


def being_renamed(store: Store, sync: str) -> str | None:
    """The name that a sync is getting, if its state has it already and files of it are left under the former name."""
    found = store.files.read((*folders_of(sync), _MARK))
    if found is None or store.journal.generation(sync) is not None:
        return None
    try:
        return str(json.loads(found)["to"])
    except (ValueError, KeyError, TypeError):
        raise StoreError(
            f"The file {store.path(sync, _MARK)} is damaged.",
            remedy="It says which name the sync was getting. If hubspot-batch-dagster runs knows the sync under its new name, "
            "delete this folder.",
        ) from None


def refuse_renamed(store: Store, sync: str) -> None:
    """Refuse a run of a sync whose state has another name by now: what is left here is old.

    Raises:
        StoreError: With both names.
    """
    new = being_renamed(store, sync)
    if new is not None:
        raise StoreError(
            f"The sync {sync!r} is called {new!r} since a rename that did not come to its end. Nothing was sent.",
            remedy=f"Finish it: {rename_command(sync, new)}.",
        )


def _check(store: Store, old: str, new: str) -> None:
    refuse_renamed(store, old)
    if not store.has_state(old):
        raise InputError(
            f"The store {store.place} knows no sync {old!r}.",
            remedy=f"It knows: {', '.join(store.syncs()) or 'none'}.",
        )
    if store.has_state(new) or store.generation_of_runs(new) is not None:
        raise InputError(
            f"The sync {new!r} has state of its own already.",
            remedy="Two syncs cannot be made one. Choose another name, or move the folder of the one that is not needed away.",
        )
    refuse_renamed(store, new)
    with store.local(old, IDS):
        pass  # raises where the table that counts is gone or damaged


def _give_generation(store: Store, sync: str, run: str, number: int) -> None:
    """Keep an ids table that no journal knows as that of a generation: only such a one waits for the journal to count."""
    line = store.journal.generation(sync)
    if line is not None and line.current is not None:
        return
    folder = folders_of(sync)
    if not store.files.exists((*folder, IDS)):
        return
    for name, numbered in KEPT_ONCE.items():
        if store.files.exists((*folder, name)):
            store.files.copy((*folder, name), (*folder, numbered.format(number)))
    with store.files.local_copy((*folder, IDS)) as path:
        seal = "" if path is None else seal_of(path)
    store.journal.conclude(sync, run, current=number, forget=False, seal=seal)


def _copy_state(store: Store, old: str, new: str, folder: Path, table: str | None) -> str:
    """Copy what counts by the journal's word. What a rename to this name left that was killed goes first.

    Returns:
        The sums of the ids table that counts and of its open associations; empty where there are none.
    """
    line, seals = store.journal.generation(old), {"": ""}
    current = KEPT_ONCE[IDS].format(line.current) if line is not None and line.current is not None else ""
    for place in _files_of(store.files, folders_of(new)):
        store.files.delete(place)
    for place in _files_of(store.files, folders_of(old)):
        name = place[-1]
        if name in KEPT_ONCE or name in _OF_A_FIRST_RUN or name == _MARK:
            continue
        target = [*folders_of(new), name]
        if name.startswith("ids-"):
            seals[name] = _copy_table(store, place, target, new, folder, table)
        else:
            store.files.copy(place, target)
    return with_ids(line.seal if line is not None else "", seals.get(current, ""))


def _mark(store: Store, old: str, new: str, folder: Path) -> None:
    written = folder / _MARK
    written.write_text(json.dumps({"to": new}))
    store.put(old, written, _MARK)


def _copy_runs(store: Store, old: str, new: str, folder: Path) -> None:
    """Copy the tables of the runs, and what an unfinished first run said of its key."""
    at, to = folders_of(old), folders_of(new)
    for run in store.files.names([*at, "runs"]):
        for name in store.files.names([*at, "runs", run]):
            store.files.copy([*at, "runs", run, name], [*to, "runs", run, name])
    for name in _OF_A_FIRST_RUN:
        _copy_table(store, [*at, name], [*to, name], new, folder)


def _delete_files(store: Store, sync: str) -> None:
    """Delete the files of a sync; the mark goes last, and stays where another cannot be deleted."""
    folder = folders_of(sync)
    store.files.delete([*folder, "runs"])
    for place in _files_of(store.files, folder):
        if place[-1] != _MARK:
            store.files.delete(place)
    if [place[-1] for place in _files_of(store.files, folder)] == [_MARK]:
        store.files.delete([*folder, _MARK])


def _files_of(files: Files, folder: list[str]) -> Iterator[list[str]]:
    """The files of a sync, without those of its runs; folders of other syncs below it are not its own."""
    for name in files.names(folder):
        if name != "runs" and not files.names([*folder, name]):
            yield [*folder, name]


def _copy_table(
    store: Store, source: list[str], target: list[str], new: str, folder: Path, table: str | None = None
) -> str:
    """Copy a table of the sync batch by batch; it says of itself whose it is, and where if it is in a database. Returns its sum."""
    with store.files.local_copy(source) as path:
        if path is None:
            return ""
        said = described(path)
        if "sync" in said:
            said["sync"] = new
        if "warehouse" in said:
            said["warehouse"] = table
        written = folder / "renamed.parquet"
        file = pq.ParquetFile(path, pre_buffer=False)
        schema = file.schema_arrow.with_metadata(
            {**(file.schema_arrow.metadata or {}), META: sealed_json(said).encode()}
        )
        with pq.ParquetWriter(written, schema, compression="zstd") as writer:
            for batch in stored_batches(file):
                writer.write_batch(batch.replace_schema_metadata(schema.metadata))
        seal = seal_of(written)
        store.files.put(written, target)
    return seal
