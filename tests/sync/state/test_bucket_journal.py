"""The journal in a bucket: what is acknowledged is there, what comes second is refused, and nothing of
people's data stays behind.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import obstore
import pytest
from bench.sync_bench import BY_EMAIL, COMPANIES, Bench, firms, people, shown
from obstore.exceptions import GenericError
from obstore.store import MemoryStore

from hubspot_batch_dagster.api.errors import Overtaken, StoreError
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.batches.journal_entries import OUTCOME_COLUMNS, Intent, Line, Outcomes, pack
from hubspot_batch_dagster.sync.state.bucket import Bucket
from hubspot_batch_dagster.sync.state.bucket_journal import BucketJournal
from hubspot_batch_dagster.sync.state.rename import rename_sync
from hubspot_batch_dagster.sync.state.store import Store


def intent(name: str) -> Intent:
    return Intent(
        name, "create", 1.0, [0, 1], [f"{name}0", f"{name}1"], ["d", "e"], [None, None], ["{}", "{}"]
    )


def outcomes(of: Intent) -> Outcomes:
    nothing: list[str | None] = [None, None]
    return Outcomes(of.rows, of.keys, of.digests, ["created"] * 2, ["7", "8"], *[nothing] * 6, settled_at=2.0)


def names(objects: MemoryStore) -> list[str]:
    return sorted(each["path"] for chunk in obstore.list(objects) for each in chunk)


def test_a_store_in_a_bucket_needs_nothing_else(bench: Bench, s3: str) -> None:
    mine = Bench(bench.emulator, s3)
    assert shown(mine.run(firms(250), COMPANIES)) == {"created": 250}
    mine.close()
    other_host = Bench(bench.emulator, s3)
    assert shown(other_host.run(firms(251), COMPANIES)) == {"unchanged": 250, "created": 1}
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(251)])
    assert other_host.store.journal.summary() == []


def test_a_run_that_was_killed_in_a_bucket_is_gone_on_with(
    bench: Bench, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Bench(bench.emulator, s3)
    with monkeypatch.context() as patched:
        patched.setattr(mine.store, "conclude", killed)
        with pytest.raises(StoreError, match="killed"):
            mine.run(firms(120), COMPANIES)
    other_host = Bench(bench.emulator, s3)
    assert other_host.store.journal.summary() == [("sync", 0, 2)]
    before = bench.writes()
    assert shown(other_host.run(firms(120), COMPANIES)) == {"unchanged": 120}
    assert bench.writes() == before


def killed(*_: object, **__: object) -> None:
    raise StoreError("killed")


def test_batches_that_were_settled_together_are_told_one_by_one() -> None:
    objects = MemoryStore()
    journal = BucketJournal("memory://", objects=objects)
    journal.begin("s", "run")
    lines = [
        Line("create", f"batch-{n}", 0.0, pack(outcomes(intent(f"batch-{n}")), OUTCOME_COLUMNS))
        for n in range(3)
    ]
    journal.record("s", "run", lines, [])
    assert BucketJournal("memory://", objects=objects).summary() == [("s", 0, 3)]
    assert len(list(journal.outcomes("s"))) == 3


def test_after_a_run_the_bucket_holds_no_values_and_few_objects() -> None:
    objects = MemoryStore()
    journal = BucketJournal("memory://", objects=objects)
    for n in range(1, 4):
        run = f"run{n}"
        journal.begin("s", run)
        for name in ("a", "b", "c"):
            journal.intend("s", run, replace(intent(name), bodies=['{"email":"ada@x.org"}', "{}"]))
            journal.settle("s", run, outcomes(intent(name)), intent_id=name)
        journal.conclude("s", run, current=n, forget=True)
        journal.end("s", run)
    left = [bytes(obstore.get(objects, name).bytes()) for name in names(objects)]
    assert not any(b"ada@x.org" in each for each in left)
    # A begin for each run, the last snapshot, the end of the last run, and the hint where to read.
    assert len(left) == 3 + 1 + 1 + 1
    again = BucketJournal("memory://", objects=objects)
    line = again.generation("s")
    assert line is not None
    assert (line.number, line.run, line.current, line.holder) == (3, "run3", 3, "")
    assert list(again.outcomes("s")) == again.open_intents("s") == again.summary() == []


def test_a_run_that_slept_through_later_ones_finds_its_number_taken_though_theirs_are_folded() -> None:
    objects = MemoryStore()
    asleep, later = (BucketJournal("memory://", objects=objects) for _ in range(2))
    asleep.begin("s", "one")
    asleep.intend("s", "one", intent("a"))
    for n in (2, 3, 4):
        later.begin("s", f"run{n}")
        later.intend("s", f"run{n}", intent(f"x{n}"))
        later.settle("s", f"run{n}", outcomes(intent(f"x{n}")), intent_id=f"x{n}")
        later.conclude("s", f"run{n}", current=n, forget=True)
    before = names(objects)
    for write in (
        lambda: asleep.intend("s", "one", intent("late")),
        lambda: asleep.conclude("s", "one", current=1, forget=True),
        lambda: asleep.keep_before("s", "one", [{"id": "1"}]),
    ):
        with pytest.raises(Overtaken):
            write()
    assert [each for each in names(objects) if "/before/" not in each] == before
    line = later.generation("s")
    assert line is not None
    assert (line.run, line.current) == ("run4", 4)
    assert [each.id for each in later.open_intents("s")] == ["a"]


def test_a_begin_at_a_number_that_is_free_again_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who read the log long ago, and begins at a number whose entry is folded by now, is not the latest
    run.
    """
    objects = MemoryStore()
    slow, other = (BucketJournal("memory://", objects=objects) for _ in range(2))
    other.begin("s", "one")
    slow.generation("s")
    for name in ("a", "b"):
        other.intend("s", "one", intent(name))
        other.settle("s", "one", outcomes(intent(name)), intent_id=name)
    other.conclude("s", "one", current=1, forget=True)
    log = slow._sync("s").log
    assert f"{log.folder}/log/{log.next:012}" not in names(objects)
    with monkeypatch.context() as patched:
        patched.setattr(log, "refresh", lambda: log.state)
        patched.setattr(log, "reread", lambda: log.state)
        with pytest.raises(Overtaken):
            slow.begin("s", "stale")
    other.beat("s", "one")
    again = BucketJournal("memory://", objects=objects)
    line = again.generation("s")
    assert line is not None
    assert (line.run, line.number) == ("one", 1)
    assert again.begin("s", "two").number == 2


