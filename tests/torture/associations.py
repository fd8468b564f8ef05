"""``python -m tests.torture.associations --seeds 200``: targets that come late, killed runs, lost answers; then the graph is audited.

Every seed chooses nights. In each, some contacts are there and some calls name them; the run of the calls may be killed before
or after any write to the journal, to HubSpot or to the store. After two quiet nights HubSpot must have each association that is
wanted, no call twice, and, with ``replace``, no association besides. One seed in two has ``replace``; two in four create, and two upsert.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.emulator import EmulatorProcess, Fault, Settings
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.sync.associations.association_requests import AssociationRequests
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.run import RunOptions, run_sync
from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal
from hubspot_batch_dagster.sync.state.store import Store

POLICY = RetryPolicy(
    tries=3,
    total=3.0,
    backoff=0.01,
    longest_pause=0.1,
    locked=0.02,
    window=0.05,
    index_lag=0.1,
    certain_after=0.2,
)
PEOPLE, CALLS, NIGHTS = 8, 10, 4
MOMENTS = (
    (SqlJournal, "intend"),
    (SqlJournal, "settle"),
    (SqlJournal, "record"),
    (Store, "conclude"),
    (AssociationRequests, "add"),
    (AssociationRequests, "remove"),
    (Store, "put"),
)


@dataclass
class Nights:
    """What one seed's tables say."""

    seed: int
    replace: bool
    rng: random.Random = field(init=False)
    there: set[str] = field(default_factory=set)
    wanted: dict[int, list[str]] = field(default_factory=dict)
    ever: set[tuple[int, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def people(self) -> list[dict[str, str]]:
        names = [f"p{i}-{self.seed}@x.org" for i in range(PEOPLE)]
        self.there |= set(self.rng.sample(names, self.rng.randint(0, 3)))
        return [{"email": each} for each in sorted(self.there)]

    def calls(self) -> list[dict[str, Any]]:
        for n in self.rng.sample(range(CALLS), self.rng.randint(2, CALLS)):
            mails = [
                f"p{i}-{self.seed}@x.org" for i in self.rng.sample(range(PEOPLE), self.rng.randint(0, 3))
            ]
            self.wanted[n] = mails
            self.ever |= {(n, mail) for mail in mails}
        away = set(self.rng.sample(sorted(self.wanted), self.rng.randint(0, len(self.wanted) // 3)))
        return self.all_calls(away)

    def all_calls(self, away: set[int] = frozenset()) -> list[dict[str, Any]]:  # type: ignore[assignment]
        return [
            {"n": n, "amount": str(n), "mail": mails}
            for n, mails in sorted(self.wanted.items())
            if n not in away
        ]

    def operation(self) -> Operation:
        association = Association("contacts", column="mail", through="people", replace=self.replace)
        kind = Create if self.seed // 2 % 2 else Upsert
        return kind("deals", key="n", properties=["amount"], associations=[association])


def main() -> int:
    """Run the seeds; 0 if every graph is right."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.associations", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    asked = parser.parse_args()
    began, kills, failed = time.monotonic(), 0, []
    with EmulatorProcess(settings=Settings(search_lag=0.02)) as hubspot:
        for seed in range(asked.first, asked.first + asked.seeds):
            folder = Path(tempfile.mkdtemp(prefix="hubspot-associations-"))
            try:
                killed, wrong = trial(seed, hubspot, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            kills += killed
            if wrong:
                failed.append(seed)
                print(
                    f"seed {seed}: {wrong}\n  again: python -m tests.torture.associations --seeds 1 --from {seed}"
                )
    print(
        f"{asked.seeds} seeds, {kills} kills in {time.monotonic() - began:.0f} s: {len(failed)} seeds failed {failed or ''}"
    )
    return 1 if failed else 0


def trial(seed: int, hubspot: EmulatorProcess, folder: Path) -> tuple[int, str]:
    """One seed: its nights, then two quiet ones; returns how often a run was killed, and what is wrong in HubSpot."""
    hubspot.reset()
    nights = Nights(seed, replace=seed % 2 == 1)
    killed = 0
    for _ in range(NIGHTS):
        hubspot.faults.clear()
        quiet(nights.people(), BY_EMAIL, hubspot, folder, "people")
        if nights.rng.random() < 0.3:
            after = nights.rng.random() < 0.5
            hubspot.faults.add(Fault.drop(operation="associations.default", after_commit=after, times=2))
        killed += perhaps_killed(nights, hubspot, folder)
    hubspot.faults.clear()
    time.sleep(POLICY.certain_after)
    quiet(nights.people(), BY_EMAIL, hubspot, folder, "people")
    for _ in range(2):
        result = quiet(nights.all_calls(), nights.operation(), hubspot, folder, "calls")
    return killed, audit(nights, result, hubspot)


BY_EMAIL = Upsert("contacts", id_property="email", properties=["email"])


def perhaps_killed(nights: Nights, hubspot: EmulatorProcess, folder: Path) -> bool:
    """Run the calls of a night in a process of their own, which may be killed; whether it was."""
    rows = nights.calls()
    kind, name = nights.rng.choice(MOMENTS)
    nth, before = nights.rng.randint(1, 6), nights.rng.random() < 0.5
    armed = nights.rng.random() < 0.7
    child = os.fork()
    if child == 0:
        try:
            if armed:
                _kill_at(kind, name, nth, before=before)
            quiet(rows, nights.operation(), hubspot, folder, "calls")
            os._exit(0)
        except BaseException:
            os._exit(1)  # the run gave up; the next one goes on
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 9


def quiet(
    rows: list[Any], operation: Operation, hubspot: EmulatorProcess, folder: Path, name: str
) -> SyncResult:
    """A run that nothing kills."""
    client = HubSpotClient(
        hubspot.token, base_url=hubspot.url, timeout=Timeout(connect=2.0, read=2.0, total=3.0)
    )
    store = Store(folder / "store", lock_wait=10.0)
    try:
        options = RunOptions(retry_policy=POLICY)
        return run_sync(rows, operation, client=client, store=store, name=name, options=options).result
    finally:
        client.close()
        store.close()


def audit(nights: Nights, result: SyncResult, hubspot: EmulatorProcess) -> str:
    """What is wrong with HubSpot, or with what the last run says of it; empty if nothing is."""
    records = {str(line["n"]): line["hs_object_id"] for line in result.ids.to_pylist()}
    deals = hubspot.records("deals")
    if len(deals) != len(nights.wanted):
        return f"{len(deals)} deals for {len(nights.wanted)} rows"
    mails = {str(each.get("email")): record for record, each in hubspot.records("contacts").items()}
    client = HubSpotClient(hubspot.token, base_url=hubspot.url)
    answer = client.association_batch_read("deals", "contacts", list(records.values()))
    client.close()
    graph = {(each.from_.id, target.to_object_id) for each in answer.results for target in each.to}

    def edges(pairs: set[tuple[int, str]]) -> set[tuple[str, str]]:
        return {(records[str(n)], mails[mail]) for n, mail in pairs if mail in mails}

    wanted = {(n, mail) for n, names in nights.wanted.items() for mail in names}
    lacking, extra = edges(wanted) - graph, graph - (edges(wanted) if nights.replace else edges(nights.ever))
    counts = {name: n for name, n in result.association_counts.items() if n}
    unresolved = sum(mail not in mails for _, mail in wanted)
    expected = {"unchanged": len(edges(wanted)), "unresolved": unresolved}
    if counts != {name: n for name, n in expected.items() if n}:
        return f"the last run says {counts}, and it should be {expected}"
    return f"lacking {sorted(lacking)}, extra {sorted(extra)}" if lacking or extra else ""


def _kill_at(kind: type, name: str, nth: int, *, before: bool) -> None:
    """End this process without a word at the nth call of a method."""
    original, calls = getattr(kind, name), 0

    def method(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if before and calls == nth:
            os._exit(9)
        found = original(*args, **kwargs)
        if calls == nth:
            os._exit(9)
        return found

    setattr(kind, name, method)


if __name__ == "__main__":
    sys.exit(main())
