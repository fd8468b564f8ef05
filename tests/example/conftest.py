"""Fixtures of the example's tests: a warehouse for all of them, a HubSpot and a folder for each."""

import functools
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from example_helpers import Project

from example_project import warehouse
from hubspot_batch_dagster.emulator import Emulator


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse."""
    return warehouse.build(tmp_path_factory.mktemp("warehouse") / "warehouse.duckdb")


@pytest.fixture
def project(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("read", "read_between"):
        monkeypatch.setattr(warehouse, name, functools.partial(getattr(warehouse, name), path=built))
    with Emulator() as hubspot, dg.DagsterInstance.ephemeral() as instance:
        yield Project(hubspot, tmp_path, instance)
