"""Associations, search, properties, schemas and the account, as HubSpot is known to answer for them."""

from __future__ import annotations

from typing import Any

import pytest
from emulator_helpers import Caller, created_ids, rows

from hubspot_batch_dagster.emulator import Emulator


def link(target: str, type_id: int, category: str = "HUBSPOT_DEFINED") -> dict[str, Any]:
    """An inline association."""
    return {
        "to": {"id": target},
        "types": [{"associationCategory": category, "associationTypeId": type_id}],
    }


def linked(call: Caller, source: str, source_id: str, target: str) -> dict[str, list[int]]:
    """What a record is associated with: target id to type ids."""
    body = {"inputs": [{"id": source_id}]}
    results = call.post(f"/crm/associations/2026-03/{source}/{target}/batch/read", body).json()["results"]
    return {
        end["toObjectId"]: sorted(kind["typeId"] for kind in end["associationTypes"])
        for result in results
        for end in result["to"]
    }


def test_a_lead_needs_its_contact_when_it_is_created(call: Caller, hubspot: Emulator) -> None:
    (contact,) = hubspot.seed_records("contacts", [{"email": "a@example.com"}])
    bare, linked_lead = rows({"hs_lead_name": "A"}, {"hs_lead_name": "B"})
    linked_lead["associations"] = [link(contact, 578)]
    body = call.batch("leads", "create", [bare, linked_lead]).json()
    assert body["errors"][0]["context"]["objectWriteTraceId"] == ["t0"]
    lead = body["results"][0]["id"]
    assert linked(call, "leads", lead, "contacts") == {contact: [578, 608]}
    assert linked(call, "contacts", contact, "leads") == {lead: [579, 609]}
    hubspot.change(lead_requires_contact=False)
    assert call.batch("leads", "create", rows({"hs_lead_name": "C"})).status_code == 201


def test_a_type_of_the_wrong_direction_or_an_unknown_target_is_refused(
    call: Caller, hubspot: Emulator
) -> None:
    (contact,) = hubspot.seed_records("contacts", [{}])

    def create(association: dict[str, Any]) -> Any:
        inputs = [{"properties": {}, "associations": [association]}]
        return call.batch("calls", "create", inputs)

    assert create(link(contact, 194)).status_code == 201
    wrong = create(link(contact, 193))
    assert wrong.status_code == 400
    assert "invalid from object type 0-48, expected 0-1" in wrong.json()["message"]
    unknown = create(link("12345", 194))
    assert unknown.json()["subCategory"] == "crm.associations.INVALID_IDENTIFIER"
    assert create({"to": {"id": contact}, "types": [{"associationTypeId": 194}]}).status_code == 400
    number = {**link(contact, 194), "to": {"id": int(contact)}}
    assert create(number).status_code == 201
    assert hubspot.books.created_count("calls") == 2


@pytest.mark.parametrize(
    ("base", "create", "archive", "kind"),
    [("/crm/v4/associations", 201, 204, int), ("/crm/associations/2026-03", 201, 200, str)],
)
def test_the_first_company_becomes_primary_and_labels_are_replaced(
    call: Caller, hubspot: Emulator, base: str, create: int, archive: int, kind: type
) -> None:
    (deal,) = hubspot.seed_records("deals", [{"dealname": "D"}])
    first, second = hubspot.seed_records("companies", [{"name": "A"}, {"name": "B"}])
    pair = f"{base}/deals/companies"
    made = call.post(f"{pair}/labels", {"label": "Reseller", "name": "reseller"}).json()["results"]
    assert len(made) == 2
    label = made[0]["typeId"]
    for company in (first, second):
        body = {"inputs": [{"from": {"id": deal}, "to": {"id": company}}]}
        results = call.post(f"{pair}/batch/associate/default", body).json()["results"]
        assert {result["associationSpec"]["associationTypeId"] for result in results} == {341, 342}
    assert linked(call, "deals", deal, "companies") == {first: [5, 341], second: [341]}
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": label}]
    body = {"inputs": [{"from": {"id": deal}, "to": {"id": second}, "types": types}]}
    answer = call.post(f"{pair}/batch/create", body)
    assert answer.status_code == create
    assert answer.json()["results"][0]["labels"] == ["Reseller"]
    assert isinstance(answer.json()["results"][0]["toObjectId"], kind)
    assert linked(call, "deals", deal, "companies")[second] == sorted([label, 341])
    types[0] = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 341}
    call.post(f"{pair}/batch/create", body)
    assert linked(call, "deals", deal, "companies")[second] == [341]
    gone = call.post(f"{pair}/batch/archive", {"inputs": [{"from": {"id": deal}, "to": [{"id": second}]}]})
    assert gone.status_code == archive
    labels = {"inputs": [{"from": {"id": deal}, "to": {"id": first}, "types": types}]}
    assert call.post(f"{pair}/batch/labels/archive", labels).status_code == archive
    assert linked(call, "deals", deal, "companies") == {}
    assert linked(call, "companies", first, "deals") == {}


