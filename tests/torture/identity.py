"""``python -m tests.torture.identity --seeds 200``: records that others merge, archive and purge, and runs
that HubSpot refuses as a whole.

Every seed chooses an operation and nights. Before and during a run others change records; a run may be
refused for a scope, a permission or a deleted property, and killed. When it is quiet again, every row is
changed and sent. Then the books must say that no row has two records, that each row's record has its newest
values, and that a row is refused only where it must be: its record is another row's, or is gone.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from hubspot_batch_dagster.emulator import EmulatorProcess
from hubspot_batch_dagster.sync.delivery.trial_rows import MOST_ALONE
from tests.torture.attempt import SEARCH_LAG, Ended, attempt
from tests.torture.audit import HAVE_RECORD
from tests.torture.identity_portal import REFUSALS, OtherPeople
from tests.torture.identity_story import Story
from tests.torture.kills import choose_kills
from tests.torture.scenarios import SCENARIOS, Scenario
from tests.torture.source import Row, Source, make_source
from tests.torture.trouble import WRITES
from tests.torture.worker import import_all

NAME = "identity"
CHOSEN = tuple(
    each
    for each in SCENARIOS
    if not each.maker and not (each.style == "archive" and each.name.endswith("unique"))
)
ABSENT = ("OBJECT_NOT_FOUND", "NO_RECORD")
MOST_QUIET_RUNS = 14
MOST_REQUESTS = 12
"""Requests that a refusal of the whole run may cost, beside those of its batches."""


@dataclass
class Trial:
    """A seed on its way.

    Args:
        seed: Decides everything but the timing.
        hubspot: The emulator; it is reset.
        folder: For the store.
        only: Choose among the operations whose name has this text.
    """

    seed: int
    hubspot: EmulatorProcess
    folder: Path
    only: str = ""
    wrong: dict[str, list[str]] = field(default_factory=dict)
    nights: list[str] = field(default_factory=list)
    killed: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        chosen = [each for each in CHOSEN if self.only in each.name]
        self.scenario: Scenario = chosen[self.seed % len(chosen)]
        self.source: Source = make_source(self.seed, self.rng, {}, twins=False)
        self.check = self.rng.random() < 0.5 and self.scenario.object_type != "calls"  # calls lack a column
        self.left: set[str] = set()

    @property
    def unique(self) -> str | None:
        """The property by which HubSpot itself finds the rows, where the operation goes by it."""
        return self.scenario.operation.id_property_name

    def run(self) -> None:
        """Run the seed to its end."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._prepare()
        kills = choose_kills(self.rng, len(self.source.rows))
        for night in range(self.rng.randint(3, 5)):
            if night:
                self.source.change(self.rng, changing=self.scenario.changing, leaving=self.scenario.leaving)
                self._new_rows()
                self.others.meddle()
            refused = self._night(kills.pop() if kills else None)
            if refused and self.rng.random() < 0.7:
                self._audit_run(self._attempt(), "")  # the very same rows: nothing is remembered against them
        self._quiet_runs()

    def _prepare(self) -> None:
        rng, hubspot, scenario = self.rng, self.hubspot, self.scenario
        hubspot.reset()
        self.settings = {
            "search_lag": SEARCH_LAG,
            "latency": rng.choice([0.0, 0.02, 0.06]),
            "latency_jitter": 0.5,
            "echo_trace_id": rng.random() < 0.7,
            "conflict_with_trace_ids": rng.choice(["207", "409"]),
            "update_unknown_as_error": rng.random() < 0.7,
            "update_partial_by_trace_id": rng.random() < 0.5,
            "update_of_merged": rng.choice(["left_out", "carried_out", "under_old_id", "not_found"]),
            "archive_of_merged": rng.choice(["carried_out", "ignored"]),
            "merge_gives_new_id": rng.random() < 0.6,
            "all_absent": rng.choice(["207", "404"]),
        }
        hubspot.change(**self.settings)
        kind = scenario.object_type
        for name, fields in (
            ("marker", {}),
            ("title", {}),
            ("amount", {"kind": "number"}),
            ("ext_id", {"unique": True}),
        ):
            hubspot.add_property(kind, name, **fields)
        hubspot.skew_clock(-3600.0)  # what others made is older than the first run
        strangers = hubspot.seed_records(kind, [{"marker": f"stranger-{n}"} for n in range(5)])
        self.strangers = set(strangers)
        if scenario.existing:
            values = [{"marker": each.marker, "ext_id": str(each.key)} for each in self.source.rows]
            for row, record in zip(self.source.rows, hubspot.seed_records(kind, values), strict=True):
                row.record_id = record
        hubspot.skew_clock(0.0)
        known = {row.record_id for row in self.source.rows if row.record_id is not None}
        self.others = OtherPeople(hubspot, kind, rng, strangers, known)

    def _new_rows(self) -> None:
        first = len(self.source.rows) + len(self.source.gone)
        for n in range(first, first + self.rng.choice([0, 1, 40, 150])):
            row = Row(f"s{self.seed}-{n:04}", f"m{self.seed}-{n:04}", titles=[f"Title {n}"])
            if self.scenario.existing:
                values = {"marker": row.marker, "ext_id": str(row.key)}
                (row.record_id,) = self.hubspot.seed_records(self.scenario.object_type, [values])
            self.source.rows.append(row)

    def _night(self, kill: Any) -> bool:
        """One run, perhaps refused as a whole or killed; whether it was refused."""
        refusal = self.rng.choice(REFUSALS) if self.rng.random() < 0.4 else ""
        first = self.rng.choice([1, 1, 2, 3])
        if refusal:
            self.others.refuse(refusal, first=first)
        before = len(self.hubspot.books.requests())
        moment, done = self.rng.uniform(0.02, 0.4), False

        def meanwhile(seconds: float) -> None:
            nonlocal done
            if not done and seconds >= moment:
                done = True
                self.others.meddle()

        ended = self._attempt(kill, meanwhile if self.rng.random() < 0.5 else None)
        sent = [
            each
            for each in self.hubspot.books.requests()[before:]
            if each.operation in WRITES and each.version != "v3"
        ]
        if refusal and first == 1 and ended.how == "finished":
            most = math.ceil(len(self.source.rows) / 100) + MOST_REQUESTS
            if len(sent) > most:
                self._add(
                    "costly refusal", f"{refusal}: {len(sent)} requests for {len(self.source.rows)} rows"
                )
        self.others.allow()
        self._audit_run(ended, refusal)
        return bool(refusal)

    def _attempt(self, kill: Any = None, meanwhile: Any = None) -> Ended:
        hooks = {"meanwhile": meanwhile} if meanwhile is not None else {}
        ended = attempt(
            self.source.table(),
            self.scenario.operation,
            hubspot=self.hubspot,
            folder=self.folder,
            name=NAME,
            kill=kill,
            check=self.check,
            **hooks,
        )
        did, self.others.did = self.others.did, []
        counts = ", ".join(f"{n} {name}" for name, n in ended.counts.items() if n)
        killed = f" {kill}" if kill else ""
        said = f" [{ended.said[:200]}]" if ended.said else ""
        self.nights.append(f"{'; '.join(did) or 'nothing'} > {ended.how}{killed}: {counts}{said}")
        self.killed += ended.how == "killed"
        return ended

    def _add(self, kind: str, said: str) -> None:
        self.wrong.setdefault(kind, []).append(said)

    def _quiet_runs(self) -> None:
        """Every row is changed and sent; then the audit, and a run of the same rows that writes nothing."""
        for row in self.source.rows:
            if self.scenario.changing:
                row.titles.append(f"{row.titles[0]} at last")
        quiet = 0
        for _ in range(MOST_QUIET_RUNS):
            ended = self._attempt()
            self._audit_run(ended, "")
            settled = ended.clean and not ended.counts["updated"] and not ended.counts["created"]
            quiet = quiet + 1 if settled else 0
            if quiet == 2:
                break
            time.sleep(0.5)
        else:
            self._add("hung", f"not settled after {MOST_QUIET_RUNS} runs")
            return
        self._audit_end(ended)

    def _story(self) -> Story:
        return Story.of(self.hubspot.books, self.scenario.object_type, unique=self.unique)

    def _audit_run(self, ended: Ended, refusal: str) -> None:
        if ended.how in ("hung", "broken") and not (
            refusal == "property" and ended.said.startswith(("InputError", "DriftRefused"))
        ):
            self._add(ended.how, ended.said)
        if ended.how != "finished":
            return
        lines = _lines(ended.ids_path)
        if sum(ended.counts.values()) != ended.rows or len(lines) != ended.rows:
            self._add("law", f"{ended.rows} rows, {ended.counts}, {len(lines)} lines")
            return
        claimed = Counter(line["hs_object_id"] for line in lines if line["outcome"] in HAVE_RECORD)
        for record, times in claimed.items():
            if times > 1 and self.scenario.style != "archive":
                rows = [
                    row.marker
                    for row, line in zip(self.source.rows, lines, strict=True)
                    if line["hs_object_id"] == record
                ]
                self._add(
                    "wrong id", f"run {len(self.nights)}: {times} rows claim the record {record}: {rows}"
                )
        self.others.known |= claimed.keys()
        story, refused = self._story(), list[str]()
        for row, line in zip(self.source.rows, lines, strict=False):
            if line["outcome"] == "rejected" and not self._is_justly_refused(row, line, story):
                refused.append(f"{row.marker}: {line['error_code']}: {line['error_message']}")
        # A few rows that were sent alone may be told what HubSpot tells every row. It is not remembered: the
        # next run sends them.
        if not (refusal == "permission" and len(refused) <= MOST_ALONE):
            for said in refused:
                self._add("refused with the run" if refusal else "falsely failed", said)

    def _is_justly_refused(self, row: Row, line: dict[str, Any], story: Story) -> bool:
        record = story.record_of(row, self.unique)
        if self.scenario.style == "archive":
            lead = story.lead(str(row.record_id))
            shared = [each for each in self.source.rows if story.lead(str(each.record_id)) == lead]
            return len(shared) > 1 or self._has_stranger(story, lead) or record is None
        if line["error_code"] == "SAME_RECORD":
            shared = [each for each in self.source.rows if story.record_of(each, self.unique) == record]
            return record is not None and (len(shared) > 1 or self._has_stranger(story, record))
        if line["error_code"] in ABSENT or line["error_category"] in ABSENT:
            return record is None
        return record is None and "permanently deleted" in str(line["error_message"])

    def _has_stranger(self, story: Story, record: str) -> bool:
        return any(story.lead(each) == record for each in self.strangers)

    def _audit_end(self, ended: Ended) -> None:
        story, lines = self._story(), _lines(ended.ids_path)
        for said in story.doubled:
            self._add("duplicates", said)
        self._audit_archived(story)
        if self.scenario.style == "archive":
            return
        rows = list(zip(self.source.rows, lines, strict=False))
        records = {row.marker: story.record_of(row, self.unique) for row in self.source.rows}
        shared = Counter(each for each in records.values() if each is not None)
        written = Counter(records[row.marker] for row, line in rows if line["outcome"] in HAVE_RECORD)
        for row, line in rows:
            self._audit_row(row, line, records[row.marker], shared, written, story)

    def _audit_row(
        self,
        row: Row,
        line: dict[str, Any],
        record: str | None,
        shared: Counter[str],
        written: Counter[str | None],
        story: Story,
    ) -> None:
        taken = line["outcome"] in HAVE_RECORD
        said = f"{row.marker}: {line['outcome']} {line['error_code'] or ''}, record {line['hs_object_id']}"
        if record is None:
            gone_for_good = self.scenario.style == "create" or line["outcome"] == "rejected"
            if not gone_for_good or (self.unique is not None and self.scenario.style == "upsert" and taken):
                self._add("lost", f"{said}: it has no living record")
        elif not taken:
            if not written[record]:
                self._add("lost", f"{said}: no row of the record {record} was written")
        elif story.lead(line["hs_object_id"]) != record:
            self._add("wrong id", f"{said}, not {record}")
        elif self.scenario.style != "create":
            apart = self.settings["update_of_merged"] != "under_old_id"
            title = story.living[record].get("title")
            if apart and written[record] > 1:
                self._add("wrong id", f"{said}: {written[record]} rows claim the record {record}")
            elif title != row.titles[-1] and not (shared[record] > 1 and not apart):
                self._add("stale", f"{said}: HubSpot has {title!r}, the row {row.titles[-1]!r}")

    def _audit_archived(self, story: Story) -> None:
        """The sync archives what its rows ask for, and nothing that a living row or somebody else stands
        for.
        """
        archiving = self.scenario.style == "archive"
        births = {each for row in self.source.rows for each in story.births.get(row.marker, ())[-1:]}
        for record, parts in story.archived.items():
            own = archiving and any(row.record_id == record for row in self.source.rows)
            if parts & self.strangers and not own:
                self._add("lost", f"the sync archived {record}, which holds somebody else's")
            elif not archiving and parts & births:
                self._add("lost", f"the sync archived {record}, a living row's")
        for row in self.source.rows if archiving else self.source.gone:
            record = story.record_of(row, None)
            others = {story.lead(each) for each in births} if not archiving else set()
            if record is not None and record not in others and not self._has_stranger(story, record):
                self._add("not archived", f"{row.marker}: {record}")


