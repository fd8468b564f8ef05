"""The SQL of a run's associations, in the order in which it is executed.

Its tables: ``association_places`` (the operation's associations by number), ``association_rows`` (rows with
their record), ``association_lines`` (one for each association that is wanted, with its outcome), and those
that are known of earlier: ``association_open``, ``association_found``, ``association_again``.
"""

from __future__ import annotations

from hubspot_batch_dagster.sync.associations.lines import UNNAMED, UNRESOLVED, hash_of
from hubspot_batch_dagster.sync.staging.statements import LIVE, REVERTED
from hubspot_batch_dagster.sync.staging.stored_keys import exactly

_WRITTEN = "('create', 'upsert', 'update')"

MAKE_TABLES = """
    CREATE TABLE association_places
        (place INTEGER, name VARCHAR, "to" VARCHAR, label VARCHAR, sync VARCHAR, label_type VARCHAR,
        replaces BOOLEAN);
    CREATE TABLE association_verdicts (line BIGINT, outcome VARCHAR, code VARCHAR, message VARCHAR);
    CREATE TABLE association_found (row BIGINT);
    CREATE TABLE association_again (key VARCHAR);
    CREATE TABLE association_others (id VARCHAR);
    CREATE TABLE association_ends (key VARCHAR)"""


def make_rows(rows_in: int, *, only_wanting: bool, every: bool, planned: bool) -> str:
    """Make the rows that want associations, or may lose some, with the record of each."""
    given = f"p.action IN {_WRITTEN}" if planned else f"o.outcome IN {LIVE} AND p.action IN {_WRITTEN}"
    return f"""CREATE TABLE association_rows AS
        WITH o AS (
            SELECT row, arg_max(outcome, seq) AS outcome, arg_max(id, seq) FILTER (id IS NOT NULL) AS id
            FROM settled GROUP BY row),
        records AS (
            SELECT s.row, s.key, s.keys, p.action, k.associations AS before,
                CASE WHEN o.outcome IN {LIVE}
                        OR (o.outcome IS NULL AND p.action NOT IN ('rejected', 'missing'))
                        OR (o.outcome = 'unknown' AND k.id IS NOT NULL)
                    THEN coalesce(o.id, p.known_id) END AS id,
                coalesce({given}, false) AS written,
                p.action = 'create' AND {"true" if planned else "coalesce(o.outcome = 'created', false)"}
                    AND s.row NOT IN (SELECT row FROM association_found) AS inline,
                -- A record that is new has none of what the one before it had; what an undo took back counts
                -- again once the row is sent.
                {str(every).lower()} OR s.key IN (FROM association_again)
                    OR (o.id IS NOT NULL AND o.id IS DISTINCT FROM k.id)
                    OR (k.code IS NOT DISTINCT FROM '{REVERTED}' AND p.action <> 'reverted') AS again,
                p.action = 'reverted' AS reverted
            FROM staged s JOIN planned p USING (row)
            LEFT JOIN o USING (row) LEFT JOIN known k ON k.key = s.key
            WHERE s.row < {rows_in} AND p.action <> 'gone'
                {"AND s.row IN (SELECT row FROM wanted)" if only_wanting else ""})
        SELECT * REPLACE (CASE WHEN row_number() OVER (PARTITION BY id ORDER BY row) = 1 THEN id END AS id),
            NULL::VARCHAR AS digest, false AS changed
        FROM records"""


def make_open(keys: str) -> str:
    """Make the table of what was open after the last run; ``keys`` is the type of the key columns."""
    return f"""CREATE TABLE association_open (key VARCHAR, keys {keys}, name VARCHAR, target_key VARCHAR,
        target_id VARCHAR, outcome VARCHAR, code VARCHAR, message VARCHAR)"""


def take_open(source: str, keys: str, stored: str) -> str:
    """Read what was open after the last run, whose key columns may have had another type."""
    return f"""INSERT INTO association_open SELECT key, {exactly("keys", keys, stored)}, name, target_key,
        target_id, outcome, code, message FROM {source}"""


WANTED_ONCE = """CREATE VIEW wanted_once AS
    SELECT row, place, min(target_key) AS target_key, target_id, NULL::VARCHAR AS code,
        NULL::VARCHAR AS message
    FROM wanted WHERE target_id IS NOT NULL GROUP BY row, place, target_id
    UNION ALL
    SELECT row, place, min(target_key), NULL, code, message
    FROM wanted WHERE target_id IS NULL AND (target_key IS NOT NULL OR code IS NOT NULL)
    GROUP BY row, place, code, message, -- an email in other letters is no other one
        CASE WHEN contains(target_key, '@') THEN lower(trim(target_key)) ELSE target_key END"""


