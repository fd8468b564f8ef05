"""What a run brings to the ids table in a warehouse, and the statement that does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from hubspot_batch_dagster.sync.batches.verdict import ERROR_COLUMNS
from hubspot_batch_dagster.sync.staging.statements import listed, literal, quoted

COLUMNS = {
    "hs_object_id": "VARCHAR",
    "outcome": "VARCHAR",
    "synced_at": "TIMESTAMP WITH TIME ZONE",
    **dict.fromkeys(ERROR_COLUMNS, "VARCHAR"),
    "_key": "VARCHAR",
    "_digest": "VARCHAR",
    "_definition": "VARCHAR",
    "_associations": "VARCHAR",
    "_former": "VARCHAR",
    "_as_of": "VARCHAR",
}
"""The columns that the file has too, beside the key columns."""

OWN_COLUMNS = {
    "_source_key": "VARCHAR",
    "_source": "VARCHAR",
    "_source_definition": "VARCHAR",
    "_generation": "BIGINT",
}

OUTCOMES, PAIRS, OVERWRITTEN = "hubspot_outcomes", "hubspot_pairs", "hubspot_overwritten"


@dataclass(frozen=True)
class Staged:
    """What of a run lies in temporary tables of the session.

    Attributes:
        rows: Table of the rows of the query, with ``source_key``, ``source`` and ``place`` beside their
            columns.
        moved: Table of those that were moved: ``number`` in the run, and ``place``.
    """

    rows: str
    moved: str


@dataclass(frozen=True)
class MergedLines:
    """What a run brings to the ids table.

    Attributes:
        lines: Lines of an ids table, as the file has them.
        pairs: For rows of the run: ``key``, their ``number``, and ``digest`` where the row is settled with
            it.
        overwritten: Keys of other lines over whose values this run wrote: they are sent again.
        about: What the table says of itself from now on.
    """

    lines: pa.RecordBatchReader
    pairs: pa.RecordBatchReader
    overwritten: Sequence[str]
    about: str


def merge_statement(
    table: str,
    staged: Staged,
    types: Mapping[str, str],
    keys: Sequence[str],
    done: Sequence[str],
    definition: str,
    generation: int,
) -> str:
    """Return the statement that brings the lines of a run into the ids table; done again, it changes nothing.

    Args:
        table: The ids table, as SQL.
        staged: The run's rows.
        types: Their columns and types.
        keys: The key columns.
        done: The outcomes of settled rows: of these the hash of the row is kept.
        definition: Under which the rows were compared.
        generation: Of the run.
    """
    own = [each for each in keys if each != "hs_object_id"]
    settled = f"p.digest = o._digest AND o.error_code IS NULL AND o.outcome IN {listed(done)}"
    values = {each: f"coalesce(r.{quoted(each)}, CAST(o.{quoted(each)} AS {types[each]}))" for each in own}
    values |= {each: f"o.{quoted(each)}" for each in COLUMNS}
    values |= {
        "_source_key": "r.source_key",
        "_source": f"CASE WHEN {settled} THEN r.source END",
        "_source_definition": literal(definition),
        "_generation": str(generation),
    }
    source = f"""SELECT {", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())}
        FROM {OUTCOMES} o LEFT JOIN {PAIRS} p ON p.key = o._key
        LEFT JOIN {staged.moved} m ON m.number = p.number LEFT JOIN {staged.rows} r ON r.place = m.place"""
    kept = {each: f"coalesce(s.{quoted(each)}, t.{quoted(each)})" for each in (*own, "_source_key")}
    changed = ", ".join(
        f"{quoted(each)} = {kept.get(each, f's.{quoted(each)}')}" for each in values if each != "_key"
    )
    differs = " OR ".join(
        f"t.{each} IS DISTINCT FROM s.{each}" for each in (*COLUMNS, *OWN_COLUMNS) if each != "_generation"
    )
    return f"""MERGE INTO {table} AS t USING ({source}) AS s ON t._key = s._key
        WHEN MATCHED AND ({differs}) THEN UPDATE SET {changed}
        WHEN NOT MATCHED THEN INSERT ({", ".join(map(quoted, values))})
            VALUES ({", ".join(f"s.{quoted(each)}" for each in values)})"""
