"""Fixtures of the portal tests: a HubSpot for each module, a fresh account and store for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from portal_helpers import SETTINGS, Desk

from hubspot_batch_dagster.emulator import Emulator


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(settings=SETTINGS) as emulator:
        yield emulator


@pytest.fixture
def desk(running: Emulator, tmp_path: Path) -> Iterator[Desk]:
    """A portal, a store and the way between them."""
    running.portal.settings = SETTINGS
    running.reset()
    made = Desk(running, tmp_path / "store")
    yield made
    made.close()
    running.faults.clear()
