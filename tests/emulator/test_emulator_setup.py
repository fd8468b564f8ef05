"""A portal is set up in HubSpot's own words, by calls or by a portal file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from emulator_helpers import Caller, rows

from hubspot_batch_dagster.emulator import Emulator, EmulatorProcess, PortalFileError

PORTAL = {
    "portalId": 4242,
    "timeZone": "Europe/Berlin",
    "properties": {
        "contacts": [
            {"name": "email", "type": "string", "fieldType": "text", "hasUniqueValue": True},
            {
                "name": "size",
                "label": "Size",
                "type": "enumeration",
                "fieldType": "select",
                "options": [{"value": "s", "label": "Small"}, {"value": "l", "label": "Large"}],
                "groupName": "ours",
            },
            {"name": "score", "type": "number", "calculated": True},
            {"name": "ssn", "type": "string", "dataSensitivity": "sensitive"},
        ]
    },
    "schemas": [
        {
            "name": "cars",
            "objectTypeId": "2-777",
            "labels": {"singular": "Car", "plural": "Cars"},
            "primaryDisplayProperty": "vin",
            "requiredProperties": ["vin"],
            "properties": [{"name": "vin", "type": "string", "fieldType": "text", "hasUniqueValue": True}],
        }
    ],
    "pipelines": {
        "deals": [{"id": "renew", "label": "Renewals", "stages": [{"id": "asked", "label": "Asked"}]}]
    },
    "owners": [{"id": "7"}, {"id": "8", "email": "x@example.com", "archived": True}],
    "labels": [
        {
            "from": "contacts",
            "to": "companies",
            "label": "Billing",
            "name": "billing",
            "typeId": 21,
            "inverseTypeId": 22,
        },
        {
            "from": "companies",
            "to": "contacts",
            "label": "Billed by",
            "name": "billing",
            "typeId": 22,
            "inverseTypeId": 21,
        },
    ],
}


def test_a_property_is_defined_in_hubspots_words(call: Caller, hubspot: Emulator) -> None:
    hubspot.add_property(
        "contacts",
        "sizes",
        label="Sizes",
        type="enumeration",
        fieldType="checkbox",
        options=["s", {"value": "l", "label": "Large"}],
        description="What fits",
    )
    shown = call.get("/crm/v3/properties/contacts/sizes").json()
    assert (shown["type"], shown["fieldType"], shown["label"]) == ("enumeration", "checkbox", "Sizes")
    assert [(o["value"], o["label"]) for o in shown["options"]] == [("s", "s"), ("l", "Large")]
    assert (
        call.batch("contacts", "create", rows({"email": "a@example.com", "sizes": "s;l"})).status_code == 201
    )
    assert (
        call.batch("contacts", "create", rows({"email": "b@example.com", "sizes": "xl"})).status_code == 207
    )
    with pytest.raises(ValueError, match="a property has no colour"):
        hubspot.add_property("contacts", "x", colour="red")
    with pytest.raises(ValueError, match="type 'text' is none of"):
        hubspot.add_property("contacts", "x", type="text")


def test_labels_pipelines_and_owners_are_added_without_a_request(call: Caller, hubspot: Emulator) -> None:
    forward, backward = hubspot.add_label("contacts", "companies", "Billing")
    there = call.get("/crm/v4/associations/contacts/companies/labels").json()["results"]
    back = call.get("/crm/v4/associations/companies/contacts/labels").json()["results"]
    assert {"category": "USER_DEFINED", "typeId": forward, "label": "Billing"} in there
    assert {"category": "USER_DEFINED", "typeId": backward, "label": "Billing"} in back
    pipeline = hubspot.add_pipeline(
        "deals", {"label": "Renewals", "stages": [{"label": "Asked", "stageId": "s"}]}
    )
    fine = rows({"dealname": "D", "pipeline": pipeline, "dealstage": "s"})
    assert call.batch("deals", "create", fine).status_code == 201
    owner = hubspot.add_owner("eve@example.com", firstName="Eve")
    assert call.get(f"/crm/v3/owners/{owner}").json()["firstName"] == "Eve"
    assert call.get("/crm/v3/owners?email=eve@example.com").json()["results"][0]["id"] == owner


def test_archived_owners_are_listed_apart(call: Caller) -> None:
    living = [owner["id"] for owner in call.get("/crm/v3/owners").json()["results"]]
    gone = call.get("/crm/v3/owners?archived=true").json()["results"]
    assert [owner["id"] for owner in gone] == ["1004"]
    assert "userId" not in gone[0]
    assert "1004" not in living
    assert call.get("/crm/v3/owners/1004").status_code == 404
    assert call.get("/crm/v3/owners/1004?archived=true").json()["archived"] is True
    assert call.get("/crm/v3/owners/51001?idProperty=userId").json()["id"] == "1001"
    page = call.get("/crm/v3/owners?limit=2").json()
    assert page["paging"]["next"]["after"] == "2"
    assert call.get("/crm/v3/owners?limit=900").status_code == 400


def test_a_portal_file_replaces_what_it_defines_and_outlives_a_reset(tmp_path: Path) -> None:
    path = tmp_path / "portal.json"
    path.write_text(json.dumps(PORTAL))
    with Emulator(portal=path) as hubspot:
        hubspot.reset()
        call = Caller(hubspot)
        assert call.get("/account-info/v3/details").json()["portalId"] == 4242
        names = {each["name"] for each in call.get("/crm/v3/properties/contacts").json()["results"]}
        assert {"email", "size", "score"} <= names
        assert not {"ssn", "firstname"} & names
        sensitive = call.get("/crm/v3/properties/contacts?dataSensitivity=sensitive").json()["results"]
        assert [each["name"] for each in sensitive] == ["ssn"]
        good = rows({"email": "A@example.com", "size": "s", "ssn": "1"})
        made = call.batch("contacts", "create", good)
        assert (made.status_code, made.json()["results"][0]["properties"]["email"]) == (201, "a@example.com")
        for bad in ({"size": "m"}, {"score": "1"}, {"firstname": "A"}):
            assert call.batch("contacts", "create", rows(bad, trace=False)).status_code == 400
        assert call.batch("2-777", "create", rows({"vin": "1"})).status_code == 201
        assert call.batch("p4242_cars", "create", rows({"vin": "1"}, trace=False)).status_code == 400
        pipelines = call.get("/crm/v3/pipelines/deals").json()["results"]
        assert [each["id"] for each in pipelines] == ["renew"]
        assert call.get("/crm/v3/owners/7").json()["email"] == "owner7@example.com"
        labels = call.get("/crm/v4/associations/companies/contacts/labels").json()["results"]
        assert {"category": "USER_DEFINED", "typeId": 22, "label": "Billed by"} in labels


def test_a_portal_file_that_cannot_be_says_where(tmp_path: Path) -> None:
    with pytest.raises(PortalFileError, match="properties of contacts: a property needs a name"):
        Emulator(portal={"properties": {"contacts": [{"label": "x"}]}})
    with pytest.raises(PortalFileError, match="pipelines of deals: Some required fields were not set"):
        Emulator(portal={"pipelines": {"deals": [{"label": "x"}]}})
    with pytest.raises(PortalFileError, match="Unable to infer object type from: cats"):
        Emulator(portal={"properties": {"cats": []}})
    with pytest.raises(PortalFileError, match="cannot be read"):
        Emulator(portal=tmp_path / "nowhere.json")


def test_a_process_of_its_own_is_set_up_in_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "portal.json"
    path.write_text(json.dumps(PORTAL))
    with EmulatorProcess(portal=path) as hubspot:
        call = Caller(hubspot)
        assert call.get("/crm/v3/properties/contacts/size").status_code == 200
        assert len(hubspot.add_label("contacts", "deals", "Signs")) == 2
        assert hubspot.add_owner("eve@example.com") == "1005"
        made = hubspot.add_pipeline("tickets", {"label": "Second", "stages": [{"label": "New"}]})
        assert call.get(f"/crm/v3/pipelines/tickets/{made}").status_code == 200
        hubspot.load({"owners": [{"id": "99"}]})
        assert call.get("/crm/v3/owners/99").status_code == 200
        hubspot.reset()
        assert call.get("/crm/v3/owners/99").status_code == 404
        assert call.get("/crm/v3/owners/7").status_code == 200
