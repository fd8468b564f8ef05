"""What a materialization shows: the same keys in every run, so that Dagster can plot them."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.operations.records import Operation
from hubspot_batch_dagster.resource import HubSpotResource

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.result import SyncResult


def materialization_metadata(
    result: "SyncResult", operation: Operation, hubspot: HubSpotResource
) -> dict[str, Any]:
    """Counts, speed, and where to look.

    Args:
        result: The run.
        operation: What it did.
        hubspot: Whose budget it used.
    """
    seconds = result.seconds
    metadata: dict[str, Any] = {
        "dagster/row_count": result.rows,
        "dagster/column_schema": _schema(result.ids_path),
        **{name: int(n) for name, n in result.counts.items()},
        "requests": result.requests,
        "retries": result.retries,
        "seconds": round(seconds, 3),
        "rows_per_second": round(result.rows / seconds, 1) if seconds else 0.0,
        "associations_unresolved": result.unresolved,
        "object_type": operation.object_type,
        "operation": type(operation).__name__,
        "sync_run": result.run,
        "ids_path": dg.MetadataValue.path(result.ids_path),
        "rejected_path": dg.MetadataValue.path(result.rejected_path),
    }
    metadata.update(_budget(hubspot))
    metadata.update(_links(operation, hubspot))
    if result.stopped is not None:
        metadata["stopped"] = dg.MetadataValue.text(str(result.stopped))
    return metadata


def _links(operation: Operation, hubspot: HubSpotResource) -> dict[str, Any]:
    """The portal and the page that lists the records, where they are known."""
    account = hubspot.portal.known_account
    if account is None:
        return {}
    found: dict[str, Any] = {"portal": dg.MetadataValue.int(account.portal_id)}
    url = hubspot.portal.records_url(operation.object_type)
    if url is not None:
        found["records_url"] = dg.MetadataValue.url(url)
    return found


def _budget(hubspot: HubSpotResource) -> dict[str, Any]:
    from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget

    budget = hubspot.client.budget
    state = budget.known_state() if isinstance(budget, SharedBudget) else None
    if state is None:
        return {}
    found: dict[str, Any] = {"limit_per_10_s": state.ceiling}
    if state.daily_limit:
        found["daily_requests_left"] = state.daily_remaining
    return found


def _schema(path: str) -> dg.TableSchema:
    import fsspec
    import pyarrow.parquet as pq

    with fsspec.open(path, "rb") as file:
        schema = pq.read_schema(file)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, str(kind)) for name, kind in zip(schema.names, schema.types, strict=True)
        ]
    )
