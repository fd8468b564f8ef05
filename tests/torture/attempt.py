"""One run of a sync in a process of its own, which may be killed.

The parent has everything imported and forks; the child runs the sync and writes what came of it into a file.
A run costs some tens of milliseconds that way, not the second of a fresh interpreter.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from obstore.store import LocalStore

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import ConservationError, HubSpotError, InputError, StoreError
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.emulator import EmulatorProcess
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.run import RunOptions, run_sync
from hubspot_batch_dagster.sync.schema.portal import Portal
from hubspot_batch_dagster.sync.state.bucket_journal import BucketJournal
from hubspot_batch_dagster.sync.state.store import Store
from tests.torture.kills import Kill
from tests.torture.trouble import LATE, READ_TIMEOUT
from tests.torture.warehouse_rows import (
    Later,
    change_later,
    in_warehouse,
    lines_of,
    move_few,
    rows_in_warehouse,
)

JOURNAL = "HUBSPOT_TORTURE_JOURNAL"
"""The variable that says where the journal is: ``sqlite`` or ``bucket``."""
SEARCH_LAG = 0.2
PATIENCE = RetryPolicy(
    total=15.0,
    backoff=0.02,
    longest_pause=0.5,
    locked=0.05,
    window=0.1,
    index_lag=0.4,
    certain_after=LATE + 2.0,
)
LONGEST = 40.0
"""Seconds that one run may take before it counts as hung."""


class OneClock(HubSpotClient):
    """The emulator and the sync share a host: the full seconds of its ``Date`` header would blur waits of
    tenths.
    """

    def server_time(self) -> float:
        return time.time()


@dataclass(frozen=True)
class Ended:
    """How one run ended.

    Attributes:
        how: ``finished``, ``killed``, ``stopped`` (an error of HubSpot's), ``broken`` (an error of ours) or
            ``hung``.
        rows: Rows that came in, by the run's own account.
        counts: Outcome -> rows.
        ids_path: The ids table of the run.
        said: The error, if there was one.
    """

    how: str
    rows: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    ids_path: str = ""
    said: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing is left to do."""
        return self.how == "finished" and not self.counts["unsent"] and not self.counts["unknown"]


def attempt(
    rows: Sequence[dict[str, Any]],
    operation: Operation,
    *,
    hubspot: EmulatorProcess,
    folder: Path,
    name: str,
    kill: Kill | None = None,
    check: bool = False,
    meanwhile: Callable[[float], None] = lambda _seconds: None,
    later: Later | None = None,
) -> Ended:
    """Run the sync once; with ``kill`` it dies on the way, if the way is long enough.

    Args:
        rows: What is sent.
        operation: What is done with it.
        hubspot: Where it is sent.
        folder: For the store and the report.
        name: Of the sync.
        kill: How the run dies.
        check: Whether the columns are checked against the portal first.
        meanwhile: Called again and again while the run is at work, with the seconds since it began.
        later: How the source changes in its warehouse while the run is at work.
    """
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    held = kill.fault() if kill is not None else None
    if held is not None:
        held = replace(held, name=f"stall {len(hubspot.faults.struck())}")
        hubspot.faults.add(held)
    source: object = rows_in_warehouse(rows, folder, name) if in_warehouse() else list(rows)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        if later is not None:
            change_later(later, folder, name)
        _in_child(
            lambda: _run(rows, source, operation, hubspot.url, hubspot.token, folder, name, check),
            folder,
            kill,
        )
    try:
        return _watch(child, kill, held, hubspot, report, meanwhile)
    finally:
        _end(child)


def _in_child(run: Callable[[], dict[str, Any]], folder: Path, kill: Kill | None) -> None:
    try:
        gc.freeze()
        if kill is not None:
            kill.arm()
        _tell(folder, run())
        os._exit(0)
    except BaseException as error:
        (folder / "died.txt").write_text(traceback.format_exc())
        _tell(folder, {"how": "broken", "said": f"{type(error).__name__}: {error} (see died.txt)"})
        os._exit(1)


def _tell(folder: Path, report: dict[str, Any]) -> None:
    half = folder / "report.half"
    half.write_text(json.dumps(report))
    half.rename(folder / "report.json")


def _open_store(folder: Path) -> Store:
    """The store, with its journal in SQLite or, where the harness was told so, as the objects of a bucket."""
    store = Store(folder / "store", lock_wait=5.0)
    if os.environ.get(JOURNAL) == "bucket":
        objects = LocalStore(folder / "bucket", mkdir=True)
        store.journal = BucketJournal("file://bucket", objects=objects)
    return store


def _run(
    rows: Sequence[dict[str, Any]],
    source: object,
    operation: Operation,
    url: str,
    token: str,
    folder: Path,
    name: str,
    check: bool,
) -> dict[str, Any]:
    if in_warehouse():
        move_few()
    client = OneClock(token, base_url=url, timeout=Timeout(connect=2.0, read=READ_TIMEOUT, total=2.0))
    try:
        store = _open_store(folder)
        finished = run_sync(
            source,
            operation,
            client=client,
            store=store,
            name=name,
            options=RunOptions(retry_policy=PATIENCE),
            portal=Portal(client) if check else None,
        )
    except (InputError, StoreError, ConservationError) as error:
        return {"how": "broken", "said": f"{type(error).__name__}: {error}"}
    except HubSpotError as error:
        return {"how": "stopped", "said": f"{type(error).__name__}: {error}"}
    result = finished.result
    ids_path = result.ids_path
    if in_warehouse():
        ids_path = lines_of(result, rows, operation.key_columns, folder, name)
    return {
        "how": "finished",
        "rows": result.rows,
        "counts": dict(result.counts),
        "ids_path": ids_path,
        "said": str(result.stopped or ""),
    }


def _watch(
    child: int,
    kill: Kill | None,
    held: Any,
    hubspot: EmulatorProcess,
    report: Path,
    meanwhile: Callable[[float], None],
) -> Ended:
    began = time.monotonic()
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return _ended(status, report)
        passed = time.monotonic() - began
        meanwhile(passed)
        if passed > LONGEST:
            return Ended("hung", said=f"still at work after {LONGEST:g} s")
        if kill is not None and kill.kind == "moment" and passed >= kill.seconds:
            _end(child)
            return Ended("killed")
        if held is not None and any(struck for fault, struck in hubspot.faults.struck() if fault == held):
            _end(child)
            return Ended("killed")
        time.sleep(0.002 if kill is not None else 0.005)


def _ended(status: int, report: Path) -> Ended:
    if os.WIFSIGNALED(status):
        died = os.WTERMSIG(status)
        return (
            Ended("killed") if died == signal.SIGKILL else Ended("broken", said=f"it died of signal {died}")
        )
    if not report.exists():
        return Ended("broken", said=f"the process ended with {os.WEXITSTATUS(status)} and no report")
    return Ended(**json.loads(report.read_text()))


def _end(child: int) -> None:
    """Make sure that the child is gone, and reap it."""
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        return
