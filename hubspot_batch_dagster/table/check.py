"""Rows that cannot be sent, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from hubspot_batch_dagster.table.kernels import Array, anywhere, cells, emptied, nowhere_null, pc

if TYPE_CHECKING:
    from pydantic import BaseModel

_SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Code:
    """Why a row is rejected.

    Attributes:
        name: What the `code` column of the rejected rows holds.
        meaning: What is wrong, as the end of a sentence that begins with the value.
        remedy: What to do about it.
    """

    name: str
    meaning: str
    remedy: str


MISSING_KEY = Code("MISSING_KEY", "the key is empty", "Fill it, or leave the row out.")
INVALID_KEY = Code("INVALID_KEY", "is not an exact whole number", "Use text or integers as keys.")
MISSING_RECORD_ID = Code("MISSING_RECORD_ID", "the record id is empty", "Fill it, or leave the row out.")
INVALID_RECORD_ID = Code("INVALID_RECORD_ID", "is not a record id", "Record ids are digits.")
INVALID_NUMBER = Code(
    "INVALID_NUMBER",
    "is not a number that HubSpot reads",
    "Send digits with at most one decimal point, without exponent or thousands separators.",
)
INVALID_BOOL = Code("INVALID_BOOL", "is neither true nor false", "Cast the column to bool.")
INVALID_DATE = Code(
    "INVALID_DATE",
    "is not a date",
    "Send a date, YYYY-MM-DD, or a time that is midnight UTC; years 1 to 9999.",
)
INVALID_DATETIME = Code(
    "INVALID_DATETIME",
    "is not a point in time",
    "Send a timestamp, ISO 8601 text or epoch milliseconds; years 1 to 9999.",
)
INVALID_OPTION = Code("INVALID_OPTION", "is not an option", "Use an internal value or its label.")
INVALID_OWNER = Code(
    "INVALID_OWNER", "is not the id of an owner", "Use the owner's id (digits), not a user id, email or name."
)
INVALID_EMAIL = Code("INVALID_EMAIL", "is not an email address", "Correct it, or leave it empty.")
TOO_LONG = Code("TOO_LONG", "is longer than the property holds", "Shorten it.")
SEPARATOR_IN_VALUE = Code(
    "SEPARATOR_IN_VALUE", "contains ';', which separates values", "Replace the ';' in the list's elements."
)
UNSUPPORTED_TYPE = Code("UNSUPPORTED_TYPE", "cannot be sent", "Cast it to text, or leave the column out.")
MISSING_TARGET = Code(
    "MISSING_TARGET", "there is no record to associate with", "Fill the id, or leave the row out."
)
INVALID_TARGET = Code("INVALID_TARGET", "is not the id of a record", "Record ids are digits.")
MODEL = Code("MODEL", "does not satisfy the model", "")

CODES: tuple[Code, ...] = (
    MISSING_KEY,
    INVALID_KEY,
    MISSING_RECORD_ID,
    INVALID_RECORD_ID,
    INVALID_NUMBER,
    INVALID_BOOL,
    INVALID_DATE,
    INVALID_DATETIME,
    INVALID_OPTION,
    INVALID_OWNER,
    INVALID_EMAIL,
    TOO_LONG,
    SEPARATOR_IN_VALUE,
    UNSUPPORTED_TYPE,
    MISSING_TARGET,
    INVALID_TARGET,
    MODEL,
)


@dataclass(frozen=True)
class Problem:
    """Rows of one column that cannot be sent, all for the same reason.

    Attributes:
        mask: True where the row cannot be sent; without nulls.
        code: The reason.
        says: Position in the batch to what is wrong there, without the remedy.
    """

    mask: Array
    code: Code
    says: Callable[[int], str]

    def positions(self) -> list[int]:
        """Where the mask is true."""
        return cells(pc.indices_nonzero(self.mask))


def problem(mask: Array, code: Code, values: Array | None = None) -> Iterator[Problem]:
    """The problem where `mask` is true; none where it is true nowhere.

    Args:
        mask: May hold nulls; they count as false.
        code: The reason.
        values: The column, if the messages should show the value.
    """
    if not anywhere(mask):
        return
    if values is None:
        yield Problem(nowhere_null(mask), code, lambda _: f"{code.meaning}.")
        return
    yield Problem(nowhere_null(mask), code, lambda at: f"{shown(values, at)} {code.meaning}.")


def shown(values: Array, at: int) -> str:
    """The value at a position, in quotes, cut to 40 characters: a message is not a copy of the data."""
    one = values.slice(at, 1)
    try:
        text = str(one.cast(pa.string())[0].as_py())
    except (pa.ArrowException, ValueError):
        text = str(one.to_pylist()[0])
    return quoted(text)


def quoted(text: str) -> str:
    """`text` in quotes, cut to 40 characters."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…")


