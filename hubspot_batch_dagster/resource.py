"""HubSpotResource: one HubSpot account for Dagster, and for scripts."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_shared.libraries import DagsterLibraryRegistry
from pydantic import ConfigDict, Field, PrivateAttr

from hubspot_batch_dagster.api.arguments import CheckedModel
from hubspot_batch_dagster.api.endpoints import DEFAULT_VERSION
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.launchpad import (
    MASK,
    check_variables,
    plainly_described,
    secret_field,
    seldom_field,
    unmasked,
)
from hubspot_batch_dagster.resource_methods import ResourceMethods
from hubspot_batch_dagster.session_checks import check_values

# Only a run needs these, and Arrow, SQLAlchemy and requests with them; a code location must load quickly.
if TYPE_CHECKING:
    from hubspot_batch_dagster.api.client import HubSpotClient
    from hubspot_batch_dagster.session import HubSpotSession
    from hubspot_batch_dagster.session_settings import SessionSettings
    from hubspot_batch_dagster.sync.schema.portal import Portal
    from hubspot_batch_dagster.sync.state.store import Store

DagsterLibraryRegistry.register(
    "hubspot-batch-dagster", version("hubspot-batch-dagster"), is_dagster_package=False
)


class HubSpotResource(ResourceMethods, CheckedModel, dg.ConfigurableResource["HubSpotResource"]):
    """One HubSpot account: its credential, its limits, and where the ids tables live.

    Give the token as ``dg.EnvVar("HUBSPOT_ACCESS_TOKEN")``. It is masked in the UI, in ``repr`` and in
    errors. With OAuth give ``client_id``, ``client_secret`` and ``refresh_token`` instead: tokens are renewed
    in time, once for all processes of this user.

    Examples:
        >>> import dagster as dg
        >>> from hubspot_batch_dagster import HubSpotResource
        >>> HubSpotResource(access_token=dg.EnvVar("HUBSPOT_ACCESS_TOKEN"), share=0.6)  # 40 % for others
        HubSpotResource(base_url='https://api.hubapi.com', version='2026-03', store='', share=0.6)

    In a script::

        with HubSpotResource(access_token=..., store="ids").open() as hubspot:
            hubspot.sync(rows, Create("calls", key="call_id"), name="calls").raise_for_failures()
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    access_token: str = secret_field("Access token of a private app or a service key.")
    client_id: str = seldom_field(str, "Client id of an OAuth app, instead of access_token.")
    client_secret: str = secret_field("Client secret of the OAuth app.")
    refresh_token: str = secret_field("Refresh token that installing the OAuth app in the account gave.")
    portal_id: int | None = Field(
        default=None,
        description=(
            "The account that the token must belong to. A token of another one is refused before anything is"
            " sent."
        ),
    )
    check_portal: bool = seldom_field(
        lambda: True, "Check columns and rows against the portal's own definitions before the first write."
    )
    base_url: str = Field(
        default="https://api.hubapi.com",
        description="Where HubSpot is; the emulator's URL in tests and demos.",
    )
    version: str = seldom_field(
        lambda: DEFAULT_VERSION,
        f"API version of every request: v3, 2025-09, 2026-03 or 2026-09. By default {DEFAULT_VERSION}.",
    )
    store: str = Field(
        default="",
        description=(
            "Folder or fsspec URL of the ids tables. By default hubspot/ in DAGSTER_HOME, else .hubspot/."
        ),
    )
    journal: str | None = secret_field(
        "SQLAlchemy URL of the journal. By default SQLite in the store; Postgres where steps run on several"
        " hosts.",
        lambda: None,
    )
    warehouse: str | None = secret_field(
        "Where ids tables of Warehouse(...) syncs are, as its connection=: for other syncs that look keys up"
        " in them, reconcile, undo.",
        lambda: None,
    )
    limit: int | None = Field(
        default=None, description="Requests in any 10 s. By default what HubSpot's own headers say."
    )
    share: float = Field(
        default=1.0, description="Part of the limit that this deployment may use; the rest is for other apps."
    )
    daily_share: float = seldom_field(
        lambda: 1.0, "Part of the day's requests that this deployment may use. By default 1.0, all of them."
    )
    budget_url: str | None = secret_field(
        "Redis or Postgres URL of the request budget, where steps run on several hosts. By default a file on"
        " this host.",
        lambda: None,
    )
    memory: str = seldom_field(
        lambda: "512MB", "Memory for keys and hashes of a run; more rows go to disk. By default 512MB."
    )
    timeout: float = seldom_field(
        lambda: 110.0,
        "Seconds that a request and its answer may take, by default 110. HubSpot itself gives up after"
        " 100 s.",
    )
    patience: float = seldom_field(
        lambda: 600.0,
        "Seconds that one batch may take with all its retries, and that the server of the budget may be away,"
        " before the run stops. By default 600.",
    )
    index_lag: float = seldom_field(
        lambda: 30.0,
        "Seconds after which HubSpot's search shows a new record, by default 30: for creates whose answer was"
        " lost.",
    )
    certain_after: float = seldom_field(
        lambda: 300.0,
        "Age in seconds at which a create that search does not show was never carried out and may be sent"
        " again. By default 300.",
    )
    wait_for_unknown: bool = seldom_field(
        lambda: True,
        "Wait at the end of a run until creates without an answer are as old as certain_after, and settle"
        " them. False leaves them unknown until the next run.",
    )
    backoff: float = seldom_field(
        lambda: 1.0,
        "Seconds of the first pause after server trouble, by default 1; it doubles, with jitter.",
    )
    trust_env: bool = seldom_field(
        lambda: False,
        "Take the proxy (HTTPS_PROXY, NO_PROXY) and the CA bundle (REQUESTS_CA_BUNDLE) from the environment."
        " By default not.",
    )
    allow_http: bool = seldom_field(
        lambda: False,
        "Send the token without TLS to a host that is not this one, such as an emulator's. By default"
        " refused.",
    )
    lock_wait: float = seldom_field(
        lambda: 900.0,
        "Seconds to wait while another run of the same sync is at work, by default 900; then the run fails.",
    )

    _session: "HubSpotSession | None" = PrivateAttr(default=None)

    if not TYPE_CHECKING:  # a signature of its own would hide the fields from type checkers

        def __init__(self, **settings: Any) -> None:
            check_variables(type(self), settings)
            super().__init__(**settings)
            # What comes from an environment variable is known in a run only, and checked there; so is
            # what a mask stands for.
            fields = {name: getattr(self, name) for name in type(self).model_fields}
            known = {
                name: value
                for name, value in fields.items()
                if type(value) in (str, int, float, bool) and value != MASK
            }
            check_values(known)
            if "warehouse" in known:
                from hubspot_batch_dagster.sync.warehouse.warehouse_query import check_connection

                check_connection(known["warehouse"], "warehouse")

    @classmethod
    def _is_dagster_maintained(cls) -> bool:
        return False

    def get_resource_definition(self) -> Any:
        """Return what Dagster knows of the resource; Dagster calls this."""
        return plainly_described(super().get_resource_definition())

    def __repr__(self) -> str:
        shown = {"base_url": self.base_url, "version": self.version, "store": self.store, "share": self.share}
        return f"HubSpotResource({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    __str__ = __repr__

    @contextmanager
    def yield_for_execution(
        self, context: dg.InitResourceContext
    ) -> Generator["HubSpotResource", None, None]:
        """Open the session for the time of a step; Dagster calls this."""
        from hubspot_batch_dagster.session import HubSpotSession

        masked = unmasked(self, context)
        if masked:
            if not masked.get("access_token", True) and not masked.get("refresh_token", self.refresh_token):
                raise InputError(
                    f"access_token is {MASK}, the mask that Dagster shows, and the definition has none.",
                    remedy='Define it with access_token=dg.EnvVar("..."), or type over the mask. '
                    "What the config of a job says is not found again.",
                )
            with self.model_copy(update=masked).yield_for_execution(context) as ready:
                yield ready
            return
        with HubSpotSession(self.settings()) as session:
            self._session = session
            try:
                yield self
            finally:
                self._session = None

    @contextmanager
    def open(self) -> Iterator["HubSpotResource"]:
        """Use the resource in a script, without Dagster running it."""
        with self.process_config_and_initialize_cm() as ready:
            yield ready

    def settings(self) -> "SessionSettings":
        """Return the fields as a value, for a :class:`HubSpotSession`."""
        from hubspot_batch_dagster.session_settings import SessionSettings

        return SessionSettings(**{each.name: getattr(self, each.name) for each in fields(SessionSettings)})

    @property
    def session(self) -> "HubSpotSession":
        """The open session, to which everything below goes.

        Raises:
            InputError: The resource is not open.
        """
        if self._session is None:
            raise InputError(
                "The HubSpot resource is not open.",
                remedy=(
                    "In an asset or op, take it as a parameter. In a script: with HubSpotResource(...).open()"
                    " as hubspot:"
                ),
            )
        return self._session

    @property
    def client(self) -> "HubSpotClient":
        """The typed batch endpoints of this account, within its budget."""
        return self.session.client

    @property
    def portal(self) -> "Portal":
        """What the account says of itself: its details, properties and pipelines, read once."""
        return self.session.portal

    @property
    def ids(self) -> "Store":
        """Where the ids tables and the journal are; opened when first used."""
        return self.session.store
