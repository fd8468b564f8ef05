"""One exchange over a connected socket, kept within its bounds.

What `requests` and `urllib3` leave open is closed here, at the socket: a deadline for the whole exchange
(their read timeout starts anew with every byte), a last look at whether a request may leave, exact knowledge
of whether it had begun to, a size that no answer may exceed, and answers that announce another (1xx).
"""

from __future__ import annotations

import io
import socket
import time
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPResponse
from typing import Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from hubspot_batch_dagster.api.departure import Departure

LONGEST_HEAD = 256 * 1024
"""Bytes of an answer's status line and headers, those of 1xx answers before it included."""

LONGEST_BODY = 32 * 1024 * 1024
"""Bytes of an answer's body, as it comes and as it is inflated. A hundred records are a few megabytes at
most.
"""

MOST_INTERIM = 20
"""1xx answers before the one that counts."""

_PIECE = 64 * 1024
"""Bytes between two looks at the time while a body leaves."""


class Oversized(OSError):
    """An answer is longer than any that means something."""


@dataclass
class Exchange:
    """The exchange that this thread is in.

    Attributes:
        connect: Seconds that connecting may take.
        read: Seconds of silence allowed.
        total: Seconds from the first byte sent to the last one read.
        departure: Asked when the connection is open and before each piece leaves.
        began: Whether a byte of the request was given to the socket.
        oversized: Whether the answer was cut off for its length.
    """

    connect: float
    read: float
    total: float
    departure: Departure | None = None
    ends: float = float("inf")
    began: bool = False
    oversized: bool = False

    def connected(self) -> None:
        """Start its clock: the first byte leaves."""
        self.began = True
        self.ends = time.monotonic() + self.total

    def over(self) -> bool:
        """Whether its whole time is used up."""
        return time.monotonic() >= self.ends

    def left(self) -> float:
        """Seconds that the next wait may take."""
        if self.over():
            raise TimeoutError("the exchange has taken its whole time")
        return max(0.001, min(self.ends - time.monotonic(), self.read))


CURRENT: ContextVar[Exchange] = ContextVar("hubspot_exchange")


class _Bytes(io.RawIOBase):
    """Reads from a socket; each wait is cut to what the exchange has left."""

    def __init__(self, sock: socket.socket, exchange: Exchange) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._exchange = exchange
        self._waits = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._waits:
            self._sock.settimeout(self._exchange.left())
        return self._raw.readinto(buffer)

    def wait_no_longer(self) -> None:
        self._waits = False
        self._sock.settimeout(0)

    def break_off(self) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._raw.close()
        super().close()


class AnswerReader(io.BufferedReader):
    """Reads an answer, and no more of it than is allowed.

    `http.client` takes lengths from the other side on trust: a read of a negative length raises a bare
    ValueError, one of terabytes a MemoryError.
    """

    def __init__(self, source: _Bytes, exchange: Exchange) -> None:
        super().__init__(source, 65536)
        self._source = source
        self._exchange = exchange
        self.allowance = LONGEST_HEAD

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self.allowance + 1 if size is None or size < 0 else size
        if wanted > self.allowance + 1:
            raise self._oversized()
        return self._counted(super().read(wanted))

    def readline(self, size: int | None = -1, /) -> bytes:
        most = self.allowance + 1
        return self._counted(super().readline(most if size is None or size < 0 else min(size, most)))

    def _counted(self, data: bytes) -> bytes:
        self.allowance -= len(data)
        if self.allowance < 0:
            raise self._oversized()
        return data

    def _oversized(self) -> Oversized:
        self._exchange.oversized = True
        return Oversized("the answer is too long")

    def close(self) -> None:
        """Close. Bytes behind the answer belong to no request: the connection must not serve another one."""
        if not self.closed:
            try:
                self._source.wait_no_longer()
                if self.peek(1):
                    self._source.break_off()
            except (OSError, ValueError):
                pass  # nothing is there to read, or the socket is closed already
        super().close()


class _Answer(HTTPResponse):
    """An answer that is the last one: those that announce it (102, 103) are read past, as `http.client` does
    with 100.
    """

    def begin(self) -> None:
        for _ in range(MOST_INTERIM):
            super().begin()
            if self.status == 101 or not 100 <= self.status < 200:
                break
            self.headers = self.msg = None  # type: ignore[assignment]
        if 100 <= self.status < 200:
            raise BadStatusLine(str(self.status))
        # urllib3 would log what it could not read of them, and that may be anything that the server repeats.
        self.headers.defects.clear()
        self.headers.set_payload("")
        cast(AnswerReader, self.fp).allowance = LONGEST_BODY + _PIECE


class _Socket:
    """A connected socket that knows which exchange it serves."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def sendall(self, data: Any, flags: int = 0) -> None:
        exchange, view = CURRENT.get(), memoryview(data)
        for start in range(0, len(view), _PIECE):
            self._send_piece(exchange, view[start : start + _PIECE], flags)

    def _send_piece(self, exchange: Exchange, piece: memoryview, flags: int) -> None:
        departure, first = exchange.departure, not exchange.began
        if departure is not None:
            departure.begin() if first else departure.go_on()
        if first:
            exchange.connected()
        self._sock.settimeout(exchange.left())
        self._sock.sendall(piece, flags)
        if first and departure is not None:
            departure.begun()

    def makefile(self, _mode: str = "rb", *_args: Any, **_options: Any) -> io.BufferedReader:
        exchange = CURRENT.get()
        return AnswerReader(_Bytes(self._sock, exchange), exchange)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _TunnelSocket(_Socket):
    """The socket while a proxy is asked for a tunnel: nothing of the request leaves, and it takes no longer
    than connecting.
    """

    def sendall(self, data: Any, flags: int = 0) -> None:
        self._sock.sendall(data, flags)

    def makefile(self, _mode: str = "rb", *_args: Any, **_options: Any) -> io.BufferedReader:
        connect = CURRENT.get().connect
        tunnel = Exchange(connect, connect, connect, ends=time.monotonic() + connect, began=True)
        # One byte at a time: what comes behind the proxy's answer is TLS.
        return io.BufferedReader(_Bytes(self._sock, tunnel), 1)


class _HTTP(HTTPConnection):
    response_class = _Answer

    def connect(self) -> None:
        super().connect()
        self.sock = cast(socket.socket, _Socket(self.sock))


class _HTTPS(HTTPSConnection):
    response_class = _Answer

    def connect(self) -> None:
        super().connect()
        self.sock = cast(socket.socket, _Socket(self.sock))

    def _tunnel(self) -> None:
        plain, self.response_class = self.sock, HTTPResponse  # type: ignore[assignment]
        self.sock = cast(socket.socket, _TunnelSocket(plain))
        try:
            super()._tunnel()
        finally:
            if self.sock is not None:
                self.sock = plain
            self.response_class = _Answer


class BoundedHTTPPool(HTTPConnectionPool):
    """Connections of `urllib3` with the bounds of this module."""

    ConnectionCls = _HTTP


class BoundedHTTPSPool(HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = _HTTPS
