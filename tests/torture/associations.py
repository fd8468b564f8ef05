"""``python -m tests.torture.associations --seeds 200``: targets that come late, killed runs, lost answers;
then the graph is audited.

Every seed has an operation (``Create``, ``Upsert``, ``Update`` or ``Associate``), labels or none,
associations to records of the same table or none, and ``replace`` or not. In each of its nights some contacts
come, some are made anew or merged by others, and some companies name them; the run of the companies may be
killed before or after any write to the journal, to HubSpot or to the store. After two quiet nights HubSpot
must have each association that is wanted with its label, no company twice, and, with ``replace``, no
association besides.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import ConservationError, HubSpotError
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.emulator import EmulatorProcess, Fault, Settings
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.associations.association_requests import AssociationRequests
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.run import RunOptions, run_sync
from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal
from hubspot_batch_dagster.sync.state.store import Store
from tests.torture.association_audit import Records, audit
from tests.torture.association_nights import LABEL, Nights

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
NIGHTS = 4
MOMENTS = (
    (SqlJournal, "intend"),
    (SqlJournal, "settle"),
    (SqlJournal, "record"),
    (Store, "conclude"),
    (AssociationRequests, "add"),
    (AssociationRequests, "read"),
    (AssociationRequests, "remove"),
    (AssociationRequests, "remove_labels"),
    (Store, "put"),
)
DROPPED = (
    "associations.default",
    "associations.create",
    "associations.read",
    "associations.archive",
    "associations.labels_archive",
    "create",
    "update",
)
BY_EMAIL = Upsert("contacts", id_property="email", properties=["email"])
FIRMS = Upsert("companies", key="n", properties=["name"])
LAW, GAVE_UP, KILLED = 3, 1, 9
"""How the process of a night may end, but for 0."""


def main() -> int:
    """Run the seeds; 0 if every graph is right."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.associations", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--verbose", action="store_true", help="a line for each seed")
    asked = parser.parse_args()
    began, kills, failed = time.monotonic(), 0, []
    with EmulatorProcess(settings=Settings(search_lag=0.02)) as hubspot:
        for seed in range(asked.first, asked.first + asked.seeds):
            folder = Path(tempfile.mkdtemp(prefix="hubspot-associations-"))
            try:
                killed, wrong = trial(seed, hubspot, folder)
            except HubSpotError as error:
                killed, wrong = 0, repr(error)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            kills += killed
            if asked.verbose:
                print(f"seed {seed}: {wrong or 'ok'}, {time.monotonic() - began:.0f} s", flush=True)
            if wrong:
                failed.append(seed)
                print(
                    f"seed {seed}: {wrong}\n  again: python -m tests.torture.associations --seeds 1 --from"
                    f" {seed}",
                    flush=True,
                )
    print(
        f"{asked.seeds} seeds, {kills} kills in {time.monotonic() - began:.0f} s: {len(failed)} seeds failed"
        f" {failed or ''}"
    )
    return 1 if failed else 0


def trial(seed: int, hubspot: EmulatorProcess, folder: Path) -> tuple[int, str]:
    """One seed: its nights, then two quiet ones; returns how often a run was killed, and what is wrong in
    HubSpot.
    """
    hubspot.reset()
    hubspot.add_label("companies", "contacts", LABEL, name="buyer")
    nights = Nights(seed)
    world = World(hubspot, folder, nights)
    killed = 0
    for _ in range(NIGHTS):
        hubspot.faults.clear()
        world.bring_people()
        rows = nights.night()
        world.bring_firms()
        if nights.rng.random() < 0.5:
            operation, after = nights.rng.choice(DROPPED), nights.rng.random() < 0.5
            hubspot.faults.add(Fault.drop(operation=operation, after_commit=after, times=2))
        ended = world.perhaps_killed(rows)
        if ended == LAW:
            return killed, f"({nights}) the outcomes of a run did not add up"
        killed += ended == KILLED
    hubspot.faults.clear()
    time.sleep(POLICY.certain_after)
    world.bring_people()
    world.bring_firms()
    for _ in range(2):
        result = world.run(nights.table(), nights.operation(), "tried")
    wrong = audit(nights, result, world.records(result), hubspot)
    return killed, f"({nights}) {wrong}" if wrong else ""


