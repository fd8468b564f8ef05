"""OAuth: access tokens that live for half an hour, renewed in time from a refresh token."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from hubspot_batch_dagster.api.answers import error_from_answer
from hubspot_batch_dagster.api.auth.credentials import RedactedRepr, checked_secret, fingerprint_of
from hubspot_batch_dagster.api.auth.token_cache import TokenCache, Tokens
from hubspot_batch_dagster.api.bodies import OptionalText
from hubspot_batch_dagster.api.errors import (
    HubSpotError,
    InputError,
    NotAuthenticated,
    NotConnected,
    TransportError,
)
from hubspot_batch_dagster.api.transport import RawAnswer, Timeout, Transport

TOKEN_PATHS: Mapping[str, str] = {
    "v1": "/oauth/v1/token",
    "v3": "/oauth/v3/token",
    "2025-09": "/oauth/v3/token",
    "2026-03": "/oauth/2026-03/token",
    "2026-09": "/oauth/2026-09/token",
}
"""Where each version renews tokens. 2025-09 has no path of its own."""

MARGIN = 60.0
"""Seconds before its end at which a token is renewed: longer than a request usually takes."""

SHORTEST = 2 * MARGIN
"""Seconds that a token is used at least, however short it is said to live: once it is refused it is renewed.
A renewal before each request would use up the limit of the token endpoint.
"""

_REMEDIES: Mapping[str, str] = {
    "BAD_REFRESH_TOKEN": "Install the app in the account again, and use the refresh token that this gives.",
    "BAD_CLIENT_ID": "Check the client id against the app's settings in HubSpot.",
    "BAD_CLIENT_SECRET": "Check the client secret against the app's settings in HubSpot.",
    "BAD_HUB": "The app was taken out of this account, or the account does not allow it. Install it again.",
    "ACCESS_DENIED": (
        "The app was taken out of this account, or the account does not allow it. Install it again."
    ),
}


class _Granted(BaseModel):
    """A token endpoint's answer; unlike the rest of HubSpot it spells fields with underscores."""

    access_token: str
    refresh_token: OptionalText = None
    expires_in: float = 1800.0


class OAuthRefresh(RedactedRepr):
    """Access tokens from a refresh token. One source serves all threads: one renews, the others wait for it.

    Args:
        client_id: The app's client id.
        client_secret: The app's client secret.
        refresh_token: What installing the app in the account gave. If HubSpot sends a new one, that is used
            from then on.
        base_url: Where HubSpot is.
        version: Which of HubSpot's token endpoints to use: `v1`, `v3`, `2026-03` or `2026-09`.
        cache: A file in which processes share tokens, so that they renew once together and not once each. It
            holds tokens in clear and is made readable by its owner only. Without it nothing is written
            anywhere.
        timeout: How long a renewal may take.
        trust_env: Take proxies and CA bundles from the environment.
        allow_http: Let credentials leave without TLS to a host that is not this one.
        clock: Epoch seconds.

    Raises:
        InputError: One of the credentials is empty or malformed.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        *,
        base_url: str = "https://api.hubapi.com",
        version: str = "2026-03",
        cache: Path | str | None = None,
        timeout: Timeout | None = None,
        trust_env: bool = False,
        allow_http: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if version not in TOKEN_PATHS:
            raise InputError(
                f"There is no OAuth version {version!r}.", remedy=f"Use one of {', '.join(TOKEN_PATHS)}."
            )
        self._client_id = checked_secret(client_id, "client id")
        self._client_secret = checked_secret(client_secret, "client secret")
        self._refresh_token = checked_secret(refresh_token, "refresh token")
        self._fingerprint = fingerprint_of(self._client_id, self._refresh_token)
        self._path = TOKEN_PATHS[version]
        self._transport = Transport(
            base_url,
            timeout=timeout or Timeout(5.0, 30.0, 45.0),
            pool_size=1,
            trust_env=trust_env,
            allow_http=allow_http,
        )
        self._cache = TokenCache(Path(cache), self._fingerprint) if cache is not None else None
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: Tokens | None = None

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the credential; they stay when HubSpot changes the refresh token."""
        return self._fingerprint

    def token(self) -> str:
        """Return a token that is good for at least a minute; renewed here when it is not.

        Raises:
            NotAuthenticated: HubSpot refuses the credential; the message says which part of it.
            NotConnected: The token endpoint could not be reached, or its answer was lost.
            StoreError: The token cache cannot be used.
        """
        with self._lock:
            if self._tokens is None or not self._fresh(self._tokens):
                self._tokens = self._renewed(stale="")
            return self._tokens.access

    def refresh(self, stale: str) -> bool:
        """Replace a refused token, unless another thread or process has done so. Raises as `token` does."""
        with self._lock:
            if self._tokens is None or self._tokens.access == stale:
                self._tokens = self._renewed(stale)
            return self._tokens.access != stale

    def close(self) -> None:
        """Close the kept connection."""
        self._transport.close()

    def _fresh(self, tokens: Tokens) -> bool:
        return tokens.expires_at - self._clock() > MARGIN

    def _renewed(self, stale: str) -> Tokens:
        if self._cache is None:
            return self._ask(self._refresh_token)
        with self._cache.locked():
            shared = self._cache.read()
            if shared is not None and shared.access != stale and self._fresh(shared):
                return shared
            granted = self._ask(shared.refresh if shared is not None else self._refresh_token)
            self._cache.write(granted)
            return granted

    def _ask(self, refresh_token: str) -> Tokens:
        form = {
            "grant_type": "refresh_token",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "refresh_token": refresh_token,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        asked = self._clock()
        lost = ""
        try:
            raw = self._transport.exchange("POST", self._path, headers, urlencode(form).encode())
        except TransportError as error:
            lost = error.message
        if lost:
            raise _not_renewed(lost)
        if raw.status != 200:
            raise self._refused(raw, refresh_token)
        granted, access = None, ""
        with suppress(ValidationError, InputError):
            granted = _Granted.model_validate_json(raw.body)
            access = checked_secret(granted.access_token, "access token")
            self._refresh_token = checked_secret(granted.refresh_token or refresh_token, "refresh token")
        if granted is None or not access:
            raise _not_renewed("The token endpoint's answer holds no token.")
        return Tokens(access, self._refresh_token, asked + max(granted.expires_in, SHORTEST))

    def _refused(self, raw: RawAnswer, refresh_token: str) -> HubSpotError:
        body = raw.body
        for secret in (self._client_secret, refresh_token):
            body = body.replace(secret.encode(), b"[secret]")
        error = error_from_answer(raw.status, raw.headers, body)
        error.may_have_acted = False  # about the rows: their request was not sent, or was refused with a 401
        if raw.status not in (400, 401, 403):
            return error
        return NotAuthenticated(
            f"HubSpot does not renew the OAuth token: {error.message}",
            status=raw.status,
            category=error.category,
            correlation_id=error.correlation_id,
            remedy=_REMEDIES.get((error.category or "").upper()),
        )


def _not_renewed(why: str) -> NotConnected:
    return NotConnected(
        f"The OAuth token could not be renewed. {why}",
        remedy="No rows were sent. Check the network and base_url, then run again.",
    )
