"""``python -m tests.torture.take_over --seeds 20``: two runs of one sync, whose lock is taken away at a random moment.

The first run is at work when the lock goes: its file is deleted, and in some seeds the process is stopped and goes on later. A second
run takes over, and both come to an end. Then the audit: no row may have two records, and none may be lost. ``--no-fence`` is the control: the
same seeds without the look at who is the latest run. If they double nothing, the trial proves nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import HubSpotError, Overtaken
from hubspot_batch_dagster.emulator import Emulator, Settings
from hubspot_batch_dagster.operations.records import Create
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.run import RunOptions, run_sync
from hubspot_batch_dagster.sync.state import fenced_commits, sql_schema
from hubspot_batch_dagster.sync.state.store import Store

ROWS = [{"k": i, "hs_timestamp": "2026-01-01T09:00:00Z", "hs_note_body": f"note {i}"} for i in range(240)]
NOTES = Create("notes", key="k")
PATIENCE = RetryPolicy(total=15.0, backoff=0.02, longest_pause=0.5, index_lag=0.4, certain_after=3.0)
MOST_RUNS = 8


@dataclass(frozen=True)
class Verdict:
    """What came of a seed.

    Attributes:
        seed: Which.
        doubled: Rows with more than one record.
        lost: Rows without one.
        late: Write requests of both runs that came after the second one had begun.
        overtaken: Whether the first run heard that it was overtaken.
        ended: How the two runs ended.
    """

    seed: int
    doubled: int
    lost: int
    late: int
    overtaken: bool
    ended: tuple[str, str]


def run_once(url: str, token: str, store: str, fence: bool) -> str:
    """One run in this process; how it ended."""
    if not fence:
        lines = sql_schema.generations
        fenced_commits._FENCE = (
            sa.update(lines)
            .where(lines.c.sync == sa.bindparam("of"), sa.bindparam("by") == sa.bindparam("by"))
            .values(beat=lines.c.beat + 1)
        )
    with HubSpotClient(token, base_url=url) as client:
        opened = Store(store, lock_wait=30.0)
        options = RunOptions(retry_policy=PATIENCE, batch_size=2, on_warning=lambda _: None)
        try:
            report = run_sync(ROWS, NOTES, client=client, store=opened, name="s", options=options)
        except Overtaken:
            return "overtaken"
        except HubSpotError as error:
            return type(error).__name__
        finally:
            opened.close()
    counts = report.result.counts
    return "clean" if not counts["unknown"] and not counts["unsent"] else "open"


def start(hub: Emulator, store: Path, fence: bool) -> subprocess.Popen[str]:
    """The same in a process of its own, which waits for :func:`go`: an interpreter takes seconds to start."""
    given = json.dumps([hub.url, hub.token, str(store), fence])
    command = [sys.executable, "-m", "tests.torture.take_over", "--child", given]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    """Let it begin."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def trial(seed: int, *, fence: bool) -> Verdict:
    """One seed."""
    rng = random.Random(seed)
    settings = Settings(search_lag=0.1, latency=rng.choice([0.2, 0.4]), latency_jitter=0.5)
    with tempfile.TemporaryDirectory() as folder, Emulator(settings=settings) as hub:
        store = Path(folder) / "store"
        first, second = start(hub, store, fence), start(hub, store, fence)
        go(first)
        moment = rng.randint(8, 100)
        _wait(lambda: hub.books.created_count("notes") >= moment or first.poll() is not None)
        stopped = rng.random() < 0.4
        if stopped:
            os.kill(first.pid, signal.SIGSTOP)
        for each in (store / ".locks").glob("*"):
            each.unlink()
        go(second)
        began = _begun_by_two(hub, second)
        if stopped:
            time.sleep(rng.uniform(0.0, 1.5))
            os.kill(first.pid, signal.SIGCONT)
        ends = tuple(
            str(process.communicate(timeout=90)[0]).strip() or "broken" for process in (first, second)
        )
        for _ in range(MOST_RUNS):
            if run_once(hub.url, hub.token, str(store), fence) == "clean":
                break
            time.sleep(0.5)
        living = Counter(str(each.get("hs_note_body")) for each in hub.records("notes").values())
        return Verdict(
            seed=seed,
            doubled=sum(n > 1 for n in living.values()),
            lost=sum(row["hs_note_body"] not in living for row in ROWS),
            late=_after(hub, began),
            overtaken=ends[0] == "overtaken",
            ended=(ends[0], ends[1]),
        )


def _begun_by_two(hub: Emulator, second: subprocess.Popen[str]) -> int:
    """How many requests there were when the second run made its first one: it asks before it writes."""
    before = len(hub.books.requests("search"))
    _wait(lambda: len(hub.books.requests("search")) > before or second.poll() is not None, seconds=20)
    return len(hub.books.requests())


def _after(hub: Emulator, began: int) -> int:
    return sum(each.operation == "create" for each in hub.books.requests()[began:])


def _wait(true: Any, seconds: float = 40.0) -> None:
    ends = time.monotonic() + seconds
    while not true() and time.monotonic() < ends:
        time.sleep(0.01)


def main() -> int:
    """Run the seeds; 0 if no row was doubled or lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.take_over", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--no-fence", action="store_true", help="the control")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print("ready", flush=True)
        sys.stdin.readline()
        print(run_once(*json.loads(asked.child)))
        return 0
    verdicts = []
    for seed in range(asked.first, asked.first + asked.seeds):
        verdicts.append(trial(seed, fence=not asked.no_fence))
        print(verdicts[-1], flush=True)
    doubled, lost = (sum(getattr(each, name) for each in verdicts) for name in ("doubled", "lost"))
    print(
        f"{len(verdicts)} seeds: {doubled} rows doubled in {sum(bool(each.doubled) for each in verdicts)} seeds, {lost} lost; "
        f"overtaken in {sum(each.overtaken for each in verdicts)}"
    )
    return 1 if doubled or lost else 0


if __name__ == "__main__":
    sys.exit(main())
