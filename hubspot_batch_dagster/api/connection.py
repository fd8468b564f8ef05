"""The connection: a request takes budget, carries the token, and comes back as an answer or as an error of
the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from hubspot_batch_dagster.api.answers import error_from_answer, shorten
from hubspot_batch_dagster.api.arguments import check_number, checked
from hubspot_batch_dagster.api.associations import Paging
from hubspot_batch_dagster.api.auth.credentials import AccessToken, TokenSource
from hubspot_batch_dagster.api.bodies import Received
from hubspot_batch_dagster.api.custom_objects import CustomObjects
from hubspot_batch_dagster.api.departure import Departure, LeaveBy
from hubspot_batch_dagster.api.endpoints import DEFAULT_VERSION, Endpoint, check_version
from hubspot_batch_dagster.api.errors import AnswerLost, AnswerTooLarge, HubSpotError, InputError, NotSent
from hubspot_batch_dagster.api.json_bounds import MOST_VALUES, holds_too_much
from hubspot_batch_dagster.api.rate_limit.budget import Budget, Unlimited, Window
from hubspot_batch_dagster.api.server_clock import ServerClock
from hubspot_batch_dagster.api.transport import RawAnswer, Timeout, Transport

M = TypeVar("M", bound=Received)
T = TypeVar("T")

BASE_URL = "https://api.hubapi.com"
USER_AGENT = "hubspot-batch-dagster"

_TRIES_TO_LEAVE = 5

Leaving = Callable[[], LeaveBy | None]
"""Called when a request has its place in the budget. Gives the moment by which it must have left, if there is
one.
"""

_UNDONE = ("PENDING", "PROCESSING", "CANCELED")
"""What HubSpot documents of a batch that is not done, or never will be."""

_KEPT_HEADERS = ("retry-after", "content-type", "x-hubspot-correlation-id")


@dataclass(frozen=True)
class Answer:
    """A success, not yet read.

    Attributes:
        status: 200, 201, 204 or 207; they mean the same: read the body.
        body: The bytes. For all but 204 the beginning and end of a JSON object were seen.
        headers: The rate limit headers and a few more, names in lower case.
        correlation_id: What HubSpot's support asks for.
        seconds: From sending to the last byte.
        writes: Whether the request could change anything.
    """

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    correlation_id: str | None
    seconds: float
    writes: bool = True

    def read(self, model: type[M]) -> M:
        """Return the body as a model.

        Raises:
            AnswerLost: The body is broken, so what HubSpot did with the request is not known.
        """
        try:
            return model.model_validate_json(self.body)
        except ValidationError as error:
            where = _first_field(error)
        raise self.lost(f"its body cannot be read as {model.__name__}{where}")

    def whole(self, model: type[M]) -> M:
        """Return the body of a batch or a search as a model. That nothing was found must be said: what says
        something else is no answer.

        Raises:
            AnswerLost: The body is broken, HubSpot has not done all of it, or a read has no list of results.
        """
        found: Any = self.read(model)
        empty = not self.writes and not found.results
        said = from_json(self.body) if empty else {"status": getattr(found, "status", None)}
        if said.get("status") in _UNDONE:
            raise self.lost(f"it says {said['status']} instead of COMPLETE")
        if said.get("total"):
            raise self.lost("it says that there are results, and has none")
        if empty and not (isinstance(said.get("results"), list) or said.get("errors")):
            raise self.lost("it has no list of results")
        return cast(M, found)

    def lost(self, why: str) -> AnswerLost:
        """Return the error that says that this success told nothing."""
        error = AnswerLost(
            f"HubSpot answered {self.status}, but {why}.",
            status=self.status,
            correlation_id=self.correlation_id,
        )
        return error if self.writes else _read_again(error)


class Connection:
    """Requests to one HubSpot account, one at a time per thread; any number of threads may share it.

    Nothing is retried here, but for one request after a refused OAuth token was replaced: HubSpot wrote
    nothing then.

    Args:
        access_token: A token, or a source of tokens.
        base_url: Where HubSpot is. Point it at an emulator in tests.
        version: The API version of every path.
        budget: Asked before each request. Without one there is no limit but HubSpot's own, and 429s come.
        timeout: How long one request may take.
        pool_size: Connections kept open, 1 to 1,024; at least as many as threads that send at once.
        user_agent: What HubSpot's logs call this program.
        trust_env: Take proxies and CA bundles from the environment.
        allow_http: Let requests leave without TLS to a host that is not this one.
    """

    @checked
    def __init__(
        self,
        access_token: str | TokenSource,
        *,
        base_url: str = BASE_URL,
        version: str = DEFAULT_VERSION,
        budget: Budget | None = None,
        timeout: Timeout | None = None,
        pool_size: int = 64,
        user_agent: str = USER_AGENT,
        trust_env: bool = False,
        allow_http: bool = False,
    ) -> None:
        check_number(type(self).__name__, "pool_size", pool_size, least=1, most=1_024)
        self.version = check_version(version)
        self.budget: Budget = budget if budget is not None else Unlimited()
        self._source: TokenSource = (
            AccessToken(access_token) if isinstance(access_token, str) else access_token
        )
        self._clock = ServerClock()
        self._custom_objects = CustomObjects()
        self._transport = Transport(
            base_url, timeout=timeout, pool_size=pool_size, trust_env=trust_env, allow_http=allow_http
        )
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
        }

    @property
    def base_url(self) -> str:
        """Scheme, host and port."""
        return self._transport.base_url

    @property
    def timeout(self) -> Timeout:
        """How long one request may take."""
        return self._transport.timeout

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the credential without giving it away."""
        return self._source.fingerprint

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r}, version={self.version!r})"

    def server_time(self) -> float:
        """Seconds since 1970 by HubSpot's clock, as its batch answers tell it; by this host's before the
        first of them.

        A moment that is compared with what HubSpot stores must not depend on this host's clock.
        """
        return self._clock.now()

    @checked
    def send(self, endpoint: Endpoint, body: bytes, *, leaving: Leaving | None = None) -> Answer:
        """Post bytes that are ready, and give back the bytes that came.

        Args:
            endpoint: Where to, from `endpoint()` or `association_endpoint()`.
            body: The JSON. It is not looked at, so its number of inputs is the caller's business.
            leaving: Called when the budget has been waited for and the request is about to leave, and again
                if it then did not leave in time. What it raises keeps the request back.

        Raises:
            NotSent: The request did not leave in time, several times over.
            TransportError: There was no whole answer; `may_have_acted` says whether HubSpot perhaps wrote.
            ResponseError: HubSpot said no.
            DailyLimitReached: The budget says that the day's requests are used up; nothing was sent.
        """
        return self._request(
            "POST", endpoint.path, body, endpoint.window, endpoint.ok, leaving, writes=endpoint.writes
        )

    @checked
    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Read a definition: the parsed JSON of a GET.

        Args:
            path: From the slash after the host.
            params: Query parameters; None values are left out, booleans become `true` and `false`.
        """
        return _parsed(self._request("GET", path + _query(params), None, "burst", (200,), writes=False))

    @checked
    def post_json(self, path: str, body: Any, *, window: Window = "burst") -> Any:
        """Post anything that has a JSON form, and give back the parsed answer, None for a 204."""
        try:
            text = to_json(body)
        except ValueError:
            raise InputError("body has no JSON form.", remedy="Give what JSON can hold.") from None
        return _parsed(self._request("POST", path, text, window, (200, 201, 204, 207)))

    def _about_token(self, path: str) -> Any:
        """Ask about the token itself: it is the body as well."""
        body = to_json({"tokenKey": self._source.token()})
        return _parsed(self._request("POST", path, body, "burst", (200,), writes=False))

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        window: Window,
        ok: tuple[int, ...],
        leaving: Leaving | None = None,
        *,
        writes: bool = True,
    ) -> Answer:
        try:
            token = self._source.token()
            raw = self._exchange(method, path, body, window, token, leaving)
            if raw.status == 401 and self._source.refresh(token):
                token = self._source.token()
                raw = self._exchange(method, path, body, window, token, leaving)
            if raw.status not in ok:
                headers = {name: _scrubbed(value, token) for name, value in raw.headers.items()}
                raise error_from_answer(raw.status, headers, raw.body.replace(token.encode(), b"[token]"))
            answer = _success(raw, token, writes=writes)
            self._clock.learn(answer.body)
            return answer
        except HubSpotError as error:
            if not writes:
                error.of_a_read()
            raise

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        window: Window,
        token: str,
        leaving: Leaving | None,
    ) -> RawAnswer:
        headers = {**self._headers, "Authorization": f"Bearer {token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        grant, tries = self.budget.take(window), 0
        while True:
            departure = Departure(grant, leaving() if leaving is not None else None)
            try:
                raw = self._transport.exchange(method, path, headers, body, departure=departure)
                break
            except NotSent:
                tries += 1
                if tries == _TRIES_TO_LEAVE:
                    raise
            grant.renew()
        self.budget.observe(raw.status, raw.headers, window)
        return raw


def _scrubbed(value: str, token: str) -> str:
    return value.replace(token, "[token]")


def _first_field(error: ValidationError) -> str:
    """Where a body stops making sense, without the value: it may be a person's."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"][:6])
    return f" ({shorten(where, 100)})" if where else ""


