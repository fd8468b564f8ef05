"""HubSpotSession: one open HubSpot account, which runs syncs without Dagster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from typing_extensions import Self

from hubspot_batch_dagster.api.arguments import checked
from hubspot_batch_dagster.api.auth.oauth import OAuthRefresh
from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.session_client import new_store, open_client
from hubspot_batch_dagster.session_settings import SessionSettings, token_source
from hubspot_batch_dagster.sync.batches.as_of import AsOf
from hubspot_batch_dagster.sync.options import RunOptions, RunReport
from hubspot_batch_dagster.sync.planning.preview import SyncPlan
from hubspot_batch_dagster.sync.progress import Progress
from hubspot_batch_dagster.sync.read import read_records
from hubspot_batch_dagster.sync.reconciliation.reconcile import Reconciliation, reconcile
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.run import plan_sync, run_sync
from hubspot_batch_dagster.sync.schema.portal import Portal
from hubspot_batch_dagster.sync.state.identity import check_portal
from hubspot_batch_dagster.sync.state.ids_table import portal_of
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.sync.trace_log import TraceLog
from hubspot_batch_dagster.sync.undo import undo

if TYPE_CHECKING:
    import pyarrow as pa


class HubSpotSession:
    """One HubSpot account with its client, its budget and its store, open until :meth:`close`.

    Dagster is not needed for it: :class:`hubspot_batch_dagster.HubSpotResource` opens one for a step, a
    script may do so itself. Use it in a ``with`` block.

    Args:
        settings: The account, its limits, and where the ids tables live.

    Raises:
        InputError: There is no credential, more than one, or a setting that cannot be meant.

    Examples:
        >>> from hubspot_batch_dagster import Create, HubSpotSession, SessionSettings
        >>> from hubspot_batch_dagster.emulator import Emulator
        >>> import tempfile
        >>> notes = [{"id": 1, "hs_timestamp": "2026-03-01T09:00:00Z", "hs_note_body": "Hello"}]
        >>> with Emulator() as emulator, tempfile.TemporaryDirectory() as folder:
        ...     settings = SessionSettings(access_token=emulator.token, base_url=emulator.url, store=folder)
        ...     with HubSpotSession(settings) as hubspot:
        ...         hubspot.sync(notes, Create("notes", key="id"), name="notes").counts["created"]
        1
    """

    @checked
    def __init__(self, settings: SessionSettings) -> None:
        self.settings = settings
        self._source = token_source(settings)
        self._client = open_client(settings, self._source)
        self.portal = Portal(self._client, portal_id=settings.portal_id, check=settings.check_portal)
        self._store: Store | None = None

    def __repr__(self) -> str:
        return f"HubSpotSession({self.settings!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connections, the budget and the journal."""
        self._client.close()
        if isinstance(self._source, OAuthRefresh):
            self._source.close()
        if isinstance(self._client.budget, SharedBudget):
            self._client.budget.close()
        if self._store is not None:
            self._store.close()
            self._store = None

    @property
    def client(self) -> HubSpotClient:
        """The typed batch endpoints of this account, within its budget.

        Raises:
            InputError: The token is not of the portal that ``portal_id`` names.
        """
        if self.settings.portal_id is not None:
            self.portal.account()
        return self._client

    @property
    def store(self) -> Store:
        """Where the ids tables and the journal are; opened when first used.

        Raises:
            StoreError: The folder cannot be written or the journal cannot be opened.
        """
        if self._store is None:
            self._store = new_store(self.settings)
        return self._store

    @checked
    def sync(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str,
        full_refresh: bool = False,
        approve: str | None = None,
        first_run: bool = False,
        as_of: AsOf | None = None,
        trace_log: TraceLog | None = None,
        log: logging.Logger | None = None,
    ) -> SyncResult:
        """Bring rows to HubSpot, once each.

        Args:
            rows: A frame (pandas, polars, pyarrow, DuckDB), a record batch reader, or a list of dicts.
            operation: What to do with them: ``Create``, ``Upsert``, ``Update``, ``Archive`` or ``Associate``.
            name: The sync, that is whose ids table and journal are used.
            full_refresh: Send unchanged and formerly rejected rows too.
            approve: Carry out this plan (the ``hash`` of :meth:`plan`) and no other.
            first_run: Nothing that is remembered of earlier runs counts: the way on after a store was lost
                for good, or a portal was reset, and for a second sync of the same rows that is meant.
            as_of: Which part of the table the rows are, such as a day: values of an older part never go over
                those of a newer one.
            trace_log: Where runs are remembered outside the store, so that its loss is noticed.
            log: Where progress and warnings go.

        Returns:
            What became of each row. Nothing is raised for single rows: look at ``counts``, or call
            ``raise_for_failures()``.

        Raises:
            InputError: The rows or the operation cannot be meant; nothing was sent.
            StoreError: The ids table or the journal cannot be read or written.
        """
        report = self.run(
            rows,
            operation,
            name=name,
            full_refresh=full_refresh,
            approve=approve,
            first_run=first_run,
            as_of=as_of,
            trace_log=trace_log,
            log=log,
        )
        if report.interruption is not None:
            raise report.interruption
        return report.result

    @checked
    def run(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str,
        full_refresh: bool = False,
        approve: str | None = None,
        first_run: bool = False,
        as_of: AsOf | None = None,
        trace_log: TraceLog | None = None,
        log: logging.Logger | None = None,
    ) -> RunReport:
        """As :meth:`sync`, but an interruption is handed back together with what was done before it."""
        options = replace(
            self._options(log, trace_log),
            full_refresh=full_refresh,
            approve=approve,
            first_run=first_run,
            as_of=as_of,
        )
        return self._run(rows, operation, name, options)

    @checked
    def plan(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str,
        full_refresh: bool = False,
        show_values: bool = False,
        first_run: bool = False,
        as_of: AsOf | None = None,
        trace_log: TraceLog | None = None,
        log: logging.Logger | None = None,
    ) -> SyncPlan:
        """Say what :meth:`sync` would do, and write nothing: not to HubSpot, and not to the ids table.

        With ``show_values`` the values in the sample of changes are shown and not masked. All else is as for
        :meth:`sync`.
        """
        return plan_sync(
            rows,
            operation,
            client=self._client,
            portal=self.portal,
            store=self.store,
            name=name,
            options=replace(
                self._options(log, trace_log), full_refresh=full_refresh, first_run=first_run, as_of=as_of
            ),
            show_values=show_values,
        )

    @checked
    def adopt(
        self,
        rows: object,
        operation: Operation,
        *,
        name: str,
        trace_log: TraceLog | None = None,
        log: logging.Logger | None = None,
    ) -> SyncResult:
        """Rebuild the ids table of a sync from the portal: read the rows' records, write nothing.

        For a lost ids table, or records that were made by other means. The operation needs a unique property:
        ``id_property``, or ``creation_key``. Rows that HubSpot has as they are become ``unchanged``; the next
        sync sends the others.

        Args:
            rows: The rows, as for :meth:`sync`.
            operation: The operation that will be used.
            name: As for :meth:`sync`.
            trace_log: As for :meth:`sync`.
            log: As for :meth:`sync`.

        Raises:
            InputError: The operation has no unique property.
        """
        if operation.unique_property is None:
            raise InputError(
                "Records can be adopted only by a property with unique values.",
                remedy="Give the operation id_property= or creation_key=.",
            )
        return self._run(rows, operation, name, replace(self._options(log, trace_log), adopt=True)).result

    @checked
    def undo(
        self, sync: str, run: str, *, on_progress: Callable[[Progress], None] | None = None
    ) -> tuple[SyncResult, SyncResult]:
        """Go back from a run: what it changed gets its former values, what it made is archived.

        Former values are there only if the operation had ``keep_before=True``. Look first with
        :func:`hubspot_batch_dagster.sync.undo.plan_undo`. Doing it twice does no harm. It waits for a run of
        the sync.

        Args:
            sync: The sync, such as the asset key joined by ``/``.
            run: ``sync_run`` in the metadata of the materialization, or ``SyncResult.run``.
            on_progress: Called with how far each of the two halves is, many times a second.

        Returns:
            What became of the restored records, and of the archived ones.

        Raises:
            InputError: The sync is of another account than the token, or the store has no such run.
            Overtaken: A run of the sync has begun all the same; nothing of its state was changed.
        """
        self._ask_for_account()
        options = replace(self._options(None), on_progress=on_progress, progress_every=0.1)
        return undo(sync, run, client=self.client, portal=self.portal, store=self.store, options=options)

    @checked
    def reconcile(
        self,
        sync: str,
        *,
        properties: Sequence[str] = (),
        sample: int | None = None,
        repair: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Reconciliation:
        """Read the records that a sync knows, and tell what became of them: as sent, changed by others,
        archived, merged, gone; and of their associations: as wanted, missing, or (with ``replace``) too many.

        Nothing is written to HubSpot. The requests keep to the session's share of the budget.

        Args:
            sync: The sync, such as the asset key joined by ``/``.
            properties: Properties that nobody else should change; those alone are looked at.
            sample: Read so many records, chosen by chance; ``None`` reads all, 100 a request.
            repair: Have the next run send the rows again whose records are not as they were sent, and write
                the associations again of rows that lack some or, with ``replace``, have too many.
            on_progress: Called after each request with the records that were read, and their number.

        Raises:
            InputError: The sync has no ids table, or it is of another account than the token.
            HubSpotError: HubSpot could not be asked; nothing was marked.
        """
        self._ask_for_account()
        return reconcile(
            self.store,
            sync,
            client=self.client,
            retry_policy=self.settings.retry_policy,
            portal=self.portal,
            properties=properties,
            sample=sample,
            repair=repair,
            on_progress=on_progress,
        )

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
    ) -> pa.Table:
        """Read records by id or by a unique property into an Arrow table, as fast as the budget allows.

        Args:
            object_type: What to read.
            ids: Record ids, or values of ``id_property``: a list, an Arrow array, or a frame. An ids table
                will do.
            properties: What to bring back, as text.
            id_property: The unique property that ``ids`` are values of, such as ``email``.
            history: Bring the former values back too; 50 records in a request instead of 100.
            missing: Ids without a record are left out (``"omit"``), or kept as lines (``"keep"``).

        Returns:
            A line for each record, in the order of ``ids``.

        Raises:
            InputError: An id is none, or the object type cannot be read.
            HubSpotError: HubSpot refused, or did not answer.
        """
        requester = Requester(self.client, stop=StopSignal(), retry_policy=self.settings.retry_policy)
        if (portal := portal_of(ids)) is not None:
            self._ask_for_account()
            check_portal("The ids table", portal, self.store.portal_id)
        self.portal.learn_types([object_type], requester.ask)
        return read_records(
            requester,
            object_type,
            ids,
            properties=properties,
            id_property=id_property,
            history=history,
            missing=missing,
        )

    def _ask_for_account(self) -> None:
        """Let the store know which account the token belongs to: state of another one is refused."""
        requester = Requester(self._client, stop=StopSignal(), retry_policy=self.settings.retry_policy)
        account = self.portal.account(requester.ask)
        self.store.portal_id = account.portal_id if account is not None else None

    def _run(self, rows: object, operation: Operation, name: str, options: RunOptions) -> RunReport:
        return run_sync(
            rows,
            operation,
            client=self._client,
            portal=self.portal,
            store=self.store,
            name=name,
            options=options,
        )

    def _options(self, log: logging.Logger | None, trace_log: TraceLog | None = None) -> RunOptions:
        options = RunOptions(
            memory=self.settings.memory,
            retry_policy=self.settings.retry_policy,
            wait_for_unknown=self.settings.wait_for_unknown,
            trace_log=trace_log,
        )
        if log is None:
            return options
        return replace(
            options,
            on_progress=lambda progress: log.info(str(progress)),
            on_notice=log.info,
            on_warning=log.warning,
        )
