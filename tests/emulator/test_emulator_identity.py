"""Which record an id means: merged ones, absent ones, and contacts by their address."""

from __future__ import annotations

import pytest
from emulator_helpers import Caller

from hubspot_batch_dagster.emulator import Emulator, EmulatorProcess

CONTACTS = "/crm/v3/objects/contacts"


def two_contacts(hubspot: Emulator) -> tuple[str, str]:
    one, two = hubspot.seed_records(
        "contacts",
        [
            {"email": "a@example.com", "firstname": "A", "lifecyclestage": "lead"},
            {"email": "b@example.com", "firstname": "B", "city": "Ulm", "lifecyclestage": "customer"},
        ],
    )
    return one, two


def merge(call: Caller, primary: str, other: str, object_type: str = "contacts") -> dict:
    body = {"primaryObjectId": primary, "objectIdToMerge": other}
    answer = call.post(f"/crm/v3/objects/{object_type}/merge", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_both_ids_of_a_merge_lead_to_a_new_record(call: Caller, hubspot: Emulator) -> None:
    one, two = two_contacts(hubspot)
    left = merge(call, one, two)
    assert left["id"] not in (one, two)
    assert left["properties"]["firstname"] == "A"
    assert left["properties"]["city"] == "Ulm"
    assert left["properties"]["lifecyclestage"] == "customer"
    assert left["properties"]["hs_merged_object_ids"] == f"{one};{two}"
    assert left["properties"]["hs_additional_emails"] == "b@example.com"
    for old in (one, two):
        assert call.get(f"{CONTACTS}/{old}").json()["id"] == left["id"]
    both = call.batch("contacts", "read", [{"id": one}, {"id": two}]).json()
    assert [result["id"] for result in both["results"]] == [left["id"]]
    by_second = call.batch("contacts", "read", [{"id": "b@example.com"}], idProperty="email").json()
    assert by_second["results"][0]["id"] == left["id"]
    assert list(hubspot.records("contacts")) == list(hubspot.books.records("contacts")) == [left["id"]]
    assert hubspot.books.created_count("contacts") == 0


def test_a_merge_may_keep_the_id_of_the_primary_record(call: Caller, hubspot: Emulator) -> None:
    hubspot.change(merge_gives_new_id=False)
    one, two = two_contacts(hubspot)
    assert merge(call, one, two)["id"] == one
    assert call.get(f"{CONTACTS}/{two}").json()["id"] == one


def test_ids_of_a_chain_of_merges_lead_to_the_last_record(call: Caller, hubspot: Emulator) -> None:
    one, two = two_contacts(hubspot)
    (three,) = hubspot.seed_records("contacts", [{"email": "c@example.com"}])
    first = merge(call, one, two)["id"]
    last = merge(call, three, first)["id"]
    for old in (one, two, three, first):
        assert call.get(f"{CONTACTS}/{old}").json()["id"] == last


def test_a_merge_moves_associations_and_keeps_one_primary_company(call: Caller, hubspot: Emulator) -> None:
    one, two = two_contacts(hubspot)
    firms = hubspot.seed_records("companies", [{"name": "x"}, {"name": "y"}])
    for contact, firm in zip((one, two), firms, strict=True):
        call.send("PUT", f"/crm/v4/objects/contacts/{contact}/associations/default/companies/{firm}")
    left = merge(call, one, two)["id"]
    found = call.get(f"/crm/v4/objects/contacts/{two}/associations/companies").json()["results"]
    types = {str(each["toObjectId"]): {t["typeId"] for t in each["associationTypes"]} for each in found}
    assert types == {firms[0]: {1, 279}, firms[1]: {279}}
    back = call.get(f"/crm/v4/objects/companies/{firms[1]}/associations/contacts").json()["results"]
    assert [str(each["toObjectId"]) for each in back] == [left]


def test_a_merge_that_cannot_be_is_refused(call: Caller, hubspot: Emulator) -> None:
    one, two = two_contacts(hubspot)
    path = f"{CONTACTS}/merge"
    assert call.post(path, {"primaryObjectId": one}).status_code == 400
    assert call.post(path, {"primaryObjectId": one, "objectIdToMerge": one}).status_code == 400
    absent = call.post(path, {"primaryObjectId": one, "objectIdToMerge": "77"})
    assert (absent.status_code, absent.json()["category"]) == (404, "OBJECT_NOT_FOUND")
    many = ";".join(f"m{n}@example.com" for n in range(248))
    (crowd,) = hubspot.seed_records("contacts", [{"email": "m@example.com", "hs_additional_emails": many}])
    assert call.post(path, {"primaryObjectId": one, "objectIdToMerge": two}).status_code == 200
    full = call.post(path, {"primaryObjectId": one, "objectIdToMerge": crowd})
    assert full.status_code == 414


@pytest.mark.parametrize(
    ("choice", "status", "written"),
    [
        ("carried_out", 200, True),
        ("under_old_id", 200, True),
        ("left_out", 200, False),
        ("not_found", 207, False),
    ],
)
def test_an_update_by_a_merged_id_does_what_the_setting_says(
    call: Caller, hubspot: Emulator, choice: str, status: int, written: bool
) -> None:
    hubspot.change(update_of_merged=choice)
    one, two = two_contacts(hubspot)
    left = merge(call, one, two)["id"]
    answer = call.batch("contacts", "update", [{"id": two, "properties": {"city": "Bonn"}}])
    assert answer.status_code == status
    told = [result["id"] for result in answer.json()["results"]]
    assert told == {"carried_out": [left], "under_old_id": [two]}.get(choice, [])
    assert (hubspot.records("contacts")[left]["city"] == "Bonn") is written
    single = call.send("PATCH", f"{CONTACTS}/{two}", {"properties": {"city": "Trier"}})
    assert single.status_code == (404 if choice == "not_found" else 200)


@pytest.mark.parametrize(("choice", "left"), [("carried_out", 0), ("ignored", 1)])
def test_an_archive_by_a_merged_id_does_what_the_setting_says(
    call: Caller, hubspot: Emulator, choice: str, left: int
) -> None:
    hubspot.change(archive_of_merged=choice)
    one, two = two_contacts(hubspot)
    merge(call, one, two)
    assert call.batch("contacts", "archive", [{"id": one}]).status_code == 204
    assert len(hubspot.records("contacts")) == left


@pytest.mark.parametrize("operation", ["read", "update"])
@pytest.mark.parametrize("choice", ["207", "404"])
def test_a_batch_of_absent_ids_alone_answers_as_the_setting_says(
    call: Caller, hubspot: Emulator, operation: str, choice: str
) -> None:
    hubspot.change(all_absent=choice)
    answer = call.batch("contacts", operation, [{"id": "77", "properties": {"city": "x"}}])
    assert answer.status_code == int(choice)
    body = answer.json()
    assert (body if choice == "404" else body["errors"][0])["category"] == "OBJECT_NOT_FOUND"
    (one,) = hubspot.seed_records("contacts", [{"email": "a@example.com"}])
    some = call.batch("contacts", operation, [{"id": i, "properties": {"city": "x"}} for i in ("77", one)])
    assert some.status_code == 207


def test_a_single_update_finds_a_contact_by_its_address_and_a_batch_does_not(
    call: Caller, hubspot: Emulator
) -> None:
    one, _ = two_contacts(hubspot)
    changed = call.send(
        "PATCH", f"{CONTACTS}/A@example.com?idProperty=email", {"properties": {"city": "Ulm"}}
    )
    assert (changed.status_code, changed.json()["id"]) == (200, one)
    inputs = [{"id": "a@example.com", "idProperty": "email", "properties": {"city": "Bonn"}}]
    assert call.batch("contacts", "update", inputs).status_code == 400
    assert hubspot.records("contacts")[one]["city"] == "Ulm"


def test_an_emulator_in_another_process_merges_too() -> None:
    with EmulatorProcess() as hubspot:
        one, two = hubspot.seed_records("companies", [{"name": "A"}, {"name": "B"}])
        left = hubspot.merge("companies", one, two)
        assert hubspot.records("companies")[left]["name"] == "A"
        with pytest.raises(ValueError, match="cannot be merged with itself"):
            hubspot.merge("companies", one, two)
