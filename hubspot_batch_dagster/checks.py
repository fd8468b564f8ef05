"""The four checks of every sync, in the step that sends.

A blocking check is how a step says "not all is well" without losing what was done: the value and its metadata
are saved, the step is red, nothing downstream runs in that run, and both of Dagster's retry strategies run
the step again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.schema_check import schema_spec

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.report import RejectedRows
    from hubspot_batch_dagster.sync.result import SyncResult

RecordUrl = Callable[[str], "str | None"]
"""The page of a record id; ``None`` where it is not known."""

SAMPLE = 20
"""Rejected rows shown in a check: Dagster renders every row of a table, without pages."""

ACCOUNTED, REJECTED, UNKNOWN = "rows_accounted_for", "rows_rejected", "rows_unknown"


def check_specs(asset: dg.AssetKey | str | list[str]) -> list[dg.AssetCheckSpec]:
    """Return the checks that a sync reports on its asset."""
    key = dg.AssetKey(asset) if not isinstance(asset, dg.AssetKey) else asset
    return [
        dg.AssetCheckSpec(
            ACCOUNTED,
            asset=key,
            blocking=True,
            description="Every row has an outcome, and none is left unsent.",
        ),
        dg.AssetCheckSpec(
            REJECTED,
            asset=key,
            blocking=True,
            description=(
                "Rows that could not be sent or that HubSpot refused: a warning, and an error above"
                " max_rejected."
            ),
        ),
        dg.AssetCheckSpec(
            UNKNOWN,
            asset=key,
            blocking=True,
            description=(
                "Rows whose answer was lost and that HubSpot does not show yet: an error above max_unknown. "
                "The next run looks again."
            ),
        ),
        schema_spec(key),
    ]


@dataclass(frozen=True)
class Tolerance:
    """How many rows may go wrong before the step fails: numbers of rows (int), or shares of them (float).

    Attributes:
        max_rejected: Of rows that could not be sent or that HubSpot refused.
        max_unknown: Of rows whose answer was lost and that HubSpot does not show.
        max_unresolved: Of associations that are wanted and not made; ``None`` never fails the step.

    Raises:
        InputError: One of them cannot be meant.
    """

    max_rejected: float = 0.05
    max_unknown: float = 0
    max_unresolved: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_rejected", "max_unknown", "max_unresolved"):
            value = getattr(self, name)
            if value is None and name == "max_unresolved":
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not value >= 0 or (isinstance(value, float) and value > 1):
                raise InputError(
                    f"{name} is {value!r}.",
                    remedy=(
                        "Give a number of rows (an int), or a share of the rows from 0.0 to 1.0 (a float)."
                    ),
                )

    def rejected_rows(self, rows: int) -> float:
        """How many rejected rows are still only a warning."""
        return _rows(rows, self.max_rejected)

    def unknown_rows(self, rows: int) -> float:
        """How many unknown rows are still only a warning."""
        return _rows(rows, self.max_unknown)

    def exceeded(self, result: "SyncResult") -> bool:
        """Whether the step fails."""
        counts, rows = result.counts, result.rows
        return bool(
            counts["unsent"]
            or counts["rejected"] > self.rejected_rows(rows)
            or counts["unknown"] > self.unknown_rows(rows)
            or self.exceeded_by_associations(result.association_counts)
        )

    def exceeded_by_associations(self, counts: Mapping[str, int]) -> bool:
        """Whether the step fails for the associations that it lacks, of so many of each outcome."""
        if self.max_unresolved is None:
            return False
        lacking = sum(n for name, n in counts.items() if name not in ("associated", "unchanged"))
        return lacking > _rows(sum(counts.values()), self.max_unresolved)


def _rows(rows: int, most: float) -> float:
    # 29 % of 100 rows are 29 rows, and not the 28.999999999999996 of floats.
    return round(rows * most, 6) if isinstance(most, float) else most


def check_results(
    result: "SyncResult",
    asset: dg.AssetKey,
    tolerance: Tolerance,
    record_url: RecordUrl = lambda record_id: None,  # noqa: ARG005
) -> list[dg.AssetCheckResult]:
    """Return what the checks say of a run.

    Args:
        result: The run.
        asset: The asset that was materialized.
        tolerance: What is still only a warning.
        record_url: Where a rejected row's record can be looked at, if an earlier run made it.
    """
    rejected, unknown, unsent = (result.counts[name] for name in ("rejected", "unknown", "unsent"))
    allowed, allowed_unknown = tolerance.rejected_rows(result.rows), tolerance.unknown_rows(result.rows)
    return [
        dg.AssetCheckResult(
            asset_key=asset,
            check_name=ACCOUNTED,
            passed=unsent == 0,
            severity=dg.AssetCheckSeverity.ERROR,
            description=_accounted(result, unsent),
            metadata={"rows": result.rows, "unsent": unsent, **in_order(result.counts)},
        ),
        dg.AssetCheckResult(
            asset_key=asset,
            check_name=REJECTED,
            passed=rejected == 0 and not result.cells_omitted,
            severity=_severity(rejected, allowed),
            description=_rejections(result, rejected, allowed) + _omissions(result),
            metadata={
                **(_of_rejected(result, record_url) if rejected else {"rejected": 0}),
                **_of_omitted(result),
            },
        ),
        dg.AssetCheckResult(
            asset_key=asset,
            check_name=UNKNOWN,
            passed=unknown == 0,
            severity=_severity(unknown, allowed_unknown),
            description=(
                f"{unknown:,} rows are unknown, {_verdict(unknown, allowed_unknown)} the"
                f" {allowed_unknown:,.0f} that max_unknown allows: they were sent and the answer was lost."
                " They are not sent again before a run has looked them up."
                if unknown
                else "No answer was lost."
            ),
            metadata={"unknown": unknown},
        ),
    ]


def in_order(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts that are not zero, then the zeros, which are there for Dagster's plots."""
    return dict(sorted(counts.items(), key=lambda each: each[1] == 0))


