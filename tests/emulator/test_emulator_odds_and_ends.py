"""Endpoints that take one thing at a time, the refusals of the smaller endpoints, and the admin API's own."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from emulator_helpers import Caller, contact_rows, created_ids, rows

from hubspot_batch_dagster.emulator import Emulator, RemoteEmulator, Settings


def test_one_pair_at_a_time_is_linked_labelled_listed_and_parted(call: Caller, hubspot: Emulator) -> None:
    (contact,) = hubspot.seed_records("contacts", [{}])
    (company,) = hubspot.seed_records("companies", [{}])
    base = f"/crm/v4/objects/contacts/{contact}/associations"
    assert call.send("PUT", f"{base}/default/companies/{company}").status_code == 200
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    assert call.send("PUT", f"{base}/companies/{company}", types).status_code == 201
    assert call.send("PUT", f"{base}/companies/{company}", {"types": types}).status_code == 400
    assert call.send("PUT", f"{base}/companies/1", types).status_code == 400
    (end,) = call.get(f"{base}/companies").json()["results"]
    assert (end["toObjectId"], [t["typeId"] for t in end["associationTypes"]]) == (int(company), [1, 279])
    assert call.get(f"{base}/companies?limit=501").status_code == 400
    assert call.send("DELETE", f"{base}/companies/{company}").status_code == 204
    assert call.get(f"{base}/companies").json()["results"] == []
    assert [c.kind for c in hubspot.books.commits()[2:]] == ["associated", "associated", "dissociated"]


def test_types_that_do_not_exist_or_cannot_be_are_refused(call: Caller, hubspot: Emulator) -> None:
    (contact,) = hubspot.seed_records("contacts", [{}])
    ends = {"from": {"id": contact}, "to": {"id": contact}}
    base = "/crm/v4/associations"

    def create(*types: dict[str, Any]) -> int:
        body = {"inputs": [{**ends, "types": list(types)}]}
        return call.post(f"{base}/contacts/companies/batch/create", body).status_code

    refused = [
        (),
        ({"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 99999},),
        ({"associationCategory": "NONSENSE", "associationTypeId": 279},),
        ({"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 280},),
    ]
    assert [create(*types) for types in refused] == [400] * 4
    impossible = call.post(f"{base}/products/contacts/batch/associate/default", {"inputs": []})
    assert impossible.status_code == 400
    inline = rows({}, {}, trace=False)
    inline[0]["associations"] = "all of them"
    assert call.batch("contacts", "create", inline).status_code == 400
    inline[0]["associations"] = [{"to": {"id": contact}, "types": []}]
    assert call.batch("contacts", "create", inline).status_code == 400


def test_taking_one_label_off_leaves_the_pair_associated(call: Caller, hubspot: Emulator) -> None:
    (contact,) = hubspot.seed_records("contacts", [{}])
    (company,) = hubspot.seed_records("companies", [{}])
    pair = "/crm/v4/associations/contacts/companies"
    ends = {"from": {"id": contact}, "to": {"id": company}}
    call.post(f"{pair}/batch/associate/default", {"inputs": [ends]})
    primary = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    assert (
        call.post(f"{pair}/batch/labels/archive", {"inputs": [{**ends, "types": primary}]}).status_code == 204
    )
    (result,) = call.post(f"{pair}/batch/read", {"inputs": [{"id": contact}]}).json()["results"]
    assert [kind["typeId"] for kind in result["to"][0]["associationTypes"]] == [279]


def test_a_new_primary_company_takes_the_place_of_the_old_one(call: Caller, hubspot: Emulator) -> None:
    (contact,) = hubspot.seed_records("contacts", [{}])
    first, second = hubspot.seed_records("companies", [{}, {}])
    pair = "/crm/v4/associations/contacts/companies"
    for company in (first, second):
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
        ends = {"from": {"id": contact}, "to": {"id": company}, "types": types}
        assert call.post(f"{pair}/batch/create", {"inputs": [ends]}).status_code == 201
    (result,) = call.post(f"{pair}/batch/read", {"inputs": [{"id": contact}]}).json()["results"]
    kinds = {end["toObjectId"]: [t["typeId"] for t in end["associationTypes"]] for end in result["to"]}
    assert kinds == {int(first): [279], int(second): [1, 279]}


def test_records_one_at_a_time_answer_with_hubspots_statuses(call: Caller, hubspot: Emulator) -> None:
    path = "/crm/v3/objects/contacts"
    made = call.post(path, {"properties": {"email": "a@example.com"}})
    assert made.status_code == 201
    assert call.post(path, {"properties": {"email": "a@example.com"}}).status_code == 409
    assert call.post(path, {"properties": {"email": "a"}}).status_code == 400
    record = made.json()["id"]
    assert call.get(f"{path}/A@example.com?idProperty=email&properties=email,city").json()["id"] == record
    assert call.send("PATCH", f"{path}/{record}", {"properties": {"city": "Bonn"}}).status_code == 200
    assert call.send("PATCH", f"{path}/77", {"properties": {}}).status_code == 404
    hubspot.seed_records("contacts", [{}, {}])
    page = call.get(f"{path}?limit=2").json()
    assert len(page["results"]) == 2
    assert call.get(f"{path}?limit=101").status_code == 400
    assert call.get(f"{path}?limit=ten").status_code == 400
    assert call.send("DELETE", f"{path}/{record}").status_code == 204
    assert call.get(f"{path}/{record}").status_code == 404
    assert call.get(f"{path}/{record}?archived=true").json()["archived"] is True


def test_an_archived_record_is_read_by_its_unique_property(call: Caller, hubspot: Emulator) -> None:
    ids = created_ids(call.batch("contacts", "create", contact_rows(1)))
    call.batch("contacts", "archive", [{"id": ids["t0"]}])
    body = {"inputs": [{"id": "P0@example.com"}], "idProperty": "email"}
    read = call.post("/crm/v3/objects/contacts/batch/read?archived=true", body)
    assert [result["id"] for result in read.json()["results"]] == [ids["t0"]]
    hubspot.change(email_reuse_after_archive=False)
    again = created_ids(call.batch("contacts", "create", contact_rows(1, "q")))
    call.batch("contacts", "archive", [{"id": again["t0"]}])
    upsert = [{"id": "q0@example.com", "idProperty": "email", "properties": {}}]
    assert call.batch("contacts", "upsert", upsert).status_code == 409


def test_a_read_with_history_shows_the_present_value(call: Caller, hubspot: Emulator) -> None:
    (known,) = hubspot.seed_records("contacts", [{"city": "Bonn"}])
    answer = call.batch("contacts", "read", [{"id": known}], propertiesWithHistory=["city"])
    (version,) = answer.json()["results"][0]["propertiesWithHistory"]["city"]
    assert version["value"] == "Bonn"


@pytest.mark.parametrize(
    ("operation", "inputs"),
    [
        ("create", [{"properties": ["not", "an", "object"]}]),
        ("create", [{"properties": {"city": {"a": 1}}}]),
        ("create", ["not an object"]),
        ("update", [{"properties": {}}]),
        ("upsert", [{"id": "", "idProperty": "email", "properties": {}}]),
    ],
)
def test_an_input_of_the_wrong_shape_is_a_400(call: Caller, operation: str, inputs: list[Any]) -> None:
    assert call.batch("contacts", operation, inputs).status_code == 400


@pytest.mark.parametrize("body", [b"[]", b"\xff\xfe", b'{"a": 1'])
def test_a_body_that_is_no_json_object_is_a_400(call: Caller, body: bytes) -> None:
    answer = call.post("/crm/v3/objects/contacts/batch/create", data=body)
    assert answer.status_code == 400
    assert "Invalid input JSON" in answer.json()["message"]


def test_several_id_properties_in_one_batch_are_taken_unless_switched_off(
    call: Caller, hubspot: Emulator
) -> None:
    hubspot.add_property("contacts", "crm_id", unique=True)
    inputs = [
        {"id": "a@example.com", "idProperty": "email", "properties": {}},
        {"id": "7", "idProperty": "crm_id", "properties": {}},
    ]
    assert call.batch("contacts", "upsert", inputs).status_code == 200
    hubspot.change(mixed_id_property=False)
    assert call.batch("contacts", "upsert", inputs).status_code == 400


def test_an_upsert_by_an_unknown_record_id_makes_nothing(call: Caller, hubspot: Emulator) -> None:
    answer = call.batch("contacts", "upsert", [{"id": "77", "properties": {"city": "Bonn"}}])
    assert (answer.status_code, answer.json()["errors"][0]["context"]["ids"]) == (207, ["77"])
    assert hubspot.records("contacts") == {}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"client_id": "x"}, "BAD_CLIENT_ID"),
        ({"client_secret": "x"}, "BAD_CLIENT_SECRET"),
        ({"grant_type": "password"}, "BAD_GRANT_TYPE"),
    ],
)
def test_the_token_endpoint_says_what_is_wrong(
    hubspot: Emulator, change: dict[str, str], status: str
) -> None:
    app = hubspot.credentials
    form = {"grant_type": "refresh_token", "client_id": app.client_id, "client_secret": app.client_secret}
    answer = requests.post(f"{hubspot.url}/oauth/2026-03/token", data={**form, **change}, timeout=5)
    assert (answer.status_code, answer.json()["status"]) == (400, status)


def test_a_refresh_token_can_rotate_and_tokens_are_looked_up_and_taken_back(hubspot: Emulator) -> None:
    hubspot.change(rotate_refresh_token=True, oauth_limit=20)
    app, url = hubspot.credentials, f"{hubspot.url}/oauth/2026-03/token"
    form = {
        "grant_type": "refresh_token",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "refresh_token": app.refresh_token,
    }
    granted = requests.post(url, data=form, timeout=5).json()
    assert granted["refresh_token"] != form["refresh_token"]
    assert requests.post(url, data=form, timeout=5).json()["status"] == "BAD_REFRESH_TOKEN"
    token = {"token": granted["access_token"]}
    assert requests.post(f"{url}/introspect", data=token, timeout=5).json()["active"] is True
    hubspot.expire_tokens()
    assert requests.post(f"{url}/introspect", data=token, timeout=5).json()["active"] is False
    assert requests.post(f"{url}/revoke", data=token, timeout=5).status_code == 204
    old = {"token": granted["refresh_token"]}
    requests.post(f"{url}/revoke", data=old, timeout=5)
    again = {**form, "refresh_token": granted["refresh_token"]}
    assert requests.post(url, data=again, timeout=5).status_code == 400
    assert granted["access_token"] not in repr(app)
    assert hubspot.token not in repr(app)


def test_definitions_that_are_not_possible_are_refused(call: Caller) -> None:
    good = {
        "name": "x",
        "label": "X",
        "type": "enumeration",
        "fieldType": "select",
        "groupName": "contactinformation",
    }
    refused: list[dict[str, Any]] = [
        {"name": ""},
        {"name": "Upper Case"},
        {"fieldType": "date"},
        {"groupName": "nowhere"},
        {"options": [{"label": "A", "value": "a"}, {"label": "B", "value": "a"}]},
    ]
    path = "/crm/v3/properties/contacts"
    assert [call.post(path, {**good, **change}).status_code for change in refused] == [400] * 5
    assert call.send("DELETE", f"{path}/email").status_code == 400
    assert call.post(path, {**good, "type": "bool", "fieldType": "booleancheckbox"}).status_code == 201
    assert [o["value"] for o in call.get(f"{path}/x").json()["options"]] == ["true", "false"]
    assert call.send("DELETE", f"{path}/x").status_code == 204
    assert call.get(f"{path}?archived=true").json()["results"][0]["name"] == "x"
    groups = call.get(f"{path}/groups").json()["results"]
    assert call.get(f"{path}/groups/{groups[0]['name']}").status_code == 200
    assert call.get(f"{path}/groups/nowhere").status_code == 404
    assert call.post(f"{path}/groups", {"name": groups[0]["name"], "label": "X"}).status_code == 409
    assert call.post(f"{path}/groups", {}).status_code == 400


def test_schemas_that_are_not_possible_are_refused(call: Caller, hubspot: Emulator) -> None:
    base = "/crm-object-schemas/v3/schemas"
    car = hubspot.add_object_type("car", [{"name": "vin"}], required=["vin"])
    labels = {"singular": "Car", "plural": "Cars"}
    good = {"labels": labels, "properties": [], "primaryDisplayProperty": "vin"}
    assert call.post(base, {**good, "name": "car"}).status_code == 400
    taken = {**good, "name": "car", "properties": [{"name": "x"}]}
    assert call.post(base, taken).status_code == 409
    assert call.get(f"{base}/nothing").status_code == 404
    assert call.send("DELETE", f"{base}/contacts").status_code == 400
    changed = call.send("PATCH", f"{base}/{car}", {"requiredProperties": [], "labels": labels})
    assert changed.json()["requiredProperties"] == []
    several = call.post(
        f"{base}/batch/read", {"inputs": [{"id": car}, {"id": "contacts"}, {"id": "nothing"}]}
    )
    assert [found["objectTypeId"] for found in several.json()["results"]] == [car, "0-1"]


def test_owners_and_pipelines_are_found_by_id(call: Caller) -> None:
    assert call.get("/crm/v3/owners/1001").json()["email"] == "ada.quist@example.com"
    assert call.get("/crm/v3/owners/1").status_code == 404
    assert call.get("/crm/v3/pipelines/deals/default").json()["label"] == "Sales Pipeline"
    assert call.get("/crm/v3/pipelines/deals/none").status_code == 404
    stages = call.get("/crm/v3/pipelines/deals/default/stages").json()["results"]
    assert [stage["id"] for stage in stages][-2:] == ["closedwon", "closedlost"]
    assert call.get("/crm/v3/pipelines/deals/none/stages").status_code == 404
    assert call.post("/crm/v3/pipelines/deals", {"label": "X"}).status_code == 400


def test_the_admin_api_speaks_for_itself(hubspot: Emulator) -> None:
    remote = RemoteEmulator(hubspot.page_url, hubspot.token)
    assert remote.url == hubspot.url
    assert remote.call("GET", "")["portalId"] == hubspot.portal_id
    assert remote.call("GET", "settings") == Settings().as_json()
    with pytest.raises(ValueError, match="no such admin call"):
        remote.call("POST", "nonsense")
    with pytest.raises(ValueError, match="Unable to infer object type from: nothing"):
        remote.records("nothing")
    with pytest.raises(ValueError, match="not a fault"):
        remote.call("POST", "faults", {"action": "drop", "sometimes": True})
    remote.change(scopes={"crm.objects.contacts.read"})
    assert hubspot.portal.settings.scopes == frozenset({"crm.objects.contacts.read"})
    remote.call("DELETE", "books")
    remote.expire_tokens()
    assert str(remote.books) == "Books(requests=0, commits=0, dropped=0)"


def test_books_can_be_left_out_for_long_load(call: Caller, hubspot: Emulator) -> None:
    hubspot.change(keep_books=False)
    assert call.batch("contacts", "create", contact_rows(2)).status_code == 201
    assert (hubspot.books.requests(), hubspot.books.commits()) == ([], [])
    assert len(hubspot.records("contacts")) == 2
