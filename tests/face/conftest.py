"""Fixtures of the face's tests: one HubSpot for all of them, a fresh account and folder for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from face_helpers import SETTINGS, Bench

from hubspot_batch_dagster.emulator import Emulator


@pytest.fixture(autouse=True)
def _nothing_of_this_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The budget's file and Dagster's folder belong to the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("DAGSTER_HOME", "HUBSPOT_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(settings=SETTINGS) as emulator:
        yield emulator


@pytest.fixture
def bench(running: Emulator, tmp_path: Path) -> Iterator[Bench]:
    """A portal, a folder, and what leads from the one to the other."""
    running.portal.settings = SETTINGS
    running.reset()
    yield Bench(running, tmp_path)
    running.faults.clear()
