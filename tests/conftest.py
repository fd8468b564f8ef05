"""Fixtures of all tests that run a sync: a HubSpot for each module, a fresh account and store for each
test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import fsspec
import pytest
from bench.door import Door
from bench.servers import S3, Postgres, installed_binaries
from bench.sync_bench import SETTINGS, Bench

from hubspot_batch_dagster.emulator import Emulator


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
def s3_server() -> Iterator[S3]:
    """An S3 server that this test session started."""
    server = S3()
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty folder in a bucket; the environment leads there."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"{s3_server.url}/{uuid4().hex}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A Postgres that this test session started."""
    reason, binaries = Postgres.reason_to_skip(), installed_binaries()
    if reason is not None or binaries is None:
        pytest.skip(reason or "no Postgres")
    server = Postgres(binaries)
    yield server
    server.stop()


@pytest.fixture
def door(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """The way to an S3 server that this test may shut."""
    made = Door(urlsplit(s3_server.environment["AWS_ENDPOINT_URL"]).port or 0)
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.port}")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield made
    made.shut()
    fsspec.get_filesystem_class("s3").clear_instance_cache()
