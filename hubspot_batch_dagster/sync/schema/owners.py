"""Owners by their email address, read when a cell first needs one."""

from __future__ import annotations

import threading

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import HubSpotError


class Owners:
    """The owners of an account; any number of threads may ask.

    Args:
        client: The way to HubSpot.
    """

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._ids: dict[str, str] | None = None
        self._archived: dict[str, str] = {}
        self._why = ""

    def id_of(self, email: str) -> str | None:
        """Return the owner's id; ``None`` where no living owner has the address."""
        return self._read().get(email.strip().lower())

    def complaint(self, email: str) -> str:
        """Return what is wrong with an address that leads to no owner."""
        self._read()
        if self._why:
            return f"the owners cannot be read: {self._why}"
        name = self._archived.get(email.strip().lower())
        if name is not None:
            return f"the owner {name} is archived"
        return "no owner has this address"

    def _read(self) -> dict[str, str]:
        with self._lock:
            if self._ids is None:
                self._ids = {}
                try:
                    living, gone = self._client.owners(), self._client.owners(archived=True)
                except HubSpotError as error:
                    self._why = str(error)
                    return self._ids
                self._ids = {each.email.lower(): each.id for each in living if each.email}
                for each in gone:
                    name = " ".join(part for part in (each.first_name, each.last_name) if part)
                    self._archived[(each.email or "").lower()] = name or each.id
            return self._ids
