"""What a run does after each kind of answer: nothing that was not written is told as unknown, and every stop
says why.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bench.sync_bench import BY_EMAIL, BY_KEY, COMPANIES, HASTY, QUICK, Bench, firms, people, shown
from bench.wire_server import Reply, WireServer

from hubspot_batch_dagster import Associate
from hubspot_batch_dagster.api import connection, transport
from hubspot_batch_dagster.api.auth.oauth import OAuthRefresh
from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import (
    AnswerLost,
    AnswerTooLarge,
    Forbidden,
    HubSpotError,
    NotFound,
    Redirected,
    RequestRefused,
    RequestTooLarge,
)
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal

ROWS = {"create": (firms(5), COMPANIES), "upsert": (people(5), BY_EMAIL)}


def requester(bench: Bench) -> Requester:
    return Requester(bench.client, stop=StopSignal(), retry_policy=bench.retry_policy)


@pytest.mark.parametrize("status", [413, 414])
@pytest.mark.parametrize("verb", list(ROWS))
def test_what_is_too_large_is_halved_until_it_fits(bench: Bench, verb: str, status: int) -> None:
    rows, operation = ROWS[verb]
    bench.emulator.faults.add(Fault.answer(status, operation=verb, times=2))
    assert shown(bench.run(rows, operation)) == {"created": 5}
    assert bench.nothing_doubled()


def test_a_row_that_is_too_large_alone_is_rejected_with_the_words_of_who_says_so(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.html(413, operation="upsert", row={"email": people(5)[3]["email"]}))
    result = bench.run(people(5), BY_EMAIL)
    assert shown(result) == {"created": 4, "rejected": 1}
    assert "413" in result.rejected["error_message"][0].as_py()


@pytest.mark.parametrize("verb", list(ROWS))
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *[(status, RequestRefused) for status in (402, 405, 406, 411, 415, 431, 451)],
        (414, RequestTooLarge),
        (403, Forbidden),
        (404, NotFound),
        (308, Redirected),
    ],
)
def test_what_was_refused_for_all_rows_is_unsent_says_why_and_is_sent_once_it_is_taken(
    bench: Bench, verb: str, status: int, kind: type[HubSpotError]
) -> None:
    rows, operation = ROWS[verb]
    bench.emulator.faults.add(Fault.answer(status, {"message": "Not like this."}, operation=verb))
    result = bench.run(rows, operation)
    assert shown(result) == {"unsent": 5}
    assert isinstance(result.stopped, kind)
    assert "Not like this." in str(result.stopped)
    bench.emulator.faults.clear()
    assert shown(bench.run(rows, operation)) == {"created": 5}
    assert not bench.store.journal.open_intents("sync")


def test_a_redirect_stops_the_run_and_says_where_it_leads(bench: Bench) -> None:
    moved = Fault.answer(
        307, "", operation="create", headers={"Location": "https://api-eu1.hubapi.com/crm?t=secret"}
    )
    bench.emulator.faults.add(moved)
    result = bench.run(firms(3), COMPANIES)
    assert "leads to https://api-eu1.hubapi.com/crm " in str(result.stopped)
    assert "secret" not in str(result.stopped)


@pytest.mark.parametrize(("status", "kind"), [(403, Forbidden), (404, NotFound), (405, RequestRefused)])
def test_associations_that_were_refused_are_unsent(
    bench: Bench, status: int, kind: type[HubSpotError]
) -> None:
    contacts, companies = bench.contacts(3), bench.companies(3)
    rows = [{"a": a, "b": b} for a, b in zip(contacts, companies, strict=True)]
    bench.emulator.faults.add(Fault.answer(status, operation="associations.default"))
    result = bench.run(rows, Associate("contacts", "companies", from_column="a", to_column="b"))
    assert shown(result) == {"unsent": 3}
    assert isinstance(result.stopped, kind)


def test_associations_and_reads_wait_out_an_outage_like_every_other_request(bench: Bench) -> None:
    """More answers in trouble than the tries of any other answer, and well within the patience."""
    many = bench.retry_policy.tries * 3
    contacts, companies = bench.contacts(3), bench.companies(3)
    rows = [{"a": a, "b": b} for a, b in zip(contacts, companies, strict=True)]
    bench.emulator.faults.add(Fault.answer(503, operation="associations.default", times=many))
    result = bench.run(rows, Associate("contacts", "companies", from_column="a", to_column="b"))
    assert result.stopped is None
    assert len(bench.pairs()) == 3
    bench.emulator.faults.add(Fault.answer(503, operation="read", times=many))
    assert len(requester(bench).read("contacts", contacts, [])) == 3


def test_a_permission_of_the_app_is_told_apart_from_a_proxys_page(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.html(403, operation="create"))
    result = bench.run(firms(3), COMPANIES)
    assert "scope" not in str(result.stopped).lower()
    assert "does not answer as HubSpot does" in str(result.stopped)


@pytest.mark.parametrize("fault", [Fault.drop, Fault.truncate, lambda **fields: Fault.html(502, **fields)])
def test_a_read_that_is_lost_is_not_told_as_a_write(bench: Bench, fault: Any) -> None:
    bench.emulator.faults.add(fault(operation="read"))
    with pytest.raises(HubSpotError) as caught:
        requester(bench).read("contacts", ["1"], [])
    assert not caught.value.may_have_acted
    assert "nothing was written" in str(caught.value)


def test_the_answer_to_a_read_that_is_too_long_is_read_in_halves(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = bench.companies(40)
    monkeypatch.setattr(transport, "LONGEST_BODY", 4_000)
    before = bench.requests("read")
    assert {each.id for each in requester(bench).read("companies", ids, ["name"])} == set(ids)
    assert bench.requests("read") - before > 3


def test_the_answer_to_a_write_that_is_too_long_is_a_lost_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Upserts are halved; bare creates are looked up by the search and not made again."""
    monkeypatch.setattr(connection, "holds_too_much", lambda body: body.count(b'"id"') > 2)
    assert shown(bench.run(people(5), BY_EMAIL)) in ({"created": 5}, {"updated": 5})
    monkeypatch.undo()
    monkeypatch.setattr(
        connection, "holds_too_much", lambda body: body.count(b'"createdate"') > 2 and b'"total"' not in body
    )
    bench.run(firms(5), COMPANIES, name="firms")
    monkeypatch.undo()
    for _ in range(2):
        bench.run(firms(5), COMPANIES, name="firms", retry_policy=HASTY)
    assert bench.nothing_doubled()
    assert len(bench.emulator.records("companies")) == 5


