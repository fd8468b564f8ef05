"""Fixtures of the components' tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from hubspot_batch_dagster.cli import cli
from hubspot_batch_dagster.emulator import Emulator


@pytest.fixture(scope="session")
def portal_json(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The definitions of a portal in a file, as the command line writes them."""
    out = tmp_path_factory.mktemp("portal") / "portal.json"
    with Emulator() as hubspot:
        hubspot.add_object_type("cars", [{"name": "vin", "hasUniqueValue": True}])
        hubspot.add_property("contacts", "score", type="number", calculated=True)
        there = {"HUBSPOT_ACCESS_TOKEN": hubspot.token, "HUBSPOT_BASE_URL": hubspot.url}
        assert CliRunner().invoke(cli, ["portal", "--out", str(out)], env=there).exit_code == 0
    return out


@pytest.fixture
def checking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Definitions load to be checked, as by `dg check defs`."""
    monkeypatch.setenv("DAGSTER_IS_DEFS_VALIDATION_CLI", "1")
