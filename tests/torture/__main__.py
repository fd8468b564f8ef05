"""``python -m tests.torture --seeds 500``: kill syncs, break connections, and audit what HubSpot has.

Every seed chooses its rows, operation, trouble and kills; only the timing of a kill is not wholly repeatable.
A failing seed is printed with the command that plays it again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path

from tests.bench.servers import started_postgres
from tests.torture.attempt import JOURNAL
from tests.torture.trial import Verdict, summary_of
from tests.torture.warehouse_rows import WAREHOUSE
from tests.torture.worker import work


def main() -> int:
    """Run the seeds; 0 if every audit was clean."""
    asked = _arguments()
    os.environ[JOURNAL] = asked.journal
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="hubspot-torture-"))
    server = started_postgres() if asked.warehouse == "postgres" else None
    os.environ[WAREHOUSE] = server.url if server is not None else asked.warehouse
    verdicts: list[Verdict] = []
    try:
        for verdict in _all(asked, folder, began + asked.minutes * 60):
            verdicts.append(verdict)
            _tell(verdict, asked)
    finally:
        if server is not None:
            server.stop()
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if not asked.quiet:
        print(summary_of(verdicts))
    failed = sorted(each.seed for each in verdicts if each.wrong)
    seconds = time.monotonic() - began
    total = {
        kind: sum(len(each.wrong.get(kind, ())) for each in verdicts)
        for kind in ("duplicates", "lost", "falsely failed")
    }
    print(
        f"{len(verdicts)} seeds, {sum(each.killed for each in verdicts)} kills,"
        f" {sum(len(e.runs) for e in verdicts)} runs, {sum(each.requests for each in verdicts)} requests in"
        f" {seconds:.0f} s: {total['duplicates']} duplicates, {total['lost']} lost, {total['falsely failed']}"
        f" falsely failed, {len(failed)} seeds failed {failed or ''}"
    )
    if len(verdicts) < asked.seeds:
        print(f"{asked.seeds - len(verdicts)} seeds were not run: the time was up, or a worker ended.")
    return 1 if failed or not verdicts or (asked.strict and len(verdicts) < asked.seeds) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many (default 500)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", default="", help="only operations whose name has this text")
    parser.add_argument(
        "--journal", choices=("sqlite", "bucket"), default="sqlite", help="where it is (default sqlite)"
    )
    parser.add_argument(
        "--warehouse", choices=("duckdb", "postgres"), default="", help="rows and ids table are in one"
    )
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 2), help="processes")
    parser.add_argument("--minutes", type=float, default=30.0, help="start no seed after so many minutes")
    parser.add_argument("--strict", action="store_true", help="fail if a seed was not run")
    parser.add_argument("--keep", action="store_true", help="keep the stores")
    parser.add_argument("--quiet", action="store_true", help="no table")
    parser.add_argument("--verbose", action="store_true", help="tell about every seed")
    return parser.parse_args()


def _all(asked: argparse.Namespace, folder: Path, until: float) -> Iterator[Verdict]:
    """The verdicts of all seeds as they come, from ``--jobs`` processes."""
    context = multiprocessing.get_context("spawn")
    readers: list[Connection] = []
    workers = []
    for number in range(asked.jobs):
        reader, writer = context.Pipe(duplex=False)
        seeds = range(asked.first + number, asked.first + asked.seeds, asked.jobs)
        worker = context.Process(
            target=work, args=(seeds, asked.only, folder / str(number), writer, until - time.monotonic())
        )
        worker.start()
        writer.close()
        readers.append(reader)
        workers.append(worker)
    try:
        while readers:
            for reader in [each for each in wait(readers, timeout=1.0) if isinstance(each, Connection)]:
                try:
                    yield reader.recv()
                except EOFError:
                    readers.remove(reader)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join(10)


def _tell(verdict: Verdict, asked: argparse.Namespace) -> None:
    if not verdict.wrong and not asked.verbose:
        return
    state = "FAILED" if verdict.wrong else "ok"
    print(
        f"seed {verdict.seed} {state}: {verdict.scenario} | {verdict.trouble} | kills:"
        f" {', '.join(verdict.kills) or 'none'} | {verdict.seconds:.1f} s"
    )
    if verdict.wrong:
        for run in verdict.runs:
            print(f"    run {run}")
        for kind, said in verdict.wrong.items():
            print(f"    {kind} x {len(said)}: " + "\n        ".join(said[:4]))
        only = f' --only "{asked.only}"' if asked.only else ""
        only += f" --warehouse {asked.warehouse}" if asked.warehouse else ""
        print(f"    again: python -m tests.torture --seeds 1 --from {verdict.seed}{only} --verbose")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
