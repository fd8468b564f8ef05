"""The emulator in the foreground: what the command line runs."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hubspot_batch_dagster.emulator.server import Emulator
from hubspot_batch_dagster.emulator.settings import Settings


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner can read: it holds tokens."""
    return os.open(path, flags, 0o600)


def serve(
    port: int,
    settings: Settings | None = None,
    *,
    token: str | None = None,
    admin_token: str | None = None,
    seed: int = 0,
    ready_file: Path | None = None,
    portal: Mapping[str, Any] | None = None,
) -> None:
    """Serve in the foreground until SIGINT or SIGTERM; print addresses and token first.

    Args:
        port: Port to listen on; 0 takes a free one.
        settings: How the account behaves.
        token: Access token to take; made up if None.
        admin_token: Token of the admin API; made up if None.
        seed: Makes ids and shuffles repeatable.
        ready_file: Where to write URL, tokens and process id as JSON once it listens; only its owner can read
            it.
        portal: The content of a portal file.

    Raises:
        OSError: The port is taken.
        PortalFileError: A definition of the portal file cannot be.
    """
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: sys.exit(0))
    emulator = Emulator(
        settings=settings, port=port, seed=seed, token=token, admin_token=admin_token, portal=portal
    )
    emulator.serve(lambda: _announce(emulator, ready_file))


def _announce(emulator: Emulator, ready_file: Path | None) -> None:
    if ready_file is not None:
        credentials = emulator.credentials
        ready = {
            "url": emulator.url,
            "page_url": emulator.page_url,
            "token": emulator.token,
            "portal_id": emulator.portal_id,
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
            "pid": os.getpid(),
        }
        unfinished = ready_file.with_suffix(".part")
        with open(unfinished, "w", opener=_private) as file:
            file.write(json.dumps(ready))
        unfinished.replace(ready_file)
    print(f"HubSpot emulator on {emulator.url}", flush=True)
    print(f"Access token: {emulator.token}", flush=True)
    print(f"What happens: {emulator.page_url}", flush=True)
