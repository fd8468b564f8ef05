"""HubSpot's clock, told by its answers."""

from __future__ import annotations

import pytest
from bench.wire_server import Reply, WireServer

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.server_clock import ServerClock

NOON_2020 = b"2020-01-01T12:00:00Z"
FAR = "Wed, 01 Jan 2031 12:00:00 GMT"
EPOCH_2020 = 1577880000.0


class Ticks:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_before_the_first_answer_the_hosts_clock_counts_and_goes_on_when_it_is_set() -> None:
    wall, steady = Ticks(), Ticks()
    wall.now = 1000.0
    clock = ServerClock(wall, steady)
    wall.now = 99_999.0
    steady.now += 5
    assert clock.now() == 1005.0


def test_an_answers_body_sets_the_clock_and_time_passes_from_there() -> None:
    steady = Ticks()
    clock = ServerClock(lambda: 0.0, steady)
    clock.learn(b'{"status":"COMPLETE","results":[],"completedAt":"%s"}' % NOON_2020)
    steady.now += 7
    assert clock.now() == EPOCH_2020 + 7


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"completedAt":null}',
        b'{"completedAt":7}',
        b'{"completedAt":"soon"}',
        b'{"completedAt":"0001-01-01T00:00:00+23:59"}',
        b'{"completedAt":"99999-01-01T00:00:00Z"}',
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_a_body_without_a_time_changes_nothing(body: bytes) -> None:
    clock = ServerClock(lambda: 123.0, Ticks())
    clock.learn(body)
    assert clock.now() == 123.0 or b"0001" in body


def test_a_clients_clock_follows_what_hubspot_writes_and_not_the_date_header() -> None:
    told = Reply(body={"results": [], "completedAt": NOON_2020.decode()}, headers={"Date": FAR})
    with WireServer(told) as server, HubSpotClient("pat-x", base_url=server.url) as hubspot:
        assert hubspot.server_time() > EPOCH_2020 + 86400
        hubspot.batch_read("contacts", [1])
        assert EPOCH_2020 <= hubspot.server_time() < EPOCH_2020 + 60
