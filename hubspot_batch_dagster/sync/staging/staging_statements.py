"""The statements of this package that are longer than two lines, by name: what is known, what is final, who
shares a record.

What they ask is in :mod:`~hubspot_batch_dagster.sync.staging.tables`; the modules that execute them say when.
"""

from __future__ import annotations

from collections.abc import Sequence

from hubspot_batch_dagster.sync.batches.verdict import SAME_RECORD
from hubspot_batch_dagster.sync.staging.statements import LIVE, OLDER, PARQUET, REVERTED, literal, newest

COLUMNS = """key, keys, id, outcome, digest, definition, synced_at,
    category, code, property, message, correlation_id, warning, associations, former, as_of"""
"""The columns of ``base`` and ``known``."""


def view_of_base(file: str, *, keys: str, associations: str, former: str, as_of: str) -> str:
    """Make the view ``base`` of the ids table's file. The last three are columns that files of earlier
    formats do not have.
    """
    return f"""CREATE VIEW base AS SELECT _key AS key, {keys} AS keys,
        hs_object_id AS id, outcome, _digest AS digest, _definition AS definition, synced_at,
        error_category AS category, error_code AS code, error_property AS property,
        error_message AS message, correlation_id, warning,
        {associations} AS associations, {former} AS former, {as_of} AS as_of
        FROM read_parquet({literal(file)})"""


def table_of_known(*, keys_from_text: str, definition: str, order: Sequence[str], looked_at: str) -> str:
    """Make the table ``known`` of ``base`` and what was ``recovered`` since.

    Args:
        keys_from_text: The key columns, as SQL.
        definition: Hash of the operation.
        order: Files that say how new rows are.
        looked_at: Whether a line was only read, as SQL: what was written to its record was written before.
    """
    as_of, joined = "b.as_of", ""
    if order:  # of rows that killed runs were about to send: the same values are as new, sent or not
        as_of = newest("b.as_of", "w.as_of")
        joined = f""" LEFT JOIN (SELECT key, digest, max(as_of) AS as_of
            FROM read_parquet([{", ".join(map(literal, order))}]) GROUP BY ALL) w
            ON w.key = f.key AND w.digest = f.digest"""
    return f"""CREATE TABLE known AS
        WITH last AS (SELECT key, max(seq) AS seq FROM recovered GROUP BY key),
        fresh AS (SELECT r.* FROM recovered r JOIN last USING (key, seq)),
        found AS (SELECT key, arg_max(id, seq) AS id FROM recovered WHERE id IS NOT NULL GROUP BY key)
        SELECT {COLUMNS} FROM base ANTI JOIN fresh USING (key)
        UNION ALL
        SELECT f.key, coalesce(b.keys, {keys_from_text}), coalesce(found.id, b.id),
            f.outcome, f.digest, {literal(definition)} AS definition,
            CASE WHEN {looked_at} AND b.outcome IN {LIVE} THEN b.synced_at ELSE f.settled_at END,
            f.category, f.code, f.property, f.message, f.correlation_id, f.warning,
            -- nothing is known of them: they are written again, but for rows that an undo took back
            CASE WHEN f.code = '{REVERTED}' THEN b.associations END AS associations,
            CASE WHEN found.id <> b.id AND f.outcome <> 'created'
                THEN concat_ws(';', b.former, b.id) ELSE b.former END AS former,
            {as_of} AS as_of
        FROM fresh f LEFT JOIN base b USING (key) LEFT JOIN found USING (key){joined}"""


def same_record_message(record: str, owner: str) -> str:
    """Return the reason of a row whose record another row has, as SQL, of the record and that row's key."""
    return (
        f"'{SAME_RECORD}' || {record} || '; the other row has the key ' || {owner} || '. Leave one of the two"
        " out.'"
    )


def file_of_order(file: str, order: str) -> str:
    """Write how new each row is that is about to be sent."""
    return f"""COPY (SELECT s.key, s.digest, {order} AS as_of FROM staged s JOIN planned p USING (row)
            WHERE p.action NOT IN ('unchanged', 'older', 'rejected', 'reverted'))
        TO {literal(file)} ({PARQUET})"""


_SHARES = "t.id IS NOT NULL AND k.outcome <> 'archived'"

KEPT = f"""SELECT k.* REPLACE (
            CASE WHEN {_SHARES} THEN t.id ELSE k.id END AS id,
            CASE WHEN {_SHARES} THEN 'rejected' ELSE k.outcome END AS outcome,
            CASE WHEN {_SHARES} THEN '' ELSE k.digest END AS digest,
            CASE WHEN {_SHARES} THEN 'SAME_RECORD' ELSE k.code END AS code,
            CASE WHEN {_SHARES} THEN {same_record_message("t.id", "t.key")} ELSE k.message END AS message,
            CASE WHEN {_SHARES} AND t.id <> k.id THEN concat_ws(';', k.former, k.id) ELSE k.former
                END AS former)
        FROM known k ANTI JOIN moved USING (key) LEFT JOIN merged m ON m.part = k.id
        LEFT JOIN taken t ON t.id = coalesce(m.id, k.id)"""
