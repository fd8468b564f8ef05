"""Looks at an emulator: what a client sees, for each switch that it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import requests
from emulator_helpers import Caller, contact_rows, rows

from hubspot_batch_dagster.emulator import Emulator, Fault

CONTACTS = "/crm/v3/objects/contacts"


def taken(call: Caller, hubspot: Emulator) -> Any:
    """A conflict between two fine rows."""
    hubspot.seed_records("contacts", [{"email": "p1@example.com"}])
    return call.batch("contacts", "create", contact_rows(3))


def without_trace_ids(call: Caller, hubspot: Emulator) -> Any:
    hubspot.seed_records("contacts", [{"email": "p1@example.com"}])
    return call.batch("contacts", "create", contact_rows(3, trace=False))


def merged(call: Caller, hubspot: Emulator) -> tuple[str, str]:
    """An old id and the one that is left."""
    one, two = hubspot.seed_records("contacts", [{"email": "a@example.com"}, {"email": "b@example.com"}])
    call.post(f"{CONTACTS}/merge", {"primaryObjectId": one, "objectIdToMerge": two})
    (left,) = hubspot.records("contacts")
    return (two, left)


def update_of_merged(call: Caller, hubspot: Emulator) -> Any:
    old, left = merged(call, hubspot)
    answer = call.batch("contacts", "update", [{"id": old, "properties": {"city": "Ulm"}}]).json()
    told = [{old: "old", left: "new"}[result["id"]] for result in answer["results"]]
    return told, len(answer.get("errors", [])), hubspot.records("contacts")[left].get("city")


def archive_of_merged(call: Caller, hubspot: Emulator) -> Any:
    old, _ = merged(call, hubspot)
    call.batch("contacts", "archive", [{"id": old}])
    return len(hubspot.records("contacts"))


def null_value(call: Caller, hubspot: Emulator) -> Any:
    (ada,) = hubspot.seed_records("contacts", [{"email": "a@example.com", "city": "Ulm"}])
    status = call.batch("contacts", "update", [{"id": ada, "properties": {"city": None}}]).status_code
    return status, hubspot.records("contacts")[ada].get("city")


def concurrent_upsert(call: Caller, hubspot: Emulator) -> Any:
    """A second upsert of a key while the first one's answer is on its way."""
    hubspot.faults.add(Fault.slow(0.4, after_commit=True, nth=1))
    inputs = [{"id": "a@example.com", "idProperty": "email", "properties": {"city": "Ulm"}}]
    first = threading.Thread(target=lambda: Caller(hubspot).batch("contacts", "upsert", inputs))
    first.start()
    until = time.monotonic() + 5
    while not hubspot.records("contacts") and time.monotonic() < until:
        time.sleep(0.01)
    status = call.batch("contacts", "upsert", inputs).status_code
    first.join(5)
    return status, len(hubspot.records("contacts"))


def two_inputs_for_one_record(call: Caller, hubspot: Emulator) -> Any:
    hubspot.add_property("contacts", "key", unique=True)
    one, two = hubspot.seed_records("contacts", [{"key": "1"}, {"key": "2"}])
    inputs = [
        {"id": one, "properties": {"city": "Ulm"}},
        {"id": "2", "idProperty": "key", "properties": {"city": "Ulm"}},
        {"id": two, "properties": {"city": "Bonn"}},
        {"id": "1", "idProperty": "key", "properties": {"city": "Bonn"}},
    ]
    assert call.batch("contacts", "update", inputs).status_code == 400
    return [properties.get("city") for properties in hubspot.records("contacts").values()]


def mixed_id_property(call: Caller, hubspot: Emulator) -> Any:
    hubspot.add_property("contacts", "key", unique=True)
    (one,) = hubspot.seed_records("contacts", [{"key": "1"}])
    inputs = [
        {"id": one, "properties": {"city": "Ulm"}},
        {"id": "2", "idProperty": "key", "properties": {"city": "Ulm"}},
    ]
    return call.batch("contacts", "upsert", inputs).status_code


def unknown_update(call: Caller, _: Emulator) -> Any:
    body = call.batch("contacts", "update", [{"id": "77", "properties": {"city": "x"}}]).json()
    return len(body.get("errors", []))


def bad_update(call: Caller, hubspot: Emulator) -> Any:
    ids = hubspot.seed_records("contacts", [{"city": "x"}] * 2)
    values = [{"city": "Ulm"}, {"lifecyclestage": "nonsense"}]
    inputs = [{"id": i, "properties": v, "objectWriteTraceId": i} for i, v in zip(ids, values, strict=True)]
    return call.batch("contacts", "update", inputs).status_code


def partly_traced(call: Caller, _: Emulator) -> Any:
    inputs = rows({"email": "a@example.com"}, {"email": "no address"})
    del inputs[0]["objectWriteTraceId"]
    return call.batch("contacts", "create", inputs).status_code


