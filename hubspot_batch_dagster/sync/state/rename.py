"""Giving a sync another name: its state goes with it, so that a renamed asset does not make its records
again.

The order of the steps is what makes a kill harmless. Until the journal has the new name, the old sync is
whole, and what was copied under the new one is no state. From then on the new sync is whole, and a mark in
the old folder keeps runs of the old name out until what is left there is gone.

A rename is a run of both names. One that was overtaken under either is refused by the journal, and has
replaced nothing: what it copies has the numbers of the old sync's runs, and a run of the new name that began
after it has a higher one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.sync.batches.seals import seal_of, sealed_json
from hubspot_batch_dagster.sync.state.file_sums import with_ids
from hubspot_batch_dagster.sync.state.files import Files
from hubspot_batch_dagster.sync.state.ids_elsewhere import ask
from hubspot_batch_dagster.sync.state.ids_table import META, described
from hubspot_batch_dagster.sync.state.kept_once import IDS, KEPT_ONCE, RUNS, is_mark_of_first_run
from hubspot_batch_dagster.sync.state.names import folders_of, rename_command
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.table.parquet import stored_batches

_MARK = "in_progress.rename-{}.json"
"""Says in the old folder which name the sync is getting; with the generation of the rename, of which the
latest counts.
"""

_FORMERLY_MARK = "in_progress.rename.json"
"""Its name in stores of earlier versions; still read."""


def rename_sync(store: Store, old: str, new: str, *, run: str) -> None:
    """Move the state of a sync to another name: ids table, journal, tables of the last runs.

    A kill at any moment leaves the sync under the one name or the other; done again, it is finished.

    An ids table that is in a database is claimed first and renamed last: until then no run of the new name
    begins.

    Args:
        store: Where the state is.
        old: The name that the sync had.
        new: The name that it is to have.
        run: An id for this, as of a run.

    Raises:
        InputError: There is no such sync, or the new name has state of its own.
        Overtaken: A run of either name has begun meanwhile; its state is as it was.
        StoreError: The sync's ids table is gone or in a database that the store cannot ask, or a file cannot
            be written.
    """
    if old == new:
        raise InputError(f"{old!r} is the name already.", remedy="Name another one.")
    with ExitStack() as locks:
        for each in sorted((old, new)):
            locks.enter_context(store.lock(each))
        folder = locks.enter_context(store.scratch(old))
        if being_renamed(store, old) != new:
            _move(store, old, new, run, folder)
        _rename_table(store, old, new)
        store.publish(new)
        _clear(store, old, new, folder)


def _move(store: Store, old: str, new: str, run: str, folder: Path) -> None:
    _check(store, old, new)
    there = [each for each in _files_of(store.files, folders_of(new)) if each[-1] not in KEPT_ONCE]
    before, after = store.pointer(old), 0
    if before is not None:
        after = ask(store.elsewhere, before, lambda each: each.latest(before))
    with (
        store.begin(old, run, on_overtaken=lambda _: None, after=after) as made,
        store.begin(new, run, on_overtaken=lambda _: None, after=made.number),
    ):
        _check_new(store, new)
        try:
            for place in there:  # what a rename to this name left that was killed
                store.files.delete(place)
            _carry_over(store, old, new, run, folder, made.number)
        except StoreError:
            for each in (old, new):  # a later run may have taken away what was to be copied
                store.journal.beat(each, run)
            raise


def _carry_over(store: Store, old: str, new: str, run: str, folder: Path, number: int) -> None:
    _give_generation(store, old, run, number)
    pointer, table = store.pointer(old), None
    if pointer is not None:
        table = ask(store.elsewhere, pointer, lambda each: each.claim(pointer, new, run, number))
    seal = _copy_state(store, old, new, folder, table)
    _mark(store, old, new, folder, number)
    store.journal.rename(old, new, run, seal=seal)


def _rename_table(store: Store, old: str, new: str) -> None:
    pointer = store.pointer(new)
    if pointer is not None:
        number = max(store.files.numbered(folders_of(old), _MARK), default=0)
        ask(store.elsewhere, pointer, lambda each: each.rename(pointer, old, number))


def being_renamed(store: Store, sync: str) -> str | None:
    """Return the name that a sync is getting, if its state has it already and files of it are left under the
    former name.

    A rename that was overtaken or killed before may have left its mark: it counts only where the new name has
    state.
    """
    numbers = store.files.numbered(folders_of(sync), _MARK)
    mark = _MARK.format(max(numbers)) if numbers else _FORMERLY_MARK
    found = store.files.read((*folders_of(sync), mark))
    if found is None or store.journal.generation(sync) is not None:
        return None
    try:
        new = str(json.loads(found)["to"])
    except (ValueError, KeyError, TypeError):
        raise StoreError(
            f"The file {store.path(sync, mark)} is damaged.",
            remedy=(
                "It says which name the sync was getting. If hubspot-batch-dagster runs knows the sync under"
                " its new name, delete this folder."
            ),
        ) from None
    return new if store.has_state(new) else None


def refuse_renamed(store: Store, sync: str) -> None:
    """Refuse a run of a sync whose state has another name by now: what is left here is old.

    Raises:
        StoreError: With both names.
    """
    new = being_renamed(store, sync)
    if new is not None:
        raise StoreError(
            f"The sync {sync!r} is called {new!r} since a rename that did not come to its end. Nothing was"
            " sent.",
            remedy=f"Finish it: {rename_command(sync, new)}.",
        )


def refuse_table_of_another_name(store: Store, sync: str) -> None:
    """Refuse a run whose ids table has the name of before a rename in its database.

    Raises:
        StoreError: With both names.
    """
    for old in store.syncs():
        if being_renamed(store, old) == sync:
            raise StoreError(
                f"The ids table of {sync!r} is still called as that of {old!r} in its database: a rename did"
                " not come to its end. Nothing was sent.",
                remedy=f"Finish it: {rename_command(old, sync)}.",
            )


def _check(store: Store, old: str, new: str) -> None:
    refuse_renamed(store, old)
    if not store.has_state(old):
        raise InputError(
            f"The store {store.place} knows no sync {old!r}.",
            remedy=f"It knows: {', '.join(store.syncs()) or 'none'}.",
        )
    _check_new(store, new)
    refuse_renamed(store, new)
    with store.local(old, IDS):
        pass  # raises where the table that counts is gone or damaged


def _check_new(store: Store, new: str) -> None:
    if store.has_state(new) or store.generation_of_runs(new) is not None:
        raise InputError(
            f"The sync {new!r} has state of its own already.",
            remedy=(
                "Two syncs cannot be made one. Choose another name, or move the folder of the one that is not"
                " needed away."
            ),
        )


def _give_generation(store: Store, sync: str, run: str, number: int) -> None:
    """Keep files that no journal knows as those of a generation: only such a one waits for the journal to
    count.
    """
    line, folder = store.journal.generation(sync), folders_of(sync)
    current, history = (None, None) if line is None else (line.current, line.history)
    there = {name for name in KEPT_ONCE if store.files.exists((*folder, name))}
    uncounted = there if current is None and IDS in there else there & {RUNS}
    if history is not None:
        uncounted = uncounted - {RUNS}
    if not uncounted:
        return
    for name in uncounted:
        store.files.copy((*folder, name), (*folder, KEPT_ONCE[name].format(number)))
    with store.files.local_copy((*folder, IDS)) as path:
        seal = seal_of(path) if path is not None and IDS in uncounted else None
    store.journal.conclude(
        sync,
        run,
        current=number if IDS in uncounted else current,
        forget=False,
        seal=seal,
        history=number if RUNS in uncounted else None,
    )


def _copy_state(store: Store, old: str, new: str, folder: Path, table: str | None) -> str:
    """Copy what counts by the journal's word.

    Returns:
        The sums of the ids table that counts and of its open associations; empty where there are none.
    """
    line, seals = store.journal.generation(old), {"": ""}
    current = KEPT_ONCE[IDS].format(line.current) if line is not None and line.current is not None else ""
    for place in _files_of(store.files, folders_of(old)):
        name = place[-1]
        if name in KEPT_ONCE or is_mark_of_first_run(name) or _is_mark(name):
            continue
        target = [*folders_of(new), name]
        if name.startswith("ids-"):
            seals[name] = _copy_table(store, place, target, new, folder, table)
        else:
            store.files.copy(place, target)
    return with_ids(line.seal if line is not None else "", seals.get(current, ""))


def _mark(store: Store, old: str, new: str, folder: Path, number: int) -> None:
    written = folder / _MARK.format(number)
    written.write_text(json.dumps({"to": new}))
    store.put(old, written, written.name)


def _is_mark(name: str) -> bool:
    before, after = _MARK.split("{}")
    return name == _FORMERLY_MARK or (name.startswith(before) and name.endswith(after))


def _clear(store: Store, old: str, new: str, folder: Path) -> None:
    """Take to the new name what is left under the old one, and delete it there. The mark goes last.

    It is looked at before each step: once it is gone somebody else has finished, and the files may be those
    of a new sync.
    """
    try:
        for step in _steps(store, folders_of(old), folders_of(new), new, folder):
            if being_renamed(store, old) != new:
                return
            step()
    except StoreError:
        if being_renamed(store, old) == new:
            raise
    finally:
        store.publish(old)  # of a new sync that has the name by now


def _steps(
    store: Store, at: list[str], to: list[str], new: str, folder: Path
) -> Iterator[Callable[[], object]]:
    files = store.files
    runs = files.names([*at, "runs"])
    for run in runs:
        for name in files.names([*at, "runs", run]):
            yield partial(files.copy, [*at, "runs", run, name], [*to, "runs", run, name])
    for name in filter(is_mark_of_first_run, files.names(at)):
        yield partial(_copy_table, store, [*at, name], [*to, name], new, folder)
    for run in runs:
        yield partial(files.delete, [*at, "runs", run])
    marks = []
    for place in _files_of(files, at):
        if _is_mark(place[-1]):
            marks.append(place)
        else:
            yield partial(files.delete, place)
    # Where another file cannot be deleted the mark stays.
    if {*map(tuple, _files_of(files, at))} <= {*map(tuple, marks)}:
        for place in sorted(marks, key=lambda each: (len(each[-1]), each)):  # the one that counts is the last
            yield partial(files.delete, place)


def _files_of(files: Files, folder: list[str]) -> Iterator[list[str]]:
    """Yield the files of a sync, without those of its runs; folders of other syncs below it are not its
    own.
    """
    for name in files.names(folder):
        if name != "runs" and not files.names([*folder, name]):
            yield [*folder, name]


def _copy_table(
    store: Store, source: list[str], target: list[str], new: str, folder: Path, table: str | None = None
) -> str:
    """Copy a table of the sync batch by batch; it says of itself whose it is, and where if it is in a
    database. Returns its sum.
    """
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
