"""A worker: an emulator of its own, and one seed after the other."""

from __future__ import annotations

import contextlib
import shutil
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from hubspot_batch_dagster.emulator import EmulatorProcess
from tests.torture.trial import Trial, Verdict, choose


def work(seeds: range, only: str, folder: Path, results: Connection, seconds: float) -> None:
    """One worker: an emulator of its own, and one seed after the other."""
    import_all()
    until = time.monotonic() + seconds
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError), EmulatorProcess() as hubspot:
        for seed in seeds:
            if time.monotonic() > until:
                return
            try:
                verdict = Trial(seed, hubspot, folder / str(seed), only).run()
            except Exception:
                scenario, trouble = choose(seed, only)
                said = {"harness": [traceback.format_exc()]}
                verdict = Verdict(seed, scenario.name, trouble.name, [], [], said, 0.0)
            results.send(verdict)
            if not verdict.wrong:
                shutil.rmtree(folder / str(seed), ignore_errors=True)


def import_all() -> None:
    """What a run imports on its way, so that its forked processes have it."""
    import duckdb
    import pandas  # pyarrow imports it to look at lists
    import sqlalchemy.dialects.sqlite

    assert duckdb
    assert pandas
    assert sqlalchemy.dialects.sqlite