def rejection_metadata(rows: "RejectedRows", record_url: RecordUrl) -> dict[str, Any]:
    """Reasons and a sample of rejected rows as Dagster's tables."""
    reasons = [
        dg.TableRecord({"column": each.column, "code": each.code, "rows": each.rows}) for each in rows.reasons
    ]
    kinds = {"row": "int", **dict.fromkeys(("key", "column", "code", "message", "record"), "string")}
    if not any(each.record_id for each in rows.sample):
        del kinds["record"]  # an empty column would only take room from the messages
    sample = []
    for each in rows.sample:
        record = (record_url(each.record_id) or each.record_id) if each.record_id else ""
        cells = {**vars(each), "record": record}
        sample.append(dg.TableRecord({name: cells[name] for name in kinds}))
    return {
        "reasons": dg.MetadataValue.table(reasons, schema=_table(column="string", code="string", rows="int")),
        "sample": dg.MetadataValue.table(sample, schema=_table(**kinds)),
    }


def _accounted(result: "SyncResult", unsent: int) -> str:
    said = ", ".join(f"{n:,} {name}" for name, n in result.counts.items() if n) or "no rows"
    text = f"{result.rows:,} rows: {said}."
    return (
        f"{text} The run stopped before it had sent all: {result.stopped or 'it was interrupted.'}"
        if unsent
        else text
    )


def _rejections(result: "SyncResult", rejected: int, allowed: float) -> str:
    if not rejected:
        return "No row was rejected."
    reasons = ", ".join(f"{code} ({n:,})" for code, n in list(result.reasons.items())[:5])
    verdict = _verdict(rejected, allowed)
    return (
        f"{rejected:,} of {result.rows:,} rows were rejected, {verdict} the {allowed:,.0f} that max_rejected"
        f" allows. {reasons}."
    )


def _omissions(result: "SyncResult") -> str:
    cells = sum(result.cells_omitted.values())
    if not cells:
        return ""
    said = ", ".join(f"{reason} ({n:,})" for reason, n in list(result.cells_omitted.items())[:5])
    return f" {cells:,} cells were left out or cleared, as on_invalid says; their rows were sent. {said}."


def _of_omitted(result: "SyncResult") -> dict[str, Any]:
    if not result.cells_omitted:
        return {}
    lines = [
        dg.TableRecord({"column": reason.rpartition(": ")[0], "code": reason.rpartition(": ")[2], "cells": n})
        for reason, n in result.cells_omitted.items()
    ]
    return {
        "cells_omitted": sum(result.cells_omitted.values()),
        "omitted": dg.MetadataValue.table(lines, schema=_table(column="string", code="string", cells="int")),
        "omitted_path": dg.MetadataValue.path(result.omitted_path or ""),
    }


def _of_rejected(result: "SyncResult", record_url: RecordUrl) -> dict[str, Any]:
    from hubspot_batch_dagster.sync.report import RejectedRows

    found = rejection_metadata(RejectedRows.of(result.rejected, SAMPLE), record_url)
    return {
        "rejected": result.counts["rejected"],
        **found,
        "rejected_path": dg.MetadataValue.path(result.rejected_path),
    }


def _severity(found: int, allowed: float) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if found > allowed else dg.AssetCheckSeverity.WARN


def _verdict(found: int, allowed: float) -> str:
    return "more than" if found > allowed else "within"


def _table(**kinds: str) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in kinds.items()])