def test_unknown_ends_of_an_association_are_errors_beside_the_good_ones(
    call: Caller, hubspot: Emulator
) -> None:
    (contact,) = hubspot.seed_records("contacts", [{}])
    (company,) = hubspot.seed_records("companies", [{}])
    ends = [(contact, company), (contact, "9"), ("8", company)]
    body = {"inputs": [{"from": {"id": a}, "to": {"id": b}} for a, b in ends]}
    answer = call.post("/crm/v4/associations/contacts/companies/batch/associate/default", body)
    assert answer.status_code == 207
    assert [error["context"]["id"] for error in answer.json()["errors"]] == [["9"], ["8"]]
    assert linked(call, "contacts", contact, "companies") == {company: [1, 279]}
    itself = {"inputs": [{"from": {"id": contact}, "to": {"id": contact}}]}
    same = call.post("/crm/v4/associations/contacts/contacts/batch/associate/default", itself)
    assert "context" not in same.json()["errors"][0]


def test_association_batches_have_their_own_sizes_and_pages(call: Caller, hubspot: Emulator) -> None:
    base = "/crm/v4/associations/companies/contacts/batch"
    assert call.post(f"{base}/read", {"inputs": [{"id": "1"}] * 1001}).status_code == 400
    many = [{"from": {"id": "1"}, "to": {"id": "2"}}] * 2001
    assert call.post(f"{base}/associate/default", {"inputs": many}).status_code == 400
    archive = [{"from": {"id": str(n)}, "to": []} for n in range(101)]
    assert call.post(f"{base}/archive", {"inputs": archive}).status_code == 400
    (company,) = hubspot.seed_records("companies", [{}])
    contacts = hubspot.seed_records("contacts", [{}] * 501)
    inputs = [{"from": {"id": company}, "to": {"id": contact}} for contact in contacts]
    assert call.post(f"{base}/associate/default", {"inputs": inputs}).status_code == 200
    first = call.post(f"{base}/read", {"inputs": [{"id": company}]}).json()["results"][0]
    assert len(first["to"]) == 500
    after = first["paging"]["next"]["after"]
    rest = call.post(f"{base}/read", {"inputs": [{"id": company, "after": after}]}).json()["results"][0]
    assert len(rest["to"]) == 1


def test_labels_are_listed_without_their_names_and_end_at_50(call: Caller) -> None:
    path = "/crm/v4/associations/contacts/companies/labels"
    listed = call.get(path).json()["results"]
    assert {(kind["typeId"], kind["label"]) for kind in listed} == {
        (279, None),
        (1, "Primary"),
        (931, "Billing contact"),
    }
    for n in range(50):
        made = call.post(path, {"label": f"L{n}", "name": f"l{n}", "inverseLabel": f"I{n}"})
        assert made.status_code == 200
    assert call.post(path, {"label": "L", "name": "l"}).status_code == 437
    backwards = call.get("/crm/v4/associations/companies/contacts/labels").json()["results"]
    assert "I0" in {kind["label"] for kind in backwards}
    own = made.json()["results"][0]["typeId"]
    assert call.send("PUT", path, {"associationTypeId": own, "label": "New"}).status_code == 204
    assert "New" in {kind["label"] for kind in call.get(path).json()["results"]}
    assert call.send("DELETE", f"{path}/{own}").status_code == 204
    assert len(call.get(path).json()["results"]) == 52


