"""One HTTP exchange: bytes out, bytes back, within a time and a size that end.

`requests` gives the pool, TLS and proxies; :mod:`exchange` puts bounds around each connection. What failed is
told apart here: whether the request had begun to leave decides between "certainly not written" and "perhaps
written".
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry
from urllib3.util.timeout import Timeout as Waits

from hubspot_batch_dagster.api.arguments import check_number
from hubspot_batch_dagster.api.departure import Departure
from hubspot_batch_dagster.api.errors import (
    AnswerLost,
    AnswerTooLarge,
    InputError,
    NotConnected,
    TransportError,
)
from hubspot_batch_dagster.api.exchange import (
    CURRENT,
    LONGEST_BODY,
    BoundedHTTPPool,
    BoundedHTTPSPool,
    Exchange,
)
from hubspot_batch_dagster.api.inflate import NotInflated, TooLong, inflated


@dataclass(frozen=True)
class Timeout:
    """How long one request may take, in seconds.

    Attributes:
        connect: For the connection, TLS included.
        read: For the longest silence. HubSpot's own gateway gives up after 100 s (status 524), so stay above
            that to get its answer rather than none.
        total: For the whole exchange once it is connected, however lively a drip of bytes it is.
    """

    connect: float = 5.0
    read: float = 110.0
    total: float = 180.0

    def __post_init__(self) -> None:
        for name in ("connect", "read", "total"):
            check_number("Timeout", name, getattr(self, name), above=0, most=7_200)


@dataclass(frozen=True)
class RawAnswer:
    """What came back, whatever its status. Header names are as HubSpot spelled them; look them up in any
    case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


_POOLS: Any = {"http": BoundedHTTPPool, "https": BoundedHTTPSPool}


class _Adapter(HTTPAdapter):
    """Connections with bounds, straight and through proxies."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


_NEVER_AGAIN = Retry(0, read=False)
_PIECE = 1024 * 1024


class Transport:
    """Sends requests to one host over a pool of kept connections. Never retries, never follows a redirect.

    Args:
        base_url: Scheme, host and port, such as `https://api.hubapi.com`.
        timeout: How long one exchange may take.
        pool_size: Connections kept open; use at least as many as threads that send at once.
        trust_env: Take proxies (`HTTPS_PROXY`, `NO_PROXY`) and CA bundles (`REQUESTS_CA_BUNDLE`) from the
            environment, looked up once, here. Off by default: a proxy that stands in the environment by
            chance would see the token.
        allow_http: Let requests leave without TLS to a host that is not this one. They carry the token in
            clear.

    Raises:
        InputError: `base_url` is no address, or one that the token would go to in clear.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: Timeout | None = None,
        pool_size: int = 64,
        trust_env: bool = False,
        allow_http: bool = False,
    ) -> None:
        self.base_url = check_url(base_url, allow_http=allow_http)
        self.timeout = timeout or Timeout()
        self._waits = Waits(connect=self.timeout.connect, read=self.timeout.read)
        self._adapter = _Adapter(pool_connections=4, pool_maxsize=pool_size, max_retries=_NEVER_AGAIN)
        with requests.Session() as session:
            session.trust_env = trust_env
            found = session.merge_environment_settings(self.base_url, {}, True, None, None)
        self._pool, self._prefix = self._open_pool(found["proxies"], found["verify"])

    def _open_pool(self, proxies: Any, verify: Any) -> tuple[HTTPConnectionPool, str]:
        """Return the host's pool as `requests` sets it up, and what stands before each path in a request
        line.

        Looked up once: `requests` would do so for every request, and make a response of its own of every
        answer, which together cost as much as the exchange itself.
        """
        host = requests.Request("POST", self.base_url).prepare()
        adapter: Any = self._adapter
        pool: HTTPConnectionPool = adapter.get_connection_with_tls_context(host, verify, proxies=proxies)
        adapter.cert_verify(pool, self.base_url, verify, None)
        return pool, adapter.request_url(host, proxies).rstrip("/")

    def exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        departure: Departure | None = None,
    ) -> RawAnswer:
        """Send one request and read its whole answer.

        Args:
            method: GET, POST and so on.
            path: From the slash after the host, with the query.
            headers: All headers but those of the body's length.
            body: The body's bytes.
            departure: Asked when the connection is open and before each piece leaves; None lets it leave at
                any time.

        Raises:
            NotSent: It was too late to leave; HubSpot has nothing, or not all of it, and certainly did not
                act.
            NotConnected: Nothing had left when it failed.
            AnswerLost: Something had left, and no whole answer came back.
        """
        times = self.timeout
        exchange = Exchange(times.connect, times.read, times.total, departure)
        token = CURRENT.set(exchange)
        trouble: BaseException | None = None
        try:
            return self._send(method, path, headers, body)
        except (requests.RequestException, HTTPError, OSError, NotInflated, TooLong) as error:
            trouble = error
        finally:
            CURRENT.reset(token)
        # Raised outside the handler: what urllib3 raised holds the request and so the token.
        raise _transport_error(trouble, self.base_url, exchange)

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> RawAnswer:
        started = time.monotonic()
        response = self._pool.urlopen(
            method,
            self._prefix + path,
            body,
            headers,
            retries=_NEVER_AGAIN,
            redirect=False,
            assert_same_host=False,
            timeout=self._waits,
            preload_content=False,
            decode_content=False,
        )
        pieces: list[bytes] = []
        try:
            while piece := response.read(_PIECE):
                pieces.append(piece)
        except BaseException:
            response.close()
            raise
        encoding = ",".join(response.headers.getlist("content-encoding"))
        content = inflated(b"".join(pieces), encoding, LONGEST_BODY)
        return RawAnswer(response.status, response.headers, content, time.monotonic() - started)

    def close(self) -> None:
        """Close the kept connections."""
        self._adapter.close()


