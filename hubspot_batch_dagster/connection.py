"""The connection that a resource opens: credential, client, budget."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hubspot_batch_dagster.api.auth.credentials import AccessToken, TokenSource
from hubspot_batch_dagster.api.auth.oauth import OAuthRefresh
from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.rate_limit.budget_file import cache_folder, hashed
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget, open_budget
from hubspot_batch_dagster.api.transport import Timeout

if TYPE_CHECKING:
    from hubspot_batch_dagster.resource import HubSpotResource

OAUTH = ("client_id", "client_secret", "refresh_token")


def default_store() -> str:
    """Where ids tables live unless the resource says otherwise: in Dagster's home, else in the folder of the process."""
    home = os.environ.get("DAGSTER_HOME")
    return str(Path(home) / "hubspot") if home else ".hubspot"


class Connection:
    """A client with its credential and its budget; what was opened is closed together.

    Args:
        resource: Where the fields are.

    Raises:
        InputError: There is no credential, or more than one.
    """

    def __init__(self, resource: "HubSpotResource") -> None:
        self._source = token_source(resource)
        timeout = resource.timeout
        self.client = HubSpotClient(
            self._source,
            base_url=resource.base_url,
            version=resource.version,
            timeout=Timeout(connect=min(5.0, timeout), read=timeout, total=max(180.0, 1.5 * timeout)),
        )
        # Two portals never share a token, but an emulator and HubSpot might.
        self.client.budget = open_budget(
            f"{self.client.fingerprint}@{resource.base_url}",
            url=resource.budget_url,
            limit=resource.limit,
            share=resource.share,
            daily_share=resource.daily_share,
        )

    def close(self) -> None:
        """Close the kept connections and the budget."""
        self.client.close()
        if isinstance(self._source, OAuthRefresh):
            self._source.close()
        if isinstance(self.client.budget, SharedBudget):
            self.client.budget.close()


def token_source(resource: "HubSpotResource") -> TokenSource:
    """The one credential that the resource was given: an access token, or what renews one.

    Raises:
        InputError: There is none, more than one, or a part of one.
    """
    given = [name for name in OAUTH if getattr(resource, name)]
    if resource.access_token and given:
        raise InputError(
            f"The resource has an access_token and {', '.join(given)}.",
            remedy="Give access_token (private app, service key), or client_id, client_secret and refresh_token (OAuth).",
        )
    if resource.access_token:
        return AccessToken(resource.access_token)
    missing = [name for name in OAUTH if name not in given]
    if missing:
        lacks = ", ".join(missing) if given else "access_token"
        raise InputError(
            f"The resource has no {lacks}, or it is empty.",
            remedy="Set it, for example dg.EnvVar('HUBSPOT_ACCESS_TOKEN'), and check the variable's name. "
            "With OAuth give client_id, client_secret and refresh_token.",
        )
    return OAuthRefresh(
        resource.client_id,
        resource.client_secret,
        resource.refresh_token,
        base_url=resource.base_url,
        version=resource.version,
        cache=_token_cache(resource),
    )


def _token_cache(resource: "HubSpotResource") -> str | None:
    """A file for all processes of this user, so that they renew once together; none without a home folder."""
    name = f"token-{hashed(resource.client_id, resource.refresh_token, resource.base_url)}.json"
    try:
        return str(cache_folder() / name)
    except RuntimeError:
        return None
