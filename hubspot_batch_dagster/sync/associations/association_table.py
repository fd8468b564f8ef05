"""A run's associations as DuckDB tables: what its rows want, what is known of it, and what became of each.

An association is accounted for like a row: wanted = associated + unchanged + unresolved + rejected +
unknown + unsent. The ids table keeps one hash for each row's associations, with the record ids that they
lead to; where it is the same, nothing is sent. Only those that are still open (unresolved or rejected) are
kept as lines, in a file of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.api.errors import ConservationError
from hubspot_batch_dagster.sync.associations.lines import (
    RemovedAssociation,
    WantedAssociation,
    hash_of,
)
from hubspot_batch_dagster.sync.associations.types import TypedAssociation
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import LIVE, literal
from hubspot_batch_dagster.sync.staging.stored_keys import exactly

OUTCOMES = ("associated", "unchanged", "unresolved", "rejected", "unknown", "unsent")
UNRESOLVED = "UNRESOLVED_ASSOCIATION"
"""The code of a row, or an association, that names a key without a record."""

_WRITTEN = "('create', 'upsert', 'update')"


@dataclass(frozen=True)
class AssociationTable:
    """The associations of a run's rows.

    Attributes:
        stage: The rows, their plan and, after delivery, their outcomes.
        associations: Those of the operation, with their types.
        ids_tables: Sync -> table of its keys and record ids.
        own: The sync of this run, whose records may be the ends of its own associations.
        object_type: Of its records.
    """

    stage: StagingArea
    associations: Sequence[TypedAssociation]
    ids_tables: dict[str, str]
    own: str
    object_type: str

    def replaces_to(self, to: str | None = None) -> bool:
        """Whether records lose associations (to an object type) that their rows do not name."""
        return any(each.replace for each in self.associations if to in (None, each.to))

    def make(
        self,
        open_file: Path | None,
        *,
        found_rows: Iterable[int],
        again: Iterable[str],
        every: bool,
        planned: bool,
    ) -> None:
        """Bring together what the rows want, their records, and what is known of both.

        Args:
            open_file: The open associations of the last run.
            found_rows: Rows to create whose record was there already; its request may have named others.
            again: Keys of rows whose last requests may be carried out late: they are written again.
            every: Write, or look at, all of them, whatever is known.
            planned: Nothing was sent: rows that would be are taken as written.
        """
        self._make_places()
        self._make_rows(found_rows, again, every=every, planned=planned)
        self._take_open(open_file)
        self._make_lines()
        self._resolve()
        self._make_digests()
        self._decide(planned=planned)

    def to_write(self, to: str, size: int, *, prune: bool) -> Iterator[list[WantedAssociation]]:
        """Yield what to write to an object type, in groups of whole records of about ``size`` associations.

        Args:
            to: The object type.
            size: Associations in a group.
            prune: Records that shall lose what their rows do not name, each with all that it wants; otherwise
                what the other records lack. Of a row that is away nothing is known but that, so it loses
                nothing.
        """
        query = self._to_replace(to) if prune else self._to_add(to)
        group: list[WantedAssociation] = []
        for batch in self.stage.stream(query):
            for line in zip(*(each.to_pylist() for each in batch.columns), strict=True):
                each = WantedAssociation(*line)
                if len(group) >= size and group[-1].record != each.record:
                    yield group
                    group = []
                group.append(each)
        if group:
            yield group

    def _to_add(self, to: str) -> str:
        away = "AND row IS NULL" if self.replaces_to(to) else ""
        return f"""SELECT line, key, id, target_id, place FROM association_lines
            WHERE outcome = 'open' AND place IN ({self._places_to(to)}) {away} ORDER BY id, line"""

    def _to_replace(self, to: str) -> str:
        places = self._places_to(to)
        some = f"target_id IS NOT NULL AND place IN ({places})"
        # Between records of one type an association is of both: what the row of the other end wants stays.
        of_others = (
            "UNION ALL SELECT -1, target_id, id, place FROM association_lines WHERE id IS NOT NULL AND"
            f" {some}"
        )
        return f"""WITH chosen AS (
                SELECT id, key FROM association_rows WHERE id IS NOT NULL AND NOT inline AND (changed
                    OR written)
                UNION SELECT id, key FROM association_lines WHERE outcome = 'open' AND row IS NOT NULL
                    AND place IN ({places})),
            kept AS (SELECT line, id, target_id, place FROM association_lines WHERE row IS NOT NULL AND {some}
                {of_others if to == self.object_type else ""})
            SELECT coalesce(k.line, -1) AS line, key, id, k.target_id, coalesce(k.place, -1) AS place
            FROM chosen LEFT JOIN kept k USING (id) ORDER BY id, line"""

    def note(self, verdicts: dict[int, Verdict]) -> None:
        """Note lines that are ``associated``, ``unchanged``, ``rejected``, ``unknown`` in HubSpot's words."""
        lines = [line for line in verdicts if line >= 0]
        if not lines:
            return
        columns: dict[str, Any] = {
            "line": pa.array(lines, pa.int64()),
            "outcome": pa.array([verdicts[i].outcome for i in lines], pa.string()),
            "code": pa.array([verdicts[i].code or verdicts[i].category for i in lines], pa.string()),
            "message": pa.array([verdicts[i].message for i in lines], pa.string()),
        }
        self.stage.insert("association_verdicts", pa.table(columns))

    def keys_away(self, to: str, ended: Sequence[RemovedAssociation]) -> list[str]:
        """Note and return keys of rows away whose records lose associations through the other end's row."""
        if to != self.object_type or not ended:
            return []
        query = (
            "SELECT key FROM known WHERE id IN (SELECT unnest($ids)) AND key NOT IN (SELECT key FROM staged)"
        )
        keys = [str(key) for (key,) in self.stage.ask(query, {"ids": [each.target for each in ended]})]
        if keys:
            self.stage.insert("association_ends", pa.table({"key": pa.array(keys, pa.string())}))
        return keys

    def note_others(self, records: set[str]) -> None:
        """Note records with associations that ``replace`` would remove: the next run looks at them."""
        self.stage.insert("association_others", pa.table({"id": pa.array(sorted(records), pa.string())}))

    def conclude(self) -> dict[str, int]:
        """Give each association its outcome.

        Returns:
            Outcome -> associations.

        Raises:
            ConservationError: They do not add up to what was wanted.
        """
        db = self.stage.db
        db.execute("""UPDATE association_lines l SET outcome = v.outcome, code = v.code, message = v.message
            FROM association_verdicts v WHERE v.line = l.line AND l.outcome = 'open'""")
        db.execute(
            "UPDATE association_lines SET outcome = 'unsent', message = 'The run stopped before it.' WHERE"
            " outcome = 'open'"
        )
        db.execute(
            """CREATE TABLE association_state AS
            SELECT r.key, CASE WHEN r.reverted AND NOT r.changed THEN r.before WHEN u.row IS NULL
                AND r.id IS NOT NULL THEN r.digest END AS digest
            FROM association_rows r LEFT JOIN (
                SELECT DISTINCT row FROM association_lines WHERE outcome IN ('unknown', 'unsent')
                UNION SELECT row FROM association_rows JOIN association_others USING (id)) u USING (row)
            -- What was written for a row that is away is not in its hash: once it is back, it is looked at.
            UNION
            SELECT DISTINCT key, NULL FROM association_lines
                WHERE row IS NULL AND outcome IN ('associated', 'unknown')"""
        )
        db.execute(
            # So are those of which a killed run, or the row of the other end, may have written something
            # meanwhile.
            """INSERT INTO association_state SELECT DISTINCT key, NULL FROM known
            WHERE key IN (FROM association_again UNION FROM association_ends)
                AND key NOT IN (SELECT key FROM association_state)"""
        )
        return self.counts()

    def counts(self) -> dict[str, int]:
        """Outcome -> associations; those that a plan would write are ``open``.

        Raises:
            ConservationError: They do not add up to what was wanted.
        """
        query = "SELECT outcome, count(*) FROM association_lines GROUP BY outcome"
        found = {str(name): int(n) for name, n in self.stage.db.execute(query).fetchall()}
        wanted = self.stage.count(
            """SELECT (SELECT count(*) FROM wanted_once) - (SELECT count(*) FROM association_refused
                WHERE told_already)
                + (SELECT count(*) FROM association_away)"""
        )
        if sum(found.values()) != wanted or not found.keys() <= {*OUTCOMES, "open"}:
            raise ConservationError(f"{wanted} associations are wanted, and their outcomes are {found}.")
        return found

    def requests(self, per_request: int, read_at_once: int) -> int:
        """How many requests it takes to write what is open, if HubSpot refuses nothing."""
        requests = 0
        for to in dict.fromkeys(each.to for each in self.associations):
            some = f"FROM association_lines WHERE outcome = 'open' AND place IN ({self._places_to(to)})"
            requests += -(-self.stage.count(f"SELECT count(*) {some}") // per_request)
            if any(each.to == to and (each.replace or not each.plain) for each in self.associations):
                requests += -(-self.stage.count(f"SELECT count(DISTINCT key) {some}") // read_at_once)
        return requests

    def _places_to(self, to: str) -> str:
        return ", ".join(str(i) for i, each in enumerate(self.associations) if each.to == to)

    def _make_places(self) -> None:
        """Make what stands behind the number of an association in the operation."""
        columns: dict[str, Any] = {
            "place": pa.array(range(len(self.associations)), pa.int32()),
            "name": pa.array([each.name for each in self.associations], pa.string()),
            "to": pa.array([each.to for each in self.associations], pa.string()),
            "label": pa.array([each.label for each in self.associations], pa.string()),
            "sync": pa.array([each.association.through for each in self.associations], pa.string()),
            "label_type": pa.array(
                [None if each.plain else json.dumps(each.type) for each in self.associations], pa.string()
            ),
        }
        self.stage.db.execute("""CREATE TABLE association_places
            (place INTEGER, name VARCHAR, "to" VARCHAR, label VARCHAR, sync VARCHAR, label_type VARCHAR)""")
        self.stage.insert("association_places", pa.table(columns))
        self.stage.db.execute("CREATE TABLE association_others (id VARCHAR)")
        self.stage.db.execute("CREATE TABLE association_ends (key VARCHAR)")
        self.stage.db.execute(
            "CREATE TABLE association_verdicts (line BIGINT, outcome VARCHAR, code VARCHAR, message VARCHAR)"
        )

    def _make_rows(
        self, found_rows: Iterable[int], again: Iterable[str], *, every: bool, planned: bool
    ) -> None:
        """Make the rows that want associations, or may lose some, with the record of each."""
        stage = self.stage
        stage.flush()
        stage.db.execute("CREATE TABLE association_found (row BIGINT)")
        stage.insert("association_found", pa.table({"row": pa.array(list(found_rows), pa.int64())}))
        stage.db.execute("CREATE TABLE association_again (key VARCHAR)")
        stage.insert("association_again", pa.table({"key": pa.array(sorted(set(again)), pa.string())}))
        concerned = "" if self.replaces_to() else "AND s.row IN (SELECT row FROM wanted)"
        given = f"p.action IN {_WRITTEN}" if planned else f"o.outcome IN {LIVE} AND p.action IN {_WRITTEN}"
        stage.db.execute(f"""CREATE TABLE association_rows AS
            WITH o AS (
                SELECT row, arg_max(outcome, seq) AS outcome, arg_max(id, seq) FILTER (id IS NOT NULL) AS id
                FROM settled GROUP BY row),
            records AS (
                SELECT s.row, s.key, s.keys, p.action, k.associations AS before,
                    CASE WHEN o.outcome IN {LIVE} OR (o.outcome IS NULL AND p.action NOT IN ('rejected',
                        'missing'))
                            OR o.outcome = 'unknown' AND k.id IS NOT NULL
                        THEN coalesce(o.id, p.known_id) END AS id,
                    coalesce({given}, false) AS written,
                    p.action = 'create' AND {"true" if planned else "coalesce(o.outcome = 'created', false)"}
                        AND s.row NOT IN (SELECT row FROM association_found) AS inline,
                    {str(every).lower()} OR s.key IN (FROM association_again)
                        OR (o.id IS NOT NULL AND o.id IS DISTINCT FROM k.id) AS again, -- it has none
                    p.action = 'reverted' AS reverted
                FROM staged s JOIN plan p USING (row) LEFT JOIN o USING (row) LEFT
                    JOIN known k ON k.key = s.key
                WHERE s.row < {stage.rows_in} AND p.action <> 'gone' {concerned})
            SELECT * REPLACE (CASE WHEN row_number() OVER (PARTITION BY id ORDER BY row) = 1 THEN id
                END AS id),
                NULL::VARCHAR AS digest, false AS changed
            FROM records""")

    def _take_open(self, file: Path | None) -> None:
        keys = self.stage.type_of_keys()
        columns = (
            f"key VARCHAR, keys {keys}, name VARCHAR, target_key VARCHAR, target_id VARCHAR, outcome VARCHAR,"
            " code VARCHAR, message VARCHAR"
        )
        self.stage.db.execute(f"CREATE TABLE association_open ({columns})")
        if file is not None:
            source = f"read_parquet({literal(str(file))})"
            stored = self.stage.ask(f"SELECT column_type FROM (DESCRIBE SELECT keys FROM {source})")[0][0]
            self.stage.db.execute(
                f"""INSERT INTO association_open SELECT key, {exactly("keys", keys, str(stored))}, name,
                    target_key,
                    target_id, outcome, code, message FROM {source}"""
            )

    def _make_lines(self) -> None:
        """One line for each association that a row wants, and for open ones of rows that are away this time.

        A row that was rejected here wants associations too. What another row of its key wants as well, or
        what is open of an earlier run, is told there.
        """
        rows_in, db = self.stage.rows_in, self.stage.db
        db.execute(
            """CREATE VIEW wanted_once AS
            SELECT row, place, min(target_key) AS target_key, target_id FROM wanted
            WHERE target_id IS NOT NULL GROUP BY row, place, target_id
            UNION ALL
            SELECT DISTINCT row, place, target_key, NULL FROM wanted WHERE target_id IS NULL
                AND target_key IS NOT NULL"""
        )
        db.execute(f"""CREATE TABLE association_away AS
            SELECT NULL::BIGINT AS row, o.key, o.keys, k.id, p.place, o.target_key, o.target_id
            FROM association_open o JOIN association_places p USING (name) JOIN known k USING (key)
            WHERE o.key NOT IN (SELECT key FROM staged WHERE row < {rows_in})
                AND k.id IS NOT NULL AND k.outcome <> 'archived'
                AND k.id NOT IN (SELECT id FROM settled WHERE outcome = 'archived' AND id IS NOT NULL)""")
        db.execute("""CREATE TABLE association_given AS
            SELECT w.row, r.key, r.keys, r.id, w.place, w.target_key, w.target_id
            FROM wanted_once w JOIN association_rows r USING (row)""")
        db.execute("""CREATE TABLE association_refused AS
            WITH told AS (FROM association_given UNION ALL FROM association_away)
            SELECT w.row, r.key, r.keys, NULL::VARCHAR AS id, w.place, w.target_key, w.target_id,
                EXISTS (FROM told t WHERE t.key = r.key AND t.place = w.place
                    AND (t.target_id = w.target_id OR t.target_key = w.target_key)) AS told_already
            FROM wanted_once w JOIN rejected r USING (row)""")
        db.execute("""CREATE TABLE association_lines AS
            SELECT row_number() OVER (ORDER BY row, place) AS line, *, NULL::VARCHAR AS outcome,
                NULL::VARCHAR AS code,
                NULL::VARCHAR AS message, target_id IS NOT NULL AS resolved_early
            FROM (FROM association_given UNION ALL FROM association_away
                UNION ALL SELECT * EXCLUDE (told_already) FROM association_refused WHERE NOT told_already)""")

    def _resolve(self) -> None:
        """Look keys up again that may have a record by now: of this run's own rows, and of rows away."""
        db = self.stage.db
        for place, each in enumerate(self.associations):
            sync = each.association.through
            if sync is None:
                continue
            table = self.ids_tables[sync]
            if sync == self.own:
                table = "association_own_records"
                self._make_own_records()
            db.execute(f"""UPDATE association_lines SET target_id = t.id FROM {table} t
                WHERE place = {place} AND target_id IS NULL AND t.key = target_key""")
            db.execute(f"""UPDATE association_lines SET target_id = t.id FROM {table} t
                WHERE place = {place} AND target_id IS NULL AND contains(target_key, '@')
                    AND t.key = lower(trim(target_key))""")

    def _make_own_records(self) -> None:
        self.stage.db.execute(f"""CREATE TABLE IF NOT EXISTS association_own_records AS
            SELECT key, arg_max(id, fresh) AS id FROM (
                SELECT key, id, 0 AS fresh FROM known WHERE id IS NOT NULL AND outcome <> 'archived'
                UNION ALL
                SELECT s.key, o.id, 1 + o.seq FROM staged s JOIN settled o USING (row)
                WHERE o.id IS NOT NULL AND o.outcome IN {LIVE})
            GROUP BY key""")

    def _make_digests(self) -> None:
        self.stage.db.execute(f"""UPDATE association_rows SET digest = d.digest FROM (
                SELECT r.row, {hash_of("p.name", "l.target_id")} AS digest
                FROM association_rows r LEFT JOIN association_lines l ON l.row = r.row
                    AND l.target_id IS NOT NULL
                LEFT JOIN association_places p USING (place) GROUP BY r.row) d
            WHERE d.row = association_rows.row""")
        self.stage.db.execute(
            """UPDATE association_rows SET changed = CASE WHEN reverted THEN coalesce(before <> digest, false)
                ELSE again OR before IS DISTINCT FROM digest END"""
        )

    def _decide(self, *, planned: bool) -> None:
        """Decide what of it is to be written, and what is known without a request."""
        refused = "l.row IS NOT NULL AND r.row IS NULL"
        unsent = refused if planned else "l.id IS NULL"
        self.stage.db.execute(
            f"""UPDATE association_lines SET outcome = d.outcome, code = d.code, message = d.message FROM (
                SELECT l.line,
                    CASE WHEN l.target_id IS NULL THEN 'unresolved'
                        WHEN {unsent} THEN 'unsent'
                        WHEN r.inline AND l.resolved_early THEN 'associated'
                        WHEN o.key IS NOT NULL AND NOT coalesce(r.changed, false) THEN 'rejected'
                        WHEN l.row IS NOT NULL AND NOT r.changed THEN 'unchanged'
                        ELSE 'open' END AS outcome,
                    CASE WHEN o.key IS NOT NULL AND NOT coalesce(r.changed, false) THEN o.code END AS code,
                    CASE WHEN l.target_id IS NULL THEN 'No record has this key in ' || p.sync || ' yet.'
                        WHEN {refused} THEN 'Its row was rejected.'
                        WHEN {unsent} THEN 'Its row has no record yet.'
                        WHEN o.key IS NOT NULL AND NOT coalesce(r.changed, false) THEN o.message
                            END AS message
                FROM association_lines l JOIN association_places p USING (place)
                LEFT JOIN association_rows r ON r.row = l.row
                LEFT JOIN association_open o ON o.outcome = 'rejected' AND o.key = l.key AND o.name = p.name
                    AND o.target_id = l.target_id) d
            WHERE d.line = association_lines.line"""
        )