"""The known lines that stay; one whose record another row has now shares it with that row."""


def kept_as_newer(kept: str, newer: str) -> str:
    """Return the same, where rows have an order: a row that a newer one repeats has the values of that one
    from now on.
    """
    return f"""SELECT k.* REPLACE ({newest("k.as_of", "n.newer")} AS as_of) FROM ({kept}) k
        LEFT JOIN (SELECT f.key, max({newer}) AS newer FROM final f
            WHERE f.outcome = 'unchanged' AND NOT f.moved AND f.code IS DISTINCT FROM '{OLDER}'
            GROUP BY f.key) n USING (key)"""


def file_of_ids(
    file: str, metadata: str, *, keys: str, key_as_id: str, kept: str, every: str, newer: str, definition: str
) -> str:
    """Write the ids table: ``every`` is the lines that were ``kept`` and those that ``moved``."""
    return f"""COPY (
            WITH moved AS (
                SELECT f.key, f.keys, f.id, f.outcome, f.digest, '{definition}' AS definition,
                    f.settled_at AS synced_at, f.category, f.code, f.property, f.message,
                    f.correlation_id, f.warning, k.associations,
                    nullif(concat_ws(';', k.former, f.former), '') AS former,
                    {newest("k.as_of", newer)} AS as_of
                FROM final f LEFT JOIN known k USING (key) WHERE f.moved),
            taken AS (SELECT id, key FROM moved
                WHERE id IS NOT NULL AND outcome <> 'archived' AND code IS DISTINCT FROM 'SAME_RECORD'),
            kept AS ({kept}),
            every AS ({every})
            SELECT {keys}coalesce(id, {key_as_id}) AS hs_object_id, outcome, synced_at,
                category AS error_category, code AS error_code, property AS error_property,
                message AS error_message, correlation_id, warning, key AS _key, digest AS _digest,
                definition AS _definition, associations AS _associations, former AS _former, as_of AS _as_of
            FROM every
        ) TO {literal(file)} ({PARQUET}, {metadata})"""


FORMERLY = "HubSpot says that this row and an earlier one are the same record "
"""How the message began in ids tables whose lines did not keep the record's id."""

SHARED_ID = f"coalesce(id, nullif(regexp_extract(message, '{FORMERLY}([0-9]+)', 1), ''))"
"""The record of a line that was rejected because another row has it."""

_PERHAPS_WRITTEN = "outcome = 'rejected' AND stale AND id IS NOT NULL"
"""A row whose record is another row's, and over whose values it was perhaps written."""

SAME_RECORD_MESSAGE = same_record_message("q.id", "q.owner")
"""The reason of a row that was not sent because of ``same``."""


def rows_of_same(several: Sequence[str], record: str) -> str:
    """Fill ``same``: of each record of ``several`` all rows but the one that is to have it."""
    return f"""INSERT INTO same
        WITH several AS ({" UNION ".join(several)})
        SELECT row, id, owner FROM (
            SELECT p.row, {record} AS id, first_value(p.key) OVER one AS owner, row_number() OVER one AS place
            FROM plan p LEFT JOIN known k USING (key)
            WHERE {record} IN (FROM several) AND k.outcome IS DISTINCT FROM 'archived'
                AND p.action NOT IN ('unknown', 'older')
            WINDOW one AS (PARTITION BY {record} ORDER BY k.outcome IN {LIVE} DESC NULLS LAST, p.row))
        WHERE place > 1"""


TABLE_OF_SHARED = f"""CREATE OR REPLACE TABLE shared AS
    WITH twice AS (
        SELECT id FROM settled WHERE id IS NOT NULL AND outcome IN {LIVE} GROUP BY id
            HAVING min(row) < max(row)
        UNION SELECT t.id FROM settled t JOIN planned p ON p.known_id = t.id
        WHERE p.action IN ('unchanged', 'reverted') AND t.outcome IN {LIVE} AND p.row <> t.row
        UNION SELECT id FROM settled WHERE {_PERHAPS_WRITTEN}),
    claims AS (
        SELECT row, id, bool_or(outcome <> 'unchanged') AS wrote FROM settled JOIN twice USING (id)
        WHERE outcome IN {LIVE} GROUP BY row, id
        UNION SELECT row, known_id, false FROM planned JOIN twice ON id = known_id
        WHERE action IN ('unchanged', 'reverted')),
    rows AS (SELECT row, id, bool_or(wrote) AS wrote, true AS owns FROM claims GROUP BY row, id
        UNION ALL SELECT row, id, true, false FROM settled
        WHERE {_PERHAPS_WRITTEN} AND row NOT IN (SELECT row FROM claims))
    SELECT row, id, wrote, min(row) FILTER (owns) OVER one AS first, count(*)
        FILTER (wrote) OVER one AS writes
    FROM rows WINDOW one AS (PARTITION BY id)
    QUALIFY first IS NOT NULL"""
