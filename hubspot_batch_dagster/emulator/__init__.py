"""HubSpot on localhost: a real HTTP server that behaves as HubSpot's batch API is known to behave.

For demos, for tests of this package, and for tests of yours:

    from hubspot_batch_dagster.emulator import Emulator, Fault, Settings
"""

from __future__ import annotations

from hubspot_batch_dagster.emulator.books import Books, BooksIncomplete, Commit, RequestEntry
from hubspot_batch_dagster.emulator.faults import Fault, Faults
from hubspot_batch_dagster.emulator.foreground import serve
from hubspot_batch_dagster.emulator.portal_file import PortalFileError
from hubspot_batch_dagster.emulator.process import EmulatorProcess, RemoteEmulator
from hubspot_batch_dagster.emulator.server import Emulator
from hubspot_batch_dagster.emulator.settings import Settings

__all__ = [
    "Books",
    "BooksIncomplete",
    "Commit",
    "Emulator",
    "EmulatorProcess",
    "Fault",
    "Faults",
    "PortalFileError",
    "RemoteEmulator",
    "RequestEntry",
    "Settings",
    "serve",
]
