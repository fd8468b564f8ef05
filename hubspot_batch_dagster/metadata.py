"""What a materialization shows: the same keys in every run, so that Dagster can plot them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.checks import in_order
from hubspot_batch_dagster.definition import property_schema
from hubspot_batch_dagster.event_log import result_metadata
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.resource import HubSpotResource

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.result import SyncResult


def materialization_metadata(
    result: "SyncResult", operation: Operation, hubspot: HubSpotResource
) -> dict[str, Any]:
    """Return counts, speed, and where to look.

    Args:
        result: The run.
        operation: What it did.
        hubspot: Whose budget it used.
    """
    seconds = result.seconds
    metadata: dict[str, Any] = {"dagster/row_count": result.rows}
    if result.stopped is not None:
        metadata["stopped"] = dg.MetadataValue.text(str(result.stopped))
    associations = result.association_counts if operation.associations else {"unresolved": result.unresolved}
    linked = {f"associations_{name}": n for name, n in associations.items()}
    cells = sum(result.cells_omitted.values())
    counts = in_order({**result.counts, **linked, "cells_omitted": cells, "waiting": result.waiting})
    metadata |= {name: n for name, n in counts.items() if n}
    metadata |= _links(operation, hubspot)
    metadata |= {
        "rejected_path": dg.MetadataValue.path(result.rejected_path),
        "ids_path": dg.MetadataValue.path(result.ids_path),
        **({"omitted_path": dg.MetadataValue.path(result.omitted_path)} if result.omitted_path else {}),
        "sync_run": result.run,
        "seconds": round(seconds, 3),
        "rows_per_second": round(result.rows / seconds, 1) if seconds else 0.0,
        "requests": result.requests,
        "retries": result.retries,
        **_budget(hubspot),
        **_compared(result),
        **_read(result),
        "dagster/column_schema": _columns(operation, hubspot) or _ids_columns(result.ids_path),
        "ids_columns": _ids_columns(result.ids_path),
        **result_metadata(result),
        # Dagster plots a number only if every run has it.
        **{name: n for name, n in counts.items() if not n},
    }
    return metadata


def hubspot_record_url(operation: Operation, hubspot: HubSpotResource) -> Callable[[str], str | None]:
    """Where the page of a record of the operation's type is, by its id."""
    return lambda record_id: hubspot.portal.record_url(operation.object_type, record_id)


def _links(operation: Operation, hubspot: HubSpotResource) -> dict[str, Any]:
    """Return the page that lists the records, and the portal, where they are known."""
    found: dict[str, Any] = {}
    url = hubspot.portal.records_url(operation.object_type)
    if url is not None:
        found["records_url"] = dg.MetadataValue.url(url)
    account = hubspot.portal.known_account
    if account is not None:
        found["portal"] = dg.MetadataValue.int(account.portal_id)
    return found


def _compared(result: "SyncResult") -> dict[str, Any]:
    """How many rows their warehouse found unchanged, where there is one."""
    if result.compared_in_warehouse is None:
        return {}
    return {"compared_in_warehouse": result.compared_in_warehouse}


def _read(result: "SyncResult") -> dict[str, Any]:
    """From where a source with a cursor column was read, if not all of it was."""
    return {} if result.changed_since is None else {"changed_since": result.changed_since}


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


def _columns(operation: Operation, hubspot: HubSpotResource) -> dg.TableSchema | None:
    """Return the properties that are sent, as the portal defines them; ``None`` where the operation names
    none.
    """
    mapping = operation.property_columns
    if not mapping:
        return None
    return property_schema(mapping, hubspot.portal.known_properties(operation.object_type))


def _ids_columns(path: str) -> dg.TableSchema:
    import fsspec
    import pyarrow.parquet as pq

    with fsspec.open(path, "rb") as file:
        schema = pq.read_schema(file)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, str(kind)) for name, kind in zip(schema.names, schema.types, strict=True)
        ]
    )
