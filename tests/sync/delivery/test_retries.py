"""Trouble on the way: what is sent again, what is read back, and that nothing is written twice."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from bench.sync_bench import (
    BY_EMAIL,
    BY_KEY,
    COMPANIES,
    CONTACTS,
    QUICK,
    Bench,
    by_key,
    firms,
    people,
    shown,
)

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import (
    AccountMoving,
    DailyLimitReached,
    HubSpotError,
    MissingScopes,
    NotAuthenticated,
    NotConnected,
)
from hubspot_batch_dagster.api.transport import Timeout
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.records import Create
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.requests.stop_signal import stop_signal_for
from hubspot_batch_dagster.sync.run import RunOptions, run_sync
from hubspot_batch_dagster.sync.schema.portal import Portal

EMAILS = [f"p{i}@x.org" for i in range(12)]
NAMES = [f"Firm {i}" for i in range(12)]
SHORT = Timeout(connect=1.0, read=0.2, total=0.4)

FAULTS = {
    "drop before": Fault.drop(times=1),
    "reset before": Fault.drop(times=1, reset=True),
    "drop after commit": Fault.drop(times=1, after_commit=True),
    "truncate after commit": Fault.truncate(times=1),
    "silent before": Fault.silent(2.0, times=1),
    "silent after commit": Fault.silent(2.0, times=1, after_commit=True),
    "502 html": Fault.html(502, times=1),
    "502 html after commit": Fault.html(502, times=1, after_commit=True),
    "500": Fault.answer(500, times=1),
    "504 after commit": Fault.answer(504, times=1, after_commit=True),
    "524 after commit": Fault.answer(524, times=1, after_commit=True),
    "423": Fault.locked(times=2),
    "429": Fault.rate_limited(times=2),
    "429 with Retry-After": Fault.rate_limited(0.05, times=1),
    "empty": Fault.empty(times=1),
}
AFTER = [name for name in FAULTS if "after commit" in name]


def strike(bench: Bench, name: str, operation: str) -> None:
    bench.emulator.faults.add(replace(FAULTS[name], operation=operation))
    if "silent" in name:
        bench.client.close()
        bench.client = bench.new_client(SHORT)


@pytest.mark.parametrize("name", FAULTS)
def test_an_upsert_is_sent_again_and_settled(bench: Bench, name: str) -> None:
    strike(bench, name, "upsert")
    result = bench.run(people(12), BY_EMAIL)
    assert result.counts["created"] + result.counts["updated"] == 12
    assert result.retries >= 1 or name == "empty"
    assert bench.once_each("contacts", "email", EMAILS)


SEVERAL = [
    "drop before",
    "drop after commit",
    "truncate after commit",
    "502 html after commit",
    "423",
    "429",
    "empty",
]


@pytest.mark.parametrize("name", SEVERAL)
def test_updates_and_archivals_are_sent_again_and_settled(bench: Bench, name: str) -> None:
    ids = bench.emulator.seed_records("companies", [{"name": each} for each in NAMES])
    strike(bench, name, "update")
    rows = [{"record": each, "city": "Bonn"} for each in ids]
    result = bench.run(rows, Update("companies", record_id="record", properties=["city"]))
    assert shown(result) == {"updated": 12}
    assert bench.living("companies", "city") == {"Bonn": 12}
    bench.emulator.faults.clear()
    strike(bench, name, "archive")
    result = bench.run(rows, Archive("companies", record_id="record"), "archive")
    assert shown(result) == {"archived": 12}
    if name != "empty":  # HubSpot's answer to an archive is empty anyway
        assert not bench.emulator.records("companies")


@pytest.mark.parametrize("name", FAULTS)
def test_a_create_with_a_unique_value_is_read_back_at_once(bench: Bench, name: str) -> None:
    strike(bench, name, "create")
    result = bench.run(people(12), CONTACTS)
    assert shown(result) == {"created": 12}
    assert bench.once_each("contacts", "email", EMAILS)
    assert bench.nothing_doubled()
    assert not bench.emulator.books.requests("search")


@pytest.mark.parametrize("name", ["drop before", "drop after commit", "empty", "500"])
def test_a_create_with_a_creation_key_is_read_back_at_once(bench: Bench, name: str) -> None:
    bench.emulator.add_property("companies", "ext", unique=True)
    strike(bench, name, "create")
    rows = [{"id": i, "name": "Same", "ext": f"e{i}"} for i in range(12)]
    result = bench.run(rows, Create("companies", key="id", properties=["name", "ext"], creation_key="ext"))
    assert shown(result) == {"created": 12}
    assert bench.once_each("companies", "ext", [f"e{i}" for i in range(12)])
    assert not bench.emulator.books.requests("search")


@pytest.mark.parametrize(
    ("name", "operation"), [*((name, COMPANIES) for name in AFTER), ("drop after commit", BY_KEY)]
)
def test_an_unkeyed_create_that_was_carried_out_is_found_by_search(
    bench: Bench, name: str, operation: Operation
) -> None:
    strike(bench, name, "create")
    result = bench.run(firms(12), operation, retry_policy=replace(QUICK, index_lag=0.6))
    assert shown(result) == {"created": 12}
    assert bench.writes("create") == 1
    assert bench.once_each("companies", "name", NAMES)
    records = bench.emulator.records("companies")
    assert all(records[line["hs_object_id"]]["name"] == f"Firm {key}" for key, line in by_key(result).items())


@pytest.mark.parametrize("name", ["423", "429", "429 with Retry-After"])
def test_an_unkeyed_create_that_was_surely_not_carried_out_is_sent_again(bench: Bench, name: str) -> None:
    strike(bench, name, "create")
    assert shown(bench.run(firms(12), COMPANIES)) == {"created": 12}
    assert bench.once_each("companies", "name", NAMES)


def test_a_full_window_holds_everybody_on_the_budget(bench: Bench) -> None:
    bench.emulator.faults.add(
        Fault.rate_limited(0.05, times=1), Fault.rate_limited(times=1), Fault.locked(times=1)
    )
    assert shown(bench.run(people(3), BY_EMAIL)) == {"created": 3}
    assert len(bench.budget.pauses) == 2
    assert 0.05 <= bench.budget.pauses[0] <= 0.31
    assert QUICK.window <= bench.budget.pauses[1] <= QUICK.window + 0.26


STOPS: list[tuple[Fault, type[HubSpotError]]] = [
    (Fault.answer(401, {"status": "error", "category": "INVALID_AUTHENTICATION"}), NotAuthenticated),
    (Fault.answer(403, {"status": "error", "category": "MISSING_SCOPES"}), MissingScopes),
    (Fault.daily_limit(), DailyLimitReached),
    (Fault.moving(), AccountMoving),
]


@pytest.mark.parametrize(("fault", "error"), STOPS, ids=[each[1].__name__ for each in STOPS])
@pytest.mark.parametrize("operation", [BY_EMAIL, CONTACTS], ids=["Upsert", "Create"])
def test_an_answer_that_ends_the_day_stops_the_run_and_the_next_one_goes_on(
    bench: Bench, fault: Fault, error: type[HubSpotError], operation: Operation
) -> None:
    bench.emulator.faults.add(replace(fault, operation="upsert|create", nth=(3, 999)))
    first = bench.run(people(60), operation, batch_size=5)
    assert isinstance(first.stopped, error)
    assert first.counts["created"] == 10
    assert first.counts["unsent"] == 50
    with pytest.raises(error):
        first.raise_for_failures()
    bench.emulator.faults.clear()
    second = bench.run(people(60), operation, batch_size=5)
    assert shown(second) == {"created": 50, "unchanged": 10}
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(60)])


def test_an_unreachable_hubspot_leaves_everything_unsent(bench: Bench) -> None:
    bench.emulator.stop()
    try:
        result = bench.run(firms(250), COMPANIES)
    finally:
        bench.emulator.start()
    assert isinstance(result.stopped, NotConnected)
    assert shown(result) == {"unsent": 250}
    assert shown(bench.run(firms(250), COMPANIES)) == {"created": 250}
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(250)])


@pytest.mark.parametrize("after_commit", [True, False])
def test_a_repeatable_row_whose_answers_are_all_lost_is_unknown_and_sent_again_by_the_next_run(
    bench: Bench, after_commit: bool
) -> None:
    bench.emulator.faults.add(Fault.answer(502, operation="upsert", after_commit=after_commit))
    first = bench.run(people(5), BY_EMAIL, retry_policy=replace(QUICK, total=0.5))
    assert shown(first) == {"unknown": 5}
    assert 3 <= bench.writes() <= 12
    assert "next run sends" in str(by_key(first, "email")["p0@x.org"]["error_message"])
    bench.emulator.faults.clear()
    second = bench.run(people(5), BY_EMAIL)
    assert second.counts["created"] + second.counts["updated"] == 5
    assert bench.once_each("contacts", "email", EMAILS[:5])


def test_time_for_one_batch_ends_however_many_tries_are_left(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.locked(operation="upsert"))
    retry_policy = replace(QUICK, tries=1000, total=0.3, locked=0.05)
    result = bench.run(people(5), BY_EMAIL, retry_policy=retry_policy)
    assert shown(result) == {"unsent": 5}
    assert result.seconds < 20
    assert result.stopped is not None


def test_reading_back_is_repeated_and_what_stays_unread_stays_unknown(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.drop(operation="create", times=1, after_commit=True))
    bench.emulator.faults.add(Fault.answer(503, operation="read", times=2))
    assert shown(bench.run(people(5), CONTACTS)) == {"created": 5}
    bench.emulator.faults.clear()
    bench.emulator.faults.add(Fault.drop(operation="create", times=1, after_commit=True))
    bench.emulator.faults.add(Fault.answer(503, operation="read"))
    lost = bench.run(people(3, 20), CONTACTS, "other")
    assert shown(lost) == {"unknown": 3}
    assert lost.stopped is not None
    bench.emulator.faults.clear()
    found = bench.run(people(3, 20), CONTACTS, "other")
    assert shown(found) == {"unchanged": 3}
    assert bench.nothing_doubled()


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://nobody.invalid"])
@pytest.mark.parametrize("checked", [True, False])
def test_an_address_at_which_nothing_ever_answered_is_given_up_long_before_the_patience(
    bench: Bench, address: str, checked: bool
) -> None:
    policy = replace(QUICK, total=600.0, first_contact=0.5)
    client = HubSpotClient("a-token", base_url=address, budget=bench.budget, allow_http=True)
    started = time.monotonic()
    with client, pytest.raises(NotConnected, match="base_url"):
        run_sync(
            people(3),
            BY_EMAIL,
            client=client,
            store=bench.store,
            name="lost",
            options=RunOptions(retry_policy=policy),
            portal=Portal(client) if checked else None,
        ).result.raise_for_failures()
    assert time.monotonic() - started < 60


def test_a_host_that_answered_once_is_waited_for_as_long_as_the_patience(bench: Bench) -> None:
    with stop_signal_for(bench.client) as stop:
        requester = Requester(bench.client, stop=stop, retry_policy=replace(QUICK, first_contact=0.0))
        lost = NotConnected("no connection")
        assert requester.gives_up_on(lost)
        requester.read("contacts", ["1"], [])
        assert not requester.gives_up_on(lost)
