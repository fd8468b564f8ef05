"""A layout and the table's own columns: what does not fit is found before any row is read."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

from hubspot_batch_dagster.table.encode import Encoder
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.layout import Layout
from hubspot_batch_dagster.table.mixed import Unreadable
from hubspot_batch_dagster.table.order import check_order
from hubspot_batch_dagster.table.plain import single_type

if TYPE_CHECKING:
    from pydantic import BaseModel

_SHOWN_COLUMNS = 30


def bind(layout: Layout, schema: pa.Schema, *, model: type[BaseModel] | None = None) -> Encoder:
    """Check the columns before any row is read.

    Args:
        layout: What becomes of the columns.
        schema: The schema of the batches to come, as `record_batches` gives it. A schema without columns (an
            empty list of rows) fits every layout.
        model: A pydantic model that each row must satisfy, by column name. It only checks: the values sent
            are the table's.

    Returns:
        The encoder for batches of these columns.

    Raises:
        TableError: A column is missing, a property is named twice or cannot be written, or a key column's
            type cannot identify a row.
    """
    if len(schema) == 0:
        schema = pa.schema([(name, pa.null()) for name in dict.fromkeys(layout.columns())])
    _check_names(layout, schema)
    _check_fields(layout)
    _check_key(layout, schema)
    if layout.as_of is not None:
        check_order(layout.as_of, schema.field(layout.as_of).type)
    return Encoder(layout, schema, model=model)


def _check_names(layout: Layout, schema: pa.Schema) -> None:
    for name in layout.columns():
        if schema.names.count(name) == 1:
            continue
        if name in schema.names:
            raise TableError(f"Column '{name}' stands more than once in the table.", column=name)
        role = "Key column" if name in layout.key else "Column"
        raise TableError(
            f"{role} '{name}' is not in the table.{_nearest(name, schema.names)}",
            column=name,
            remedy=f"The table has: {_listed(schema.names)}.",
        )


def _check_fields(layout: Layout) -> None:
    for name, count in Counter(each.property for each in layout.fields).items():
        if count > 1:
            columns = [each.column for each in layout.fields if each.property == name]
            raise TableError(
                f"Property '{name}' would be filled from {count} columns: {_listed(columns)}.",
                column=columns[0],
                remedy="Map one column to it.",
            )
    for each in layout.fields:
        definition = each.definition
        if definition is not None and (definition.read_only or definition.calculated):
            why = "is calculated by HubSpot" if definition.calculated else "is read-only"
            raise TableError(
                f"Column '{each.column}' goes to property '{each.property}', which {why}.",
                column=each.column,
                remedy="Leave the column out.",
            )


def _check_key(layout: Layout, schema: pa.Schema) -> None:
    if not layout.key:
        raise TableError("There is no key column.", remedy="Name the column(s) that identify a row.")
    if len(set(layout.key)) != len(layout.key):
        raise TableError(f"A key column is named twice: {_listed(layout.key)}.", column=layout.key[0])
    if layout.key_fold is not None and len(layout.key) > 1:
        raise TableError("Only a key of one column can be compared as an email.", column=layout.key[0])
    for name in layout.key:
        kind = single_type(schema.field(name).type)
        if not _identifies(kind):
            named = f"of type {kind}"
            if isinstance(kind, Unreadable):
                named = f"of type {kind.of}" if kind.of else "of values that cannot be read"
            raise TableError(
                f"Key column '{name}' is {named}, which cannot identify a row.",
                column=name,
                remedy="Use text, whole numbers, dates or timestamps.",
            )
    if layout.id_property is not None and layout.id_column() is None:
        raise TableError(
            f"No column holds the id property '{layout.id_property}'.",
            remedy="Map a column to it.",
        )


def _identifies(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_integer(kind)
        or types.is_boolean(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_date(kind)
        or types.is_timestamp(kind)
        or types.is_null(kind)
    )


def _nearest(name: str, names: Iterable[str]) -> str:
    by_fold = {each.casefold(): each for each in names}
    near = difflib.get_close_matches(name.casefold(), list(by_fold), n=3)
    return f" Nearest: {_listed(by_fold[each] for each in near)}." if near else ""


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    shown = ", ".join(f"'{name}'" for name in every[:_SHOWN_COLUMNS])
    return shown + (f" and {len(every) - _SHOWN_COLUMNS} more" if len(every) > _SHOWN_COLUMNS else "")
