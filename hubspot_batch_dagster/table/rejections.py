"""The rejected rows of a batch, with all that is wrong with each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from hubspot_batch_dagster.table.check import Problem
from hubspot_batch_dagster.table.kernels import Array

_MOST_TOLD = 20


@dataclass(frozen=True)
class Reason:
    """Why rows of one column cannot be sent as they are."""

    column: str | None
    property: str | None
    problem: Problem

    def message(self, at: int) -> str:
        where = f"{self.column}: " if self.column else ""
        return f"{where}{self.problem.says(at)} {self.problem.code.remedy}".rstrip()


class Rejections:
    """The rejected rows of one batch: the first reason of each by its parts, all of them in the message."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._reasons: dict[int, list[Reason]] = {}

    def __len__(self) -> int:
        return len(self._reasons)

    def __contains__(self, at: object) -> bool:
        return at in self._reasons

    def add(self, column: str | None, name: str | None, problems: Iterable[Problem]) -> None:
        """Record the problems of a column that goes to the property `name` (None: to no property)."""
        for each in problems:
            reason = Reason(column, name, each)
            for at in each.positions():
                self._reasons.setdefault(at, []).append(reason)

    def positions(self) -> list[int]:
        """Return the rejected positions, ascending."""
        return sorted(self._reasons)

    def good(self) -> list[int]:
        """Return the positions that are not rejected, ascending."""
        return [at for at in range(self._rows) if at not in self._reasons]

    def faulty(self) -> Array:
        """Return the columns that something is wrong with, in each rejected row, in the order of
        `positions`.
        """
        return pa.array(
            [
                list(dict.fromkeys(each.column for each in self._reasons[at] if each.column is not None))
                for at in self.positions()
            ],
            pa.list_(pa.string()),
        )

    def columns(self) -> list[Array]:
        """column, property, code and message of each rejected row, in the order of `positions`."""
        first = [(at, self._reasons[at][0]) for at in self.positions()]
        return [*reason_columns(first)[:-1], pa.array([self._message(at) for at, _ in first], pa.string())]

    def _message(self, at: int) -> str:
        messages = list(dict.fromkeys(reason.message(at) for reason in self._reasons[at]))
        more = f" And {len(messages) - _MOST_TOLD} more." if len(messages) > _MOST_TOLD else ""
        return " Also ".join(messages[:_MOST_TOLD]) + more


def reason_columns(cells: list[tuple[int, Reason]]) -> list[Array]:
    """column, property, code and message of some cells, each a position in its batch and a reason."""
    text = pa.string()
    return [
        pa.array([reason.column for _, reason in cells], text),
        pa.array([reason.property for _, reason in cells], text),
        pa.array([reason.problem.code.name for _, reason in cells], text),
        pa.array([reason.message(at) for at, reason in cells], text),
    ]
