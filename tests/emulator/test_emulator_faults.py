"""Limits, faults on demand, tokens and the books."""

from __future__ import annotations

import socket
import threading
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from emulator_helpers import Caller, contact_rows, rows

from hubspot_batch_dagster.emulator import Books, Emulator, EmulatorProcess, Fault, Settings


def test_a_rolling_window_refuses_what_is_over_the_limit_and_says_so_in_headers(
    call: Caller, hubspot: Emulator
) -> None:
    hubspot.change(burst_limit=5, burst_window=0.4)
    answers = [call.batch("contacts", "read", []) for _ in range(7)]
    assert [a.status_code for a in answers] == [200] * 5 + [429] * 2
    assert answers[0].headers["X-HubSpot-RateLimit-Max"] == "5"
    assert answers[0].headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "400"
    assert [a.headers["X-HubSpot-RateLimit-Remaining"] for a in answers[:5]] == ["4", "3", "2", "1", "0"]
    body = answers[-1].json()
    assert body["message"] == "You have reached your ten_secondly_rolling limit."
    assert (body["policyName"], body["errorType"]) == ("TEN_SECONDLY_ROLLING", "RATE_LIMIT")
    assert "category" not in body
    assert "Retry-After" not in answers[-1].headers
    assert answers[-1].headers["X-HubSpot-RateLimit-Remaining"] == "0"
    time.sleep(0.45)
    assert call.batch("contacts", "read", []).status_code == 200
    assert hubspot.books.refused == 2
    assert hubspot.books.max_in_window(0.4) == 5


def test_a_daily_limit_ends_at_midnight_in_the_accounts_time_zone(call: Caller, hubspot: Emulator) -> None:
    noon_in_berlin = 1_795_258_800.0
    hubspot.change(daily_limit=2, time_zone="Europe/Berlin", clock=lambda: noon_in_berlin)
    first = call.batch("contacts", "read", [])
    assert first.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "1"
    call.batch("contacts", "read", [])
    refused = call.batch("contacts", "read", [])
    assert refused.status_code == 429
    assert refused.json()["policyName"] == "DAILY"
    assert refused.json()["requestId"] == refused.json()["correlationId"]
    hubspot.skew_clock(11.9 * 3600)
    assert call.batch("contacts", "read", []).status_code == 429
    hubspot.skew_clock(12.1 * 3600)
    assert call.batch("contacts", "read", []).status_code == 200


def test_search_and_associations_can_have_windows_of_their_own(call: Caller, hubspot: Emulator) -> None:
    hubspot.change(burst_limit=1, association_limit=1, search_limit=1)
    path = "/crm/v3/objects/contacts/search"
    searches = [call.post(path, {}) for _ in range(2)]
    assert [a.status_code for a in searches] == [200, 429]
    assert searches[1].json()["policyName"] == "SECONDLY"
    assert not any(name.lower().startswith("x-hubspot-ratelimit") for name in searches[0].headers)
    associations = [call.post("/crm/v4/associations/0-1/0-2/batch/read", {"inputs": []}) for _ in range(2)]
    assert [a.status_code for a in associations] == [200, 429]
    assert call.batch("contacts", "read", []).status_code == 200


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("reset", [False, True])
def test_a_dropped_connection_is_really_dropped(
    call: Caller, hubspot: Emulator, committed: bool, reset: bool
) -> None:
    hubspot.faults.add(Fault.drop(after_commit=committed, reset=reset, times=1))
    with pytest.raises(requests.ConnectionError):
        call.batch("contacts", "create", contact_rows(3))
    assert hubspot.books.created_count() == (3 if committed else 0)
    entry = hubspot.books.requests()[-1]
    assert (entry.status, entry.fault, entry.inputs) == (0, "drop", 3)
    assert call.batch("contacts", "create", contact_rows(3, "q")).status_code == 201


def test_a_truncated_answer_breaks_off_after_the_work_is_done(call: Caller, hubspot: Emulator) -> None:
    hubspot.faults.add(Fault.truncate())
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        call.batch("contacts", "create", contact_rows(3))
    assert hubspot.books.created_count() == 3


@pytest.mark.parametrize("committed", [False, True])
def test_a_silent_server_waits_for_the_client_to_give_up(
    call: Caller, hubspot: Emulator, committed: bool
) -> None:
    hubspot.faults.add(Fault.silent(after_commit=committed))
    with pytest.raises(requests.ReadTimeout):
        call.batch("contacts", "create", contact_rows(1), timeout=0.2)
    assert hubspot.books.created_count() == int(committed)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 521, 523, 524])
