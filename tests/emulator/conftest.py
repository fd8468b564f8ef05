"""Fixtures for the emulator's own tests: one server a module, a fresh account a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from emulator_helpers import Caller

from hubspot_batch_dagster.emulator import Emulator, Settings


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def hubspot(running: Emulator) -> Iterator[Emulator]:
    running.reset()
    running.portal.settings = Settings()
    running.portal.skew = 0.0
    yield running
    running.faults.clear()


@pytest.fixture
def call(hubspot: Emulator) -> Caller:
    return Caller(hubspot)