def make_away(rows_in: int) -> str:
    """Make the lines of what is open of rows that are away this time."""
    return f"""CREATE TABLE association_away AS
        SELECT NULL::BIGINT AS row, o.key, o.keys, k.id, p.place, o.target_key, o.target_id,
            CASE WHEN o.target_id IS NULL THEN o.code END AS code,
            CASE WHEN o.target_id IS NULL THEN o.message END AS message
        FROM association_open o JOIN association_places p USING (name) JOIN known k USING (key)
        WHERE o.key NOT IN (SELECT key FROM staged WHERE row < {rows_in})
            AND k.id IS NOT NULL AND k.outcome <> 'archived'
            AND k.id NOT IN (SELECT id FROM settled WHERE outcome = 'archived' AND id IS NOT NULL)"""


MAKE_GIVEN = """CREATE TABLE association_given AS
    SELECT w.row, r.key, r.keys, r.id, w.place, w.target_key, w.target_id, w.code, w.message
    FROM wanted_once w JOIN association_rows r USING (row)"""

# A row that was rejected here wants associations too. What another row of its key wants as well, or what is
# open of an earlier run, is told there.
MAKE_REFUSED = """CREATE TABLE association_refused AS
    WITH told AS (FROM association_given UNION ALL FROM association_away)
    SELECT w.row, r.key, r.keys, NULL::VARCHAR AS id, w.place, w.target_key, w.target_id, w.code, w.message,
        EXISTS (FROM told t WHERE t.key = r.key AND t.place = w.place
            AND (t.target_id = w.target_id OR t.target_key = w.target_key OR t.message = w.message)
        ) AS told_already
    FROM wanted_once w JOIN rejected r USING (row)"""

MAKE_LINES = """CREATE TABLE association_lines AS
    SELECT row_number() OVER (ORDER BY row, place) AS line, *, NULL::VARCHAR AS outcome,
        target_id IS NOT NULL AS resolved_early, code IS NOT NULL AS unreadable
    FROM (FROM association_given UNION ALL FROM association_away
        UNION ALL SELECT * EXCLUDE (told_already) FROM association_refused WHERE NOT told_already)"""

OWN_RECORDS = f"""CREATE TABLE IF NOT EXISTS association_own_records AS
    SELECT key, arg_max(id, fresh) AS id FROM (
        SELECT key, id, 0 AS fresh FROM known WHERE id IS NOT NULL AND outcome <> 'archived'
        UNION ALL
        SELECT s.key, o.id, 1 + o.seq FROM staged s JOIN settled o USING (row)
        WHERE o.id IS NOT NULL AND o.outcome IN {LIVE})
    GROUP BY key"""


def resolve(place: int, table: str) -> list[str]:
    """Look the keys of an association up, emails in HubSpot's spelling too."""
    start = f"""UPDATE association_lines SET target_id = t.id FROM {table} t
        WHERE place = {place} AND target_id IS NULL AND NOT unreadable"""
    return [
        f"{start} AND t.key = target_key",
        f"{start} AND contains(target_key, '@') AND t.key = lower(trim(target_key))",
    ]


MAKE_DIGESTS = f"""UPDATE association_rows SET digest = d.digest FROM (
        SELECT r.row, {hash_of("p.name", "l.target_id")} AS digest
        FROM association_rows r LEFT JOIN association_lines l ON l.row = r.row AND l.target_id IS NOT NULL
        LEFT JOIN association_places p USING (place) GROUP BY r.row) d
    WHERE d.row = association_rows.row"""

MARK_CHANGED = """UPDATE association_rows SET changed = CASE
    WHEN reverted THEN coalesce(before <> digest, false)
    ELSE again OR before IS DISTINCT FROM digest END"""


MOST_AGAIN = 100
"""Refused associations that a run asks for once more."""