def _success(raw: RawAnswer, token: str, *, writes: bool) -> Answer:
    headers = {
        name.lower(): _scrubbed(value, token)
        for name, value in raw.headers.items()
        if name.lower() in _KEPT_HEADERS or name.lower().startswith("x-hubspot-ratelimit-")
    }
    named = headers.get("x-hubspot-correlation-id")
    correlation_id = shorten(named, 120) if named else None
    answer = Answer(raw.status, raw.body, headers, correlation_id, raw.seconds, writes)
    if raw.status == 204:
        return answer
    if holds_too_much(raw.body):
        raise AnswerTooLarge(
            f"HubSpot's answer holds more than {MOST_VALUES:,} values and was not read.", status=raw.status
        )
    text = raw.body.strip()
    if not text:
        raise answer.lost("without a body")
    if not (text.startswith(b"{") and text.endswith(b"}")):
        raise answer.lost("its body is not a whole JSON object")
    return answer


def _parsed(answer: Answer) -> Any:
    if answer.status == 204:
        return None
    try:
        return from_json(answer.body)
    except ValueError:
        pass
    raise answer.lost("its body is not JSON")


def _query(params: Mapping[str, Any] | None) -> str:
    pairs = [
        (name, str(value).lower() if isinstance(value, bool) else value)
        for name, value in (params or {}).items()
        if value is not None
    ]
    return f"?{urlencode(pairs, doseq=True)}" if pairs else ""


