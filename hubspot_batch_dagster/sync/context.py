"""What a run is about, fixed before its first stage: the definition, and the things that its stages work
with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.api.object_types import same_type
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.changed_rows import ChangedRows, open_changes
from hubspot_batch_dagster.sync.column_mapping import as_input_error
from hubspot_batch_dagster.sync.delivery.association_sender import ASSOCIATIONS_PER_ROW
from hubspot_batch_dagster.sync.options import RunOptions
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal, stop_signal_for
from hubspot_batch_dagster.sync.schema.portal import Portal
from hubspot_batch_dagster.sync.state.ids_elsewhere import Pointer, asked_first
from hubspot_batch_dagster.sync.state.names import new_run_id
from hubspot_batch_dagster.sync.state.patience import Patience
from hubspot_batch_dagster.sync.state.rename import refuse_renamed, refuse_table_of_another_name
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.sync.trace_log import check_traces, newest_trace
from hubspot_batch_dagster.sync.warehouse.comparison import Comparison
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import WarehouseIds
from hubspot_batch_dagster.sync.warehouse.warehouse_query import Warehouse
from hubspot_batch_dagster.sync.warehouse.warehouse_tables import WarehouseTables
from hubspot_batch_dagster.table.rows import RowStream, record_batches


@dataclass(frozen=True)
class RunDefinition:
    """What a run is to do.

    Attributes:
        id: Of the run. Ids sort by time, and so do the folders of the runs.
        name: The sync.
        operation: What to do with the rows.
        source: The rows.
        object_type: Where they go, by HubSpot's name.
        options: How to go about it.
        batch_size: Rows in a request.
        started: When it began, by the monotonic clock.
    """

    id: str
    name: str
    operation: Operation
    source: RowStream
    object_type: str
    options: RunOptions
    batch_size: int
    started: float

    @classmethod
    def of(cls, rows: object, operation: Operation, name: str, options: RunOptions) -> RunDefinition:
        """Define a run.

        Raises:
            InputError: The rows are no table.
        """
        with as_input_error():
            source = rows if isinstance(rows, RowStream) else record_batches(rows)
        return cls(
            id=new_run_id(),
            name=name,
            operation=operation,
            source=source,
            object_type=object_type(operation.object_type).name,
            options=options,
            batch_size=options.batch_size * (ASSOCIATIONS_PER_ROW if operation.is_association else 1),
            started=time.monotonic(),
        )


@dataclass(frozen=True)
class RunContext:
    """What the stages of a run work with. Nothing has been asked or sent when it is made.

    Attributes:
        definition: What the run is to do.
        client: The way to HubSpot.
        store: Where the ids table and the journal are.
        portal: What the account says of itself; ``None`` checks nothing.
        folder: For the run's own files.
        requester: The requests, all counted and stopped together.
        generation: Which run of its sync this is; ``None`` where nothing is written.
        comparison: Compares the rows in their warehouse; ``None`` where they come as rows.
        changes: The rows of a source with a cursor column; ``None`` where the source has none.
    """

    definition: RunDefinition
    client: HubSpotClient
    store: Store
    portal: Portal | None
    folder: Path
    requester: Requester
    generation: int | None
    comparison: Comparison | None = None
    changes: ChangedRows | None = None

    @property
    def writes(self) -> bool:
        """Whether the run may write: a plan is no generation of its sync."""
        return self.generation is not None

    @property
    def name(self) -> str:
        """The sync."""
        return self.definition.name

    @property
    def operation(self) -> Operation:
        """What to do with the rows."""
        return self.definition.operation

    @property
    def object_type(self) -> str:
        """Where they go."""
        return self.definition.object_type

    @property
    def options(self) -> RunOptions:
        """How to go about it."""
        return self.definition.options

    @property
    def stop(self) -> StopSignal:
        """Why the run stops before its end."""
        return self.requester.stop

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970, by HubSpot's clock as far as it is known."""
        return self.client.server_time

    def same_type(self, one: str, other: str) -> bool:
        """Whether two names stand for one object type, by what the portal says."""
        if self.portal is None:
            return same_type(self.client.type_of(one), self.client.type_of(other))
        return self.portal.same_type(one, other, self.requester.ask, self.options.on_warning)

    @property
    def definition_in_journal(self) -> str:
        """The hash of the operation under which all that the journal holds of the sync came about; empty if
        it is not known.
        """
        found = self.store.identity_in_journal(self.name)
        return found.definition if found is not None else ""


