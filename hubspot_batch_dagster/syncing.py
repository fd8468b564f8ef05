"""Bringing rows to HubSpot: what :class:`HubSpotResource` is for."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, overload

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.records import Operation

# Only a run needs these, and Arrow, SQLAlchemy and requests with them; a code location must load quickly.
if TYPE_CHECKING:
    from hubspot_batch_dagster.api.client import HubSpotClient
    from hubspot_batch_dagster.connection import Connection
    from hubspot_batch_dagster.sync.planning.preview import SyncPlan
    from hubspot_batch_dagster.sync.result import SyncResult
    from hubspot_batch_dagster.sync.run import Finished, RunOptions
    from hubspot_batch_dagster.sync.schema.drift import Drift
    from hubspot_batch_dagster.sync.schema.portal import Portal
    from hubspot_batch_dagster.sync.state.store import Store

    class _Opened:
        """What the resource has when it is open."""

        memory: str
        patience: float
        index_lag: float
        certain_after: float
        backoff: float

        @property
        def client(self) -> HubSpotClient: ...
        @property
        def portal(self) -> Portal: ...
        @property
        def ids(self) -> Store: ...
        def _opened(self) -> Connection: ...

else:
    _Opened = object

Log = Callable[[str], None]


class Syncing(_Opened):
    """The resource's writes; it has the client, the portal, the store and the waits."""

    @overload
    def sync(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str | None = ...,
        context: Any = ...,
        full_refresh: bool = ...,
        approve: str | None = ...,
        dry_run: Literal[False] = ...,
    ) -> "SyncResult": ...

    @overload
    def sync(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str | None = ...,
        context: Any = ...,
        full_refresh: bool = ...,
        approve: str | None = ...,
        dry_run: Literal[True],
    ) -> "SyncPlan": ...

    def sync(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str | None = None,
        context: Any = None,
        full_refresh: bool = False,
        approve: str | None = None,
        dry_run: bool = False,
    ) -> "SyncResult | SyncPlan":
        """Bring rows to HubSpot, once each, inside any asset, op or script.

        Args:
            rows: A frame (pandas, polars, pyarrow, DuckDB), a record batch reader, or a list of dicts.
            operation: What to do with them: ``Create``, ``Upsert``, ``Update`` or ``Archive``.
            name: The sync, that is whose ids table and journal are used. In an asset its key is the default.
            context: Dagster's context, for the default name and for progress in its log.
            full_refresh: Send unchanged and formerly rejected rows too.
            approve: Carry out this plan (the ``hash`` of a dry run) and no other.
            dry_run: As :meth:`plan`: say what would be done, and do nothing.

        Returns:
            What became of each row, or the plan of a dry run. Nothing is raised for single rows: look at ``counts``, or call
            ``raise_for_failures()``.

        Raises:
            InputError: The rows or the operation cannot be meant; nothing was sent.
            StoreError: The ids table or the journal cannot be read or written.
        """
        if dry_run:
            return self.plan(rows, operation, name=name, context=context, full_refresh=full_refresh)
        finished = self.run(
            rows, operation, name=name, context=context, full_refresh=full_refresh, approve=approve
        )
        if finished.interruption is not None:
            raise finished.interruption
        return finished.result

    def plan(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str | None = None,
        context: Any = None,
        full_refresh: bool = False,
        show_values: bool = False,
    ) -> "SyncPlan":
        """Say what :meth:`sync` would do, and write nothing: not to HubSpot, and not to the ids table.

        Args:
            rows: As for :meth:`sync`.
            operation: As for :meth:`sync`.
            name: As for :meth:`sync`.
            context: As for :meth:`sync`.
            full_refresh: As for :meth:`sync`.
            show_values: Show the values of the sample of changes instead of masking them.
        """
        from hubspot_batch_dagster.sync.run import plan_sync

        return plan_sync(
            rows,
            operation,
            client=self._opened().client,
            portal=self.portal,
            store=self.ids,
            name=name or _name_from(context),
            options=replace(self._options(context), full_refresh=full_refresh),
            show_values=show_values,
        )

    def adopt(
        self, rows: object, operation: Operation, *, name: str | None = None, context: Any = None
    ) -> "SyncResult":
        """Rebuild the ids table of a sync from the portal: read the rows' records, write nothing.

        For a lost ids table, or records that were made by other means. The operation needs a unique property:
        ``id_property``, or ``creation_key``. Rows that HubSpot has as they are become ``unchanged``; the next sync
        sends the others.

        Args:
            rows: The rows, as for :meth:`sync`.
            operation: The operation that will be used.
            name: As for :meth:`sync`.
            context: As for :meth:`sync`.

        Raises:
            InputError: The operation has no unique property.
        """
        from hubspot_batch_dagster.sync.planning.adoption import unique_property
        from hubspot_batch_dagster.sync.run import run_sync

        if unique_property(operation) is None:
            raise InputError(
                "Records can be adopted only by a property with unique values.",
                remedy="Give the operation id_property= or creation_key=.",
            )
        options = replace(self._options(context), adopt=True)
        return run_sync(
            rows,
            operation,
            client=self._opened().client,
            portal=self.portal,
            store=self.ids,
            name=name or _name_from(context),
            options=options,
        ).result

    def undo(self, sync: str, run: str) -> "tuple[SyncResult, SyncResult]":
        """Go back from a run: what it changed gets its former values, what it made is archived.

        Former values are there only if the operation had ``keep_before=True``. Look first with
        :func:`hubspot_batch_dagster.sync.undo.plan_undo`. Doing it twice does no harm.

        Args:
            sync: The sync, such as the asset key joined by ``/``.
            run: ``sync_run`` in the metadata of the materialization, or ``SyncResult.run``.

        Returns:
            What became of the restored records, and of the archived ones.
        """
        from hubspot_batch_dagster.sync.undo import plan_undo, undo

        found = plan_undo(self.ids, sync, run)
        return undo(found, client=self.client, store=self.ids, options=self._options(None))

    def run(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str | None = None,
        context: Any = None,
        full_refresh: bool = False,
        approve: str | None = None,
        on_drift: "Callable[[Drift], None] | None" = None,
    ) -> "Finished":
        """As :meth:`sync`, but an interruption is handed back together with what was done before it.

        ``on_drift`` hears of changes in the portal's definitions that refuse the run.
        """
        from hubspot_batch_dagster.sync.run import run_sync

        options = replace(
            self._options(context), full_refresh=full_refresh, approve=approve, on_drift=on_drift
        )
        return run_sync(
            rows,
            operation,
            client=self._opened().client,
            portal=self.portal,
            store=self.ids,
            name=name or _name_from(context),
            options=options,
        )

    def _options(self, context: Any) -> "RunOptions":
        from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
        from hubspot_batch_dagster.sync.run import RunOptions

        log: Log | None = context.log.info if context is not None else None
        retry_policy = RetryPolicy(
            total=self.patience,
            index_lag=self.index_lag,
            certain_after=self.certain_after,
            backoff=self.backoff,
        )
        on_progress = None if log is None else lambda progress: log(str(progress))
        options = RunOptions(memory=self.memory, retry_policy=retry_policy, on_progress=on_progress)
        return options if context is None else replace(options, on_warning=context.log.warning)


def _name_from(context: Any) -> str:
    if context is not None and getattr(context, "has_assets_def", False):
        return "/".join(context.asset_key.path)
    raise InputError(
        "The sync has no name.",
        remedy="Pass context=context inside an asset, or name='...': the name says whose ids table is used.",
    )
