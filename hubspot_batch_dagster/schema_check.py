"""The check ``portal_schema``: what changed in the portal's definitions since the last run, and which columns
it touches.
"""

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.schema.drift import Drift, SchemaChange

SCHEMA = "portal_schema"

SHOWN = 20
"""Changes shown: Dagster renders every row of a table, without pages."""

_COLUMNS = ("column", "property", "change", "before", "after")


def schema_spec(asset: dg.AssetKey) -> dg.AssetCheckSpec:
    """Return the check as an asset declares it."""
    return dg.AssetCheckSpec(
        SCHEMA,
        asset=asset,
        description="The portal still defines the properties that columns go to as it did at the last run.",
    )


def schema_check(drift: "Drift", asset: dg.AssetKey) -> dg.AssetCheckResult:
    """Return what the check says: a warning for any change, an error if a column can no longer be sent."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=SCHEMA,
        passed=not drift.changes,
        severity=dg.AssetCheckSeverity.ERROR if drift.blocks else dg.AssetCheckSeverity.WARN,
        description=_said(drift),
        metadata={
            "changes": dg.MetadataValue.table(
                [_record(each) for each in drift.changes[:SHOWN]],
                schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in _COLUMNS]),
            )
        }
        if drift.changes
        else {},
    )


def _said(drift: "Drift") -> str:
    if not drift.compared:
        return "There was nothing to compare with."
    if not drift.changes:
        return "Nothing changed since the last run."
    columns = list(dict.fromkeys(each.column for each in drift.changes))
    touched = ", ".join(columns[:SHOWN])
    effect = (
        "A column can no longer be sent, so nothing was."
        if drift.blocks
        else "The run used the new definitions."
    )
    n = len(drift.changes)
    what = "1 change touches" if n == 1 else f"{n} changes touch"
    return f"Since the last run {what} {touched}. {effect}"


def _record(change: "SchemaChange") -> dg.TableRecord:
    return dg.TableRecord({name: getattr(change, name) for name in _COLUMNS})
