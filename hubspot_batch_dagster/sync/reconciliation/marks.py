"""Marks on rows of a sync: what its next run is to know of them and of their associations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.verdict import Verdict, outcomes_of
from hubspot_batch_dagster.sync.staging.statements import LIVE
from hubspot_batch_dagster.sync.state.names import new_run_id
from hubspot_batch_dagster.sync.state.store import Store

OF_ASSOCIATIONS = "reconcile found other associations than the row wants; they are written again."
"""Why a row is marked whose values are as they should be."""


@dataclass(frozen=True)
class Mark:
    """What the next run of the sync is to know of a row.

    Attributes:
        key: The row.
        record_id: The record that the ids table has.
        settled_at: Since when it has it: a row that a run has moved since is left alone, for that run knows
            better.
        now_id: Its record of today.
        message: Why.
        digest: Empty where the row is sent again; else the hash that is known: then its associations alone
            are written.
    """

    key: str
    record_id: str | None
    settled_at: datetime
    now_id: str | None
    message: str
    digest: str = ""


def marks_of(db: duckdb.DuckDBPyConnection, keys: Set[str], *, rows: bool) -> list[Mark]:
    """Return marks of rows whose associations are amiss.

    Args:
        db: Where their lines of the ids table are: ``chosen``.
        keys: The rows.
        rows: The rows are associations: they are sent again. Of others the associations alone are written.
    """
    asked = pa.table({"key": pa.array(sorted(keys), pa.string())})  # noqa: F841 - DuckDB finds it by its name
    query = "SELECT _key, hs_object_id, synced_at, _digest FROM chosen WHERE _key IN (SELECT key FROM asked)"
    return [
        Mark(key, record, at, record, OF_ASSOCIATIONS, "" if rows else digest or "")
        for key, record, at, digest in db.execute(query).fetchall()
    ]


def repaired(store: Store, sync: str, marks: Sequence[Mark], at: float) -> list[Mark]:
    """Tell the sync what is to be sent again: the records of rows are known, and their values, or
    associations, are not.

    Rows that a run has moved since they were read are left alone: it knows better, and may have made their
    records anew.

    Returns:
        The marks that the next run will see.
    """
    run = new_run_id()
    with store.lock(sync), store.begin(sync, run, on_overtaken=lambda _: None):
        still = _unmoved(store, sync, marks)
        for settled_at, group in _by_time(still, at):
            store.journal.settle(sync, run, _outcomes(group, settled_at), intent_id=None)
    return still


def _by_time(marks: Sequence[Mark], now: float) -> Iterator[tuple[float, list[Mark]]]:
    """Yield marks with the moment from which on their rows are settled: a row that is not sent again stays as
    old as it is.
    """
    groups: dict[float, list[Mark]] = {}
    for each in marks:
        groups.setdefault(each.settled_at.timestamp() if each.digest else now, []).append(each)
    yield from groups.items()


def _outcomes(marks: Sequence[Mark], at: float) -> Outcomes:
    intent = Intent(
        id="",
        action="update",
        sent_at=at,
        rows=[-1] * len(marks),
        keys=[each.key for each in marks],
        digests=[each.digest for each in marks],
        ids=[each.now_id for each in marks],
    )
    verdicts = {
        i: Verdict(
            "unchanged", each.now_id, message=None if each.digest else each.message, stale=not each.digest
        )
        for i, each in enumerate(marks)
    }
    return outcomes_of(intent, verdicts, at)


def _unmoved(store: Store, sync: str, marks: Sequence[Mark]) -> list[Mark]:
    moved = {key for outcomes in store.journal.outcomes(sync) for key in outcomes.keys}
    moved |= {key for intent in store.journal.open_intents(sync) for key in intent.keys}
    asked = pa.table({"key": [each.key for each in marks]})  # noqa: F841 - DuckDB finds it by its name
    with store.local_ids(sync) as path, duckdb.connect() as db:
        if path is None:
            return []
        query = f"""SELECT _key, hs_object_id, synced_at FROM read_parquet(?)
            WHERE outcome IN {LIVE} AND _key IN (SELECT key FROM asked)"""
        now = {key: (record, at) for key, record, at in db.execute(query, [str(path)]).fetchall()}
    return [
        each
        for each in marks
        if each.key not in moved and now.get(each.key) == (each.record_id, each.settled_at)
    ]
