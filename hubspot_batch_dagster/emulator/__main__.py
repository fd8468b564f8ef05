"""`python -m hubspot_batch_dagster.emulator`: a HubSpot account on localhost, until it is told to stop."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from pathlib import Path

from hubspot_batch_dagster.emulator.foreground import serve
from hubspot_batch_dagster.emulator.settings import Settings


def main(arguments: list[str] | None = None) -> None:
    """Runs the emulator in the foreground; SIGINT and SIGTERM end it."""
    parser = argparse.ArgumentParser(prog="hubspot-emulator", description="A HubSpot account on localhost.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--token", help="access token to take; made up if not given")
    parser.add_argument("--burst-limit", type=int, help="requests allowed in any 10 seconds")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--seed", type=int, default=0, help="makes ids and shuffles repeatable")
    parser.add_argument("--settings", default="{}", help="more settings, as a JSON object")
    parser.add_argument("--ready-file", type=Path, help="file to write URL and token to once it listens")
    parser.add_argument("--stop-with-parent", action="store_true", help="end when standard input is closed")
    given = parser.parse_args(arguments)
    settings = Settings(burst_limit=given.burst_limit, latency=given.latency)
    settings = settings.changed(json.loads(given.settings))
    if given.stop_with_parent:
        threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    serve(given.port, settings, token=given.token, seed=given.seed, ready_file=given.ready_file)


def _stop_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
