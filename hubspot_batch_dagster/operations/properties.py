"""Which columns are sent as which properties, and the rules for a column."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hubspot_batch_dagster.api.arguments import check_fields
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.table.rules import Cast, OnInvalid, Write

__all__ = ["Cast", "Properties", "Property", "mapping", "rules"]


@dataclass(frozen=True)
class Property:
    """A column that is sent as a property, with rules of its own.

    Args:
        column: The column.
        on_invalid: What becomes of a cell that cannot be sent. ``"reject"`` rejects its row. ``"omit"`` sends
            the row without it, so that HubSpot keeps what it has. ``"clear"`` empties the property. Cells
            left out or cleared are counted in ``cells_omitted`` and listed in ``SyncResult.omitted``, and the
            check ``rows_rejected`` warns of them. Key columns take only ``"reject"``.
        write: ``"always"``; or ``"on_create"``, to new records only; or ``"if_empty"``, to new records and to
            those that have no value. HubSpot has no conditional write: the record is read just before its
            batch is sent, and a value that somebody else writes in that moment is written over. With
            ``id_property`` rows that the ids table does not know are looked for in HubSpot first: records
            that are there are updated by id, the others are created, so no blind upsert is sent.
        cast: How text becomes a value: ``Cast(true_values=["yes"], false_values=["no"])``. Of a property
            that is text it says what its values are.

    Examples:
        >>> from hubspot_batch_dagster import Cast, Property, Upsert
        >>> contacts = Upsert(
        ...     "contacts",
        ...     id_property="email",
        ...     properties={
        ...         "email": "mail",
        ...         "date_of_birth": Property("born", cast=Cast(date_formats=["%d.%m.%Y"])),
        ...     },
        ... )
        >>> contacts.property_columns
        {'email': 'mail', 'date_of_birth': 'born'}
    """

    column: str
    on_invalid: OnInvalid = "reject"
    write: Write = "always"
    cast: Cast | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.column:
            raise InputError("A Property names no column.", remedy="Give the column as its first argument.")
        object.__setattr__(self, "cast", cast_of(self.cast))


Properties = Mapping[str, str | Property] | Sequence[str]
"""Property to column or ``Property``; or the columns that are named like their property."""


def cast_of(given: Any) -> Cast | None:
    """Return the options as a ``Cast``, which may be given as a mapping.

    Raises:
        InputError: An option does not exist, or cannot be meant.
    """
    if given is None:
        return None
    if not isinstance(given, Cast | Mapping):
        raise InputError(
            f"cast is {given!r}.", remedy="Give Cast(...), or a mapping of its options such as null_values."
        )
    if isinstance(given, Cast):
        _check_cast(given)
        return given
    try:
        cast = Cast(**given)
    except TypeError:
        raise InputError(
            f"cast has options that do not exist: {sorted({*dict(given)} - {*vars(Cast())})}.",
            remedy=f"It takes {', '.join(vars(Cast()))}.",
        ) from None
    _check_cast(cast)
    return cast


def _check_cast(cast: Cast) -> None:
    check_fields(cast)
    marks = (cast.decimal, cast.thousands)
    if (
        len(cast.decimal) != 1
        or len(cast.thousands) > 1
        or cast.decimal == cast.thousands
        or any(map(_is_of_numbers, marks))
    ):
        raise InputError(
            f"decimal={cast.decimal!r} and thousands={cast.thousands!r} are no two marks.",
            remedy="Give one character each, two that differ, and none that numbers are written with.",
        )
    for each in cast.date_formats:
        _check_format(each)
    both = _folded(cast.true_values) & _folded(cast.false_values)
    if both:
        raise InputError(f"{sorted(both)} would be true and false.", remedy="Name each text once.")
    if cast.time_zone is not None:
        _check_zone(cast.time_zone)


def _is_of_numbers(mark: str) -> bool:
    return mark.isdigit() or mark in ("+", "-", "e", "E")


def _folded(texts: Sequence[str]) -> set[str]:
    return {each.strip().casefold() for each in texts}


def _check_format(given: str) -> None:
    """Refuse a format that no text fits, and one without a year: Python would put 1900 in its place."""
    some = dt.datetime(2024, 1, 31, 13, 5, 7, tzinfo=dt.timezone.utc)
    try:
        found = dt.datetime.strptime(some.strftime(given), given)
    except (ValueError, re.error):
        found = None
    if found is None or found.year != some.year:
        raise InputError(
            f"date_formats has {given!r}, which is no way to write a date with its year.",
            remedy="Write it as Python's strptime has it, such as '%d.%m.%Y'.",
        )


def _check_zone(name: str) -> None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            f"There is no time zone {name!r}.", remedy="Give a name such as 'Europe/Berlin' or 'UTC'."
        ) from None


def mapping(properties: Properties | None) -> dict[str, str] | None:
    """Property -> column; a list means columns named like their properties."""
    if properties is None:
        return None
    if isinstance(properties, Mapping):
        found = {
            name: each.column if isinstance(each, Property) else each for name, each in properties.items()
        }
        _refuse_empty([*found, *found.values()])
        return found
    names = list(properties)
    _refuse_empty(names)
    if len(set(names)) != len(names):
        raise InputError(f"properties names a property twice: {names}.", remedy="Name each property once.")
    return {name: name for name in names}


def _refuse_empty(names: Sequence[str]) -> None:
    if not all(names):
        raise InputError(
            "properties has an empty name.", remedy="Name the property, and the column that is sent as it."
        )


def rules(properties: Properties | None) -> dict[str, Property]:
    """Return the properties that have rules of their own."""
    given = properties.items() if isinstance(properties, Mapping) else ()
    return {name: each for name, each in given if isinstance(each, Property)}
