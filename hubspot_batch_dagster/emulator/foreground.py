"""The emulator in the foreground: what the command line runs."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from hubspot_batch_dagster.emulator.server import Emulator
from hubspot_batch_dagster.emulator.settings import Settings


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
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: sys.exit(0))
    emulator = Emulator(settings=settings, port=port, seed=seed, token=token)
    emulator.serve(lambda: _announce(emulator, ready_file))


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