def test_search_sees_a_write_only_after_the_lag_while_a_read_sees_it_at_once(
    call: Caller, hubspot: Emulator
) -> None:
    hubspot.change(search_lag=30.0)
    made = created_ids(call.batch("contacts", "create", rows({"email": "a@example.com", "city": "Bonn"})))
    ask = {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "EQ", "value": "bonn"}]}]}

    def total() -> int:
        found: int = call.post("/crm/v3/objects/contacts/search", ask).json()["total"]
        return found

    assert total() == 0
    assert call.batch("contacts", "read", [{"id": made["t0"]}]).status_code == 200
    hubspot.skew_clock(31)
    assert total() == 1
    call.batch("contacts", "update", [{"id": made["t0"], "properties": {"city": "Ulm"}}])
    assert total() == 1
    hubspot.skew_clock(62)
    assert total() == 0


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"propertyName": "amount", "operator": "GT", "value": "9"}, {"B", "C"}),
        ({"propertyName": "amount", "operator": "BETWEEN", "value": "1", "highValue": "10"}, {"A", "B"}),
        ({"propertyName": "dealname", "operator": "IN", "values": ["a", "c"]}, {"A", "C"}),
        ({"propertyName": "closedate", "operator": "LTE", "value": "1767225600000"}, {"A"}),
        ({"propertyName": "closedate", "operator": "NOT_HAS_PROPERTY"}, {"C"}),
        ({"propertyName": "dealname", "operator": "NEQ", "value": "A"}, {"B", "C"}),
        ({"propertyName": "description", "operator": "CONTAINS_TOKEN", "value": "larg*"}, {"B"}),
    ],
)
def test_search_filters_compare_by_the_propertys_type(
    call: Caller, hubspot: Emulator, wanted: dict[str, Any], expected: set[str]
) -> None:
    hubspot.seed_records(
        "deals",
        [
            {"dealname": "A", "amount": "2", "closedate": "2026-01-01T00:00:00Z"},
            {
                "dealname": "B",
                "amount": "10",
                "closedate": "2026-02-01T00:00:00Z",
                "description": "a large one",
            },
            {"dealname": "C", "amount": "30"},
        ],
    )
    body = {"filterGroups": [{"filters": [wanted]}], "properties": ["dealname"]}
    found = call.post("/crm/objects/2026-03/deals/search", body).json()["results"]
    assert {record["properties"]["dealname"] for record in found} == expected


def test_search_pages_sorts_and_has_limits(call: Caller, hubspot: Emulator) -> None:
    hubspot.seed_records("deals", [{"dealname": f"D{n}", "amount": str(n)} for n in range(5)])
    path = "/crm/v3/objects/deals/search"
    sorts = [{"propertyName": "amount", "direction": "DESCENDING"}]
    page = call.post(path, {"sorts": sorts, "limit": 2, "after": "2", "properties": ["amount"]}).json()
    assert [record["properties"]["amount"] for record in page["results"]] == ["2", "1"]
    assert (page["total"], page["paging"]["next"]["after"]) == (5, "4")
    one = {"propertyName": "amount", "operator": "EQ", "value": "1"}
    refused: list[dict[str, Any]] = [
        {"limit": 201},
        {"limit": 100, "after": "9901"},
        {"filterGroups": [{"filters": [one]}] * 6},
        {"filterGroups": [{"filters": [one] * 7}]},
        {"filterGroups": [{"filters": [one] * 5}] * 4},
        {"filterGroups": [{"filters": [{**one, "propertyName": "nonsense"}]}]},
        {"sorts": sorts * 2},
        {"query": "x" * 3000},
    ]
    assert [call.post(path, body).status_code for body in refused] == [400] * len(refused)


def test_a_property_definition_says_what_a_writer_must_know(call: Caller) -> None:
    listed = call.get("/crm/v3/properties/contacts").json()["results"]
    by_name = {prop["name"]: prop for prop in listed}
    assert by_name["email"]["hasUniqueValue"] is True
    assert by_name["hs_object_id"]["modificationMetadata"]["readOnlyValue"] is True
    assert by_name["num_notes"]["calculated"] is True
    stages = [option["value"] for option in by_name["lifecyclestage"]["options"]]
    assert stages[:2] == ["subscriber", "lead"]
    deal = call.get("/crm/properties/2026-03/deals/dealstage").json()
    assert "closedwon" in [option["value"] for option in deal["options"]]
    assert call.get("/crm/v3/properties/contacts/nonsense").status_code == 404


