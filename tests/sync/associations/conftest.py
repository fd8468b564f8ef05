"""The bench of the association tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bench.sync_bench import QUICK, SETTINGS, Bench

from hubspot_batch_dagster.emulator import Emulator


@pytest.fixture
def bench(running: Emulator, tmp_path: Path) -> Iterator[Bench]:
    """A portal, a store and the way between them."""
    running.portal.settings = SETTINGS
    running.reset()
    made = Bench(running, tmp_path / "store", retry_policy=replace(QUICK, tries=3, longest_pause=0.1))
    yield made
    made.close()
    running.faults.clear()
