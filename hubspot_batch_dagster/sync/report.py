"""Why a run is not plain green, in words: counts, reasons by column, a few rows, and where all of them
are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute

from hubspot_batch_dagster.sync.batches.verdict import ERROR_COLUMNS
from hubspot_batch_dagster.sync.result import SyncResult

pc: Any = pyarrow.compute  # its stubs know no texts as scalars

SHOWN_REASONS = 10
SHOWN_ROWS = 3

_NOT_KEYS = frozenset({"row", "column", *ERROR_COLUMNS, "record_id"})


@dataclass(frozen=True)
class ReasonCount:
    """Why some rows were rejected.

    Attributes:
        column: The column or property that is to blame; empty where none is.
        code: The error code, or HubSpot's category.
        rows: How many rows.
    """

    column: str
    code: str
    rows: int

    def __str__(self) -> str:
        return (
            f"{self.column}: {self.code} ({self.rows:,})" if self.column else f"{self.code} ({self.rows:,})"
        )


@dataclass(frozen=True)
class RejectedRow:
    """One rejected row.

    Attributes:
        row: Its position in the table.
        key: Its key; several columns are joined by a comma.
        column: The column or property that is to blame; empty where none is.
        code: The error code, or HubSpot's category.
        message: What is wrong with it.
        record_id: Its record, if an earlier run made one.
    """

    row: int
    key: str
    column: str
    code: str
    message: str
    record_id: str | None = None

    def __str__(self) -> str:
        key = f", key {self.key}" if self.key else ""
        column = f"{self.column}: " if self.column and not self.message.startswith(self.column) else ""
        return f"row {self.row}{key}: {column}{self.message or self.code}"


@dataclass(frozen=True)
class RejectedRows:
    """Rejected rows in short.

    Attributes:
        reasons: By column and code, the commonest first.
        sample: A few of them: the first of each reason, then the second of each, and so on.
    """

    reasons: tuple[ReasonCount, ...]
    sample: tuple[RejectedRow, ...]

    @classmethod
    def of(cls, table: pa.Table, size: int = SHOWN_ROWS) -> RejectedRows:
        """Look at a table of rejected rows, as a run or a plan has it.

        Args:
            table: The rows.
            size: The most rows of the sample.
        """
        if not table.num_rows:
            return cls((), ())
        column = _filled(table, "column", "error_property")
        code = _filled(table, "error_code", "error_category")
        counted = (
            pa.table({"column": column, "code": code})
            .group_by(["column", "code"])
            .aggregate([([], "count_all")])
        ).sort_by([("count_all", "descending"), ("column", "ascending"), ("code", "ascending")])
        reasons = tuple(
            ReasonCount(each["column"], each["code"], each["count_all"]) for each in counted.to_pylist()
        )
        places = _places(column, code, reasons, size)
        keys = [name for name in table.column_names if name not in _NOT_KEYS]
        chosen = table.take(pa.array(places, pa.int64())).to_pylist()
        sample = (
            RejectedRow(
                row=line["row"],
                key=", ".join("" if line[name] is None else str(line[name]) for name in keys),
                column=column[place].as_py(),
                code=code[place].as_py(),
                message=line["error_message"] or "",
                record_id=line.get("record_id"),
            )
            for place, line in zip(places, chosen, strict=True)
        )
        return cls(reasons, tuple(sample))


def counted(result: SyncResult) -> str:
    """One line: rows, outcomes, requests, time."""
    outcomes = ", ".join(f"{n:,} {name}" for name, n in result.counts.items() if n) or "nothing to do"
    rows = "1 row" if result.rows == 1 else f"{result.rows:,} rows"
    requests = "1 request" if result.requests == 1 else f"{result.requests:,} requests"
    associations = ", ".join(f"{n:,} {name}" for name, n in result.association_counts.items() if n)
    more = f" Associations: {associations}." if associations else ""
    return f"{result.name}: {rows}: {outcomes}.{more} {requests} in {result.seconds:.1f} s."


def explained(result: SyncResult) -> str:
    """Why a run is not plain green; empty if it is.

    The first line has counts and reasons only, and no row: it may be sent to a chat.
    """
    first, lines = [counted(result)], []
    counts = result.counts
    if counts["unsent"]:
        first.append(
            f"Stopped: {'interrupted' if result.stopped is None else type(result.stopped).__name__}."
        )
        if result.stopped is not None:
            lines.append(f"The run stopped before it had sent all rows: {result.stopped}")
    if counts["rejected"]:
        rejected = RejectedRows.of(result.rejected)
        first.append(f"Rejected: {listed(rejected.reasons)}.")
        lines += [f"  {each}" for each in rejected.sample]
        if counts["rejected"] > len(rejected.sample):
            lines.append(f"  and {counts['rejected'] - len(rejected.sample):,} more.")
        lines.append(f"All rejected rows, with their reasons: {result.rejected_path}")
    if counts["unknown"]:
        lines.append(
            f"{counts['unknown']:,} rows are unknown: they were sent and the answer was lost. "
            "They are not sent again before a run has looked them up."
        )
    if result.unresolved:
        lines.append(
            f"Unresolved associations: {result.unresolved:,}. No record has their keys yet; every run looks"
            " for them."
        )
    if refused := result.association_counts.get("rejected", 0):
        lines.append(
            f"Rejected associations: {refused:,}. They are sent again when their rows name other records."
        )
    if lines and result.associations_path is not None and (result.unresolved or refused):
        lines.append(f"All associations, with their outcomes: {result.associations_path}")
    return "\n".join([" ".join(first), *lines]) if lines or len(first) > 1 else ""


def listed(reasons: Sequence[ReasonCount]) -> str:
    """Return the commonest reasons in one line."""
    more = len(reasons) - SHOWN_REASONS
    return ", ".join(str(each) for each in reasons[:SHOWN_REASONS]) + (
        f" and {more} more" if more > 0 else ""
    )


def _filled(table: pa.Table, *names: str) -> Any:
    """Return the first of these columns that a line has a text in; empty where none has."""
    found = [table.column(name).cast(pa.string()) for name in names if name in table.column_names]
    return pc.coalesce(*found, pa.scalar(""))


def _places(column: Any, code: Any, reasons: Sequence[ReasonCount], size: int) -> list[int]:
    """Return the rows of the sample: the first of each reason, then the second of each, and so on."""
    found = []
    for order, each in enumerate(reasons[: max(size, 1)]):
        same = pc.and_(pc.equal(column, each.column), pc.equal(code, each.code))
        places = pc.indices_nonzero(same).slice(0, size).to_pylist()
        found += [(nth, order, place) for nth, place in enumerate(places)]
    return [place for _, _, place in sorted(found)[:size]]
