"""The statements of this package that are longer than two lines, by name: which row gets which action, and
why.
"""

from __future__ import annotations

from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.staging.staging_statements import SAME_RECORD_MESSAGE, SHARED_ID
from hubspot_batch_dagster.sync.staging.statements import LIVE, REVERTED, is_newer, literal

GONE = """SELECT k.key, k.keys, k.id FROM known k
    WHERE k.id IS NOT NULL AND k.outcome <> 'archived' AND k.code IS DISTINCT FROM 'SAME_RECORD'
    AND k.id NOT IN (SELECT h.id FROM known h JOIN staged t USING (key) WHERE h.id IS NOT NULL)
    AND k.key NOT IN (SELECT key FROM staged)
    AND k.key NOT IN (SELECT key FROM rejected WHERE key IS NOT NULL)"""
"""The known records whose rows left the source."""

PASSING_CODES = (
    "CONFLICT",
    "ALREADY_EXISTS",
    "OBJECT_ALREADY_EXISTS",
    "CONFLICTING_UNIQUE_VALUE",
    "OBJECT_NOT_FOUND",
    "NO_RECORD",
    "SAME_RECORD",
    "AMBIGUOUS_MATCH",
    "ASSOCIATION_REFUSED_UNNAMED",
)
"""Codes of refusals that are about another record or a state that passes."""

PASSING = f"(k.category IN ('CONFLICT', 'OBJECT_NOT_FOUND') OR k.code IN {PASSING_CODES})"
"""Whether a refusal is about another record or a passing state and not about the row. Such rows are tried
again.
"""


def table_of_plan(operation: Operation, *, action: str, retried: str, superseded: str) -> str:
    """Make the table ``planned``. It has neither keys nor hashes: :data:`VIEW_OF_PLAN` takes those from
    ``staged``. An id that is the key takes no memory of its own in the join.

    Args:
        operation: What the user asks for.
        action: The action of a row, as SQL.
        retried: The same as if everything were sent again: for rows that were refused for a reason that
            passes.
        superseded: Whether another row of the table is newer, as SQL.
    """
    other = operation.looks_up_keys_in is not None
    to_send = "other_id" if other else "own_id"
    to_update = "known_id" if operation.updates_by_known_id else to_send
    idle = "'older'" if other else "'older', 'unchanged'"  # ids of another sync are held against each other
    return f"""CREATE TABLE planned AS
        SELECT row, action, retry,
            CASE WHEN retry = 'update' THEN {to_update} WHEN retry <> 'create' THEN {to_send} END AS retry_id,
            CASE WHEN superseded OR (action = 'reverted' AND NOT there) THEN NULL ELSE known_id
                END AS known_id,
            synced_at,
            CASE WHEN action IN ({idle}, 'create') THEN NULL WHEN action = 'update' THEN {to_update}
                ELSE {to_send} END AS send_id
        FROM (
            SELECT s.row, CASE WHEN s.id_is_key THEN s.key ELSE s.id END AS own_id,
                k.id AS known_id, k.synced_at,
                coalesce(k.outcome <> 'archived', false) AS there, {superseded} AS superseded,
                {"o.id" if other else "NULL"} AS other_id, {action} AS action,
                CASE WHEN k.outcome = 'rejected' AND {PASSING} THEN nullif({retried}, 'older') END AS retry
            FROM (SELECT * REPLACE (nullif(id, key) AS id), id = key AS id_is_key FROM staged) s
            LEFT JOIN known k USING (key)
            {"LEFT JOIN others o USING (key)" if other else ""})"""


def table_of_doubled(kept: str) -> str:
    """Make the table ``doubled``; ``kept`` is the row of a key that is sent, as SQL. Hashes of keys take a
    fraction of their memory, and tell which of them may be there twice.
    """
    return f"""CREATE TABLE doubled AS SELECT key, {kept} AS kept, min(row) AS first_row FROM staged
        WHERE hash(key) IN (
            SELECT h FROM (SELECT hash(key) AS h FROM staged) GROUP BY h HAVING count(*) > 1)
        GROUP BY key HAVING count(*) > 1"""


VIEW_OF_PLAN = """CREATE VIEW plan AS
    SELECT row, s.key, s.digest, p.* EXCLUDE (row) FROM planned p JOIN staged s USING (row)"""
"""The plan, with the keys and hashes of its rows."""


def action_of(
    operation: Operation,
    definition: str,
    *,
    full_refresh: bool,
    part: str | None,
    superseded: str,
    waiting: str,
    written_late: str,
    freed: str,
) -> str:
    """Return the action of a row; the last four say, as SQL, whether something holds for it."""
    live = "(k.id IS NOT NULL AND k.outcome <> 'archived')"
    cases = [f"WHEN {superseded} THEN 'older' WHEN {waiting} THEN 'unknown'"]
    through = operation.looks_up_keys_in is not None
    if through:
        cases.append("WHEN o.id IS NULL THEN 'missing'")
    if part is not None:
        cases.append(f"WHEN {is_newer('k.as_of', part)} THEN 'older'")
    if not full_refresh:
        cases.append(f"WHEN k.code = '{REVERTED}' AND k.digest = s.digest THEN 'reverted'")
    if not operation.updates_made_records:
        cases.append(f"WHEN {live} THEN 'unchanged'")
    if not full_refresh:
        done = ", ".join(f"'{each}'" for each in operation.done_outcomes)
        same = " AND o.id = k.id" if through else ""
        cases.append(
            f"WHEN k.outcome = 'rejected' AND k.digest = s.digest AND k.definition = '{definition}' "
            f"AND NOT {freed} THEN 'rejected'"
        )
        cases.append(
            f"WHEN k.outcome IN ({done}) AND k.digest = s.digest AND NOT {written_late}{same} THEN"
            " 'unchanged'"
        )
    if operation.updates_by_known_id:
        cases.append(f"WHEN {live} THEN 'update' ELSE 'create'")
    else:
        cases.append(f"ELSE '{operation.action}'")
    return "CASE " + " ".join(cases) + " END"


