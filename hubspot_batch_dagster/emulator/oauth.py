"""Tokens: the portal's own, OAuth access and refresh tokens, and what a request may do with them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from urllib.parse import parse_qs

from hubspot_batch_dagster.emulator.exchange import Answer, Json, Refused, Request, error_body
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.scopes import every_scope

NOT_FOUND = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more"
    " details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)

USER = 51_001
"""The user who installed the app: the first owner of a fresh portal."""


@dataclass(frozen=True)
class Token:
    """One token the portal knows.

    Attributes:
        oauth: An OAuth access token; otherwise a private app's or a service key.
        expires: When it runs out, by the portal's clock; None for never.
        scopes: What it may do; None for everything.
    """

    value: str
    oauth: bool = False
    expires: float | None = None
    scopes: frozenset[str] | None = None

    def __repr__(self) -> str:
        return (
            f"Token('{self.value[:7]}...', oauth={self.oauth}, expires={self.expires}, scopes={self.scopes})"
        )


class Credentials:
    """Every token of a portal, and the app they belong to."""

    def __init__(self, portal: Portal, token: str | None = None) -> None:
        self.portal = portal
        made = random.Random(portal.seed + 77)
        self._made = made
        self.token = token or f"pat-na1-{_uuid(made)}"
        self.client_id = _uuid(made)
        self.client_secret = _uuid(made)
        self.refresh_token = f"na1-{_uuid(made)}"
        self._tokens: dict[str, Token] = {self.token: Token(self.token)}

    def __repr__(self) -> str:
        return f"Credentials({len(self._tokens)} tokens)"

    def expire_oauth(self) -> None:
        """Lets every OAuth access token run out now."""
        now = self.portal.now()
        for value, token in self._tokens.items():
            if token.oauth:
                self._tokens[value] = Token(value, True, now - 7, token.scopes)

    def check(self, request: Request, scopes: tuple[str, ...]) -> Token:
        """Return the token of a request.

        Args:
            request: The request.
            scopes: Any one of these will do; none are needed if empty.

        Raises:
            Refused: 401 without a known token or with one that has run out, 403 without the scope.
        """
        if not self.portal.settings.check_tokens:
            return Token("")
        scheme, _, value = request.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        token = self._tokens.get(value.strip()) if scheme.lower() == "bearer" else None
        if token is None and value.strip() and self.portal.settings.unreadable_token == "expired":
            raise self._expired_in_1970()
        if token is None:
            raise Refused(401, error_body(NOT_FOUND, "INVALID_AUTHENTICATION"))
        if token.expires is not None and token.expires <= self.portal.now():
            raise self._expired(token.expires)
        granted = token.scopes if token.value != self.token else self.portal.settings.scopes
        if scopes and granted is not None and not granted.intersection(scopes):
            raise missing_scopes(scopes)
        return token

    def _expired(self, expires: float) -> Refused:
        ago = max(1, int(self.portal.now() - expires))
        message = f"The OAuth token used to make this call expired {ago} second(s) ago."
        context = {"expire time": [str(int(expires * 1000))]}
        return Refused(401, error_body(message, "EXPIRED_AUTHENTICATION", context=context))

    def _expired_in_1970(self) -> Refused:
        days = int(self.portal.now() // 86_400)
        message = f"The OAuth token used to make this call expired {days} day(s) ago."
        context = {"expire time": ["1970-01-01T00:00:00Z"]}
        return Refused(401, error_body(message, "EXPIRED_AUTHENTICATION", context=context))

    def grant(self, request: Request) -> Answer:
        """Give an access token for a refresh token or an authorization code."""
        form = {
            name: values[-1] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()
        }
        problem = self._grant_problem(form)
        if problem is not None:
            raise Refused(400, problem)
        value = f"CM{self._made.getrandbits(256):064x}"
        settings = self.portal.settings
        self._tokens[value] = Token(value, True, self.portal.now() + settings.token_seconds, settings.scopes)
        if settings.rotate_refresh_token:
            self.refresh_token = f"na1-{_uuid(self._made)}"
        body = {
            "token_type": "bearer",
            "token_use": "access_token",
            "access_token": value,
            "refresh_token": self.refresh_token,
            "expires_in": int(settings.token_seconds),
        }
        if request.version != "v1":
            body.update({"hub_id": settings.portal_id, "scopes": self._scopes(None), "user_id": USER})
        return Answer(200, body)

    def _grant_problem(self, form: dict[str, str]) -> Json | None:
        if form.get("client_id") != self.client_id:
            return _grant_error("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id")
        if form.get("client_secret") != self.client_secret:
            return _grant_error("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret")
        if form.get("grant_type") == "authorization_code":
            return None
        if form.get("grant_type") != "refresh_token":
            return _grant_error("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant type")
        if form.get("refresh_token") != self.refresh_token:
            return _grant_error("BAD_REFRESH_TOKEN", "invalid_grant", "missing or unknown refresh token")
        return None

    def introspect(self, request: Request) -> Answer:
        """Tell what a token is good for, as published; a token that is not known is `{"active": false}`."""
        form = parse_qs(request.body.decode("utf-8", "replace"))
        value = (form.get("token") or [""])[-1]
        found = self._described(value)
        return Answer(200, {"active": False} if found is None else {"active": True, **found})

    def token_info(self, request: Request) -> Answer:
        """Tell what a token is good for, as the v1 endpoints do; 404 if it is not known."""
        found = self._described(request.parameters["token"])
        if found is None:
            raise Refused(404, error_body("token not found", "OBJECT_NOT_FOUND"))
        return Answer(200, {name: value for name, value in found.items() if name != "token_use"})

    def private_app_info(self, request: Request) -> Answer:
        """Tell what a private app's token is good for; 404 if it is not known, or an OAuth app's.

        Not in HubSpot's reference; public code of several integrations asks it.
        """
        given = request.json
        value = given.get("tokenKey")
        token = self._tokens.get(value) if isinstance(value, str) else None
        if token is None or token.oauth:
            raise Refused(404, error_body("Token not found", "OBJECT_NOT_FOUND"))
        settings = self.portal.settings
        found = {"userId": USER, "hubId": settings.portal_id, "appId": settings.app_id}
        return Answer(200, {**found, "scopes": self._scopes(None)})

    def delete_refresh_token(self, request: Request) -> Answer:
        """Take a refresh token back, as the v1 endpoint does."""
        self._withdraw(request.parameters["token"])
        return Answer(204)

    def _described(self, value: str) -> Json | None:
        settings = self.portal.settings
        body: Json = {
            "token": value,
            "token_type": "refresh",
            "token_use": "refresh_token",
            "client_id": self.client_id,
            "app_id": settings.app_id,
            "hub_id": settings.portal_id,
            "hub_domain": f"portal-{settings.portal_id}.example",
            "user": "ada.quist@example.com",
            "user_id": USER,
            "scopes": self._scopes(None),
        }
        if value == self.refresh_token:
            return body
        token = self._tokens.get(value)
        if token is None or (token.expires is not None and token.expires <= self.portal.now()):
            return None
        left = settings.token_seconds if token.expires is None else token.expires - self.portal.now()
        body |= {"token_type": "access", "token_use": "access_token", "scopes": self._scopes(token)}
        return {
            **body,
            "expires_in": int(left),
            "is_private_distribution": False,
            **self._signed(token, left),
        }

    def _signed(self, token: Token, left: float) -> Json:
        """Build the signed form of an access token; its signatures are made up."""
        settings, scopes = self.portal.settings, " ".join(self._scopes(token))
        signed = {
            "appId": settings.app_id,
            "appInstallId": "0",
            "audience": "API",
            "expiresAt": int((self.portal.now() + left) * 1000),
            "hubId": settings.portal_id,
            "hublet": "na1",
            "installingUserId": USER,
            "isPrivateDistribution": False,
            "isServiceAccount": False,
            "isUserLevel": False,
            "newSignature": "made-up",
            "scopes": scopes,
            "scopeToScopeGroupPks": "",
            "signature": "made-up",
            "trialScopes": "",
            "trialScopeToScopeGroupPks": "",
            "userId": USER,
        }
        return {"signed_access_token": signed}

    def _scopes(self, token: Token | None) -> list[str]:
        granted = (
            token.scopes if token is not None and token.value != self.token else self.portal.settings.scopes
        )
        return sorted(every_scope(self.portal) if granted is None else granted)

    def revoke(self, request: Request) -> Answer:
        """Take a token back."""
        form = parse_qs(request.body.decode("utf-8", "replace"))
        self._withdraw((form.get("token") or [""])[-1])
        return Answer(204)

    def _withdraw(self, value: str) -> None:
        self._tokens.pop(value, None)
        if value == self.refresh_token:
            self.refresh_token = f"na1-{_uuid(self._made)}"


def missing_scopes(scopes: tuple[str, ...]) -> Refused:
    """403 naming the scopes that would do."""
    message = (
        "This app hasn't been granted all required scopes to make this call."
        " Read more about required scopes here: https://developers.hubspot.com/scopes."
    )
    detail = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": list(scopes)},
    }
    links = {"scopes": "https://developers.hubspot.com/scopes"}
    return Refused(403, error_body(message, "MISSING_SCOPES", errors=[detail], links=links))


def _grant_error(status: str, error: str, message: str) -> Json:
    return {"status": status, "message": message, "error": error, "error_description": message}


def _uuid(made: random.Random) -> str:
    digits = f"{made.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
