"""The journal: durable before and after each request, on SQLite and on Postgres."""

from __future__ import annotations

import json
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from bench.servers import Postgres, new_database
from bench.sync_bench import BY_EMAIL, COMPANIES, HASTY, Bench, firms, people, shown

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.state import sql_schema
from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal
from hubspot_batch_dagster.sync.state.sql_schema import SCHEMA_VERSION
from hubspot_batch_dagster.sync.state.store import Store


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new, empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'journal.db'}"
        return
    yield new_database(request.getfixturevalue("postgres"))


def intent(name: str, n: int = 3, at: float = 1.0) -> Intent:
    return Intent(
        id=name,
        action="create",
        sent_at=at,
        rows=list(range(n)),
        keys=[f"{name} k{i} é" for i in range(n)],
        digests=["d"] * n,
        ids=[None, *["7"] * (n - 1)],
        bodies=['{"a":"ü"}'] * n,
    )


def outcomes(*ids: str, at: float = 5.0) -> Outcomes:
    n = len(ids)
    nothing: list[str | None] = [None] * n
    return Outcomes(
        rows=list(range(n)),
        keys=[f"k{each}" for each in ids],
        digests=["d"] * n,
        outcomes=["created"] * n,
        ids=list(ids),
        categories=nothing,
        codes=nothing,
        properties=nothing,
        messages=["said"] * n,
        correlation_ids=nothing,
        warnings=nothing,
        settled_at=at,
    )


def test_intents_and_outcomes_are_read_back_as_they_were_written(url: str) -> None:
    first = SqlJournal(url)
    for sync in "ab":
        first.begin(sync, "run")
    first.intend("a", "run", intent("late", at=9.0))
    first.intend("a", "run", intent("early", at=2.0))
    first.intend("b", "run", intent("other"))
    first.settle("a", "run", outcomes("1", "2"), intent_id="late")
    first.settle("a", "run", outcomes("3"), intent_id=None, left=intent("early", at=2.0).pick([2]))
    first.close()
    again = SqlJournal(url)
    assert again.open_intents("a") == [intent("early", at=2.0).pick([2])]
    assert list(again.outcomes("a")) == [outcomes("1", "2"), outcomes("3")]
    assert again.summary() == [("a", 1, 2), ("b", 1, 0)]
    again.conclude("a", "run", current=1, forget=True)
    assert list(again.outcomes("a")) == []
    assert len(again.open_intents("b")) == 1
    again.close()


