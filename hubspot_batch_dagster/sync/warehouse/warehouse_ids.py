"""The ids table of a sync as a table in the warehouse, and the register of which run may write it.

The columns are those of the file (:mod:`hubspot_batch_dagster.sync.state.ids_table`), and four more:
``_source_key`` and ``_source``, the hashes of the row's key columns and of its mapped columns as the engine
made them, ``_source_definition``, under which they were compared, and ``_generation``, the run that wrote the
line last.

A line of ``hubspot_syncs`` says which run is the latest: a run claims it at its beginning, and its outcomes
are merged in one transaction that begins with the claim. A run that was overtaken merges nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hubspot_batch_dagster.api.errors import Overtaken, StoreError
from hubspot_batch_dagster.sync.staging.staging_statements import same_record_message
from hubspot_batch_dagster.sync.staging.statements import LIVE, listed, literal, quoted
from hubspot_batch_dagster.sync.state.identity import Identity
from hubspot_batch_dagster.sync.state.ids_table import META
from hubspot_batch_dagster.sync.warehouse.engine import Engine
from hubspot_batch_dagster.sync.warehouse.merged_lines import (
    COLUMNS,
    OUTCOMES,
    OVERWRITTEN,
    OWN_COLUMNS,
    PAIRS,
    MergedLines,
    Staged,
    merge_statement,
)
from hubspot_batch_dagster.sync.warehouse.plain_rows import plain_stream

FORMAT = 1
REGISTER = "hubspot_syncs"
LONGEST = 63
"""Characters of a table's name; Postgres takes no more."""


@dataclass(frozen=True)
class Registered:
    """A sync's line in the register.

    Attributes:
        generation: Its latest run that claimed the table.
        run: Id of that run.
        merged: The generation whose outcomes are in the table; ``None`` before the first.
        about: What the table is about, as an ids table says it of itself.
    """

    generation: int
    run: str
    merged: int | None
    about: Mapping[str, Any]

    @property
    def identity(self) -> Identity | None:
        """What the sync is about; ``None`` before its first outcomes."""
        return Identity.from_mapping(self.about) if self.about else None


