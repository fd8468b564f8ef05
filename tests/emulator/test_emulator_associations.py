"""Association types of HubSpot's own, in both directions, and what becomes primary."""

from __future__ import annotations

import pytest
from emulator_helpers import Caller

from hubspot_batch_dagster.api.association_types import default_association, direction_of
from hubspot_batch_dagster.emulator import Emulator
from hubspot_batch_dagster.emulator.association_types import STANDARD_TYPES

PUBLISHED = [
    ("orders", "contacts", 507),
    ("contacts", "orders", 508),
    ("carts", "line_items", 590),
    ("invoices", "subscriptions", 622),
    ("commerce_payments", "orders", 524),
    ("quotes", "taxes", 366),
    ("appointments", "notes", 920),
    ("courses", "deals", 862),
    ("listings", "contacts", 882),
    ("services", "projects", 1245),
    ("feedback_submissions", "tickets", 100),
    ("communications", "orders", 785),
    ("postal_mail", "listings", 905),
]


@pytest.mark.parametrize(("source", "target", "type_id"), PUBLISHED)
def test_hubspots_own_types_are_known_for_every_published_pair(
    call: Caller, source: str, target: str, type_id: int
) -> None:
    labels = call.get(f"/crm/v4/associations/{source}/{target}/labels").json()["results"]
    assert {"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": None} in labels


def test_each_type_is_listed_from_either_end_with_its_id_and_label(call: Caller) -> None:
    listed: dict[tuple[str, str], dict[int, str | None]] = {}
    for kind in STANDARD_TYPES:
        for source, target in ((kind.first, kind.second), (kind.second, kind.first)):
            if (source, target) not in listed:
                labels = call.get(f"/crm/v4/associations/{source}/{target}/labels").json()["results"]
                listed[source, target] = {each["typeId"]: each["label"] for each in labels}
        assert listed[kind.first, kind.second][kind.forward] == kind.label
        assert listed[kind.second, kind.first][kind.backward] == (kind.inverse_label or kind.label)
    for source, target in list(listed):
        assert set(listed[source, target]) == {
            type_id
            for kind in STANDARD_TYPES
            for first, second, type_id in (
                (kind.first, kind.second, kind.forward),
                (kind.second, kind.first, kind.backward),
            )
            if (first, second) == (source, target)
        }


def test_the_product_and_the_emulator_know_the_same_types() -> None:
    directed = {}
    for kind in STANDARD_TYPES:
        directed[kind.forward] = (kind.first, kind.second)
        directed[kind.backward] = (kind.second, kind.first)
    known = {type_id: direction_of(type_id) for type_id in directed if direction_of(type_id) is not None}
    assert len(known) == 375
    assert known == {type_id: directed[type_id] for type_id in known}
    for source, target, type_id in PUBLISHED:
        assert default_association(source, target) == type_id


def test_no_type_id_is_used_twice() -> None:
    ids = [type_id for kind in STANDARD_TYPES for type_id in {kind.forward, kind.backward}]
    assert len(ids) == len(set(ids))


def test_a_company_may_be_primary_of_many_contacts_and_a_contact_has_one_primary_company(
    call: Caller, hubspot: Emulator
) -> None:
    contacts = hubspot.seed_records("contacts", [{"email": f"p{n}@example.com"} for n in range(2)])
    firms = hubspot.seed_records("companies", [{"name": "x"}, {"name": "y"}])

    def primary_contact_of(firm: str, contact: str) -> None:
        body = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 2}]
        path = f"/crm/v4/objects/companies/{firm}/associations/contacts/{contact}"
        assert call.send("PUT", path, body).status_code == 201

    def primary_companies() -> dict[str, list[str]]:
        inputs = [{"id": each} for each in contacts]
        read = call.post("/crm/v4/associations/contacts/companies/batch/read", {"inputs": inputs}).json()
        return {
            result["from"]["id"]: [
                str(to["toObjectId"])
                for to in result["to"]
                if any(each["typeId"] == 1 for each in to["associationTypes"])
            ]
            for result in read["results"]
        }

    primary_contact_of(firms[0], contacts[0])
    primary_contact_of(firms[0], contacts[1])
    assert primary_companies() == {each: [firms[0]] for each in contacts}
    primary_contact_of(firms[1], contacts[1])
    assert primary_companies() == {contacts[0]: [firms[0]], contacts[1]: [firms[1]]}
