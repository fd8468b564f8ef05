"""Fixtures of the sync tests: a HubSpot for each module, a fresh account and store for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sync_helpers import SETTINGS, Bench

from hubspot_batch_dagster.emulator import Emulator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from servers import Postgres, installed_binaries


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(settings=SETTINGS) as emulator:
        yield emulator


@pytest.fixture
def bench(running: Emulator, tmp_path: Path) -> Iterator[Bench]:
    """A portal, a store and the way between them."""
    running.portal.settings = SETTINGS
    running.portal.skew = 0.0
    running.reset()
    made = Bench(running, tmp_path / "store")
    yield made
    made.close()
    running.faults.clear()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A Postgres that this test session started."""
    reason, binaries = Postgres.reason_to_skip(), installed_binaries()
    if reason is not None or binaries is None:
        pytest.skip(reason or "no Postgres")
    server = Postgres(binaries)
    yield server
    server.stop()
