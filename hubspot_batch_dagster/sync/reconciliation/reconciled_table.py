"""What became of what a sync wrote: a table with a state for each line, and what is told of it."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import pyarrow as pa

from hubspot_batch_dagster.table.kernels import pc


class ReconciledTable:
    """A table with the column ``state``.

    Attributes:
        states: What a line can have become; the first is what it should be.
        table: The lines.
    """

    states: ClassVar[tuple[str, ...]]
    table: pa.Table

    @property
    def counts(self) -> dict[str, int]:
        """State -> lines; all states are there."""
        found = Counter(self.table.column("state").to_pylist())
        return {state: found[state] for state in self.states}

    @property
    def amiss(self) -> pa.Table:
        """The lines that are not as they should be."""
        return self.table.filter(pc.not_equal(self.table.column("state"), self.states[0]))

    def sample(self, lines: int = 20) -> list[dict[str, Any]]:
        """Return a few lines of :attr:`amiss`."""
        return self.amiss.slice(0, lines).to_pylist()

    def in_words(self) -> str:
        """Return the counts but for zeros; empty where there is no line."""
        return ", ".join(f"{n:,} {state.replace('_', ' ')}" for state, n in self.counts.items() if n)