def test_properties_are_made_archived_and_restored(call: Caller) -> None:
    path = "/crm/v3/properties/companies"
    account = {
        "name": "account_id",
        "label": "Account",
        "type": "string",
        "fieldType": "text",
        "groupName": "erp",
        "hasUniqueValue": True,
    }
    assert call.post(path, account).status_code == 400
    assert call.post(f"{path}/groups", {"name": "erp", "label": "ERP"}).status_code == 201
    assert call.post(path, account).status_code == 201
    again = call.post(path, account)
    assert (again.status_code, again.json()["category"]) == (409, "OBJECT_ALREADY_EXISTS")
    assert again.json()["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"
    patched = call.send("PATCH", f"{path}/account_id", {"hasUniqueValue": False, "label": "New"})
    assert (patched.status_code, patched.json()["hasUniqueValue"], patched.json()["label"]) == (
        200,
        True,
        "New",
    )
    assert call.batch("companies", "create", rows({"account_id": "1"})).status_code == 201
    assert call.post(f"{path}/batch/archive", {"inputs": [{"name": "account_id"}]}).status_code == 204
    refused = call.batch("companies", "create", rows({"account_id": "2"}, trace=False))
    assert "PROPERTY_DOESNT_EXIST" in refused.json()["message"]
    read = call.post(f"{path}/batch/read", {"inputs": [{"name": "account_id"}], "archived": False})
    assert (read.status_code, read.json()["errors"][0]["context"]["name"]) == (207, ["account_id"])
    assert call.post(path, account).status_code == 201
    both = call.post(f"{path}/batch/create", {"inputs": [account, {**account, "name": "other"}]})
    assert (both.status_code, [p["name"] for p in both.json()["results"]]) == (207, ["other"])


def test_an_object_type_has_at_most_ten_unique_properties(call: Caller, hubspot: Emulator) -> None:
    for n in range(10):
        hubspot.add_property("contacts", f"key{n}", unique=True)
    eleventh = {
        "name": "key10",
        "label": "K",
        "type": "string",
        "fieldType": "text",
        "groupName": "contactinformation",
        "hasUniqueValue": True,
    }
    assert call.post("/crm/v3/properties/contacts", eleventh).status_code == 400


@pytest.mark.parametrize("base", ["/crm-object-schemas/v3/schemas", "/crm-object-schemas/2026-03/schemas"])
def test_a_custom_object_type_works_by_its_id_its_full_name_and_p_name(
    call: Caller, hubspot: Emulator, base: str
) -> None:
    vin = {"name": "vin", "label": "VIN", "type": "string", "fieldType": "text", "hasUniqueValue": True}
    schema = {
        "name": "car",
        "labels": {"singular": "Car", "plural": "Cars"},
        "primaryDisplayProperty": "vin",
        "requiredProperties": ["vin"],
        "properties": [vin],
        "associatedObjects": ["CONTACT"],
    }
    made = call.post(base, schema)
    assert made.status_code == 201
    type_id, full_name = made.json()["objectTypeId"], made.json()["fullyQualifiedName"]
    assert (type_id[:2], full_name) == ("2-", f"p{hubspot.portal_id}_car")
    inputs = [{"id": "W1", "idProperty": "vin", "properties": {}}]
    for name in ("p_car", type_id, full_name):
        assert call.batch(name, "upsert", inputs).status_code == 200
    refused = call.batch("car", "upsert", inputs)
    assert refused.status_code == 400
    assert refused.json()["message"] == "Unable to infer object type from: car"
    hubspot.change(base_name_in_paths=True)
    assert call.batch("car", "upsert", inputs).status_code == 200
    assert hubspot.books.created_count("car") == 1
    assert call.get(f"{base}/{full_name}").json()["requiredProperties"] == ["vin"]
    assert [listed["name"] for listed in call.get(base).json()["results"]] == ["car"]
    (contact,) = hubspot.seed_records("contacts", [{}])
    (car,) = hubspot.records("car")
    kinds = call.get(f"/crm/v4/associations/{type_id}/contacts/labels").json()["results"]
    link_car = link(contact, kinds[0]["typeId"], kinds[0]["category"])
    made_car = {"properties": {"vin": "W2"}, "associations": [link_car]}
    assert call.batch("car", "create", [made_car], version="2026-09").status_code == 201
    missing = call.batch("car", "create", [{"properties": {}}], version="2026-09")
    assert "MISSING_REQUIRED_PROPERTY" in missing.json()["message"]
    assert call.send("DELETE", f"{base}/{type_id}").status_code == 400
    for record in hubspot.records("car"):
        call.batch("car", "archive", [{"id": record}])
    assert call.send("DELETE", f"{base}/{type_id}").status_code == 204
    assert car not in hubspot.books.records("car")


@pytest.mark.parametrize("version", ["v3", "2026-03"])
def test_the_account_tells_its_number_time_zone_and_usage(
    call: Caller, hubspot: Emulator, version: str
) -> None:
    hubspot.change(daily_limit=500, time_zone="Europe/Berlin", clock=lambda: 1_795_258_800.0)
    details = call.get(f"/account-info/{version}/details").json()
    assert (details["portalId"], details["timeZone"], details["utcOffset"]) == (
        hubspot.portal_id,
        "Europe/Berlin",
        "+01:00",
    )
    usage = call.get(f"/account-info/{version}/api-usage/daily/private-apps").json()["results"][0]
    assert (usage["usageLimit"], usage["currentUsage"]) == (500, 2)
    assert usage["resetsAt"] == "2026-11-21T23:00:00.000Z"
    pipelines = call.get("/crm/v3/pipelines/tickets").json()["results"]
    assert [stage["id"] for stage in pipelines[0]["stages"]] == ["1", "2", "3", "4"]
    owners = call.get("/crm/owners/2026-03").json()["results"]
    assert owners[0]["id"] == "1001"