def test_sixteen_threads_write_at_once_and_nothing_is_lost(url: str) -> None:
    journal = SqlJournal(url)
    journal.begin("s", "run")

    def work(thread: int) -> None:
        for n in range(20):
            journal.intend("s", "run", intent(f"{thread}-{n}"))
            journal.settle(
                "s", "run", outcomes(f"{thread}-{n}"), intent_id=f"{thread}-{n}" if n % 2 else None
            )

    threads = [threading.Thread(target=work, args=(each,)) for each in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert {each.id for each in journal.open_intents("s")} == {
        f"{t}-{n}" for t in range(16) for n in range(0, 20, 2)
    }
    assert {each.ids[0] for each in journal.outcomes("s")} == {
        f"{t}-{n}" for t in range(16) for n in range(20)
    }
    journal.close()


def test_commits_of_many_threads_are_grouped(tmp_path: Path) -> None:
    journal = SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")
    journal.begin("s", "r")
    commits: list[int] = []
    sa.event.listen(journal._database.engine, "commit", lambda _: (commits.append(1), time.sleep(0.02)))
    threads = [threading.Thread(target=journal.intend, args=("s", "r", intent(str(n)))) for n in range(32)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert len(journal.open_intents("s")) == 32
    assert len(commits) < 24
    journal.close()


def test_a_group_that_cannot_be_written_fails_for_each_of_its_writers(tmp_path: Path) -> None:
    journal = SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")
    journal.begin("s", "r")
    journal.intend("s", "r", intent("same"))
    rename(tmp_path, "hubspot_intents", "away")
    with pytest.raises(StoreError, match="Cannot write the journal"):
        journal.intend("s", "r", intent("lost"))
    rename(tmp_path, "away", "hubspot_intents")
    journal.intend("s", "r", intent("next"))
    assert [each.id for each in journal.open_intents("s")] == ["next", "same"]
    journal.close()


def rename(folder: Path, table: str, name: str) -> None:
    with sqlite3.connect(folder / "journal.db") as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {name}")


def test_several_processes_may_open_a_new_journal_at_once(url: str) -> None:
    code = (
        "import sys; from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal; sys.stdin.read(1);"
        " SqlJournal(sys.argv[1])"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    time.sleep(1.0)
    for each in started:
        each.stdin.write(b"x")  # type: ignore[union-attr]
        each.stdin.flush()  # type: ignore[union-attr]
    failed = [each.communicate(timeout=60)[1].decode()[-500:] for each in started]
    assert [each.returncode for each in started] == [0] * 4, failed
    with sa.create_engine(url).connect() as connection:
        assert connection.execute(sa.text("SELECT version FROM hubspot_journal_version")).fetchall() == [
            (SCHEMA_VERSION,)
        ]


def set_version(url: str, version: int) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE hubspot_journal_version SET version = {version}"))
    engine.dispose()


def test_a_journal_of_a_newer_version_is_refused(url: str) -> None:
    SqlJournal(url).close()
    set_version(url, SCHEMA_VERSION + 1)
    with pytest.raises(StoreError, match="newer version") as caught:
        SqlJournal(url)
    assert "Upgrade" in caught.value.remedy


def test_an_older_journal_is_brought_forward_step_by_step(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    SqlJournal(url).close()
    steps: list[int] = []
    migrations: dict[int, Callable[[sa.Connection], None]] = {
        n: lambda _, n=n: steps.append(n) for n in range(1, SCHEMA_VERSION + 1)
    }
    monkeypatch.setattr(sql_schema, "MIGRATIONS", migrations)
    monkeypatch.setattr(sql_schema, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    set_version(url, 1)
    SqlJournal(url).close()
    assert steps == [*range(1, SCHEMA_VERSION + 1)]
    SqlJournal(url).close()
    assert steps == [*range(1, SCHEMA_VERSION + 1)]


def test_a_migration_that_fails_leaves_the_journal_as_it_was(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    SqlJournal(url).close()

    def breaks(connection: sa.Connection) -> None:
        connection.execute(sa.text("CREATE TABLE half_done (x INTEGER)"))
        raise OSError("no room")

    monkeypatch.setattr(sql_schema, "MIGRATIONS", {SCHEMA_VERSION: breaks})
    monkeypatch.setattr(sql_schema, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(StoreError, match="no room"):
        SqlJournal(url)
    monkeypatch.undo()
    SqlJournal(url).close()
    assert "half_done" not in sa.inspect(sa.create_engine(url)).get_table_names()


def test_a_file_that_is_no_journal_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database" * 200)
    with pytest.raises(StoreError, match="not a database") as caught:
        Store(tmp_path)
    assert "adopt the records" in caught.value.remedy


def test_a_journal_damaged_inside_is_an_error_before_anything_is_sent(bench: Bench) -> None:
    bench.run(firms(3), COMPANIES)
    bench.close()
    path = Path(bench.root) / "journal.db"
    for extra in ("-wal", "-shm"):
        path.with_name(path.name + extra).unlink(missing_ok=True)
    good = path.read_bytes()
    path.write_bytes(good[:4096] + b"\xff" * (len(good) - 4096))
    with pytest.raises(StoreError, match="journal"):
        Bench(bench.emulator, bench.root).run(firms(6), COMPANIES)
    assert len(bench.emulator.records("companies")) == 3


def test_a_database_that_is_not_there_is_an_error_without_its_password() -> None:
    with pytest.raises(StoreError, match="Cannot open the journal") as caught:
        SqlJournal("postgresql+psycopg://me:sesame@127.0.0.1:9/none?connect_timeout=2", patience=0.2)
    assert "correct its URL" in caught.value.remedy
    said = str(caught.value) + repr(caught.value) + str(pickle.loads(pickle.dumps(caught.value)))
    assert "sesame" not in said


def test_a_journal_that_no_waiting_opens_is_said_at_once_with_the_remedy_of_a_server(
    postgres: Postgres,
) -> None:
    """A database that does not exist is not waited for, and no file is said to be damaged."""
    began = time.monotonic()
    with pytest.raises(StoreError, match="does not exist") as caught:
        SqlJournal(postgres.url.rpartition("/")[0] + "/nowhere")
    assert time.monotonic() - began < 5
    assert "Check the URL" in caught.value.remedy
    assert "file" not in caught.value.remedy


def test_a_database_of_another_kind_is_refused_before_anything_is_sent() -> None:
    """The fence is written for two kinds of database; no other one is asked to keep runs apart."""
    with pytest.raises(StoreError, match="neither SQLite nor Postgres") as caught:
        SqlJournal("mysql+pymysql://me:sesame@127.0.0.1:9/none")
    assert "sesame" not in str(caught.value)


def test_the_password_is_not_shown(postgres: Postgres) -> None:
    journal = SqlJournal(postgres.url.replace("postgres@", "postgres:sesame@"))
    assert "sesame" not in repr(journal)
    assert journal.dialect == "postgresql"
    journal.close()


def test_the_intent_is_durable_before_the_request_leaves(bench: Bench) -> None:
    """Another connection to the database sees the intent by the time HubSpot sees the request."""
    seen: list[list[str]] = []
    handler = bench.emulator.faults.match

    def look(request: object) -> object:
        if getattr(request, "operation", "") in ("upsert", "create"):
            with sqlite3.connect(Path(bench.root) / "journal.db") as connection:
                rows = connection.execute("SELECT payload FROM hubspot_intents").fetchall()
            seen.append([key for (payload,) in rows for key in json.loads(payload)["keys"]])
        return handler(request)  # type: ignore[arg-type]

    bench.emulator.faults.match = look  # type: ignore[method-assign,assignment]
    try:
        bench.run(people(250), BY_EMAIL)
    finally:
        bench.emulator.faults.match = handler  # type: ignore[method-assign]
    assert len(seen) == 3
    assert {key for each in seen for key in each} == {f"p{i}@x.org" for i in range(250)}
    assert all(each for each in seen)


FULL = """
import resource, sys
sys.path.insert(0, {helpers!r})
from bench.sync_bench import *
from hubspot_batch_dagster.emulator.process import RemoteEmulator
from hubspot_batch_dagster.api.errors import StoreError
bench = Bench(RemoteEmulator({url!r}, {token!r}), {root!r})
limit = {limit}
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    result = bench.run(firms(300), COMPANIES)
    print("counts", result.counts)
except StoreError as error:
    print("StoreError", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
@pytest.mark.parametrize("limit", [0, 60_000])
def test_a_full_disk_is_a_clear_error_and_nothing_is_lost(bench: Bench, limit: int) -> None:
    """A limit on file sizes stands in for the full disk; a first run has made the journal."""
    bench.run([{"id": 1, "name": "First", "city": "Ulm"}], COMPANIES, "first")
    bench.store.close()
    code = FULL.format(
        helpers=str(Path(__file__).parents[2]),
        url=bench.emulator.url,
        token=bench.emulator.token,
        root=str(bench.root),
        limit=limit,
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "StoreError" in done.stdout, done.stdout + done.stderr[-3000:]
    if limit == 0:
        assert bench.once_each("companies", "name", ["First"])
    again = Bench(bench.emulator, bench.root)
    result = again.run(firms(300), COMPANIES, retry_policy=HASTY)
    assert result.counts["created"] + result.counts["unchanged"] == 300, shown(result)
    assert bench.once_each("companies", "name", ["First", *(f"Firm {i}" for i in range(300))])
    again.close()