def test_an_answer_of_too_many_values_names_what_it_is(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "holds_too_much", lambda _: True)
    with pytest.raises(AnswerTooLarge, match="500,000 values"):
        bench.client.batch_read("contacts", ["1"])


def test_the_correlation_id_is_scrubbed_like_the_rest() -> None:
    token = "pat-na1-0000-secret"
    echo = {"X-HubSpot-Correlation-Id": f"id {token}"}
    for answer in (Reply(400, b"{}", echo), Reply(201, b"[]", echo)):
        with (
            WireServer(answer) as server,
            HubSpotClient(token, base_url=server.url) as hubspot,
            pytest.raises(HubSpotError) as caught,
        ):
            hubspot.batch_create("contacts", [{"properties": {"email": "a@b.co"}}])
        assert token not in repr(vars(caught.value)) + str(caught.value)
        assert caught.value.correlation_id == "id [token]"


@pytest.mark.parametrize("operation", [COMPANIES, BY_EMAIL])
def test_trouble_of_the_token_endpoint_is_tried_again_and_asks_nothing_about_rows(
    bench: Bench, operation: Operation
) -> None:
    """No row was sent, so no create is looked up: it fails as the request does that needs the token."""
    tokens = iter([503, 429, 200])

    def script(_: Any) -> Reply:
        status = next(tokens, 200)
        granted = {"access_token": bench.emulator.token, "expires_in": 1800}
        return Reply(status, granted if status == 200 else {"message": "Not now."})

    with WireServer(script=script) as server:
        source = OAuthRefresh("client", "secret", "refresh", base_url=server.url)
        bench.client = HubSpotClient(source, base_url=bench.emulator.url, budget=bench.budget)
        rows = firms(3) if operation is COMPANIES else people(3)
        assert shown(bench.run(rows, operation)) == {"created": 3}
        source.close()
    assert len(server.seen) == 3
    assert not [path for path in bench.operations() if path == "search"]


