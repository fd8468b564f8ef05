"""From an operation to the columns of a table: which column is the key, which are sent, which name other
records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.properties import Property, cast_of
from hubspot_batch_dagster.sync.associations.types import (
    TypedAssociation,
    typed_associations,
)
from hubspot_batch_dagster.sync.state.ids_table import check_key_names
from hubspot_batch_dagster.table import binding
from hubspot_batch_dagster.table.encode import Encoder
from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.layout import Definition, Field, Layout, Target
from hubspot_batch_dagster.table.rules import PLAIN, Cast, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa


def bind(
    operation: Operation,
    schema: pa.Schema,
    definitions: Mapping[str, Definition] | None = None,
    associations: Sequence[TypedAssociation] | None = None,
) -> Encoder:
    """Return the encoder for a table of this schema.

    Args:
        operation: What the user asks for.
        schema: The columns of the table.
        definitions: The portal's properties by name, where they are known: they decide how values are
            written.
        associations: The operation's associations with their types; ``None`` finds those that need no
            connection.

    Raises:
        InputError: A column does not exist, or cannot be what the operation wants it to be.
    """
    check_key_names(operation.key_columns, record_id=operation.record_id_column)
    mapping = mapped(operation, schema)
    known = definitions or {}
    default = cast_of(operation.cast)
    from_key = filled_from_key(operation, mapping)
    fields = tuple(
        Field(name, column, known.get(name), whole_key=True)
        if name == from_key and _takes_key_text(operation, schema, known.get(name))
        else Field(name, column, known.get(name), _rule(operation.rules.get(name), default))
        for name, column in mapping.items()
    )
    # Only a contact's email is an address that HubSpot checks and folds; elsewhere it is any text.
    emails = ("email",) if object_type(operation.object_type).name == "contacts" else ()
    folds = any((column,) == operation.key_columns and name in emails for name, column in mapping.items())
    layout = Layout(
        fields=fields,
        key=operation.key_columns,
        key_fold="email" if folds or operation.id_property_name in emails else None,
        record_id=operation.record_id_column,
        id_property=operation.id_property_name,
        emails=emails,
        targets=tuple(
            _target(each)
            for each in (typed_associations(operation, None) if associations is None else associations)
        ),
        record_id_through=operation.looks_up_record_ids_in,
        on_null=operation.on_null,
        cast=default,
        as_of=operation.as_of,
    )
    with as_input_error():
        return binding.bind(layout, schema, model=operation.model)


def _rule(given: Property | None, default: Cast | None) -> Rule:
    if given is None:
        return Rule(cast=default) if default is not None else PLAIN
    own = cast_of(given.cast)
    cast = default if own is None else own.over(default)
    return Rule(given.on_invalid, cast, given.write, own)


def mapped(operation: Operation, schema: pa.Schema) -> dict[str, str]:
    """Property -> column: what the operation names, else every column that is not a key and names no other
    record; and the creation key, which stands at the first of several key columns.
    """
    given = operation.property_columns
    if given is None:
        given = {name: name for name in schema.names if name not in _not_sent(operation)}
    unique = operation.creation_key
    if unique is None or unique in given:
        return given
    return {**given, unique: operation.key_columns[0]}


def filled_from_key(operation: Operation, mapping: Mapping[str, str]) -> str | None:
    """Return the creation key that gets the text of the row key, which is one whatever types carry it;
    ``None`` where a column fills it.

    Args:
        operation: What the user asks for.
        mapping: As :func:`mapped` gives it.
    """
    unique, key = operation.creation_key, operation.key_columns
    if unique is None or unique in (operation.property_columns or {}):
        return None
    return unique if mapping.get(unique) == key[0] else None


def _takes_key_text(operation: Operation, schema: pa.Schema, definition: Definition | None) -> bool:
    """Whether the text of the key can stand in the property: one of a number reads a column of text in its
    own way.
    """
    key = operation.key_columns
    if len(key) > 1 or definition is None or definition.type == "string" or key[0] not in schema.names:
        return True
    return str(schema.field(key[0]).type) not in ("string", "large_string", "string_view")


@contextmanager
def as_input_error() -> Iterator[None]:
    """Yield the table's errors as members of the one error tree."""
    try:
        yield
    except TableError as error:
        raise InputError(error.message, column=error.column, row=error.row, remedy=error.remedy) from None


def _not_sent(operation: Operation) -> set[str]:
    """Columns that are no property unless the user says so."""
    columns = {each.column for each in operation.associations}
    if operation.id_property_name is None or not operation.sends_properties:
        columns |= {*operation.key_columns}
    if operation.record_id_column is not None:
        columns.add(operation.record_id_column)
    if operation.as_of is not None:
        columns.add(operation.as_of)
    return columns


def _target(typed: TypedAssociation) -> Target:
    """Return a column of associations, checked row by row where its keys are looked up or here."""
    given = typed.association
    return Target(column=given.column, types=(typed.type,), required=given.required, through=given.through)