def _lines(path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path, use_threads=False).to_pylist()
    return found


def main() -> int:
    """Run the seeds; 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.identity", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", default="", help="only operations whose name has this text")
    parser.add_argument("--verbose", action="store_true", help="tell about every seed")
    asked = parser.parse_args()
    import_all()
    began, wrong, killed, nights, failed = time.monotonic(), Counter[str](), 0, 0, []
    folder = Path(tempfile.mkdtemp(prefix="hubspot-identity-"))
    try:
        with EmulatorProcess() as hubspot:
            for seed in range(asked.first, asked.first + asked.seeds):
                trial = Trial(seed, hubspot, folder / str(seed), asked.only)
                trial.run()
                killed += trial.killed
                nights += len(trial.nights)
                wrong.update({kind: len(said) for kind, said in trial.wrong.items()})
                if trial.wrong:
                    failed.append(seed)
                if trial.wrong or asked.verbose:
                    _tell(trial)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{asked.seeds} seeds, {killed} kills, {nights} runs in {time.monotonic() - began:.0f} s:"
        f" {wrong['duplicates']} duplicates, {wrong['lost']} lost, {wrong['falsely failed']} falsely failed,"
        f" {len(failed)} seeds failed {failed or ''} {dict(wrong) or ''}"
    )
    return 1 if failed else 0


def _tell(trial: Trial) -> None:
    odd = {
        name: each for name, each in trial.settings.items() if name not in ("search_lag", "latency_jitter")
    }
    print(f"seed {trial.seed}: {trial.scenario.name}, checked: {trial.check}, {odd}")
    for night in trial.nights:
        print(f"    {night}")
    for kind, said in trial.wrong.items():
        print(f"    {kind} x {len(said)}: " + "\n        ".join(said[:4]))
    print(f"    again: python -m tests.torture.identity --seeds 1 --from {trial.seed} --verbose", flush=True)


if __name__ == "__main__":
    sys.exit(main())
