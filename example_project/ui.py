"""`make ui`: the local HubSpot, filled once, and Dagster's UI over the same project, until Ctrl-C."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import dagster as dg

from example_project.demo import materialize, point_at, say, start_afresh
from example_project.local_hubspot import local_hubspot

ROOT = Path(__file__).parent.parent
HUBSPOT_PORT = 8585
DAGSTER_PORT = 3000


def main() -> int:
    """Start both, wait, stop both."""
    start_afresh()
    with local_hubspot(free(HUBSPOT_PORT)) as hubspot:
        point_at(hubspot)
        say(
            f"A HubSpot on this machine: {hubspot.url}",
            "Filling it once, so that there is something to see ...",
        )
        with dg.DagsterInstance.get() as instance:
            materialize(instance)
        port = free(DAGSTER_PORT)
        say(f"Dagster's UI, in a few seconds: http://127.0.0.1:{port}/asset-groups  (Ctrl-C stops both)", "")
        return dagster_dev(port)


def dagster_dev(port: int) -> int:
    """Run ``dagster dev`` over the workspace until it ends or somebody presses Ctrl-C."""
    dagster = Path(sys.executable).with_name("dagster")
    command = [str(dagster), "dev", "-w", str(ROOT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen([*command, "--log-level", "warning"], cwd=ROOT, start_new_session=True) as running:
        # Terminate (from `kill` or a closing terminal) should stop both just as Ctrl-C does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return running.wait()
        except KeyboardInterrupt:
            say("", "Stopping ...")
            running.send_signal(signal.SIGINT)
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
            return 0


def free(port: int) -> int:
    """The port if nobody has it, else any free one."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
