"""`make ui`: the local HubSpot, filled once, and Dagster's UI over the same project, until Ctrl-C."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import dagster as dg

from example_project.demo import materialize, materialize_days, nice, point_at, say, start_afresh
from example_project.local_hubspot import local_hubspot
from example_project.paths import DAGSTER_HOME, LISTS

ROOT = Path(__file__).parent.parent
HUBSPOT_PORT = 8585
DAGSTER_PORT = 3000


def main() -> int:
    """Start both, wait, stop both."""
    # `kill`, or a terminal that closes, should stop both just as Ctrl-C does.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        start_afresh()
        make_dagster_home()
        with local_hubspot(free(HUBSPOT_PORT)) as hubspot:
            point_at(hubspot)
            say(
                f"HubSpot on this machine: {hubspot.url}", "Filling it, so that there is something to see ..."
            )
            with dg.DagsterInstance.get() as instance:
                materialize(instance)
                materialize_days(instance)
            port = free(DAGSTER_PORT)
            say(
                f"Dagster's UI, in a few seconds: http://127.0.0.1:{port}/asset-groups (Ctrl-C stops both)",
                f"To have calls removed from HubSpot: echo 19 20 > {nice(LISTS)}/today.txt",
                "",
            )
            return dagster_dev(port)
    except KeyboardInterrupt:
        return 0


def make_dagster_home() -> None:
    """A home for Dagster's history, as fresh as the local HubSpot, with the settings of the example."""
    shutil.rmtree(DAGSTER_HOME, ignore_errors=True)
    DAGSTER_HOME.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("dagster.yaml"), DAGSTER_HOME)
    os.environ["DAGSTER_HOME"] = str(DAGSTER_HOME)


def dagster_dev(port: int) -> int:
    """Run ``dagster dev`` over the workspace until it ends or is interrupted; nothing of it stays."""
    where = ["-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    command = [sys.executable, "-m", "dagster", "dev", *where, "--log-level", "warning"]
    running = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        return running.wait()
    finally:
        say("", "Stopping ...")
        running.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(15)
        # The server that holds the code waits for the UI to come back; it is in the same session, and so are
        # runs.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)


def free(port: int) -> int:
    """The port if nobody has it, else any free one."""
    with socket.socket() as probe:
        # A port that was closed a moment ago is free: without this it would seem taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
