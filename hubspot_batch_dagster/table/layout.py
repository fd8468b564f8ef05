"""What to encode: which column is the key, which become properties, which point to other records."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from hubspot_batch_dagster.table.errors import TableError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from hubspot_batch_dagster.table.encode import Encoder

_SHOWN_COLUMNS = 30


@dataclass(frozen=True)
class Property:
    """A portal's definition of one property, as far as encoding needs it.

    Attributes:
        name: The internal name.
        type: HubSpot's type: `string`, `number`, `date`, `datetime`, `bool`, `enumeration`, `phone_number`, ...
            A type not known here is sent as text.
        field_type: HubSpot's form field; `checkbox` means that several options may be chosen.
        options: Internal value to label. Empty: the portal does not list them, so any value goes.
        read_only: HubSpot refuses writes; a column for it is refused by `Layout.bind`.
        calculated: HubSpot computes it; refused likewise.
        unique: HubSpot keeps its values unique (`hasUniqueValue`).
        owner: The values are ids of HubSpot owners.
        max_length: The longest text in characters; None means HubSpot's general limit of 65,536.
    """

    name: str
    type: str = "string"
    field_type: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    calculated: bool = False
    unique: bool = False
    owner: bool = False
    max_length: int | None = None


@dataclass(frozen=True)
class Field:
    """One column that becomes one property.

    Attributes:
        property: The property's internal name.
        column: The column of the table.
        definition: The portal's definition, if known: it decides how values are written and checked.
            Without it the column's Arrow type decides.
    """

    property: str
    column: str
    definition: Property | None = None


@dataclass(frozen=True)
class Target:
    """A column of record ids that each record is associated with.

    Attributes:
        column: Record ids as text or integers, or a list of them for several targets.
        types: Pairs of association category and type id, such as `("HUBSPOT_DEFINED", 194)`.
        required: Reject rows without a target. Fallback they are sent without the association.
        through: The column holds keys instead, and this names where the caller looks their record ids up.
    """

    column: str
    types: tuple[tuple[str, int], ...]
    required: bool = False
    through: str | None = None

    def __post_init__(self) -> None:
        if not self.types:
            raise TableError(
                f"The association by column '{self.column}' has no association type.",
                column=self.column,
                remedy="Give at least one category and type id.",
            )


@dataclass(frozen=True)
class Layout:
    """What becomes of a table's columns.

    Attributes:
        fields: The columns that are sent. An empty tuple sends none (archive).
        key: The key columns; together they identify a row from one run to the next.
        key_fold: `"email"` compares the (single) key as HubSpot compares emails: trimmed and lower-cased.
        record_id: The column that holds the ids of existing records, if the operation goes by record id.
        record_id_through: That column holds keys instead; as `Target.through`.
        id_property: The unique property that HubSpot finds records by. Its value comes from its own field,
            else from the single key column.
        targets: The columns of associated records.
        on_null: `"omit"` leaves a null out, so HubSpot keeps what it has; `"clear"` sends `""`, which
            empties the property.
        emails: The properties that HubSpot checks as email addresses. They also fold as ids.
    """

    fields: tuple[Field, ...]
    key: tuple[str, ...]
    key_fold: Literal["email"] | None = None
    record_id: str | None = None
    id_property: str | None = None
    targets: tuple[Target, ...] = ()
    on_null: Literal["omit", "clear"] = "omit"
    emails: tuple[str, ...] = ("email",)
    record_id_through: str | None = None

    def bind(self, schema: pa.Schema, *, model: type[BaseModel] | None = None) -> Encoder:
        """Checks the columns before any row is read.

        Args:
            schema: The schema of the batches to come, as `record_batches` gives it. A schema without
                columns (an empty list of rows) fits every layout.
            model: A pydantic model that each row must satisfy, by column name. It only checks: the values
                sent are the table's.

        Returns:
            The encoder for batches of exactly this schema.

        Raises:
            TableError: A column is missing, a property is named twice or cannot be written, or a key
                column's type cannot identify a row.
        """
        from hubspot_batch_dagster.table.encode import Encoder  # the encoder is made of a layout

        if len(schema) == 0:
            schema = pa.schema([(name, pa.null()) for name in dict.fromkeys(self.columns())])
        self._check_names(schema)
        self._check_fields()
        self._check_key(schema)
        return Encoder(self, schema, model=model)

    def columns(self) -> tuple[str, ...]:
        """Every column the layout reads, in the order key, record id, fields, targets."""
        return (
            *self.key,
            *([] if self.record_id is None else [self.record_id]),
            *(each.column for each in self.fields),
            *(target.column for target in self.targets),
        )

    def id_column(self) -> str | None:
        """The column whose values HubSpot finds records by, for `id_property`."""
        if self.id_property is None:
            return None
        own = [each.column for each in self.fields if each.property == self.id_property]
        return own[0] if own else self.key[0] if len(self.key) == 1 else None

    def _check_names(self, schema: pa.Schema) -> None:
        for name in self.columns():
            if schema.names.count(name) == 1:
                continue
            if name in schema.names:
                raise TableError(f"Column '{name}' stands more than once in the table.", column=name)
            role = "Key column" if name in self.key else "Column"
            raise TableError(
                f"{role} '{name}' is not in the table.{_nearest(name, schema.names)}",
                column=name,
                remedy=f"The table has: {_listed(schema.names)}.",
            )

    def _check_fields(self) -> None:
        for name, count in Counter(each.property for each in self.fields).items():
            if count > 1:
                columns = [each.column for each in self.fields if each.property == name]
                raise TableError(
                    f"Property '{name}' would be filled from {count} columns: {_listed(columns)}.",
                    column=columns[0],
                    remedy="Map one column to it.",
                )
        for each in self.fields:
            definition = each.definition
            if definition is not None and (definition.read_only or definition.calculated):
                why = "is calculated by HubSpot" if definition.calculated else "is read-only"
                raise TableError(
                    f"Column '{each.column}' goes to property '{each.property}', which {why}.",
                    column=each.column,
                    remedy="Leave the column out.",
                )

    def _check_key(self, schema: pa.Schema) -> None:
        if not self.key:
            raise TableError("There is no key column.", remedy="Name the column(s) that identify a row.")
        if len(set(self.key)) != len(self.key):
            raise TableError(f"A key column is named twice: {_listed(self.key)}.", column=self.key[0])
        if self.key_fold is not None and len(self.key) > 1:
            raise TableError("Only a key of one column can be compared as an email.", column=self.key[0])
        for name in self.key:
            kind = schema.field(name).type
            if not _identifies(kind):
                raise TableError(
                    f"Key column '{name}' is of type {kind}, which cannot identify a row.",
                    column=name,
                    remedy="Use text, whole numbers, dates or timestamps.",
                )
        if self.id_property is not None and self.id_column() is None:
            raise TableError(
                f"No column holds the id property '{self.id_property}'.",
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
