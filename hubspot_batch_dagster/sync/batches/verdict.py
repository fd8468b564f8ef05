"""What is known of a row: the verdict on it, and the result of an answer that it is made from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from hubspot_batch_dagster.sync.batches.journal_entries import Outcomes

MESSAGE_LENGTH = 500
"""Characters of HubSpot's reason that are kept for a row."""

ERROR_COLUMNS = (
    "error_category",
    "error_code",
    "error_property",
    "error_message",
    "correlation_id",
    "warning",
)
"""Why a row was not written, in every table of rows."""

SAME_RECORD = "In HubSpot this row and another one are the same record "


class Verdict(NamedTuple):
    """What is known of one row: its outcome, its record, and why if it failed.

    ``stale`` says that the record does not hold the row's values: they are still to be sent where the
    operation updates.

    A tuple and not a dataclass, as :class:`Written`: there is one for each row, and it is made five times as
    fast.
    """

    outcome: str
    id: str | None = None
    category: str | None = None
    code: str | None = None
    property: str | None = None
    message: str | None = None
    correlation_id: str | None = None
    warning: str | None = None
    stale: bool = False


_NO_PROPERTIES: Mapping[str, str | None] = MappingProxyType({})


class Written(NamedTuple):
    """One result of an answer, as far as settling needs it."""

    id: str
    trace_id: str | None = None
    new: bool | None = None
    properties: Mapping[str, str | None] = _NO_PROPERTIES
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without the properties: they are people's data."""
        return f"Written(id={self.id!r}, trace_id={self.trace_id!r}, new={self.new!r})"


def same_record(record_id: str, key: str) -> Verdict:
    """Return the verdict on a row whose record is another row's. It keeps the record's id, so that it is
    never made anew.
    """
    return Verdict(
        outcome="rejected",
        id=record_id,
        code="SAME_RECORD",
        message=f"{SAME_RECORD}{record_id}; the other row has the key {key}. Leave one of the two out.",
    )


def is_conflict(verdict: Verdict) -> bool:
    """Whether HubSpot refused a row because another record has its unique value."""
    return verdict.outcome == "rejected" and (
        verdict.category == "CONFLICT"
        or verdict.code in ("CONFLICTING_UNIQUE_VALUE", "CONFLICT", "OBJECT_ALREADY_EXISTS")
    )


class Rows(Protocol):
    """What batches and intents have in common."""

    @property
    def rows(self) -> list[int]:
        """Positions in the user's table."""

    @property
    def keys(self) -> list[str]:
        """Row keys."""

    @property
    def digests(self) -> list[str]:
        """Hashes of what is sent."""


def outcomes_of(source: Rows, verdicts: dict[int, Verdict], settled_at: float) -> Outcomes:
    """Return the verdicts on rows of a batch or an intent as columns, for the journal and the ids table."""
    indexes = sorted(verdicts)
    columns: list[list[Any]] = [list(each) for each in zip(*(verdicts[i] for i in indexes), strict=True)]
    outcomes, ids, categories, codes, properties, messages, correlation_ids, warnings, stale = columns or (
        [] for _ in Verdict._fields
    )
    return Outcomes(
        rows=[source.rows[i] for i in indexes],
        keys=[source.keys[i] for i in indexes],
        digests=["" if old else source.digests[i] for i, old in zip(indexes, stale, strict=True)],
        outcomes=outcomes,
        ids=ids,
        categories=categories,
        codes=codes,
        properties=properties,
        messages=messages,
        correlation_ids=correlation_ids,
        warnings=warnings,
        settled_at=settled_at,
    )
