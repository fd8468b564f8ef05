"""Rows that cannot be sent, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hubspot_batch_dagster.table.kernels import Array, anywhere, cells, nowhere_null, pc
from hubspot_batch_dagster.table.messages import shown


@dataclass(frozen=True)
class Code:
    """Why a row is rejected.

    Attributes:
        name: What the `code` column of the rejected rows holds.
        meaning: What is wrong, as the end of a sentence that begins with the value.
        remedy: What to do about it.
        source: Whose rule it is. Of HubSpot's, those alone that it certainly holds to; what it only may
            refuse is a warning in the plan.
    """

    name: str
    meaning: str
    remedy: str
    source: str


MISSING_KEY = Code(
    "MISSING_KEY",
    "the key is empty",
    "Fill it, or leave the row out.",
    "ours: nothing else says which row it is",
)
INVALID_KEY = Code(
    "INVALID_KEY",
    "is not an exact whole number",
    "Use text or integers as keys.",
    "ours: two such rows may be one",
)
MISSING_RECORD_ID = Code(
    "MISSING_RECORD_ID",
    "the record id is empty",
    "Fill it, or leave the row out.",
    "ours: nothing else says which record it is",
)
INVALID_RECORD_ID = Code(
    "INVALID_RECORD_ID",
    "is not a record id",
    "Record ids are digits.",
    "HubSpot: object APIs, ids are digits",
)
INVALID_NUMBER = Code(
    "INVALID_NUMBER",
    "is not a number that HubSpot reads",
    "Send digits with at most one decimal point, without exponent or thousands separators.",
    "HubSpot: properties guide",
)
INVALID_BOOL = Code(
    "INVALID_BOOL", "is neither true nor false", "Cast the column to bool.", "HubSpot: properties guide"
)
INVALID_DATE = Code(
    "INVALID_DATE",
    "is not a date",
    "Send a date, YYYY-MM-DD, or a time that is midnight UTC; years 1 to 9999.",
    "HubSpot: properties guide. Version 2026-09 cuts a time off: there the day is sent, with a warning",
)
INVALID_DATETIME = Code(
    "INVALID_DATETIME",
    "is not a point in time",
    "Send a timestamp, ISO 8601 text or epoch milliseconds; years 1 to 9999.",
    "HubSpot: properties guide. Seconds would be a day of 1970",
)
INVALID_OPTION = Code(
    "INVALID_OPTION", "is not an option", "Use an internal value or its label.", "HubSpot: error handling"
)
INVALID_OWNER = Code(
    "INVALID_OWNER",
    "is not the id of an owner",
    "Use the owner's id (digits) or email, not a user id or a name.",
    "HubSpot: properties guide",
)
INVALID_EMAIL = Code(
    "INVALID_EMAIL", "is not an email address", "Correct it, or leave it empty.", "HubSpot: error handling"
)
TOO_LONG = Code("TOO_LONG", "is longer than the property holds", "Shorten it.", "HubSpot: properties guide")
SEPARATOR_IN_VALUE = Code(
    "SEPARATOR_IN_VALUE",
    "contains ';', which separates values",
    "Replace the ';' in the list's elements.",
    "ours: HubSpot would read two values",
)
UNSUPPORTED_TYPE = Code(
    "UNSUPPORTED_TYPE",
    "cannot be sent",
    "Cast it to text, or leave the column out.",
    "ours: none of its texts is certainly meant",
)
INVALID_TEXT = Code(
    "INVALID_TEXT",
    "is not valid Unicode text",
    "Correct it where it is read or decoded.",
    "JSON: it holds Unicode alone",
)
OUT_OF_RANGE = Code(
    "OUT_OF_RANGE",
    "is beyond the range of its type",
    "Cast the column to text before it is converted.",
    "ours: it is not the value that was meant",
)
MISSING_TARGET = Code(
    "MISSING_TARGET",
    "there is no record to associate with",
    "Fill the id, or leave the row out.",
    "yours: `required`",
)
INVALID_TARGET = Code(
    "INVALID_TARGET",
    "is not the id of a record",
    "Record ids are digits.",
    "HubSpot: object APIs, ids are digits",
)
INVALID_ORDER = Code(
    "INVALID_ORDER",
    "does not say how new the row is",
    "Give a timestamp, a date (years 1 to 9999) or a whole number, or leave it empty.",
    "ours: `as_of` compares it",
)
MODEL = Code("MODEL", "does not satisfy the model", "", "yours: `model`")

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
    INVALID_TEXT,
    OUT_OF_RANGE,
    MISSING_TARGET,
    INVALID_TARGET,
    INVALID_ORDER,
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
    """Yield the problem where `mask` is true; none where it is true nowhere.

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