"""Rows that ended at one record, the first row that has it, and how many wrote to it."""

MOVED_BEFORE = """SELECT key, r.id FROM recovered r JOIN base b USING (key)
    WHERE r.outcome = 'updated' AND r.id <> b.id"""
"""Rows that a killed run wrote to another record than the ids table has, with that record."""

MOVED = """SELECT DISTINCT t.id FROM settled t JOIN planned p USING (row)
    WHERE t.outcome = 'updated' AND t.id <> p.known_id ORDER BY id"""
"""The records that rows were written to, of those that had another one before."""

FOLLOW_MERGED = f"""UPDATE known SET id = m.id, digest = '', former = concat_ws(';', former, m.part)
    FROM merged m WHERE known.id = m.part AND m.id <> m.part AND outcome IN {LIVE}"""
"""Give lines the record that theirs was merged into. What it has may be the values of another one."""

UNCHANGED_WITH = """SELECT row, key, digest, known_id FROM plan
    WHERE action = 'unchanged' AND known_id IN (SELECT unnest(?)) ORDER BY row"""
"""Rows that are not sent and that have some records, with these."""

TABLE_OF_REOPENED = """CREATE OR REPLACE TABLE reopened AS SELECT row, NULL::VARCHAR AS id FROM plan
    WHERE key IN (SELECT unnest(?)) AND action IN ('create', 'unknown')
        AND row NOT IN (SELECT row FROM incomplete)"""
"""Rows of some keys that are sent once more within the run."""

_FORMER = "SELECT unnest(string_split(former, ';')) AS id, key, outcome FROM known WHERE former IS NOT NULL"
"""The ids that records had before they were merged, and whose they are."""

CLAIMED = f"""SELECT id FROM known WHERE id IN (SELECT unnest($ids)) AND outcome <> 'archived'
    UNION SELECT id FROM settled WHERE id IN (SELECT unnest($ids))
    UNION SELECT id FROM ({_FORMER}) WHERE id IN (SELECT unnest($ids)) AND outcome <> 'archived'"""
"""Which of some record ids belong to a row already, of this table or not."""


def keys_of_records(rows: int) -> str:
    """Record ids with the keys of the rows of this table that have the records."""
    those = f"l.id IN (SELECT unnest($ids)) AND l.outcome IN {LIVE} AND row < {rows}"
    return f"""SELECT l.id, l.key FROM ({_FORMER}) l JOIN staged USING (key) WHERE {those}
        UNION ALL SELECT l.id, l.key FROM known l JOIN staged USING (key) WHERE {those}
        UNION ALL SELECT l.id, s.key FROM settled l JOIN staged s USING (row) WHERE {those}"""


def planned_to_send(low: int, high: int, only: str) -> str:
    """Return a slice of the plan in the order of its rows."""
    return f"""SELECT row, key, digest, action, send_id FROM plan
        WHERE action IN ('create', 'upsert', 'update', 'archive', 'associate')
            AND row >= {low} AND row < {high} {only} ORDER BY row"""


def records_of_targets(same: str) -> str:
    """Each record of ``targets`` with all that it leads to, but for those of which a row was rejected or
    taken back.
    """
    return f"""SELECT id, list(DISTINCT target) AS targets FROM targets WHERE id NOT IN (
            SELECT s.id FROM staged s JOIN rejected r ON {same}
            WHERE r.key IS NULL OR r.key NOT IN (SELECT key FROM staged))
        AND id NOT IN (SELECT s.id FROM staged s JOIN planned p USING (row)
            GROUP BY s.id HAVING bool_or(p.action = 'reverted') AND NOT bool_or(p.action = 'associate'))
        GROUP BY id ORDER BY id"""


TABLE_OF_VERDICTS = """CREATE TABLE verdicts AS
    SELECT * REPLACE (coalesce(id, max(id) OVER (PARTITION BY row)) AS id) FROM settled
    QUALIFY row_number() OVER (PARTITION BY row ORDER BY seq DESC) = 1"""
"""The last outcome of each row: one may have two, of a create that found its record and of the update that
followed.
"""

REJECTED_IN_FINAL = """INSERT INTO told
    SELECT r.row, r.keys, r.key, '' AS digest, CASE WHEN r.code <> 'DUPLICATE_KEY' THEN k.id END, 'rejected',
        NULL,
        'VALIDATION_ERROR', r.code, r.property, r.message, NULL, NULL, r."column", false, NULL, NULL
    FROM rejected r LEFT JOIN known k USING (key)"""
