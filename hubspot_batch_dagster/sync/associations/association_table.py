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
from hubspot_batch_dagster.sync.associations import association_statements
from hubspot_batch_dagster.sync.associations.lines import RemovedAssociation, WantedAssociation
from hubspot_batch_dagster.sync.associations.types import TypedAssociation
from hubspot_batch_dagster.sync.batches.verdict import Verdict
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import literal

OUTCOMES = ("associated", "unchanged", "unresolved", "rejected", "unknown", "unsent")


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
        db = self.stage.db
        lines = (
            association_statements.MAKE_GIVEN,
            association_statements.MAKE_REFUSED,
            association_statements.MAKE_LINES,
        )
        for statement in (
            association_statements.WANTED_ONCE,
            association_statements.make_away(self.stage.rows_in),
            *lines,
        ):
            db.execute(statement)
        self._resolve()
        for statement in (
            association_statements.MAKE_DIGESTS,
            association_statements.MARK_CHANGED,
            association_statements.decide(planned=planned),
        ):
            db.execute(statement)

    def to_write(self, to: str, size: int, *, prune: bool) -> Iterator[list[WantedAssociation]]:
        """Yield what to write to an object type, in groups of whole records of about ``size`` associations.

        Args:
            to: The object type.
            size: Associations in a group.
            prune: Records that shall lose what their rows do not name, each with all that it wants; otherwise
                what the other records lack. Of a row that is away nothing is known but that, so it loses
                nothing.
        """
        places = self._places_to(to)
        if prune:
            query = association_statements.to_replace(places, both_ends=to == self.object_type)
        else:
            query = association_statements.to_add(places, away=self.replaces_to(to))
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
        ids = {"ids": [each.target for each in ended]}
        keys = [str(key) for (key,) in self.stage.ask(association_statements.KEYS_AWAY, ids)]
        if keys:
            self.stage.insert("association_ends", pa.table({"key": pa.array(keys, pa.string())}))
        return keys

    def note_others(self, records: set[str]) -> None:
        """Note records with associations that ``replace`` would remove: the next run looks at them."""
        self.stage.insert("association_others", pa.table({"id": pa.array(sorted(records), pa.string())}))

    def conclude(self, *, adopted: bool = False) -> dict[str, int]:
        """Give each association its outcome.

        Args:
            adopted: The run looked and wrote none.

        Returns:
            Outcome -> associations.

        Raises:
            ConservationError: They do not add up to what was wanted.
        """
        for statement in (
            association_statements.TAKE_VERDICTS,
            association_statements.leave_the_rest(adopted=adopted),
            association_statements.MAKE_STATE,
        ):
            self.stage.db.execute(statement)
        return self.counts()

    def counts(self) -> dict[str, int]:
        """Outcome -> associations; those that a plan would write are ``open``.

        Raises:
            ConservationError: They do not add up to what was wanted.
        """
        found = {
            str(name): int(n) for name, n in self.stage.db.execute(association_statements.COUNTS).fetchall()
        }
        wanted = self.stage.count(association_statements.COUNT_WANTED)
        if sum(found.values()) != wanted or not found.keys() <= {*OUTCOMES, "open"}:
            raise ConservationError(f"{wanted} associations are wanted, and their outcomes are {found}.")
        return found

    def requests(self, per_request: int, read_at_once: int) -> int:
        """How many requests it takes to write what is open, if HubSpot refuses nothing."""
        requests = 0
        for to in dict.fromkeys(each.to for each in self.associations):
            places = self._places_to(to)
            requests += -(-self.stage.count(association_statements.count_open(places)) // per_request)
            if any(each.to == to and (each.replace or not each.plain) for each in self.associations):
                requests += -(
                    -self.stage.count(association_statements.count_open(places, "DISTINCT key"))
                    // read_at_once
                )
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
            "replaces": pa.array([self.replaces_to(each.to) for each in self.associations], pa.bool_()),
        }
        self.stage.db.execute(association_statements.MAKE_TABLES)
        self.stage.insert("association_places", pa.table(columns))

    def _make_rows(
        self, found_rows: Iterable[int], again: Iterable[str], *, every: bool, planned: bool
    ) -> None:
        """Make the rows that want associations, or may lose some, with the record of each."""
        stage = self.stage
        stage.flush()
        stage.insert("association_found", pa.table({"row": pa.array(list(found_rows), pa.int64())}))
        stage.insert("association_again", pa.table({"key": pa.array(sorted(set(again)), pa.string())}))
        stage.db.execute(
            association_statements.make_rows(
                stage.rows_in, only_wanting=not self.replaces_to(), every=every, planned=planned
            )
        )

    def _take_open(self, file: Path | None) -> None:
        keys = self.stage.type_of_keys()
        self.stage.db.execute(association_statements.make_open(keys))
        if file is not None:
            source = f"read_parquet({literal(str(file))})"
            stored = self.stage.ask(f"SELECT column_type FROM (DESCRIBE SELECT keys FROM {source})")[0][0]
            self.stage.db.execute(association_statements.take_open(source, keys, str(stored)))

    def _resolve(self) -> None:
        """Look keys up again that may have a record by now: of this run's own rows, and of rows away."""
        for place, each in enumerate(self.associations):
            sync = each.association.through
            if sync is None:
                continue
            table = self.ids_tables[sync]
            if sync == self.own:
                table = "association_own_records"
                self.stage.db.execute(association_statements.OWN_RECORDS)
            for statement in association_statements.resolve(place, table):
                self.stage.db.execute(statement)
