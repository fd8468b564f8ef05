"""Single records and lists, answered as live accounts answer them; bodies and parameters that are not well formed."""

from __future__ import annotations

import http.client
from typing import Any

import pytest
from emulator_helpers import Caller, contact_rows

from hubspot_batch_dagster.emulator import Emulator, Settings

CONTACTS = "/crm/v3/objects/contacts"


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_unknown_record_is_a_404_without_a_category_and_what_is_no_id_has_one(
    call: Caller, method: str
) -> None:
    body = None if method == "GET" else {"properties": {}}
    absent = call.send(method, f"{CONTACTS}/77", body)
    by_email = call.send(method, f"{CONTACTS}/a@example.com?idProperty=email", body)
    for answer in (absent, by_email):
        assert (answer.status_code, answer.json()["message"]) == (404, "resource not found")
        assert "category" not in answer.json()
    no_id = call.send(method, f"{CONTACTS}/undefined", body).json()
    assert (no_id["category"], no_id["context"]) == ("OBJECT_NOT_FOUND", {"id": ["undefined"]})
    assert no_id["message"] == "Object not found.  objectId are usually numeric."


def test_a_created_record_tells_its_address(call: Caller) -> None:
    made = call.post(CONTACTS, {"properties": {"email": "a@example.com"}})
    address = made.headers["Location"]
    assert address.endswith(f"{CONTACTS}/{made.json()['id']}")
    assert call.session.get(address, timeout=10).json()["id"] == made.json()["id"]


def test_a_list_loses_no_record_to_another_one_that_is_archived_between_two_pages(
    call: Caller, hubspot: Emulator
) -> None:
    ids = set(hubspot.seed_records("contacts", [{"city": str(n)} for n in range(7)]))
    seen: list[str] = []
    url = f"{hubspot.url}{CONTACTS}?limit=2&properties=city"
    while url:
        page = call.session.get(url, timeout=10).json()
        seen += [record["id"] for record in page["results"]]
        assert all("city" in record["properties"] for record in page["results"])
        call.send("DELETE", f"{CONTACTS}/{seen[-1]}")
        url = page.get("paging", {}).get("next", {}).get("link", "")
    assert seen == sorted(ids, key=int)
    archived = call.get(f"{CONTACTS}?archived=true&limit=3").json()
    assert archived["paging"]["next"]["after"] in ids


def test_an_archived_record_is_read_by_its_unique_property_and_is_not_changed(
    call: Caller, hubspot: Emulator
) -> None:
    (ada,) = hubspot.seed_records("contacts", [{"email": "a@example.com"}])
    call.send("DELETE", f"{CONTACTS}/{ada}")
    found = call.get(f"{CONTACTS}/A@example.com?idProperty=email&archived=true")
    assert (found.status_code, found.json()["id"], found.json()["archived"]) == (200, ada, True)
    changed = call.send("PATCH", f"{CONTACTS}/{ada}?archived=true", {"properties": {"city": "Ulm"}})
    assert changed.status_code == 404


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_is_no_number_in_json_is_refused_as_malformed(call: Caller, word: bytes) -> None:
    """Some clients write NaN as it is; HubSpot's reader takes no such word."""
    body = b'{"inputs": [\n{"properties": {"city": %s}}]}' % word
    answer = call.session.post(f"{call.emulator.url}{CONTACTS}/batch/create", data=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Invalid input JSON on line 2, column ")
    assert "category" not in answer.json()


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=-1", "limit=1_0", "limit=٣", "after=-1", "after=x", "limit=1e1"]
)
def test_paging_that_means_nothing_is_refused(call: Caller, query: str) -> None:
    for path in (CONTACTS, "/crm/v3/owners"):
        if (path, query) != ("/crm/v3/owners", "limit=101"):
            assert call.get(f"{path}?{query}").status_code == 400
    assert call.post(f"{CONTACTS}/search", {"after": "-1"}).status_code == 400


def test_a_list_of_associations_has_between_1_and_500_on_a_page(call: Caller, hubspot: Emulator) -> None:
    (ada,) = hubspot.seed_records("contacts", [{}])
    path = f"/crm/v4/objects/contacts/{ada}/associations/companies"
    assert [call.get(f"{path}?{q}").status_code for q in ("limit=0", "limit=501", "after=-1")] == [400] * 3


def test_a_create_needs_properties_and_its_trace_ids_come_back_as_text(call: Caller) -> None:
    assert call.post(CONTACTS, {}).status_code == 400
    assert call.batch("contacts", "create", [{"objectWriteTraceId": "a"}]).status_code == 400
    made = call.batch("contacts", "create", [{"properties": {}, "objectWriteTraceId": 5}])
    assert made.json()["results"][0]["objectWriteTraceId"] == "5"
    no_list: dict[str, Any] = {"properties": {}, "associations": {}}
    assert call.batch("contacts", "create", [no_list]).status_code == 400


def test_a_time_zone_that_is_none_is_refused_before_it_can_break_every_answer(hubspot: Emulator) -> None:
    with pytest.raises(ValueError, match="time_zone cannot be 'Mars/North'"):
        Settings(time_zone="Mars/North")
    with pytest.raises(ValueError, match=r"time_zone cannot be '\.\./UTC'"):
        hubspot.change(time_zone="../UTC")
    with pytest.raises(ValueError, match="create_status cannot be 999"):
        hubspot.change(create_status=999)


def test_two_hosts_in_one_request_are_refused(hubspot: Emulator) -> None:
    wire = http.client.HTTPConnection("127.0.0.1", int(hubspot.url.rsplit(":", 1)[1]), timeout=10)
    wire.putrequest("GET", "/", skip_host=True)
    wire.putheader("Host", "attacker.example")
    wire.putheader("Host", hubspot.url.removeprefix("http://"))
    wire.endheaders()
    assert wire.getresponse().status == 403
    wire.close()


def test_results_of_an_update_by_an_address_are_of_one_record(call: Caller) -> None:
    call.batch("contacts", "create", contact_rows(2))
    answer = call.send(
        "PATCH", f"{CONTACTS}/P1@example.com?idProperty=email", {"properties": {"city": "Ulm"}}
    )
    assert (answer.status_code, answer.json()["properties"]["city"]) == (200, "Ulm")