def results_of(found: Any, kind: type[T]) -> list[T]:
    """Return the `results` of a definitions answer, each as `kind`. That there are none must be said.

    Raises:
        AnswerLost: They are not what HubSpot documents, or it has no list of them.
    """
    entries = found.get("results") if isinstance(found, dict) else None
    try:
        return TypeAdapter(list[kind]).validate_python(entries)  # type: ignore[valid-type]
    except ValidationError as error:
        where = _first_field(error)
    raise _read_again(AnswerLost(f"HubSpot's answer cannot be read as a list of {kind.__name__}{where}."))


def next_page(found: Mapping[str, Any]) -> str | None:
    """Return where a list of definitions goes on; `None` at its end.

    Raises:
        AnswerLost: It cannot be told.
    """
    try:
        paging = TypeAdapter(Paging | None).validate_python(found.get("paging"))
    except ValidationError as error:
        where = _first_field(error)
    else:
        return paging.next.after if paging and paging.next else None
    raise _read_again(AnswerLost(f"HubSpot's answer does not say where its list goes on{where}."))


def _read_again(error: AnswerLost) -> AnswerLost:
    """Say that a success told nothing that was asked: HubSpot itself does not answer so for long."""
    error.of_a_read()
    error.remedy += " If it stays, something before HubSpot gives the answer: check base_url and the proxy."
    return error
