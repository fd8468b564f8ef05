"""Where ids tables and journal live: folders, URLs, locks, and what happens when they cannot be used."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from bench.servers import Postgres, new_database
from bench.sync_bench import BY_EMAIL, COMPANIES, HASTY, Bench, firms, people, shown

from hubspot_batch_dagster.api.errors import InputError, Overtaken, StoreError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.staging import conclusion
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.state.store import Store


def test_runs_are_named_in_the_order_of_time(bench: Bench) -> None:
    assert bench.run(firms(1), COMPANIES).run < (time.sleep(1.01), bench.run(firms(1), COMPANIES).run)[1]


def test_syncs_are_listed_by_their_own_names(bench: Bench) -> None:
    names = ["b", "a/b", "ünï cödé", "100 %", "a.b"]
    for name in names:
        bench.run(firms(1), COMPANIES, name, first_run=True)
    assert bench.store.syncs() == sorted(names)
    assert "journal.db" in repr(bench.store)


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    store = Store(f"file://{tmp_path}/x")
    assert (tmp_path / "x" / "journal.db").exists()
    store.close()


@pytest.mark.skipif(sys.platform == "win32" or not Path("/proc/self/ns").exists(), reason="needs Linux")
def test_a_folder_that_may_not_be_written_is_an_error_before_anything_is_sent(bench: Bench) -> None:
    """Even root may not write in /proc: it stands in for a read-only disk."""
    with pytest.raises(StoreError, match="Cannot make /proc/hubspot") as caught:
        Store("/proc/hubspot")
    assert "another store" in caught.value.remedy
    bench.run(firms(1), COMPANIES)
    folder = Path(bench.store.path("sync"))
    for each in sorted(folder.rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() else each.unlink()
    folder.rmdir()
    folder.write_text("a file in the place of the folder")
    with pytest.raises(StoreError, match="Cannot write"):
        bench.run(firms(3), COMPANIES)
    assert len(bench.emulator.records("companies")) == 1


def other_run(bench: Bench, seconds: float = 30.0, journal: str | None = None) -> subprocess.Popen[str]:
    """Another process that holds the lock of ``sync``; it is ready when this returns."""
    code = (
        "import sys, time\n"
        "from hubspot_batch_dagster.sync.state.store import Store\n"
        "with Store(sys.argv[1], journal_url=sys.argv[2] or None).lock('sync'):\n"
        "    print('locked', flush=True)\n"
        "    time.sleep(float(sys.argv[3]))\n"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", code, str(bench.root), journal or "", str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "locked\n"
    return started


@pytest.fixture(params=["files", "postgres"])
def shared(bench: Bench, request: pytest.FixtureRequest) -> Iterator[tuple[Bench, str | None]]:
    """A bench, and the URL of its journal if that is a database."""
    if request.param == "files":
        yield bench, None
        return
    url = new_database(request.getfixturevalue("postgres"))
    made = Bench(bench.emulator, bench.root, journal_url=url)
    yield made, url
    made.close()


def with_wait(bench: Bench, url: str | None, seconds: float) -> None:
    bench.store.close()
    bench.store = Store(bench.root, journal_url=url, lock_wait=seconds)


def test_a_second_run_of_a_sync_fails_with_a_clear_message(shared: tuple[Bench, str | None]) -> None:
    bench, url = shared
    other = other_run(bench, journal=url)
    try:
        with_wait(bench, url, 0.1)
        with pytest.raises(
            StoreError, match=r"Another run of 'sync' is at work \(.+\), and did not end within 0\.1 s"
        ):
            bench.run(firms(3), COMPANIES)
        assert bench.writes() == 0
        assert shown(bench.run(firms(3), COMPANIES, "another sync")) == {"created": 3}
    finally:
        other.kill()
        other.wait(10)


def test_a_second_run_of_a_sync_waits_for_the_first(shared: tuple[Bench, str | None]) -> None:
    bench, url = shared
    other = other_run(bench, 0.5, url)
    with_wait(bench, url, 20.0)
    assert shown(bench.run(firms(3), COMPANIES)) == {"created": 3}
    assert other.wait(10) == 0


def test_the_lock_of_a_killed_process_is_free(shared: tuple[Bench, str | None]) -> None:
    bench, url = shared
    other = other_run(bench, journal=url)
    other.send_signal(signal.SIGKILL)
    other.wait(10)
    with_wait(bench, url, 5.0)
    assert shown(bench.run(firms(3), COMPANIES)) == {"created": 3}


def test_an_error_gives_the_lock_back(shared: tuple[Bench, str | None]) -> None:
    bench, url = shared
    with_wait(bench, url, 0.1)
    with pytest.raises(InputError):
        bench.run([{"other": 1}], COMPANIES)
    assert shown(bench.run(firms(3), COMPANIES)) == {"created": 3}


def test_two_runs_at_once_write_each_row_once(shared: tuple[Bench, str | None]) -> None:
    bench, url = shared
    benches = [Bench(bench.emulator, bench.root, journal_url=url) for _ in range(3)]
    found: list[dict[str, int]] = []
    threads = [
        threading.Thread(target=lambda each=each: found.append(shown(each.run(firms(120), COMPANIES))))
        for each in benches
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert sorted(found, key=str) == [{"created": 120}, {"unchanged": 120}, {"unchanged": 120}]
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(120)])
    for each in benches:
        each.close()


def test_a_run_with_its_journal_in_postgres_is_settled_by_the_next(bench: Bench, postgres: Postgres) -> None:
    url = new_database(postgres)
    one = Bench(bench.emulator, bench.root, journal_url=url)
    bench.emulator.faults.add(
        Fault.drop(operation="create", times=1, after_commit=True), Fault.answer(403, operation="search")
    )
    assert shown(one.run(firms(5), COMPANIES)) == {"unknown": 5}
    bench.emulator.faults.clear()
    one.close()
    two = Bench(bench.emulator, bench.root, journal_url=url)
    assert shown(two.run(firms(7), COMPANIES)) == {"unchanged": 5, "created": 2}
    assert two.store.journal.summary() == []
    two.close()


def test_files_of_a_run_are_private_and_gone_when_it_ends(bench: Bench) -> None:
    with bench.store.scratch("sync") as folder:
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "left").touch()
    assert not folder.exists()
    bench.run(firms(2), COMPANIES)
    assert list((Path(bench.root) / ".scratch").rglob("*")) == []


def test_a_run_whose_own_files_are_gone_says_so(bench: Bench) -> None:
    """The store's folder was moved away while it ran, or the disk is gone."""

    def rows() -> Iterator[dict[str, Any]]:
        yield from firms(3)
        shutil.rmtree(Path(bench.root) / ".scratch")

    bench.run(firms(2), COMPANIES)
    with pytest.raises(StoreError, match=r"Cannot use .*\.scratch"):
        bench.run(rows(), COMPANIES)
    assert sum(bench.run(firms(3), COMPANIES, retry_policy=HASTY).counts.values()) == 3
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(3)])


