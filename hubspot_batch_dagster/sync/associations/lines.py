"""One association of a run: what is wanted, and what was removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey


@dataclass(frozen=True)
class WantedAssociation:
    """One association to write.

    Attributes:
        line: Its number in the table.
        key: Key of its row.
        record: The record that it starts from.
        target: The record that it leads to; ``None`` for a row that wants none and shall lose the others (``replace``).
        place: Which association of the operation it is; -1 without a target.
    """

    line: int
    key: str
    record: str
    target: str | None
    place: int


class RemovedAssociation(NamedTuple):
    """What ``replace`` took from two records: the whole association with the labels that it had, or labels alone."""

    record: str
    target: str
    labels: tuple[AssociationTypeKey, ...]
    whole: bool
