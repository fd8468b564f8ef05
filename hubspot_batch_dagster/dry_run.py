"""A dry run in Dagster: the plan as an observation. Nothing is sent or stored, and no check speaks."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.checks import SAMPLE, RecordUrl, Tolerance, in_order, rejection_metadata

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.planning.preview import SyncPlan


def plan_metadata(plan: "SyncPlan", tolerance: Tolerance, record_url: RecordUrl) -> dict[str, Any]:
    """Return what a dry run shows: counts, why rows would be rejected, cost, and a sample of what would
    change.

    Args:
        plan: The plan.
        tolerance: How many rejected rows a run may have before it fails.
        record_url: Where a record can be looked at.
    """
    from hubspot_batch_dagster.sync.report import RejectedRows

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
        "summary": str(plan),
        "verdict": verdict(plan, tolerance),
        "would_fail": would_fail(plan, tolerance),
        "plan": plan.hash,
        "rows": plan.rows,
        **in_order({f"would_be_{name}": n for name, n in plan.counts.items()}),
        **in_order({f"associations_would_be_{name}": n for name, n in plan.associations.items()}),
        "requests": plan.requests,
    }
    if plan.counts["rejected"]:
        metadata |= rejection_metadata(RejectedRows.of(plan.rejected, SAMPLE), record_url)
    metadata["changes"] = dg.MetadataValue.table(changes, schema=dg.TableSchema(columns=columns))
    if plan.seconds is not None:
        metadata["seconds_at_the_limit"] = round(plan.seconds, 1)
    if plan.share_of_day is not None:
        metadata["share_of_the_day"] = round(plan.share_of_day, 4)
    if plan.warnings:
        metadata["warnings"] = dg.MetadataValue.md("\n".join(f"- {each}" for each in plan.warnings))
    return metadata


def would_fail(plan: "SyncPlan", tolerance: Tolerance) -> bool:
    """Whether a run of this plan would end red."""
    return plan.counts["rejected"] > tolerance.rejected_rows(plan.rows) or tolerance.exceeded_by_associations(
        plan.associations
    )


def verdict(plan: "SyncPlan", tolerance: Tolerance) -> str:
    """Return what a run of this plan would come to, and why."""
    from hubspot_batch_dagster.sync.report import RejectedRows, listed

    rejected, lacking = plan.counts["rejected"], _lacking(plan, tolerance)
    if not rejected:
        return f"No row would be rejected.{lacking}"
    allowed = tolerance.rejected_rows(plan.rows)
    how = "more than" if rejected > allowed else "within"
    end = "The run would fail." if rejected > allowed else "The run would warn."
    return (
        f"{rejected:,} rows would be rejected, {how} the {allowed:,.0f} that max_rejected allows. {end} "
        f"{listed(RejectedRows.of(plan.rejected).reasons)}.{lacking}"
    )


def _lacking(plan: "SyncPlan", tolerance: Tolerance) -> str:
    if not tolerance.exceeded_by_associations(plan.associations):
        return ""
    return " More associations would be open than max_unresolved allows: the run would fail."


def plan_report(plan: "SyncPlan", tolerance: Tolerance) -> str:
    """Return the same for the log."""
    from hubspot_batch_dagster.sync.report import RejectedRows

    lines = [f"Dry run, nothing was sent. {plan}"]
    if plan.counts["rejected"] or would_fail(plan, tolerance):
        lines.append(verdict(plan, tolerance))
    if plan.counts["rejected"]:
        lines += [f"  {each}" for each in RejectedRows.of(plan.rejected).sample]
    return "\n".join(lines)
