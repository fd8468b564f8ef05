"""A server that answers HubSpot's batch requests with as little work as Python can: so that the client is
what is measured.

    python benchmarks/bare_server.py        prints its port, serves until its standard input ends

It checks nothing, keeps nothing and limits nothing. Each input gets an id, the same each time for one unique
value, its trace id back if it had one, and the three properties that HubSpot always returns. Associations of
contacts with companies are answered in both directions.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_TRACE = re.compile(rb'"objectWriteTraceId": ?"([^"]+)"')
_ID = re.compile(rb'"id": ?"([^"]+)"')
_PAIR = re.compile(rb'"from": ?\{"id": ?"(\d+)"\}, ?"to": ?\{"id": ?"(\d+)"\}')
_ASSOCIATED = (
    b'{"from":{"id":"%b"},"to":{"id":"%b"},'
    b'"associationSpec":{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":%d}}'
)
_CONTACT_TO_COMPANY, _COMPANY_TO_CONTACT = 279, 280
_WHEN = b"2026-11-21T00:00:00.000Z"
_RECORD = (
    b'{"id":"%d","properties":{"createdate":"' + _WHEN + b'","hs_object_id":"%d","lastmodifieddate":"' + _WHEN
    + b'"},"createdAt":"' + _WHEN + b'","updatedAt":"' + _WHEN + b'","archived":false,"new":true%b}'
)  # fmt: skip
_TRACED = b',"objectWriteTraceId":"%b"'
_HEAD = b"HTTP/1.1 %b\r\nContent-Type: application/json;charset=utf-8\r\nContent-Length: %d\r\n\r\n"
_ENVELOPE = (
    b'{"status":"COMPLETE","results":[%b],"startedAt":"' + _WHEN + b'","completedAt":"' + _WHEN + b'"}'
)


class _Connection(asyncio.Protocol):
    """One kept connection; requests come one after another."""

    numbers = itertools.count(1)

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._missing = 0
        self._path = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._parts and not self._missing:
            data = self._begin(data)
        if self._missing or self._path:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing <= 0:
                self._answer(b"".join(self._parts))

    def _begin(self, data: bytes) -> bytes:
        self._head = getattr(self, "_head", b"") + data
        head, found, rest = self._head.partition(b"\r\n\r\n")
        if not found:
            return b""
        self._head = b""
        length = _LENGTH.search(head)
        self._missing = int(length.group(1)) if length else 0
        self._path = head.split(b" ", 2)[1]
        if b"100-continue" in head:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return rest

    def _answer(self, body: bytes) -> None:
        path, self._path, self._parts, self._missing = self._path, b"", [], 0
        if path.endswith(b"/archive"):
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return
        if path.endswith(b"/associate/default"):
            pairs: list[tuple[bytes, bytes]] = _PAIR.findall(body)
            lines = [_ASSOCIATED % (a, b, _CONTACT_TO_COMPANY) for a, b in pairs]
            lines += [_ASSOCIATED % (b, a, _COMPANY_TO_CONTACT) for a, b in pairs]
            self._send(b"200 OK", b",".join(lines))
            return
        named: list[bytes] = [] if path.endswith(b"/create") else _ID.findall(body)
        traces: list[bytes] = _TRACE.findall(body)
        ends = [_TRACED % each for each in traces] if traces else [b""] * max(1, len(named))
        ids = (_number(each) for each in named) if named else self.numbers
        results = b",".join([_RECORD % (number, number, end) for end, number in zip(ends, ids)])  # noqa: B905
        status = b"201 Created" if path.endswith(b"/create") else b"200 OK"
        self._send(status, results)

    def _send(self, status: bytes, results: bytes) -> None:
        answer = _ENVELOPE % results
        self._transport.write(_HEAD % (status, len(answer)) + answer)


def _number(name: bytes) -> int:
    """The id of the record that a request names: by its id, or by a unique value, which has the same record
    each time.
    """
    return int(name) if name.isdigit() else hash(name) & (1 << 62) - 1


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    await ended.wait()


@contextmanager
def bare_server() -> Iterator[str]:
    """Runs the server in a process of its own; gives its base URL."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    """Serve, on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(_serve())
    else:
        uvloop.run(_serve())


if __name__ == "__main__":
    main()