def test_a_run_that_slept_while_its_sync_was_renamed_away_and_back_is_fenced() -> None:
    objects = MemoryStore()
    asleep, others = (BucketJournal("memory://", objects=objects) for _ in range(2))
    asleep.begin("s", "one")
    asleep.intend("s", "one", intent("a"))
    others.begin("s", "two")
    others.begin("other", "two")
    others.rename("s", "other", "two")
    others.begin("other", "three")
    others.begin("s", "three")
    others.rename("other", "s", "three")
    others.begin("s", "four")
    others.conclude("s", "four", current=1, forget=True)
    with pytest.raises(Overtaken):
        asleep.intend("s", "one", intent("late"))
    assert [each.id for each in others.open_intents("s")] == ["a"]


class Sick(Bucket):
    """A bucket whose answers are lost after or before the write, or say "exists" though nothing landed."""

    def __init__(self, objects: MemoryStore, seed: int) -> None:
        super().__init__("memory://", patience=60.0, objects=objects)
        self.random = random.Random(seed)

    def make(self, name: str, content: bytes) -> bool:
        luck = self.random.random()
        if luck < 0.15:
            raise GenericError("no answer, and nothing landed")
        if luck < 0.3:
            return False
        made = super().make(name, content)
        if luck < 0.5:
            raise GenericError("no answer, and it landed")
        return made


