"""The four checks of every sync, in the step that sends.

A blocking check is how a step says "not all is well" without losing what was done: the value and its metadata are saved,
the step is red, nothing downstream runs, and both of Dagster's retry strategies run the step again.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import dagster as dg

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.schema_check import schema_spec

if TYPE_CHECKING:
    import pyarrow as pa

    from hubspot_batch_dagster.sync.result import SyncResult

SAMPLE = 20
"""Rejected rows shown in a check: Dagster renders every row of a table, without pages."""

ACCOUNTED, REJECTED, UNKNOWN = "rows_accounted_for", "rows_rejected", "rows_unknown"


def sample_schema() -> dg.TableSchema:
    """The columns of a sample of rejected rows."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn("row", "int"),
            dg.TableColumn("key", "string"),
            dg.TableColumn("column", "string"),
            dg.TableColumn("code", "string"),
            dg.TableColumn("message", "string"),
        ]
    )


def check_specs(asset: dg.AssetKey | str | list[str]) -> list[dg.AssetCheckSpec]:
    """The checks that a sync reports on its asset."""
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
            description="Rows that could not be sent or that HubSpot refused: a warning, and an error above max_rejected.",
        ),
        dg.AssetCheckSpec(
            UNKNOWN,
            asset=key,
            description="Rows whose answer was lost and that HubSpot does not show yet. The next run looks again.",
        ),
        schema_spec(key),
    ]


def check_results(result: "SyncResult", asset: dg.AssetKey, max_rejected: float) -> list[dg.AssetCheckResult]:
    """What the checks say of a run."""
    rejected, unknown, unsent = (result.counts[name] for name in ("rejected", "unknown", "unsent"))
    allowed = allowed_rejections(result.rows, max_rejected)
    return [
        dg.AssetCheckResult(
            asset_key=asset,
            check_name=ACCOUNTED,
            passed=unsent == 0,
            severity=dg.AssetCheckSeverity.ERROR,
            description=_accounted(result, unsent),
            metadata={"rows": result.rows, "unsent": unsent},
        ),
        dg.AssetCheckResult(
            asset_key=asset,
            check_name=REJECTED,
            passed=rejected == 0,
            severity=dg.AssetCheckSeverity.ERROR if rejected > allowed else dg.AssetCheckSeverity.WARN,
            description=_rejections(result, rejected, allowed),
            metadata=_rejection_metadata(result) if rejected else {"rejected": 0},
        ),
        dg.AssetCheckResult(
            asset_key=asset,
            check_name=UNKNOWN,
            passed=unknown == 0,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{unknown} rows are unknown: they were sent and the answer was lost. They are not sent again before the "
            "next run has looked them up."
            if unknown
            else "No answer was lost.",
            metadata={"unknown": unknown},
        ),
    ]


def check_max_rejected(value: float) -> None:
    """Refuse a threshold that cannot be meant."""
    if isinstance(value, bool) or value < 0 or (isinstance(value, float) and value > 1):
        raise InputError(
            f"max_rejected is {value!r}.",
            remedy="Give a number of rows (an int), or a share of the rows from 0.0 to 1.0 (a float).",
        )


def allowed_rejections(rows: int, max_rejected: float) -> float:
    """How many rejected rows are still only a warning."""
    # 29 % of 100 rows are 29 rows, and not the 28.999999999999996 of floats.
    return round(rows * max_rejected, 6) if isinstance(max_rejected, float) else max_rejected


def rejected_sample(rejected: "pa.Table", keys: Iterable[str]) -> list[dg.TableRecord]:
    """The first rejected rows as Dagster's table wants them."""
    columns = list(keys)
    return [
        dg.TableRecord(
            {
                "row": row["row"],
                "key": ", ".join("" if row[name] is None else str(row[name]) for name in columns),
                "column": row["column"] or row["error_property"] or "",
                "code": row["error_code"] or row["error_category"] or "",
                "message": row["error_message"] or "",
            }
        )
        for row in rejected.slice(0, SAMPLE).to_pylist()
    ]


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
    verdict = "more than" if rejected > allowed else "within"
    return f"{rejected:,} of {result.rows:,} rows were rejected, {verdict} the {allowed:,.0f} that max_rejected allows. {reasons}."


def _rejection_metadata(result: "SyncResult") -> dict[str, dg.MetadataValue]:
    import pyarrow as pa

    table = result.rejected
    known = {
        "row",
        "column",
        "error_category",
        "error_code",
        "error_property",
        "error_message",
        "correlation_id",
        "warning",
    }
    keys = [name for name in table.column_names if name not in known]
    reasons = [dg.TableRecord({"code": code, "rows": n}) for code, n in result.reasons.items()]
    sample = rejected_sample(table.take(pa.array(_places(table), pa.int64())), keys)
    return {
        "rejected": dg.MetadataValue.int(result.counts["rejected"]),
        "reasons": dg.MetadataValue.table(
            reasons, schema=dg.TableSchema(columns=[dg.TableColumn("code"), dg.TableColumn("rows", "int")])
        ),
        "sample": dg.MetadataValue.table(sample, schema=sample_schema()),
        "rejected_path": dg.MetadataValue.path(result.rejected_path),
    }


def _places(rejected: "pa.Table") -> list[int]:
    """The rows of the sample: the first of each reason, then the second of each, and so on."""
    seen: Counter[object] = Counter()
    order = []
    for place, code in enumerate(rejected.column("error_code").to_pylist()):
        seen[code] += 1
        if seen[code] <= SAMPLE:
            order.append((seen[code], place))
    return [place for _, place in sorted(order)[:SAMPLE]]
