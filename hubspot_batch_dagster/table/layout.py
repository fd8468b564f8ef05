"""What to encode: which column is the key, which become properties, which point to other records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from hubspot_batch_dagster.table.errors import TableError
from hubspot_batch_dagster.table.rules import PLAIN, Cast, Rule


class OwnerLookUp(Protocol):
    """Finds owners."""

    def id_of(self, email: str) -> str | None:
        """Return the id of the owner with an email address."""

    def complaint(self, email: str) -> str:
        """Why there is none."""


@dataclass(frozen=True)
class Definition:
    """A portal's definition of one property, as far as encoding needs it.

    Attributes:
        name: The internal name.
        type: HubSpot's type: `string`, `number`, `date`, `datetime`, `bool`, `enumeration`, ... A type not
            known here is sent as text.
        field_type: HubSpot's form field; `checkbox` means that several options may be chosen.
        options: Internal value to label. Empty: the portal does not list them, so any value goes.
        read_only: HubSpot refuses writes; a column for it is refused by `bind`.
        calculated: HubSpot computes it; refused likewise.
        unique: HubSpot keeps its values unique (`hasUniqueValue`).
        owner: The values are ids of HubSpot owners.
        owners: Finds an owner's id by email; None where only ids are taken.
        max_length: The longest text in characters; None means HubSpot's general limit of 65,536.
        cuts_times: HubSpot takes a date with a time of day too, and keeps the day alone.
    """

    name: str
    type: str = "string"
    field_type: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    calculated: bool = False
    unique: bool = False
    owner: bool = False
    owners: OwnerLookUp | None = field(default=None, repr=False, compare=False)
    max_length: int | None = None
    cuts_times: bool = False


@dataclass(frozen=True)
class Field:
    """One column that becomes one property.

    Attributes:
        property: The property's internal name.
        column: The column of the table.
        definition: The portal's definition, if known: it decides how values are written and checked.
            Without it the column's Arrow type decides.
        rule: How its cells are read, and what becomes of those that cannot be sent.
        whole_key: The property gets the text of the whole row key; ``column`` is the first of the key
            columns.
    """

    property: str
    column: str
    definition: Definition | None = None
    rule: Rule = PLAIN
    whole_key: bool = False


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
        cast: How text is read in columns that are no field, as far as that is which of it means nothing.
        emails: The properties that HubSpot checks as email addresses. They also fold as ids.
        as_of: The column that says which of two rows of a key is newer.
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
    cast: Cast | None = None
    as_of: str | None = None

    def columns(self) -> tuple[str, ...]:
        """Every column the layout reads, in the order key, record id, fields, targets, order."""
        return (
            *self.key,
            *([] if self.record_id is None else [self.record_id]),
            *(each.column for each in self.fields),
            *(target.column for target in self.targets),
            *([] if self.as_of is None else [self.as_of]),
        )

    def id_column(self) -> str | None:
        """Return the column whose values HubSpot finds records by, for `id_property`."""
        if self.id_property is None:
            return None
        own = [each.column for each in self.fields if each.property == self.id_property]
        return own[0] if own else self.key[0] if len(self.key) == 1 else None