def test_a_status_can_come_before_or_after_the_work(call: Caller, hubspot: Emulator, status: int) -> None:
    hubspot.faults.add(Fault.answer(status, nth=1), Fault.answer(status, after_commit=True, nth=1))
    assert call.batch("contacts", "create", contact_rows(1)).status_code == status
    assert hubspot.books.created_count() == 0
    assert call.batch("contacts", "create", contact_rows(1)).status_code == status
    assert hubspot.books.created_count() == 1


@pytest.mark.parametrize(
    ("fault", "status", "header"),
    [
        (Fault.locked(), 423, None),
        (Fault.rate_limited(), 429, None),
        (Fault.rate_limited(retry_after=3), 429, "3"),
        (Fault.daily_limit(), 429, None),
        (Fault.moving(retry_after=86400), 477, "86400"),
        (Fault.expired_token(), 401, None),
        (Fault.conflict(), 409, None),
        (Fault.invalid_batch(), 400, None),
    ],
)
def test_hubspots_own_refusals_on_demand(
    call: Caller, hubspot: Emulator, fault: Fault, status: int, header: str | None
) -> None:
    hubspot.faults.add(fault)
    answer = call.batch("contacts", "create", contact_rows(1))
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == header
    assert answer.json()["correlationId"]
    assert hubspot.books.created_count() == 0


def test_a_proxys_html_an_empty_success_and_omitted_rows(call: Caller, hubspot: Emulator) -> None:
    hubspot.faults.add(Fault.html(times=1), Fault.empty(times=1), Fault.omit(2, times=1))
    html = call.batch("contacts", "create", contact_rows(1))
    assert (html.status_code, html.headers["content-type"]) == (502, "text/html")
    assert html.text.startswith("<html>")
    empty = call.batch("contacts", "create", contact_rows(1))
    assert (empty.status_code, empty.json()["results"]) == (201, [])
    assert hubspot.books.created_count() == 0
    omitted = call.batch("contacts", "create", contact_rows(5))
    assert len(omitted.json()["results"]) == 3
    assert hubspot.books.created_count() == 5


def test_a_slow_answer_takes_its_time(call: Caller, hubspot: Emulator) -> None:
    hubspot.faults.add(Fault.slow(0.2, times=1), Fault.slow(0.2, after_commit=True, times=1))
    for _ in range(2):
        began = time.monotonic()
        assert call.batch("contacts", "read", []).status_code == 200
        assert time.monotonic() - began >= 0.2


def test_a_rule_can_wait_for_a_row_an_operation_a_type_and_a_turn(call: Caller, hubspot: Emulator) -> None:
    poison = Fault.invalid_batch(
        operation="create|upsert", object_type="contacts", row={"city": "Ulm"}, nth=(2, 3)
    )
    hubspot.faults.add(poison)
    statuses = [
        call.batch(name, "create", rows({"city": city})).status_code
        for name, city in [
            ("contacts", "Bonn"),
            ("companies", "Ulm"),
            ("contacts", "Ulm"),
            ("contacts", "Ulm"),
            ("contacts", "Ulm"),
            ("contacts", "Ulm"),
        ]
    ]
    assert statuses == [201, 201, 201, 400, 400, 201]
    assert hubspot.faults.struck() == [(poison, 2)]


def test_a_rule_can_wait_for_an_id_and_strikes_only_while_the_client_is_there(
    call: Caller, hubspot: Emulator
) -> None:
    hubspot.faults.add(Fault.locked(row={"id": "7"}), Fault.drop(row={"id": "8"}, times=1))
    assert call.batch("contacts", "read", [{"id": "6"}]).status_code == 207
    assert call.batch("contacts", "read", [{"id": "7"}]).status_code == 423
    hubspot.change(latency=0.3)
    with pytest.raises(requests.ReadTimeout):
        call.batch("contacts", "read", [{"id": "8"}], timeout=0.1)
    hubspot.change(latency=0.0)
    time.sleep(0.3)
    assert call.batch("contacts", "read", [{"id": "8"}]).status_code == 207


def test_chance_is_the_same_for_the_same_seed(call: Caller, hubspot: Emulator) -> None:
    def statuses(seed: int) -> list[int]:
        hubspot.faults.clear()
        hubspot.faults.add(Fault.answer(503, probability=0.5, seed=seed))
        return [call.batch("contacts", "read", []).status_code for _ in range(12)]

    first = statuses(1)
    assert statuses(1) == first
    assert set(first) == {200, 503}


