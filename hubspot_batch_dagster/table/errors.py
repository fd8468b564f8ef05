"""The one error of table/: the table cannot be used as it is, and nothing was sent."""

from __future__ import annotations


class TableError(ValueError):
    """The rows, or the way their columns are mapped, are wrong before any row is looked at.

    A wrong value in one row is never a `TableError`: that row is rejected and the others go on.

    Attributes:
        column: The column it is about, if it is about one.
        row: The position of the row (counted from 0), where it is known.
        remedy: What to do about it, as a sentence.
    """

    def __init__(
        self, message: str, *, column: str | None = None, row: int | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(message if remedy is None else f"{message} {remedy}")
        self.message = message
        self.column = column
        self.row = row
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.message, self.column, self.row, self.remedy)


def _rebuild(message: str, column: str | None, row: int | None, remedy: str | None) -> TableError:
    return TableError(message, column=column, row=row, remedy=remedy)
