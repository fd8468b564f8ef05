"""One HTTP exchange: bytes out, bytes back, within a time that ends.

`requests` gives the pool, TLS and proxies. Two things it does not give are added at the connection: a deadline for the
whole exchange (its read timeout starts anew with every byte), and exact knowledge of whether the request had begun to
leave when something failed, which decides between "certainly not written" and "perhaps written".
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry
from urllib3.util.timeout import Timeout as Waits

from hubspot_batch_dagster.api.departure import Departure
from hubspot_batch_dagster.api.errors import AnswerLost, InputError, NotConnected, TransportError


@dataclass(frozen=True)
class Timeout:
    """How long one request may take, in seconds.

    Attributes:
        connect: For the connection, TLS included.
        read: For the longest silence. HubSpot's own gateway gives up after 100 s (status 524), so stay above that to
            get its answer rather than none.
        total: For the whole exchange once it is connected, however lively a drip of bytes it is.
    """

    connect: float = 5.0
    read: float = 110.0
    total: float = 180.0

    def __post_init__(self) -> None:
        for name in ("connect", "read", "total"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(
                    f"Timeout.{name} is {getattr(self, name)!r}.", remedy="Give a number of seconds above 0."
                )


@dataclass(frozen=True)
class RawAnswer:
    """What came back, whatever its status. Header names are as HubSpot spelled them; look them up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


@dataclass
class _Exchange:
    """The exchange that this thread is in."""

    timeout: Timeout
    departure: Departure | None = None
    ends: float = float("inf")
    began: bool = False

    def connected(self) -> None:
        self.ends = time.monotonic() + self.timeout.total

    def over(self) -> bool:
        return time.monotonic() >= self.ends

    def left(self) -> float:
        """Seconds that the next wait may take."""
        if self.over():
            raise TimeoutError("the exchange has taken its whole time")
        return max(0.001, min(self.ends - time.monotonic(), self.timeout.read))


_PIECE = 65536
"""Bytes between two looks at the time while a body leaves."""

_EXCHANGE: ContextVar[_Exchange] = ContextVar("hubspot_exchange")


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket; each wait is cut to what the exchange has left."""

    def __init__(self, sock: socket.socket, exchange: _Exchange) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._exchange.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineSocket:
    """A connected socket that knows which exchange it serves."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def sendall(self, data: Any, flags: int = 0) -> None:
        exchange, view = _EXCHANGE.get(), memoryview(data)
        for start in range(0, len(view), _PIECE):
            self._send_piece(exchange, view[start : start + _PIECE], flags)

    def _send_piece(self, exchange: _Exchange, piece: memoryview, flags: int) -> None:
        departure, first = exchange.departure, not exchange.began
        if departure is not None:
            departure.begin() if first else departure.go_on()
        if first:
            exchange.began = True
            exchange.connected()
        self._sock.settimeout(exchange.left())
        self._sock.sendall(piece, flags)
        if first and departure is not None:
            departure.begun()

    def makefile(self, _mode: str = "rb", *_args: Any, **_options: Any) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._sock, _EXCHANGE.get()), 65536)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _DeadlineHTTP(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = cast(socket.socket, _DeadlineSocket(self.sock))


class _DeadlineHTTPS(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = cast(socket.socket, _DeadlineSocket(self.sock))


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _DeadlineHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _DeadlineHTTPS


class _Adapter(HTTPAdapter):
    """Connections with a deadline, straight and through proxies."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        return manager


_NEVER_AGAIN = Retry(0, read=False)


class Transport:
    """Sends requests to one host over a pool of kept connections. Never retries, never follows a redirect.

    Args:
        base_url: Scheme, host and port, such as `https://api.hubapi.com`.
        timeout: How long one exchange may take.
        pool_size: Connections kept open; use at least as many as threads that send at once.
        trust_env: Take proxies and CA bundles from the environment, looked up once, here. Off by default, because
            the look-up would cost as much as the request.
    """

    def __init__(
        self, base_url: str, *, timeout: Timeout | None = None, pool_size: int = 64, trust_env: bool = False
    ) -> None:
        self.base_url = _checked_url(base_url)
        self.timeout = timeout or Timeout()
        self._waits = Waits(connect=self.timeout.connect, read=self.timeout.read)
        self._adapter = _Adapter(pool_connections=4, pool_maxsize=max(1, pool_size), max_retries=_NEVER_AGAIN)
        with requests.Session() as session:
            session.trust_env = trust_env
            found = session.merge_environment_settings(self.base_url, {}, True, None, None)
        self._pool, self._prefix = self._open_pool(found["proxies"], found["verify"])

    def _open_pool(self, proxies: Any, verify: Any) -> tuple[HTTPConnectionPool, str]:
        """The host's pool as `requests` sets it up, and what stands before each path in a request line.

        Looked up once: `requests` would do so for every request, and make a response of its own of every answer, which
        together cost as much as the exchange itself.
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
            departure: Asked when the connection is open and before each piece leaves; None lets it leave at any time.

        Raises:
            NotSent: It was too late to leave; HubSpot has nothing, or not all of it, and certainly did not act.
            NotConnected: Nothing had left when it failed.
            AnswerLost: Something had left, and no whole answer came back.
        """
        exchange = _Exchange(self.timeout, departure)
        token = _EXCHANGE.set(exchange)
        trouble: BaseException | None = None
        try:
            return self._send(method, path, headers, body)
        except (requests.RequestException, HTTPError, OSError) as error:
            trouble = error
        finally:
            _EXCHANGE.reset(token)
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
        try:
            content = response.read(decode_content=True)
        except BaseException:
            response.close()
            raise
        return RawAnswer(response.status, response.headers, content, time.monotonic() - started)

    def close(self) -> None:
        """Close the kept connections."""
        self._adapter.close()


def _checked_url(base_url: str) -> str:
    url = base_url.strip().rstrip("/") if isinstance(base_url, str) else ""
    scheme, _, rest = url.partition("://")
    if (
        scheme.lower() not in ("http", "https")
        or not rest
        or "@" in rest
        or any(c in rest for c in "?# \t\n")
    ):
        raise InputError(
            "base_url is not an address that requests can be sent to.",
            remedy="Give scheme and host, such as 'https://api.hubapi.com', without user name, query or fragment.",
        )
    return url


def _transport_error(error: BaseException | None, host: str, exchange: _Exchange) -> TransportError:
    if not exchange.began:
        return NotConnected(f"No connection to {host}: {_reason(error)}.")
    why = f"it was not complete after {exchange.timeout.total:g} s" if exchange.over() else _reason(error)
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
)


def _reason(error: BaseException | None) -> str:
    """The cause in a few words. Only the innermost one: the outer ones print addresses and requests."""
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
    """The error and what it wraps, outermost first: by argument, `reason`, cause or context."""
    found: list[BaseException] = []
    while error is not None and error not in found and len(found) < 12:
        found.append(error)
        wrapped = [getattr(error, "reason", None), *error.args, error.__cause__, error.__context__]
        error = next((inner for inner in wrapped if isinstance(inner, BaseException)), None)
    return found
