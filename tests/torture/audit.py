"""The audit: what the emulator's books and the ids tables say, held against what should have become of the
rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq

from hubspot_batch_dagster.emulator import Books
from tests.torture.attempt import Ended
from tests.torture.scenarios import Scenario
from tests.torture.source import REFUSED, Row, Source

WRITES = ("create", "update", "upsert", "archive")
HAVE_RECORD = ("created", "updated", "unchanged")


@dataclass
class Findings:
    """What is wrong, by kind; each entry is a sentence."""

    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, said: str) -> None:
        """Note one."""
        self.wrong[kind].append(said)

    def __bool__(self) -> bool:
        return bool(self.wrong)

    def count(self, kind: str) -> int:
        """How many of a kind."""
        return len(self.wrong.get(kind, ()))


def audit_run(ended: Ended, rows: list[Row], findings: Findings) -> None:
    """Look at one run that came to its end: do its outcomes add up, and is nothing falsely reported
    failed?
    """
    lines = _lines(ended.ids_path)
    if sum(ended.counts.values()) != ended.rows or len(lines) != ended.rows:
        findings.add("law", f"{ended.rows} rows, {ended.counts}, {len(lines)} lines")
        return
    for row, line in zip(rows, lines, strict=False):
        if line["outcome"] == "rejected" and row.kind not in REFUSED:
            findings.add(
                "falsely failed",
                f"{row.key} ({row.marker}): {line['error_code']}: {line['error_message']}",
            )
    claimed = Counter(line["hs_object_id"] for line in lines if line["outcome"] in HAVE_RECORD)
    for record_id, times in claimed.items():
        if record_id is None or times > 1:
            findings.add("wrong id", f"record {record_id} is claimed by {times} rows")


def audit_end(
    scenario: Scenario,
    source: Source,
    ended: Ended,
    books: Books,
    *,
    controls: Iterable[str],
    foreign: Mapping[str, str],
    findings: Findings,
) -> None:
    """Look at HubSpot after the last run.

    Args:
        scenario: What was to happen.
        source: The rows of the last run.
        ended: The last run.
        books: The emulator's books.
        controls: Records that have nothing to do with the rows and must be there still.
        foreign: Row key -> record that had the row's unique value before the first run.
        findings: Where to note what is wrong.
    """
    records = books.records(scenario.object_type)
    for control in controls:
        if control not in records:
            findings.add("lost", f"the record {control}, which no row names, is gone")
    lines = _lines(ended.ids_path)
    if scenario.style == "archive":
        _audit_archive(source, lines, records, findings)
        return
    _audit_records(scenario, source, records, foreign, findings)
    for row, line in zip(source.rows, lines, strict=False):
        _audit_line(scenario, row, line, records, foreign, findings)


def audit_settling(ended: Ended, source: Source, findings: Findings) -> None:
    """A run of unchanged rows may write those again that changed after a request without an answer, and makes
    nothing.

    A record whose create had no answer when its row left the source is archived by the run after the one that
    found it.
    """
    changed = sum(len(row.titles) > 1 or row.amount == "2" for row in source.rows)
    if ended.how != "finished" or not ended.clean:
        findings.add("settling run", f"it ended {ended.how}: {ended.counts} {ended.said}")
    elif (
        ended.counts["created"]
        or ended.counts["archived"] > len(source.gone)
        or ended.counts["updated"] > changed
    ):
        findings.add("settling run", f"{ended.counts}, {changed} rows ever changed, {len(source.gone)} left")


def tried_again(ended: Ended) -> int:
    """Count the rows that HubSpot refused because of another record: each run tries them again."""
    return sum(
        line["outcome"] == "rejected" and line["error_category"] in ("CONFLICT", "OBJECT_NOT_FOUND")
        for line in _lines(ended.ids_path)
    )


def audit_unchanged(before: Books, after: Books, ended: Ended, allowed: int, findings: Findings) -> None:
    """A run of the very same rows must not write, but for the rows that each run tries again."""
    if ended.how != "finished":
        findings.add("unchanged rerun", f"it ended {ended.how}: {ended.said}")
    writes = [entry for entry in after.requests()[len(before.requests()) :] if entry.operation in WRITES]
    if sum(entry.inputs for entry in writes) > allowed:
        findings.add("unchanged rerun", f"{len(writes)} write requests, the first a {writes[0].operation}")


def _audit_records(
    scenario: Scenario,
    source: Source,
    records: Mapping[str, Mapping[str, Any]],
    foreign: Mapping[str, str],
    findings: Findings,
) -> None:
    """Each row exactly once in HubSpot, and nothing that no row stands for."""
    wanted = Counter(row.marker for row in source.rows if row.kind not in REFUSED)
    if scenario.style == "update":
        wanted += Counter(row.marker for row in source.of("bad", "poison"))
    holders: dict[str, list[str]] = defaultdict(list)
    for record_id, properties in records.items():
        marker = str(properties.get("marker") or "")
        if marker.startswith("m"):
            holders[marker].append(record_id)
    adopted = {row.marker for row in source.rows if row.key in foreign and row.kind not in REFUSED}
    for marker in wanted.keys() | holders.keys():
        have, want = len(holders.get(marker, ())), wanted.get(marker, 0)
        if have > want:
            findings.add("duplicates", f"{marker}: {have} records {holders[marker]}, {want} rows")
        elif have < want and not (scenario.style == "create" and marker in adopted):
            findings.add("lost", f"{marker}: {have} records, {want} rows")


def _audit_line(
    scenario: Scenario,
    row: Row,
    line: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any]],
    foreign: Mapping[str, str],
    findings: Findings,
) -> None:
    if row.kind in REFUSED:
        if line["outcome"] != "rejected":
            findings.add("falsely taken", f"{row.kind} row {row.key} is {line['outcome']}")
        return
    record = records.get(line["hs_object_id"])
    if record is None:
        findings.add("wrong id", f"{row.key}: {line['outcome']}, record {line['hs_object_id']} is not there")
    elif row.key in foreign and scenario.style == "create":
        if line["hs_object_id"] != foreign[row.key]:
            findings.add("wrong id", f"{row.key}: {line['hs_object_id']}, not {foreign[row.key]}")
    elif record.get("marker") != row.marker:
        findings.add("wrong id", f"{row.key}: the record {line['hs_object_id']} is {record.get('marker')}'s")
    elif record.get("title") not in (row.titles if scenario.style == "create" else row.titles[-1:]):
        findings.add("stale", f"{row.key}: HubSpot has {record.get('title')!r}, the row {row.titles[-1]!r}")


def _audit_archive(
    source: Source,
    lines: list[dict[str, Any]],
    records: Mapping[str, Mapping[str, Any]],
    findings: Findings,
) -> None:
    for row, line in zip(source.rows, lines, strict=False):
        if row.kind in REFUSED:
            if line["outcome"] != "rejected":
                findings.add("falsely taken", f"{row.kind} row {row.key} is {line['outcome']}")
        elif row.record_id in records:
            findings.add("lost", f"{row.key} is {line['outcome']}, and its record {row.record_id} lives")
        elif line["hs_object_id"] != row.record_id:
            findings.add("wrong id", f"{row.key}: {line['hs_object_id']}, not {row.record_id}")


def _lines(path: str) -> list[dict[str, Any]]:
    """The ids table of a run, in the order of its rows."""
    found: list[dict[str, Any]] = pq.read_table(path, use_threads=False).to_pylist()
    return found
