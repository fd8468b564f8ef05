"""What a resource does for assets, ops and scripts: each method goes to the open session, with what the
step's context says.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from hubspot_batch_dagster.api.arguments import checked
from hubspot_batch_dagster.event_log import EventLog
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.step_context import log_of, name_from, order_of, sync_of

# Only a run needs these, and Arrow, SQLAlchemy and requests with them; a code location must load quickly.
if TYPE_CHECKING:
    import pyarrow as pa

    from hubspot_batch_dagster.session import HubSpotSession
    from hubspot_batch_dagster.sync.options import RunReport
    from hubspot_batch_dagster.sync.planning.preview import SyncPlan
    from hubspot_batch_dagster.sync.reconciliation.reconcile import Reconciliation
    from hubspot_batch_dagster.sync.result import SyncResult


class ResourceMethods:
    """What :class:`hubspot_batch_dagster.HubSpotResource` does, apart from its settings.

    A sync is named by the asset whose ``context`` is given, and its progress goes to that step's log.
    """

    @property
    @abstractmethod
    def session(self) -> "HubSpotSession":
        """The open session."""

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
        first_run: bool = ...,
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
        first_run: bool = ...,
        dry_run: Literal[True],
    ) -> "SyncPlan": ...

    @checked
    def sync(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str | None = None,
        context: Any = None,
        full_refresh: bool = False,
        approve: str | None = None,
        first_run: bool = False,
        dry_run: bool = False,
    ) -> "SyncResult | SyncPlan":
        """Bring rows to HubSpot, once each, inside any asset, op or script.

        Args:
            rows: A frame (pandas, polars, pyarrow, DuckDB), a record batch reader, or a list of dicts.
            operation: What to do with them: ``Create``, ``Upsert``, ``Update``, ``Archive`` or ``Associate``.
            name: The sync, that is whose ids table and journal are used. In an asset its key is the default.
            context: Dagster's context, for the default name and for progress in its log.
            full_refresh: Send unchanged and formerly rejected rows too.
            approve: Carry out this plan (the ``hash`` of a dry run) and no other.
            first_run: Nothing that is remembered of earlier runs counts: the way on after a store was lost
                for good, or a portal was reset, and for a second sync of the same rows that is meant.
            dry_run: As :meth:`plan`: say what would be done, and do nothing.

        Returns:
            What became of each row, or the plan of a dry run. Nothing is raised for single rows: look at
            ``counts``, or call ``raise_for_failures()``.

        Raises:
            InputError: The rows or the operation cannot be meant; nothing was sent.
            StoreError: The ids table or the journal cannot be read or written.
        """
        if dry_run:
            return self.plan(
                rows,
                operation,
                name=name,
                context=context,
                full_refresh=full_refresh,
                first_run=first_run,
            )
        return self.session.sync(
            rows,
            operation,
            name=sync_of(context, name, rows),
            full_refresh=full_refresh,
            approve=approve,
            first_run=first_run,
            as_of=order_of(context),
            trace_log=EventLog.of(context),
            log=log_of(context),
        )

    @checked
    def run(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str | None = None,
        context: Any = None,
        full_refresh: bool = False,
        approve: str | None = None,
        first_run: bool = False,
    ) -> "RunReport":
        """As :meth:`sync`, but an interruption is handed back together with what was done before it."""
        return self.session.run(
            rows,
            operation,
            name=sync_of(context, name, rows),
            full_refresh=full_refresh,
            approve=approve,
            first_run=first_run,
            as_of=order_of(context),
            trace_log=EventLog.of(context),
            log=log_of(context),
        )

    @checked
    def plan(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str | None = None,
        context: Any = None,
        full_refresh: bool = False,
        show_values: bool = False,
        first_run: bool = False,
    ) -> "SyncPlan":
        """Say what :meth:`sync` would do, and write nothing: not to HubSpot, and not to the ids table.

        Args:
            rows: As for :meth:`sync`.
            operation: As for :meth:`sync`.
            name: As for :meth:`sync`.
            context: As for :meth:`sync`.
            full_refresh: As for :meth:`sync`.
            show_values: Show the values of the sample of changes instead of masking them.
            first_run: As for :meth:`sync`.
        """
        return self.session.plan(
            rows,
            operation,
            name=sync_of(context, name, rows),
            full_refresh=full_refresh,
            show_values=show_values,
            first_run=first_run,
            as_of=order_of(context),
            trace_log=EventLog.of(context),
            log=log_of(context),
        )

    @checked
    def adopt(
        self, rows: object, operation: Operation, *, name: str | None = None, context: Any = None
    ) -> "SyncResult":
        """Rebuild the ids table of a sync from the portal: read the rows' records, write nothing.

        Rows that HubSpot has as they are become ``unchanged``; the next sync sends the others.

        Args:
            rows: The rows, as for :meth:`sync`.
            operation: The operation that will be used, with ``id_property`` or ``creation_key``.
            name: As for :meth:`sync`.
            context: As for :meth:`sync`.

        Raises:
            InputError: The operation has no unique property.
        """
        return self.session.adopt(
            rows,
            operation,
            name=name or name_from(context),
            trace_log=EventLog.of(context),
            log=log_of(context),
        )

    @checked
    def undo(self, sync: str, run: str) -> "tuple[SyncResult, SyncResult]":
        """Go back from a run: what it changed gets its former values (with ``keep_before=True``), what it
        made is archived.

        Args:
            sync: The sync, such as the asset key joined by ``/``.
            run: ``sync_run`` in the metadata of the materialization, or ``SyncResult.run``.

        Returns:
            What became of the restored records, and of the archived ones. Doing it twice does no harm.
        """
        return self.session.undo(sync, run)

    @checked
    def reconcile(
        self,
        sync: str,
        *,
        properties: Sequence[str] = (),
        sample: int | None = None,
        repair: bool = False,
    ) -> "Reconciliation":
        """Read the records that a sync knows, and tell what became of them: as sent, changed by others,
        archived, merged, gone.

        Nothing is written to HubSpot. The command ``reconcile`` and :func:`hubspot_reconcile_check` do the
        same.

        Args:
            sync: The sync, such as the asset key joined by ``/``.
            properties: Properties that nobody else should change; those alone are looked at.
            sample: Read so many records, chosen by chance; ``None`` reads all, 100 a request.
            repair: Have the next run send the rows again whose records are not as they were sent, and write
                the associations again of rows that lack some or, with ``replace``, have too many.
        """
        return self.session.reconcile(sync, properties=properties, sample=sample, repair=repair)

    @checked
    def read(
        self,
        object_type: str,
        ids: object,
        *,
        properties: Sequence[str],
        id_property: str | None = None,
        history: bool = False,
        missing: Literal["omit", "keep"] = "omit",
    ) -> "pa.Table":
        """Read records by id or by a unique property into an Arrow table, many requests at a time within the
        budget.

        Args:
            object_type: What to read.
            ids: Record ids or values of ``id_property``: a list, an Arrow array, a frame, or an ids table.
            properties: What to bring back, as text.
            id_property: The unique property that ``ids`` are values of, such as ``email``.
            history: Bring the former values back too; 50 records in a request instead of 100.
            missing: Ids without a record are left out (``"omit"``), or kept as lines that hold only
                ``requested``.

        Returns:
            A line for each record, in the order of ``ids``: ``requested``, ``hs_object_id``, the properties,
            ``created_at``, ``updated_at``, ``archived``, and with history ``<property>_history``.
        """
        return self.session.read(
            object_type,
            ids,
            properties=properties,
            id_property=id_property,
            history=history,
            missing=missing,
        )
