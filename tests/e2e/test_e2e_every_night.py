"""From an empty folder to a red check that is understood, mended and green: the way of the page, in a real
project and browser.

Set HUBSPOT_SCREENSHOTS=docs/images to take the pictures of the documentation anew.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster_dev import SETTINGS, Dagster, dagster_dev, free_port, own_session, until

browsers = pytest.importorskip("browser", reason="the browser is spoken to with the package websockets")

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ASKED = os.environ.get("HUBSPOT_SCREENSHOTS")
INSTALLS = re.compile(r"python3 -m venv|\. \.venv|pip install")
"""What needs the network, or is done already: the packages of the page are those that the tests are run with.
"""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(browsers.reason_to_skip() is not None, reason=str(browsers.reason_to_skip())),
    pytest.mark.skipif(
        shutil.which("create-dagster", path=str(BIN)) is None, reason="create-dagster is not installed"
    ),
]


class Reader:
    """Who follows the page: types commands in one shell, and writes files."""

    def __init__(self, folder: Path, home: Path, port: int, running: contextlib.ExitStack) -> None:
        self.folder = folder
        self.port = port
        self._running = running
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUBSPOT_")}
        self.env = {
            **kept,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "DAGSTER_HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "DAGSTER_DG_UPDATE_CHECK_ENABLED": "0",  # it would ask the network
            "PYTHONPATH": os.pathsep.join([str(folder / "src"), str(ROOT)]),  # for `pip install -e .`
        }

    def types(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command; an `export` stays, and what ends in `&` goes on beside the others."""
        command = command.replace("8585", str(self.port))
        if set_ := re.fullmatch(r"export (\w+)=(\S+)", command):
            self.env[set_[1]] = set_[2]
            return subprocess.CompletedProcess(command, 0, "", "")
        if command.endswith("&"):
            words = ["bash", "-c", f"exec env {command.removesuffix('&')}"]
            self._running.enter_context(own_session(words, self.env, subprocess.DEVNULL))
            until(lambda: listens(self.port), 30, "the emulator did not start")
            return subprocess.CompletedProcess(command, 0, "", "")
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def writes(self, file: Path, text: str) -> None:
        assert (self.folder / file).parent.is_dir(), f"{file} has no place in what create-dagster made"
        (self.folder / file).write_text(text.replace("8585", str(self.port)))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Where Dagster keeps its runs; in the pictures its path is to be seen, with nothing of this machine."""
    found = tmp_path / "home" if ASKED is None else Path(tempfile.gettempdir()) / "crm-home"
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir()
    (found / "dagster.yaml").write_text(SETTINGS)
    yield found
    if ASKED is not None:
        shutil.rmtree(found)


def test_twelve_commands_lead_from_an_empty_folder_to_green(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "docs"))
    import docs_way

    commands = docs_way.commands()
    assert len(commands) <= 12
    pictures = tmp_path / "pictures" if ASKED is None else ROOT / ASKED
    folder = tmp_path / "crm"
    folder.mkdir()
    said: list[tuple[str, subprocess.CompletedProcess[str]]] = []
    with contextlib.ExitStack() as running:
        reader = Reader(folder, home, free_port(), running)
        ui: Dagster | None = None
        page = running.enter_context(browsers.browser(tmp_path / "profile"))
        page.size(1500, 900)
        for step in docs_way.steps():
            if step.file is not None:
                reader.writes(step.file, step.text)
                continue
            if INSTALLS.match(step.text):
                continue
            said.append((step.text, reader.types(step.text)))
            if step.text == "dg launch --assets companies":
                if ui is None:
                    ui = running.enter_context(
                        dagster_dev(["-m", "crm.definitions", "-d", str(folder / "src")], home, reader.env)
                    )
                red = said[-1][1].returncode != 0
                page.open(f"{ui.url}/assets/companies?view=checks&checkDetail=rows_rejected", "rows_rejected")
                page.wait_for("about 50" if red else "No row was rejected", seconds=90)
                page.screenshot(pictures / ("way-red.png" if red else "way-green.png"))
    outputs = [f"{done.stdout}{done.stderr}" for command, done in said if command.startswith("dg launch")]
    codes = {command: done.returncode for command, done in said if not command.startswith("dg launch")}
    assert set(codes.values()) == {0}, said
    first, red, green = outputs
    assert "2 created" in first
    assert "3 rows: 2 created, 1 rejected" in red
    assert "Materialization failed" in red
    assert "3 rows: 1 created, 2 unchanged" in green
    [shown] = [done.stdout for command, done in said if " rejected " in command]
    assert "employees: 'about 50' is not a number" in shown


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
