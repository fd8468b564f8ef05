"""A store in a file system that is not of this host: what is there, what fails, and what stays here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench.sync_bench import BY_EMAIL, COMPANIES, Bench, firms, people, shown

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.kept_once import KEEP_RUNS
from hubspot_batch_dagster.sync.state.store import Store


@pytest.fixture
def remote(bench: Bench, tmp_path: Path) -> Iterator[Bench]:
    """A bench whose ids tables live in a remote file system, and its journal on this host."""
    root = f"memory://{uuid4().hex}/hubspot"
    made = Bench(bench.emulator, root, journal_url=f"sqlite:///{tmp_path / 'journal.db'}")
    yield made
    made.close()
    fsspec.filesystem("memory").rm(root, recursive=True)


def test_ids_tables_live_at_a_url(remote: Bench) -> None:
    first = remote.run(people(5), BY_EMAIL, "crm/contacts")
    assert first.ids_path.startswith("memory://")
    assert first.ids.num_rows == 5
    second = remote.run([*people(6), {"id": 9, "email": "bad", "firstname": "B"}], BY_EMAIL, "crm/contacts")
    assert shown(second) == {"unchanged": 5, "created": 1, "rejected": 1}
    assert second.rejected.num_rows == 1
    assert remote.store.syncs() == ["crm/contacts"]
    left = [
        name for name in fsspec.filesystem("memory").find(str(remote.root)) if not name.endswith(".parquet")
    ]
    assert {each.rsplit("/", 1)[1] for each in left} == {"store.json", "sums.json"}


def test_a_remote_store_leaves_nothing_in_the_working_folder(
    remote: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(Path("/").iterdir())
    remote.run(people(2), BY_EMAIL)
    assert {each.name for each in tmp_path.iterdir() if "journal" not in each.name} <= {"store", ".locks"}
    assert set(Path("/").iterdir()) == before


def test_two_remote_stores_with_a_sync_of_one_name_do_not_share_files(bench: Bench, tmp_path: Path) -> None:
    stores = [
        Store(f"memory://{uuid4().hex}", journal_url=f"sqlite:///{tmp_path / each}.db") for each in "ab"
    ]
    with stores[0].scratch("sync") as mine, stores[1].scratch("sync") as theirs:
        assert mine != theirs
        (mine / "file").touch()
        assert not (theirs / "file").exists()
    assert bench is not None
    for each in stores:
        each.close()


def test_a_remote_store_needs_a_journal_elsewhere() -> None:
    """But for a bucket, which can refuse to make an object twice."""
    with pytest.raises(StoreError, match="the journal has no place") as caught:
        Store("memory://somewhere")
    assert "journal=" in caught.value.remedy


def test_a_remote_table_that_cannot_be_read_is_a_clear_error(
    remote: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.run(people(2), BY_EMAIL)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(fsspec.filesystem("memory"), "get_file", refuse)
    with pytest.raises(StoreError, match="Cannot read memory://"):
        remote.run(people(3), BY_EMAIL)
    assert len(remote.emulator.records("contacts")) == 2


class NoCredentials(Exception):
    """An error of a file system that is no OSError, as S3's are."""


@pytest.mark.parametrize(
    "error", [PermissionError(13, "denied"), NoCredentials("Unable to locate credentials")]
)
@pytest.mark.parametrize("method", ["ls", "find", "exists", "get_file", "open", "put_file", "cp_file", "mv"])
def test_a_file_system_that_fails_is_never_taken_for_an_empty_store(
    remote: Bench, monkeypatch: pytest.MonkeyPatch, method: str, error: Exception
) -> None:
    """An empty store means a first run: every record would be made a second time."""
    remote.run(firms(3), COMPANIES)

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(fsspec.filesystem("memory"), method, fail)
        with contextlib.suppress(StoreError):
            assert shown(remote.run(firms(3), COMPANIES)) == {"unchanged": 3}
        with contextlib.suppress(StoreError):
            remote.store.syncs()
    assert shown(remote.run(firms(3), COMPANIES)) == {"unchanged": 3}
    assert len(remote.emulator.records("companies")) == 3


def test_only_the_last_runs_are_kept(bench: Bench, remote: Bench, tmp_path: Path) -> None:
    for store in (bench.store, remote.store):
        paths = []
        for n in range(KEEP_RUNS + 3):
            (tmp_path / "table").write_text("x")
            paths.append(store.put("sync", tmp_path / "table", "runs", f"{n:04d}", "ids.parquet"))
        with store.begin("sync", "run", on_overtaken=print) as begun:
            (tmp_path / "ids").write_text("x")
            store.conclude("sync", "run", begun.number, tmp_path / "ids", number=begun.number)
        filesystem = fsspec.core.url_to_fs(paths[0])[0]
        assert [filesystem.exists(each) for each in paths] == [False] * 3 + [True] * KEEP_RUNS


@pytest.fixture
def bucket(bench: Bench, s3: str) -> Iterator[Bench]:
    """A bench with ids tables and journal in a bucket."""
    made = Bench(bench.emulator, s3)
    yield made
    made.close()


@pytest.mark.parametrize("place", ["bench", "remote", "bucket"])
def test_a_run_that_moves_nothing_keeps_the_ids_table_and_is_a_run_all_the_same(
    request: pytest.FixtureRequest, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No ids table is put into the store, and readers, kept runs and the number of the latest run are
    right.
    """
    some: Bench = request.getfixturevalue(place)
    rows = [*people(5), {"id": 9, "email": "bad", "firstname": "B"}]
    some.run(rows, BY_EMAIL)
    before, uploaded, put = _ids(some), list[str](), type(some.store.files).put

    def noted(files: object, written: Path, place: tuple[str, ...]) -> str:
        uploaded.append("/".join(place))
        return put(files, written, place)

    with monkeypatch.context() as patched:
        patched.setattr(type(some.store.files), "put", noted)
        night = some.run(rows, BY_EMAIL)
    assert shown(night) == {"unchanged": 5, "rejected": 1}
    assert night.ids.num_rows == 6
    assert uploaded != []
    assert [each for each in uploaded if each.startswith("sync/ids")] == []
    assert _ids_files(some) == {"ids.parquet", "ids-1.parquet"}
    assert _ids(some).equals(before)
    line = some.store.journal.generation("sync")
    assert line is not None
    assert (line.number, line.current, line.run) == (2, 1, night.run)
    assert some.store.runs("sync")[-1] == night.run
    assert shown(some.run(people(6), BY_EMAIL)) == {"unchanged": 5, "created": 1}
    assert {"ids-1.parquet", "ids-3.parquet"} <= _ids_files(some)
    assert len(some.emulator.records("contacts")) == 6


def _ids(bench: Bench) -> pa.Table:
    with bench.store.local_ids("sync") as path:
        return pq.read_table(path)


def _ids_files(bench: Bench, sync: str = "sync") -> set[str]:
    names = bench.store.files.names(tuple(sync.split("/")))
    return {name for name in names if name.startswith(("ids", "portal"))}
