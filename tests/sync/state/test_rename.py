"""A renamed sync keeps its state, and a kill at any step of the rename leaves it under one of the two
names.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from bench.sync_bench import BY_KEY, Bench, firms, shown
from obstore.store import LocalStore

from hubspot_batch_dagster.api.errors import HubSpotError, InputError, StoreError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.state import locks
from hubspot_batch_dagster.sync.state.bucket import Bucket
from hubspot_batch_dagster.sync.state.bucket_journal import BucketJournal
from hubspot_batch_dagster.sync.state.names import new_run_id
from hubspot_batch_dagster.sync.state.rename import rename_sync
from hubspot_batch_dagster.sync.state.store import Store

OLD, NEW = "crm/firms", "crm/companies"
CHANGES = ("rename", "replace", "link", "remove", "unlink", "rmdir", "mkdir")
"""The functions of ``os`` that change a file system."""


def open_store(root: Path, journal: str) -> Store:
    store = Store(root, lock_wait=5.0)
    if journal == "bucket":
        store.journal.close()
        store.journal = BucketJournal(
            "file://bucket", objects=LocalStore(root.parent / f"{root.name}-bucket", mkdir=True)
        )
    return store


class Killed(BaseException):
    """What a process that was killed does not come to know."""


class Steps:
    """Counts the steps that change something on disk. One of them is not taken, and none after it."""

    left: int | None = None

    def step(self, *_: Any) -> None:
        if self.left is None:
            return
        if self.left == 0:
            raise Killed
        self.left -= 1

    @contextmanager
    def killed_before(self, step: int) -> Iterator[None]:
        self.left = step
        try:
            yield
        finally:
            self.left = None


STEPS = Steps()


@pytest.fixture
def _counted_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # No audit hook would do: none can be taken away again, and where coverage traces, one in Python makes
    # CPython 3.11 refuse to start a thread now and then, for which everything after it in the process waits
    # for ever.
    for name in CHANGES:
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))
    for name in ("make", "replace", "delete"):
        monkeypatch.setattr(Bucket, name, counted(getattr(Bucket, name)))
    vanished = locks.this_process().replace(f"process {os.getpid()}", f"process {2**22 + 1}")
    monkeypatch.setattr(locks, "this_process", lambda: vanished)
    sa.event.listen(sa.Engine, "commit", STEPS.step)
    yield
    sa.event.remove(sa.Engine, "commit", STEPS.step)


def counted(function: Any) -> Any:
    def with_step(*given: Any, **named: Any) -> Any:
        STEPS.step()
        return function(*given, **named)

    return with_step


def rename_killed_before(step: int, root: Path, journal: str) -> bool:
    """Rename, and stop before a step as a kill would: whatever cleans up after it does nothing. Returns
    whether it came to that.
    """
    store = open_store(root, journal)
    try:
        with STEPS.killed_before(step):
            rename_sync(store, OLD, NEW, run=new_run_id())
    except Killed:
        return True
    finally:
        store.close()
    return False


@pytest.fixture(params=["sqlite", "bucket"])
def journal(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def template(bench: Bench, tmp_path: Path, journal: str) -> Path:
    """A store with five known rows, and a sixth whose answer was lost."""
    bench.close()
    root = tmp_path / "template"
    bench.store = open_store(root, journal)
    bench.client = bench.new_client()
    assert shown(bench.run(firms(5), BY_KEY, OLD)) == {"created": 5}
    bench.emulator.faults.add(
        Fault.drop(operation="create", after_commit=True), Fault.answer(403, operation="search")
    )
    assert shown(bench.run(firms(6), BY_KEY, OLD)) == {"unchanged": 5, "unknown": 1}
    bench.emulator.faults.clear()
    bench.store.close()
    return root


def copied(template: Path, name: str) -> Path:
    root = template.parent / name
    shutil.copytree(template, root)
    bucket = template.parent / "template-bucket"
    if bucket.exists():
        shutil.copytree(bucket, template.parent / f"{name}-bucket")
    return root


def ended(bench: Bench, name: str) -> dict[str, int] | HubSpotError:
    try:
        return shown(bench.run(firms(6), BY_KEY, name))
    except HubSpotError as error:
        return error


def renamed_again(store: Store) -> HubSpotError | None:
    try:
        rename_sync(store, OLD, NEW, run=new_run_id())
    except InputError as error:
        return error
    return None


def names_with_intents(store: Store) -> list[str]:
    return [name for name in (OLD, NEW) if store.journal.open_intents(name)]


@pytest.mark.usefixtures("_counted_steps")
def test_a_rename_that_is_killed_at_any_step_leaves_one_whole_sync_and_is_finished_by_doing_it_again(
    bench: Bench, template: Path, journal: str
) -> None:
    there = len(bench.emulator.records("companies"))
    died, both = 0, set[str]()
    for step in range(200):
        root = copied(template, f"store{step}")
        killed = rename_killed_before(step, root, journal)
        bench.store = open_store(root, journal)
        where = names_with_intents(bench.store)
        assert len(where) == 1, (step, where)
        # A run under the one name goes on, and under the other it is refused: tried where it turns, and now
        # and then.
        tried = step % 6 == 0 or not killed or not set(where) <= both
        both |= set(where)
        for name in (OLD, NEW) if tried else ():
            went = ended(bench, name)
            if name in where:
                assert isinstance(went, dict), (step, name, went)
                assert went.get("unchanged", 0) >= 5, (step, name, went)
                assert "created" not in went, (step, name, went)
            else:
                assert isinstance(went, InputError | StoreError), (step, name, went)
                assert "rename" in went.remedy, (step, name, went)
        if killed:
            died += 1
            again = renamed_again(bench.store)
            assert again is None or where == [NEW], (step, again)
        assert bench.store.syncs() == [NEW], step
        assert len(bench.store.runs(NEW)) >= 2, step
        if tried:
            assert shown(bench.run(firms(6), BY_KEY, NEW)) == {"unchanged": 6}, step
        assert [each for each in (root / "crm" / "firms").rglob("*") if each.is_file()] == [], step
        bench.store.close()
        shutil.rmtree(root)
        if not killed:
            break
    assert died > 15
    assert both == {OLD, NEW}
    assert len(bench.emulator.records("companies")) == there
    assert bench.nothing_doubled()


def test_a_sync_of_the_same_name_is_never_taken_for_what_a_rename_left(bench: Bench) -> None:
    """The journal of the one is lost, and the other has state of its own: nothing of either is deleted."""
    bench.run(firms(2), BY_KEY, "a")
    bench.run(firms(2, start=5), BY_KEY, "b")
    bench.close()
    for each in Path(bench.root).glob("journal.db*"):
        each.unlink()
    bench.store = Store(bench.root)
    bench.run(firms(2, start=5), BY_KEY, "b")
    before = sorted(Path(bench.store.path("a")).rglob("*"))
    with pytest.raises(InputError, match="state of its own"):
        rename_sync(bench.store, "a", "b", run=new_run_id())
    assert sorted(Path(bench.store.path("a")).rglob("*")) == before


def test_an_ids_table_without_a_journal_is_renamed_too(bench: Bench) -> None:
    """As one of the first version has none: no run has numbered it."""
    bench.run(firms(3), BY_KEY, "a")
    bench.close()
    for each in Path(bench.root).glob("journal.db*"):
        each.unlink()
    bench.store = Store(bench.root)
    rename_sync(bench.store, "a", "b", run=new_run_id())
    bench.client = bench.new_client()
    assert shown(bench.run(firms(3), BY_KEY, "b")) == {"unchanged": 3}
    assert bench.store.syncs() == ["b"]
    with bench.store.local_ids("b") as path:
        assert path is not None
        assert json.loads(pq.read_metadata(path).metadata[b"hubspot_batch_dagster"])["sync"] == "b"


@pytest.mark.parametrize("lost", ["ids tables", "journal", "all but the runs"])
def test_a_loss_after_a_rename_is_noticed_as_before_it(bench: Bench, lost: str) -> None:
    bench.run(firms(3), BY_KEY, "a")
    bench.run(firms(4), BY_KEY, "a")
    rename_sync(bench.store, "a", "b", run=new_run_id())
    folder = Path(bench.store.path("b"))
    bench.close()
    if lost != "journal":
        for each in folder.glob("ids*.parquet"):
            each.unlink()
    if lost != "ids tables":
        for each in Path(bench.root).glob("journal.db*"):
            each.unlink()
    bench.store = Store(bench.root)
    bench.client = bench.new_client()
    sent = bench.writes()
    if lost == "journal":  # the copy for readers says all
        assert shown(bench.run(firms(4), BY_KEY, "b")) == {"unchanged": 4}
    else:
        with pytest.raises(StoreError, match=r"is gone|is lost"):
            bench.run(firms(4), BY_KEY, "b")
    assert bench.writes() == sent


def test_a_rename_without_an_ids_table_that_counts_is_refused(bench: Bench) -> None:
    bench.run(firms(1), BY_KEY, "a")
    for each in Path(bench.store.path("a")).glob("ids*.parquet"):
        each.unlink()
    with pytest.raises(StoreError, match="is gone"):
        rename_sync(bench.store, "a", "b", run=new_run_id())
    with pytest.raises(InputError, match="knows no sync 'c'"):
        rename_sync(bench.store, "c", "d", run=new_run_id())
    with pytest.raises(HubSpotError, match="the name already"):
        rename_sync(bench.store, "a", "a", run=new_run_id())


def test_a_damaged_mark_of_a_rename_is_a_store_error(bench: Bench) -> None:
    bench.run(firms(1), BY_KEY, "a")
    kept = Path(bench.root).parent / "kept"
    shutil.copytree(bench.store.path("a"), kept)
    rename_sync(bench.store, "a", "b", run=new_run_id())
    shutil.rmtree(bench.store.path("a"))
    shutil.copytree(kept, bench.store.path("a"))
    (Path(bench.store.path("a")) / "in_progress.rename-9.json").write_bytes(b"\xff")
    with pytest.raises(StoreError, match="is damaged") as caught:
        bench.run(firms(1), BY_KEY, "a")
    assert caught.value.remedy