def check_url(base_url: str, *, allow_http: bool = False) -> str:
    """Refuse what requests cannot be sent to, and give the address back as it is used.

    Raises:
        InputError: It is no address, or one that the token would go to in clear.
    """
    url = base_url.strip().rstrip("/") if isinstance(base_url, str) else ""
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in ("http", "https") or not _is_address(url, rest):
        raise InputError(
            "base_url is not an address that requests can be sent to.",
            remedy=(
                "Give scheme and host, such as 'https://api.hubapi.com', without user name, query or"
                " fragment."
            ),
        )
    if scheme.lower() == "http" and not allow_http and not _is_loopback(urlsplit(url).hostname or ""):
        raise InputError(
            f"base_url is {url!r}: the token would leave this host without encryption.",
            remedy="Use https. Where HubSpot is an emulator on a trusted network, allow it: allow_http=True.",
        )
    return url


def _is_address(url: str, rest: str) -> bool:
    if not rest or "@" in rest or any(c in "?#\\" or c.isspace() or not c.isprintable() for c in rest):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _transport_error(error: BaseException | None, host: str, exchange: Exchange) -> TransportError:
    if not exchange.began:
        return NotConnected(f"No connection to {host}: {_reason(error)}.")
    if exchange.oversized or isinstance(error, TooLong):
        return AnswerTooLarge(
            f"The answer from {host} is longer than {LONGEST_BODY >> 20} MB and was not read."
        )
    why = f"it was not complete after {exchange.total:g} s" if exchange.over() else _reason(error)
    return AnswerLost(f"The answer from {host} was lost: {why}.")


_WORDS: tuple[tuple[Callable[[BaseException], bool], str], ...] = (
    (lambda e: isinstance(e, socket.gaierror), "the host name is not known"),
    (lambda e: isinstance(e, ConnectionRefusedError), "the connection was refused"),
    (lambda e: type(e).__name__ == "ConnectTimeoutError", "connecting took too long"),
    (lambda e: type(e).__name__ == "ReadTimeoutError", "the server fell silent"),
    (
        lambda e: type(e).__name__ == "RemoteDisconnected",
        "the server closed the connection without an answer",
    ),
    (lambda e: isinstance(e, ConnectionResetError), "the connection was reset"),
    (lambda e: type(e).__name__ == "IncompleteRead", "the answer broke off"),
    (lambda e: type(e).__name__ == "BadStatusLine", "it does not begin as an answer does"),
    (lambda e: type(e).__name__ == "LineTooLong", "a line of its headers is too long"),
    (lambda e: type(e).__name__ == "InvalidHeader", "its Content-Length makes no sense"),
    (lambda e: type(e).__name__ == "InvalidChunkLength", "the length of a chunk of its body makes no sense"),
    (lambda e: isinstance(e, NotInflated), "its body cannot be decompressed"),
)


def _reason(error: BaseException | None) -> str:
    """Return the cause in a few words. Only the innermost one: the outer ones print addresses and
    requests.
    """
    chain = _chain(error)
    for inner in chain:
        for test, words in _WORDS:
            if test(inner):
                return words
    innermost = chain[-1] if chain else None
    said = getattr(innermost, "strerror", None) or getattr(innermost, "reason", None)
    name = type(innermost).__name__
    return f"{said} ({name})" if isinstance(said, str) and said else name


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return the error and what it wraps, outermost first: by argument, `reason`, cause or context."""
    found: list[BaseException] = []
    while error is not None and error not in found and len(found) < 12:
        found.append(error)
        wrapped = [getattr(error, "reason", None), *error.args, error.__cause__, error.__context__]
        error = next((inner for inner in wrapped if isinstance(inner, BaseException)), None)
    return found
