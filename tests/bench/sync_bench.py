"""What the tests of a sync share: a bench with a portal, a store and a quick retry policy, and questions
about the result.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import settings

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.rate_limit.budget import Unlimited
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.emulator import Emulator, Settings
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.run import RunOptions, RunReport, run_sync
from hubspot_batch_dagster.sync.schema.portal import Portal
from hubspot_batch_dagster.sync.state.store import Store

EXAMPLES = settings(deadline=None, max_examples=60)
"""For hypothesis: a busy machine is no failure."""

SETTINGS = Settings(search_lag=0.02)
QUICK = RetryPolicy(
    tries=4,
    total=10.0,
    backoff=0.01,
    longest_pause=0.2,
    locked=0.02,
    window=0.05,
    index_lag=0.4,
    certain_after=60.0,
)
HASTY = replace(QUICK, certain_after=-5.0)
"""RetryPolicy for which every request is long over."""

WRITES = ("create", "upsert", "update", "archive")

BY_EMAIL = Upsert("contacts", id_property="email", properties=["email", "firstname"])
CONTACTS = Create("contacts", key="id", properties=["email", "firstname"])
COMPANIES = Create("companies", key="id", properties=["name", "city"])
BY_KEY = Upsert("companies", key="id", properties=["name", "city"])


class NotedBudget(Unlimited):
    """No limit, but it remembers the pauses."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


Graph = dict[str, dict[str, set[tuple[str, int]]]]


class Bench:
    """A portal, a store, and runs from the one to the other.

    Attributes:
        portal: What the rows are checked against; ``None`` until :meth:`reopen` asks for it.
        warnings: What the runs warned of.
    """

    def __init__(
        self, emulator: Emulator, root: Path | str, *, retry_policy: RetryPolicy = QUICK, **store: Any
    ) -> None:
        self.emulator = emulator
        self.root = root
        self.retry_policy = retry_policy
        self.budget = NotedBudget()
        self.portal: Portal | None = None
        self.warnings: list[str] = []
        self.store = Store(root, lock_wait=60.0, **store)
        self.client = self.new_client()

    def new_client(
        self, timeout: Timeout | None = None, token: str | None = None, version: str = "2026-03"
    ) -> HubSpotClient:
        return HubSpotClient(
            token or self.emulator.token,
            base_url=self.emulator.url,
            version=version,
            budget=self.budget,
            timeout=timeout or Timeout(connect=2.0, read=5.0, total=8.0),
        )

    def reopen(self, *, version: str = "2026-03", **portal: Any) -> None:
        """Open the connection anew, so that nothing is cached; from now on rows are checked against the
        portal.
        """
        self.client = self.new_client(version=version)
        self.portal = Portal(self.client, **portal)

    def close(self) -> None:
        self.client.close()
        self.store.close()

    def finish(
        self,
        rows: object,
        operation: Operation,
        name: str = "sync",
        *,
        retry_policy: RetryPolicy | None = None,
        **options: Any,
    ) -> RunReport:
        """Run, and give everything back."""
        chosen = {
            "retry_policy": retry_policy or self.retry_policy,
            "on_warning": self.warnings.append,
            "wait_for_unknown": False,
            **options,
        }
        return run_sync(
            rows,
            operation,
            client=self.client,
            store=self.store,
            name=name,
            portal=self.portal,
            options=RunOptions(**chosen),
        )

    def run(self, rows: object, operation: Operation, name: str = "sync", **options: Any) -> SyncResult:
        """Run, and give the result back."""
        return self.finish(rows, operation, name, **options).result

    def seed_old(self, object_type: str, rows: list[dict[str, str]]) -> list[str]:
        """Records that somebody else made an hour ago; returns their ids."""
        self.emulator.skew_clock(-3600)
        ids = self.emulator.seed_records(object_type, rows)
        self.emulator.skew_clock(0)
        return ids

    def writes(self, *operations: str) -> int:
        """Write requests that arrived."""
        return sum(
            each.operation in (operations or WRITES) and each.object_type != ""
            for each in self.emulator.books.requests()
        )

    def nothing_doubled(self) -> bool:
        """Whether no row was written twice as a record of its own, by the emulator's books."""
        return not self.emulator.books.trace_ids_committed_twice()

    def living(self, object_type: str, name: str) -> Counter[str]:
        """How often each value of a property lives in the portal."""
        return Counter(str(each.get(name)) for each in self.emulator.records(object_type).values())

    def once_each(self, object_type: str, name: str, values: Iterable[str]) -> bool:
        """Whether each value lives in exactly one record, and no other does."""
        return self.living(object_type, name) == Counter(dict.fromkeys(values, 1))

    def operations(self) -> list[str]:
        """What was asked of the emulator, in order."""
        return [each.operation for each in self.emulator.books.requests()]

    def requests(self, operation: str) -> int:
        """How many requests of an operation arrived."""
        return len(self.emulator.books.requests(operation))

    def definitions_asked(self) -> list[str]:
        """What was asked about definitions and the account, in order."""
        return [each for each in self.operations() if "." in each]

    def address(self) -> tuple[str, str, str]:
        """Token, URL and store, for a run in another process."""
        return self.emulator.token, self.emulator.url, str(self.root)

    @staticmethod
    def wait_for(happened: Callable[[], bool], seconds: float = 60.0) -> bool:
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
        """Record -> record -> association types, of everything that lives."""
        links = self.emulator.portal.associations
        found = {each: links.of(source, each, target) for each in self.emulator.records(source)}
        return {each: {to: set(types) for to, types in held.items()} for each, held in found.items() if held}

    def pairs(self, source: str = "contacts", target: str = "companies") -> set[tuple[str, str]]:
        """The records that are associated, whatever it means."""
        return {(a, b) for a, held in self.graph(source, target).items() for b in held}

    def by_email(self) -> dict[str, str]:
        """Email -> record id."""
        return {values["email"]: each for each, values in self.emulator.records("contacts").items()}


def shown(result: SyncResult) -> dict[str, int]:
    """The counts that are not zero."""
    return {name: n for name, n in result.counts.items() if n}


def by_key(result: SyncResult, key: str = "id") -> dict[Any, Mapping[str, Any]]:
    """The ids table: row key -> line."""
    return {line[key]: line for line in result.ids.to_pylist()}


def ids_are_right(bench: Bench, result: SyncResult, object_type: str, key: str, name: str) -> bool:
    """Whether each id of the ids table is of the record that holds the row's value of a property."""
    records = bench.emulator.records(object_type)
    return all(
        records[line["hs_object_id"]].get(name) == line[key]
        for line in result.ids.to_pylist()
        if line["outcome"] in ("created", "updated", "unchanged")
    )


def people(n: int, start: int = 0) -> list[dict[str, Any]]:
    """Contacts with an id, an email and a first name."""
    return [{"id": i, "email": f"p{i}@x.org", "firstname": f"Ada {i}"} for i in range(start, start + n)]


def firms(n: int, start: int = 0) -> list[dict[str, Any]]:
    """Companies with an id, a name and a city."""
    return [{"id": i, "name": f"Firm {i}", "city": "Ulm"} for i in range(start, start + n)]


def lines(result: SyncResult) -> list[dict[str, Any]]:
    """The ids table, line by line."""
    return result.ids.to_pylist()


def reasons(result: SyncResult) -> list[tuple[int, str | None, str | None]]:
    """Row, column and code of each rejected row."""
    return [(each["row"], each["column"], each["error_code"]) for each in result.rejected.to_pylist()]
