"""The endpoints beside the batches: single records, GDPR, v3 associations, pipelines, rules, limits,
tokens.
"""

from __future__ import annotations

from typing import Any

import pytest
import requests
from emulator_helpers import Caller, contact_rows, rows

from hubspot_batch_dagster.emulator import Emulator


def test_v3_associations_are_made_read_and_taken_away_by_name(call: Caller, hubspot: Emulator) -> None:
    (ada, bob) = hubspot.seed_records("contacts", [{"email": "a@example.com"}, {"email": "b@example.com"}])
    (firm,) = hubspot.seed_records("companies", [{"name": "x"}])
    path = "/crm/v3/associations/contacts/companies/batch/"
    pair = {"from": {"id": ada}, "to": {"id": firm}, "type": "contact_to_company_unlabeled"}
    made = call.post(f"{path}create", {"inputs": [pair, {**pair, "to": {"id": "1"}}]})
    assert made.status_code == 207
    assert made.json()["results"] == [pair]
    assert made.json()["errors"][0]["subCategory"] == "crm.associations.INVALID_IDENTIFIER"
    found = call.post(f"{path}read", {"inputs": [{"id": ada}, {"id": bob}]})
    assert found.status_code == 207
    (result,) = found.json()["results"]
    assert {each["type"] for each in result["to"]} == {"contact_to_company", "contact_to_company_unlabeled"}
    back = call.get(f"/crm/v3/objects/companies/{firm}/associations/contacts").json()["results"]
    assert {each["type"] for each in back} == {"company_to_contact", "company_to_contact_unlabeled"}
    assert call.post(f"{path}create", {"inputs": [{**pair, "type": "friends"}]}).status_code == 400
    assert call.post(f"{path}archive", {"inputs": [pair]}).status_code == 204
    assert call.post(f"{path}read", {"inputs": [{"id": ada}]}).json()["results"] == []
    kinds = call.get("/crm/v3/associations/companies/companies/types").json()["results"]
    assert {"id": "13", "name": "parent_to_child_company"} in kinds


@pytest.mark.parametrize("status", [201, 200])
def test_the_status_of_v3_associations_is_a_setting(call: Caller, hubspot: Emulator, status: int) -> None:
    hubspot.change(v3_association_status=status)
    (ada,) = hubspot.seed_records("contacts", [{"email": "a@example.com"}])
    (deal,) = hubspot.seed_records("deals", [{"dealname": "x"}])
    path = f"/crm/v3/objects/contacts/{ada}/associations/deals/{deal}/contact_to_deal"
    assert call.send("PUT", path).json()["associations"] == {
        "deals": {"results": [{"id": deal, "type": "contact_to_deal"}]}
    }
    assert call.send("DELETE", path).status_code == 204
    pair = {"from": {"id": ada}, "to": {"id": deal}, "type": "4"}
    made = call.post("/crm/v3/associations/contacts/deals/batch/create", {"inputs": [pair]})
    assert made.status_code == status


def test_a_single_record_is_read_with_associations_and_former_values(call: Caller, hubspot: Emulator) -> None:
    (ada,) = hubspot.seed_records("contacts", [{"email": "a@example.com", "city": "Ulm"}])
    (deal,) = hubspot.seed_records("deals", [{"dealname": "x"}])
    call.send("PUT", f"/crm/v4/objects/contacts/{ada}/associations/default/deals/{deal}")
    query = "associations=deals,companies&propertiesWithHistory=city&properties=city"
    for body in (
        call.get(f"/crm/v3/objects/contacts/{ada}?{query}").json(),
        call.get(f"/crm/v3/objects/contacts?{query}").json()["results"][0],
    ):
        assert body["associations"]["deals"]["results"] == [{"id": deal, "type": "contact_to_deal"}]
        assert body["propertiesWithHistory"]["city"][0]["value"] == "Ulm"
        assert body["properties"]["city"] == "Ulm"


def test_archived_records_are_listed_and_read_apart(call: Caller, hubspot: Emulator) -> None:
    ids = hubspot.seed_records("contacts", [{"email": f"p{n}@example.com"} for n in range(3)])
    assert call.send("DELETE", f"/crm/v3/objects/contacts/{ids[0]}").status_code == 204
    living = call.get("/crm/v3/objects/contacts?limit=1").json()
    assert living["paging"]["next"]["after"]
    second = call.get(f"/crm/v3/objects/contacts?limit=1&after={living['paging']['next']['after']}").json()
    assert [living["results"][0]["id"], second["results"][0]["id"]] == ids[1:]
    assert "paging" not in second
    gone = call.get("/crm/v3/objects/contacts?archived=true").json()["results"]
    assert [(each["id"], each["archived"]) for each in gone] == [(ids[0], True)]
    assert call.get(f"/crm/v3/objects/contacts/{ids[0]}").status_code == 404
    assert call.get(f"/crm/v3/objects/contacts/{ids[0]}?archived=true").json()["archivedAt"]