def test_a_rule_survives_the_way_through_json() -> None:
    fault = Fault.rate_limited(2, nth=(1, 3), row={"email": None}, probability=0.5)
    assert Fault.from_json(fault.as_json()) == fault
    with pytest.raises(ValueError, match="not a fault"):
        Fault.from_json({"action": "drop", "sometimes": True})


def test_a_request_needs_a_known_token(hubspot: Emulator) -> None:
    answer = Caller(hubspot, token="pat-na1-unknown").batch("contacts", "read", [])
    assert answer.status_code == 401
    assert answer.json()["category"] == "INVALID_AUTHENTICATION"
    hubspot.change(check_tokens=False)
    assert Caller(hubspot, token="anything").batch("contacts", "read", []).status_code == 200


def test_a_missing_scope_is_named(call: Caller, hubspot: Emulator) -> None:
    hubspot.change(scopes=frozenset({"crm.objects.contacts.read"}))
    assert call.batch("calls", "read", []).status_code == 200
    answer = call.batch("contacts", "create", [])
    assert answer.status_code == 403
    assert answer.json()["category"] == "MISSING_SCOPES"
    assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.write"]


@pytest.mark.parametrize("version", ["v1", "v3", "2026-03", "2026-09"])
def test_a_refresh_token_gives_an_access_token_that_runs_out(hubspot: Emulator, version: str) -> None:
    hubspot.change(daily_limit=1000)
    app = hubspot.credentials
    form = {
        "grant_type": "refresh_token",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "refresh_token": app.refresh_token,
    }
    url = f"{hubspot.url}/oauth/{version}/token"
    granted = requests.post(url, data=form, timeout=5).json()
    assert granted["expires_in"] == 1800
    call = Caller(hubspot, token=granted["access_token"])
    answer = call.batch("contacts", "read", [])
    assert answer.status_code == 200
    assert "X-HubSpot-RateLimit-Daily" not in answer.headers
    hubspot.skew_clock(1801)
    expired = call.batch("contacts", "read", [])
    assert (expired.status_code, expired.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    refused = requests.post(url, data={**form, "refresh_token": "old"}, timeout=5)
    assert (refused.status_code, refused.json()["status"]) == (400, "BAD_REFRESH_TOKEN")
    assert refused.json()["error"] == "invalid_grant"


def test_concurrent_upserts_of_one_key_do_what_the_portal_is_set_to(hubspot: Emulator) -> None:
    hubspot.add_property("companies", "account_id", unique=True)
    found = {}
    for choice in ("serialise", "409", "duplicate"):
        hubspot.change(concurrent_upsert=choice, latency=0.3)
        inputs = [{"id": choice, "idProperty": "account_id", "properties": {"name": choice}}]
        statuses: list[int] = []

        def upsert(inputs: list[Any] = inputs, statuses: list[int] = statuses) -> None:
            statuses.append(Caller(hubspot).batch("companies", "upsert", inputs).status_code)

        threads = [threading.Thread(target=upsert) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        found[choice] = sorted(statuses)
    assert found == {"serialise": [200, 200], "409": [200, 409], "duplicate": [200, 200]}
    assert list(hubspot.books.duplicates("companies", "account_id")) == ["duplicate"]


def test_the_books_know_every_request_and_every_commit(call: Caller, hubspot: Emulator) -> None:
    call.batch("contacts", "create", contact_rows(2))
    call.batch("contacts", "create", [*contact_rows(1), *rows({"email": "x"})])
    (first, second) = hubspot.books.requests(operation="create", object_type="contacts")
    assert (first.status, first.inputs, first.trace_ids) == (201, 2, ("t0", "t1"))
    assert len(first.committed) == 2
    assert (second.status, second.committed) == (400, ())
    assert [c.trace_id for c in hubspot.books.commits("created")] == ["t0", "t1"]
    assert hubspot.books.trace_ids_committed_twice() == {}
    call.batch("companies", "create", rows({"name": "A"}))
    assert hubspot.books.trace_ids_committed_twice() == {"t0": 2}
    copy = Books.from_json(hubspot.books.as_json())
    assert copy.requests() == hubspot.books.requests()
    assert copy.commits() == hubspot.books.commits()


def test_a_stopped_emulator_is_unreachable_and_comes_back_with_what_it_had() -> None:
    emulator = Emulator().start()
    call = Caller(emulator)
    call.batch("contacts", "create", contact_rows(1))
    emulator.stop()
    emulator.stop()
    with pytest.raises(requests.ConnectionError):
        call.batch("contacts", "read", [])
    with emulator.start():
        assert call.batch("contacts", "create", contact_rows(1, trace=False)).status_code == 409


def test_an_emulator_in_another_process_offers_the_same() -> None:
    settings = Settings(burst_limit=50, required_properties=frozenset({"v3"}))
    with EmulatorProcess(settings=settings, token="pat-na1-mine") as hubspot:
        assert hubspot.token == "pat-na1-mine"
        call = Caller(hubspot)
        hubspot.add_property("companies", "account_id", unique=True)
        cars = hubspot.add_object_type("cars", [{"name": "vin", "hasUniqueValue": True}])
        (seeded,) = hubspot.seed_records("companies", [{"name": "A", "account_id": "1"}])
        hubspot.faults.add(Fault.drop(after_commit=True, times=1))
        inputs = [{"id": "1", "idProperty": "account_id", "properties": {"name": "B"}}]
        with pytest.raises(requests.ConnectionError):
            call.batch("companies", "upsert", inputs)
        assert call.batch(cars, "create", rows({"vin": "W1"})).status_code == 201
        assert hubspot.records("companies")[seeded]["name"] == "B"
        assert hubspot.faults.struck()[0][1] == 1
        assert [e.status for e in hubspot.books.requests()] == [0, 201]
        assert hubspot.books.created_count("cars") == 1
        hubspot.skew_clock(60)
        hubspot.change(burst_limit=None)
        with pytest.raises(ValueError, match="no such setting"):
            hubspot.change(colour="red")
        hubspot.set_rules("contacts", [{"property": "firstname"}])
        assert call.batch("contacts", "create", contact_rows(1, trace=False)).status_code == 400
        hubspot.faults.clear()
        hubspot.reset()
        assert hubspot.books.requests() == []
        process = hubspot._process
        assert process is not None
    assert process.returncode == 0


def test_an_interim_answer_comes_before_the_true_one(hubspot: Emulator) -> None:
    hubspot.faults.add(Fault.interim(102, seconds=0.05))
    host, port = hubspot.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as wire:
        head = f"GET /crm/v3/owners HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        wire.sendall(f"{head}Authorization: Bearer {hubspot.token}\r\n\r\n".encode())
        seen = b"".join(iter(lambda: wire.recv(4096), b""))
    assert seen.startswith(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("from_status_line", [False, True])
def test_a_dripping_answer_takes_its_time_and_arrives_whole(
    call: Caller, hubspot: Emulator, from_status_line: bool
) -> None:
    hubspot.faults.add(Fault.drip(0.3, from_status_line=from_status_line))
    began = time.perf_counter()
    answer = call.batch("contacts", "create", contact_rows(3))
    assert time.perf_counter() - began >= 0.3
    assert (answer.status_code, len(answer.json()["results"])) == (201, 3)
    with pytest.raises(requests.exceptions.RequestException):
        call.send("GET", "/crm/v3/owners", timeout=0.02)
    until = time.monotonic() + 5  # the next test's faults are not for this request
    while len(hubspot.books.requests()) < 2 and time.monotonic() < until:
        time.sleep(0.01)


def test_headers_of_a_fault_come_in_the_place_of_hubspots_own(call: Caller, hubspot: Emulator) -> None:
    hubspot.change(burst_limit=100)
    wrong = {"X-HubSpot-RateLimit-Max": "9" * 5000, "Date": "never"}
    hubspot.faults.add(Fault.with_headers(wrong, times=1))
    answer = call.get("/crm/v3/owners")
    assert answer.status_code == 200
    assert {name: answer.headers[name] for name in wrong} == wrong
    assert call.get("/crm/v3/owners").headers["X-HubSpot-RateLimit-Max"] == "100"


def test_the_clock_of_the_date_header_may_be_wrong_or_missing(call: Caller, hubspot: Emulator) -> None:
    def ahead() -> float:
        return parsedate_to_datetime(call.get("/crm/v3/owners").headers["Date"]).timestamp() - time.time()

    assert abs(ahead()) < 2
    hubspot.change(date_ahead=3600.0)
    assert 3590 < ahead() < 3602
    hubspot.change(date_ahead=-60.0)
    assert -62 < ahead() < -50
    hubspot.change(date_ahead=None)
    assert "Date" not in call.get("/crm/v3/owners").headers


def test_any_status_is_answered_on_demand(call: Caller, hubspot: Emulator) -> None:
    for status in (302, 405, 413, 422, 431, 451, 499, 599):
        hubspot.faults.add(Fault.answer(status, times=1))
        assert call.send("GET", "/crm/v3/owners", allow_redirects=False).status_code == status
