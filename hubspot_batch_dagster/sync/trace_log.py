"""What is remembered of a sync's runs outside its store: a store that was lost is not a store that never
was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.kept_once import check_first_run, generation_in_progress
from hubspot_batch_dagster.sync.state.store import Store


@dataclass(frozen=True)
class Trace:
    """That a run of a sync was about to send.

    Attributes:
        sync: The sync.
        store: Id of the store that it used.
        generation: Which run of the sync it was, as that store counts them.
    """

    sync: str
    store: str
    generation: int


class TraceLog(Protocol):
    """Where traces are kept, such as the event log of an orchestrator."""

    def traces(self, sync: str) -> Sequence[Trace]:
        """Return the last traces of a sync, newest first."""

    def note(self, trace: Trace) -> None:
        """Keep a trace; when this returns, the run may send."""


def check_traces(store: Store, sync: str, log: TraceLog | None) -> None:
    """Refuse a run whose sync has traces of runs that neither the ids table nor the journal knows.

    Args:
        store: Where the sync's state should be.
        sync: The sync.
        log: What is remembered elsewhere; ``None`` where nothing is.

    Raises:
        StoreError: The state of the sync is lost, or older than its traces.
        InputError: They are of a sync whose name the file system takes for this one.
    """
    known = store.latest_generation(sync)
    state = store.has_state(sync)
    own = store.generation_of_runs(sync)
    # A first run that sent nothing and was killed leaves its tables: the journal knows that it began.
    begun = state or store.journal.generation(sync) is not None
    if own is not None and (not begun or own > known):
        raise _lost(store, sync, f"its folder {store.path(sync, 'runs')} has tables of later runs")
    open_run = generation_in_progress(store.files, sync)
    if open_run > known:
        check_first_run(store.files, sync)  # it may be of a name that the file system takes for this one
        raise _lost(store, sync, f"its folder says that run {open_run} has begun to send and did not end")
    traces = log.traces(sync) if log is not None else ()
    of_this_store = [each for each in traces if each.store == store.known_id]
    newest = max((each.generation for each in of_this_store), default=0)
    if newest > known:
        raise _lost(store, sync, f"Dagster's event log has run {newest} of it")
    if traces and not of_this_store and not state:
        last = traces[0]
        raise _lost(
            store, sync, f"Dagster's event log has run {last.generation} of it, in the store {last.store}"
        )


def newest_trace(store: Store, sync: str, log: TraceLog | None) -> int:
    """Return the latest run of the sync in this store that is remembered outside the journal; 0 for none. A
    run that goes on without it comes after it.
    """
    traces = log.traces(sync) if log is not None and store.known_id is not None else ()
    newest = max((each.generation for each in traces if each.store == store.known_id), default=0)
    return max(newest, generation_in_progress(store.files, sync))


def _lost(store: Store, sync: str, trace: str) -> StoreError:
    known = store.latest_generation(sync)
    knows = f"knows it up to run {known}" if store.has_state(sync) else "knows nothing of it"
    return StoreError(
        f"The store {store.place} {knows}, and {trace}: the state of the sync {sync!r} is lost or out of"
        " date. Without it records would be made twice. Nothing was sent.",
        remedy=(
            "Restore the store. Or rebuild it with adopt, where the operation has id_property or"
            " creation_key. If nothing of the earlier runs counts, run once with first_run=True."
        ),
    )