def decide(*, planned: bool) -> str:
    """Decide which lines are to be written, and what is known without a request.

    What HubSpot refused is about a record that is gone or has too many of them, which may pass: so some are
    asked for again, others each time.
    """
    refused = "l.row IS NOT NULL AND r.row IS NULL"
    unsent = refused if planned else "l.id IS NULL"
    again = f"(o.code = '{UNNAMED}' OR o.turn <= {0 if planned else MOST_AGAIN})"
    rejected = f"o.key IS NOT NULL AND NOT {again} AND NOT coalesce(r.changed, false)"
    return f"""UPDATE association_lines SET outcome = d.outcome, code = d.code, message = d.message FROM (
            SELECT l.line,
                CASE WHEN l.unreadable THEN 'rejected'
                    WHEN l.target_id IS NULL THEN 'unresolved'
                    WHEN {unsent} THEN 'unsent'
                    WHEN r.inline AND l.resolved_early THEN 'associated'
                    WHEN {rejected} THEN 'rejected'
                    WHEN l.row IS NOT NULL AND NOT r.changed AND o.key IS NULL THEN 'unchanged'
                    ELSE 'open' END AS outcome,
                CASE WHEN l.unreadable THEN l.code WHEN {rejected} THEN o.code END AS code,
                CASE WHEN l.unreadable THEN l.message
                    WHEN l.target_id IS NULL THEN 'No record has this key in ' || p.sync || ' yet.'
                    WHEN {refused} THEN 'Its row was rejected.'
                    WHEN {unsent} THEN 'Its row has no record yet.'
                    WHEN {rejected} THEN o.message END AS message
            FROM association_lines l JOIN association_places p USING (place)
            LEFT JOIN association_rows r ON r.row = l.row
            LEFT JOIN (
                SELECT *, row_number() OVER (PARTITION BY code = '{UNNAMED}' ORDER BY luck) AS turn
                FROM (SELECT *, random() AS luck FROM association_open)
                WHERE outcome = 'rejected' AND target_id IS NOT NULL) o
            ON o.key = l.key AND o.name = p.name AND o.target_id = l.target_id) d
        WHERE d.line = association_lines.line"""


def to_add(places: str, *, away: bool) -> str:
    """Read what records lack; with ``away`` those of rows that are away alone."""
    some = f"outcome = 'open' AND place IN ({places}) {'AND row IS NULL' if away else ''}"
    return f"SELECT line, key, id, target_id, place FROM association_lines WHERE {some} ORDER BY id, line"


def to_replace(places: str, *, both_ends: bool) -> str:
    """Read all that the records want which shall lose what their rows do not name.

    Between records of one type (``both_ends``) an association is of both: what the other end's row wants
    stays. What an unreadable cell means is not known: by its line, which gets no verdict, its record keeps
    what it has.
    """
    some = f"target_id IS NOT NULL AND place IN ({places})"
    of_others = (
        f"UNION ALL SELECT -1, target_id, id, place FROM association_lines WHERE id IS NOT NULL AND {some}"
    )
    return f"""WITH chosen AS (
            SELECT id, key FROM association_rows WHERE id IS NOT NULL AND NOT inline AND (changed OR written)
            UNION SELECT id, key FROM association_lines
                WHERE outcome = 'open' AND row IS NOT NULL AND place IN ({places})),
        kept AS (
            SELECT line, id, target_id, place FROM association_lines
            WHERE row IS NOT NULL AND (unreadable OR target_id IS NOT NULL) AND place IN ({places})
            {of_others if both_ends else ""})
        SELECT coalesce(k.line, -1) AS line, key, id, k.target_id, coalesce(k.place, -1) AS place
        FROM chosen LEFT JOIN kept k USING (id) ORDER BY id, line"""


KEYS_AWAY = """SELECT key FROM known
    WHERE id IN (SELECT unnest($ids)) AND key NOT IN (SELECT key FROM staged)"""

TAKE_VERDICTS = """UPDATE association_lines l SET outcome = v.outcome, code = v.code, message = v.message
    FROM association_verdicts v WHERE v.line = l.line AND l.outcome = 'open'"""


def leave_the_rest(*, adopted: bool) -> str:
    """Call what was not written unsent, and say why."""
    why = "Adopting writes none: the next sync does." if adopted else "The run stopped before it."
    return f"UPDATE association_lines SET outcome = 'unsent', message = '{why}' WHERE outcome = 'open'"


