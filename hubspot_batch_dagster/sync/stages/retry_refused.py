"""Rows that an earlier run saw refused because of another record, or of a state that passes: they are tried
again.

Nothing about such a row need change for HubSpot to take it: the other record was deleted, the missing one is
back. So some of them are looked up in every run, the oldest first, and sent if the cause is gone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.api.models import Record
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Outcomes
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.planning.planner import Plan
from hubspot_batch_dagster.sync.settlement.lookup import Lookup
from hubspot_batch_dagster.sync.staging.record_owners import RecordOwners
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea

SHARE = 0.02
"""The part of a run's requests that this may take: half to look, half to send."""

LEAST = 4
"""Requests that it may take however small the run is."""

_AS_SENT = """SELECT p.row, p.key, p.digest, p.retry AS action, p.retry_id AS send_id
    FROM plan p JOIN retried USING (row) ORDER BY p.row"""

_REASON = "category, code, property, message, correlation_id, warning"


def retry_refused(run: RunContext, area: StagingArea, plan: Plan, lookup: Lookup) -> int:
    """Look rows up that were refused for a passing reason, and plan those to be sent whose reason is gone.

    Returns:
        How many wait for a later run, because this one has no requests left for them.
    """
    refused = "action IN ('rejected', 'same') AND retry IS NOT NULL"
    candidates = area.count(f"SELECT count(*) FROM planned WHERE {refused}")
    if not candidates or run.stop:
        return 0
    requests = max(LEAST, int(plan.requests * SHARE))
    size = run.definition.batch_size
    area.db.execute(
        f"""CREATE TABLE retried AS SELECT p.row, k.id,
            {", ".join(f"k.{each.strip()}" for each in _REASON.split(","))}
        FROM plan p JOIN known k USING (key) WHERE {refused} ORDER BY k.synced_at, p.row
            LIMIT {requests // 2 * size}"""
    )
    to_send: list[int] = []
    targets: set[str] = set()
    try:
        for batch in area.looked_at(_AS_SENT, size):
            reasons = _reasons(area, batch)
            free = _Causes(batch, reasons, lookup, area, targets).gone()
            to_send += [batch.rows[i] for i in sorted(free)]
            stay = [i for i in range(len(batch)) if i not in free]
            area.settled(_refused_again(batch, reasons, stay, run.clock()))
    except HubSpotError as error:
        run.stop.set(error)
    area.db.execute(
        "UPDATE planned SET action = retry, send_id = retry_id WHERE row IN (SELECT unnest(?))", [to_send]
    )
    area.db.execute("DELETE FROM same WHERE row IN (SELECT unnest(?))", [to_send])
    return candidates - area.count("SELECT count(*) FROM retried")


def _reasons(area: StagingArea, batch: Batch) -> list[dict[str, Any]]:
    lines = area.table(
        f"SELECT row, id, {_REASON} FROM retried WHERE row IN {_listed(batch.rows)}"
    ).to_pylist()
    by_row = {line["row"]: line for line in lines}
    return [by_row[row] for row in batch.rows]


def _listed(rows: list[int]) -> str:
    return f"({', '.join(map(str, rows))})"


def _refused_again(batch: Batch, reasons: list[dict[str, Any]], stay: list[int], at: float) -> Outcomes:
    """Return the same refusal, seen again now: others get their turn before it."""
    verdicts = {
        i: Verdict("rejected", **{name: value for name, value in reasons[i].items() if name != "row"})
        for i in stay
    }
    return outcomes_of(batch, verdicts, at)


@dataclass(frozen=True)
class _Causes:
    """Why the rows of one batch were refused, and whether that is still so.

    Attributes:
        batch: The rows, as they would be sent.
        reasons: Of each.
        lookup: Reads records.
        area: Knows whose the records are.
        targets: The records that refused rows are sent to by now: no second one is, where several shared a
            record.
    """

    batch: Batch
    reasons: list[dict[str, Any]]
    lookup: Lookup
    area: StagingArea
    targets: set[str]

    def gone(self) -> set[int]:
        """Return the rows that may be sent.

        Raises:
            HubSpotError: HubSpot could not be asked.
        """
        free: set[int] = set()
        by_name: dict[str | None, dict[int, str]] = {}
        for i in range(len(self.batch)):
            found = self._asked_for(i)
            if found is None:
                free.add(i)  # nothing can be looked up: HubSpot itself must say
            else:
                by_name.setdefault(found[0], {})[i] = found[1]
        for name, values in by_name.items():
            records = self.lookup.records(values, name)
            ids = [record.id for record in records.values()]
            owners = RecordOwners(self.area).keys(ids)
            self.targets.update(self._planned(ids))
            for i in sorted(values):
                record = records.get(i)
                if self._is_gone(i, record, owners) and (record is None or record.id not in self.targets):
                    free.add(i)
                    self.targets.update([record.id] if record is not None else [])
        return free

    def _planned(self, ids: list[str]) -> set[str]:
        """Which of some records this run writes to anyway."""
        query = "SELECT send_id FROM planned WHERE action = 'update' AND send_id IN (SELECT unnest($ids))"
        return {str(found) for (found,) in self.area.ask(query, {"ids": ids})}

    def _asked_for(self, i: int) -> tuple[str | None, str] | None:
        """Return the unique property and the value by which to find the record that the refusal is about;
        ``None``: the record id.
        """
        batch, reason = self.batch, self.reasons[i]
        if reason["code"] == "AMBIGUOUS_MATCH":
            return None
        if reason["code"] == "SAME_RECORD" or reason["category"] == "OBJECT_NOT_FOUND":
            value = batch.ids[i] if batch.action != "create" else None
            name = batch.id_property if value else None
            value = value or reason["id"]
            return (name, value) if value else None
        name = self.lookup.unique_property or batch.id_property
        value = json.loads(batch.properties[i]).get(name) if name else None
        return (name, value) if value else None

    def _is_gone(self, i: int, record: Record | None, owners: dict[str, str]) -> bool:
        reason = self.reasons[i]
        if reason["category"] == "OBJECT_NOT_FOUND":
            return record is not None
        if reason["code"] == "SAME_RECORD":
            return record is None or owners.get(record.id, self.batch.keys[i]) == self.batch.keys[i]
        return record is None or record.id in (self.batch.ids[i], reason["id"])