@pytest.mark.parametrize("blocks", [True, False])
def test_a_purged_address_cannot_be_made_again(call: Caller, hubspot: Emulator, blocks: bool) -> None:
    hubspot.change(gdpr_blocks_addresses=blocks)
    (ada,) = hubspot.seed_records(
        "contacts", [{"email": "p0@example.com", "hs_additional_emails": "p1@example.com"}]
    )
    path = "/crm/v3/objects/contacts/gdpr-delete"
    assert call.post(path, {"objectId": ada}).status_code == 204
    assert call.post(path, {"objectId": "P2@example.com", "idProperty": "email"}).status_code == 204
    assert call.post(path, {}).status_code == 400
    assert hubspot.books.records("contacts") == hubspot.records("contacts") == {}
    assert call.get(f"/crm/v3/objects/contacts/{ada}?archived=true").status_code == 404
    made = call.batch("contacts", "create", contact_rows(4))
    assert len(made.json()["results"]) == (1 if blocks else 4)


def test_pipelines_and_stages_are_changed_replaced_and_taken_away(call: Caller) -> None:
    base = "/crm/pipelines/2026-03/deals"
    stage = {"label": "Asked", "displayOrder": 0, "metadata": {"probability": "0.5"}}
    made = call.post(base, {"label": "Renewals", "displayOrder": 1, "stages": [stage]})
    assert made.status_code == 201
    path = f"{base}/{made.json()['id']}"
    assert call.post(base, {"label": "Renewals", "displayOrder": 1, "stages": [stage]}).status_code == 409
    assert call.send("PATCH", path, {"label": "Again"}).json()["label"] == "Again"
    first = made.json()["stages"][0]["id"]
    second = call.post(f"{path}/stages", {**stage, "label": "Said yes"}).json()
    assert second["writePermissions"] == "CRM_PERMISSIONS_ENFORCEMENT"
    assert call.post(f"{path}/stages", {**stage, "label": "Said yes"}).status_code == 409
    assert call.post(f"{path}/stages", {"label": "No metadata"}).status_code == 400
    changed = call.send("PATCH", f"{path}/stages/{second['id']}", {"label": "Signed"})
    assert (changed.json()["label"], changed.json()["metadata"]) == ("Signed", {"probability": "0.5"})
    put = call.send("PUT", f"{path}/stages/{second['id']}", {**stage, "label": "Done"})
    assert (put.json()["id"], put.json()["label"]) == (second["id"], "Done")
    assert call.get(f"{path}/stages/{second['id']}").json()["label"] == "Done"
    assert call.get(f"{path}/stages/none").status_code == 404
    deal = rows({"dealname": "D", "pipeline": made.json()["id"], "dealstage": second["id"]})
    assert call.batch("deals", "create", deal).status_code == 201
    assert call.send("DELETE", f"{path}/stages/{second['id']}").status_code == 400
    assert call.send("DELETE", f"{path}?validateReferencesBeforeDelete=true").status_code == 400
    assert call.send("DELETE", f"{path}/stages/{first}").status_code == 204
    assert call.get(f"{path}/audit").json()["results"][0]["action"] == "CREATE"
    replaced = {"label": "Other", "displayOrder": 2, "stages": [{**stage, "stageId": second["id"]}]}
    assert call.send("PUT", path, replaced).json()["displayOrder"] == 2
    assert call.send("PUT", path, {**replaced, "stages": [stage]}).status_code == 400
    assert call.send("DELETE", path).status_code == 204
    assert call.get(path).status_code == 404


@pytest.mark.parametrize("enforced", [True, False])
def test_property_validation_rules_are_kept_and_hold_if_the_setting_says_so(
    call: Caller, hubspot: Emulator, enforced: bool
) -> None:
    hubspot.change(enforce_validations=enforced)
    base = "/crm/property-validations/2026-03/0-1"
    for rule, argument in (
        ("MAX_LENGTH", "3"),
        ("MIN_LENGTH", "2"),
        ("ALPHANUMERIC", ""),
        ("REGEX", "[a-z]+"),
    ):
        answer = call.send("PUT", f"{base}/city/rule-type/{rule}", {"ruleArguments": [argument]})
        assert answer.status_code == 204
    call.send("PUT", f"{base}/annualrevenue/rule-type/MAX_NUMBER", {"ruleArguments": ["10"]})
    assert call.get(f"{base}/city/rule-type/MAX_LENGTH").json()["ruleArguments"] == ["3"]
    assert {each["propertyName"] for each in call.get(base).json()["results"]} >= {"city"}
    assert len(call.get(f"{base}/city").json()["results"]) == 4
    for city in ("long city", "x", "AB", "a-b"):
        made = call.batch("contacts", "create", rows({"city": city}, trace=False))
        assert made.status_code == (400 if enforced else 201)
    assert call.batch("contacts", "create", rows({"city": "ulm"}, trace=False)).status_code == 201
    big = call.batch("contacts", "create", rows({"annualrevenue": "11"}, trace=False))
    assert big.status_code == (400 if enforced else 201)
    call.send("PUT", f"{base}/city/rule-type/MAX_LENGTH", {"ruleArguments": []})
    assert call.get(f"{base}/city/rule-type/MAX_LENGTH").status_code == 404
    assert call.send("PUT", f"{base}/city/rule-type/NONSENSE", {"ruleArguments": ["1"]}).status_code == 400
    assert call.send("PUT", f"{base}/city/rule-type/REGEX", {}).status_code == 400
    assert call.get(f"{base}/nothing").status_code == 404


