"""Dagster's event log as the memory of a sync's runs: it outlives a store that is lost."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.result import SyncResult
    from hubspot_batch_dagster.sync.trace_log import Trace

SYNC, STORE, GENERATION = "hubspot/sync", "hubspot/store", "hubspot/generation"
LOOKED_AT = 50
"""Events of each kind that are looked at, newest first."""


def trace_metadata(sync: str, store: str, generation: int) -> dict[str, Any]:
    """What an event says of a run. Texts: Dagster would plot numbers."""
    return {SYNC: sync, STORE: store, GENERATION: dg.MetadataValue.text(str(generation))}


def result_metadata(result: "SyncResult") -> dict[str, Any]:
    """The same of a run that came to its end, for its materialization."""
    return trace_metadata(result.name, result.store, result.generation)


class EventLog:
    """The traces of one asset's runs in Dagster's event log.

    Args:
        context: The context of the step that runs now.
        asset: The asset.
    """

    def __init__(self, context: Any, asset: dg.AssetKey) -> None:
        self._context = context
        self._asset = asset
        one = context.has_partition_key and len(context.partition_keys) == 1
        self._partition: str | None = context.partition_key if one else None

    @classmethod
    def of(cls, context: Any) -> "EventLog | None":
        """The event log of a step of one asset; ``None`` in an op or a script, where nothing is remembered."""
        try:
            return cls(context, context.asset_key) if getattr(context, "has_assets_def", False) else None
        except (dg.DagsterError, AttributeError):
            return None

    def traces(self, sync: str) -> "Sequence[Trace]":
        """The last traces of a sync, newest first. Events that other code wrote are none.

        A sync has the partitions of an asset in common, or is that of one partition: its name says so, and the name is in the event.
        """
        from hubspot_batch_dagster.sync.trace_log import Trace

        instance = self._context.instance
        found = []
        for fetch in (instance.fetch_materializations, instance.fetch_observations):
            for record in self._fetched(fetch):
                event = record.asset_materialization or record.event_log_entry.asset_observation
                said = {name: entry.value for name, entry in event.metadata.items()} if event else {}
                number = str(said.get(GENERATION, ""))
                if said.get(SYNC) == sync and said.get(STORE) and number.isdigit():
                    found.append((record.timestamp, Trace(sync, str(said[STORE]), int(number))))
        return [trace for _, trace in sorted(found, key=lambda each: -each[0])]

    def note(self, trace: "Trace") -> None:
        """Write a trace, as an observation of the asset."""
        metadata = trace_metadata(trace.sync, trace.store, trace.generation)
        self._context.log_event(
            dg.AssetObservation(
                asset_key=self._asset,
                partition=self._partition,
                description="A run of the sync is about to send.",
                metadata=metadata,
            )
        )

    def _fetched(self, fetch: Callable[..., Any]) -> list[Any]:
        """The last events of the asset, and of this partition where many portals' events are among them."""
        try:
            found = list(fetch(self._asset, limit=LOOKED_AT).records)
            if len(found) == LOOKED_AT and self._partition is not None:
                one = dg.AssetRecordsFilter(asset_key=self._asset, asset_partitions=[self._partition])
                found += fetch(one, limit=LOOKED_AT).records
        except Exception as error:
            self._context.log.warning(
                f"Dagster's event log cannot be read ({type(error).__name__}: {error}): a store that was lost would not be noticed."
            )
            return []
        return found
