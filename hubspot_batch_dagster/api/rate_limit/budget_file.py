"""Where the file of a budget lies: one for each credential, in the user's cache folder."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import sys
from pathlib import Path

logger = logging.getLogger(__name__)


def budget_file(fingerprint: str, folder: str | Path | None = None) -> Path | None:
    """Where the budget of a credential lies. None when this user has no home folder to put it in."""
    if folder is not None:
        return Path(folder) / f"budget-{hashed(fingerprint)}.sqlite"
    try:
        # A home folder may be shared by several hosts, whose clocks have nothing to do with each other.
        return cache_folder() / f"budget-{hashed(fingerprint, socket.gethostname())}.sqlite"
    except RuntimeError:
        logger.warning("There is no home folder for the budget file; this process counts its requests alone.")
        return None


def cache_folder() -> Path:
    """Return the user's cache folder, by the rules of the platform.

    Raises:
        RuntimeError: The user has no home folder.
    """
    name = "hubspot-batch-dagster"
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Local") / name / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / name
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / name


def hashed(*parts: str) -> str:
    """Name something by its parts without showing them."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
