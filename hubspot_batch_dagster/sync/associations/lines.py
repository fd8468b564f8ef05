"""One association of a run: what is wanted, what was removed, and the hash of all that a row wants."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import NamedTuple

from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey

UNRESOLVED = "UNRESOLVED_ASSOCIATION"
"""The code of a row, or an association, that names a key without a record."""

REFUSED = "ASSOCIATION_REFUSED"
"""The code of HubSpot's no to an association."""

UNNAMED = "ASSOCIATION_REFUSED_UNNAMED"
"""The code of a no that names neither record: it may be about the app. The next run asks again."""


@dataclass(frozen=True)
class WantedAssociation:
    """One association to write; or one between records of one type that another row wants, which stays.

    Attributes:
        line: Its number in the table; -1 for what is not to be written.
        key: Key of its row.
        record: The record that it starts from.
        target: The record that it leads to; ``None`` for a row that wants none and shall lose the others
            (``replace``).
        place: Which association of the operation it is; -1 without a target.
    """

    line: int
    key: str
    record: str
    target: str | None
    place: int

    @property
    def is_of_another_row(self) -> bool:
        """Whether a row of the record at the other end wants it, and this one does not."""
        return self.line < 0 and self.target is not None


class RemovedAssociation(NamedTuple):
    """What ``replace`` took from two records: the whole association with the labels that it had, or labels
    alone.
    """

    record: str
    target: str
    labels: tuple[AssociationTypeKey, ...]
    whole: bool


def hash_of(name: str, target_id: str) -> str:
    """One hash for what a row is associated with, whatever the order, as an aggregate in SQL; the empty text
    for nothing.

    Args:
        name: The expression for the association of the operation.
        target_id: The expression for the record at the other end; null counts for nothing.
    """
    text = f"{name} || chr(31) || {target_id}"
    # In two halves: DuckDB takes 40 microseconds to write a number of 128 bits as text.
    halves = ", ".join(f"bit_xor(md5_number_{half}({text}))" for half in ("upper", "lower"))
    return f"CASE WHEN count({target_id}) = 0 THEN '' ELSE concat_ws(':', {halves}, count({target_id})) END"


def hashed(associations: Iterable[tuple[str, str]]) -> str:
    """Return the same hash, of the names of associations with the records that they lead to."""
    texts = [f"{name}\x1f{target}".encode() for name, target in associations]
    numbers = (int.from_bytes(hashlib.md5(each, usedforsecurity=False).digest(), "little") for each in texts)
    found = reduce(xor, numbers, 0)
    return f"{found & (2**64 - 1)}:{found >> 64}:{len(texts)}" if texts else ""