def test_what_is_used_of_the_accounts_allowances_is_told(call: Caller, hubspot: Emulator) -> None:
    hubspot.change(max_associations=2)
    cars = hubspot.add_object_type("cars", [{"name": "vin"}])
    hubspot.seed_records(cars, [{"vin": "1"}])
    (ada,) = hubspot.seed_records("contacts", [{"email": "a@example.com"}])
    deals = hubspot.seed_records("deals", [{"dealname": str(n)} for n in range(3)])
    hubspot.add_label("contacts", "deals", "Signs")
    puts = [call.send("PUT", f"/crm/v4/objects/contacts/{ada}/associations/default/deals/{d}") for d in deals]
    assert [put.status_code for put in puts] == [200, 200, 400]
    base = "/crm/limits/2026-03"
    records = call.get(f"{base}/records").json()
    used = {each["objectTypeId"]: each["usage"] for each in records["hubspotDefinedObjectTypes"]}
    assert (used["0-1"], used["0-3"], records["customObjectTypes"]["overallUsage"]) == (1, 3, 1)
    assert call.get(f"{base}/custom-object-types").json()["usage"] == 1
    assert call.get(f"{base}/custom-properties").json()["overallUsage"] == 1
    assert call.get(f"{base}/calculated-properties").json()["overallUsage"] == 0
    assert call.get(f"{base}/pipelines").json()["hubspotDefinedObjectTypes"]
    labels = call.get(f"{base}/associations/labels?fromObjectTypeId=0-1").json()["results"]
    assert labels[0]["allLabels"] == ["Signs"]
    full = call.get(f"{base}/associations/records/0-1/0-3").json()
    assert (full["limit"], full["totalRecordsAtLimit"]) == (2, 1)
    assert call.get(f"{base}/associations/records/from").json()["results"][0]["objectTypeId"] == "0-1"
    assert call.get(f"{base}/associations/records/0-1/to").json()["results"][0]["objectTypeId"] == "0-3"


def oauth(hubspot: Emulator, version: str, path: str = "", **form: Any) -> requests.Response:
    return requests.post(f"{hubspot.url}/oauth/{version}/token{path}", data=form, timeout=10)


@pytest.mark.parametrize("version", ["v1", "v3", "2026-03"])
def test_tokens_are_told_about_as_published(hubspot: Emulator, version: str) -> None:
    credentials = hubspot.credentials
    app = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
    grant = {"grant_type": "refresh_token", "refresh_token": credentials.refresh_token, **app}
    token = oauth(hubspot, version, **grant).json()
    assert (token["token_use"], token["token_type"]) == ("access_token", "bearer")
    if version == "v1":
        base = f"{hubspot.url}/oauth/v1"
        told = requests.get(f"{base}/access-tokens/{token['access_token']}", timeout=10).json()
        assert (told["hub_id"], told["token_type"]) == (hubspot.portal_id, "access")
        gone = f"{base}/refresh-tokens/{token['refresh_token']}"
        assert requests.get(gone, timeout=10).json()["client_id"] == credentials.client_id
        assert requests.delete(gone, timeout=10).status_code == 204
        assert requests.get(gone, timeout=10).status_code == 404
        return
    told = oauth(hubspot, version, "/introspect", token=token["access_token"], **app).json()
    assert (told["active"], told["hub_id"], told["token_use"]) == (True, hubspot.portal_id, "access_token")
    refresh = oauth(hubspot, version, "/introspect", token=token["refresh_token"], **app).json()
    assert refresh["token_use"] == "refresh_token"
    assert oauth(hubspot, version, "/revoke", token=token["access_token"]).status_code == 204
    assert oauth(hubspot, version, "/introspect", token=token["access_token"]).json() == {"active": False}


def test_property_groups_are_renamed_and_taken_away(call: Caller) -> None:
    path = "/crm/properties/2026-03/contacts/groups"
    assert call.post(path, {"name": "ours", "label": "Ours"}).status_code == 201
    assert call.send("PATCH", f"{path}/ours", {"label": "Theirs"}).json()["label"] == "Theirs"
    assert call.send("PATCH", f"{path}/nobodys", {"label": "x"}).status_code == 404
    assert call.send("DELETE", f"{path}/contactinformation").status_code == 400
    assert call.send("DELETE", f"{path}/ours").status_code == 204
    assert call.get(f"{path}/ours").status_code == 404
