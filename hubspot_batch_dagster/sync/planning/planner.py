"""The plan: what becomes of each row before anything is sent.

Every row gets one action. ``create``, ``upsert``, ``update``, ``archive`` are sent. The others are verdicts:
``unchanged``, ``rejected`` (HubSpot said no to this very content before), ``unknown`` (an earlier answer is
still open), ``missing`` (no record to update), ``reverted`` (an undo took this very content back) and
``older`` (a newer part of the table had the row).
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.batches.as_of import AsOf
from hubspot_batch_dagster.sync.batches.journal_entries import Intent
from hubspot_batch_dagster.sync.planning import plan_statements
from hubspot_batch_dagster.sync.planning.guards import guard_gone, guard_size
from hubspot_batch_dagster.sync.staging.database import release_memory
from hubspot_batch_dagster.sync.staging.shared_records import plan_same_records
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import is_number, literal


@dataclass(frozen=True)
class Plan:
    """How many rows get which action.

    Attributes:
        actions: Action -> rows.
        new: Rows without a known record: to be created, or upserted for the first time.
        changed: Rows whose known record will be changed.
        gone: Known records whose rows left the source and that will be archived.
        requests: Batch requests of records that it takes, if HubSpot refuses nothing.
        warnings: What HubSpot may refuse or do otherwise than meant, though only it can say.
    """

    actions: dict[str, int]
    new: int
    changed: int
    gone: int
    requests: int
    warnings: tuple[str, ...] = ()


def make_plan(
    stage: StagingArea,
    operation: Operation,
    *,
    definition: str,
    full_refresh: bool,
    size: int,
    held: Iterable[Intent] = (),
    at_large: Iterable[Intent] = (),
    as_of: AsOf | None = None,
) -> Plan:
    """Decide for each staged row, in DuckDB.

    Args:
        stage: The rows, with the view ``known`` (and ``others`` for a key of another sync).
        operation: What the user asks for.
        definition: Hash of the operation; rows rejected under another one are sent again.
        full_refresh: Send unchanged and formerly rejected rows too.
        size: Rows in a batch.
        held: Creates whose answer is still open: their rows wait.
        at_large: Repeatable batches with a request that HubSpot may carry out late: their rows are sent
            again, unless they have the very values of that request.
        as_of: Which part of the table the rows are; a column of the table that says what is newer counts
            before it.

    Raises:
        InputError: More records would be made, changed or archived than the operation allows.
    """
    db = stage.db
    warnings = _one_order(stage, operation, as_of)
    superseded = _set_duplicates_apart(stage, operation, newest_last=as_of is not None and as_of.several)
    part = "s.as_of" if stage.has_order else literal(as_of.part) if as_of else None
    waiting = _note_held(stage, held)
    written_late = _note_at_large(stage, at_large)
    freed = _note_freed(stage)
    action = partial(
        plan_statements.action_of,
        operation,
        definition,
        part=part,
        superseded=superseded,
        waiting=waiting,
        written_late=written_late,
        freed=freed,
    )
    db.execute(
        plan_statements.table_of_plan(
            operation,
            action=action(full_refresh=full_refresh),
            retried=action(full_refresh=True),
            superseded=superseded,
        )
    )
    db.execute(plan_statements.VIEW_OF_PLAN)
    release_memory(db)
    db.execute("DELETE FROM wanted WHERE row IN (SELECT row FROM planned WHERE action = 'older')")
    plan_same_records(stage, by_send_id=operation.looks_up_keys_in is not None)
    _reject_incomplete(stage)
    actions = {
        str(name): int(n)
        for name, n in db.execute("SELECT action, count(*) FROM planned GROUP BY action").fetchall()
    }
    if stage.elsewhere.rows:
        actions["unchanged"] = actions.get("unchanged", 0) + stage.elsewhere.rows
    new = stage.count(
        "SELECT count(*) FROM planned WHERE action = 'create' OR (action = 'upsert' AND known_id IS NULL)"
    )
    changed = actions.get("update", 0) + actions.get("upsert", 0) + actions.get("create", 0) - new
    new += actions.get("associate", 0)
    guard_size(stage, operation, new, changed)
    gone = guard_gone(stage, operation)
    sent = [actions.get(name, 0) for name in ("create", "upsert", "update", "archive", "associate")]
    read_before = [actions.get("archive", 0), gone]
    requests = sum(-(-n // size) for n in [*sent, gone, *read_before])
    return Plan(actions=actions, new=new, changed=changed, gone=gone, requests=requests, warnings=warnings)


def doubts(stage: StagingArea, said: Sequence[str], about_all: Container[int], kind: str) -> tuple[str, ...]:
    """Return the doubts about the plan's new records, each with how many it is about.

    Args:
        stage: The rows, planned.
        said: The doubts, by their number in the stage.
        about_all: The numbers of those that are about every new record.
        kind: The object type.
    """
    if not said:
        return ()
    new = stage.count("SELECT count(*) FROM planned WHERE action = 'create'")
    query = (
        "SELECT doubt, count(*) FROM doubtful JOIN planned USING (row) WHERE action = 'create' GROUP BY doubt"
    )
    counted = dict(stage.db.execute(query).fetchall())
    counts = [new if number in about_all else counted.get(number, 0) for number in range(len(said))]
    return tuple(f"{n:,} new {kind} {doubt}." for n, doubt in zip(counts, said, strict=True) if n)


def plan_hash(stage: StagingArea, definition: str) -> str:
    """Return what stands for the plan as a whole: the same rows with the same texts and actions give the same
    16 hex digits.
    """
    part = "md5_number_lower(concat_ws(chr(31), action, key, digest, coalesce(known_id, '')))"
    gone = f"SELECT 'gone' AS action, key, '' AS digest, id AS known_id FROM ({plan_statements.GONE})"
    wanted = """SELECT 'wanted' AS action, row || ' ' || place AS key, coalesce(target_key, '') AS digest,
        target_id AS known_id
        FROM (SELECT DISTINCT row, place, target_key, target_id FROM wanted)"""
    rows = stage.db.execute(f"""SELECT count(*), coalesce(bit_xor({part}), 0) FROM (
            SELECT action, key, digest, known_id FROM plan UNION ALL {gone} UNION ALL {wanted})""").fetchall()
    return hashlib.sha256(f"{rows[0][0]} {rows[0][1]} {definition}".encode()).hexdigest()[:16]


def plan_gone(stage: StagingArea) -> int:
    """Add the records whose rows left the source, as rows behind the last one. A record that a row of this
    run claims is not gone.

    Returns:
        How many.
    """
    stage.flush()
    db = stage.db
    db.execute(plan_statements.table_of_gone(stage.rows_in))
    db.execute(
        "INSERT INTO planned BY NAME SELECT row, 'gone' AS action, id AS known_id, id AS send_id FROM gone"
    )
    db.execute("INSERT INTO staged SELECT row, keys, key, id, '', NULL FROM gone")  # last: it counts them
    return stage.count("SELECT count(*) FROM gone")


def _one_order(stage: StagingArea, operation: Operation, as_of: AsOf | None) -> tuple[str, ...]:
    """Warn of known rows whose order is of the other kind: whole numbers and points in time have none among
    each other, so it counts for nothing.

    Raises:
        InputError: The rows themselves have both.
    """
    if not stage.has_order and as_of is None:
        return ()
    kinds = f"SELECT DISTINCT {is_number('as_of')} FROM staged WHERE as_of IS NOT NULL"
    found = stage.db.execute(kinds).fetchall()
    if len(found) > 1:
        raise InputError(
            f"The as_of column {operation.as_of!r} has whole numbers and points in time: which are newer "
            "cannot be said. Nothing was sent.",
            column=operation.as_of,
            remedy="Cast the column to one of the two.",
        )
    if stage.has_order and not found:
        return ()
    numbers = bool(found and found[0][0])
    others = stage.count(
        f"SELECT count(*) FROM staged JOIN known k USING (key) WHERE {is_number('k.as_of')} <> {numbers}"
    )
    now, before = ("whole numbers", "points in time") if numbers else ("points in time", "whole numbers")
    said = (
        f"{now.capitalize()} say how new the rows are, and {before} did when {others:,} of them were sent "
        "before: what was sent then is taken for older."
    )
    return (said,) if others else ()


def _set_duplicates_apart(stage: StagingArea, operation: Operation, *, newest_last: bool) -> str:
    """Reject rows that share a key, but for the one that is sent; returns the SQL that says whether a row is
    of an older part.
    """
    newest_wins = (newest_last or stage.has_order) and operation.on_duplicate is None
    chosen = operation.on_duplicate or ("newest" if newest_wins else "first")
    newest = "max_by(row, (coalesce(as_of, ''), row))"  # of two of the same moment the later row
    keep = {"first": "min(row)", "last": "max(row)", "reject": "NULL::BIGINT", "newest": newest}[chosen]
    stage.db.execute(plan_statements.table_of_doubled(keep))
    release_memory(stage.db)
    if stage.count("SELECT count(*) FROM doubled") == 0:
        return "false"
    extra = "SELECT s.row FROM staged s JOIN doubled d USING (key) WHERE d.kept IS NULL OR s.row <> d.kept"
    if newest_wins:
        stage.db.execute(f"CREATE TABLE superseded AS {extra}")
        return "s.row IN (FROM superseded)"
    said = (
        "'Row ' || kept || ' has the same key and was sent instead. Make the key unique, or choose with"
        " on_duplicate.'"
        if chosen != "reject"
        else (
            "'Other rows have the same key, the first of them row ' || first_row || '. Make the key unique,"
            " or choose with on_duplicate.'"
        )
    )
    stage.db.execute(plan_statements.rejected_duplicates(operation.key_columns[0], said, extra))
    stage.db.execute(f"DELETE FROM staged WHERE row IN ({extra})")
    return "false"


def _reject_incomplete(stage: StagingArea) -> None:
    """Reject the rows that would become new records and lack what HubSpot needs for that; of rows rejected
    before, tell it too.
    """
    if stage.count("SELECT count(*) FROM incomplete") == 0:
        return
    db = stage.db
    db.execute(plan_statements.ALSO_INCOMPLETE)
    db.execute(plan_statements.REJECTED_INCOMPLETE)
    lacking = "SELECT p.row FROM planned p JOIN incomplete i USING (row) WHERE p.action = 'create'"
    db.execute(f"DELETE FROM staged WHERE row IN ({lacking})")
    db.execute("DELETE FROM planned WHERE row NOT IN (SELECT row FROM staged)")


def _note_held(stage: StagingArea, held: Iterable[Intent]) -> str:
    """Note the keys of creates that wait; returns the SQL that says whether a row is one of them."""
    keys = list({key for intent in held for key in intent.keys})
    if not keys:
        return "false"
    stage.db.execute("CREATE TABLE held AS SELECT unnest(?) AS key", [keys])
    return "s.key IN (FROM held)"


def _note_at_large(stage: StagingArea, at_large: Iterable[Intent]) -> str:
    """Note what may be written late; returns the SQL that says whether a row has other values than that."""
    found = [
        (key, digest if intent.settled or intent.noted else "", intent.id)
        for intent in at_large
        for key, digest in zip(intent.keys, intent.digests, strict=True)
    ]
    if not found:
        return "false"
    stage.db.execute(
        "CREATE TABLE at_large AS SELECT unnest(?) AS key, unnest(?) AS digest, unnest(?) AS intent",
        [list(each) for each in zip(*found, strict=True)],
    )
    return "s.key IN (SELECT key FROM at_large a JOIN staged t USING (key) WHERE a.digest <> t.digest)"


def _note_freed(stage: StagingArea) -> str:
    """Note the rows that shared a record with a row which has left the table; returns the SQL that says
    whether a row is one of them.
    """
    if not stage.count("SELECT count(*) FROM known WHERE code = 'SAME_RECORD'"):
        return "false"
    stage.db.execute(plan_statements.TABLE_OF_FREED)
    return "s.key IN (FROM freed)"


def not_sent_again(stage: StagingArea) -> set[tuple[str, str]]:
    """Intent and key of what may be written late over newer values and was not sent again by this run: its
    row was not there.
    """
    if not stage.has_table("at_large"):
        return set()
    stage.flush()
    return set(stage.db.execute(plan_statements.NOT_SENT_AGAIN).fetchall())
