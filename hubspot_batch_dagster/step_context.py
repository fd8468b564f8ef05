"""What a resource takes from Dagster's context of a step."""

import logging
from datetime import timezone
from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.sync.state.names import joined_name

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.batches.as_of import AsOf


def log_of(context: Any) -> logging.Logger | None:
    """Return the step's log."""
    if context is None:
        return None
    if not hasattr(type(context), "log"):
        raise InputError(
            f"context is a value of type {type(context).__name__}.",
            remedy="Pass the context that Dagster gives to the asset or op.",
        )
    return context.log  # type: ignore[no-any-return]


def order_of(context: Any) -> "AsOf | None":
    """Where the step's partitions stand in time; ``None`` for a step without partitions, or whose partitions
    have no order.

    Of several dimensions the one of time counts.
    """
    from hubspot_batch_dagster.sync.batches.as_of import AsOf

    if not _is_partitioned(context):
        return None
    definition, keys = context.assets_def.partitions_def, list(context.partition_keys)
    if isinstance(definition, dg.MultiPartitionsDefinition):
        times = [
            each
            for each in definition.partitions_defs
            if isinstance(each.partitions_def, dg.TimeWindowPartitionsDefinition)
        ]
        if not times:
            return None
        definition, dimension = times[0].partitions_def, times[0].name
        keys = [each.keys_by_dimension[dimension] for each in keys]
    if not isinstance(definition, dg.TimeWindowPartitionsDefinition) or not keys:
        return None
    newest = max(definition.time_window_for_partition_key(each).start for each in keys)
    return AsOf(newest.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S"), several=len(set(keys)) > 1)


def sync_of(context: Any, name: str | None, rows: object) -> str:
    """Return the name of the sync to which rows go: as it is given, or that of the asset.

    Raises:
        InputError: There is none. Or a cursor is to read partitions that share a sync: the newest row of one
            says nothing of the others.
    """
    from hubspot_batch_dagster.sync.changed_since import ChangedSince

    found = name or name_from(context)
    if isinstance(rows, ChangedSince) and _is_partitioned(context) and found == name_from(context):
        raise InputError(
            "ChangedSince takes no partitions: each partition says itself which rows are read.",
            remedy="Leave the partitions out, or return the rows of the partition.",
        )
    return found


def _is_partitioned(context: Any) -> bool:
    return bool(
        getattr(context, "has_assets_def", False)
        and (context.has_partition_key or context.has_partition_key_range)
    )


def name_from(context: Any) -> str:
    """Return the name of the sync in an asset: its key.

    Raises:
        InputError: There is no asset.
    """
    if context is not None and getattr(context, "has_assets_def", False):
        return joined_name(context.asset_key.path)
    raise InputError(
        "The sync has no name.",
        remedy="Pass context=context inside an asset, or name='...': the name says whose ids table is used.",
    )
