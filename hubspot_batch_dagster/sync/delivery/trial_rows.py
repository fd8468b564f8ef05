"""Which rows of a refused batch are tried alone.

Few rows are tried, and one that HubSpot takes ends the trial. Where a few rows of a batch are bad, any other
row does; where nearly all are, it takes one of the few that are good. What makes a row bad is most often
something that it sends and they do not: a property, a value, an association. So every other row that is tried
is one that differs most from the rest of its batch.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Sequence

from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.requests.groups import MOST_ALONE

_SHORTER = ((re.compile(r"\d+"), "0"), (re.compile(r"[^\W\d_]+"), "a"))


class TrialRows:
    """The rows of one batch that may be tried, none of them twice; none of a batch of one row.

    Args:
        batch: The batch.
        rows: Those that were refused together.
    """

    def __init__(self, batch: Batch, rows: Sequence[int]) -> None:
        step = max(1, len(rows) // MOST_ALONE)
        # From another row in each run: what one run does not find a later one may.
        spread = rows[zlib.crc32(batch.run.encode()) % step :: step] if len(rows) > 1 else []
        self._left = [list(spread), _unlike(batch, rows) if spread else []]

    def __bool__(self) -> bool:
        return any(self._left)

    def next(self, number: int) -> int:
        """Take the next row to try, where ``number`` rows of any batch were tried before."""
        row = (self._left[number % 2] or self._left[1 - number % 2])[0]
        self._left = [[each for each in some if each != row] for some in self._left]
        return row


def _unlike(batch: Batch, rows: Sequence[int]) -> list[int]:
    """Return the rows that differ most from all others, and then from those before them."""
    marks = {row: _marks(batch, row) for row in rows}
    shared = Counter(mark for each in marks.values() for mark in each)
    # What no other row has (a name, an address) says nothing of the rows that lack it.
    marks = {row: {mark for mark in each if shared[mark] > 1} for row, each in marks.items()}
    first = min(rows, key=lambda row: sum(2 * shared[mark] - len(rows) for mark in marks[row]))
    found, left = [first], {row: len(marks[row] ^ marks[first]) for row in rows if row != first}
    while left and len(found) < MOST_ALONE:
        row = max(left, key=lambda each: left[each])
        del left[row]
        left = {each: min(far, len(marks[each] ^ marks[row])) for each, far in left.items()}
        found.append(row)
    return found


def _marks(batch: Batch, row: int) -> set[tuple[str, ...]]:
    """Return what can be the same in two rows: properties, values, how values are written, associations."""
    marks: set[tuple[str, ...]] = set()
    for name, value in json.loads(batch.properties[row]).items():
        written = value
        for pattern, instead in _SHORTER:
            written = pattern.sub(instead, written)
        marks |= {(name,), (name, value), (name, "", written)}
    for each in json.loads(batch.associations[row] or "[]"):
        marks |= {("", str(kind["associationTypeId"])) for kind in each["types"]}
    return marks