def test_a_local_store_needs_no_folder_for_temporary_files(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    assert shown(bench.run(firms(3), COMPANIES)) == {"created": 3}


def test_a_run_without_enough_memory_says_so_and_the_next_one_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(*_: object, **__: object) -> None:
        raise duckdb.OutOfMemoryException("failed to pin block")

    monkeypatch.setattr(conclusion, "conclude", too_much)
    with pytest.raises(StoreError, match="memory") as caught:
        bench.run(people(30), BY_EMAIL)
    assert "Raise memory=" in str(caught.value)
    monkeypatch.undo()
    sent = bench.writes()
    assert shown(bench.run(people(30), BY_EMAIL)) == {"unchanged": 30}
    assert bench.writes() == sent


def test_a_run_without_enough_memory_for_its_lines_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of the ids table are read through Arrow, and what fails in there is still told as it is."""
    stream = StagingArea.stream

    def too_much(area: StagingArea, query: str, *rows: int) -> pa.RecordBatchReader:
        if "FROM final" in query and "ORDER BY row" in query:
            raise duckdb.OutOfMemoryException("failed to pin block")
        return stream(area, query, *rows)

    monkeypatch.setattr(StagingArea, "stream", too_much)
    with pytest.raises(StoreError, match="memory") as caught:
        bench.run(people(3), BY_EMAIL)
    assert "Raise memory=" in str(caught.value)


def test_rows_joined_with_their_outcomes_in_slices_are_all_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conclusion, "SLICE", 7)
    rows = [*people(20), {"email": "nonsense", "firstname": "Bob"}, *people(5, start=20)]
    first = bench.run(rows, BY_EMAIL, batch_size=3)
    assert shown(first) == {"created": 25, "rejected": 1}
    assert [each["email"] for each in first.ids.to_pylist()] == [each["email"] for each in rows]
    changed = [{**each, "firstname": "Eva"} if i % 5 == 0 else each for i, each in enumerate(rows)]
    again = bench.run(changed, BY_EMAIL, batch_size=3)
    assert again.counts["updated"] + again.counts["unchanged"] == 25
    assert again.ids["hs_object_id"].to_pylist() == first.ids["hs_object_id"].to_pylist()


def test_a_journal_that_is_lost_after_nights_without_a_change_is_not_taken_for_a_lost_store(
    bench: Bench, tmp_path: Path
) -> None:
    for _ in range(3):
        bench.run(people(2), BY_EMAIL)
    bench.close()
    for file in (tmp_path / "store").glob("journal.db*"):
        file.unlink()
    again = Bench(bench.emulator, tmp_path / "store")
    assert shown(again.run(people(3), BY_EMAIL)) == {"unchanged": 2, "created": 1}
    again.close()


def test_a_later_run_fences_one_that_keeps_its_ids_table(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(people(2), BY_EMAIL)
    write_tables = conclusion.write_tables

    def overtaken(*given: object) -> object:
        bench.store.journal.begin("sync", "later", after=2, holder="another")
        return write_tables(*given)

    monkeypatch.setattr(conclusion, "write_tables", overtaken)
    with pytest.raises(Overtaken):
        bench.run(people(2), BY_EMAIL)
    line = bench.store.journal.generation("sync")
    assert line is not None
    assert (line.number, line.run, line.current) == (3, "later", 1)
