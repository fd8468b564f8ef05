"""Rules for one column: how its cells are read, and what becomes of those that cannot be sent. Nothing here
needs Arrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OnInvalid = Literal["reject", "omit", "clear"]
Write = Literal["always", "on_create", "if_empty"]


@dataclass(frozen=True)
class Cast:
    """How text becomes a value. What is not named here is read as everywhere.

    Args:
        null_values: Texts that are empty cells, such as ``("N/A", "-")``; compared without surrounding
            blanks. In a column of numbers those that are numbers, such as ``"-1"``, are compared by value.
        true_values: Texts that are true in a bool property, in any case.
        false_values: Texts that are false in a bool property, in any case.
        decimal: The decimal mark of numbers.
        thousands: The mark between groups of three digits; empty for none. A blank is any kind of blank.
        date_formats: How dates and times are written, such as ``("%d.%m.%Y", "%d.%m.%Y %H:%M")``, as Python's
            ``strptime`` has it. The first that fits counts. ISO 8601 is read besides.
        time_zone: The zone of times that name none, such as ``"Europe/Berlin"``; by default UTC. Of a time
            that the clocks show twice it is the earlier one; one that they skip is the moment at which they
            do.

    Examples:
        >>> from hubspot_batch_dagster import Cast
        >>> Cast(true_values=("yes", "y"), false_values=("no", "n"), decimal=",", thousands=".").decimal
        ','
    """

    null_values: tuple[str, ...] = ()
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str = ""
    date_formats: tuple[str, ...] = ()
    time_zone: str | None = None

    def __post_init__(self) -> None:
        for name in ("null_values", "true_values", "false_values", "date_formats"):
            value = getattr(self, name)
            if isinstance(value, str | list | set):
                object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))

    @property
    def kind(self) -> str:
        """The type of property that the options are about, or nothing."""
        if self.true_values or self.false_values:
            return "bool"
        if self.date_formats or self.time_zone:
            return "datetime" if self.time_zone else "date"
        return "number" if self.thousands or self.decimal != "." else ""

    def over(self, default: Cast | None) -> Cast:
        """Return these options, and those of ``default`` where this has none."""
        if default is None:
            return self
        plain = Cast()
        own = {name: value for name, value in vars(self).items() if value != getattr(plain, name)}
        return Cast(**{**vars(default), **own})


@dataclass(frozen=True)
class Rule:
    """What is to be done with one column.

    Attributes:
        on_invalid: A cell that cannot be sent rejects its row, is left out, or clears the property.
        cast: How text becomes a value.
        write: Whether it is written to every record; what is written only to new ones does not make a row a
            changed one.
        own: Those options of the cast that were written for this column; the others are the default of all.
    """

    on_invalid: OnInvalid = "reject"
    cast: Cast | None = None
    write: Write = "always"
    own: Cast | None = None

    @property
    def kind(self) -> str:
        """The type that the column's own options say the values are of, or nothing. A default says nothing of
        a property that is text, or that is not known.
        """
        return "" if self.own is None else self.own.kind


PLAIN = Rule()