def partial_upsert(call: Caller, _: Emulator) -> Any:
    good, bad = {"city": "Ulm"}, {"lifecyclestage": "nonsense"}
    inputs = [
        {"id": f"p{n}@example.com", "idProperty": "email", "properties": p, "objectWriteTraceId": str(n)}
        for n, p in enumerate((good, bad))
    ]
    return call.batch("contacts", "upsert", inputs).status_code


def by_own_key(call: Caller, hubspot: Emulator) -> Any:
    hubspot.add_property("notes", "key", unique=True)
    inputs = [{"id": "1", "idProperty": "key", "properties": {"hs_timestamp": "2026-01-01"}}]
    return call.batch("notes", "upsert", inputs).status_code


def archived_read(call: Caller, hubspot: Emulator) -> Any:
    (one,) = hubspot.seed_records("contacts", [{"city": "x"}])
    call.batch("contacts", "archive", [{"id": one}])
    return len(call.post(f"{CONTACTS}/batch/read?archived=true", {"inputs": [{"id": one}]}).json()["results"])


def searches(call: Caller, filters: list[dict[str, Any]]) -> Any:
    return call.post(f"{CONTACTS}/search", {"filterGroups": [{"filters": filters}]})


def search_refused(call: Caller, hubspot: Emulator) -> Any:
    hubspot.change(search_limit=1)
    searches(call, [])
    return searches(call, []).json().get("policyName")


def search_in(call: Caller, hubspot: Emulator) -> Any:
    hubspot.change(search_lag=0.0)
    hubspot.seed_records("contacts", [{"city": "Ulm"}])
    asked = {"propertyName": "city", "operator": "IN", "values": ["Ulm"]}
    return searches(call, [asked]).json()["total"]


def search_filters(count: int) -> Callable[[Caller, Emulator], Any]:
    asked = {"propertyName": "city", "operator": "HAS_PROPERTY"}
    return lambda call, _: searches(call, [asked] * count).status_code


def search_filters_in_all(call: Caller, _: Emulator) -> Any:
    asked = {"propertyName": "city", "operator": "HAS_PROPERTY"}
    body = {"filterGroups": [{"filters": [asked] * 5}] * 4}
    return call.post(f"{CONTACTS}/search", body).status_code


def v4_id(call: Caller, hubspot: Emulator) -> Any:
    (ada,) = hubspot.seed_records("contacts", [{"city": "x"}])
    (deal,) = hubspot.seed_records("deals", [{"dealname": "x"}])
    call.send("PUT", f"/crm/v4/objects/contacts/{ada}/associations/default/deals/{deal}")
    (found,) = call.get(f"/crm/v4/objects/contacts/{ada}/associations/deals").json()["results"]
    return type(found["toObjectId"])


def all_absent(call: Caller, _: Emulator) -> Any:
    return call.batch("contacts", "read", [{"id": "77"}]).status_code


def secondary(call: Caller, hubspot: Emulator) -> Any:
    (ada,) = hubspot.seed_records(
        "contacts", [{"email": "a@example.com", "hs_additional_emails": "b@example.com"}]
    )
    values = {"email": "b@example.com", "city": "Ulm"}
    inputs = [{"id": "b@example.com", "idProperty": "email", "properties": values}]
    assert call.batch("contacts", "upsert", inputs).json()["results"][0]["id"] == ada
    held = hubspot.records("contacts")[ada]
    return held["email"], held["hs_additional_emails"], held["city"]


def reused_email(call: Caller, hubspot: Emulator) -> Any:
    (ada,) = hubspot.seed_records("contacts", [{"email": "p0@example.com"}])
    call.batch("contacts", "archive", [{"id": ada}])
    return call.batch("contacts", "create", contact_rows(1, trace=False)).status_code


def v3_association(call: Caller, hubspot: Emulator) -> Any:
    (ada,) = hubspot.seed_records("contacts", [{"city": "x"}])
    (deal,) = hubspot.seed_records("deals", [{"dealname": "x"}])
    inputs = [{"from": {"id": ada}, "to": {"id": deal}, "type": "contact_to_deal"}]
    return call.post("/crm/v3/associations/contacts/deals/batch/create", {"inputs": inputs}).status_code


def inline_associations(call: Caller, hubspot: Emulator) -> Any:
    deals = hubspot.seed_records("deals", [{"dealname": "x"}] * 2)
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 4}
    inputs = [{"properties": {}, "associations": [{"to": {"id": d}, "types": [kind]} for d in deals]}]
    return call.batch("contacts", "create", inputs).status_code


def many_properties(call: Caller, _: Emulator) -> Any:
    inputs = [{"name": "email"}, {"name": "city"}]
    return call.post("/crm/v3/properties/contacts/batch/read", {"inputs": inputs}).status_code


def association_window(call: Caller, hubspot: Emulator) -> Any:
    hubspot.change(burst_limit=1)
    call.get("/crm/v3/owners")
    return call.post("/crm/v4/associations/contacts/deals/batch/read", {"inputs": []}).status_code


def domain(call: Caller, hubspot: Emulator) -> Any:
    call.batch("companies", "create", rows({"domain": "https://x.example/"}))
    return [each.get("domain") for each in hubspot.records("companies").values()]


