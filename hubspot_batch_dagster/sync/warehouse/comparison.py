"""The comparison: which rows of a query must be moved, asked of the database that has them.

The query is evaluated once, into a temporary table of the session; every question is asked of that and of the
ids table. A row stays where it is only if a settled line of the ids table was made of the very same cells
under the same definition, and nothing that this run does could concern it. All others are candidates: they
are moved, and from there on everything is as it is for any table. A candidate may turn out to be unchanged; a
row that stays may not have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.sync.staging.elsewhere import Elsewhere
from hubspot_batch_dagster.sync.staging.statements import LIVE, listed, literal, quoted
from hubspot_batch_dagster.sync.warehouse.engine import Engine, WarehouseAway
from hubspot_batch_dagster.sync.warehouse.merged_lines import MergedLines, Staged
from hubspot_batch_dagster.sync.warehouse.plain_rows import plain_reader, plain_stream
from hubspot_batch_dagster.sync.warehouse.source_digest import source_digest, without_text
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import (
    Registered,
    WarehouseIds,
    check_age,
)
from hubspot_batch_dagster.table.kernels import Array
from hubspot_batch_dagster.table.parquet import stored_batches
from hubspot_batch_dagster.table.rows import RowStream

T = TypeVar("T")

SHAPE, ROWS, MOVED = "hubspot_shape", "hubspot_rows", "hubspot_moved"
KEYS, JOURNAL, GONE = "hubspot_keys", "hubspot_journal", "hubspot_gone"
CONCERNED, RECORDS = "hubspot_concerned", "hubspot_records"
_OURS = ("place", "source_key", "source")

SAMPLE = 100
"""Rows that are always moved: a look at their records tells whether this is the portal that is meant."""

MANY = 0.5
"""The share of known rows from which the reason for moving so many is said before they are."""


@dataclass(frozen=True)
class Choice:
    """What decides which rows are moved.

    Attributes:
        whole: Why all of them are, and all lines of the ids table, if so.
        every_row: Why all of them are, and only the lines that concern them, if so.
        definition: Hash of all that decides what is sent and how.
        mapped: The columns that are compared.
        done: The outcomes of settled rows.
        gone: Whether rows that left the source matter.
        named: Row keys that the journal names.
    """

    whole: str | None
    every_row: str | None
    definition: str
    mapped: Sequence[str]
    done: Sequence[str]
    gone: bool
    named: Sequence[str]


@dataclass(frozen=True)
class Compared:
    """What the comparison came to.

    Attributes:
        rows: Rows of the query.
        moved: Those that are moved.
        reasons: Why, in words, with how many.
    """

    rows: int
    moved: int
    reasons: Mapping[str, int]


class Comparison(Elsewhere):
    """One query and one ids table, for one run.

    Args:
        engine: A session, which the caller closes.
        query: The rows.
        ids: The ids table.
        keys: The key columns.
        stored: What the ids table in the store says of itself.
        anew: What is known is made anew: a table that is gone, or older than the store knows of, counts as
            none.

    Attributes:
        keys: The key columns.
        types: The columns of the query and their types, in the engine's words.
        before: What the register knows of the sync.
        has_lines: Whether the ids table in the warehouse is the one that counts.
        overwritten: Keys of rows that stayed and over whose values this run wrote.

    Raises:
        StoreError: The ids table in the warehouse is an older one than the store knows of.
        InputError: The query cannot be evaluated, or has no such columns as are needed.
    """

    def __init__(
        self,
        engine: Engine,
        query: str,
        ids: WarehouseIds,
        keys: Sequence[str],
        stored: Mapping[str, Any] | None,
        *,
        anew: bool = False,
    ) -> None:
        self._engine = engine
        self._query = query
        self.ids = ids
        self.keys = tuple(keys)
        self._choice: Choice | None = None
        self._whole = False
        self._session = 0
        try:
            engine.make_again(SHAPE, f"SELECT * FROM ({query}) q LIMIT 0")
        except WarehouseAway:
            raise
        except StoreError as error:
            raise InputError(
                f"The query of the warehouse cannot be evaluated: {error.message}", remedy="Correct it."
            ) from None
        self.types = engine.types(SHAPE)
        taken = sorted(set(_OURS) & {name.lower() for name in self.types})
        if taken:
            raise InputError(
                f"The query has a column {taken[0]!r}, which is a name of the comparison's own.",
                remedy="Rename it with AS.",
            )
        self.before = ids.registered(lost=anew)
        self.has_lines = _counts(ids, self.before, stored, anew)
        self.overwritten: set[str] = set()

    @property
    def engine_name(self) -> str:
        """Of the engine."""
        return self._engine.name

    def without_text(self, columns: Sequence[str]) -> list[str]:
        """Return the columns whose type has no lossless text, each with its type."""
        return without_text(self._engine, columns, self.types)

    def shape(self) -> pa.Table:
        """Return the query without rows."""
        return self._engine.stream(f"SELECT * FROM {SHAPE}").read_all()

    def claim(self, generation: int, run: str) -> None:
        """Make the run the one that may write; see :meth:`WarehouseIds.claim`."""
        self.ids.claim(generation, run, self.keys, SHAPE)

    def choose(self, choice: Choice, keys_of: Callable[[pa.RecordBatch], Array]) -> Compared:
        """Evaluate the query, and choose the rows to move.

        Args:
            choice: What decides.
            keys_of: The row keys of a batch of rows, null where there is none.
        """
        self._choice = choice
        self._session = self._engine.sessions
        with self._engine.lock:
            self._evaluate(choice.mapped)
            rows = self._engine.count(f"SELECT count(*) FROM {ROWS}")
            self._whole = choice.whole is not None or not self.has_lines
            if self._whole:
                self._move(f"SELECT place FROM {ROWS}")
                return Compared(rows, rows, {})
            self._engine.load(JOURNAL, self._engine.texts(choice.named))
            all_rows = choice.every_row is not None
            self._move(f"SELECT place FROM {ROWS}" if all_rows else self._not_settled(choice))
            reasons = {} if all_rows else self._reasons(choice, rows)
            self._load_keys(keys_of)
            self._note_gone(choice)
            self._note_concerned()
            self._move(f"""SELECT place FROM {MOVED} UNION SELECT r.place FROM {CONCERNED} c
                JOIN {self.ids.table} l ON l._key = c.key JOIN {ROWS} r ON r.source_key = l._source_key""")
            moved = self._engine.count(f"SELECT count(*) FROM {MOVED}")
            self.rows = rows - moved
            if choice.gone:
                self.live = self._engine.count(f"""SELECT count(*) FROM {self.ids.table} l WHERE {_ALIVE}
                    AND NOT EXISTS (SELECT 1 FROM {CONCERNED} c WHERE c.key = l._key)""")
            return Compared(rows, moved, reasons)

    def candidates(self) -> RowStream:
        """Return the rows that are moved, in the order of the query."""
        columns = ", ".join(f"r.{quoted(each)}" for each in self.types)
        return plain_stream(
            self._engine.stream(
                f"SELECT {columns} FROM {MOVED} m JOIN {ROWS} r ON r.place = m.place ORDER BY m.number"
            )
        )

    def known(self, path: Path) -> Path:
        """Write what the ids table has of the rows that are moved, and of all else that concerns them, as an
        ids table's file.
        """
        assert self.before is not None
        return self.ids.copy(path, "true" if self._whole else f"l._key IN (SELECT key FROM {CONCERNED})")

    def merge(
        self,
        state: Path,
        pairs: Callable[[], pa.RecordBatchReader],
        about: str,
        *,
        generation: int,
        run: str,
    ) -> None:
        """Bring the outcomes into the ids table; see :meth:`WarehouseIds.merge`."""
        choice = self._choice
        assert choice is not None

        def go() -> None:
            file = pq.ParquetFile(state, pre_buffer=False)
            lines = pa.RecordBatchReader.from_batches(file.schema_arrow, stored_batches(file))
            self.ids.merge(
                MergedLines(plain_reader(lines), plain_reader(pairs()), sorted(self.overwritten), about),
                Staged(ROWS, MOVED),
                self.keys,
                choice.done,
                choice.definition,
                generation=generation,
                run=run,
                whole=self._whole,
            )

        self._in_session(go)

    def keys_of(self, ids: Sequence[str]) -> dict[str, str]:
        if self._whole or not self.rows or not ids:
            return {}
        query = f"""SELECT l.hs_object_id, l._key FROM {self.ids.table} l
            WHERE l.hs_object_id IN {listed(ids)} AND l.outcome IN {LIVE}
            AND EXISTS (SELECT 1 FROM {ROWS} r WHERE r.source_key = l._source_key)"""
        lines = self._in_session(lambda: self._engine.fetch(query))
        return {str(record): str(key) for record, key in lines}

    def keys_with(self, ids: Sequence[str]) -> set[str]:
        if self._whole or not self.has_lines or not ids:
            return set()
        query = f"""SELECT _key FROM {self.ids.table}
            WHERE hs_object_id IN {listed(ids)} AND outcome IN {LIVE}"""
        lines = self._engine.again(lambda: self._engine.fetch(query))
        return {str(key) for (key,) in lines}

    def claimed(self, ids: Sequence[str]) -> set[str]:
        if self._whole or not self.has_lines or not ids:
            return set()
        query = f"""SELECT hs_object_id FROM {self.ids.table}
            WHERE hs_object_id IN {listed(ids)} AND outcome <> 'archived'"""
        lines = self._engine.again(lambda: self._engine.fetch(query))
        return {str(record) for (record,) in lines}

    def _in_session(self, work: Callable[[], T]) -> T:
        """Do work that needs the rows, again where their session is lost. They are evaluated anew then,
        perhaps to others, so no row's hash is kept: the next run moves and compares what this one moved.
        """

        def go() -> T:
            if self._engine.sessions != self._session:
                assert self._choice is not None
                self._evaluate(self._choice.mapped)
                self._move(f"SELECT place FROM {ROWS} LIMIT 0")
                self._session = self._engine.sessions
            return work()

        return self._engine.again(go)

    def _evaluate(self, mapped: Sequence[str]) -> None:
        key = source_digest(self._engine, self.keys, self.types) or "NULL"
        source = source_digest(self._engine, sorted(mapped), self.types) or "NULL"
        self._engine.make_again(
            ROWS,
            f"""SELECT row_number() OVER () AS place, hashed.* FROM (
                SELECT {key} AS source_key, {source} AS source, q.*
                FROM ({self._query}) q {self._engine.apart}) hashed""",
        )
        self._engine.analyse(ROWS)

    def _move(self, places: str) -> None:
        """Choose rows: numbered as they stand in the query."""
        self._engine.make_again("hubspot_places", places)
        self._engine.make_again(
            MOVED, "SELECT row_number() OVER (ORDER BY place) - 1 AS number, place FROM hubspot_places"
        )
        self._engine.execute("DROP TABLE hubspot_places")

    def _not_settled(self, choice: Choice) -> str:
        """Return the rows without a settled line of the same cells; of several with one key all, for only one
        of them is sent.
        """
        return f"""SELECT r.place FROM {ROWS} r WHERE NOT EXISTS (
                SELECT 1 FROM {self.ids.table} l WHERE l._source_key = r.source_key AND l._source = r.source
                AND l._source_definition = {literal(choice.definition)} AND {_settled(choice)}
                AND NOT EXISTS (SELECT 1 FROM {JOURNAL} j WHERE j.key = l._key))
            UNION SELECT r.place FROM {ROWS} r JOIN (
                SELECT source_key FROM {ROWS} GROUP BY source_key HAVING count(*) > 1) d
                ON d.source_key = r.source_key
            UNION SELECT place FROM (SELECT place FROM {ROWS} ORDER BY source_key LIMIT {SAMPLE}) s"""

    def _note_concerned(self) -> None:
        """Note the keys of the lines that concern the rows that are moved: their own, those that the journal
        names, those whose rows are gone, those that share a record or had another one before a merge, and all
        that have a record in common with one of these.
        """
        engine, ids = self._engine, self.ids.table
        engine.make_again(
            CONCERNED,
            f"""SELECT key FROM {KEYS} UNION SELECT key FROM {JOURNAL} UNION SELECT key FROM {GONE}
            UNION SELECT _key FROM {ids} WHERE error_code = 'SAME_RECORD' OR _former IS NOT NULL""",
        )
        engine.analyse(CONCERNED)
        engine.make_again(
            RECORDS,
            f"""SELECT DISTINCT l.hs_object_id AS id FROM {CONCERNED} c JOIN {ids} l ON l._key = c.key
            WHERE l.hs_object_id IS NOT NULL""",
        )
        engine.analyse(RECORDS)
        engine.execute(
            f"""INSERT INTO {CONCERNED} SELECT l._key FROM {RECORDS} x JOIN {ids} l ON l.hs_object_id = x.id
            EXCEPT SELECT key FROM {CONCERNED}"""
        )

    def _load_keys(self, keys_of: Callable[[pa.RecordBatch], Array]) -> None:
        schema = pa.schema([("key", pa.string())])
        with self._engine.lock:
            found = [
                pa.record_batch([keys_of(each).drop_null()], schema=schema) for each in self.candidates()
            ]
            self._engine.load(KEYS, pa.RecordBatchReader.from_batches(schema, iter(found)))
            self._engine.analyse(KEYS)

    def _note_gone(self, choice: Choice) -> None:
        if not choice.gone:
            self._engine.load(GONE, self._engine.texts([]))
            return
        self._engine.make_again(
            GONE,
            f"""SELECT l._key AS key FROM {self.ids.table} l WHERE {_ALIVE}
            AND NOT EXISTS (SELECT 1 FROM {ROWS} r WHERE r.source_key = l._source_key)""",
        )
        self._engine.analyse(GONE)

    def _reasons(self, choice: Choice, rows: int) -> dict[str, int]:
        """Why so many are moved; asked only where they are many."""
        moved = self._engine.count(f"SELECT count(*) FROM {MOVED}")
        if moved <= max(SAMPLE, MANY * rows):
            return {}
        join = (
            f"FROM {MOVED} m JOIN {ROWS} r ON r.place = m.place LEFT JOIN {self.ids.table} l ON l._source_key"
            " = r.source_key"
        )
        defined = f"l._source_definition = {literal(choice.definition)}"
        cases = {
            "are not in the ids table, or were not compared before": "l._key IS NULL",
            "are not settled": f"l._key IS NOT NULL AND NOT coalesce({_settled(choice)}, false)",
            "were compared under another definition": f"l._source_definition IS NOT NULL AND NOT ({defined})",
            "have other cells": f"{defined} AND l._source IS DISTINCT FROM r.source",
            "have outcomes that only the journal has": (
                f"EXISTS (SELECT 1 FROM {JOURNAL} j WHERE j.key = l._key)"
            ),
        }
        counted = self._engine.fetch(
            f"SELECT {', '.join(f'count(CASE WHEN {case} THEN 1 END)' for case in cases.values())} {join}"
        )[0]
        return {said: int(n) for said, n in zip(cases, counted, strict=True) if n}


_ALIVE = "l.hs_object_id IS NOT NULL AND l.outcome <> 'archived'"


def _settled(choice: Choice) -> str:
    return f"l.outcome IN {listed(choice.done)} AND l._digest <> '' AND l.error_code IS NULL"


def _counts(
    ids: WarehouseIds, before: Registered | None, stored: Mapping[str, Any] | None, anew: bool
) -> bool:
    """Whether the table in the warehouse counts, and not the file in the store, which it may be taking the
    place of.
    """
    merged = before.merged if before is not None else None
    generation = int((stored or {}).get("generation", 0))
    if stored is not None and "warehouse" in stored and not anew:
        check_age(ids, before, generation)
    return merged is not None and (stored is None or merged >= generation)
