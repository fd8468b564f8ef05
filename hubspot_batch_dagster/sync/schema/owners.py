"""Owners by their email address, read when a cell first needs one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import Forbidden, InvalidBatch, NotFound

T = TypeVar("T")


class Ask(Protocol):
    """How a read is made: once, or as often as a run's retry_policy allows."""

    def __call__(self, read: Callable[[], T], /) -> T: ...


@dataclass(frozen=True)
class _Listed:
    """The owners of an account.

    Attributes:
        ids: Address -> id, of those who live.
        archived: Address -> name, of those who do not.
        why: Why the token may not read them.
    """

    ids: dict[str, str] = field(default_factory=dict)
    archived: dict[str, str] = field(default_factory=dict)
    why: str = ""


class Owners:
    """The owners of an account; any number of threads may ask.

    Args:
        client: The way to HubSpot.
    """

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._listed: _Listed | None = None

    def read(self, ask: Ask) -> _Listed:
        """Return the owners, read once; without any where the token may not read them.

        Raises:
            HubSpotError: HubSpot gave no answer. The next one who asks reads again.
        """
        with self._lock:
            if self._listed is None:
                try:
                    living = ask(self._client.owners)
                    gone = ask(lambda: self._client.owners(archived=True))
                except (Forbidden, NotFound, InvalidBatch) as error:
                    self._listed = _Listed(why=str(error))
                    return self._listed
                names = [" ".join(filter(None, (each.first_name, each.last_name))) for each in gone]
                self._listed = _Listed(
                    {each.email.lower(): each.id for each in living if each.email},
                    {
                        (each.email or "").lower(): name or each.id
                        for each, name in zip(gone, names, strict=True)
                    },
                )
            return self._listed


@dataclass(frozen=True)
class OwnersOfRun:
    """The owners as a run asks for them.

    Attributes:
        owners: Those of the account.
        ask: How to read.
    """

    owners: Owners
    ask: Ask

    def id_of(self, email: str) -> str | None:
        """Return the owner's id; ``None`` where no living owner has the address.

        Raises:
            HubSpotError: HubSpot gave no answer.
        """
        return self.owners.read(self.ask).ids.get(email.strip().lower())

    def complaint(self, email: str) -> str:
        """Return what is wrong with an address that leads to no owner."""
        listed = self.owners.read(self.ask)
        if listed.why:
            return f"the owners cannot be read: {listed.why}"
        name = listed.archived.get(email.strip().lower())
        return f"the owner {name} is archived" if name is not None else "no owner has this address"