def ruled(call: Caller, _: Emulator) -> Any:
    path = "/crm/v3/property-validations/contacts/city/rule-type/MAX_LENGTH"
    call.send("PUT", path, {"ruleArguments": ["2"]})
    return call.batch("contacts", "create", rows({"city": "Ulm"}, trace=False)).status_code


def purged(call: Caller, hubspot: Emulator) -> Any:
    (ada,) = hubspot.seed_records("contacts", [{"email": "p0@example.com"}])
    call.post(f"{CONTACTS}/gdpr-delete", {"objectId": ada})
    return call.batch("contacts", "create", contact_rows(1, trace=False)).status_code


def deal_without_pipeline(call: Caller, hubspot: Emulator) -> Any:
    answer = call.batch("deals", "create", rows({"dealname": "x"}, trace=False), version="2026-09")
    pipelines = [each["pipeline"] for each in hubspot.records("deals").values()]
    return answer.status_code, pipelines[0] if pipelines else None


def lead_alone(call: Caller, _: Emulator) -> Any:
    return call.batch("leads", "create", rows({"hs_lead_name": "x"}, trace=False)).status_code


def shuffled(call: Caller, _: Emulator) -> Any:
    results = call.batch("contacts", "create", contact_rows(60)).json()["results"]
    return [result["objectWriteTraceId"] for result in results] == [f"t{n}" for n in range(60)]


def bare_name(call: Caller, hubspot: Emulator) -> Any:
    hubspot.add_object_type("cars", [{"name": "vin"}])
    return call.batch("cars", "create", rows({"vin": "1"}, trace=False)).status_code


def merged_id(call: Caller, hubspot: Emulator) -> Any:
    one, two = hubspot.seed_records("companies", [{"name": "a"}, {"name": "b"}])
    body = {"primaryObjectId": one, "objectIdToMerge": two}
    return call.post("/crm/v3/objects/companies/merge", body).json()["id"] == one


def seconds(call: Caller, hubspot: Emulator) -> Any:
    hubspot.add_property("contacts", "seen", type="datetime")
    answer = call.batch("contacts", "create", rows({"seen": "1767571200"}, trace=False))
    return answer.status_code, [each["seen"] for each in hubspot.records("contacts").values()]


def moved_back(call: Caller, hubspot: Emulator) -> Any:
    call.post(CONTACTS, {"properties": {"email": "a@example.com"}})
    (made,) = hubspot.records("contacts")
    call.send("PATCH", f"{CONTACTS}/{made}", {"properties": {"lifecyclestage": "subscriber"}})
    return hubspot.records("contacts")[made]["lifecyclestage"]


def association_headers(call: Caller, hubspot: Emulator) -> Any:
    hubspot.change(burst_limit=190)
    answer = call.post("/crm/v4/associations/contacts/deals/batch/read", {"inputs": []})
    return "X-HubSpot-RateLimit-Max" in answer.headers


def archived_sources(call: Caller, _: Emulator) -> Any:
    inputs = [{"from": {"id": str(n)}, "to": [{"id": "1"}]} for n in range(101)]
    return call.post("/crm/v4/associations/contacts/deals/batch/archive", {"inputs": inputs}).status_code


def search_groups(call: Caller, _: Emulator) -> Any:
    group = {"filters": [{"propertyName": "city", "operator": "HAS_PROPERTY"}]}
    return call.post(f"{CONTACTS}/search", {"filterGroups": [group] * 6}).status_code


def error_details(call: Caller, _: Emulator) -> Any:
    body = call.batch("contacts", "create", rows({"a_": "1", "b_": "2"}, {"a_": "1"}, trace=False)).json()
    return body["message"].count("PROPERTY_DOESNT_EXIST"), len(body["errors"])


def absent_errors(call: Caller, _: Emulator) -> Any:
    inputs = [{"id": "77", "properties": {}}, {"id": "78", "properties": {}}]
    return [
        [error["context"]["ids"] for error in call.batch("contacts", operation, inputs).json()["errors"]]
        for operation in ("read", "update")
    ]


def foreign_token(_: Caller, hubspot: Emulator) -> Any:
    answer = Caller(hubspot, "pat-na1-nobody").get(CONTACTS)
    return answer.status_code, answer.json()["category"]


def refreshed(hubspot: Emulator) -> requests.Response:
    app = hubspot.credentials
    form = {"client_id": app.client_id, "client_secret": app.client_secret}
    asked = {**form, "grant_type": "refresh_token", "refresh_token": app.refresh_token}
    return requests.post(f"{hubspot.url}/oauth/v3/token", data=asked, timeout=10)


def tokens_asked_twice(_: Caller, hubspot: Emulator) -> Any:
    return [refreshed(hubspot).status_code for _ in range(2)]


def refresh_token_stays(_: Caller, hubspot: Emulator) -> Any:
    before = hubspot.credentials.refresh_token
    return bool(refreshed(hubspot).json()["refresh_token"] == before)


def found_at_once(call: Caller, _: Emulator) -> Any:
    call.batch("contacts", "create", contact_rows(1))
    return searches(call, []).json()["total"]
