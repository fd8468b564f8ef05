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
    """Return what an event says of a run. Texts: Dagster would plot numbers."""
    return {SYNC: sync, STORE: store, GENERATION: dg.MetadataValue.text(str(generation))}


def result_metadata(result: "SyncResult") -> dict[str, Any]:
    """Return the same of a run that came to its end, for its materialization."""
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
        """Return the event log of a step of one asset; ``None`` in an op or a script, where nothing is
        remembered.
        """
        try:
            return cls(context, context.asset_key) if getattr(context, "has_assets_def", False) else None
        except (dg.DagsterError, AttributeError):
            return None

    def traces(self, sync: str) -> "Sequence[Trace]":
        """Return the last traces of a sync, newest first. Events that other code wrote are none.

        A sync has the partitions of an asset in common, or is that of one partition: its name says so, and
        the name is in the event.
        """
        try:
            return traces_of(self._context.instance, self._asset, sync, self._partition)
        except Exception as error:
            self._context.log.warning(
                f"Dagster's event log cannot be read ({type(error).__name__}: {error}): a store that was lost"
                " would not be noticed."
            )
            return []

    def note(self, trace: "Trace") -> None:
        """Write a trace, as an observation of the asset."""
        said = "A run of the sync is about to send."
        self._context.log_event(_observation(self._asset, self._partition, trace, said))


def traces_of(
    instance: dg.DagsterInstance, asset: dg.AssetKey, sync: str, partition: str | None = None
) -> "list[Trace]":
    """Return the last traces of a sync among the events of an asset, newest first.

    Args:
        instance: Where the events are.
        asset: The asset.
        sync: The sync.
        partition: Whose events are looked at too, where those of many portals are among the asset's.
    """
    from hubspot_batch_dagster.sync.trace_log import Trace

    found = []
    for fetch in (instance.fetch_materializations, instance.fetch_observations):
        for record in _last(fetch, asset, partition):
            event = record.asset_materialization or record.event_log_entry.asset_observation
            said = {name: entry.value for name, entry in event.metadata.items()} if event else {}
            number = str(said.get(GENERATION, ""))
            if said.get(SYNC) == sync and said.get(STORE) and number.isdigit():
                found.append((record.timestamp, Trace(sync, str(said[STORE]), int(number))))
    return [trace for _, trace in sorted(found, key=lambda each: -each[0])]


def note_renamed(instance: dg.DagsterInstance, old: str, trace: "Trace") -> list[dg.AssetKey]:
    """Let Dagster know the runs of a renamed sync under its new name: else a store that is lost now would
    look like a first run.

    Args:
        instance: Where the events are.
        old: The former name.
        trace: The new name, and the last run.

    Returns:
        The assets that have the trace now; none where Dagster knows no run of the former name.
    """
    noted = []
    for asset in instance.all_asset_keys():
        partition = _portal_of(asset, old)
        if traces_of(instance, asset, old, partition):
            key, portal = _called(asset, partition, old, trace.sync)
            said = f"The sync was called {old!r} before."
            instance.report_runless_asset_event(_observation(key, portal, trace, said))
            noted.append(key)
    return noted


def _portal_of(asset: dg.AssetKey, sync: str) -> str | None:
    """Return the partition of the asset whose sync it is, if the name says so."""
    own = "/".join(asset.path) + "/"
    rest = sync.removeprefix(own)
    return rest if sync.startswith(own) and "/" not in rest else None


def _called(asset: dg.AssetKey, partition: str | None, old: str, new: str) -> tuple[dg.AssetKey, str | None]:
    """Asset and partition that the new name is of; the same asset where the sync is not named after it."""
    parts = new.split("/")
    if partition is not None and len(parts) > 1:
        return dg.AssetKey(parts[:-1]), parts[-1]
    return (dg.AssetKey(parts) if old == "/".join(asset.path) else asset), None


def _observation(
    asset: dg.AssetKey, partition: str | None, trace: "Trace", description: str
) -> dg.AssetObservation:
    return dg.AssetObservation(
        asset_key=asset,
        partition=partition,
        description=description,
        metadata=trace_metadata(trace.sync, trace.store, trace.generation),
    )


def _last(fetch: Callable[..., Any], asset: dg.AssetKey, partition: str | None) -> list[Any]:
    """Return the last events of the asset, and of this partition where many portals' events are among
    them.
    """
    found = list(fetch(asset, limit=LOOKED_AT).records)
    if len(found) == LOOKED_AT and partition is not None:
        one = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[partition])
        found += fetch(one, limit=LOOKED_AT).records
    return found
