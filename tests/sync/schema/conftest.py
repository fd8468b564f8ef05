"""The bench of the tests that check rows against the portal's definitions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.sync_bench import SETTINGS, Bench

from hubspot_batch_dagster.emulator import Emulator
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy

HURRIED = RetryPolicy(tries=3, total=5.0, backoff=0.01, longest_pause=0.1, index_lag=0.1, certain_after=60.0)


@pytest.fixture
def bench(running: Emulator, tmp_path: Path) -> Iterator[Bench]:
    """A portal, a store and the way between them; rows are checked before they are sent."""
    running.portal.settings = SETTINGS
    running.reset()
    made = Bench(running, tmp_path / "store", retry_policy=HURRIED)
    made.reopen()
    yield made
    made.close()
    running.faults.clear()
