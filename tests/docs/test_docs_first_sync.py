"""From an empty folder to a first materialized sync, with the commands of the page and no others."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import docs_first_sync

BIN = Path(sys.executable).parent


def environment(folder: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DAGSTER_HOME", "HUBSPOT_ACCESS_TOKEN")
    }
    return {
        **kept,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(folder / ".cache"),
    }


def test_the_first_sync_takes_at_most_eight_commands(tmp_path: Path) -> None:
    """Writing the file counts as one. The package is installed already here; `make wheel-test` installs it
    too.
    """
    assert len(docs_first_sync.steps()) <= 8
    done = subprocess.run(
        ["bash", "-c", docs_first_sync.script(tmp_path, install=False)],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(" | ")[0] for line in lines[-2:]] == ["ada@example.com", "grace@example.com"]
    assert all(line.split(" | ")[2] == "created" for line in lines[-2:])
    assert (tmp_path / "warehouse" / "contacts.parquet").exists()


def test_the_same_definitions_open_in_the_ui(tmp_path: Path) -> None:
    code = next(text for kind, text in docs_first_sync.steps() if kind == "write")
    (tmp_path / "definitions.py").write_text(code)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\nnux:\n  enabled: false\n")
    running = subprocess.Popen(
        [str(BIN / "dagster"), "dev", "-f", "definitions.py", "-h", "127.0.0.1", "-p", str(port)],
        cwd=tmp_path,
        env={**environment(tmp_path), "HUBSPOT_ACCESS_TOKEN": "practice", "DAGSTER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _answers(f"http://127.0.0.1:{port}/server_info", running, time.monotonic() + 90)
    finally:
        _end(running)


def _answers(url: str, running: subprocess.Popen[bytes], end: float) -> None:
    while True:
        assert running.poll() is None
        assert time.monotonic() < end, f"nothing answers at {url}"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)


def _end(running: subprocess.Popen[bytes]) -> None:
    """The server and what it started: all of them are in its process group."""
    os.killpg(running.pid, signal.SIGTERM)
    try:
        running.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(20)
