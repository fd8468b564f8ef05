"""Definitions, addresses and rules of faults that HubSpot, or a test that relies on them, would not let pass."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from emulator_helpers import Caller, rows

from hubspot_batch_dagster.emulator import Emulator, Fault, PortalFileError

CONTACTS = "/crm/v3/objects/contacts"
PROPERTIES = "/crm/v3/properties/contacts"
DEALS = "/crm/v3/pipelines/deals"
OWN = {
    "name": "size",
    "label": "Size",
    "type": "string",
    "fieldType": "text",
    "groupName": "contactinformation",
}


def test_an_archived_property_says_so(call: Caller) -> None:
    call.post(PROPERTIES, OWN)
    call.send("DELETE", f"{PROPERTIES}/size")
    assert call.get(f"{PROPERTIES}/size?archived=true").json()["archived"] is True
    (listed,) = call.get(f"{PROPERTIES}?archived=true").json()["results"]
    assert (listed["name"], listed["archived"]) == ("size", True)
    assert call.post(PROPERTIES, OWN).json()["archived"] is False


def test_a_changed_property_is_held_against_the_rules_of_a_new_one(call: Caller) -> None:
    made = call.post(PROPERTIES, {**OWN, "displayOrder": 3, "formField": False}).json()
    assert (made["displayOrder"], made["formField"], made["hidden"]) == (3, False, False)

    def change(**words: Any) -> requests.Response:
        return call.send("PATCH", f"{PROPERTIES}/size", words)

    assert change(groupName="nowhere").status_code == 400
    assert change(fieldType="number").status_code == 400
    assert change(type="number", fieldType="number").json()["type"] == "number"
    assert change(label="Length").json()["displayOrder"] == 3
    assert call.post(CONTACTS, {"properties": {"size": "big"}}).status_code == 400


def test_options_come_back_in_the_words_in_which_they_were_sent(call: Caller) -> None:
    """So a captured answer has them: with a place, a description and whether they are hidden."""
    options = [
        {"label": "Art", "value": "art", "description": "all of it", "displayOrder": 3, "hidden": True},
        {"label": "Travel", "value": "travel"},
    ]
    asked = {**OWN, "name": "likes", "type": "enumeration", "fieldType": "select", "options": options}
    plain = {"label": "Travel", "value": "travel", "displayOrder": 1, "hidden": False}
    assert call.post(PROPERTIES, asked).json()["options"] == [options[0], plain]
    assert call.get(f"{PROPERTIES}/likes").json()["options"] == [options[0], plain]
    changed = call.send("PATCH", f"{PROPERTIES}/likes", {"label": "Loves"}).json()
    assert (changed["label"], changed["options"]) == ("Loves", [options[0], plain])
    fewer = call.send("PATCH", f"{PROPERTIES}/likes", {"options": [options[1]]}).json()
    assert [each["value"] for each in fewer["options"]] == ["travel"]
    assert call.post(CONTACTS, {"properties": {"likes": "art"}}).status_code == 400


def test_a_batch_read_hides_sensitive_properties_unless_they_are_asked_for(
    call: Caller, hubspot: Emulator
) -> None:
    hubspot.add_property("contacts", "income", dataSensitivity="sensitive")

    def found(**words: Any) -> list[str]:
        body = {"inputs": [{"name": "income"}], "archived": False, **words}
        return [each["name"] for each in call.post(f"{PROPERTIES}/batch/read", body).json()["results"]]

    assert found() == []
    assert found(dataSensitivity="sensitive") == ["income"]
    body = {"inputs": [], "dataSensitivity": "secret"}
    assert call.post(f"{PROPERTIES}/batch/read", body).status_code == 400


@pytest.mark.parametrize(("rule", "argument"), [("MAX_LENGTH", "ten"), ("REGEX", "("), ("MIN_NUMBER", "a")])
def test_a_rule_with_an_argument_that_it_cannot_use_is_refused(
    call: Caller, rule: str, argument: str
) -> None:
    path = f"/crm/v3/property-validations/contacts/city/rule-type/{rule}"
    assert call.send("PUT", path, {"ruleArguments": [argument]}).status_code == 400


def pipeline(label: str, *shares: str) -> dict[str, Any]:
    stages = [{"label": f"S{n}", "metadata": {"probability": share}} for n, share in enumerate(shares)]
    return {"label": label, "displayOrder": 0, "stages": stages}


def test_pipelines_have_probabilities_between_0_and_1_and_labels_of_their_own(call: Caller) -> None:
    made = call.post(DEALS, pipeline("Renewals", "0.5")).json()
    assert [call.post(DEALS, pipeline("B", share)).status_code for share in ("2", "high")] == [400, 400]
    twice = pipeline("C", "0.1", "0.2")
    twice["stages"][1]["label"] = "S0"
    assert call.post(DEALS, twice).status_code == 400
    path = f"{DEALS}/{made['id']}"
    assert call.send("PATCH", path, {"label": "Sales Pipeline"}).status_code == 409
    assert call.send("PUT", path, pipeline("Sales Pipeline", "0.1")).status_code == 409
    assert call.send("PATCH", path, {"label": "Renewals"}).status_code == 200
    ticket = {"label": "T", "stages": [{"label": "A", "metadata": {"ticketState": "AJAR"}}]}
    assert call.post("/crm/v3/pipelines/tickets", ticket).status_code == 400


@pytest.mark.parametrize("word", ["validateReferencesBeforeDelete", "validateDealStageUsagesBeforeDelete"])
def test_a_pipeline_that_holds_deals_stays_where_that_is_to_be_checked(
    call: Caller, hubspot: Emulator, word: str
) -> None:
    hubspot.seed_records("deals", [{"dealname": "x", "pipeline": "default", "dealstage": "closedwon"}])
    assert call.send("DELETE", f"{DEALS}/default?{word}=true").status_code == 400
    assert call.send("DELETE", f"{DEALS}/default").status_code == 204


def test_an_address_that_is_another_contacts_cannot_become_a_secondary_one(
    call: Caller, hubspot: Emulator
) -> None:
    ada, bob = hubspot.seed_records("contacts", [{"email": "a@example.com"}, {"email": "b@example.com"}])
    taken = call.send("PATCH", f"{CONTACTS}/{bob}", {"properties": {"hs_additional_emails": "A@example.com"}})
    assert (taken.status_code, taken.json()["message"][-len(ada) :]) == (409, ada)
    own = {"hs_additional_emails": "b@example.com;c@example.com"}
    assert call.send("PATCH", f"{CONTACTS}/{bob}", {"properties": own}).status_code == 200
    found = call.get(f"{CONTACTS}/c@example.com?idProperty=email").json()
    assert found["id"] == bob
    assert call.batch("contacts", "create", rows({"email": "c@example.com"}, trace=False)).status_code == 409


def test_introspection_tells_the_scopes_that_a_token_has(hubspot: Emulator) -> None:
    def told(token: str) -> list[str]:
        answer = requests.post(f"{hubspot.url}/oauth/v3/token/introspect", data={"token": token}, timeout=10)
        return list(answer.json()["scopes"])

    assert "crm.objects.contacts.write" in told(hubspot.token)
    hubspot.change(scopes=["tickets"])
    assert told(hubspot.token) == ["tickets"]


def test_a_paired_label_is_renamed_in_both_directions(call: Caller, hubspot: Emulator) -> None:
    forward, backward = hubspot.add_label("contacts", "companies", "Boss", inverse_label="Firm")
    path = "/crm/v4/associations/contacts/companies/labels"
    body = {"associationTypeId": forward, "label": "Head", "inverseLabel": "House"}
    assert call.send("PUT", path, {"associationTypeId": forward}).status_code == 400
    assert call.send("PUT", path, body).status_code == 204
    back = call.get("/crm/v4/associations/companies/contacts/labels").json()["results"]
    assert {"category": "USER_DEFINED", "typeId": backward, "label": "House"} in back


def test_a_query_of_contacts_looks_at_names_and_addresses_alone(call: Caller, hubspot: Emulator) -> None:
    hubspot.change(search_lag=0.0)
    hubspot.seed_records("contacts", [{"firstname": "Ada", "city": "Ulm"}, {"email": "ulm@example.com"}])
    hubspot.seed_records("deals", [{"dealname": "x", "description": "Ulm"}])

    def found(kind: str) -> int:
        return int(call.post(f"/crm/v3/objects/{kind}/search", {"query": "ULM"}).json()["total"])

    assert (found("contacts"), found("deals")) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"action": "dorp"}, "a fault has no action 'dorp'"),
        ({"action": "drop", "operation": "("}, "operation cannot be"),
        ({"action": "drop", "path": "["}, "path cannot be"),
        ({"action": "drop", "probability": 5}, "probability cannot be 5"),
        ({"action": "slow", "seconds": -1}, "seconds cannot be -1"),
    ],
)
def test_a_fault_that_could_never_be_played_is_refused_where_it_is_written(
    fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Fault.from_json(fields)


def test_an_upsert_passes_over_associations_so_it_makes_no_lead(call: Caller, hubspot: Emulator) -> None:
    """Only a create takes them; a pipeline that relies on more must see that its links are missing."""
    hubspot.add_property("leads", "key", unique=True)
    hubspot.add_property("contacts", "key", unique=True)
    (ada,) = hubspot.seed_records("contacts", [{"email": "a@example.com"}])
    (deal,) = hubspot.seed_records("deals", [{"dealname": "x"}])
    kinds = {"leads": (ada, 578), "contacts": (deal, 4)}
    statuses = []
    for kind, (target, type_id) in kinds.items():
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
        item = {"id": "1", "idProperty": "key", "properties": {}}
        item["associations"] = [{"to": {"id": target}, "types": types}]
        statuses.append(call.batch(kind, "upsert", [item]).status_code)
    assert statuses == [400, 200]
    assert (len(hubspot.records("leads")), len(hubspot.records("contacts"))) == (0, 2)
    assert hubspot.books.commits("associated") == []


def test_an_input_of_a_read_or_an_archive_needs_its_id(call: Caller, hubspot: Emulator) -> None:
    (ada,) = hubspot.seed_records("contacts", [{}])
    for operation in ("read", "archive", "update", "upsert"):
        inputs: list[dict[str, Any]] = [{"id": ada, "properties": {}}, {"properties": {}}]
        assert call.batch("contacts", operation, inputs).status_code == 400
    assert len(hubspot.records("contacts")) == 1


@pytest.mark.parametrize("words", [{"token": "two words"}, {"admin_token": "line\n"}, {"token": "ü"}])
def test_a_token_that_no_header_can_carry_is_refused(words: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="token has a character that no header can carry"):
        Emulator(**words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("definitions", "why"),
    [
        ({"owners": [5]}, "owners, number 1: it must be a JSON object"),
        ({"owners": [{"email": "a@example.com"}, {}]}, "owners, None: id is missing"),
        ({"properties": {"contacts": [5]}}, "properties of contacts: a property must be a JSON object"),
        ({"labels": [{"label": "x"}]}, "labels, x: from is missing"),
        ({"format": 2}, "has the format 2, and this version reads 1"),
        ({"timeZone": "Mars"}, "the file: time_zone cannot be 'Mars'"),
    ],
)
def test_a_portal_file_says_in_a_sentence_what_is_wrong_in_it(definitions: dict[str, Any], why: str) -> None:
    with pytest.raises(PortalFileError, match=why):
        Emulator(portal=definitions)
