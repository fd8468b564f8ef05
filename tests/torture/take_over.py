"""``python -m tests.torture.take_over --seeds 300``: two runs of one sync, whose lock is taken away at a
random moment.

A seed says where the journal is, how the first run loses its lock, and at which moment: while it waits for
the budget, in mid-body, while it saves, or between put and delete. The second run takes over, the first one
goes on, and both come to an end. Then runs follow until nothing is left to do, and the audit: no row may have
two records, none may be lost, and the ids table must lead to all of them.

A seed counts if both runs have sent or saved something after the take-over; else it is made anew with other
timing. ``--no-fence`` is the control: the same seeds without the look at who is the latest run. If few of
them double, the trial proves nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hubspot_batch_dagster.emulator import EmulatorProcess, Settings
from tests.bench.servers import Postgres, new_database, started_postgres
from tests.torture.losses import Journals
from tests.torture.two_runs import Plan, Verdict, put_rows, two_runs

TRIES = 6
"""How often a seed is made anew until both runs were at work at once."""
_IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where stores are: nothing here cuts the power, and a disk's time would be most of a seed's."""


def trial(
    seed: int, hub: EmulatorProcess, journals: Journals, *, fence: bool, server: Postgres | None
) -> Verdict:
    """One seed."""
    choose = Plan.of if server is None else Plan.with_merges
    plan = choose(random.Random(seed), journals.known())
    for attempt in range(TRIES):
        hub.reset()
        with tempfile.TemporaryDirectory(prefix="take-over-", dir=_IN_MEMORY) as folder:
            url = journals.new(plan.journal)
            timing = random.Random(f"{seed}/{attempt}")
            pause = 0.3 / (1 + attempt)
            warehouse = put_rows(new_database(server)) if server is not None else ""
            verdict = two_runs(
                plan,
                hub,
                journals,
                Path(folder),
                url,
                timing,
                longest_pause=pause,
                fence=fence,
                warehouse=warehouse,
            )
        if verdict.counts or verdict.wrong:
            break
    return verdict


def main() -> int:
    """Run the seeds; 0 if all of them count, and no row was doubled or lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.take_over", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--no-fence", action="store_true", help="the control")
    parser.add_argument("--warehouse", action="store_true", help="rows and ids table are in a Postgres")
    asked = parser.parse_args()
    server = started_postgres() if asked.warehouse else None
    settings = Settings(search_lag=0.1, latency=0.12, latency_jitter=0.5)
    began, verdicts, journals = time.monotonic(), list[Verdict](), Journals()
    try:
        with EmulatorProcess(settings=settings) as hub:
            for seed in range(asked.first, asked.first + asked.seeds):
                since = time.monotonic()
                verdicts.append(trial(seed, hub, journals, fence=not asked.no_fence, server=server))
                print(f"seed {seed}: {verdicts[-1]}, {time.monotonic() - since:.1f} s", flush=True)
    finally:
        journals.stop()
        if server is not None:
            server.stop()
    _summary(verdicts, time.monotonic() - began)
    return 1 if any(each.wrong or not each.counts for each in verdicts) else 0


def _summary(verdicts: list[Verdict], seconds: float) -> None:
    both = [each for each in verdicts if each.counts]
    for name in ("journal", "loss", "moment"):
        parts = Counter(str(getattr(each.plan, name)) for each in both)
        print(f"{name}: " + ", ".join(f"{part} {n}" for part, n in sorted(parts.items())))
    overtaken = sum(each.ends[0] == "Overtaken" for each in both)
    print(
        f"{len(verdicts)} seeds in {seconds:.0f} s, both runs at work after the take-over in {len(both)}:"
        f" {sum(each.doubled for each in verdicts)} doubled in {sum(bool(each.doubled) for each in both)}"
        f" seeds, {sum(each.lost for each in verdicts)} lost, {sum(each.astray for each in verdicts)} wrong"
        f" in the ids table, {sum(each.stale for each in verdicts)} stale copies,"
        f" {sum(each.hung for each in verdicts)} hung; the first run heard that it was overtaken in"
        f" {overtaken}"
    )


if __name__ == "__main__":
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    sys.exit(main())
