"""What is wrong with the made-up rows: so many rows, each with one fault."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Args:
        name: What the table's owner would say about it.
        rows: How many rows have it.
        spoil: Puts the fault into a row.
        refused: Whether such a row cannot become a record. The others are ugly and go through.
    """

    name: str
    rows: int
    spoil: Callable[[Row, Random], None]
    refused: bool = True


def inject_faults(
    rows: Sequence[Row], faults: Sequence[Fault], random: Random, clean: int = 0
) -> dict[str, list[Row]]:
    """Spoil rows in place, no row twice, and leave the first ``clean`` rows alone. Returns the rows by
    fault.
    """
    faulty = random.sample(rows[clean:], sum(each.rows for each in faults))
    spoiled: dict[str, list[Row]] = {}
    for each in faults:
        spoiled[each.name], faulty = faulty[: each.rows], faulty[each.rows :]
        for row in spoiled[each.name]:
            each.spoil(row, random)
    return spoiled


def refused(faults: Sequence[Fault]) -> int:
    """How many rows of a table cannot become records."""
    return sum(each.rows for each in faults if each.refused)


def put(**values: Any) -> Callable[[Row, Random], None]:
    """A fault that is always the same: ``put(mail=None)``."""
    return lambda row, _: row.update(values)


def one_of(column: str, *values: Any) -> Callable[[Row, Random], None]:
    """A fault that is one of several values."""
    return lambda row, random: row.update({column: random.choice(values)})