"""The lines of rows that were rejected before anything was sent."""

_BEFORE = "CASE WHEN p.action = 'rejected' THEN "
_HELD = (
    "'This row was sent, and no answer came. HubSpot does not show the record yet, and may still make it; "
    "the next run looks again.'"
)
_REVERTED = (
    "'An undo took the values of this row back. It is sent again when it changes, or with full_refresh.'"
)
_OLDER = "'A newer partition had this row, and its values stay.'"
_OUTCOME = """CASE
    WHEN o.outcome IS NOT NULL THEN o.outcome
    WHEN p.action IN ('unchanged', 'rejected', 'unknown') THEN p.action
    WHEN p.action IN ('reverted', 'older') THEN 'unchanged'
    WHEN p.action IN ('missing', 'same') THEN 'rejected'
    WHEN l.row IS NOT NULL THEN 'unknown'
    ELSE 'unsent' END"""

TOLD = """(action <> 'unchanged' OR row IN (SELECT row FROM settled) OR row IN (SELECT row FROM lost))"""
"""Whether more is to be said of a planned row than that it is unchanged."""

VIEW_OF_FINAL = """CREATE VIEW final AS FROM told UNION ALL BY NAME
    SELECT row, s.keys, s.key, s.digest, p.known_id AS id, 'unchanged' AS outcome, p.synced_at AS settled_at,
        false AS moved, s.as_of
    FROM planned p JOIN staged s USING (row)"""
"""The lines that are told, and those of the rows left in the plan."""


def lines_of_final(low: int, high: int) -> str:
    """Return the lines of those of some rows that are ``TOLD``: what the joins need in memory does not grow
    with the table.
    """
    some = f"row >= {low} AND row < {high}"
    return f"""
        WITH s AS (SELECT * FROM staged WHERE {some}), p AS (SELECT * FROM planned WHERE {some} AND {TOLD}),
        o AS (SELECT * FROM verdicts WHERE {some}),
        why AS (SELECT reasons.* FROM reasons JOIN o USING (row, seq)),
        past AS (SELECT key, category, code, property, message, correlation_id FROM known
        WHERE outcome = 'rejected')
        SELECT s.row, s.keys, s.key, CASE WHEN o.stale THEN '' ELSE s.digest END AS digest,
            coalesce(o.id, p.known_id) AS id,
            {_OUTCOME} AS outcome,
            coalesce(o.settled_at, p.synced_at) AS settled_at,
            coalesce(w.category, {_BEFORE}k.category END) AS category,
            CASE WHEN o.outcome IS NULL AND p.action = 'same' THEN 'SAME_RECORD'
                WHEN p.action = 'missing' THEN 'NO_RECORD'
                WHEN p.action = 'reverted' THEN '{REVERTED}'
                WHEN p.action = 'older' THEN '{OLDER}'
                ELSE coalesce(w.code, {_BEFORE}k.code END) END AS code,
            coalesce(w.property, {_BEFORE}k.property END) AS property,
            CASE WHEN o.outcome IS NULL AND p.action = 'same' THEN {SAME_RECORD_MESSAGE}
                WHEN p.action = 'missing' THEN 'The ids table named by through= has no record for this key.'
                WHEN p.action = 'reverted' THEN {_REVERTED}
                WHEN p.action = 'older' THEN {_OLDER}
                WHEN o.outcome IS NULL AND (p.action = 'unknown' OR l.row IS NOT NULL) THEN {_HELD}
                ELSE coalesce(w.message, {_BEFORE}k.message END) END AS message,
            coalesce(w.correlation_id, {_BEFORE}k.correlation_id END) AS correlation_id,
            w.warning AS warning, NULL::VARCHAR AS column_name,
            o.outcome IS NOT NULL OR p.action = 'same' AS moved,
            CASE WHEN o.id <> p.known_id AND o.outcome <> 'created' THEN p.known_id END AS former, s.as_of
        FROM s JOIN p USING (row)
        LEFT JOIN o ON o.row = s.row LEFT JOIN lost l ON l.row = s.row LEFT JOIN same q ON q.row = s.row
        LEFT JOIN why w ON w.row = s.row LEFT JOIN past k ON k.key = s.key"""


def table_of_matched(*, values: str, same: str, last: str) -> str:
    """Make the table of the rows that were looked for: the first row of the same values, and the records that
    have them. Rows of ``last`` come after those that were looked for before.
    """
    return f"""CREATE OR REPLACE TABLE matched AS
        SELECT t.row, t.key, t.digest, first_value(t.key) OVER (
                PARTITION BY {values} ORDER BY t.row IN (SELECT row {last}), t.row) AS owner,
            (SELECT list(DISTINCT m.id ORDER BY m.id) FROM matches m WHERE {same}) AS ids
        FROM to_match t"""
