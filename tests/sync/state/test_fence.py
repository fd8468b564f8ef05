"""No lock is trusted: of two runs of one sync the later one fences the earlier, and nothing is made twice or
lost.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench.servers import new_database
from bench.sync_bench import BY_EMAIL, COMPANIES, HASTY, QUICK, Bench, firms, people, shown
from obstore.store import MemoryStore

from hubspot_batch_dagster.api.errors import Overtaken, StoreError
from hubspot_batch_dagster.sync.batches.journal_entries import (
    INTENT_COLUMNS,
    OUTCOME_COLUMNS,
    Intent,
    Line,
    Outcomes,
    pack,
)
from hubspot_batch_dagster.sync.state import locks
from hubspot_batch_dagster.sync.state.bucket_journal import BucketJournal
from hubspot_batch_dagster.sync.state.journal import Journal
from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal
from hubspot_batch_dagster.sync.state.store import Store


@pytest.fixture(params=["sqlite", "postgres", "bucket"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    if request.param == "bucket":
        yield BucketJournal("memory://", objects=MemoryStore())
        return
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    made = SqlJournal(url if request.param == "sqlite" else new_database(request.getfixturevalue("postgres")))
    yield made
    made.close()


def intent(name: str, rows: int = 3) -> Intent:
    some = [f"{name}{i}" for i in range(rows)]
    return Intent(
        id=name,
        action="create",
        sent_at=1.0,
        rows=list(range(rows)),
        keys=some,
        digests=some,
        ids=[None] * rows,
        bodies=["{}"] * rows,
    )


def outcomes(of: Intent, *rows: int) -> Outcomes:
    nothing: list[str | None] = [None] * len(rows)
    return Outcomes(
        rows=list(rows), keys=[of.keys[i] for i in rows], digests=["d"] * len(rows), outcomes=["created"] * len(rows),
        ids=[f"7{i}" for i in rows], categories=nothing, codes=nothing, properties=nothing, messages=nothing,
        correlation_ids=nothing, warnings=nothing, settled_at=2.0,
    )  # fmt: skip


WRITES: dict[str, Callable[[Journal], object]] = {
    "intend": lambda journal: journal.intend("s", "one", intent("late")),
    "settle": lambda journal: journal.settle("s", "one", outcomes(intent("a"), 0), intent_id="a"),
    "conclude": lambda journal: journal.conclude("s", "one", current=1, forget=True),
    "keep_before": lambda journal: journal.keep_before("s", "one", [{"id": "1"}]),
    "bind": lambda journal: journal.bind("s", "one", "{}"),
    "rewrite_keys": lambda journal: journal.rewrite_keys("s", "one", {"a0": "x"}),
    "beat": lambda journal: journal.beat("s", "one"),
    "take_testimony": lambda journal: [
        journal.settle("s", "one", outcomes(intent("a"), 0), intent_id="a"),
        journal.take_testimony("s", "one"),
    ],
}


@pytest.mark.parametrize("write", WRITES)
def test_whatever_an_overtaken_run_writes_is_refused_and_changes_nothing(
    journal: Journal, write: str
) -> None:
    assert journal.begin("s", "one").number == 1
    journal.intend("s", "one", intent("a"))
    assert journal.begin("s", "two", holder="host, process 7").number == 2
    journal.begin("other", "one")
    with pytest.raises(Overtaken, match=r"Run two of 's' \(host, process 7\) has begun after run one"):
        WRITES[write](journal)
    assert journal.open_intents("s") == [intent("a")]
    assert list(journal.outcomes("s")) == list(journal.before("s", "one")) == []
    latest = journal.generation("s")
    assert latest is not None
    assert (latest.run, latest.current, latest.identity) == ("two", None, "")
    journal.beat("other", "one")


def test_of_many_runs_that_begin_at_once_one_is_the_latest_and_no_two_have_a_number(
    journal: Journal,
) -> None:
    begun: list[int] = []
    together = threading.Barrier(8)

    def begin(name: str) -> None:
        together.wait(20)
        with contextlib.suppress(Overtaken):
            begun.append(journal.begin("s", name).number)

    threads = [threading.Thread(target=begin, args=(f"run{i}",)) for i in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    latest = journal.generation("s")
    assert latest is not None
    assert 1 <= len(begun) == len(set(begun))
    assert latest.number == max(begun)
    journal.beat("s", latest.run)


def test_what_an_overtaken_run_hears_is_taken_in_where_its_rows_are_still_open(journal: Journal) -> None:
    journal.begin("s", "one")
    for name in ("a", "b", "c"):
        journal.intend("s", "one", intent(name))
    journal.begin("s", "two")
    journal.settle("s", "two", outcomes(intent("c"), 0, 1, 2), intent_id="c")
    for name, rows in (("a", (0, 2)), ("b", (0, 1, 2)), ("c", (0, 1, 2))):
        with pytest.raises(Overtaken):
            journal.settle("s", "one", outcomes(intent(name), *rows), intent_id=name)
    taken = journal.take_testimony("s", "two")
    assert taken == [("a", outcomes(intent("a"), 0, 2)), ("b", outcomes(intent("b"), 0, 1, 2))]
    assert journal.open_intents("s") == [intent("a").pick([1])]
    assert journal.take_testimony("s", "two") == []
    assert len(list(journal.outcomes("s"))) == 3


def test_one_commit_closes_intents_and_opens_others_and_one_that_it_closes_may_be_opened_again(
    journal: Journal,
) -> None:
    """With any number of each; outcomes stay in their order."""

    def opened(name: str) -> Line:
        return Line(name, "create", 1.0, pack(intent(name), INTENT_COLUMNS))

    def settled(name: str) -> Line:
        return Line(name, "create", 2.0, pack(outcomes(intent(name), 0, 1, 2), OUTCOME_COLUMNS))

    journal.begin("s", "one")
    journal.record("s", "one", [], [opened(name) for name in "abc"])
    journal.record("s", "one", [settled("b"), settled("a")], [opened("d"), opened("e")])
    assert sorted(each.id for each in journal.open_intents("s")) == ["c", "d", "e"]
    journal.record("s", "one", [settled("c")], [opened("c")])
    assert journal.open_intents("s")[0] == intent("c")
    journal.record("s", "one", [settled(name) for name in "cde"], [])
    journal.record("s", "one", [], [])
    assert journal.open_intents("s") == []
    assert [each.keys[0] for each in journal.outcomes("s")] == ["b0", "a0", "c0", "c0", "d0", "e0"]


class Slow:
    """Two benches on one store. The first one's run is held at a moment, a second run goes through, and the
    first goes on.
    """

    def __init__(self, bench: Bench) -> None:
        self.first, self.second = Bench(bench.emulator, bench.root), Bench(bench.emulator, bench.root)
        self.first.store._lock_wait = self.second.store._lock_wait = 0.5
        self.held, self.go_on = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self.before = 0

    def start(self, rows: object, operation: Any, owner: Any, name: str, *, nth: int = 1) -> None:
        passages, function = iter(range(1, 10_000)), getattr(owner, name)

        def held(*given: Any, **named: Any) -> Any:
            if next(passages) == nth:
                self.held.set()
                assert self.go_on.wait(60)
            return function(*given, **named)

        setattr(owner, name, held)
        self.thread = threading.Thread(target=self._run, args=(rows, operation))
        self.thread.start()
        assert self.held.wait(30)
        for each in (Path(str(self.first.root)) / ".locks").iterdir():
            each.unlink()

    def _run(self, rows: object, operation: Any) -> None:
        try:
            # More batches than are in flight at once: there is a commit of answers and intents, and one of
            # answers.
            self.first.run(rows, operation, batch_size=5)
        except BaseException as error:
            self.error = error

    def end(self) -> None:
        self.before = self.second.writes()
        self.go_on.set()
        self.thread.join(60)
        self.first.close()
        self.second.close()


@pytest.mark.parametrize(
    "moment", ["before the intent", "before the answer", "before the ids table", "before the copy"]
)
@pytest.mark.parametrize("operation", [COMPANIES, BY_EMAIL], ids=["bare creates", "upserts"])
def test_a_run_whose_lock_was_taken_away_sends_nothing_more_and_replaces_nothing(
    bench: Bench, moment: str, operation: Any
) -> None:
    rows = firms(60) if operation is COMPANIES else people(60)
    slow = Slow(bench)
    journal, store = slow.first.store.journal, slow.first.store
    places = {
        "before the intent": (journal, "record", 2),
        "before the answer": (journal, "record", 3),
        "before the ids table": (store, "conclude", 1),
        "before the copy": (store, "publish", 1),
    }
    owner, name, nth = places[moment]
    slow.start(rows, operation, owner, name, nth=nth)
    second = slow.second.run(rows, operation, batch_size=10, retry_policy=replace(HASTY, index_lag=0.2))
    third = slow.second.run(rows, operation, batch_size=10, retry_policy=replace(HASTY, index_lag=0.2))
    slow.end()
    assert (slow.error is None) == (moment == "before the copy")
    if slow.error is not None:
        assert isinstance(slow.error, Overtaken)
        assert second.run in str(slow.error) or third.run in str(slow.error)
    assert slow.second.writes() == slow.before
    key, values = (
        ("name", [row["name"] for row in rows])
        if operation is COMPANIES
        else ("email", [row["email"] for row in rows])
    )
    last = bench.run(rows, operation)
    assert bench.once_each("companies" if operation is COMPANIES else "contacts", key, values)
    assert shown(last) == {"unchanged": 60}
    line = bench.store.journal.generation("sync")
    assert line is not None
    folder = Path(bench.store.path("sync"))
    assert (folder / "ids.parquet").read_bytes() == (folder / f"ids-{line.current}.parquet").read_bytes()


def test_answers_that_come_after_the_take_over_are_not_lost(bench: Bench) -> None:
    """The second run finds the create in no search, and hears of it from the run that it has overtaken."""
    bench.emulator.change(search_lag=3600.0)
    slow = Slow(bench)
    exchange = slow.first.client._transport.exchange
    answered = threading.Event()

    def late(method: str, path: str, *rest: Any, **options: Any) -> Any:
        answer = exchange(method, path, *rest, **options)
        if path.endswith("/create"):
            answered.set()
            assert slow.go_on.wait(60)
        return answer

    slow.first.client._transport.exchange = late  # type: ignore[method-assign]
    slow.thread = threading.Thread(target=slow._run, args=(firms(5), COMPANIES))
    slow.thread.start()
    assert answered.wait(30)
    for each in (Path(bench.root) / ".locks").iterdir():
        each.unlink()
    waits = replace(QUICK, index_lag=0.1, certain_after=1.5)
    first_wait = threading.Timer(0.7, slow.go_on.set)
    first_wait.start()
    second = slow.second.run(firms(5), COMPANIES, retry_policy=waits, wait_for_unknown=True)
    slow.end()
    assert isinstance(slow.error, Overtaken)
    assert shown(bench.run(firms(5), COMPANIES, retry_policy=waits))["unchanged"] == 5, shown(second)
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(5)])


def test_a_lock_without_a_sign_of_life_is_not_waited_for_and_one_with_it_is(tmp_path: Path) -> None:
    store, other = Store(tmp_path / "s", lock_wait=3.0), Store(tmp_path / "s", lock_wait=3.0)
    with store.lock("sync"), store.begin("sync", "one", on_overtaken=print):
        began = time.monotonic()
        with locks.held(other.journal, "sync", wait=20.0, lease=1.0):
            assert 1.0 <= time.monotonic() - began < 15.0
        over = threading.Event()

        def beating() -> None:
            while not over.wait(0.2):
                store.journal.beat("sync", "one")

        thread = threading.Thread(target=beating)
        thread.start()
        try:
            with (
                pytest.raises(StoreError, match=r"process \d+, since .* UTC\), and did not end within 5 s"),
                locks.held(other.journal, "sync", wait=5.0, lease=4.0),
            ):
                pass
        finally:
            over.set()
            thread.join()
    store.close()
    other.close()


def test_a_process_of_another_container_with_the_same_host_name_has_not_vanished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each container numbers its processes by itself: a number that is free here says nothing there."""
    ended = locks.this_process().replace(f"process {os.getpid()}", f"process {2**22 + 1}")
    assert locks.has_vanished(ended)
    assert not locks.has_vanished(locks.this_process())
    monkeypatch.setattr(locks, "_container", lambda: " in pid:[17]")
    assert not locks.has_vanished(ended)
    assert locks.has_vanished(locks.this_process().replace(f"process {os.getpid()}", f"process {2**22 + 1}"))