@dataclass(frozen=True)
class _Reason:
    column: str | None
    property: str | None
    problem: Problem


class Rejections:
    """The rejected rows of one batch: the first reason of each, and how many more there are."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._first: dict[int, _Reason] = {}
        self._more: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._first)

    def add(self, column: str | None, name: str | None, problems: list[Problem]) -> None:
        """Records the problems of a column that goes to the property `name` (None: to no property)."""
        for each in problems:
            reason = _Reason(column, name, each)
            for at in each.positions():
                if at in self._first:
                    self._more[at] = self._more.get(at, 0) + 1
                else:
                    self._first[at] = reason

    def positions(self) -> list[int]:
        """The rejected positions, ascending."""
        return sorted(self._first)

    def good(self) -> list[int]:
        """The positions that are not rejected, ascending."""
        return [at for at in range(self._rows) if at not in self._first]

    def columns(self) -> list[Array]:
        """column, property, code and message of each rejected row, in the order of `positions`."""
        reasons = [(at, self._first[at]) for at in self.positions()]
        text = pa.string()
        return [
            pa.array([reason.column for _, reason in reasons], text),
            pa.array([reason.property for _, reason in reasons], text),
            pa.array([reason.problem.code.name for _, reason in reasons], text),
            pa.array([self._message(at, reason) for at, reason in reasons], text),
        ]

    def _message(self, at: int, reason: _Reason) -> str:
        where = f"{reason.column}: " if reason.column else ""
        more = f" (and {self._more[at]} more)" if at in self._more else ""
        return f"{where}{reason.problem.says(at)} {reason.problem.code.remedy}".rstrip() + more


def check_with_model(model: type[BaseModel], batch: pa.RecordBatch) -> list[tuple[str | None, Problem]]:
    """Validates each row, as a dict of the table's own columns, with a pydantic model.

    The model only checks: what it would convert or fill in is not sent. NaN is None, as everywhere.

    Returns:
        For each column that a model error names first (None for an error about the whole row): its rows.
    """
    from pydantic import ValidationError

    found: dict[str | None, dict[int, str]] = {}
    for at, row in enumerate(_python_rows(batch)):
        try:
            model.model_validate(row)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            column = str(first["loc"][0]) if first["loc"] else None
            value = f"{quoted(str(first['input']))}: " if column in row else ""
            found.setdefault(column, {})[at] = f"{value}{first['msg']}."
    return [
        (column, Problem(_mask_of(messages, batch.num_rows), MODEL, messages.__getitem__))
        for column, messages in found.items()
    ]


def _mask_of(positions: dict[int, str], rows: int) -> Array:
    return pa.array([at in positions for at in range(rows)], pa.bool_())


def _python_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    columns = [_python_values(column) for column in batch.columns]
    return [dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True)]


def _python_values(column: Array) -> list[Any]:
    """The values of a column; text instead of those that Python has no value for, such as the year 10000."""
    if pa.types.is_floating(column.type):
        column = nan_to_null(column)
    try:
        return cells(column)
    except (OverflowError, ValueError):
        return cells(column.cast(pa.string()))


def nan_to_null(array: Array) -> Array:
    """`array`, a column of floats, with null where it is NaN."""
    nan = pc.is_nan(array)
    if not anywhere(nan):
        return array
    return emptied(nan, array)
