"""A scripted HTTP server on loopback: it records each request byte for byte and answers as it is told."""

from __future__ import annotations

import json
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

REASONS = {200: "OK", 201: "Created", 204: "No Content", 207: "Multi-Status"}


@dataclass(frozen=True)
class Seen:
    """A request as it came over the wire."""

    head: bytes
    body: bytes
    peer: tuple[str, int]

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode()

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode().split("\r\n")[1:]
        return {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name
        }

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    status: int = 200
    body: bytes | dict[str, Any] | list[Any] = field(
        default_factory=lambda: {"status": "COMPLETE", "results": []}
    )
    headers: Mapping[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        headers = {"content-type": "application/json;charset=utf-8", **self.headers}
        if self.status != 204:
            headers.setdefault("content-length", str(len(body)))
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Whatever')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if self.status == 204 else body)


@dataclass(frozen=True)
class Raw:
    """Bytes as they are, then the end of the connection."""

    data: bytes = b""


@dataclass(frozen=True)
class Reset:
    """The connection is torn down, after these bytes."""

    data: bytes = b""


@dataclass(frozen=True)
class Stall:
    """Bytes, then silence until the client goes or the server stops."""

    data: bytes = b""


@dataclass(frozen=True)
class Drip:
    """The beginning, then one byte at a time for as long as the client listens."""

    data: bytes = b""
    every: float = 0.02


Step = Reply | Raw | Reset | Stall | Drip
Script = Callable[[Seen], Step]


class WireServer(socketserver.ThreadingTCPServer):
    """Use as a context manager. Steps are played one a request; the last one is repeated."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *steps: Step, script: Script | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.steps = list(steps)
        self.script = script
        self.seen: list[Seen] = []
        self.stopping = threading.Event()
        self._guard = threading.Lock()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def last(self) -> Seen:
        return self.seen[-1]

    def next_step(self, seen: Seen) -> Step:
        with self._guard:
            self.seen.append(seen)
            if self.script is not None:
                return self.script(seen)
            if not self.steps:
                return Reply()
            return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]

    def __enter__(self) -> WireServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self._thread.join(5)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave early are part of the play."""


class _Handler(socketserver.StreamRequestHandler):
    server: WireServer
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while (seen := self._read()) is not None:
            if not self._play(self.server.next_step(seen)):
                return

    def _read(self) -> Seen | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return None
            head += line
        seen = Seen(head[:-4], b"", self.client_address)
        length = int(seen.headers.get("content-length", 0))
        return Seen(head[:-4], self.rfile.read(length), self.client_address)

    def _play(self, step: Step) -> bool:
        if isinstance(step, Reply):
            self.wfile.write(step.bytes())
            return True
        self.wfile.write(step.data)
        if isinstance(step, Reset):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif isinstance(step, Stall):
            self.server.stopping.wait(30)
        elif isinstance(step, Drip):
            ends = time.monotonic() + 30
            while time.monotonic() < ends and not self.server.stopping.is_set():
                self.wfile.write(b" ")
                time.sleep(step.every)
        return False