def test_a_run_hears_that_it_was_overtaken_even_where_it_writes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "BEAT", 0.1)
    heard: list[BaseException] = []
    with bench.store.begin("sync", "one", on_overtaken=heard.append):
        bench.store.journal.begin("sync", "two")
        assert Bench.wait_for(lambda: bool(heard))
    assert isinstance(heard[0], Overtaken)


def test_the_fence_is_in_the_same_transaction_as_what_it_guards(tmp_path: Path) -> None:
    """A run that begins while a commit of the former one is under way waits for it, and sees what it
    wrote.
    """
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    one, two = SqlJournal(url), SqlJournal(url)
    one.begin("s", "one")
    in_commit, go_on = threading.Event(), threading.Event()

    def slowly(_: Any) -> None:
        in_commit.set()
        assert go_on.wait(20)

    thread = threading.Thread(target=lambda: one._commit("s", "one", slowly))
    thread.start()
    assert in_commit.wait(20)
    beginning = threading.Thread(target=lambda: two.begin("s", "two"))
    beginning.start()
    time.sleep(0.3)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        assert connection.execute("SELECT run FROM hubspot_generations").fetchall() == [("one",)]
    go_on.set()
    thread.join(20)
    beginning.join(20)
    latest = two.generation("s")
    assert latest is not None
    assert latest.run == "two"
    one.close()
    two.close()