@dataclass
class World:
    """The portal and the store of a seed.

    Attributes:
        hubspot: The portal.
        folder: Where the store is.
        nights: What the tables say.
        people: Address -> all record ids that the ids table had for it, the last one last.
        merged: Id of a merged record -> id of the one that is left.
    """

    hubspot: EmulatorProcess
    folder: Path
    nights: Nights
    people: dict[str, list[str]] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)

    def bring_people(self) -> None:
        """Others archive and merge some contacts; then the contacts of the night are sent."""
        rng, known = self.nights.rng, sorted(self.people)
        gone = len(known) > 1 and rng.random() < 0.25  # a sync all of whose records are gone is refused
        if gone:
            self._archive(self._living(self.people[rng.choice(known)][-1]))
        if known and rng.random() < 0.25:
            self._merge(rng.choice(known))
        result = self.run(self.nights.people(), BY_EMAIL, "people", full_refresh=gone)
        for line in result.ids.to_pylist():
            self.people.setdefault(line["email"], []).append(line["hs_object_id"])

    def bring_firms(self) -> None:
        """The companies, where the operation makes none itself."""
        if self.nights.verb in ("update", "associate"):
            self.run(self.nights.every_firm(), FIRMS, "firms")

    def records(self, result: SyncResult) -> Records:
        """The records behind the keys, after the last run."""
        if self.nights.verb == "associate":
            result = self.run(self.nights.every_firm(), FIRMS, "firms")
        return Records(
            {str(line["n"]): line["hs_object_id"] for line in result.ids.to_pylist()},
            {mail: self._living(ids[-1]) for mail, ids in self.people.items()},
            {mail: {self._living(each) for each in ids} for mail, ids in self.people.items()},
        )

    def perhaps_killed(self, rows: list[Any]) -> int:
        """Run the rows of a night in a process of their own, which may be killed; how it ended."""
        rng = self.nights.rng
        kind, name = rng.choice(MOMENTS)
        nth, before = rng.randint(1, 6), rng.random() < 0.5
        armed = rng.random() < 0.7
        child = os.fork()
        if child == 0:
            try:
                if armed:
                    _kill_at(kind, name, nth, before=before)
                self.run(rows, self.nights.operation(), "tried")
                os._exit(0)
            except ConservationError:
                os._exit(LAW)
            except BaseException:
                os._exit(GAVE_UP)  # the next one goes on
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)

    def run(self, rows: list[Any], operation: Operation, name: str, **options: Any) -> SyncResult:
        """A run that nothing kills."""
        client = HubSpotClient(
            self.hubspot.token, base_url=self.hubspot.url, timeout=Timeout(connect=2.0, read=2.0, total=3.0)
        )
        store = Store(self.folder / "store", lock_wait=10.0)
        try:
            given = RunOptions(retry_policy=POLICY, on_warning=lambda _: None, **options)
            return run_sync(rows, operation, client=client, store=store, name=name, options=given).result
        finally:
            client.close()
            store.close()

    def _living(self, record: str) -> str:
        while record in self.merged:
            record = self.merged[record]
        return record

    def _archive(self, record: str) -> None:
        client = HubSpotClient(self.hubspot.token, base_url=self.hubspot.url)
        client.batch_archive("contacts", [record])
        client.close()

    def _merge(self, mail: str) -> None:
        """Merge a contact with one that no table has, into the one or the other."""
        record = self._living(self.people[mail][-1])
        if record not in self.hubspot.records("contacts"):
            return
        (stranger,) = self.hubspot.seed_records("contacts", [{"email": f"s{len(self.merged)}-{mail}"}])
        ends = [record, stranger]
        self.nights.rng.shuffle(ends)
        left = self.hubspot.merge("contacts", *ends)
        self.merged |= {each: left for each in ends if each != left}


def _kill_at(kind: type, name: str, nth: int, *, before: bool) -> None:
    """End this process without a word at the nth call of a method."""
    original, calls = getattr(kind, name), 0

    def method(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if before and calls == nth:
            os._exit(KILLED)
        found = original(*args, **kwargs)
        if calls == nth:
            os._exit(KILLED)
        return found

    setattr(kind, name, method)


if __name__ == "__main__":
    sys.exit(main())