def rebuilds(operation: Operation, options: RunOptions) -> bool:
    """Whether the run takes its state from the portal, or was told that there is none: then a lost one is no
    reason to refuse it.
    """
    return options.adopt or options.first_run or operation.adopts_on_first_run


@contextmanager
def open_run(
    rows: object,
    operation: Operation,
    *,
    client: HubSpotClient,
    store: Store,
    name: str,
    options: RunOptions,
    portal: Portal | None,
    writes: bool,
    patience: Patience,
) -> Iterator[RunContext]:
    """Keep other runs of the sync out, and make what the stages work with.

    Args:
        rows: Any frame.
        operation: What to do with them.
        client: The way to HubSpot.
        store: Where the ids table and the journal are.
        name: Of the sync.
        options: How to go about it.
        portal: What to check the rows against.
        writes: Whether the store will be written: then it is tried first.
        patience: For how long a warehouse that is away is waited for.

    Raises:
        InputError: There is no such API version, or the rows are no table.
        StoreError: Another run of the sync does not end, the store cannot be written, or state of the sync is
            lost.
    """
    for each in operation.undocumented(client.version):
        options.on_warning(each)
    with store.lock(name), store.scratch(name) as folder:
        refuse_renamed(store, name)
        if not rebuilds(operation, options):
            check_traces(store, name, options.trace_log)
        if writes:
            store.check_writable(name)
        with ExitStack() as opened:
            stop = opened.enter_context(stop_signal_for(client))
            patience.stop = stop.event
            comparison = opened.enter_context(_compared(rows, operation, store, name, options, patience))
            changes = open_changes(rows, operation, store, name, options)
            if comparison is not None:
                rows = comparison.shape()
            elif changes is not None:
                rows = changes.stream
            definition = RunDefinition.of(rows, operation, name, options)
            requester = Requester(
                client, stop=stop, retry_policy=options.retry_policy, version=operation.version
            )
            store.heed(stop.event)
            if not writes:
                yield RunContext(
                    definition, client, store, portal, folder, requester, None, comparison, changes
                )
                return
            before = comparison.before if comparison is not None else None
            after = before.generation if before is not None else 0
            after = max(after, newest_trace(store, name, options.trace_log))
            with store.begin(name, definition.id, on_overtaken=stop.set, after=after) as generation:
                number = generation.number
                if comparison is not None:
                    comparison.claim(number, definition.id)
                yield RunContext(
                    definition, client, store, portal, folder, requester, number, comparison, changes
                )


@contextmanager
def _compared(
    rows: object, operation: Operation, store: Store, name: str, options: RunOptions, patience: Patience
) -> Iterator[Comparison | None]:
    """Yield the comparison of rows that are in a warehouse; ``None`` for any others."""
    if not isinstance(rows, Warehouse):
        yield None
        return
    anew = options.adopt or options.first_run
    tables = WarehouseTables(rows.connection, memory=options.memory, patience=options.retry_policy.total)
    with rows.open(memory=options.memory, patience=patience) as engine, asked_first(store.elsewhere, tables):
        ids = WarehouseIds(engine, rows.schema, name)
        stored = store.ids_described(name)
        if Pointer.of(name, stored) is not None and ids.registered(lost=True) is None:
            refuse_table_of_another_name(store, name)
        yield Comparison(engine, rows.query, ids, operation.key_columns, stored, anew=anew)
