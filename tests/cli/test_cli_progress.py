"""A command that takes long shows a bar on a terminal, and plain lines elsewhere; its answer stays alone on
standard output.
"""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.csv
import pytest
from click.testing import CliRunner

from hubspot_batch_dagster import HubSpotSession, SessionSettings, Upsert
from hubspot_batch_dagster.cli import cli, progress
from hubspot_batch_dagster.emulator import Emulator

PEOPLE = [{"email": f"p{i}@x.org"} for i in range(250)]


@pytest.fixture(scope="module")
def hubspot() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def environment(hubspot: Emulator, tmp_path: Path) -> dict[str, str]:
    """Of a shell in a folder whose store knows the sync ``people``."""
    hubspot.reset()
    store = str(tmp_path / "store")
    settings = SessionSettings(access_token=hubspot.token, base_url=hubspot.url, store=store)
    with HubSpotSession(settings) as session:
        session.sync(PEOPLE, Upsert("contacts", id_property="email"), name="people")
    return {
        "HUBSPOT_ACCESS_TOKEN": hubspot.token,
        "HUBSPOT_BASE_URL": hubspot.url,
        "HUBSPOT_STORE": store,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "TERM": "xterm",
        "COLUMNS": "120",
    }


def test_a_terminal_gets_a_bar_and_standard_output_the_answer(environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from hubspot_batch_dagster.cli import main; main()"]
    running = subprocess.Popen(
        [*command, "reconcile", "people"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, **environment},
        text=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        pass  # Linux says so when the other side is closed
    finally:
        os.close(ours)
    answer, _ = running.communicate(timeout=60)
    assert running.returncode == 0, shown
    assert answer == "people: 250 of 250 contacts were read: 250 as sent. 3 requests.\n"
    text = shown.decode()
    assert "Reading records" in text
    assert "━" in text
    assert "250/250" in text


def test_elsewhere_there_are_plain_lines(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    done = CliRunner().invoke(cli, ["reconcile", "people"], env=environment)
    assert done.stdout.startswith("people: 250 of 250 contacts were read")
    assert done.stderr.splitlines() == [
        "Reading records: 100 of 250",
        "Reading records: 200 of 250",
        "Reading records: 250 of 250",
    ]


def test_going_back_tells_how_far_it_is(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, hubspot: Emulator
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    listed = CliRunner().invoke(cli, ["runs", "people", "--format", "csv"], env=environment).stdout_bytes
    run = pyarrow.csv.read_csv(io.BytesIO(listed)).column("run")[0].as_py()
    hubspot.change(latency=0.2)
    try:
        done = CliRunner().invoke(cli, ["revert", run, "--yes"], env=environment)
    finally:
        hubspot.change(latency=0.0)
    assert done.exit_code == 0, done.output
    assert "archived: 250 archived" in done.stdout
    assert any(line.startswith("Going back: ") and " of 250" in line for line in done.stderr.splitlines())
