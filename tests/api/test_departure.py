"""A permission to send has an end, and it is looked at where the first byte leaves."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from bench.wire_server import Reply, WireServer

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.departure import Departure, LeaveBy, Moment
from hubspot_batch_dagster.api.endpoints import association_endpoint, endpoint, search_endpoint
from hubspot_batch_dagster.api.errors import NotSent
from hubspot_batch_dagster.api.rate_limit.budget import Granted, Unlimited, Window
from hubspot_batch_dagster.api.transport import Transport

CREATE = endpoint("contacts", "create", "v3")
BODY = b'{"inputs":[]}'


class Trace(Unlimited):
    """A budget that writes down what becomes of its grants."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def take(self, window: Window = "burst") -> Granted:  # noqa: ARG002 - the protocol's
        self.events.append("take")
        return self.Grant(self.events)

    class Grant(Granted):
        def __init__(self, events: list[str]) -> None:
            self.events = events

        def confirm(self) -> None:
            self.events.append("confirm")

        def left(self) -> None:
            self.events.append("left")

        def renew(self) -> None:
            self.events.append("renew")


@pytest.mark.parametrize("late", [0, 1, 4])
def test_a_request_that_is_late_is_allowed_anew_and_sent_once(late: int) -> None:
    """Each late try asks the budget to renew the same grant and the caller for a new time; the server sees
    one request.
    """
    budget = Trace()
    times = iter([LeaveBy.within(-1)] * late + [LeaveBy.within(60)])
    with WireServer() as server, HubSpotClient("t", base_url=server.url, budget=budget) as hubspot:
        hubspot.send(CREATE, BODY, leaving=lambda: next(times))
        assert len(server.seen) == 1
    assert budget.events == ["take", *["confirm", "renew"] * late, "confirm", "left"]


class LateOnce(Trace):
    """A budget whose grants are late at first, with no room for them in the window."""

    class Grant(Trace.Grant):
        def confirm(self) -> None:
            super().confirm()
            if "renew" not in self.events:
                raise NotSent("The request was late.")


EVERY_KIND: dict[str, Callable[[HubSpotClient], object]] = {
    "write": lambda hubspot: hubspot.send(CREATE, BODY),
    "read": lambda hubspot: hubspot.send(endpoint("contacts", "read"), BODY),
    "search": lambda hubspot: hubspot.send(search_endpoint("contacts"), BODY),
    "associations": lambda hubspot: hubspot.send(
        association_endpoint("contacts", "companies", "create"), BODY
    ),
    "associations read": lambda hubspot: hubspot.send(
        association_endpoint("contacts", "companies", "read"), BODY
    ),
    "definitions": lambda hubspot: hubspot.get("/crm/v3/properties/contacts"),
    "other": lambda hubspot: hubspot.post_json("/crm/v3/anything", {}),
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_of_request_looks_at_its_grant_when_it_leaves(kind: str) -> None:
    """A grant that is late is renewed and not taken twice, whatever the request is."""
    budget = LateOnce()
    with WireServer() as server, HubSpotClient("t", base_url=server.url, budget=budget) as hubspot:
        EVERY_KIND[kind](hubspot)
        assert len(server.seen) == 1
    assert budget.events == ["take", "confirm", "renew", "confirm", "left"]


def test_a_request_that_is_late_again_and_again_ends_and_certainly_wrote_nothing() -> None:
    with WireServer() as server, HubSpotClient("t", base_url=server.url) as hubspot:
        with pytest.raises(NotSent, match="had not left") as caught:
            hubspot.send(CREATE, BODY, leaving=lambda: LeaveBy.within(-1))
        assert not server.seen
    assert not caught.value.may_have_acted


def test_the_time_of_a_suspended_host_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The monotonic clock stands still while a host sleeps; the wall clock shows it, and setting it back
    hides nothing.
    """
    since, real = Moment.now(), time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    assert since.age() >= 3600
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    assert 0 <= since.age() < 60


@contextmanager
def slow_reader(pause: float) -> Iterator[tuple[str, list[bytes]]]:
    """A server that waits before it reads, so that a large body cannot leave at once."""
    got: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            time.sleep(pause)
            while piece := connection.recv(1 << 20):
                got.append(piece)

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        server = threading.Thread(target=serve, daemon=True)
        server.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", got
        server.join(10)


def test_a_body_that_is_late_half_way_does_not_leave_whole() -> None:
    """Without its last piece HubSpot cannot act, so a body that got stuck past its time is given up as not
    sent.
    """
    body = b"x" * (30 << 20)
    with slow_reader(0.5) as (url, got):
        transport = Transport(url)
        departure = Departure(Granted(), LeaveBy.within(0.2))
        with pytest.raises(NotSent):
            transport.exchange("POST", "/", {}, body, departure=departure)
        transport.close()
    assert 0 < sum(map(len, got)) < len(body)


def test_the_time_is_looked_at_after_the_connection_is_open() -> None:
    """A connection that takes longer than the request may wait keeps the request back."""
    with WireServer(Reply(200)) as server:
        transport = Transport(server.url)
        pool = transport._pool
        opened = pool.ConnectionCls.connect

        class Slow(pool.ConnectionCls):  # type: ignore[name-defined, misc]
            def connect(self) -> None:
                opened(self)
                time.sleep(0.2)

        pool.ConnectionCls = Slow
        with pytest.raises(NotSent):
            transport.exchange("GET", "/", {}, None, departure=Departure(Granted(), LeaveBy.within(0.1)))
        assert not server.seen
        transport.close()
