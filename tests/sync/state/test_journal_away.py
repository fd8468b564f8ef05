"""The journal's Postgres goes away: while a run writes to it, while it is opened, and for good."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy
from bench.servers import Postgres, installed_binaries, new_database
from bench.sync_bench import COMPANIES, HASTY, Bench, firms, shown

from hubspot_batch_dagster.api.errors import Overtaken, StoreError
from hubspot_batch_dagster.emulator import Emulator
from hubspot_batch_dagster.sync.state import journal_engine
from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server that a test may stop, and starts again."""
    binaries = installed_binaries()
    if Postgres.reason_to_skip() is not None or binaries is None:
        pytest.skip("no Postgres")
    running = Postgres(binaries)
    yield running
    running.stop()


def away(server: Postgres, seconds: float) -> threading.Timer:
    """Take it away now, and start it again after so many seconds."""
    server.down()
    back = threading.Timer(seconds, server.up)
    back.start()
    return back


def test_a_restart_of_the_journals_server_in_mid_run_stops_no_run(
    running: Emulator, server: Postgres, tmp_path: Path
) -> None:
    """The run waits, then goes on without the lock that it lost; every row is made once."""
    running.reset()
    running.change(latency=0.1)
    bench = Bench(running, tmp_path / "store", journal_url=server.url, patience=30.0)
    gone = threading.Event()

    def restart() -> None:
        away(server, 0.5).join()
        gone.set()

    watch = threading.Thread(target=lambda: (half_way(running), restart()))
    watch.start()
    result = bench.run(firms(60), COMPANIES, batch_size=2)
    watch.join(60)
    running.change(latency=0.0)
    assert gone.is_set()
    assert result.counts["created"] == 60
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(60)])
    bench.close()


def half_way(running: Emulator) -> None:
    """Return when a part of the rows is made."""
    pause = threading.Event()
    while running.books.created_count("companies") < 10:
        pause.wait(0.005)


def test_a_postgres_that_is_away_for_seconds_is_waited_out(server: Postgres) -> None:
    journal = SqlJournal(server.url, patience=30.0)
    journal.begin("s", "one")
    back = away(server, 1.0)
    journal.beat("s", "one")
    back.join()
    journal.close()


def test_a_postgres_that_is_away_when_the_journal_is_opened_is_waited_for(server: Postgres) -> None:
    back = away(server, 1.0)
    journal = SqlJournal(server.url, patience=30.0)
    assert journal.open_intents("nothing") == []
    back.join()
    journal.close()


def test_a_postgres_that_stays_away_is_an_error_that_names_it_and_says_what_to_do(server: Postgres) -> None:
    journal = SqlJournal(server.url, patience=0.5)
    journal.begin("t", "one")
    server.down()
    with pytest.raises(StoreError, match="the database does not answer, and was waited for") as caught:
        journal.beat("t", "one")
    assert "postgresql" in caught.value.message
    assert "Start the database" in caught.value.remedy
    assert caught.value.__cause__ is None
    server.up()
    journal.close()


def test_a_postgres_that_takes_the_connection_and_says_nothing_is_away_and_does_not_refuse() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(StoreError, match="the database does not answer, and was waited for") as caught:
            SqlJournal(f"postgresql+psycopg://127.0.0.1:{port}/x?connect_timeout=2", patience=1.0)
    assert "Start the database" in caught.value.remedy


def test_a_postgres_that_takes_a_statement_and_never_answers_is_asked_anew(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its driver alone would wait without an end."""
    monkeypatch.setattr(journal_engine, "LONGEST_SILENCE", 0.5)
    journal = SqlJournal(server.url, patience=20.0)
    journal.begin("frozen", "one")
    with journal._database.engine.connect() as connection:
        backend = connection.execute(sqlalchemy.text("SELECT pg_backend_pid()")).scalar_one()
    os.kill(backend, signal.SIGSTOP)
    try:
        journal.beat("frozen", "one")
    finally:
        os.kill(backend, signal.SIGCONT)
    journal.close()


def test_a_run_that_is_stopped_within_a_commit_keeps_no_later_one_out(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends its transaction; when it goes on it is overtaken, and has written nothing."""
    monkeypatch.setattr(journal_engine, "LONGEST_IDLE", 0.4)
    monkeypatch.setattr(journal_engine, "LONGEST_LOCK", 0.2)
    url = new_database(server)
    stopped, later = SqlJournal(url, patience=20.0), SqlJournal(url, patience=20.0)
    stopped.begin("s", "one")
    within, goes_on = threading.Event(), threading.Event()
    ended: list[BaseException] = []

    def work(_: object) -> None:
        within.set()
        goes_on.wait(20)

    def commit() -> None:
        try:
            stopped._commit("s", "one", work)
        except Overtaken as error:
            ended.append(error)

    thread = threading.Thread(target=commit)
    thread.start()
    assert within.wait(20)
    assert later.begin("s", "two").number == 2
    goes_on.set()
    thread.join(20)
    assert len(ended) == 1
    for each in (stopped, later):
        each.close()


def test_a_postgres_that_stays_away_in_mid_run_ends_the_run_and_the_next_goes_on(
    running: Emulator, server: Postgres, tmp_path: Path
) -> None:
    """The run names the journal and keeps what was answered; nothing is made twice."""
    running.reset()
    running.change(latency=0.1)
    bench = Bench(running, tmp_path / "store", journal_url=server.url, patience=1.0)
    watch = threading.Thread(target=lambda: (half_way(running), server.down()))
    watch.start()
    with pytest.raises(StoreError, match="the database does not answer, and was waited for") as caught:
        bench.run(firms(60), COMPANIES, "stays", batch_size=2)
    watch.join(60)
    running.change(latency=0.0)
    assert "postgresql" in caught.value.message
    made = running.books.created_count("companies")
    assert 10 <= made < 60
    server.up()
    quick = replace(HASTY, index_lag=0.2)
    assert sum(bench.run(firms(60), COMPANIES, "stays", retry_policy=quick).counts.values()) == 60
    assert shown(bench.run(firms(60), COMPANIES, "stays", retry_policy=quick)) == {"unchanged": 60}
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(60)])
    bench.close()
