"""HubSpot's clock, told by its answers."""

from __future__ import annotations

import pytest
from bench.wire_server import Reply, WireServer

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.server_clock import ServerClock

NOON_2020 = "Wed, 01 Jan 2020 12:00:00 GMT"
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


def test_an_answers_date_sets_the_clock_and_time_passes_from_there() -> None:
    steady = Ticks()
    clock = ServerClock(lambda: 0.0, steady)
    clock.hear({"Date": NOON_2020})
    steady.now += 7
    assert clock.now() == EPOCH_2020 + 7


@pytest.mark.parametrize("headers", [{}, {"date": ""}, {"date": "soon"}, {"Date": "99"}])
def test_a_missing_or_broken_date_changes_nothing(headers: dict[str, str]) -> None:
    clock = ServerClock(lambda: 123.0, Ticks())
    clock.hear(headers)
    assert clock.now() == 123.0


def test_a_clients_clock_follows_the_answers_it_gets() -> None:
    with (
        WireServer(Reply(headers={"Date": NOON_2020})) as server,
        HubSpotClient("pat-x", base_url=server.url) as hubspot,
    ):
        assert hubspot.server_time() > EPOCH_2020 + 86400
        hubspot.batch_read("contacts", [1])
        assert EPOCH_2020 <= hubspot.server_time() < EPOCH_2020 + 60
