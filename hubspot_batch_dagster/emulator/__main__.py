"""`python -m hubspot_batch_dagster.emulator`: a HubSpot account on localhost, until it is told to stop."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from hubspot_batch_dagster.emulator.server import Emulator
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


def serve(
    port: int,
    settings: Settings | None = None,
    *,
    token: str | None = None,
    seed: int = 0,
    ready_file: Path | None = None,
) -> None:
    """Serves in the foreground until SIGINT or SIGTERM; prints URL and token first.

    Args:
        port: Port to listen on; 0 takes a free one.
        settings: How the account behaves.
        token: Access token to take; made up if None.
        seed: Makes ids and shuffles repeatable.
        ready_file: Where to write `{"url", "token", "portal_id", "pid"}` as JSON once it listens.
    """
    emulator = Emulator(settings=settings, port=port, seed=seed, token=token)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    emulator.serve(lambda: _announce(emulator, ready_file))


def _stop_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _announce(emulator: Emulator, ready_file: Path | None) -> None:
    print(f"HubSpot emulator on {emulator.url}", flush=True)
    print(f"Access token: {emulator.token}", flush=True)
    if ready_file is not None:
        credentials = emulator.credentials
        ready = {
            "url": emulator.url,
            "token": emulator.token,
            "portal_id": emulator.portal_id,
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
            "pid": os.getpid(),
        }
        unfinished = ready_file.with_suffix(".part")
        unfinished.write_text(json.dumps(ready))
        unfinished.replace(ready_file)


if __name__ == "__main__":
    main()
