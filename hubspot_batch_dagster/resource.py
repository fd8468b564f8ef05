"""HubSpotResource: one HubSpot account for Dagster, and for scripts."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import ConfigDict, Field, PrivateAttr

from hubspot_batch_dagster.api.endpoints import DEFAULT_VERSION
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.launchpad import plainly_described, unmasked
from hubspot_batch_dagster.reading import Reading
from hubspot_batch_dagster.syncing import Syncing

# Only a run needs these, and Arrow, SQLAlchemy and requests with them; a code location must load quickly.
if TYPE_CHECKING:
    from hubspot_batch_dagster.api.client import HubSpotClient
    from hubspot_batch_dagster.connection import Connection
    from hubspot_batch_dagster.sync.schema.portal import Portal
    from hubspot_batch_dagster.sync.state.store import Store


def _secret(description: str, default: Callable[[], Any] = str) -> Any:
    """A field that neither prints nor shows in the UI."""
    return _seldom(default, description, repr=False, json_schema_extra={"dagster__is_secret": True})


def _seldom(default: Callable[[], Any], description: str, **more: Any) -> Any:
    """A field that few people change: the launchpad offers it, and does not fill it in, as it does with a plain default."""
    return Field(default_factory=default, description=description, **more)


class HubSpotResource(Syncing, Reading, dg.ConfigurableResource["HubSpotResource"]):
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
    client_id: str = _seldom(str, "Client id of an OAuth app, instead of access_token.")
    client_secret: str = _secret("Client secret of the OAuth app.")
    refresh_token: str = _secret("Refresh token that installing the OAuth app in the account gave.")
    portal_id: int | None = Field(
        default=None,
        description="The account that the token must belong to. A token of another one is refused before anything is sent.",
    )
    check_portal: bool = _seldom(
        lambda: True, "Check columns and rows against the portal's own definitions before the first write."
    )
    base_url: str = Field(
        default="https://api.hubapi.com",
        description="Where HubSpot is; the emulator's URL in tests and demos.",
    )
    version: str = _seldom(
        lambda: DEFAULT_VERSION,
        f"API version of every request: v3, 2025-09, 2026-03 or 2026-09. By default {DEFAULT_VERSION}.",
    )
    store: str = Field(
        default="",
        description="Folder or fsspec URL of the ids tables. By default hubspot/ in DAGSTER_HOME, else .hubspot/.",
    )
    journal: str | None = _secret(
        "SQLAlchemy URL of the journal. By default SQLite in the store; Postgres where steps run on several hosts.",
        lambda: None,
    )
    limit: int | None = Field(
        default=None, description="Requests in any 10 s. By default what HubSpot's own headers say."
    )
    share: float = Field(
        default=1.0, description="Part of the limit that this deployment may use; the rest is for other apps."
    )
    daily_share: float = _seldom(
        lambda: 1.0, "Part of the day's requests that this deployment may use. By default 1.0, all of them."
    )
    budget_url: str | None = _secret(
        "Redis URL of the request budget, where steps run on several hosts. By default a file on this host.",
        lambda: None,
    )
    memory: str = _seldom(
        lambda: "512MB", "Memory for keys and hashes of a run; more rows go to disk. By default 512MB."
    )
    timeout: float = _seldom(
        lambda: 110.0, "Seconds to wait for an answer, by default 110. HubSpot itself gives up after 100 s."
    )
    patience: float = _seldom(
        lambda: 600.0,
        "Seconds that one batch may take with all its retries before the run stops. By default 600.",
    )
    index_lag: float = _seldom(
        lambda: 30.0,
        "Seconds after which HubSpot's search shows a new record, by default 30: for creates whose answer was lost.",
    )
    certain_after: float = _seldom(
        lambda: 300.0,
        "Age in seconds at which a create that search does not show was never carried out and may be sent again. "
        "By default 300.",
    )
    backoff: float = _seldom(
        lambda: 1.0,
        "Seconds of the first pause after server trouble, by default 1; it doubles, with jitter.",
    )

    _connection: "Connection | None" = PrivateAttr(default=None)
    _portal: "Portal | None" = PrivateAttr(default=None)
    _store: "Store | None" = PrivateAttr(default=None)

    @classmethod
    def _is_dagster_maintained(cls) -> bool:
        return False

    def get_resource_definition(self) -> Any:
        """What Dagster knows of the resource; Dagster calls this."""
        return plainly_described(super().get_resource_definition())

    def __repr__(self) -> str:
        shown = {"base_url": self.base_url, "version": self.version, "store": self.store, "share": self.share}
        return f"HubSpotResource({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    __str__ = __repr__

    @contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,
    ) -> Generator["HubSpotResource", None, None]:
        """Open the connection, the budget and the store for the time of a step; Dagster calls this."""
        from hubspot_batch_dagster.connection import Connection
        from hubspot_batch_dagster.sync.schema.portal import Portal

        masked = unmasked(self, context)
        if masked:
            with self.model_copy(update=masked).yield_for_execution(context) as ready:
                yield ready
            return
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
        from hubspot_batch_dagster.sync.state.store import Store

        if self._store is None:
            self._store = Store(
                self.store or default_store(),
                journal_url=self.journal,
                clock=self._opened().client.server_time,
            )
        return self._store
