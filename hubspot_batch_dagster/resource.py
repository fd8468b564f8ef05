"""HubSpotResource: one HubSpot account for Dagster, and for scripts."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, overload

import dagster as dg
from pydantic import ConfigDict, Field, PrivateAttr

from hubspot_batch_dagster.api.endpoints import DEFAULT_VERSION
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.reading import Reading
from hubspot_batch_dagster.sync.operations import Operation

# Only a run needs these, and Arrow, SQLAlchemy and requests with them; a code location must load quickly.
if TYPE_CHECKING:
    from hubspot_batch_dagster.api.client import HubSpotClient
    from hubspot_batch_dagster.connection import Connection
    from hubspot_batch_dagster.sync.drift import Drift
    from hubspot_batch_dagster.sync.portal import Portal
    from hubspot_batch_dagster.sync.preview import SyncPlan
    from hubspot_batch_dagster.sync.result import SyncResult
    from hubspot_batch_dagster.sync.run import Finished, Options
    from hubspot_batch_dagster.sync.store import Store

Log = Callable[[str], None]


def _secret(description: str) -> Any:
    """A field that neither prints nor shows in the UI."""
    return Field(
        default="", repr=False, description=description, json_schema_extra={"dagster__is_secret": True}
    )


class HubSpotResource(Reading, dg.ConfigurableResource["HubSpotResource"]):
    """One HubSpot account: its credential, its limits, and where the ids tables live.

    Give the token as ``dg.EnvVar("HUBSPOT_ACCESS_TOKEN")``. It is masked in the UI, in ``repr`` and in errors.
    With OAuth give ``client_id``, ``client_secret`` and ``refresh_token`` instead: tokens are renewed in time, once for
    all processes of this user.

    Examples:
        >>> import dagster as dg
        >>> from hubspot_batch_dagster import HubSpotResource
        >>> HubSpotResource(access_token=dg.EnvVar("HUBSPOT_ACCESS_TOKEN"), share=0.6)  # leaves 40 % to other apps
        HubSpotResource(base_url='https://api.hubapi.com', version='2026-03', store='', share=0.6)

    In a script::

        with HubSpotResource(access_token=..., store="ids").open() as hubspot:
            hubspot.sync(rows, Create("calls", key="call_id"), name="calls").raise_for_failures()
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    access_token: str = _secret("Access token of a private app or a service key.")
    client_id: str = Field(default="", description="Client id of an OAuth app, instead of access_token.")
    client_secret: str = _secret("Client secret of the OAuth app.")
    refresh_token: str = _secret("Refresh token that installing the OAuth app in the account gave.")
    portal_id: int | None = Field(
        default=None,
        description="The account that the token must belong to. A token of another one is refused before anything is sent.",
    )
    check_portal: bool = Field(
        default=True,
        description="Check columns and rows against the portal's own definitions before the first write.",
    )
    base_url: str = Field(
        default="https://api.hubapi.com",
        description="Where HubSpot is; the emulator's URL in tests and demos.",
    )
    version: str = Field(
        default=DEFAULT_VERSION, description="API version of every request: v3, 2025-09, 2026-03 or 2026-09."
    )
    store: str = Field(
        default="",
        description="Folder or fsspec URL of the ids tables. By default hubspot/ in DAGSTER_HOME, else .hubspot/.",
    )
    journal: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the journal. By default SQLite in the store; Postgres where steps run on several hosts.",
        repr=False,
        json_schema_extra={"dagster__is_secret": True},
    )
    limit: int | None = Field(
        default=None, description="Requests in any 10 s. By default what HubSpot's own headers say."
    )
    share: float = Field(
        default=1.0, description="Part of the limit that this deployment may use; the rest is for other apps."
    )
    daily_share: float = Field(
        default=1.0, description="Part of the day's requests that this deployment may use."
    )
    budget_url: str | None = Field(
        default=None,
        description="Redis URL of the request budget, where steps run on several hosts. By default a file on this host.",
        repr=False,
        json_schema_extra={"dagster__is_secret": True},
    )
    memory: str = Field(
        default="512MB", description="Memory for keys and hashes of a run; more rows go to disk."
    )
    timeout: float = Field(
        default=110.0, description="Seconds to wait for an answer. HubSpot itself gives up after 100 s."
    )
    patience: float = Field(
        default=600.0,
        description="Seconds that one batch may take with all its retries before the run stops.",
    )
    index_lag: float = Field(
        default=30.0,
        description="Seconds after which HubSpot's search shows a new record: for creates whose answer was lost.",
    )
    certain_after: float = Field(
        default=300.0,
        description="Age in seconds at which a create that search does not show was never carried out and may be sent again.",
    )
    backoff: float = Field(
        default=1.0, description="Seconds of the first pause after server trouble; it doubles, with jitter."
    )

    _connection: "Connection | None" = PrivateAttr(default=None)
    _portal: "Portal | None" = PrivateAttr(default=None)
    _store: "Store | None" = PrivateAttr(default=None)

    @classmethod
    def _is_dagster_maintained(cls) -> bool:
        return False

    def __repr__(self) -> str:
        shown = {"base_url": self.base_url, "version": self.version, "store": self.store, "share": self.share}
        return f"HubSpotResource({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    __str__ = __repr__

    @contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator["HubSpotResource", None, None]:
        """Open the connection, the budget and the store for the time of a step; Dagster calls this."""
        from hubspot_batch_dagster.connection import Connection
        from hubspot_batch_dagster.sync.portal import Portal

        self._connection = connection = Connection(self)
        self._portal = Portal(connection.client, portal_id=self.portal_id, check=self.check_portal)
        try:
            yield self
        finally:
            connection.close()
            if self._store is not None:
                self._store.close()
            self._connection = self._portal = self._store = None

    @contextmanager
    def open(self) -> Iterator["HubSpotResource"]:
        """Use the resource in a script, without Dagster running it."""
        with self.process_config_and_initialize_cm() as ready:
            yield ready

    @property
    def client(self) -> "HubSpotClient":
        """The typed batch endpoints of this account, within its budget.

        Raises:
            InputError: The resource is not open, or the token is not of the portal that ``portal_id`` names.
        """
        if self.portal_id is not None:
            self.portal.account()
        return self._opened().client

    @property
    def portal(self) -> "Portal":
        """What the account says of itself: its details, properties and pipelines, read once."""
        self._opened()
        assert self._portal is not None
        return self._portal

    def _opened(self) -> "Connection":
        if self._connection is None:
            raise InputError(
                "The HubSpot resource is not open.",
                remedy="In an asset or op, take it as a parameter. In a script: with HubSpotResource(...).open() as hubspot:",
            )
        return self._connection

    @property
    def ids(self) -> "Store":
        """Where the ids tables and the journal are; opened when first used.

        Raises:
            StoreError: The folder cannot be written or the journal cannot be opened.
        """
        from hubspot_batch_dagster.connection import default_store
        from hubspot_batch_dagster.sync.store import Store

        if self._store is None:
            self._store = Store(
                self.store or default_store(),
                journal_url=self.journal,
                clock=self._opened().client.server_time,
            )
        return self._store

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
        from hubspot_batch_dagster.sync.adopt import unique_property
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

    def _options(self, context: Any) -> "Options":
        from hubspot_batch_dagster.sync.decide import Patience
        from hubspot_batch_dagster.sync.run import Options

        log: Log | None = context.log.info if context is not None else None
        patience = Patience(
            total=self.patience,
            index_lag=self.index_lag,
            certain_after=self.certain_after,
            backoff=self.backoff,
        )
        on_progress = None if log is None else lambda progress: log(str(progress))
        options = Options(memory=self.memory, patience=patience, on_progress=on_progress)
        return options if context is None else replace(options, on_warning=context.log.warning)


def _name_from(context: Any) -> str:
    if context is not None and getattr(context, "has_assets_def", False):
        return "/".join(context.asset_key.path)
    raise InputError(
        "The sync has no name.",
        remedy="Pass context=context inside an asset, or name='...': the name says whose ids table is used.",
    )
