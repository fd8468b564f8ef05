"""Fixtures of the association tests: a HubSpot for each module, a fresh account and store for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from association_helpers import SETTINGS, Graphs

from hubspot_batch_dagster.emulator import Emulator


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(settings=SETTINGS) as emulator:
        yield emulator


@pytest.fixture
def graphs(running: Emulator, tmp_path: Path) -> Iterator[Graphs]:
    """A portal, a store and the way between them."""
    running.portal.settings = SETTINGS
    running.reset()
    made = Graphs(running, tmp_path / "store")
    yield made
    made.close()
    running.faults.clear()
