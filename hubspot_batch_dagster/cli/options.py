"""Options that several commands share, and the environment that all of them read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hubspot_batch_dagster.api.endpoints import DEFAULT_VERSION, VERSIONS
from hubspot_batch_dagster.cli.parameters import BASE_URL, JOURNAL, PERHAPS_EMPTY, STORE, WAREHOUSE

if TYPE_CHECKING:
    from hubspot_batch_dagster.session import HubSpotSession
    from hubspot_batch_dagster.session_settings import SessionSettings
    from hubspot_batch_dagster.sync.state.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])

_STORE = (
    click.option(
        "--store",
        type=STORE,
        envvar="HUBSPOT_STORE",
        show_envvar=True,
        default=None,
        metavar="FOLDER",
        help="Where the ids tables are. By default hubspot/ in DAGSTER_HOME, else .hubspot/.",
    ),
    click.option(
        "--journal",
        type=JOURNAL,
        envvar="HUBSPOT_JOURNAL",
        show_envvar=True,
        default=None,
        metavar="URL",
        help="SQLAlchemy URL of the journal, if it is not in the store.",
    ),
)
_WAREHOUSE = (
    click.option(
        "--warehouse",
        type=WAREHOUSE,
        envvar="HUBSPOT_WAREHOUSE",
        show_envvar=True,
        default=None,
        metavar="CONNECTION",
        help="The DuckDB file or the Postgres URL that ids tables are in, if they are in a warehouse.",
    ),
)
_ACCOUNT = (
    click.option(
        "--token",
        type=PERHAPS_EMPTY,
        envvar="HUBSPOT_ACCESS_TOKEN",
        show_envvar=True,
        default="",
        help=(
            "Access token. Other users of this machine can see what is typed here: the variable keeps it"
            " private. An OAuth app has HUBSPOT_CLIENT_ID, HUBSPOT_CLIENT_SECRET and HUBSPOT_REFRESH_TOKEN"
            " instead."
        ),
    ),
    *(
        click.option(f"--{name}", type=PERHAPS_EMPTY, envvar=variable, default="", hidden=True)
        for name, variable in (
            ("client-id", "HUBSPOT_CLIENT_ID"),
            ("client-secret", "HUBSPOT_CLIENT_SECRET"),
            ("refresh-token", "HUBSPOT_REFRESH_TOKEN"),
        )
    ),
    click.option(
        "--portal-id",
        envvar="HUBSPOT_PORTAL_ID",
        show_envvar=True,
        type=click.IntRange(min=1),
        default=None,
        help="The account that the token must belong to.",
    ),
    click.option(
        "--base-url",
        type=BASE_URL,
        envvar="HUBSPOT_BASE_URL",
        show_envvar=True,
        default="https://api.hubapi.com",
        show_default=True,
        help="Where HubSpot is.",
    ),
    click.option(
        "--version",
        envvar="HUBSPOT_API_VERSION",
        show_envvar=True,
        type=click.Choice(VERSIONS),
        default=DEFAULT_VERSION,
        show_default=True,
        help="API version.",
    ),
)


def store_options(command: Command) -> Command:
    """Add ``--store`` and ``--journal``."""
    return _with(command, _STORE)


def warehouse_option(command: Command) -> Command:
    """Add ``--warehouse``."""
    return _with(command, _WAREHOUSE)


def account_options(command: Command) -> Command:
    """Add what says which account, and with which credential."""
    return _with(command, _ACCOUNT)


def session_settings(
    token: str, *, store: str | None = None, journal: str | None = None, **account: Any
) -> SessionSettings:
    """Return the settings of a session, from the options."""
    from hubspot_batch_dagster.session_settings import SessionSettings

    return SessionSettings(access_token=token, store=store or "", journal=journal, **account)


def open_session(settings: SessionSettings) -> HubSpotSession:
    """Return a session for these settings.

    Raises:
        click.UsageError: There is no credential, or a part of one.
    """
    from hubspot_batch_dagster.api.errors import InputError
    from hubspot_batch_dagster.session import HubSpotSession
    from hubspot_batch_dagster.session_settings import token_source

    try:
        token_source(settings)
    except InputError as error:
        raise click.UsageError(
            f"{error.message} Give --token or set HUBSPOT_ACCESS_TOKEN; an OAuth app has HUBSPOT_CLIENT_ID, "
            "HUBSPOT_CLIENT_SECRET and HUBSPOT_REFRESH_TOKEN."
        ) from None
    return HubSpotSession(settings)


def open_store(store: str | None, journal: str | None, warehouse: str | None = None) -> Store:
    """Return a store that is there already: looking makes none.

    Args:
        store: The folder or URL.
        journal: URL of its journal.
        warehouse: The database that ids tables of it are in.

    Raises:
        click.ClickException: There is none.
    """
    from hubspot_batch_dagster.session_settings import SessionSettings, default_store
    from hubspot_batch_dagster.sync.state.kept_once import is_store
    from hubspot_batch_dagster.sync.state.store import Store
    from hubspot_batch_dagster.sync.warehouse.warehouse_tables import tables_in

    root = store or default_store()
    if not is_store(root):
        raise click.ClickException(f"There is no store at {root}. Name it with --store.")
    return Store(root, journal_url=journal, elsewhere=tables_in(warehouse, memory=SessionSettings.memory))


def known_sync(store: Store, sync: str) -> str:
    """Return the name of a sync that the store has.

    Raises:
        click.BadParameter: It has none of this name.
    """
    if sync not in store.syncs():
        there = ", ".join(store.syncs()) or "none"
        raise click.BadParameter(
            f"{sync!r} has no ids table in {store.root}. There are: {there}.", param_hint="SYNC"
        )
    return sync


def kept_run(store: Store, sync: str, run: str | None) -> str:
    """Return a run of a sync whose tables are kept: the one that was asked for, or the newest.

    Raises:
        click.BadParameter: The store has no such sync, or the run is not kept.
        click.ClickException: No run is.
    """
    kept = store.runs(known_sync(store, sync))
    if run is not None and run not in kept:
        raise click.BadParameter(f"{run} is not kept. There are: {', '.join(kept)}", param_hint="--run")
    if run is not None:
        return run
    if not kept:
        raise click.ClickException(f"The tables of the runs of {sync!r} are gone from {store.root}.")
    return kept[-1]


def warn(text: str) -> None:
    """Say something that is no part of the answer."""
    click.echo(text, err=True)


def _with(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