def table_of_gone(rows: int) -> str:
    """Make the table ``gone``, numbered behind the last row; a record that a row of this run claims is not
    gone.
    """
    return f"""CREATE TABLE gone AS
        SELECT {rows} + row_number() OVER (ORDER BY key) - 1 AS row, keys, key, id
        FROM ({GONE}) WHERE id NOT IN (SELECT id FROM settled WHERE id IS NOT NULL)"""


def rejected_duplicates(column: str, message: str, extra: str) -> str:
    """Reject the rows of ``extra``, whose key is in ``doubled``."""
    return f"""INSERT INTO rejected
        SELECT s.row, s.keys, s.key, {literal(column)}, NULL, 'DUPLICATE_KEY', {message}
        FROM staged s JOIN doubled d USING (key) WHERE s.row IN ({extra})"""


ALSO_INCOMPLETE = f"""UPDATE rejected SET message = rejected.message || ' Also ' || i.message
    FROM incomplete i
    WHERE i.row = rejected.row AND rejected.code <> 'DUPLICATE_KEY' AND rejected.key IS NOT NULL
    AND rejected.key NOT IN (SELECT key FROM known WHERE id IS NOT NULL AND outcome IN {LIVE})"""
"""Tell rows that were rejected before, and would become new records, what they lack besides."""

REJECTED_INCOMPLETE = """INSERT INTO rejected
    SELECT s.row, s.keys, s.key, i."column", i.property, i.code, i.message
    FROM staged s JOIN planned p USING (row) JOIN incomplete i USING (row) WHERE p.action = 'create'"""
"""Reject the rows that would become new records and lack what HubSpot needs for that."""

TABLE_OF_FREED = f"""CREATE TABLE freed AS SELECT key FROM known WHERE code = 'SAME_RECORD' AND NOT coalesce(
        {SHARED_ID} IN (SELECT h.id FROM known h JOIN staged USING (key)
            WHERE h.id IS NOT NULL AND h.code IS DISTINCT FROM 'SAME_RECORD'), false)"""
"""Rows that shared a record with a row which has left the table."""

NOT_SENT_AGAIN = f"""SELECT a.intent, a.key FROM at_large a JOIN known k USING (key)
    WHERE a.digest <> k.digest AND k.digest <> '' AND k.outcome IN {LIVE}
    AND a.key NOT IN (SELECT key FROM plan JOIN settled USING (row))"""
"""What may be written late over newer values, and whose row this run did not have."""

REJECTED = f"""SELECT row, key, "column", property AS error_property, code AS error_code,
    message AS error_message
    FROM rejected
    UNION ALL SELECT p.row, p.key, NULL, k.property, coalesce(k.code, k.category), k.message
    FROM plan p JOIN known k USING (key) WHERE p.action = 'rejected'
    UNION ALL SELECT row, key, NULL, NULL, 'NO_RECORD', 'There is no record for this key.'
    FROM plan WHERE action = 'missing'
    UNION ALL SELECT p.row, p.key, NULL, NULL, 'SAME_RECORD', {SAME_RECORD_MESSAGE}
    FROM plan p JOIN same q USING (row)
    ORDER BY row"""
"""Rows rejected here, and rows that HubSpot rejected before and that have not changed since."""

NEW_KEYS = "(SELECT key FROM plan WHERE action = 'create' OR (action = 'upsert' AND known_id IS NULL))"
_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
_FOLDED = f"lower(trim(nfc_normalize(key), {_BLANKS}))"

TABLE_OF_ODD_KEYS = f"""CREATE OR REPLACE TEMP TABLE odd_keys AS
    SELECT key, {_FOLDED} AS folded, is_new FROM (
        SELECT key, true AS is_new FROM {NEW_KEYS}
        UNION ALL SELECT key, false FROM known WHERE id IS NOT NULL AND outcome IN {LIVE})
    WHERE key <> {_FOLDED}"""
"""Keys that are not their own folded form."""

NEAR_KEYS = f"""SELECT o.key AS one, n.key AS other FROM odd_keys o JOIN {NEW_KEYS} n ON n.key = o.folded
    UNION SELECT o.key, k.key FROM odd_keys o JOIN known k ON k.key = o.folded
        WHERE o.is_new AND k.id IS NOT NULL AND k.outcome IN {LIVE}
    UNION SELECT a.key, b.key FROM odd_keys a JOIN odd_keys b USING (folded)
        WHERE a.key <> b.key AND a.is_new AND (NOT b.is_new OR a.key < b.key)"""
"""Pairs of keys, one of them new, whose folded forms are one."""
