"""The app: one exchange after another, from bytes to bytes, with limits, faults and books around each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from hubspot_batch_dagster.emulator import local_access
from hubspot_batch_dagster.emulator.admin import Admin
from hubspot_batch_dagster.emulator.books import RequestEntry
from hubspot_batch_dagster.emulator.catalogue import all_routes
from hubspot_batch_dagster.emulator.exchange import (
    Answer,
    Refused,
    Request,
    error_body,
    invalid_json,
    not_found,
)
from hubspot_batch_dagster.emulator.faults import Fault, Faults
from hubspot_batch_dagster.emulator.limits import Limits
from hubspot_batch_dagster.emulator.oauth import Credentials
from hubspot_batch_dagster.emulator.page import page
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.routes import Found, Router
from hubspot_batch_dagster.emulator.scopes import needed_scopes
from hubspot_batch_dagster.emulator.sending import AnswerSender, Receive, Scope, Send


class App:
    """An ASGI app that is one HubSpot account."""

    def __init__(self, portal: Portal, credentials: Credentials, faults: Faults, admin_token: str) -> None:
        self.portal = portal
        self.credentials = credentials
        self.faults = faults
        self.limits = Limits(portal)
        self.sender = AnswerSender()
        self._router = Router(all_routes(credentials, self.limits))
        self._admin = Admin(portal, credentials, faults, self.limits, admin_token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        settings = self.portal.settings
        body = await _read(receive, settings.max_body)
        if body is None:
            return
        path: str = scope["path"]
        query = scope["query_string"].decode("latin-1")
        own = self._own_answer(scope["method"], path, headers, body)
        if sum(name == b"host" for name, _ in scope["headers"]) > 1:
            own = local_access.two_hosts()
        if own is not None:
            await self.sender.send(scope, receive, send, own, self.portal.correlation_id(), {}, None)
            return
        if settings.inbound_jitter:
            await asyncio.sleep(self.portal.random.uniform(0.0, settings.inbound_jitter))
        self.portal.request_count += 1
        request = Request(self.portal.request_count, scope["method"], path, query, headers, body)
        self.portal.open_requests.add(request.n)
        try:
            await self._exchange(request, scope, receive, send)
        finally:
            self.portal.open_requests.discard(request.n)

    def _own_answer(self, method: str, path: str, headers: dict[bytes, bytes], body: bytes) -> Answer | None:
        """Answer what no HubSpot would: foreign requests, the page, the admin API. None: HubSpot's turn."""
        foreign = local_access.refusal(headers)
        if foreign is not None:
            return foreign
        if len(body) > self.portal.settings.max_body:
            message = f"The request body is longer than {self.portal.settings.max_body} bytes"
            return Answer(413, error_body(message), {"Connection": "close"})
        if path == "/" and method == "GET":
            return page()
        if path.startswith("/_emulator"):
            return self._admin.answer(method, path, headers, body)
        return None

    async def _exchange(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request.arrived = self.limits.steady()
        headers: dict[str, str] = {}
        fault: Fault | None = None
        try:
            found = self._route(request)
            oauth = self._authenticate(request, found)
            try:
                self.limits.take(found.route.window, request.arrived)
            finally:
                headers = self.limits.headers(found.route.window, request.arrived, oauth=oauth)
            fault = self.faults.match(request)
            if fault is not None and fault.action == "slow" and not fault.after_commit:
                await asyncio.sleep(fault.seconds)
            if fault is None or fault.works:
                answer = _worked(found, self.portal, request)
            else:
                answer = fault.made_answer(request)
        except Refused as refused:
            answer = refused.answer
        if fault is not None and fault.after_commit:
            answer = _altered(answer, fault, request)
        self._note(request, answer, fault, time.perf_counter() - began)
        await self._wait(fault)
        if fault is not None and fault.action in ("drop", "silent"):
            await self.sender.cut(scope, receive, fault)
            return
        ahead = self.portal.settings.date_ahead
        correlation_id = self.portal.correlation_id()
        await self.sender.send(scope, receive, send, answer, correlation_id, headers, ahead, fault)

    def _route(self, request: Request) -> Found:
        found = self._router.find(self.portal, request.method, request.path)
        if found is None:
            raise not_found()
        request.version = found.version
        request.operation = found.route.operation
        request.parameters = found.parameters
        name = found.parameters.get("type") or found.parameters.get("from") or ""
        table = self.portal.find_table_of_path(name) if name else None
        request.object_type = table.name if table is not None else name
        return found

    def _authenticate(self, request: Request, found: Found) -> bool:
        if found.route.window == "oauth":
            return False
        scopes = needed_scopes(self.portal, found.route.access, request.object_type)
        return self.credentials.check(request, scopes).oauth

    async def _wait(self, fault: Fault | None) -> None:
        settings = self.portal.settings
        seconds = settings.latency
        if settings.latency_jitter:
            seconds *= 1.0 + self.portal.random.uniform(-settings.latency_jitter, settings.latency_jitter)
        if fault is not None and fault.action == "slow" and fault.after_commit:
            seconds += fault.seconds
        if seconds > 0:
            await asyncio.sleep(seconds)

    def _note(self, request: Request, answer: Answer, fault: Fault | None, seconds: float) -> None:
        if not self.portal.settings.keep_books:
            return
        if not request.inputs:
            request.count_inputs()
        unsent = fault is not None and fault.action in ("drop", "silent")
        entry = RequestEntry(
            n=request.n,
            time=self.portal.now(),
            arrived=request.arrived,
            method=request.method,
            path=request.path,
            operation=request.operation,
            object_type=request.object_type,
            version=request.version,
            status=0 if unsent else answer.status,
            inputs=request.inputs,
            trace_ids=request.trace_ids,
            committed=tuple(request.committed),
            fault=fault.name or fault.action if fault is not None else None,
            seconds=seconds,
        )
        self.portal.books.note_request(entry)


def _worked(found: Found, portal: Portal, request: Request) -> Answer:
    """Answer a request by its operation.

    HubSpot reads a body into types before it works, and refuses what does not fit. Here a value of the wrong
    type shows where it is used.
    """
    try:
        return found.route.handler(portal, request)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if not request.body:
            raise
        raise invalid_json("a value is of another type than expected") from error


def _altered(answer: Answer, fault: Fault, request: Request) -> Answer:
    if fault.action in ("answer", "empty"):
        return fault.made_answer(request)
    if fault.action == "omit" and isinstance(answer.body, dict) and answer.body.get("results"):
        answer.body["results"] = answer.body["results"][fault.rows :]
    if fault.action == "keep" and isinstance(answer.body, dict) and isinstance(fault.body, Mapping):
        for result in answer.body.get("results", ()):
            result["properties"] = {**result["properties"], **fault.body}
    return answer


async def _read(receive: Receive, most: int) -> bytes | None:
    """Read the body, up to a little more than it may have; None if the client has gone."""
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        parts.append(part)
        length += len(part)
        if not message.get("more_body") or length > most:
            return b"".join(parts)
