"""Two runs of one sync at once, each in a process of its own, and what came of their rows."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401 - a run imports these three when it needs them: here it is done once, before the fork
import pandas as pd  # noqa: F401
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.rate_limit.open_budget import open_budget
from hubspot_batch_dagster.emulator import EmulatorProcess
from hubspot_batch_dagster.operations.records import Create
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.run import RunOptions, run_sync
from hubspot_batch_dagster.sync.state import bucket_journal, fenced_commits
from hubspot_batch_dagster.sync.state.bucket_log import Op, SyncState, Taken
from hubspot_batch_dagster.sync.state.journal import Generation
from hubspot_batch_dagster.sync.warehouse.warehouse_query import Warehouse, open_engine
from tests.torture.losses import BY_LEASE, LOSSES, Journals, open_store, wait_for_loss
from tests.torture.moments import MERGES, MOMENTS, Gate, Notes, Point, close_at, note_steps, points

NOTES = Create("notes", key="k")
PAD = "." * 1200
ROWS = [
    {"k": i, "hs_timestamp": "2026-01-01T09:00:00Z", "hs_note_body": f"note {i} {PAD}"} for i in range(64)
]
FEWER = 48
"""Rows that the first run has: the second one has some more."""
PATIENCE = RetryPolicy(total=15.0, backoff=0.02, longest_pause=0.5, index_lag=0.4, certain_after=2.5)
LONGEST = 30.0
"""Seconds after which a run counts as hung."""
MOST_RUNS = 8


@dataclass(frozen=True)
class Plan:
    """What a seed is about.

    Attributes:
        journal: Where it is.
        loss: How the first run loses its lock.
        point: Where it is then.
        after_the_end: It goes on only when the second run has ended.
    """

    journal: str
    loss: str
    point: Point
    after_the_end: bool

    @classmethod
    def of(cls, rng: random.Random, journals: Sequence[str]) -> Plan:
        """What a seed chooses."""
        journal = rng.choice(journals)
        loss, moment = rng.choice(LOSSES[journal]), rng.choice(MOMENTS)
        saves = moment in ("saving", "put and delete")
        return cls(journal, loss, rng.choice(points(moment, journal)), saves and rng.random() < 0.7)

    @classmethod
    def with_merges(cls, rng: random.Random, journals: Sequence[str]) -> Plan:
        """The same where the rows are in a warehouse: every other seed loses its lock while it merges."""
        plan = cls.of(rng, journals)
        if rng.random() < 0.5:
            return plan
        return replace(plan, point=rng.choice(MERGES), after_the_end=rng.random() < 0.7)

    @property
    def moment(self) -> str:
        """The moment that the point belongs to."""
        return self.point.moment

    def __str__(self) -> str:
        late = ", goes on after the end of the second" if self.after_the_end else ""
        where = f"{self.point.owner.__name__}.{self.point.method}"
        return f"{self.journal}, {self.loss}, {self.moment} ({where}{late})"


@dataclass(frozen=True)
class Verdict:
    """What came of a seed.

    Attributes:
        plan: What it was about.
        ends: How the two runs ended.
        sent: Write requests of each run that arrived after the take-over.
        saved: Steps of saving of each run after it: files put, closing appends tried, copies made.
        doubled: Rows with more than one record.
        lost: Rows without one.
        astray: Rows of which the ids table has no record, or one that is another row's.
        stale: The copy of the ids table for readers was not the one that counts, once both had ended.
        hung: A run did not end, or the runs after it did not come to an end.
    """

    plan: Plan
    ends: tuple[str, str]
    sent: tuple[int, int]
    saved: tuple[int, int]
    doubled: int
    lost: int
    astray: int
    stale: bool
    hung: bool

    @property
    def counts(self) -> bool:
        """Whether both runs have sent or saved after the take-over."""
        return all(sent or saved for sent, saved in zip(self.sent, self.saved, strict=True))

    @property
    def wrong(self) -> bool:
        """Whether anything is not as it must be."""
        return bool(self.doubled or self.lost or self.astray or self.stale or self.hung)

    def __str__(self) -> str:
        found = f"doubled {self.doubled}, lost {self.lost}, astray {self.astray}"
        found += (", STALE" if self.stale else "") + (", HUNG" if self.hung else "")
        both = "" if self.counts else " NOT BOTH"
        return f"{self.plan}: {'/'.join(self.ends)}, sent {self.sent}, saved {self.saved}{both}: {found}"


def two_runs(
    plan: Plan,
    hub: EmulatorProcess,
    journals: Journals,
    folder: Path,
    url: str | None,
    timing: random.Random,
    *,
    longest_pause: float,
    fence: bool,
    warehouse: str = "",
) -> Verdict:
    """Let the first run lose its lock and the second one take over, and look at what came of it.

    Args:
        plan: What the seed is about.
        hub: The portal.
        journals: Where journals are.
        folder: Where the stores are.
        url: The journal's database, if it has one.
        timing: Chooses the moments.
        longest_pause: Seconds, at most, from the take-over until the first run goes on.
        fence: Whether the journal looks at who is the latest run.
        warehouse: The database that the rows are in, if they are in one.
    """
    of = _Trial(plan, hub, folder, url, fence, warehouse)
    nth = timing.randint(plan.point.least, plan.point.most)
    first = of.start("first", ROWS[:FEWER], nth)
    of.wait_for("first", "begun")
    second = of.start("second", ROWS)
    of.wait_for("first", "there")
    time.sleep(timing.uniform(0.0, 0.05))
    journals.lose(plan.loss, first, folder / "store", url)
    (folder / "lost").touch()
    of.wait_for("second", "begun", seconds=3.0)
    if plan.after_the_end:
        of.wait_for("second", "ended", seconds=10.0)
    else:
        time.sleep(timing.uniform(0.0, longest_pause))
    (folder / "open").touch()
    os.kill(first, signal.SIGCONT)
    ends = (of.end("first", first), of.end("second", second))
    return _judged(of, ends)


@dataclass(frozen=True)
class _Trial:
    plan: Plan
    hub: EmulatorProcess
    folder: Path
    url: str | None
    fence: bool
    warehouse: str

    def start(self, name: str, rows: Sequence[dict[str, Any]], nth: int = 0) -> int:
        """Begin a run in a process of its own; with ``nth`` it comes to the gate."""
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                gc.freeze()
                notes = Notes(self.folder / name)
                note_steps(notes)
                if nth:
                    close_at(self.plan.point, Gate(nth, self.folder / "open", notes))
                if name == "second" and self.plan.loss in BY_LEASE:
                    wait_for_loss(self.folder / "lost")
                if not self.fence:
                    switch_off_fence()
                notes.write("ended", self._run(rows, name))
                code = 0
            finally:
                os._exit(code)
        return child

    def _run(self, rows: Sequence[dict[str, Any]], name: str) -> str:
        budget = open_budget(self.hub.token, limit=1000, folder=self.folder)
        options = RunOptions(retry_policy=PATIENCE, batch_size=2, on_warning=lambda _: None)
        source: object = rows
        if self.warehouse:
            query = f"SELECT * FROM source WHERE k < {len(rows)} ORDER BY k"
            source = Warehouse(query, connection=self.warehouse)
        with HubSpotClient(self.hub.token, base_url=self.hub.url, budget=budget) as client:
            store = open_store(self.folder, self.plan.journal, self.url)
            try:
                report = run_sync(source, NOTES, client=client, store=store, name="s", options=options)
            except HubSpotError as error:
                return type(error).__name__
            except Exception as error:
                return f"broken: {type(error).__name__}: {error}".replace("\n", " ")[:200]
            finally:
                store.close()
        counts = report.result.counts
        if counts["unknown"] or counts["unsent"]:
            return "open"
        ids = zip(
            *(report.result.ids.column(each).to_pylist() for each in ("k", "hs_object_id")), strict=True
        )
        if name == "last":
            (self.folder / "ids").write_text("\n".join(f"{key} {record}" for key, record in ids))
        return "clean"

    def wait_for(self, name: str, word: str, seconds: float = LONGEST) -> float | None:
        """When a run noted something; ``None`` if it has ended without, or takes too long."""
        ends = time.monotonic() + seconds
        while True:
            found = Notes.read(self.folder / name)
            for at, noted, _ in found:
                if noted == word:
                    return at
            if time.monotonic() > ends or any(noted == "ended" for _, noted, _ in found):
                return None
            time.sleep(0.003)

    def noted(self, name: str, word: str) -> list[tuple[float, str]]:
        """When a run noted something, and what."""
        return [(at, rest) for at, noted, rest in Notes.read(self.folder / name) if noted == word]

    def rows_for_readers(self) -> int:
        """Lines of the copy of the ids table, read in a process of its own: this one must have no threads."""
        child = os.fork()
        if child == 0:
            code = 255
            try:
                code = self._lines()
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def _lines(self) -> int:
        if self.warehouse:
            with open_engine(self.warehouse, memory="256MB") as engine:
                return engine.count("SELECT count(*) FROM hubspot.ids_s")
        return pq.read_metadata(self.folder / "store" / "s" / "ids.parquet").num_rows

    def end(self, name: str, child: int) -> str:
        """Await a run; how it ended."""
        ends = time.monotonic() + LONGEST
        while os.waitpid(child, os.WNOHANG)[0] == 0:
            if time.monotonic() > ends:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return "hung"
            time.sleep(0.005)
        said = self.noted(name, "ended")
        return said[-1][1] if said else "died"


def put_rows(warehouse: str) -> str:
    """Put the rows of the second run into a database; the first one has fewer of them."""
    with open_engine(warehouse, memory="256MB") as engine:
        engine.load("hubspot_new", pa.Table.from_pylist(ROWS).to_reader())
        engine.execute("CREATE TABLE source AS SELECT * FROM hubspot_new")
    return warehouse


def _judged(of: _Trial, ends: tuple[str, str]) -> Verdict:
    taken = of.noted("second", "begun")
    runs = [[rest for _, rest in of.noted(name, "begun")] for name in ("first", "second")]
    over = taken[0][0] if taken else float("inf")
    stale, last = ends[1] == "clean" and of.rows_for_readers() != len(ROWS), ""
    for _ in range(MOST_RUNS):
        last = of.end("last", of.start("last", ROWS))
        if last == "clean":
            break
        time.sleep(0.3)
    books = of.hub.books
    late = [each for each in books.requests("create") if each.arrived > over]
    sent = [sum(_is_of(each.trace_ids, run) for each in late) for run in runs]
    saved = [sum(at > over for at, _ in of.noted(name, "saved")) for name in ("first", "second")]
    living = {record: str(each.get("hs_note_body")) for record, each in of.hub.records("notes").items()}
    counted = Counter(living.values())
    return Verdict(
        plan=of.plan,
        ends=ends,
        sent=(sent[0], sent[1]),
        saved=(saved[0], saved[1]),
        doubled=sum(n > 1 for n in counted.values()),
        lost=sum(row["hs_note_body"] not in counted for row in ROWS),
        astray=sum(living.get(record) != ROWS[key]["hs_note_body"] for key, record in _ids(of.folder)),
        stale=stale,
        hung=last != "clean" or "hung" in ends or any(each.startswith(("died", "broken")) for each in ends),
    )


def _ids(folder: Path) -> list[tuple[int, str]]:
    path = folder / "ids"
    lines = [line.split(" ") for line in path.read_text().splitlines()] if path.exists() else []
    found = {int(key): record for key, record in lines}
    return [(key, found.get(key, "")) for key in range(len(ROWS))] if lines else []


def _is_of(trace_ids: Sequence[str], runs: Sequence[str]) -> bool:
    return any(trace.startswith(f"{run}-") for trace in trace_ids for run in runs if run)


def switch_off_fence() -> None:
    """In the process of a run: whatever it writes is taken, whichever run is the latest."""
    for dialect, fence in fenced_commits._FENCE.items():
        fenced_commits._FENCE[dialect] = fence.replace(" AND run = ", " AND '' <> ")
    replaced: dict[str, Callable[..., Any]] = {"append": _append_anyway, "state_for": _any_state}
    for name, function in replaced.items():
        setattr(bucket_journal._Sync, name, function)


def _append_anyway(of: bucket_journal._Sync, run: str, ops: Sequence[Op]) -> None:
    while True:
        try:
            of.log.append(run, ops)
            return
        except Taken:
            continue


def _any_state(of: bucket_journal._Sync, _run: str) -> tuple[SyncState, Generation]:
    state = of.log.refresh()
    assert state.latest is not None
    return state, state.latest
