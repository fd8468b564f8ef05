"""`make ui`: starts both servers, and leaves neither behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from example_project.ui import free

ROOT = Path(__file__).parents[2]


def test_a_taken_port_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = free(port)
    assert other != port
    assert free(port) == port


def test_ctrl_c_stops_the_ui_and_the_local_hubspot(tmp_path: Path) -> None:
    pytest.importorskip("dagster_webserver")
    environment = {
        **os.environ,
        "EXAMPLE_HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    printed = tmp_path / "printed"
    with printed.open("w") as output:
        # A child of a shell without a terminal may have SIGINT ignored; somebody at a terminal has not.
        running = subprocess.Popen(
            [sys.executable, "-m", "example_project.ui"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        urls = _urls(running, printed, time.monotonic() + 120)
        _wait_for(f"{urls[1]}/server_info", time.monotonic() + 60)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
    finally:
        if running.poll() is None:
            running.terminate()
            running.wait(60)
    # Its own process group is empty; the ports may belong to somebody else by now.
    end = time.monotonic() + 30
    while _has_processes(running.pid) and time.monotonic() < end:
        time.sleep(0.2)
    assert not _has_processes(running.pid)
    assert len(urls) >= 2
    home = (tmp_path / "home" / "dagster_home" / "dagster.yaml").read_text()
    assert home == (ROOT / "example_project" / "dagster.yaml").read_text()


def _has_processes(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _urls(running: subprocess.Popen[bytes], printed: Path, end: float) -> list[str]:
    """The addresses of the local HubSpot and of the UI, once both are printed."""
    while time.monotonic() < end and running.poll() is None:
        found = re.findall(r"http://127\.0\.0\.1:\d+", printed.read_text())
        if len(found) >= 2:
            return found
        time.sleep(0.2)
    raise AssertionError(f"the UI did not start: {printed.read_text()}")


def _wait_for(url: str, end: float) -> None:
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
