"""Creates whose answer was lost: looked for, held while they may still happen, and never made twice."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from bench.sync_bench import (
    BY_KEY,
    COMPANIES,
    CONTACTS,
    HASTY,
    QUICK,
    Bench,
    by_key,
    firms,
    people,
    shown,
)

from hubspot_batch_dagster.api.rate_limit.budget import Granted
from hubspot_batch_dagster.api.server_clock import ServerClock
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.sync.delivery import delivery_context
from hubspot_batch_dagster.sync.requests import requester as wire_module

NAMES = [f"Firm {i}" for i in range(6)]
LOST = Fault.drop(operation="create", times=1)
WRITTEN = Fault.drop(operation="create", times=1, after_commit=True)
OPERATIONS = pytest.mark.parametrize("operation", [COMPANIES, BY_KEY], ids=["Create", "Upsert by key"])


def crash(bench: Bench, rows: list[dict[str, object]], operation: Operation, fault: Fault) -> None:
    """A run that sends and then can find out nothing: its intents stay open."""
    bench.emulator.faults.add(replace(fault), Fault.answer(403, operation="read|search"))
    result = bench.run(rows, operation)
    assert shown(result) == {"unknown": len(rows)}
    bench.emulator.faults.clear()


@OPERATIONS
def test_a_create_that_is_not_found_is_unknown_and_held(bench: Bench, operation: Operation) -> None:
    bench.emulator.faults.add(LOST)
    first = bench.run(firms(6), operation)
    assert shown(first) == {"unknown": 6}
    assert all(line["hs_object_id"] is None for line in first.ids.to_pylist())
    second = bench.run(firms(6), operation)
    assert shown(second) == {"unknown": 6}
    assert "does not show the record yet" in by_key(second)[0]["error_message"]
    assert bench.writes("create") == 1
    with pytest.raises(Exception, match="6 unknown"):
        second.raise_for_failures()


@OPERATIONS
def test_a_create_that_shows_up_late_is_settled_by_the_next_run(bench: Bench, operation: Operation) -> None:
    bench.emulator.change(search_lag=0.8)
    bench.emulator.faults.add(WRITTEN)
    first = bench.run(firms(6), operation)
    assert shown(first) == {"unknown": 6}
    second = bench.run(firms(6), operation, retry_policy=replace(QUICK, index_lag=1.0))
    assert shown(second) == {"unchanged": 6}
    assert bench.writes("create") == 1
    records = bench.emulator.records("companies")
    assert all(records[line["hs_object_id"]]["name"] == f"Firm {key}" for key, line in by_key(second).items())


@OPERATIONS
def test_a_create_that_certainly_never_happened_is_sent_again(bench: Bench, operation: Operation) -> None:
    bench.emulator.faults.add(LOST)
    assert shown(bench.run(firms(6), operation)) == {"unknown": 6}
    assert shown(bench.run(firms(6), operation, retry_policy=HASTY)) == {"created": 6}
    assert bench.once_each("companies", "name", NAMES)


def test_creates_that_never_happened_are_sent_once_though_an_answer_is_lost_in_that_run(bench: Bench) -> None:
    """Those that the plan has sent are not sent again with those whose answer was lost."""
    crash(bench, firms(6), BY_KEY, Fault.drop(operation="create", times=9))
    assert bench.emulator.records("companies") == {}
    bench.emulator.faults.add(Fault.drop(operation="create", after_commit=True, times=1))
    result = bench.run(firms(6), BY_KEY, retry_policy=HASTY, batch_size=3)
    assert shown(result) == {"created": 6}
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(6)])


def test_a_held_row_is_held_by_its_key_even_if_its_values_changed(bench: Bench) -> None:
    bench.emulator.faults.add(LOST)
    bench.run(firms(6), COMPANIES)
    changed = [{**each, "city": "Bonn"} for each in firms(8)]
    assert shown(bench.run(changed, COMPANIES)) == {"unknown": 6, "created": 2}


def test_creates_of_a_crashed_run_are_found_before_anything_is_sent(bench: Bench) -> None:
    crash(bench, firms(6), COMPANIES, WRITTEN)
    assert shown(bench.run(firms(8), COMPANIES)) == {"unchanged": 6, "created": 2}
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(8)])


def test_creates_with_a_unique_value_are_read_back_by_the_next_run(bench: Bench) -> None:
    crash(bench, people(6), CONTACTS, WRITTEN)
    second = bench.run(people(8), CONTACTS)
    assert shown(second) == {"unchanged": 6, "created": 2}
    assert not bench.emulator.books.requests("search", status=200)


def test_creates_with_a_unique_value_that_never_happened_are_sent_at_once(bench: Bench) -> None:
    crash(bench, people(6), CONTACTS, LOST)
    assert shown(bench.run(people(6), CONTACTS)) == {"created": 6}
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(6)])


def test_a_create_that_happens_after_the_next_run_has_looked_is_recognised_by_its_conflict(
    bench: Bench,
) -> None:
    crash(bench, people(3), CONTACTS, LOST)
    # The late request is carried out between the look and the sending: the look finds nothing.
    bench.emulator.seed_records(
        "contacts", [{"email": f"p{i}@x.org", "firstname": f"Ada {i}"} for i in range(3)]
    )
    bench.emulator.faults.add(
        Fault.answer(200, {"status": "COMPLETE", "results": []}, operation="read", nth=1)
    )
    assert shown(bench.run(people(3), CONTACTS)) == {"created": 3}
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(3)])


def test_a_run_that_cannot_ask_hubspot_about_open_creates_sends_nothing(bench: Bench) -> None:
    crash(bench, firms(6), COMPANIES, WRITTEN)
    bench.emulator.faults.add(Fault.answer(403, operation="search"))
    before = bench.writes()
    with pytest.raises(Exception, match="403"):
        bench.run(firms(9), COMPANIES)
    bench.emulator.faults.clear()
    assert bench.writes() == before
    assert shown(bench.run(firms(9), COMPANIES)) == {"unchanged": 6, "created": 3}


def test_rows_that_are_alike_each_claim_a_record_of_their_own(bench: Bench) -> None:
    rows = [{"id": i, "name": "Same", "city": "Ulm"} for i in range(5)]
    bench.emulator.faults.add(WRITTEN)
    result = bench.run(rows, COMPANIES)
    assert shown(result) == {"created": 5}
    assert len({line["hs_object_id"] for line in result.ids.to_pylist()}) == 5


def test_a_record_that_belongs_to_a_row_already_is_not_claimed_by_another(bench: Bench) -> None:
    bench.run([{"id": 1, "name": "Same", "city": "Ulm"}], COMPANIES)
    bench.emulator.faults.add(LOST)
    result = bench.run([{"id": i, "name": "Same", "city": "Ulm"} for i in (1, 2)], COMPANIES)
    assert shown(result) == {"unchanged": 1, "unknown": 1}


def test_a_record_counts_for_the_row_with_most_of_its_values(bench: Bench) -> None:
    rows = [{"id": 1, "name": "Firm", "city": None}, {"id": 2, "name": "Firm", "city": "Ulm"}]
    bench.emulator.faults.add(WRITTEN)
    result = bench.run(rows, COMPANIES)
    assert shown(result) == {"created": 2}
    records = bench.emulator.records("companies")
    assert [records[by_key(result)[i]["hs_object_id"]].get("city") for i in (1, 2)] == [None, "Ulm"]


def test_what_others_made_before_the_request_is_not_taken_for_the_rows(bench: Bench) -> None:
    bench.seed_old("companies", [{"name": "Firm 0", "city": "Ulm"}])
    bench.emulator.faults.add(LOST)
    assert shown(bench.run(firms(1), COMPANIES)) == {"unknown": 1}


def test_a_row_without_any_value_stays_unknown_and_is_not_made_twice(bench: Bench) -> None:
    bench.emulator.faults.add(WRITTEN)
    rows = [{"id": 1, "name": None, "city": None}]
    for retry_policy in (QUICK, HASTY, HASTY):
        assert shown(bench.run(rows, COMPANIES, retry_policy=retry_policy)) == {"unknown": 1}
    assert len(bench.emulator.records("companies")) == 1


def test_rows_of_a_table_with_many_columns_are_found_too(bench: Bench) -> None:
    names = [f"a_property_with_quite_a_long_name_{i:03d}" for i in range(120)]
    for name in names:
        bench.emulator.add_property("companies", name)
    rows = [{"id": i, **{name: f"{name[-3:]}-{i}" for name in names}} for i in range(3)]
    bench.emulator.faults.add(WRITTEN)
    result = bench.run(rows, Create("companies", key="id", properties=names))
    assert shown(result) == {"created": 3}
    assert bench.writes("create") == 1


def test_all_pages_of_a_search_are_read(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.drop(operation="create", times=3, after_commit=True))
    result = bench.run(firms(450), COMPANIES, batch_size=100)
    assert shown(result) == {"created": 450}
    assert len({line["hs_object_id"] for line in result.ids.to_pylist()}) == 450
    assert len(bench.emulator.books.requests("search")) >= 3
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(450)])


def test_a_row_that_left_the_source_while_it_was_open_is_still_settled(bench: Bench) -> None:
    crash(bench, firms(6), COMPANIES, WRITTEN)
    assert shown(bench.run(firms(2), COMPANIES)) == {"unchanged": 2}
    assert shown(bench.run(firms(6), COMPANIES)) == {"unchanged": 6}
    assert bench.writes("create") == 1


@pytest.mark.parametrize("wrong", [7200.0, -7200.0])
def test_a_host_whose_clock_is_wrong_loses_and_doubles_nothing(bench: Bench, wrong: float) -> None:
    bench.client._clock = ServerClock(wall=lambda: time.time() + wrong)
    bench.emulator.faults.add(WRITTEN)
    assert shown(bench.run(firms(3), COMPANIES)) == {"created": 3}
    assert bench.writes("create") == 1


PEOPLE_BY_KEY = Upsert("contacts", key="id", properties=["email", "firstname"])


def test_a_lost_create_whose_row_changed_meanwhile_is_updated_and_not_made_again(bench: Bench) -> None:
    crash(bench, people(3), PEOPLE_BY_KEY, WRITTEN)
    changed = [{**each, "firstname": "Grace"} for each in people(3)]
    assert shown(bench.run(changed, PEOPLE_BY_KEY)) == {"updated": 3}
    assert bench.living("contacts", "firstname") == {"Grace": 3}


@pytest.mark.parametrize("operation", [CONTACTS, PEOPLE_BY_KEY], ids=["Create", "Upsert by key"])
def test_a_record_made_by_the_lost_request_is_the_rows_even_if_hubspot_changed_a_value(
    bench: Bench, operation: Operation
) -> None:
    bench.emulator.faults.add(WRITTEN)
    match, changed = bench.emulator.faults.match, []

    def change_first(request: Any) -> Any:
        if request.operation == "read" and not changed:
            changed.append(True)
            for record in bench.emulator.portal.table("contacts").records.values():
                record.properties["firstname"] = "Repaired by HubSpot"
        return match(request)

    bench.emulator.faults.match = change_first  # type: ignore[method-assign]
    try:
        result = bench.run(people(3), operation)
    finally:
        bench.emulator.faults.match = match  # type: ignore[method-assign]
    assert result.counts["created"] + result.counts["updated"] == 3
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(3)])
    if operation is PEOPLE_BY_KEY:
        assert bench.living("contacts", "firstname") == {f"Ada {i}": 1 for i in range(3)}


def test_a_search_goes_on_where_hubspot_shows_no_further_page(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_module, "_LAST_PAGE", 1)
    bench.emulator.portal.settings = replace(bench.emulator.portal.settings, inbound_jitter=0.2)
    bench.emulator.faults.add(Fault.drop(operation="create", times=4, after_commit=True))
    assert shown(bench.run(firms(400), COMPANIES)) == {"created": 400}
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(400)])


@pytest.mark.parametrize("size", [100, 2])
def test_the_journal_knows_when_a_create_left_that_had_to_wait_for_the_budget(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    class Full:
        """A budget in which each request waits longer than an intent may be old."""

        def take(self, _window: str) -> Granted:
            time.sleep(2 * slow.index_lag / 10)
            return Granted()

        def observe(self, *_: Any) -> None: ...

        def pause(self, _seconds: float) -> None: ...

    monkeypatch.setattr(delivery_context, "SHORTEST_TIME_TO_LEAVE", 0.1)
    slow = replace(QUICK, index_lag=2.0)
    ages: list[float] = []
    exchange = bench.client._transport.exchange

    def seen(method: str, path: str, *rest: Any, **options: Any) -> Any:
        if path.endswith("batch/create"):
            now = bench.client.server_time()
            ages.extend(now - each.newest for each in bench.store.journal.open_intents("sync"))
        return exchange(method, path, *rest, **options)

    monkeypatch.setattr(bench.client, "budget", Full())
    monkeypatch.setattr(bench.client._transport, "exchange", seen)
    bench.emulator.faults.add(Fault.locked(operation="create", times=1))
    assert shown(bench.run(firms(4), COMPANIES, batch_size=size, retry_policy=slow)) == {"created": 4}
    assert ages
    assert min(ages) <= slow.index_lag / 10
    if size == 100:
        assert max(ages) <= slow.index_lag / 10
