"""Rows in a warehouse: which of them are moved, said before they are; and what became of them, brought
back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from hubspot_batch_dagster.sync.column_mapping import mapped
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.stages.resolve_schema import Schema
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea
from hubspot_batch_dagster.sync.staging.statements import literal
from hubspot_batch_dagster.sync.state import ids_table
from hubspot_batch_dagster.sync.state.identity import Identity
from hubspot_batch_dagster.sync.warehouse.comparison import Choice, Comparison


def compare(run: RunContext, schema: Schema, comparison: Comparison) -> None:
    """Let the warehouse choose the rows to move, and say so where they are all or nearly all of them.

    Raises:
        InputError: The query cannot be evaluated.
        StoreError: The journal cannot be read.
    """
    choice = _choice(run, schema, comparison)
    compared = comparison.choose(choice, schema.encoder.keys_of)
    why = choice.whole or choice.every_row
    if why is not None and comparison.has_lines:
        run.options.on_notice(
            f"{run.name}: all {compared.rows:,} rows are moved and compared here, because {why}."
        )
    elif compared.reasons:
        reasons = ", ".join(f"{n:,} {said}" for said, n in compared.reasons.items())
        run.options.on_warning(
            f"{run.name}: {compared.moved:,} of {compared.rows:,} rows are moved, to be compared exactly:"
            f" {reasons}. Of these, only rows whose text changed are sent."
        )
    elif comparison.has_lines:
        run.options.on_notice(
            f"{run.name}: the warehouse found {comparison.rows:,} of {compared.rows:,} rows unchanged;"
            f" {compared.moved:,} are moved."
        )


def merge_into_warehouse(
    run: RunContext, identity: Identity, area: StagingArea, comparison: Comparison, state: Path
) -> Path:
    """Bring the new lines of the ids table into the warehouse; returns a file that stands for the table in
    the store.

    It is done before the journal forgets them: a run that dies in between has its outcomes in both.

    Raises:
        Overtaken: A later run has claimed the table.
    """
    generation = run.generation or 0
    done = ", ".join(literal(each) for each in run.operation.done_outcomes)
    pairs = f"""SELECT key, row AS number,
            CASE WHEN outcome IN ({done}) AND code IS NULL AND digest <> '' THEN digest END AS digest
        FROM final WHERE row < {area.rows_in} AND key IS NOT NULL AND row NOT IN (SELECT row FROM rejected)"""
    comparison.merge(
        state,
        lambda: area.stream(pairs),
        ids_table.metadata_of(identity, generation),
        generation=generation,
        run=run.definition.id,
    )
    pointer = run.folder / "pointer.parquet"
    ids_table.write_pointer(pointer, identity, generation, comparison.ids.table)
    return pointer


def _choice(run: RunContext, schema: Schema, comparison: Comparison) -> Choice:
    """Return what decides which rows are moved."""
    operation = run.operation
    columns = {*operation.key_columns, *mapped(operation, run.definition.source.schema).values()}
    columns |= set(schema.encoder.layout.columns())
    return Choice(
        whole=next(_whole_because(run, schema, comparison, sorted(columns)), None),
        every_row=_every_row_because(run),
        definition=_definition(run, schema, {each: comparison.types[each] for each in sorted(columns)}),
        mapped=sorted(columns),
        done=operation.done_outcomes,
        gone=operation.archives_gone,
        named=_named_in_journal(run),
    )


def _definition(run: RunContext, schema: Schema, types: dict[str, str]) -> str:
    """Return a short hash of all that decides the text of a row besides its cells: the types of the columns
    and this package's version, too.
    """
    parts = [schema.definition(run), version("hubspot-batch-dagster"), types]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _whole_because(
    run: RunContext, schema: Schema, comparison: Comparison, columns: list[str]
) -> Iterator[str]:
    """Why rows cannot be left where they are, nor lines: something besides their own cells decides what
    becomes of them.
    """
    operation, options = run.operation, run.options
    odd = comparison.without_text(columns)
    if odd:
        yield (
            f"the type of {', '.join(odd)} has no text in {comparison.engine_name} that is known to be"
            " lossless"
        )
    if options.full_refresh:
        yield "full_refresh sends all of them"
    if options.adopt or options.first_run:
        yield "what is known of their records is made anew"
    if operation.is_association or operation.associations:
        yield "their associations depend on other records"
    if operation.compares_with_portal:
        yield "they are compared with HubSpot's values"
    if operation.looks_up_keys_in is not None or operation.looks_up_record_ids_in is not None:
        yield "their record ids are looked up in another sync"
    if operation.model is not None:
        yield "a model checks them"
    if any(each.definition is not None and each.definition.owner for each in schema.encoder.layout.fields):
        yield "they name owners, who are looked up in HubSpot"


def _every_row_because(run: RunContext) -> str | None:
    """Why no row can be left where it is; only the lines that concern them are moved."""
    if run.options.as_of is not None:
        return "they are a part of a table whose parts have an order"
    if run.operation.as_of is not None:
        return "a row that was not moved would not be known to be as new as it is"
    return None


def _named_in_journal(run: RunContext) -> list[str]:
    journal = run.store.journal
    named = {key for intent in journal.open_intents(run.name) for key in intent.keys}
    for outcomes in journal.outcomes(run.name):
        named.update(outcomes.keys)
    return sorted(named)