NOTHING: dict[str, dict[str, Any]] = {
    "no field": {},
    "another text": {"message": "ok"},
    "no list": {"status": "COMPLETE", "results": None},
    "not done": {"status": "CANCELED", "results": []},
    "results that it lacks": {"total": 2, "results": []},
}


@pytest.mark.parametrize("what", ["no field", "not done", "results that it lacks"])
def test_a_read_that_does_not_say_that_nothing_is_there_makes_no_record_anew(bench: Bench, what: str) -> None:
    """A search for lost creates, and one for existing records: both would be made a second time."""
    bench.emulator.faults.add(Fault.drop(operation="create", times=1, after_commit=True))
    bench.emulator.faults.add(Fault.answer(200, NOTHING[what], operation="search"))
    hasty = replace(HASTY, total=0.2)
    assert shown(bench.run(firms(2), COMPANIES, retry_policy=hasty)) == {"unknown": 2}
    matched = replace(BY_KEY, match_existing="name")
    assert shown(bench.run(firms(2), matched, "other", retry_policy=hasty)) == {"unsent": 2}
    bench.emulator.faults.clear()
    assert shown(bench.run(firms(2), COMPANIES, retry_policy=HASTY)) == {"unchanged": 2}
    assert bench.once_each("companies", "name", ["Firm 0", "Firm 1"])


@pytest.mark.parametrize("what", ["another text", "no list"])
def test_records_that_a_read_does_not_speak_of_are_not_taken_for_gone(bench: Bench, what: str) -> None:
    again = replace(BY_KEY, if_missing="recreate")
    bench.run(firms(2), again)
    nothing = Fault.answer(200, {"status": "COMPLETE", "results": []}, operation="update", times=1)
    bench.emulator.faults.add(nothing)
    bench.emulator.faults.add(Fault.answer(200, NOTHING[what], operation="read", nth=(2, 99)))
    table = [{**each, "city": "Bonn"} for each in firms(2)]
    result = bench.run(table, again, retry_policy=replace(HASTY, total=0.2))
    assert isinstance(result.stopped, AnswerLost)
    assert bench.once_each("companies", "name", ["Firm 0", "Firm 1"])


@pytest.mark.parametrize("record", [12.5, None, "", " 77 ", "x"])
def test_a_record_that_a_read_shows_without_its_id_is_nobodys(bench: Bench, record: object) -> None:
    """Neither the ids table nor a later request gets what is no id."""
    (ada,) = people(1)
    bench.seed_old("contacts", [{"email": ada["email"], "firstname": "Ada 0"}])
    shown_so = {"id": record, "properties": {"email": ada["email"], "firstname": "Ada 0"}}
    odd = Fault.answer(200, {"status": "COMPLETE", "results": [shown_so]}, operation="read")
    bench.emulator.faults.add(odd)
    adopting = replace(BY_EMAIL, adopt_existing=True)
    with pytest.raises(AnswerLost, match="a record in it has no id"):
        bench.run([ada], adopting, retry_policy=replace(QUICK, total=0.2))
    bench.emulator.faults.clear()
    assert bench.run([ada], adopting).counts["unchanged"] == 1
