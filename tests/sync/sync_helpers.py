"""What the sync tests share: a bench with a portal, a store and quick retry_policy, and questions about the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import settings

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.rate_limit.budget import Unlimited
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.emulator import Emulator, Settings
from hubspot_batch_dagster.operations.records import Create, Operation, Upsert
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.run import Finished, RunOptions, run_sync
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
    index_lag=0.1,
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


class Bench:
    """A portal, a store, and runs from the one to the other."""

    def __init__(self, emulator: Emulator, root: Path | str, **store: Any) -> None:
        self.emulator = emulator
        self.root = root
        self.budget = NotedBudget()
        self.store = Store(root, lock_wait=5.0, **store)
        self.client = self.new_client()

    def new_client(self, timeout: Timeout | None = None, token: str | None = None) -> HubSpotClient:
        return HubSpotClient(
            token or self.emulator.token,
            base_url=self.emulator.url,
            budget=self.budget,
            timeout=timeout or Timeout(connect=2.0, read=5.0, total=8.0),
        )

    def close(self) -> None:
        self.client.close()
        self.store.close()

    def finish(
        self,
        rows: object,
        operation: Operation,
        name: str = "sync",
        *,
        retry_policy: RetryPolicy = QUICK,
        **options: Any,
    ) -> Finished:
        """Run, and give everything back."""
        return run_sync(
            rows,
            operation,
            client=self.client,
            store=self.store,
            name=name,
            options=RunOptions(retry_policy=retry_policy, **options),
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
