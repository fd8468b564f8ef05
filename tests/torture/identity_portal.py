"""What others do in the portal while a sync lives there: they merge, archive and purge records, and forbid a
whole run.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import requests

from hubspot_batch_dagster.emulator import EmulatorProcess, Fault
from tests.torture.identity_story import OTHERS_VERSION
from tests.torture.trouble import WRITES

MERGEABLE = ("contacts", "companies", "deals")
"""The types that HubSpot merges, of those that the trial writes."""

ABOUT_THE_RUN = "The app lacks a permission that this needs."
REFUSALS = ("scopes", "permission", "property")
"""A scope that is taken away (403), a permission that HubSpot tells in a 400 that names no row, a property
that is deleted.
"""

FOREVER = 1_000_000


@dataclass
class OtherPeople:
    """Those who work in the portal beside the sync.

    Args:
        hubspot: The portal.
        object_type: The records that they change.
        rng: The seed's chance.
        strangers: Records that are no row's.
        known: Records that the sync has heard of. Others leave alone what a killed run made until the next
            one has found it: the pages say that the sync rests on that.
    """

    hubspot: EmulatorProcess
    object_type: str
    rng: random.Random
    strangers: list[str]
    known: set[str] = field(default_factory=set)
    did: list[str] = field(default_factory=list)

    def meddle(self) -> None:
        """Merge some records, archive some, purge some."""
        living = list(self.hubspot.records(self.object_type))
        mine = [each for each in living if each in self.known and each not in self.strangers]
        self.rng.shuffle(mine)
        if self.object_type in MERGEABLE:
            for _ in range(self.rng.randint(0, 4)):
                self._merge(mine)
        for path, most in (("batch/archive", 3), ("gdpr-delete", 2)):
            for _ in range(min(self.rng.randint(0, most), len(mine))):
                gone = mine.pop()
                body = {"objectId": gone} if path == "gdpr-delete" else {"inputs": [{"id": gone}]}
                self._call("POST", f"objects/{self.object_type}/{path}", body)
                self.did.append(f"{path} {gone}")

    def _merge(self, mine: list[str]) -> None:
        with_stranger = self.strangers and self.rng.random() < 0.3
        if len(mine) < 3:
            return
        one = mine.pop()
        other = self.strangers.pop() if with_stranger else mine.pop()
        if self.rng.random() < 0.5:
            one, other = other, one
        try:
            left = self.hubspot.merge(self.object_type, one, other)
        except ValueError:  # the sync archived one of them just now
            return
        self.known.add(left)
        self.did.append(f"{one} + {other} = {left}")
        if with_stranger:
            self.strangers.append(left)
        else:
            mine.insert(0, left)

    def refuse(self, kind: str, *, first: int = 1) -> None:
        """From now on, or from some write on, HubSpot refuses every row of the sync."""
        self.did.append(f"{kind} from write {first} on")
        theirs: dict[str, Any] = {"operation": WRITES, "path": "objects/20", "nth": (first, FOREVER)}
        if kind == "permission":
            self.hubspot.faults.add(Fault.invalid_batch(ABOUT_THE_RUN, name="permission", **theirs))
        elif kind == "scopes":
            body = {
                "status": "error",
                "category": "MISSING_SCOPES",
                "message": "This app hasn't been granted all scopes.",
            }
            self.hubspot.faults.add(Fault.answer(403, body, name="scopes", **theirs))
        else:
            self._call("DELETE", f"properties/{self.object_type}/title")

    def allow(self) -> None:
        """Everything is allowed again, and the property is back."""
        self.hubspot.faults.clear()
        self.hubspot.add_property(self.object_type, "title")

    def _call(self, method: str, path: str, body: Any = None) -> None:
        requests.request(
            method,
            f"{self.hubspot.url}/crm/{OTHERS_VERSION}/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.hubspot.token}"},
            timeout=5,
        ).raise_for_status()
