"""What the state of a sync is about. It is written into the ids table and the journal, and nothing else is
read as the state of a sync.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.api.object_types import object_type
from hubspot_batch_dagster.sync.batches.seals import sealed_json, unbroken

SameType = Callable[[str, str], bool]
"""Tells whether two names stand for one object type."""


@dataclass(frozen=True)
class Identity:
    """What a sync's state is about.

    Attributes:
        sync: Its name.
        object_type: What the records are.
        key: The key columns.
        key_types: Their types in the table of the last run, as Arrow writes them; empty where they are not
            known.
        portal: The account; ``None`` where it could not be read.
        store: The store's id; empty where it is not known.
        makes_records: Whether its rows become records; ``None`` where the state does not say.
        unknown_portal: An earlier run tried to read the account, and could not.
        definition: Hash of the operation under which HubSpot refused what the journal holds as rejected;
            empty where it is not one alone. The ids table has it in each line.
    """

    sync: str
    object_type: str
    key: tuple[str, ...]
    key_types: tuple[str, ...] = ()
    portal: int | None = None
    store: str = ""
    unknown_portal: bool = False
    makes_records: bool | None = None
    definition: str = ""

    def to_json(self) -> str:
        """As it is kept in the journal."""
        return sealed_json(asdict(self))

    @classmethod
    def from_mapping(cls, found: Mapping[str, Any]) -> Identity:
        """Return what an ids table says of itself; one of the first version knows neither portal nor
        store.
        """
        portal = found.get("portal")
        return cls(
            sync=str(found.get("sync", "")),
            object_type=str(found["object_type"]),
            key=tuple(str(each) for each in found["key"]),
            key_types=tuple(str(each) for each in found.get("key_types", ())),
            portal=int(portal) if portal is not None else None,
            store=str(found.get("store", "")),
            unknown_portal=bool(found.get("unknown_portal", False)),
            makes_records=found.get("makes_records"),
            definition=str(found.get("definition", "")),
        )

    @classmethod
    def from_json(cls, text: str) -> Identity | None:
        """Return what the journal says of a sync; ``None`` where it says nothing."""
        return cls.from_mapping(json.loads(unbroken(text.encode()))) if text else None

    def with_known(self, before: Identity | None) -> Identity:
        """Return this one, with the portal that was known before where it could not be read now."""
        if before is None or self.portal is not None:
            return self
        return replace(
            self, portal=before.portal, unknown_portal=self.unknown_portal or before.unknown_portal
        )


def identity_of(sync: str, said: str) -> Identity | None:
    """Return what the journal says that a sync is about; ``None`` where it says nothing.

    Raises:
        StoreError: It is damaged.
    """
    try:
        return Identity.from_json(said)
    except (ValueError, KeyError, TypeError):
        raise StoreError(
            f"The journal is damaged inside: it does not say what the sync {sync!r} is about.",
            remedy="Restore it, or move it away and adopt the records from the portal.",
        ) from None


def renamed(identity: str, new: str) -> str:
    """Return what the journal says a sync is about, under another name."""
    found = Identity.from_json(identity)
    return replace(found, sync=new).to_json() if found is not None else ""


def check_portal(what: str, found: int | None, wanted: int | None) -> None:
    """Refuse state of another account.

    Raises:
        InputError: With both accounts.
    """
    if found is not None and wanted is not None and found != wanted:
        raise InputError(
            f"{what} is about portal {found}, and the token belongs to portal {wanted}. Nothing was sent.",
            remedy=(
                "Give the token of the portal that is meant, or give each portal a store of its own (store=)."
            ),
        )


def check_sync(what: str, found: str, wanted: str) -> None:
    """Refuse a file of another sync, as it is met where the file system does not tell capitals apart.

    Raises:
        InputError: With both names.
    """
    if found and wanted and found != wanted:
        raise InputError(
            f"{what} is of the sync {found!r}, and this is {wanted!r}. Nothing was sent.",
            remedy="This file system writes the two names alike. Give one of the syncs another name.",
        )


def other_type(known: str) -> str:
    """Return what to do where state is about another object type, or calls a custom object by another of its
    names.
    """
    if object_type(known).custom:
        return f"If it is the same object, write {known!r} as before. If not, give the sync another name."
    return "Give the sync another name."


def check_identity(what: str, found: Identity, wanted: Identity, same: SameType) -> None:
    """Refuse state that is about something else; what one side does not know is not held against the other.

    Args:
        what: The state, for the error.
        found: What it is about.
        wanted: What the run is about.
        same: Tells whether two names stand for one object type.

    Raises:
        InputError: With both sides, and what to do.
    """
    check_portal(what, found.portal, wanted.portal)
    check_sync(what, found.sync, wanted.sync)
    sync = wanted.sync or found.sync
    if not same(found.object_type, wanted.object_type):
        raise InputError(
            f"{what} holds {found.object_type}, and the operation is about {wanted.object_type}. Nothing was"
            " sent.",
            remedy=other_type(found.object_type),
        )
    if found.key != wanted.key:
        raise InputError(
            f"{what} has the key {list(found.key)}, and the operation has {list(wanted.key)}. Nothing was"
            " sent.",
            remedy="Keep the key, or give the sync another name: its rows would not be recognised.",
        )
    if found.store and wanted.store and found.store != wanted.store:
        raise InputError(
            f"{what} belongs to another store ({found.store}) than this one ({wanted.store}). Nothing was"
            " sent.",
            remedy=(
                f"Restore the store of {sync!r}. If it is lost, adopt the records from the portal. "
                "Two stores must not share a journal: give each a database or a schema of its own."
            ),
        )
