"""The source table of a seed: rows that are good, bad, doubled or changed from one run to the next.

What should become of each row is decided here, from how the row was made, and never from what the sync says.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

REFUSED = frozenset({"bad", "keyless", "double", "poison", "foreign", "missing"})
"""Kinds of rows that must be rejected; every other row must be taken."""


@dataclass
class Row:
    """One row.

    Attributes:
        key: Its row key; ``None`` for a row without one.
        marker: What the row's record holds and no other record does, but for twins, which share it.
        kind: ``good``, ``twin``, or why it must be rejected.
        titles: All values its title ever had; the last one is the newest.
        record_id: The record that it names, for operations on records that exist.
    """

    key: str | None
    marker: str
    kind: str = "good"
    titles: list[str] = field(default_factory=list)
    amount: str = "1"
    record_id: str | None = None

    @property
    def email(self) -> str | None:
        """Its email: HubSpot folds the case of some."""
        return f"{self.key}@Example.com" if self.key is not None else None

    def cells(self) -> dict[str, Any]:
        """The row as the user's table has it."""
        return {
            "row_id": self.key,
            "marker": self.marker,
            "title": self.titles[-1],
            "amount": self.amount,
            "email": self.email,
            "ext_id": self.key,
            "rid": self.record_id,
        }


@dataclass
class Source:
    """The rows of a seed, as they are now."""

    rows: list[Row]
    gone: list[Row] = field(default_factory=list)

    def table(self) -> list[dict[str, Any]]:
        """What the sync is given."""
        return [row.cells() for row in self.rows]

    def of(self, *kinds: str) -> list[Row]:
        """The rows of some kinds."""
        return [row for row in self.rows if row.kind in kinds]

    def change(self, rng: random.Random, *, changing: bool, leaving: bool) -> None:
        """What a night does to a table: some rows change, bad ones are mended, the order is another one."""
        if changing:
            for row in rng.sample(self.rows, k=max(1, len(self.rows) // 20)):
                if row.kind == "good":
                    row.titles.append(f"{row.titles[0]} v{len(row.titles)}")
        for row in self.of("bad"):
            if rng.random() < 0.3:
                row.kind, row.amount = "good", "2"
        if rng.random() < 0.4:
            rng.shuffle(self.rows)
            self._first_of_a_key_is_taken()
        if leaving:
            for row in rng.sample(self.of("good"), k=3):
                self.rows.remove(row)
                self.gone.append(row)
                doubles = [each for each in self.rows if each.key == row.key]
                for each in doubles:
                    self.rows.remove(each)

    def _first_of_a_key_is_taken(self) -> None:
        """The sync takes the first row of a key: keep the real one before its doubles."""
        self.rows.sort(key=lambda row: row.kind == "double")


def make_source(seed: int, rng: random.Random, kinds: dict[str, int], *, twins: bool) -> Source:
    """A table of 150 to 600 rows, or of fewer where a request counts for much.

    Args:
        seed: Makes keys and markers unlike those of other seeds.
        rng: The seed's chance.
        kinds: Kind -> how many rows of it beside the good ones.
        twins: Some rows have the same values as another one.
    """
    count = rng.randint(150, 600)
    rows = [Row(f"s{seed}-{n:04}", f"m{seed}-{n:04}", titles=[f"Title {n}"]) for n in range(count)]
    chosen = iter(rng.sample(rows, k=min(count, sum(kinds.values()) + 16)))
    doubled: list[Row] = []
    for kind, many in kinds.items():
        for _ in range(many):
            row = next(chosen)
            row.kind = kind
            if kind == "bad":
                row.amount = "seven"
            elif kind == "keyless":
                row.key = None
            elif kind == "double":
                doubled.append(row)

    for row in doubled:
        row.key = rng.choice([each for each in rows if each.kind == "good"]).key
    if twins:
        for _ in range(4):
            one, other = next(chosen), next(chosen)
            one.kind = other.kind = "twin"
            other.marker, other.titles, other.amount = one.marker, list(one.titles), one.amount
    source = Source(rows)
    source._first_of_a_key_is_taken()
    return source
