"""Sending: an answer on its way back, whole or in the trouble that a fault makes."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from pydantic_core import to_json

from hubspot_batch_dagster.emulator.exchange import Answer
from hubspot_batch_dagster.emulator.faults import Fault

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CLOSING_SECONDS = 5.0
DRIP_PAUSE = 0.05


class AnswerSender:
    """Sends answers, and cuts connections.

    Attributes:
        connections: Open connections by the client's address, kept by the server; faults cut them.
    """

    def __init__(self) -> None:
        self.connections: dict[tuple[str, int], asyncio.Transport] = {}
        self._date: tuple[int, bytes] = (0, b"")

    async def send(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        answer: Answer,
        correlation_id: str,
        limits: dict[str, str],
        date_ahead: float | None,
        fault: Fault | None = None,
    ) -> None:
        """Send one answer.

        Args:
            scope: The request's ASGI scope.
            receive: Where ASGI messages come from.
            send: Where they go.
            answer: The answer.
            correlation_id: Goes into the headers, and into the body of an error.
            limits: The rate limit headers.
            date_ahead: Seconds by which the `Date` header is ahead of this computer; None leaves it out.
            fault: The trouble on the way, if any.
        """
        body = b"" if answer.body is None or answer.status == 204 else _bytes(answer, correlation_id)
        headers = self._headers(answer, correlation_id, limits, date_ahead, len(body))
        action = fault.action if fault is not None else ""
        if fault is not None and action == "headers":
            own = {
                name.lower().encode(): value.encode("latin-1")
                for name, value in (fault.headers or {}).items()
            }
            headers = [pair for pair in headers if pair[0].lower() not in own] + list(own.items())
        if fault is not None and action == "interim":
            await self._interim(scope, fault)
        if fault is not None and action == "drip":
            await self._drip(scope, receive, _head(answer.status, headers), body, fault)
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        half = action == "truncate"
        part = body[: len(body) // 2] if half else body
        await send({"type": "http.response.body", "body": part, "more_body": half})
        transport = self._transport(scope)
        if half and transport is not None:
            transport.close()

    async def cut(self, scope: Scope, receive: Receive, fault: Fault) -> None:
        """Close the connection without an answer; a silent one waits until the client gives up."""
        if fault.action == "silent":
            await _disconnected(receive, fault.seconds)
        transport = self._transport(scope)
        if transport is None:
            return
        if fault.reset:
            wire: socket.socket = transport.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await _disconnected(receive, CLOSING_SECONDS)

    def _headers(
        self,
        answer: Answer,
        correlation_id: str,
        limits: dict[str, str],
        date_ahead: float | None,
        length: int,
    ) -> list[tuple[bytes, bytes]]:
        identity = correlation_id.encode()
        headers = [(b"x-hubspot-correlation-id", identity), (b"x-request-id", identity)]
        if date_ahead is not None:
            headers.append((b"date", self._date_header(date_ahead)))
        for name, value in (*limits.items(), *answer.headers.items()):
            headers.append((name.encode(), value.encode("latin-1")))
        if answer.status != 204:
            headers.append((b"content-type", answer.content_type.encode()))
            headers.append((b"content-length", str(length).encode()))
        return headers

    def _date_header(self, ahead: float) -> bytes:
        second = int(time.time() + ahead)
        if second != self._date[0]:
            self._date = (second, formatdate(second, usegmt=True).encode())
        return self._date[1]

    async def _interim(self, scope: Scope, fault: Fault) -> None:
        transport = self._transport(scope)
        if transport is not None:
            transport.write(f"HTTP/1.1 {fault.status} {_reason(fault.status)}\r\n\r\n".encode())
            await asyncio.sleep(fault.seconds)

    async def _drip(self, scope: Scope, receive: Receive, head: bytes, body: bytes, fault: Fault) -> None:
        """Write the answer in small pieces; the connection is closed afterwards."""
        transport = self._transport(scope)
        if transport is None:
            return
        if not fault.from_status_line:
            transport.write(head)
        slowly = head + body if fault.from_status_line else body
        pieces = max(1, min(len(slowly), int(fault.seconds / DRIP_PAUSE)))
        size = -(-len(slowly) // pieces)
        for start in range(0, len(slowly), size):
            if transport.is_closing():
                return
            await asyncio.sleep(fault.seconds / pieces)
            transport.write(slowly[start : start + size])
        transport.close()
        await _disconnected(receive, CLOSING_SECONDS)

    def _transport(self, scope: Scope) -> asyncio.Transport | None:
        """Return the connection a request came by; None if the client has closed it."""
        return self.connections.get(tuple(scope["client"]))


def _head(status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_reason(status)}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _bytes(answer: Answer, correlation_id: str) -> bytes:
    body = answer.body
    if isinstance(body, bytes):
        return body
    if answer.status >= 400 and isinstance(body, dict):
        body = {**body, "correlationId": correlation_id}
        if body.get("policyName") == "DAILY":
            body["requestId"] = correlation_id
    return to_json(body)


async def _disconnected(receive: Receive, seconds: float) -> None:
    async def wait() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(wait(), seconds)
    except asyncio.TimeoutError:
        return