@pytest.mark.parametrize("seed", range(8))
def test_what_a_sick_bucket_says_of_a_write_is_looked_at_before_it_is_believed(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubspot_batch_dagster.sync.state.patience.time.sleep", lambda _: None)
    objects = MemoryStore()
    sick = BucketJournal("memory://", objects=objects)
    sick._bucket = Sick(objects, seed)
    assert sick.begin("s", "one").number == 1
    kept = [f"i{n}" for n in range(12)]
    for n, name in enumerate(kept):
        sick.intend("s", "one", intent(name))
        if n % 2:
            sick.settle("s", "one", outcomes(intent(name)), intent_id=name)
    well = BucketJournal("memory://", objects=objects)
    assert [each.id for each in well.open_intents("s")] == sorted(kept[::2])
    assert [each.keys[0] for each in well.outcomes("s")] == [f"{name}0" for name in kept[1::2]]
    assert well.begin("s", "two").number == 2
    with pytest.raises(Overtaken):
        sick.intend("s", "one", intent("late"))


def test_threads_that_write_at_once_share_an_append(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = MemoryStore()
    journal = BucketJournal("memory://", objects=objects)
    journal.begin("s", "one")
    make, let_go, appends = journal._bucket.make, threading.Event(), []

    def slow(name: str, content: bytes) -> bool:
        appends.append(name)
        if len(appends) == 1:
            assert let_go.wait(20)
        return make(name, content)

    monkeypatch.setattr(journal._bucket, "make", slow)
    threads = [
        threading.Thread(target=journal.intend, args=("s", "one", intent(f"i{n:02}"))) for n in range(20)
    ]
    for each in threads:
        each.start()
    assert Bench.wait_for(lambda: len(journal._sync("s")._groups.waiting) == 19)
    let_go.set()
    for each in threads:
        each.join(20)
    assert len(appends) == 2
    assert len(BucketJournal("memory://", objects=objects).open_intents("s")) == 20


def test_a_batch_costs_at_most_little_more_than_one_append(bench: Bench, s3: str) -> None:
    mine = Bench(bench.emulator, s3)
    journal = mine.store.journal
    assert isinstance(journal, BucketJournal)
    make, appends = journal._bucket.make, []
    journal._bucket.make = lambda name, content: appends.append(name) or make(name, content)  # type: ignore[method-assign]
    mine.run(firms(500), COMPANIES, batch_size=10)
    assert len(appends) <= 1.1 * 50


@pytest.mark.parametrize("moment", [None, "before the old name is given up", "after it"])
def test_a_rename_is_whole_whenever_it_is_killed(moment: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = MemoryStore()
    journal = BucketJournal("memory://", objects=objects)
    journal.begin("old", "one")
    for name in ("a", "b"):
        journal.intend("old", "one", intent(name))
    journal.settle("old", "one", outcomes(intent("b")), intent_id="b")
    journal.begin("old", "move")
    journal.begin("new", "move")
    log = journal._sync("old").log
    append: Callable[..., int] = log.append

    def dies(*given: Any) -> int:
        if moment == "after it":
            append(*given)
        raise StoreError("killed")

    if moment is not None:
        monkeypatch.setattr(log, "append", dies)
        with pytest.raises(StoreError, match="killed"):
            journal.rename("old", "new", "move")
    else:
        journal.rename("old", "new", "move")
    after = BucketJournal("memory://", objects=objects)
    there, gone = ("old", "new") if moment == "before the old name is given up" else ("new", "old")
    line = after.generation(gone)
    assert line is None if gone == "old" else line is not None and line.current is None
    assert after.open_intents(gone) == list(after.outcomes(gone)) == []
    assert [each.id for each in after.open_intents(there)] == ["a"]
    assert [each.keys for each in after.outcomes(there)] == [["b0", "b1"]]
    assert after.begin(there, "next").number == 3
    if there == "old":
        after.begin("new", "next")
        after.rename("old", "new", "next")
        assert [each.id for each in after.open_intents("new")] == ["a"]


def test_a_sync_in_a_bucket_gets_another_name_with_all_that_is_known(bench: Bench, s3: str) -> None:
    mine = Bench(bench.emulator, s3)
    mine.run(people(5), BY_EMAIL, "old")
    rename_sync(mine.store, "old", "new", run="0123456789abcdef")
    assert shown(Bench(bench.emulator, s3).run(people(5), BY_EMAIL, "new")) == {"unchanged": 5}


def test_before_images_in_a_bucket_go_with_the_runs_that_they_are_of(bench: Bench, s3: str) -> None:
    keeps = Upsert("companies", key="id", properties=["name", "city"], keep_before=True)
    mine = Bench(bench.emulator, s3)
    mine.run(firms(3), keeps)
    second = mine.run([{**row, "city": "Bonn"} for row in firms(3)], keeps)
    images = list(Bench(bench.emulator, s3).store.journal.before("sync", second.run))
    assert [each["city"] for each in images] == ["Ulm"] * 3


def test_an_entry_that_is_damaged_is_a_store_error() -> None:
    objects = MemoryStore()
    journal = BucketJournal("memory://", objects=objects)
    journal.begin("s", "one")
    journal.intend("s", "one", intent("a"))
    last = [each for each in names(objects) if "/log/" in each][-1]
    for content in (b"", b"{", b"[]", b'{"run": "one"}'):
        obstore.put(objects, last, content)
        with pytest.raises(StoreError, match="damaged inside"):
            BucketJournal("memory://", objects=objects).open_intents("s")


def test_a_bucket_without_the_library_names_the_extra(monkeypatch: pytest.MonkeyPatch, s3: str) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(StoreError, match="its journal has no place") as caught:
        Store(s3)
    assert "[bucket]" in caught.value.remedy


def test_a_bucket_that_does_not_answer_is_waited_for_and_then_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    journal = BucketJournal("s3://tables/hubspot", patience=0.5)
    with pytest.raises(
        StoreError, match=r"s3://tables/hubspot: the bucket does not answer, and was waited for"
    ):
        journal.begin("s", "one")
