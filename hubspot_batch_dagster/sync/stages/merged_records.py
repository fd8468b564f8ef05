"""Rows that were not sent, and whose records were merged into one that this run wrote for another row."""

from __future__ import annotations

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.sync.batches.journal_entries import Intent
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.requests.parallel import in_parallel
from hubspot_batch_dagster.sync.settlement.lookup import Lookup
from hubspot_batch_dagster.sync.settlement.unique_values import MERGED_IDS
from hubspot_batch_dagster.sync.staging import staging_statements
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea

AT_ONCE = 100


def follow_merged(run: RunContext, area: StagingArea, lookup: Lookup) -> None:
    """Give unchanged rows the record that theirs was merged into, where another row was written to it.

    An answer with another id than the ids table had is the sign. Only then is anything read, 100 records a
    request.
    """
    if run.stop or not area.count("SELECT count(*) FROM planned WHERE action = 'unchanged'"):
        return
    area.flush()
    moved = [str(each) for (each,) in area.db.execute(staging_statements.MOVED).fetchall()]
    batches = (moved[i : i + AT_ONCE] for i in range(0, len(moved), AT_ONCE))
    now: dict[str, str] = {}
    try:
        for parts in in_parallel(lambda ids: _parts(lookup, ids), batches):
            now |= parts
    except HubSpotError as error:
        run.stop.set(error)
    lines = area.db.execute(staging_statements.UNCHANGED_WITH, [list(now)]).fetchall() if now else []
    if lines:
        rows, keys, digests, former = (list(each) for each in zip(*lines, strict=True))
        intent = Intent("", "update", 0.0, rows, keys, digests, [None] * len(rows))
        verdicts = {i: Verdict("unchanged", now[each]) for i, each in enumerate(former)}
        area.settled(outcomes_of(intent, verdicts, run.clock()))


def _parts(lookup: Lookup, ids: list[str]) -> dict[str, str]:
    """Read which records were merged into some: id of a former one -> id of the one that is left."""
    records = lookup.records(dict(enumerate(ids)), None, [MERGED_IDS]).values()
    return {
        part: each.id
        for each in records
        for part in (each.properties.get(MERGED_IDS) or "").split(";")
        if part
    }
