"""One seed: a table, an operation, trouble, kills, as many runs as it takes, and the audit."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests

from hubspot_batch_dagster.emulator import EmulatorProcess
from tests.torture.attempt import PATIENCE, SEARCH_LAG, Ended, attempt
from tests.torture.audit import Findings, audit_end, audit_run, audit_settling, audit_unchanged, tried_again
from tests.torture.kills import STALL, Kill, choose_kills
from tests.torture.scenarios import MAKER, SCENARIOS, Scenario
from tests.torture.source import make_source
from tests.torture.trouble import LATE, TROUBLES, WRITES, Trouble, read_trouble
from tests.torture.warehouse_rows import MOMENTS, Later, in_warehouse, make_database

MOST_RUNS = 25
SETTLING_RUNS = 8
NAME = "torture"


@dataclass(frozen=True)
class Verdict:
    """What came of a seed."""

    seed: int
    scenario: str
    trouble: str
    kills: list[str]
    runs: list[str]
    wrong: dict[str, list[str]]
    seconds: float
    killed: int = 0
    requests: int = 0


@dataclass
class Trial:
    """A seed on its way.

    Args:
        seed: Decides everything but the timing.
        hubspot: The emulator; it is reset.
        folder: For the store; it is emptied.
        only: Choose among the scenarios whose name has this text.
    """

    seed: int
    hubspot: EmulatorProcess
    folder: Path
    only: str = ""
    findings: Findings = field(default_factory=Findings)
    runs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.scenario, self.trouble = choose(self.seed, self.only)
        kinds = {kind: self.rng.randint(1, 4) for kind in self.scenario.refused}
        if self.trouble.needs_values:
            kinds["poison"] = self.rng.randint(1, 2)
        self.source = make_source(self.seed, self.rng, kinds, twins=self.scenario.twins)
        self.kills = choose_kills(self.rng, len(self.source.rows))
        self.foreign: dict[str, str] = {}
        self.controls: list[str] = []

    def run(self) -> Verdict:
        """Run the seed to its end."""
        began = time.monotonic()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if in_warehouse():
            make_database(self.folder)
        self._prepare_portal()
        # With vanishing records, archives are somebody else's requests.
        operations = "create|update" if self.scenario.vanishing else WRITES
        faults = self.trouble.rules(self.rng, self.source, operations)
        if self.rng.random() < 0.25:
            faults += read_trouble(self.rng)
        if faults:
            self.hubspot.faults.add(*faults)
        last = self._run_until_clean()
        if last is not None:
            self._judge(last)
        return Verdict(
            seed=self.seed,
            scenario=self.scenario.name,
            trouble=self.trouble.name,
            kills=[str(kill) for kill in self.kills],
            runs=self.runs,
            wrong=dict(self.findings.wrong),
            seconds=time.monotonic() - began,
            killed=sum(run.startswith("killed") for run in self.runs),
            requests=len(self.hubspot.books.requests()),
        )

    def _prepare_portal(self) -> None:
        scenario, rng, hubspot = self.scenario, self.rng, self.hubspot
        hubspot.reset()
        settings: dict[str, Any] = {
            "search_lag": SEARCH_LAG,
            "latency": rng.choice([0.0, 0.003, 0.02]),
            "latency_jitter": 0.5,
            "echo_trace_id": rng.random() < 0.7,
            "conflict_with_trace_ids": "207",
            "conflict_commits_rows_before": False,
            "conflict_names_id": rng.random() < 0.5,
            "update_unknown_as_error": rng.random() < 0.7,
            "update_partial_by_trace_id": rng.random() < 0.5,
        }
        hubspot.change(**{**settings, **self.trouble.settings})
        kind = scenario.object_type
        for name, fields in (
            ("marker", {}),
            ("title", {}),
            ("amount", {"kind": "number"}),
            ("ext_id", {"unique": True}),
        ):
            hubspot.add_property(kind, name, **fields)
        self.controls = hubspot.seed_records(kind, [{"marker": f"control-{n}"} for n in range(5)])
        if scenario.existing:
            self._seed_existing()
        if scenario.maker:
            self._make_by_another_sync()
        hubspot.skew_clock(-3600.0)  # somebody else's records are older than the first run
        for row in self.source.of("foreign"):
            hubspot.seed_records(kind, [{"marker": "foreign", "email": str(row.email).lower()}])
        if scenario.adopts:
            for row in self.source.of("good")[:3]:
                assert row.key is not None
                values = {"marker": row.marker, "ext_id": row.key, "title": "before"}
                self.foreign[row.key] = hubspot.seed_records(kind, [values])[0]
        hubspot.skew_clock(0.0)

    def _seed_existing(self) -> None:
        rows = [row for row in self.source.rows if row.kind in ("good", "bad", "twin", "poison")]
        values = [{"marker": row.marker, "title": "before", "ext_id": str(row.key)} for row in rows]
        for row, record_id in zip(
            rows, self.hubspot.seed_records(self.scenario.object_type, values), strict=True
        ):
            row.record_id = record_id
        for n, row in enumerate(self.source.of("missing")):
            row.record_id = str(9_000_000_000 + n)

    def _make_by_another_sync(self) -> None:
        rows = [row for row in self.source.rows if row.kind in ("good", "bad", "poison")]
        made = [replace(row, amount="1").cells() for row in rows]
        ended = attempt(made, MAKER, hubspot=self.hubspot, folder=self.folder, name="maker")
        assert ended.clean, ended
        ids = {
            str(properties["marker"]): record_id
            for record_id, properties in self.hubspot.records(self.scenario.object_type).items()
        }
        for row in rows:
            row.record_id = ids[row.marker]

    def _run_until_clean(self) -> Ended | None:
        kills: list[Kill | None] = [*self.kills]
        for n in range(MOST_RUNS):
            kill = kills.pop(0) if kills else None
            if n and n <= 5 and self.rng.random() < 0.5:
                self.source.change(
                    self.rng, changing=self.scenario.changing, leaving=self.scenario.leaving and n < 3
                )
            if n == 1 and self.scenario.vanishing:
                self._vanish()
            ended = self._attempt(kill, while_at_work=n <= 5)
            if ended.how in ("broken", "hung"):
                self.findings.add(ended.how, ended.said)
                return None
            if ended.how == "finished":
                audit_run(ended, self.source.rows, self.findings)
            if ended.clean and not kills and n >= (2 if self.scenario.vanishing else 0):
                return ended
            if ended.how != "killed" and not ended.clean:
                time.sleep(0.25)
        self.findings.add("hung", f"not clean after {MOST_RUNS} runs")
        return None

    def _attempt(self, kill: Kill | None, *, while_at_work: bool = False) -> Ended:
        rows = self.source.table()
        ended = attempt(
            rows,
            self.scenario.operation,
            hubspot=self.hubspot,
            folder=self.folder,
            name=NAME,
            kill=kill,
            later=self._later() if while_at_work and in_warehouse() else None,
        )
        counts = ", ".join(f"{n} {name}" for name, n in ended.counts.items() if n)
        why = f" [{ended.said[:150]}]" if ended.said else ""
        self.runs.append(f"{ended.how}{f' {kill}' if kill else ''}: {counts}{why}")
        return ended

    def _later(self) -> Later | None:
        """Some rows change in the warehouse while the run is at work: it has them as they were, or as they
        are.
        """
        if not self.scenario.changing or self.rng.random() < 0.4:
            return None
        good = self.source.of("good")
        changed = self.rng.sample(good, k=min(len(good), 5))
        for row in changed:
            row.titles.append(f"{row.titles[0]} v{len(row.titles)}")
        seconds = self.rng.choice([0.0, 0.0, self.rng.uniform(0.0, 0.3)])
        return Later(
            {row.marker: row.titles[-1] for row in changed}, self.rng.choice(MOMENTS), seconds=seconds
        )

    def _vanish(self) -> None:
        """Somebody archives some of the records in HubSpot."""
        living = self.hubspot.records(self.scenario.object_type)
        ids = [each for each, values in living.items() if str(values.get("marker")).startswith("m")][:7]
        requests.post(
            f"{self.hubspot.url}/crm/v3/objects/{self.scenario.object_type}/batch/archive",
            json={"inputs": [{"id": each} for each in ids]},
            headers={"Authorization": f"Bearer {self.hubspot.token}"},
            timeout=5,
        )
        # A record that is gone is noticed only when its row is to be updated.
        gone = {living[each]["marker"] for each in ids}
        for row in self.source.rows:
            if row.marker in gone:
                row.titles.append(f"{row.titles[0]} again")

    def _judge(self, last: Ended) -> None:
        if self._late_work():
            time.sleep(max(STALL, LATE))
        for _ in range(SETTLING_RUNS):
            # Rows that changed after a request without an answer are written until it is certainly over, and
            # no others.
            last = self._attempt(None)
            audit_settling(last, self.source, self.findings)
            if last.how != "finished":
                return
            audit_run(last, self.source.rows, self.findings)
            if not last.counts.get("updated") and not last.counts.get("archived"):
                break
            time.sleep(PATIENCE.certain_after / 4)
        before = self.hubspot.books
        audit_end(
            self.scenario,
            self.source,
            last,
            before,
            controls=self.controls,
            foreign=self.foreign,
            findings=self.findings,
        )
        allowed = tried_again(last)
        again = self._attempt(None)
        audit_unchanged(before, self.hubspot.books, again, allowed, self.findings)

    def _late_work(self) -> bool:
        return self.trouble.name == "late" or any(kill.kind == "request" for kill in self.kills)


def choose(seed: int, only: str = "") -> tuple[Scenario, Trouble]:
    """The operation and the trouble of a seed: all pairs in turn, in a mixed order, so that some hundred
    seeds see each.
    """
    pairs = [
        (scenario, trouble)
        for scenario in SCENARIOS
        for trouble in TROUBLES
        if only in scenario.name
        if not (trouble.needs_values and scenario.style == "archive")
    ]
    random.Random(7).shuffle(pairs)
    return pairs[seed % len(pairs)]


def summary_of(verdicts: Sequence[Verdict]) -> str:
    """The table scenario x trouble."""
    lines = []
    cells: dict[tuple[str, str], list[Verdict]] = {}
    for each in verdicts:
        cells.setdefault((each.scenario, each.trouble), []).append(each)
    lines.append(
        f"{'operation':<30}{'trouble':<22}{'seeds':>6}{'kills':>6}{'dupl.':>7}{'lost':>6}{'falsely failed':>16}{'other':>7}"
    )
    for (scenario, trouble), found in sorted(cells.items()):
        kinds = [
            sum(len(each.wrong.get(kind, ())) for each in found)
            for kind in ("duplicates", "lost", "falsely failed")
        ]
        other = sum(len(said) for each in found for said in each.wrong.values()) - sum(kinds)
        lines.append(
            f"{scenario:<30}{trouble:<22}{len(found):>6}{sum(e.killed for e in found):>6}{kinds[0]:>7}{kinds[1]:>6}{kinds[2]:>16}{other:>7}"
        )
    return "\n".join(lines)
