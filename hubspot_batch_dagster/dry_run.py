"""A dry run in Dagster: the plan as an observation, and the checks as they would turn out. Nothing is sent or stored."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.checks import (
    ACCOUNTED,
    REJECTED,
    UNKNOWN,
    allowed_rejections,
    rejected_sample,
    sample_schema,
)
from hubspot_batch_dagster.schema_check import schema_check

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.planning.preview import SyncPlan


def plan_metadata(plan: "SyncPlan") -> dict[str, Any]:
    """What a dry run shows: counts, cost, and a sample of what would change."""
    changes = [
        dg.TableRecord(
            {
                "row": each.row,
                "key": each.key,
                "property": each.property,
                "before": each.before or "",
                "after": each.after,
            }
        )
        for each in plan.changes
    ]
    columns = [dg.TableColumn(name) for name in ("row", "key", "property", "before", "after")]
    metadata: dict[str, Any] = {
        "dry_run": True,
        "plan": plan.hash,
        "summary": str(plan),
        "rows": plan.rows,
        **{f"would_be_{name}": n for name, n in plan.counts.items()},
        "requests": plan.requests,
        "changes": dg.MetadataValue.table(changes, schema=dg.TableSchema(columns=columns)),
    }
    if plan.seconds is not None:
        metadata["seconds_at_the_limit"] = round(plan.seconds, 1)
    if plan.share_of_day is not None:
        metadata["share_of_the_day"] = round(plan.share_of_day, 4)
    return metadata


def plan_checks(plan: "SyncPlan", asset: dg.AssetKey, max_rejected: float) -> Iterator[dg.AssetCheckResult]:
    """The checks of a dry run: what is known beforehand. They pass or warn, and never fail the step."""
    rejected, allowed = plan.counts["rejected"], allowed_rejections(plan.rows, max_rejected)
    reasons = ", ".join(f"{code} ({n:,})" for code, n in list(plan.reasons.items())[:5])
    verdict = "more than" if rejected > allowed else "within"
    yield dg.AssetCheckResult(
        asset_key=asset, check_name=ACCOUNTED, passed=True, description=f"Dry run, nothing was sent. {plan}"
    )
    yield dg.AssetCheckResult(
        asset_key=asset,
        check_name=REJECTED,
        passed=rejected == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Dry run: {rejected:,} rows would be rejected, {verdict} what max_rejected allows. {reasons}",
        metadata={
            "rejected": rejected,
            "sample": dg.MetadataValue.table(rejected_sample(plan.rejected, ["key"]), schema=sample_schema()),
        },
    )
    yield dg.AssetCheckResult(
        asset_key=asset,
        check_name=UNKNOWN,
        passed=plan.counts["unknown"] == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Dry run: {plan.counts['unknown']:,} rows are held until their lost answer is looked up.",
    )
    yield schema_check(plan.drift, asset)
