"""Another program, such as a backup or a database browser, writes to the journal's file while a run does."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bench.sync_bench import COMPANIES, Bench, firms

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.emulator import Emulator
from hubspot_batch_dagster.sync.state import journal_engine


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


@pytest.fixture
def store(running: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a journal, in which SQLite itself waits for a tenth of a second."""
    running.reset()
    monkeypatch.setattr(journal_engine, "SHORTEST_LOCK", 0.1)
    monkeypatch.setattr(journal_engine, "LONGEST_LOCK", 0.1)
    first = Bench(running, tmp_path / "store", patience=30.0)
    first.run(firms(1), COMPANIES)
    first.close()
    return tmp_path / "store"


def test_a_journal_that_is_locked_for_a_while_is_waited_for(running: Emulator, store: Path) -> None:
    bench = Bench(running, store, patience=30.0)
    with writing(store / "journal.db") as other:
        back = threading.Timer(0.6, other.rollback)
        back.start()
        result = bench.run(firms(5), COMPANIES)
        back.join()
    assert result.counts["created"] == 4
    bench.close()


def test_a_journal_that_stays_locked_ends_the_run_and_says_who_may_have_it(
    running: Emulator, store: Path
) -> None:
    bench = Bench(running, store, patience=0.3)
    with writing(store / "journal.db"), pytest.raises(StoreError, match="database is locked") as ended:
        bench.run(firms(5), COMPANIES)
    assert "Another program writes to the file" in ended.value.remedy
    assert len(running.records("companies")) == 1
    bench.close()