class WarehouseIds:
    """The ids table of one sync.

    Args:
        engine: A session.
        schema: Where the tables are.
        sync: Name of the sync.
    """

    def __init__(self, engine: Engine, schema: str, sync: str) -> None:
        self._engine = engine
        self._schema = schema
        self._sync = sync
        self._name = table_name(sync)
        self._register = f"{quoted(schema)}.{REGISTER}"

    @property
    def schema(self) -> str:
        """Where it is."""
        return self._schema

    @property
    def table(self) -> str:
        """The table, as SQL."""
        return f"{quoted(self._schema)}.{quoted(self._name)}"

    @property
    def exists(self) -> bool:
        """Whether it was made."""
        return self._engine.has_table(self._schema, self._name)

    @property
    def merged(self) -> int | None:
        """The generation whose outcomes are in the table; ``None`` where there is none, or a run that was
        refused made it.
        """
        found = self.registered()
        return None if found is None else found.merged

    def registered(self, *, lost: bool = False) -> Registered | None:
        """Return the line of the sync; ``None`` before its first run.

        Args:
            lost: A table that is gone is one that was never written.

        Raises:
            StoreError: The table was written by a newer version, or is gone.
        """
        if not self._engine.has_table(self._schema, REGISTER):
            return None
        found = self._engine.fetch(
            f"SELECT format, generation, run, merged, about FROM {self._register} WHERE sync ="
            f" {literal(self._sync)}"
        )
        if not found:
            return None
        form, generation, run, merged, about = found[0]
        if form > FORMAT:
            raise StoreError(
                f"The ids table {self.table} was written by a newer version (format {form}, this one reads"
                f" {FORMAT}).",
                remedy="Upgrade hubspot-batch-dagster.",
            )
        gone = merged is not None and not self.exists
        if gone and not lost:
            raise StoreError(
                f"The ids table {self.table} is gone, though the register knows that it was written.",
                remedy="Restore it. If it is lost, adopt the records from the portal.",
            )
        counted = None if merged is None or gone else int(merged)
        return Registered(int(generation), str(run), counted, json.loads(about or "{}"))

    def claim(self, generation: int, run: str, keys: Sequence[str], shape: str) -> None:
        """Make a run the one that may write, and make or complete the tables.

        Args:
            generation: Of the run.
            run: Its id.
            keys: The key columns.
            shape: A temporary table that has them, with their types.

        Raises:
            Overtaken: A later run has claimed it.
        """
        engine, sync = self._engine, literal(self._sync)
        self._make(keys, shape)
        with engine.transaction():
            engine.execute(
                f"""INSERT INTO {self._register} VALUES ({sync}, {literal(self._name)}, {FORMAT}, 0, '', NULL,
                    NULL)
                ON CONFLICT DO NOTHING"""
            )
            self.claim_again(generation, run)

    def claim_again(self, generation: int, run: str) -> None:
        """Do the same for a table that is there, within a transaction of the caller's."""
        self._engine.execute(f"""UPDATE {self._register} SET generation = {generation}, run = {literal(run)}
            WHERE sync = {literal(self._sync)} AND (generation < {generation} OR run = {literal(run)})""")
        self._check_latest(run)

    def merge(
        self,
        brought: MergedLines,
        staged: Staged,
        keys: Sequence[str],
        done: Sequence[str],
        definition: str,
        *,
        generation: int,
        run: str,
        whole: bool,
    ) -> None:
        """Bring the lines of a run into the table: all of them or none, and the same again if it is done
        again.

        Args:
            brought: What the run found out.
            staged: The run's rows.
            keys: The key columns.
            done: The outcomes of settled rows.
            definition: Under which the rows were compared.
            generation: Of the run.
            run: Its id.
            whole: The outcomes hold every line that counts: others are dropped.

        Raises:
            Overtaken: A later run has claimed the table; nothing was merged.
        """
        engine = self._engine
        with engine.lock:
            engine.load(OUTCOMES, brought.lines)
            engine.load(PAIRS, brought.pairs)
            engine.load(OVERWRITTEN, engine.texts(brought.overwritten))
            engine.analyse(OUTCOMES)
            engine.analyse(PAIRS)
            with engine.transaction():
                self._check_latest(run)
                self._fit_keys(keys, staged.rows)
                types = engine.types(staged.rows)
                engine.execute(merge_statement(self.table, staged, types, keys, done, definition, generation))
                engine.execute(
                    f"""UPDATE {self.table} SET _digest = '', _source = NULL, _generation = {generation}
                    WHERE _key IN (SELECT key FROM {OVERWRITTEN})"""
                )
                engine.execute(
                    f"DELETE FROM {self.table} WHERE {self._not_brought()}"
                    if whole
                    else self._taking(generation)
                )
                engine.execute(
                    f"""UPDATE {self._register} SET merged = {generation}, about = {literal(brought.about)},
                        format = {FORMAT}
                    WHERE sync = {literal(self._sync)}"""
                )
            if whole:
                engine.analyse(self.table)

    def lines(self, keys: Sequence[str], where: str) -> pa.RecordBatchReader:
        """Lines as the file has them.

        Args:
            keys: The key columns.
            where: Which, as SQL; ``l`` is a line.
        """
        names = [*(each for each in keys if each != "hs_object_id"), *COLUMNS]
        listed = ", ".join(f"l.{quoted(each)}" for each in names)
        return self._engine.stream(f"SELECT {listed} FROM {self.table} l WHERE {where}")

    def copy(self, path: Path, where: str = "true") -> Path:
        """Copy lines into a file as the store has them, a batch at a time; returns the file.

        Args:
            path: Where.
            where: Which, as SQL; ``l`` is a line.
        """
        registered = self.registered()
        assert registered is not None
        about = dict(registered.about)
        rows = plain_stream(self.lines(about["key"], where))
        schema = rows.schema.with_metadata({META: json.dumps(about).encode()})
        with pq.ParquetWriter(path, schema, compression="zstd") as file:
            for batch in rows:
                file.write_batch(batch.replace_schema_metadata(schema.metadata))
        return path

    def counts(self) -> dict[str, int]:
        """Outcome -> lines."""
        found = self._engine.fetch(f"SELECT outcome, count(*) FROM {self.table} GROUP BY outcome ORDER BY 1")
        return {str(outcome): int(n) for outcome, n in found}

    def known(self, keys: Sequence[str]) -> int:
        """How many of some row keys have a record."""
        if not keys:
            return 0
        return self._engine.count(f"""SELECT count(*) FROM {self.table} l WHERE l._key IN {listed(keys)}
            AND l.hs_object_id IS NOT NULL AND l.outcome <> 'archived'""")

    def rename(self, new: WarehouseIds, generation: int) -> bool:
        """Give table and line of the register to another sync's name, within a transaction of the caller's.

        Args:
            new: The ids table of the other name, which has no outcomes of any run.
            generation: The run that claimed the table for that.

        Returns:
            Whether the table is there, and no later run has claimed it.
        """
        engine, name, other = self._engine, self._name, new._name
        line = f"{self._register} WHERE sync = {literal(self._sync)} AND generation = {generation}"
        if not engine.fetch(f"SELECT sync FROM {line}{engine.for_update}"):
            return False
        registered = self.registered()
        assert registered is not None
        about = json.dumps({**registered.about, "sync": new._sync})
        if new.registered() is not None:
            engine.execute(f"DELETE FROM {self._register} WHERE sync = {literal(new._sync)}")
            engine.execute(f"DROP TABLE {new.table}")
        engine.execute(f"""UPDATE {self._register} SET sync = {literal(new._sync)},
            ids_table = {literal(other)}, about = {literal(about)} WHERE sync = {literal(self._sync)}""")
        engine.execute(f"ALTER TABLE {self.table} RENAME TO {quoted(other)}")
        if engine.unique_keys:
            index = f"{quoted(self._schema)}.{quoted(_index_of(name))}"
            engine.execute(f"ALTER INDEX IF EXISTS {index} RENAME TO {quoted(_index_of(other))}")
        return True

    def _check_latest(self, run: str) -> None:
        found = self._engine.fetch(
            f"SELECT run, generation FROM {self._register} WHERE sync ="
            f" {literal(self._sync)}{self._engine.for_update}"
        )
        if not found or found[0][0] != run:
            raise Overtaken(
                f"Run {found[0][0] if found else 'none'} of {self._sync!r} has begun in the warehouse after"
                f" run {run}, which stops here."
            )

    def _make(self, keys: Sequence[str], shape: str) -> None:
        """Make what is not there yet; runs of several syncs may do so at once."""
        engine = self._engine
        if self.exists and engine.has_table(self._schema, REGISTER):
            return
        with engine.transaction():
            engine.execute(engine.alone)
            engine.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self._schema)}")
            engine.execute(
                f"""CREATE TABLE IF NOT EXISTS {self._register} (sync VARCHAR PRIMARY KEY, ids_table VARCHAR,
                    format INTEGER,
                generation BIGINT, run VARCHAR, merged BIGINT, about VARCHAR)"""
            )
            types = engine.types(shape)
            columns = [f"{quoted(each)} {types[each]}" for each in keys if each != "hs_object_id"]
            columns += [f"{quoted(name)} {kind}" for name, kind in {**COLUMNS, **OWN_COLUMNS}.items()]
            if engine.unique_keys:
                columns.append("PRIMARY KEY (_key)")
            engine.execute(f"CREATE TABLE IF NOT EXISTS {self.table} ({', '.join(columns)})")
            if engine.unique_keys:
                engine.execute(
                    f"CREATE INDEX IF NOT EXISTS {quoted(_index_of(self._name))} ON {self.table}"
                    " (hs_object_id)"
                )

    def _fit_keys(self, keys: Sequence[str], rows: str) -> None:
        """Give the key columns the types of this run's: all rows with another type are compared anew, and so
        written anew.
        """
        types = self._engine.types(rows)
        self._engine.make_again("hubspot_ids_shape", f"SELECT * FROM {self.table} LIMIT 0")
        before = self._engine.types("hubspot_ids_shape")
        for each in keys:
            if each != "hs_object_id" and before[each] != types[each]:
                self._engine.execute(f"ALTER TABLE {self.table} DROP COLUMN {quoted(each)}")
                self._engine.execute(f"ALTER TABLE {self.table} ADD COLUMN {quoted(each)} {types[each]}")

    def _taking(self, generation: int) -> str:
        """Let a line say that it shares its record with another key, where that key has it now."""
        owner = f"""(SELECT min(o._key) FROM {OUTCOMES} o WHERE o.hs_object_id = {self.table}.hs_object_id
            AND o.outcome IN {LIVE} AND o.error_code IS NULL)"""
        return f"""UPDATE {self.table} SET outcome = 'rejected', error_code = 'SAME_RECORD',
            error_message = {same_record_message("hs_object_id", owner)}, _digest = '', _source = NULL,
            _generation = {generation}
            WHERE hs_object_id IN (SELECT hs_object_id FROM {OUTCOMES}
                WHERE outcome IN {LIVE} AND error_code IS NULL AND hs_object_id IS NOT NULL)
            AND outcome <> 'archived' AND {self._not_brought()}"""

    def _not_brought(self) -> str:
        """Whether a line is not among those that the run brings, as SQL; engines make a join of it, and none
        of NOT IN.
        """
        return f"NOT EXISTS (SELECT 1 FROM {OUTCOMES} o WHERE o._key = {self.table}._key)"


def check_age(ids: WarehouseIds, registered: Registered | None, generation: int) -> None:
    """Refuse a table that has less than the store knows of.

    Args:
        ids: The table.
        registered: Its line in the register.
        generation: The run whose outcomes it must have.

    Raises:
        StoreError: With both runs.
    """
    merged = registered.merged if registered is not None else None
    if merged is None or merged < generation:
        raise StoreError(
            f"The ids table {ids.table} has the outcomes of run {merged or 0}, and the store knows of run"
            f" {generation}.",
            remedy=(
                "It was restored to an older state, or this is another database. Restore the newer one, or"
                " adopt the records from the portal."
            ),
        )


def _index_of(table: str) -> str:
    """Return the name of a table's index of record ids."""
    return f"{table[:60]}_id"


def table_name(sync: str) -> str:
    """Return the name of a sync's table: its own where that is a plain one, else one that is like it and its
    alone.
    """
    plain = re.sub(r"[^a-z0-9_]", "_", sync.lower())
    if plain != sync or len(plain) > LONGEST - 8:
        plain = f"{plain[: LONGEST - 20]}_{hashlib.sha256(sync.encode()).hexdigest()[:8]}"
    return f"ids_{plain}"
