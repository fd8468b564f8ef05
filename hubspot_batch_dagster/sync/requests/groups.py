"""What of a batch is still to be sent, in groups; and how a group that is refused without a name, or too
large, is taken apart.

A refused group is halved, and its first half is sent. If that is taken, the row that HubSpot refuses is in
the second half, which is halved in turn without being sent as a whole. If it is refused, nothing is known of
the second half: it waits until the row is found, and then goes out together with all others of which nothing
is known. So one bad row in 100 costs eight requests.

Rows of a batch, and associations of a request, are numbers here: their places in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

MOST_ALONE = 8
"""Of what is refused without a name so many are tried alone, to tell whether the refusal is about all."""

FEW = 2
"""So many refused rows are found before what waits is no longer sent together: where every other row is bad,
that would be refused each time.
"""


def halves(items: Sequence[T]) -> tuple[list[T], list[T]]:
    """Return what is too large to be sent, or to be answered, at once, in two."""
    middle = len(items) // 2
    return list(items[:middle]), list(items[middle:])


@dataclass
class Group:
    """Rows that are sent in one request.

    Attributes:
        rows: Their places in the batch.
        refused: It is certain that HubSpot refuses one of them.
        other: The other half of a refused group.
    """

    rows: list[int]
    refused: bool = False
    other: Group | None = None


class Groups:
    """The groups of one batch.

    Args:
        rows: All rows of the batch.
    """

    def __init__(self, rows: Iterable[int]) -> None:
        self._waiting = [Group(list(rows))]
        self._found = 0
        self._too_large = False

    def next(self) -> Group | None:
        """Return the group to send next; ``None`` when there is none."""
        while self._waiting:
            group = self._waiting.pop()
            if not group.refused or len(group.rows) == 1:
                return self._with_all_unknown(group)
            self.halve(group)
        return None

    def add(self, rows: Iterable[int], *, refused: bool = False) -> None:
        """Rows to send, of which nothing is known, or (``refused``) that HubSpot refused before."""
        if found := list(rows):
            self._waiting.append(Group(found, refused))

    def rows(self) -> set[int]:
        """Return the rows that wait to be sent."""
        return {row for group in self._waiting for row in group.rows}

    def halve(self, group: Group) -> None:
        """Halve a group that was refused where HubSpot did not say for which row."""
        first, last = halves(group.rows)
        second = Group(last)
        self._waiting += [second, Group(first, other=second)]

    def shrink(self, group: Group) -> None:
        """Halve a group that was too large: that one half fits says nothing of the other. What waits is not
        sent together any more: it would be too large each time.
        """
        self._too_large = True
        first, last = halves(group.rows)
        self.add(last)
        self.add(first)

    def taken(self, group: Group) -> None:
        """Note that a group was not refused."""
        if group.other is not None:
            group.other.refused = True

    def found(self) -> None:
        """Note a row that HubSpot refuses."""
        self._found += 1

    def _with_all_unknown(self, group: Group) -> Group:
        if group.refused or group.other is not None or self._too_large or not 0 < self._found <= FEW:
            return group
        together = [each for each in self._waiting if not each.refused and each.other is None]
        self._waiting = [each for each in self._waiting if each not in together]
        return Group(sorted([*group.rows, *(row for each in together for row in each.rows)]))
