"""Journal and settling against a model: whatever happens in whatever order, what was promised is there after
a crash.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from obstore.store import MemoryStore

from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Intent
from hubspot_batch_dagster.sync.batches.verdict import Verdict, Written, outcomes_of
from hubspot_batch_dagster.sync.settlement.matching import settle
from hubspot_batch_dagster.sync.state.bucket_journal import BucketJournal
from hubspot_batch_dagster.sync.state.journal import Journal
from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal

SYNCS = ("a", "b")


class JournalMachine(RuleBasedStateMachine):
    """Batches are intended, answered in part or not at all, given up, crashed upon and folded in.

    The model is two dictionaries: the rows that are open and the rows that are settled, with their ids.
    """

    batches: Bundle[tuple[str, Batch]] = Bundle("batches")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hubspot-journal-"))
        self.journal = self.opened()
        for sync in SYNCS:
            self.journal.begin(sync, "run")
        self.next_row = 0
        self.open: dict[str, dict[str, str]] = {name: {} for name in SYNCS}
        self.settled: dict[str, list[tuple[str, str, str | None]]] = {name: [] for name in SYNCS}
        self.at_large: dict[str, list[Intent]] = {name: [] for name in SYNCS}

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def opened(self) -> Journal:
        return SqlJournal(f"sqlite:///{self.folder / 'journal.db'}")

    @rule(target=batches, sync=st.sampled_from(SYNCS), n=st.integers(1, 6))
    def intend(self, sync: str, n: int) -> tuple[str, Batch]:
        rows = list(range(self.next_row, self.next_row + n))
        self.next_row += n
        batch = Batch(
            action="create",
            run="run",
            rows=rows,
            keys=[f"k{row} é" for row in rows],
            digests=[f"d{row}" for row in rows],
            ids=[None] * n,
            properties=[f'{{"name":"n{row}"}}' for row in rows],
            associations=[None] * n,
        )
        self.journal.intend(sync, "run", batch.intent(float(rows[0])))
        self.open[sync] |= {key: batch.properties[i] for i, key in enumerate(batch.keys)}
        return sync, batch

    @rule(given=consumes(batches), data=st.data())
    def answer(self, given: tuple[str, Batch], data: st.DataObject) -> None:
        """An answer in any order speaks of some rows; the others stay open."""
        sync, batch = given
        spoken = data.draw(st.permutations(range(len(batch))))[: data.draw(st.integers(0, len(batch)))]
        written = [Written(f"70{batch.rows[i]}", batch.trace_id(i)) for i in spoken]
        verdicts = settle(batch, written, [], "contacts")
        assert {i: each.id for i, each in verdicts.items()} == {i: f"70{batch.rows[i]}" for i in spoken}
        self.settle_some(sync, batch, verdicts)

    @rule(given=consumes(batches), data=st.data())
    def reject(self, given: tuple[str, Batch], data: st.DataObject) -> None:
        sync, batch = given
        some = data.draw(st.sets(st.integers(0, len(batch) - 1)))
        self.settle_some(sync, batch, {i: Verdict(outcome="rejected", code="NO", message="ü") for i in some})

    def settle_some(self, sync: str, batch: Batch, verdicts: dict[int, Verdict]) -> None:
        rest = [i for i in range(len(batch)) if i not in verdicts]
        left = batch.intent(float(batch.rows[0])).pick(rest) if rest else None
        outcomes = outcomes_of(batch, verdicts, 1.0)
        self.journal.settle(sync, "run", outcomes, intent_id=None if rest else batch.intent_id, left=left)
        for i in sorted(verdicts):
            del self.open[sync][batch.keys[i]]
            self.settled[sync].append((batch.keys[i], verdicts[i].outcome, verdicts[i].id))

    @rule(given=consumes(batches))
    def give_up(self, given: tuple[str, Batch]) -> None:
        """The rows were certainly not written: the intent is closed without a word about them."""
        sync, batch = given
        self.journal.settle(sync, "run", outcomes_of(batch, {}, 1.0), intent_id=batch.intent_id)
        for key in batch.keys:
            self.open[sync].pop(key)

    @rule(given=consumes(batches))
    def answer_after_silence(self, given: tuple[str, Batch]) -> None:
        """All rows are settled, and an earlier request is at large: the intent stays, with all its rows, and
        says so.
        """
        sync, batch = given
        verdicts = {i: Verdict(outcome="updated", id=f"id{row}") for i, row in enumerate(batch.rows)}
        left = replace(batch.intent(float(batch.rows[0])), settled=True)
        self.journal.settle(sync, "run", outcomes_of(batch, verdicts, 1.0), intent_id=None, left=left)
        self.at_large[sync].append(left)
        for i, key in enumerate(batch.keys):
            del self.open[sync][key]
            self.settled[sync].append((key, "updated", verdicts[i].id))

    @rule()
    def crash(self) -> None:
        self.journal.close()
        self.journal = self.opened()

    @rule(sync=st.sampled_from(SYNCS))
    def fold_in(self, sync: str) -> None:
        self.journal.conclude(sync, "run", current=1, forget=True)
        self.settled[sync] = []

    @invariant()
    def what_was_promised_is_there(self) -> None:
        for sync in SYNCS:
            intents = [each for each in self.journal.open_intents(sync) if not each.settled]
            assert [each for each in self.journal.open_intents(sync) if each.settled] == sorted(
                self.at_large[sync], key=lambda each: each.sent_at
            )
            found: dict[str, str] = {}
            for intent in intents:
                assert len(intent.keys) == len(intent.bodies) == len(intent.rows) == len(intent)
                found |= dict(zip(intent.keys, intent.bodies, strict=True))
            assert found == self.open[sync]
            assert [each.sent_at for each in intents] == sorted(each.sent_at for each in intents)
            told: list[tuple[Any, ...]] = [
                line
                for each in self.journal.outcomes(sync)
                for line in zip(each.keys, each.outcomes, each.ids, strict=True)
            ]
            assert told == self.settled[sync]


class BucketJournalMachine(JournalMachine):
    """The same in a bucket."""

    def opened(self) -> Journal:
        self.objects = getattr(self, "objects", None) or MemoryStore()
        return BucketJournal("memory://", objects=self.objects)


TestJournal = JournalMachine.TestCase
TestBucketJournal = BucketJournalMachine.TestCase
TestJournal.settings = TestBucketJournal.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_an_intent_without_some_rows_keeps_all_columns_in_step() -> None:
    batch = Batch(
        "create", "r", [1, 2, 3], ["a", "b", "c"], ["x", "y", "z"], [None] * 3, ["1", "2", "3"], [None] * 3
    )
    intent = batch.intent(1.0)
    assert intent.pick([2, 0]).keys == ["c", "a"]
    assert intent.pick([2, 0]).bodies == ["3", "1"]
    assert replace(intent, bodies=[]).pick([1]).bodies == []
    assert batch.without([1]).keys == ["a", "c"]
