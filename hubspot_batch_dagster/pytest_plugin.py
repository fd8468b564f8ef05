"""Fixtures for your own tests: a HubSpot on localhost, and a resource that is connected to it.

Pytest loads this module in every session, so it imports nothing that a session without these fixtures would
pay for.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hubspot_batch_dagster.emulator import Emulator
    from hubspot_batch_dagster.resource import HubSpotResource


@pytest.fixture(scope="session")
def hubspot_server() -> Iterator[Emulator]:
    """Yield the server of the session; tests use ``hubspot_emulator``, which is as new for each of them."""
    try:
        from hubspot_batch_dagster.emulator import Emulator, Settings
    except ImportError as error:
        pytest.fail(f"The emulator needs {error.name}. Run: pip install 'hubspot-batch-dagster[emulator]'")
    with Emulator(settings=Settings(search_lag=0.05), token=f"pat-na1-{uuid.uuid4()}") as emulator:
        yield emulator


@pytest.fixture
def hubspot_emulator(hubspot_server: Emulator) -> Iterator[Emulator]:
    """Yield a HubSpot account on localhost, empty at the start of each test.

    ``url`` and ``token`` connect to it, ``books`` has every request and every record, ``faults.add(...)``
    makes it fail, ``change(...)`` sets limits, ``seed_records`` and ``add_property`` fill it.
    """
    settings, skew = hubspot_server.portal.settings, hubspot_server.portal.skew
    hubspot_server.start()
    hubspot_server.reset()
    yield hubspot_server
    hubspot_server.portal.settings, hubspot_server.portal.skew = settings, skew
    hubspot_server.faults.clear()


@pytest.fixture
def hubspot(
    hubspot_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HubSpotResource]:
    """Yield an open HubSpotResource on ``hubspot_emulator``, with its ids tables in ``tmp_path`` and quick
    retries.

    Use it as it is (``hubspot.sync(rows, operation, name="contacts")``), or give it to
    ``dg.materialize([...], resources={"hubspot": hubspot})``.
    """
    from hubspot_batch_dagster.resource import HubSpotResource

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "hubspot-cache"))  # a budget of this test's own
    resource = HubSpotResource(
        access_token=hubspot_emulator.token,
        base_url=hubspot_emulator.url,
        store=str(tmp_path / "hubspot"),
        timeout=10.0,
        patience=20.0,
        backoff=0.01,
        index_lag=0.2,
        certain_after=1.0,
    )
    with resource.open() as ready:
        yield ready