# What was written for a row that is away is not in its hash: once it is back, it is looked at. So is what a
# killed run, or the row of the other end, may have written meanwhile; and, with ``replace``, the record of a
# row that had a cell that cannot be read: it kept what it had. A no that names no record is asked for again.
MAKE_STATE = f"""CREATE TABLE association_state AS
    SELECT r.key, CASE WHEN r.reverted AND NOT r.changed THEN r.before
        WHEN u.row IS NULL AND r.id IS NOT NULL THEN r.digest END AS digest
    FROM association_rows r LEFT JOIN (
        SELECT DISTINCT row FROM association_lines JOIN association_places USING (place)
        WHERE outcome IN ('unknown', 'unsent') OR (unreadable AND replaces) OR code = '{UNNAMED}'
        UNION SELECT row FROM association_rows JOIN association_others USING (id)) u USING (row)
    UNION
    SELECT DISTINCT key, NULL FROM association_lines
    WHERE row IS NULL AND outcome IN ('associated', 'unknown');
    INSERT INTO association_state SELECT DISTINCT key, NULL FROM known
    WHERE key IN (FROM association_again UNION FROM association_ends)
        AND key NOT IN (SELECT key FROM association_state)"""

COUNTS = "SELECT outcome, count(*) FROM association_lines GROUP BY outcome"

COUNT_WANTED = """SELECT (SELECT count(*) FROM wanted_once) + (SELECT count(*) FROM association_away)
    - (SELECT count(*) FROM association_refused WHERE told_already)"""


def count_open(places: str, what: str = "*") -> str:
    """Count how many lines (or distinct values of a column) a run would write, those among them that HubSpot
    refused and that it asks for once more.
    """
    of_outcome = f"SELECT count({what}) FROM association_lines WHERE place IN ({places}) AND outcome ="
    refused = f"({of_outcome} 'rejected' AND NOT unreadable)"
    return f"SELECT ({of_outcome} 'open') + least({MOST_AGAIN}, {refused})"


def ids_of_keys(table: str) -> str:
    """Read the record ids of the keys of ``asked`` in their order; a key's folded spelling counts behind its
    own.
    """
    return f"""WITH spelt AS (
            SELECT place, key, 0 AS rank FROM asked
            UNION ALL SELECT place, folded, 1 FROM asked WHERE folded <> key)
        SELECT arg_min(t.id, rank) AS id FROM spelt LEFT JOIN {table} t USING (key)
        GROUP BY place ORDER BY place"""


def make_row_associations(*, to: str, label: str, label_type: str, name: str, target_key: str) -> str:
    """Make the lines of a run whose rows are associations themselves. All is given as SQL."""
    return f"""CREATE TABLE row_associations AS
        SELECT f.row AS line, f.keys, {to} AS "to", {label} AS label,
            {target_key} AS target_key, json_extract_string(t.associations, '$[0].to.id') AS target_id,
            CASE WHEN f.outcome = 'created' THEN 'associated'
                WHEN f.code = '{UNRESOLVED}' THEN 'unresolved'
                ELSE f.outcome END AS outcome,
            coalesce(f.code, f.category) AS error_code, f.message AS reason,
            {label_type} AS _label_type, f.key AS _key, s.record AS _record, {name} AS _name
        FROM final f
        LEFT JOIN association_texts t USING (row) LEFT JOIN association_sources s USING (row)"""


COUNT_PLANNED_ROWS = f"""SELECT outcome, count(*) FROM (
        SELECT CASE action WHEN 'associate' THEN 'associated' WHEN 'reverted' THEN 'unchanged'
            ELSE action END AS outcome FROM planned
        UNION ALL
        SELECT CASE WHEN code = '{UNRESOLVED}' THEN 'unresolved' ELSE 'rejected' END FROM rejected)
    GROUP BY outcome"""


def take_kept_lines(path: str) -> str:
    """Take from the table of an earlier run what explains the hash of a row's associations."""
    return f"""INSERT INTO kept_lines
        WITH lines AS (
            SELECT _key AS key, _record AS record, _name AS name, target_key, target_id, outcome
            FROM read_parquet({path})
            WHERE target_id IS NOT NULL AND _record IS NOT NULL AND _key IN (SELECT key FROM unexplained)),
        hashes AS (SELECT key, {hash_of("name", "target_id")} AS digest FROM lines GROUP BY key)
        SELECT l.* FROM lines l JOIN hashes h USING (key) JOIN unexplained u USING (key)
        WHERE u.digest = h.digest OR (u.digest IS NULL AND l.outcome IN ('associated', 'unchanged'))"""


def make_rows_to_look_at(*, keys: str, digest: str, some: str) -> str:
    """Make the rows of an ids table whose associations are held against the portal. All is given as SQL."""
    return f"""CREATE TABLE association_rows AS
        SELECT _key AS key, coalesce(m.now, hs_object_id) AS record, struct_pack({keys}) AS keys,
            {digest} AS digest
        FROM chosen c LEFT JOIN records m ON m.key = c._key
        WHERE {some} AND error_code IS DISTINCT FROM '{REVERTED}'"""
