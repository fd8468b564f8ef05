"""What the portal tests share: a portal, a store, and runs that check rows against the portal's definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.emulator import Emulator, Settings
from hubspot_batch_dagster.operations.records import Operation
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.run import Finished, RunOptions, run_sync
from hubspot_batch_dagster.sync.schema.portal import Portal
from hubspot_batch_dagster.sync.state.store import Store

SETTINGS = Settings(search_lag=0.02)
QUICK = RetryPolicy(tries=3, total=5.0, backoff=0.01, longest_pause=0.1, index_lag=0.1, certain_after=60.0)

WRITES = ("create", "upsert", "update", "archive")


class Desk:
    """A portal, a store, and runs from the one to the other that look before they write."""

    def __init__(self, emulator: Emulator, root: Path) -> None:
        self.emulator = emulator
        self.store = Store(root, lock_wait=5.0)
        self.warnings: list[str] = []
        self.reopen()

    def reopen(self, *, version: str = "2026-03", **portal: Any) -> None:
        """Open the connection anew, so that nothing is cached."""
        self.client = HubSpotClient(
            self.emulator.token,
            base_url=self.emulator.url,
            version=version,
            timeout=Timeout(connect=2.0, read=5.0, total=8.0),
        )
        self.portal = Portal(self.client, **portal)

    def close(self) -> None:
        self.client.close()
        self.store.close()

    def finish(self, rows: object, operation: Operation, name: str = "sync", **options: Any) -> Finished:
        """Run, and give everything back."""
        return run_sync(
            rows,
            operation,
            client=self.client,
            store=self.store,
            name=name,
            portal=self.portal,
            options=RunOptions(retry_policy=QUICK, on_warning=self.warnings.append, **options),
        )

    def run(self, rows: object, operation: Operation, name: str = "sync", **options: Any) -> SyncResult:
        """Run, and give the result back."""
        return self.finish(rows, operation, name, **options).result

    def operations(self) -> list[str]:
        """What was asked of the emulator, in order."""
        return [each.operation for each in self.emulator.books.requests()]

    def definitions_asked(self) -> list[str]:
        """What was asked about definitions and the account, in order."""
        return [each for each in self.operations() if "." in each]

    def writes(self) -> int:
        """Write requests that arrived."""
        return sum(each in WRITES for each in self.operations())


def shown(result: SyncResult) -> dict[str, int]:
    """The counts that are not zero."""
    return {name: n for name, n in result.counts.items() if n}


def reasons(result: SyncResult) -> list[tuple[int, str | None, str | None]]:
    """Row, column and code of each rejected row."""
    return [(each["row"], each["column"], each["error_code"]) for each in result.rejected.to_pylist()]
