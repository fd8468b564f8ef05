"""What a session needs to know: the account, its credential, its limits, and where the ids tables live."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from hubspot_batch_dagster.api.auth.credentials import AccessToken, TokenSource
from hubspot_batch_dagster.api.auth.oauth import OAuthRefresh
from hubspot_batch_dagster.api.endpoints import DEFAULT_VERSION
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.rate_limit.budget_file import cache_folder, hashed
from hubspot_batch_dagster.session_checks import OAUTH, check_settings
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy


def default_store() -> str:
    """Where ids tables live unless the settings say otherwise: in Dagster's home, else in the folder of the
    process.
    """
    home = os.environ.get("DAGSTER_HOME")
    return str(Path(home) / "hubspot") if home else ".hubspot"


@dataclass(frozen=True)
class SessionSettings:
    """What a session needs to know; the fields are those of :class:`hubspot_batch_dagster.HubSpotResource`.

    Secrets, and URLs that may hold one, do not print.

    Raises:
        InputError: A setting is of a wrong type, out of its range, or a URL whose driver is not installed.

    Examples:
        >>> from hubspot_batch_dagster import SessionSettings
        >>> settings = SessionSettings(access_token="pat-secret", store="ids")
        >>> settings.store, "secret" in repr(settings)
        ('ids', False)
    """

    access_token: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    portal_id: int | None = None
    check_portal: bool = True
    base_url: str = "https://api.hubapi.com"
    version: str = DEFAULT_VERSION
    store: str = ""
    journal: str | None = field(default=None, repr=False)
    warehouse: str | None = field(default=None, repr=False)
    limit: int | None = None
    share: float = 1.0
    daily_share: float = 1.0
    budget_url: str | None = field(default=None, repr=False)
    memory: str = "512MB"
    timeout: float = 110.0
    patience: float = 600.0
    index_lag: float = 30.0
    certain_after: float = 300.0
    wait_for_unknown: bool = True
    backoff: float = 1.0
    trust_env: bool = False
    allow_http: bool = False
    lock_wait: float = 900.0

    def __post_init__(self) -> None:
        check_settings(self)
        if self.warehouse is not None:
            from hubspot_batch_dagster.sync.warehouse.warehouse_query import check_connection

            check_connection(self.warehouse, "warehouse")

    @property
    def retry_policy(self) -> RetryPolicy:
        """The waits of a run."""
        return RetryPolicy(
            total=self.patience,
            index_lag=self.index_lag,
            certain_after=self.certain_after,
            backoff=self.backoff,
        )


def token_source(settings: SessionSettings) -> TokenSource:
    """Return the one credential that was given: an access token, or what renews one.

    Raises:
        InputError: There is none, more than one, or a part of one.
    """
    if settings.access_token:
        return AccessToken(settings.access_token)
    given = [name for name in OAUTH if getattr(settings, name)]
    missing = [name for name in OAUTH if name not in given]
    if missing:
        lacks = ", ".join(missing) if given else "access_token"
        raise InputError(
            f"The resource has no {lacks}, or it is empty.",
            remedy=(
                "Set it, for example dg.EnvVar('HUBSPOT_ACCESS_TOKEN'), and check the variable's name. "
                "With OAuth give client_id, client_secret and refresh_token."
            ),
        )
    return OAuthRefresh(
        settings.client_id,
        settings.client_secret,
        settings.refresh_token,
        base_url=settings.base_url,
        version=settings.version,
        cache=_token_cache(settings),
        trust_env=settings.trust_env,
        allow_http=settings.allow_http,
    )


def _token_cache(settings: SessionSettings) -> str | None:
    """Return a file for all processes of this user, so that they renew once together; none without a home
    folder.
    """
    name = f"token-{hashed(settings.client_id, settings.refresh_token, settings.base_url)}.json"
    try:
        return str(cache_folder() / name)
    except RuntimeError:
        return None
