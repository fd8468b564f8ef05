"""Rows whose records were merged into one that a run wrote for another row.

An answer with another id than the ids table had is the sign. Only then is anything read, 100 records a
request.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def note_merged_before(run: RunContext, area: StagingArea, lookup: Lookup) -> bool:
    """Note what was merged into the records that a killed run wrote for rows which had another one.

    Returns:
        Whether there is anything: what is known is to be attached anew.
    """
    if run.stop or not area.recovered:
        return False
    return bool(_note(run, area, lookup, f"SELECT id FROM ({staging_statements.MOVED_BEFORE}) ORDER BY id"))


def follow_merged(run: RunContext, area: StagingArea, lookup: Lookup) -> None:
    """Give unchanged rows the record that theirs was merged into, where another row was written to it. Known
    lines without a row share it with that row.
    """
    if run.stop:
        return
    area.flush()
    now = _note(run, area, lookup, staging_statements.MOVED)
    if not now:
        return
    if run.comparison is not None:
        elsewhere = sorted(area.elsewhere.keys_with(list(now)))
        here = area.ask("SELECT key FROM staged WHERE key IN (SELECT unnest(?))", [elsewhere])
        run.comparison.overwritten |= {*elsewhere} - {str(key) for (key,) in here}
    lines = area.db.execute(staging_statements.UNCHANGED_WITH, [list(now)]).fetchall()
    if lines:
        rows, keys, digests, former = (list(each) for each in zip(*lines, strict=True))
        intent = Intent("", "update", 0.0, rows, keys, digests, [None] * len(rows))
        verdicts = {i: Verdict("unchanged", now[each]) for i, each in enumerate(former)}
        area.settled(outcomes_of(intent, verdicts, run.clock()))


def _note(run: RunContext, area: StagingArea, lookup: Lookup, records: str) -> dict[str, str]:
    """Read which records were merged into some: id of a former one -> id of the one that is left."""
    moved = [str(each) for (each,) in area.db.execute(records).fetchall()]
    batches = (moved[i : i + AT_ONCE] for i in range(0, len(moved), AT_ONCE))
    now: dict[str, str] = {}
    try:
        for parts in in_parallel(lambda ids: _parts(lookup, ids), batches):
            now |= parts
    except HubSpotError as error:
        run.stop.set(error)
    if now:
        area.db.execute("DELETE FROM merged WHERE part IN (SELECT unnest(?))", [list(now)])
        area.db.execute("INSERT INTO merged SELECT unnest(?), unnest(?)", [list(now), list(now.values())])
    return now


def _parts(lookup: Lookup, ids: Sequence[str]) -> dict[str, str]:
    records = lookup.records(dict(enumerate(ids)), None, [MERGED_IDS]).values()
    return {
        part: each.id
        for each in records
        for part in (each.properties.get(MERGED_IDS) or "").split(";")
        if part
    }
