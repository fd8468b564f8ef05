"""What the association tests share: a graph of records, runs over it, and questions about the links."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.emulator import Emulator, Settings
from hubspot_batch_dagster.operations.records import Association, Operation, Upsert
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.run import RunOptions, run_sync
from hubspot_batch_dagster.sync.state.store import Store

SETTINGS = Settings(search_lag=0.02)
QUICK = RetryPolicy(
    tries=3,
    total=10.0,
    backoff=0.01,
    longest_pause=0.1,
    locked=0.02,
    window=0.05,
    index_lag=0.1,
    certain_after=60.0,
)

PLAIN = ("HUBSPOT_DEFINED", 279)
"""Contact to company, without a label."""

PRIMARY = ("HUBSPOT_DEFINED", 1)

TO_COMPANY = Association("companies", column="company")

Graph = dict[str, dict[str, set[tuple[str, int]]]]


class Graphs:
    """A portal, a store, and runs from the one to the other."""

    def __init__(self, emulator: Emulator, root: Path) -> None:
        self.emulator = emulator
        self.root = root
        self.store = Store(root, lock_wait=5.0)
        self.client = HubSpotClient(
            emulator.token,
            base_url=emulator.url,
            timeout=Timeout(connect=2.0, read=5.0, total=8.0),
        )

    def close(self) -> None:
        self.client.close()
        self.store.close()

    def run(self, rows: object, operation: Operation, name: str = "sync", **options: Any) -> SyncResult:
        """Run, and give the result back."""
        chosen = RunOptions(**{"retry_policy": QUICK, **options})
        return run_sync(
            rows, operation, client=self.client, store=self.store, name=name, options=chosen
        ).result

    def address(self) -> tuple[str, str, str]:
        """Token, URL and store, for a run in another process."""
        return self.emulator.token, self.emulator.url, str(self.root)

    @staticmethod
    def wait_for(happened: Callable[[], bool], seconds: float = 20.0) -> bool:
        """Whether something happened within some seconds."""
        end = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def companies(self, n: int) -> list[str]:
        """Ids of new companies."""
        return self.emulator.seed_records("companies", [{"name": f"Firm {i}"} for i in range(n)])

    def contacts(self, n: int) -> list[str]:
        """Ids of new contacts, ``p0@x.org`` and so on."""
        return self.emulator.seed_records("contacts", [{"email": f"p{i}@x.org"} for i in range(n)])

    def label(self, name: str, source: str = "contacts", target: str = "companies") -> tuple[int, int]:
        """Type ids of a new label of the portal's own, in this direction and back."""
        made = self.emulator.portal.associations
        forward, backward = made.new_type_id(), made.new_type_id()
        made.define_pair(
            source, target, forward, backward, category="USER_DEFINED", label=name, name=name.lower()
        )
        return forward, backward

    def graph(self, source: str = "contacts", target: str = "companies") -> Graph:
        """Record -> record -> types, of everything that lives."""
        links = self.emulator.portal.associations
        found = {each: links.of(source, each, target) for each in self.emulator.records(source)}
        return {each: {to: set(types) for to, types in held.items()} for each, held in found.items() if held}

    def pairs(self, source: str = "contacts", target: str = "companies") -> set[tuple[str, str]]:
        """The pairs that are linked, whatever it means."""
        return {(a, b) for a, held in self.graph(source, target).items() for b in held}

    def requests(self, operation: str) -> int:
        """How many requests of an operation arrived."""
        return len(self.emulator.books.requests(operation))

    def by_email(self) -> dict[str, str]:
        """Email -> record id."""
        return {values["email"]: each for each, values in self.emulator.records("contacts").items()}


def shown(result: SyncResult) -> dict[str, int]:
    """The counts that are not zero."""
    return {name: n for name, n in result.counts.items() if n}


def lines(result: SyncResult) -> list[dict[str, Any]]:
    """The ids table, line by line."""
    return result.ids.to_pylist()


def by_email(*associations: Association) -> Upsert:
    return Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname"],
        associations=associations or [TO_COMPANY],
    )


def people(companies: list[str | None], first: int = 0) -> list[dict[str, object]]:
    return [
        {"id": i, "email": f"p{i}@x.org", "firstname": f"Ada {i}", "company": company}
        for i, company in enumerate(companies, first)
    ]
