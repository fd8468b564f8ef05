"""``python -m tests.torture.worlds --seeds 300``: nights between which the world changes, and an audit after
each of them.

A night loses the disk or a part of it, finds an older backup of it, a portal that was reset, or the token of
another portal, or a sync that was renamed, with or without the command, or with one that was killed. A run
may refuse such a world: then it must have sent nothing and name a remedy, which the harness follows, as a
person would. A run that does not refuse must leave every row in the portal once, with its newest values.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from hubspot_batch_dagster.api.errors import HubSpotError, InputError, StoreError
from hubspot_batch_dagster.emulator import Emulator, Settings
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.session import HubSpotSession
from hubspot_batch_dagster.session_settings import SessionSettings
from hubspot_batch_dagster.sync.state.names import folders_of, new_run_id
from hubspot_batch_dagster.sync.state.rename import rename_sync
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.sync.trace_log import Trace

CHANGES_OF_FILES = ("os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")
"""What changes a file system, as Python tells of it."""

WRITES = ("create", "update", "upsert", "archive")
MOST_REMEDIES = 4

OPERATIONS: dict[str, Operation] = {
    "create by key": Create("companies", key="k", properties=["name", "city"]),
    "upsert by key": Upsert("companies", key="k", properties=["name", "city"]),
    "upsert by key, creation_key": Upsert(
        "companies", key="k", properties=["name", "city"], creation_key="firm_key"
    ),
    "upsert by unique property": Upsert(
        "companies", id_property="firm_key", properties=["name", "city", "firm_key"]
    ),
}
CHANGES = (
    "nothing", "nothing", "lost disk", "lost ids tables", "lost journal", "older backup", "lost copy for readers",
    "portal reset", "another portal", "renamed", "store moved", "renamed by command", "killed rename",
)  # fmt: skip


class EventLog:
    """What an orchestrator remembers, which no loss of a store touches."""

    def __init__(self) -> None:
        self.kept: list[Trace] = []

    def traces(self, sync: str) -> list[Trace]:
        return [each for each in reversed(self.kept) if each.sync == sync]

    def note(self, trace: Trace) -> None:
        self.kept.append(trace)


@dataclass
class Verdict:
    """What came of a seed.

    Attributes:
        seed: Which.
        operation: What was done with the rows.
        nights: What each night brought, and what came of it.
        wrong: Kind -> sentences.
    """

    seed: int
    operation: str
    nights: list[str] = field(default_factory=list)
    wrong: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, said: str) -> None:
        self.wrong.setdefault(kind, []).append(said)


class World:
    """The portals, the disk, the event log and the source of a seed.

    Args:
        seed: Decides everything.
        folder: Where stores and backups lie.
        portals: Two portals, empty.
    """

    def __init__(self, seed: int, folder: Path, portals: tuple[Emulator, Emulator]) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        self.portals = portals
        self.portal = portals[0]
        self.store = folder / "store"
        self.log = EventLog()
        self.name = "crm/firms"
        self.renames = 0
        chosen = self.rng.choice(list(OPERATIONS))
        self.operation = OPERATIONS[chosen]
        self.check_portal = self.rng.random() < 0.7
        self.verdict = Verdict(seed, chosen)
        self.rows = [self._row(i) for i in range(self.rng.randint(5, 40))]
        self.backups: list[Path] = []
        self.nights = 0

    def _row(self, number: int) -> dict[str, object]:
        return {"k": number, "name": f"firm {number}", "city": "v0", "firm_key": f"f{number}"}

    def night(self) -> None:
        """One night: the world changes, then the run, and the remedies that it names until it goes
        through.
        """
        self._source()
        change = self.rng.choice(CHANGES) if self.backups else "nothing"
        self._change(change)
        said, first_run = [change], False
        for _ in range(MOST_REMEDIES):
            before = self._writes()
            try:
                counts = self._run(first_run)
            except (InputError, StoreError) as error:
                if self._writes() != before:
                    self.verdict.add("sent before it refused", f"{change}: {error}")
                if not error.remedy:
                    self.verdict.add("no remedy", f"{change}: {error}")
                remedy = self._follow(change, error)
                said.append(remedy)
                first_run = remedy == "first run"
                continue
            except HubSpotError as error:
                self.verdict.add("broken", f"{change}: {type(error).__name__}: {error}")
                return
            self._audit(change, counts)
            said.append(" ".join(f"{n} {name}" for name, n in counts.items() if n))
            break
        else:
            self.verdict.add("no way on", " > ".join(said))
        self.verdict.nights.append(" > ".join(said))
        self._back_up()

    def _source(self) -> None:
        for row in self.rng.sample(self.rows, k=self.rng.randint(0, 3)):
            if not isinstance(self.operation, Create):  # a create does not send later values
                row["city"] = f"v{self.rng.randint(1, 10**6)}"
        self.rows += [self._row(len(self.rows) + i) for i in range(self.rng.randint(0, 2))]

    def _change(self, change: str) -> None:
        changes: dict[str, Callable[[], object]] = {
            "lost disk": lambda: shutil.rmtree(self.store),
            "lost ids tables": lambda: [each.unlink() for each in self._files("ids*.parquet")],
            "lost journal": lambda: [each.unlink() for each in self.store.glob("journal.db*")],
            "older backup": lambda: self._restore(self.rng.choice(self.backups)),
            "lost copy for readers": lambda: [each.unlink() for each in self._files("ids.parquet")],
            "portal reset": lambda: emptied(self.portal),
            "another portal": self._switch,
            "renamed": self._rename,
            "renamed by command": self._rename_by_command,
            "killed rename": self._rename_killed,
            "store moved": self._move,
        }
        changes.get(change, lambda: None)()

    def _files(self, pattern: str) -> list[Path]:
        return list(self.store.joinpath(*folders_of(self.name)).glob(pattern))

    def _switch(self) -> None:
        self.portal = self.portals[1] if self.portal is self.portals[0] else self.portals[0]

    def _rename(self) -> None:
        self.renames += 1
        self.name = f"crm/firms {self.renames}"

    def _rename_by_command(self) -> None:
        former = self.name
        self._rename()
        self._move_state(former)

    def _rename_killed(self) -> None:
        """The command is killed between two of its steps. The asset has the new name, or was given the former
        one again.
        """
        former = self.name
        self._rename()
        step = self.rng.randint(0, 40)
        child = os.fork()
        if child == 0:
            try:
                _die_at(step)
                self._move_state(former)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        if self.rng.random() < 0.5:
            self.name = former

    def _move_state(self, former: str) -> None:
        with closing(Store(self.store)) as store:
            rename_sync(store, former, self.name, run=new_run_id())

    def _move(self) -> None:
        moved = self.folder / f"moved {self.nights}"
        self.store.rename(moved)
        self.store = moved

    def _restore(self, backup: Path) -> None:
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(backup, self.store)

    def _back_up(self) -> None:
        self.nights += 1
        backup = self.folder / f"backup {self.nights}"
        shutil.copytree(self.store, backup)
        self.backups = [*self.backups, backup][-3:]

    def _follow(self, change: str, error: HubSpotError) -> str:
        """Do what the refusal says, as one who knows what happened would."""
        remedy = error.remedy
        if change == "portal reset" and "first_run=True" in remedy:
            return "first run"
        if change == "another portal" and "store" in remedy:
            self._switch()
            return "the former token"
        named = re.search(r"hubspot-batch-dagster rename .*?(?=\. |\.$)", remedy)
        if named is not None:
            former, self.name = shlex.split(named[0])[2:]
            self._move_state(former)
            return "rename"
        if "adopt" in remedy and self.operation.unique_property is not None and self.rng.random() < 0.7:
            with self._session() as hubspot:
                hubspot.adopt(self.rows, self.operation, name=self.name, trace_log=self.log)
            return "adopt"
        if "Restore" in remedy:
            self._restore(self.backups[-1])
            return "restore"
        self.verdict.add("no remedy that helps", f"{change}: {error}")
        return "nothing"

    def _session(self) -> HubSpotSession:
        return HubSpotSession(
            SessionSettings(
                access_token=self.portal.token,
                base_url=self.portal.url,
                store=str(self.store),
                check_portal=self.check_portal,
                limit=100_000,
                index_lag=0.3,
            )
        )

    def _run(self, first_run: bool) -> dict[str, int]:
        with self._session() as hubspot:
            made = hubspot.sync(
                self.rows, self.operation, name=self.name, first_run=first_run, trace_log=self.log
            )
            self.log.note(Trace(self.name, made.store, made.generation))  # as a materialization does
            return dict(made.counts)

    def _writes(self) -> int:
        return sum(each.operation in WRITES for hub in self.portals for each in hub.books.requests())

    def _audit(self, change: str, counts: dict[str, int]) -> None:
        there = self.portal.records("companies")
        by_name = Counter(each["name"] for each in there.values())
        cities = {each["name"]: each.get("city") for each in there.values()}
        for row in self.rows:
            name = str(row["name"])
            if by_name[name] > 1:
                self.verdict.add("doubled", f"{change}: {name} x {by_name[name]}")
            elif not by_name[name]:
                self.verdict.add("lost", f"{change}: {name}, {counts}")
            elif cities[name] != row["city"]:
                self.verdict.add("falsely unchanged", f"{change}: {name}, {cities[name]} for {row['city']}")
        if counts.get("rejected"):
            self.verdict.add("rejected", f"{change}: {counts}")


def _die_at(step: int) -> None:
    """In a process that is to die: make a step that changes a file deadly."""
    left = [step]

    def count(event: str, _: object) -> None:
        if event in CHANGES_OF_FILES:
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)

    sys.addaudithook(count)


def emptied(portal: Emulator) -> None:
    """A portal without records, which has the property of ours."""
    portal.reset()
    portal.add_property("companies", "firm_key", hasUniqueValue=True)


def trial(seed: int, portals: tuple[Emulator, Emulator]) -> Verdict:
    """One seed: five to eight nights."""
    for each in portals:
        emptied(each)
    with tempfile.TemporaryDirectory(prefix="hubspot-worlds-") as folder:
        world = World(seed, Path(folder), portals)
        for _ in range(world.rng.randint(5, 8)):
            world.night()
        return world.verdict


def main() -> int:
    """Run the seeds; 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.worlds", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="tell about every seed")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    began, wrong, nights, refused = time.monotonic(), Counter[str](), 0, 0
    one, other = (Settings(search_lag=0.02, portal_id=number) for number in (1001, 1002))
    with Emulator(settings=one) as first, Emulator(settings=other) as second:
        for seed in range(asked.first, asked.first + asked.seeds):
            found = trial(seed, (first, second))
            nights += len(found.nights)
            refused += sum(each.count(" > ") > 1 for each in found.nights)
            wrong.update({kind: len(said) for kind, said in found.wrong.items()})
            if found.wrong or asked.verbose:
                print(f"seed {seed}, {found.operation}: {found.nights} {found.wrong}", flush=True)
    print(
        f"{asked.seeds} seeds, {nights} nights, {refused} refused at first, in {time.monotonic() - began:.0f}"
        f" s: {wrong['doubled']} doubled, {wrong['lost']} lost, {wrong['falsely unchanged']} falsely"
        f" unchanged, all faults: {dict(wrong)}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
