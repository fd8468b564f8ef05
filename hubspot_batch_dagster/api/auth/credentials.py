"""Credentials: what proves to HubSpot who is asking. No token ever shows in a repr, an error or a pickle."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import NoReturn, Protocol

from hubspot_batch_dagster.api.errors import InputError


class TokenSource(Protocol):
    """Where the client takes its token from. One source serves many threads."""

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the credential without giving it away: they name the shared budget's
        file.
        """

    def token(self) -> str:
        """Return the token to send now.

        Raises:
            HubSpotError: No token could be got; nothing was sent.
        """

    def refresh(self, stale: str) -> bool:
        """Replace a token that HubSpot refused.

        Args:
            stale: The refused token. If it was replaced meanwhile, nothing needs to be done.

        Returns:
            True if `token()` now gives another one, so that the request is worth sending once more.
        """


def fingerprint_of(*parts: str) -> str:
    """Return the first 16 hex digits of the parts' SHA-256."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


class RedactedRepr(ABC):
    """Something that holds a secret: it prints only its name and fingerprint, and it is never pickled."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """16 hex digits that name the credential without giving it away."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(fingerprint={self.fingerprint!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} holds a secret and is not pickled. Make it anew where it is needed."
        )


class AccessToken(RedactedRepr):
    """A token that stays the same: of a private app, a service key, or an OAuth token that somebody else
    renews.

    Args:
        token: The token alone, without `Bearer`. Blanks and line ends around it are dropped, as secret files
            have them.

    Raises:
        InputError: The token is empty or holds characters that no token has. The message does not show it.
    """

    def __init__(self, token: str) -> None:
        self._token = checked_secret(token, "access token")

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the token without giving it away."""
        return fingerprint_of(self._token)

    def token(self) -> str:
        """Return the token."""
        return self._token

    def refresh(self, stale: str) -> bool:  # noqa: ARG002 - the protocol's parameter
        """Return False: there is no other token to be had."""
        return False


def checked_secret(secret: str, what: str) -> str:
    """Return a secret without the blanks around it, if it can be one.

    Raises:
        InputError: It cannot. The message names it by `what` and never shows it.
    """
    text = secret.strip() if isinstance(secret, str) else ""
    if not text:
        raise InputError(
            f"The {what} is empty.",
            remedy="Set it, for example from an environment variable, and check the variable's name.",
        )
    if text.lower().startswith("bearer "):
        raise InputError(f"The {what} starts with 'Bearer'.", remedy="Give the token alone.")
    if not all("!" <= character <= "~" for character in text):
        raise InputError(
            f"The {what} holds blanks or characters that are not plain ASCII.",
            remedy="Copy it again, without quotes, line breaks or other text.",
        )
    return text
