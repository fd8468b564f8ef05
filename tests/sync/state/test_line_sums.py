"""A SQLite journal in which a value was changed, in whatever column, is a ``StoreError``; so is a commit that
its log lost.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.state import sql_schema as schema
from hubspot_batch_dagster.sync.state.identity import Identity
from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal

WITHOUT_CONSEQUENCE = {
    ("hubspot_generations", "holder"),  # who holds it, for people
    ("hubspot_generations", "beat"),  # rises while a run is alive
    ("hubspot_intents", "run"),  # read by nobody
    ("hubspot_outcomes", "run"),
    ("hubspot_outcomes", "seq"),
    ("hubspot_testimony", "run"),
    ("hubspot_testimony", "seq"),
    ("hubspot_testimony", "intent"),  # testimony of no intent is left out, and the intent is settled as one without an answer
    ("hubspot_before", "seq"),
}  # fmt: skip
"""Table and column -> what no run decides anything by."""


def intent(name: str, *keys: str) -> Intent:
    of = list(keys)
    return Intent(
        id=name, action="create", sent_at=1.5, rows=list(range(len(of))), keys=of, digests=of, ids=[None] * len(of)
    )  # fmt: skip


def outcomes(*keys: str) -> Outcomes:
    of, n = list(keys), len(keys)
    none: list[str | None] = [None] * n
    return Outcomes(
        rows=list(range(n)), keys=of, digests=of, outcomes=["created"] * n, ids=[*of], categories=none, codes=none,
        properties=none, messages=none, correlation_ids=none, warnings=none, settled_at=2.5,
    )  # fmt: skip


def filled(url: str) -> SqlJournal:
    """A journal with a line in each table, in two syncs whose names differ by one letter."""
    journal = SqlJournal(url)
    for sync in ("s1", "s2"):
        journal.begin(sync, f"run of {sync}")
        journal.bind(sync, f"run of {sync}", Identity(sync, "companies", ("id",)).to_json())
        journal.intend(sync, f"run of {sync}", intent(f"{sync}-1", "a", "b"))
        journal.settle(sync, f"run of {sync}", outcomes("c"), intent_id=None)
        journal.keep_before(sync, f"run of {sync}", [{"id": "1", "name": "former"}])
        journal.conclude(sync, f"run of {sync}", current=1, forget=False, seal="12345678")
    with journal._database.engine.begin() as connection:  # as an overtaken run leaves it
        line = connection.execute(sa.select(schema.outcomes)).first()
        assert line is not None
        connection.execute(
            sa.insert(schema.testimony).values(
                sync=line.sync,
                run=line.run,
                intent="s1-1",
                settled_at=line.settled_at,
                payload=line.payload,
            )
        )
    return journal


def read_all(url: str) -> list[Any]:
    with closing(SqlJournal(url)) as journal:
        return [
            (
                journal.generation(sync),
                journal.open_intents(sync),
                list(journal.outcomes(sync)),
                list(journal.before(sync, f"run of {sync}")),
            )
            for sync in ("s1", "s2")
        ]


def changed(value: Any) -> list[Any]:
    """Values that one flipped bit may make of it."""
    if value is None:
        return [0]
    if isinstance(value, bytes):
        at = len(value) // 2
        return [value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :], b""]
    if isinstance(value, str):
        return [value[:-1] + chr(ord(value[-1]) ^ 3) if value else "x", None]
    return [value + 1, 0] if value else [value + 1]


def test_a_value_that_was_changed_in_any_column_is_a_store_error(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    filled(f"sqlite:///{file}").close()
    before, tried = read_all(f"sqlite:///{file}"), 0
    for table in schema.metadata.sorted_tables:
        for column in [each.name for each in table.columns]:
            if (table.name, column) in WITHOUT_CONSEQUENCE or table is schema.version:
                continue
            with closing(sqlite3.connect(file)) as connection:
                (value,) = connection.execute(f"SELECT {column} FROM {table.name} LIMIT 1").fetchone()
            for wrong in changed(value):
                copy = tmp_path / f"changed {tried}.db"  # a log of its own, too
                shutil.copy(file, copy)
                with closing(sqlite3.connect(copy)) as connection, connection:
                    where = f"rowid = (SELECT rowid FROM {table.name} LIMIT 1)"
                    try:
                        connection.execute(f"UPDATE {table.name} SET {column} = ? WHERE {where}", (wrong,))
                    except sqlite3.IntegrityError:
                        continue  # the file itself cannot hold it
                tried += 1
                if (table.name, column) == ("hubspot_generations", "crc") and wrong == "":
                    continue
                if table is schema.before and column in ("sync", "run"):
                    # Images that are missing are told: an undo says which records have none.
                    assert [each[:3] for each in read_all(f"sqlite:///{copy}")] == [
                        each[:3] for each in before
                    ]
                    continue
                with pytest.raises(StoreError) as caught:
                    read_all(f"sqlite:///{copy}")
                assert caught.value.remedy, (table.name, column, wrong)
    assert tried == 30
    assert read_all(f"sqlite:///{file}") == before


def test_a_sync_that_gets_another_name_takes_its_lines_along(url: str) -> None:
    with closing(filled(url)) as journal:
        was = (
            journal.open_intents("s1"),
            list(journal.outcomes("s1")),
            list(journal.before("s1", "run of s1")),
        )
        journal.begin("s3", "run of s1")  # a rename is a run of both names
        journal.rename("s1", "s3", "run of s1", seal="87654321")
    with closing(SqlJournal(url)) as journal:
        now = (
            journal.open_intents("s3"),
            list(journal.outcomes("s3")),
            list(journal.before("s3", "run of s1")),
        )
        assert now == was
        assert journal.open_intents("s1") == []
        found = journal.generation("s3")
        assert found is not None
        assert found.seal == "87654321"
        assert journal.take_testimony("s3", "run of s1") != []


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'journal.db'}"


def as_killed(tmp_path: Path) -> Path:
    """The files of a journal as SIGKILL leaves them, its commits in the log."""
    journal = filled(f"sqlite:///{tmp_path / 'journal.db'}")
    folder = tmp_path / "killed"
    folder.mkdir()
    for each in tmp_path.glob("journal.db*"):
        shutil.copy(each, folder)
    journal.close()
    return folder


def test_a_changed_byte_of_the_log_is_a_store_error_or_costs_the_last_commit(tmp_path: Path) -> None:
    """SQLite leaves out what follows a frame that is wrong, without a word; only of the last commit it cannot
    be told.
    """
    folder = as_killed(tmp_path)
    whole = (folder / "journal.db-wal").read_bytes()
    page = 4096 + 24
    frames = (len(whole) - 32) // page
    commits = [i for i in range(frames) if whole[32 + i * page + 4 : 32 + i * page + 8] != b"\0\0\0\0"]
    last = 32 + (commits[-2] + 1) * page
    rng, found = random.Random(7), 0
    for at in [*range(0, 32, 6), *(rng.randrange(32, len(whole)) for _ in range(50))]:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        content = bytearray(whole)
        content[at] ^= 1 << rng.randrange(8)
        (copy / "journal.db-wal").write_bytes(content)
        try:
            read_all(f"sqlite:///{copy / 'journal.db'}")
        except StoreError:
            found += 1
        else:
            assert at >= last, at
    assert found > 25


@pytest.mark.parametrize("size", [b"\0\0", b"\x7c\xb5", b"\x02\x01", b"\xff\xff"])
def test_the_log_heals_a_file_that_tells_no_size_of_its_pages(tmp_path: Path, size: bytes) -> None:
    folder = as_killed(tmp_path)
    file = folder / "journal.db"
    before = [each[:3] for each in read_all(f"sqlite:///{tmp_path / 'journal.db'}")]
    content = bytearray(file.read_bytes())
    content[16:18] = size
    file.write_bytes(content)
    assert [each[:3] for each in read_all(f"sqlite:///{file}")] == before


def test_a_log_that_a_power_cut_tore_is_read_up_to_there(tmp_path: Path) -> None:
    folder = as_killed(tmp_path)
    log = folder / "journal.db-wal"
    whole = log.read_bytes()
    for torn in (whole[:-1], whole[:-5000], whole[:-100] + b"\0" * 100, whole[:32], whole[:20], b""):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        (copy / "journal.db-wal").write_bytes(torn)
        SqlJournal(f"sqlite:///{copy / 'journal.db'}").close()


def test_what_an_earlier_log_left_behind_is_no_damage(tmp_path: Path) -> None:
    """SQLite begins the log anew in the same file; frames of before stand behind the new ones."""
    file = tmp_path / "journal.db"
    journal = filled(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA wal_checkpoint(RESTART)")
    journal.beat("s1", "run of s1")
    folder = tmp_path / "killed"
    folder.mkdir()
    for each in tmp_path.glob("journal.db*"):
        shutil.copy(each, folder)
    assert (folder / "journal.db-wal").stat().st_size > 10_000
    assert read_all(f"sqlite:///{folder / 'journal.db'}") != []
    journal.close()
