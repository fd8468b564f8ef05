"""The check ``associations_resolved``: which associations the rows want and do not have."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.checks import SAMPLE, Tolerance
from hubspot_batch_dagster.operations.base import Operation

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.result import SyncResult

RESOLVED = "associations_resolved"

_MEANS = {
    "unresolved": "no record has the key yet, and every run looks for it.",
    "rejected": "HubSpot said no, or a cell names no record; sent again when the row names others.",
    "unknown": "the answer was lost, and the next run writes it again.",
    "unsent": "its row has no record, or the run stopped before.",
}
_OPEN = tuple(_MEANS)
_COLUMNS = ("key", "to", "label", "target", "outcome", "reason")


def association_specs(asset: dg.AssetKey, operation: Operation) -> list[dg.AssetCheckSpec]:
    """Return the check as an asset declares it; none where the operation has no associations."""
    if not operation.associations:
        return []
    return [
        dg.AssetCheckSpec(
            RESOLVED,
            asset=asset,
            blocking=True,
            description=(
                "Every association that the rows want is made: a warning for those that are open, and an"
                " error above max_unresolved. They are looked for in every run."
            ),
        )
    ]


def association_results(
    result: "SyncResult", asset: dg.AssetKey, operation: Operation, tolerance: Tolerance
) -> list[dg.AssetCheckResult]:
    """Return what the check says of a run; nothing where the operation has no associations."""
    if not operation.associations:
        return []
    still_open = {name: n for name in _OPEN if (n := result.association_counts.get(name, 0))}
    metadata: dict[str, Any] = {
        "wanted": sum(result.association_counts.values()),
        **result.association_counts,
    }
    if still_open:
        metadata |= _tables(result)
    return [
        dg.AssetCheckResult(
            asset_key=asset,
            check_name=RESOLVED,
            passed=not still_open,
            severity=(
                dg.AssetCheckSeverity.ERROR
                if tolerance.exceeded_by_associations(result.association_counts)
                else dg.AssetCheckSeverity.WARN
            ),
            description=_described(result, still_open),
            metadata=metadata,
        )
    ]


def _described(result: "SyncResult", still_open: dict[str, int]) -> str:
    wanted = sum(result.association_counts.values())
    if not still_open:
        return (
            "No association is wanted." if not wanted else f"{wanted:,} of {wanted:,} associations are made."
        )
    n = sum(still_open.values())
    told = " ".join(f"{n:,} {name}: {_MEANS[name]}" for name, n in still_open.items())
    return f"{n:,} of {wanted:,} associations that the rows want {'is' if n == 1 else 'are'} open. {told}"


def _tables(result: "SyncResult") -> dict[str, Any]:
    """Reasons with their numbers, and a sample of the open associations, as Dagster's tables."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = result.associations
    table = table.filter(pc.is_in(table.column("outcome"), value_set=pa.array(_OPEN)))
    counted = table.group_by(["to", "outcome", "reason"]).aggregate([([], "count_all")])
    reasons = [
        dg.TableRecord(
            {
                "to": each["to"],
                "outcome": each["outcome"],
                "reason": each["reason"] or "",
                "n": each["count_all"],
            }
        )
        for each in counted.sort_by([("count_all", "descending")]).slice(0, SAMPLE).to_pylist()
    ]
    keys = [name for name in table.column_names[: table.column_names.index("to")] if name != "hs_object_id"]
    sample = [
        dg.TableRecord(
            {
                "key": ", ".join("" if line[name] is None else str(line[name]) for name in keys),
                "to": line["to"],
                "label": line["label"] or "",
                "target": line["target_key"] or line["target_id"] or "",
                "outcome": line["outcome"],
                "reason": line["reason"] or "",
            }
        )
        for line in table.slice(0, SAMPLE).to_pylist()
    ]
    columns = [
        dg.TableColumn(name, "int" if name == "n" else "string") for name in ("to", "outcome", "reason", "n")
    ]
    return {
        "reasons": dg.MetadataValue.table(reasons, schema=dg.TableSchema(columns=columns)),
        "sample": dg.MetadataValue.table(
            sample, schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in _COLUMNS])
        ),
        "associations_path": dg.MetadataValue.path(result.associations_path or ""),
    }
