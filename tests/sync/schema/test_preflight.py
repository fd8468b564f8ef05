"""Before the first write: what a run asks the portal, what that costs, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.sync_bench import SETTINGS, Bench, reasons, shown

from hubspot_batch_dagster.api.errors import InputError, MissingScopes
from hubspot_batch_dagster.api.rate_limit.open_budget import open_budget
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.records import Create, Upsert

PEOPLE = [{"email": f"p{i}@x.org", "firstname": f"Ada {i}"} for i in range(3)]
BY_EMAIL = Upsert("contacts", id_property="email")
FORBIDDEN = {"category": "MISSING_SCOPES", "errors": [{"context": {"requiredGranularScopes": ["oauth"]}}]}
DEAL = {"id": 1, "dealname": "D", "dealstage": "closedwon", "pipeline": "default"}


def test_the_first_run_asks_three_times_and_the_next_one_only_looks_at_its_records(bench: Bench) -> None:
    result = bench.run(PEOPLE, BY_EMAIL)
    assert bench.operations() == ["account.details", "properties.list", "search", "upsert"]
    assert result.requests == 4
    bench.emulator.books.clear()
    bench.run([{**row, "firstname": "B"} for row in PEOPLE], BY_EMAIL)
    assert bench.operations() == ["read", "upsert"]


def test_pipelines_are_asked_for_only_when_one_is_written_and_three_requests_are_the_most(
    bench: Bench,
) -> None:
    bench.run([DEAL], Create("deals", key="id"))
    assert bench.definitions_asked() == ["account.details", "properties.list", "pipelines.list"]
    bench.emulator.books.clear()
    bench.run([{"id": 2, "dealname": "D", "dealstage": "closedwon"}], Upsert("deals", key="id"), "other")
    assert bench.definitions_asked() == []


@pytest.mark.parametrize(
    ("operation", "row"),
    [
        (Create("cars", key="id"), {"id": 1, "vin": "a"}),
        (Upsert("cars", key="id"), {"id": 1, "vin": "a"}),
        (Upsert("cars", id_property="vin"), {"vin": "a"}),
        (Update("cars", id_property="vin"), {"vin": "a"}),
        (Archive("cars", id_property="vin"), {"vin": "a"}),
        (
            Create("cars", key="id"),
            {"id": 1, "vin": "a", "hs_pipeline": "p", "hs_pipeline_stage": "s"},
        ),
    ],
)
def test_a_custom_object_too_costs_at_most_three_requests(bench: Bench, operation: object, row: dict) -> None:
    bench.emulator.add_object_type(
        "cars",
        [{"name": "vin", "hasUniqueValue": True}, {"name": "hs_pipeline"}, {"name": "hs_pipeline_stage"}],
        required=["vin"],
    )
    bench.run([row], operation)  # type: ignore[arg-type]
    assert len(bench.definitions_asked()) <= 3
    bench.emulator.books.clear()
    bench.run([row], operation, "other", first_run=True)  # type: ignore[arg-type]
    assert bench.definitions_asked() == []


def test_a_custom_object_that_the_portal_does_not_have_is_refused(bench: Bench) -> None:
    with pytest.raises(InputError, match="no object type 'cras'"):
        bench.run([{"id": 1, "vin": "a"}], Create("cras", key="id"))
    assert bench.writes() == 0


def test_an_unknown_column_is_refused_with_the_nearest_names(bench: Bench) -> None:
    rows = [{"email": "a@x.org", "frist_name": "A", "Job Titel": "B"}]
    with pytest.raises(InputError) as caught:
        bench.run(rows, BY_EMAIL)
    assert "Column 'frist_name' is no property of contacts. Nearest: 'firstname'" in str(caught.value)
    assert "'jobtitle'" in str(caught.value)
    assert "Name the columns to send in properties=" in str(caught.value)
    assert bench.writes() == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("hs_object_id", "read-only"),
        ("hs_object_source", "read-only"),
        ("hs_full_name_or_email", "calculated"),
        ("old", "archived property"),
        ("nothing_like_it_at_all", "does not exist"),
    ],
)
def test_a_property_that_cannot_be_written_is_refused(bench: Bench, name: str, why: str) -> None:
    bench.emulator.add_property("contacts", "old")
    bench.emulator.portal.table("contacts").undefine("old")
    operation = Upsert("contacts", id_property="email", properties={"email": "email", name: "mine"})
    with pytest.raises(InputError, match=why) as caught:
        bench.run([{"email": "a@x.org", "mine": "1"}], operation)
    assert caught.value.column == "mine"
    assert bench.writes() == 0


def test_a_property_made_after_the_first_look_is_found_by_looking_once_more(bench: Bench) -> None:
    bench.run(PEOPLE, BY_EMAIL)
    bench.emulator.add_property("contacts", "shoe_size", kind="number")
    bench.emulator.books.clear()
    result = bench.run([{"email": "q@x.org", "shoe_size": 41}], BY_EMAIL)
    assert shown(result) == {"created": 1}
    assert bench.operations() == ["properties.list", "read", "upsert"]


def test_values_are_checked_and_written_by_the_property_and_labels_become_internal_values(
    bench: Bench,
) -> None:
    rows = [
        {"id": 1, "name": "A", "industry": "Banking", "founded_year": 1990},
        {"id": 2, "name": "B", "industry": "COMPUTER_SOFTWARE", "founded_year": 1991},
        {"id": 3, "name": "C", "industry": "Bonking", "founded_year": 1992},
    ]
    result = bench.run(rows, Create("companies", key="id"))
    assert reasons(result) == [(2, "industry", "INVALID_OPTION")]
    assert shown(result) == {"created": 2, "rejected": 1}
    stored = {each["industry"] for each in bench.emulator.records("companies").values()}
    assert stored == {"BANKING", "COMPUTER_SOFTWARE"}


@pytest.mark.parametrize(
    "operation",
    [
        Upsert("contacts", id_property="firstname"),
        Update("contacts", id_property="firstname"),
        Archive("contacts", id_property="firstname"),
        Create("contacts", key="email", creation_key="firstname", properties=["email", "firstname"]),
    ],
)
def test_a_property_that_is_not_unique_is_refused_with_those_that_are(
    bench: Bench, operation: object
) -> None:
    bench.emulator.add_property("contacts", "ext_id", unique=True)
    with pytest.raises(InputError, match="'firstname' is not unique in HubSpot") as caught:
        bench.run(PEOPLE, operation)  # type: ignore[arg-type]
    assert "'email'" in caught.value.remedy
    assert "'ext_id'" in caught.value.remedy
    assert bench.writes() == 0


def test_a_type_without_a_unique_property_is_told_to_use_a_key(bench: Bench) -> None:
    with pytest.raises(InputError, match="notes have no unique property") as caught:
        bench.run([{"hs_note_body": "a"}], Upsert("notes", id_property="hs_note_body"))
    assert "key=" in caught.value.remedy


def test_without_permission_the_run_goes_on_without_definitions_and_says_so_once(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.answer(403, operation="properties.list"))
    result = bench.run(PEOPLE, BY_EMAIL)
    assert shown(result) == {"created": 3}
    assert len(bench.warnings) == 1
    assert "definitions of contacts cannot be read" in bench.warnings[0]
    bench.emulator.books.clear()
    bench.run([{**row, "firstname": "B"} for row in PEOPLE], BY_EMAIL)
    assert bench.operations() == ["read", "upsert"]
    assert len(bench.warnings) == 1


def test_the_check_can_be_switched_off_and_then_only_the_account_is_asked_for(bench: Bench) -> None:
    bench.reopen(check=False)
    bench.run(PEOPLE, BY_EMAIL)
    assert bench.operations() == ["account.details", "upsert"]


def test_a_token_of_another_portal_is_refused_before_anything_is_sent(bench: Bench) -> None:
    bench.reopen(portal_id=1234, check=False)
    with pytest.raises(InputError, match=rf"portal {bench.emulator.portal_id}, and portal_id=1234"):
        bench.run(PEOPLE, BY_EMAIL)
    assert bench.operations() == ["account.details"]
    bench.reopen(portal_id=bench.emulator.portal_id)
    assert shown(bench.run(PEOPLE, BY_EMAIL)) == {"created": 3}


def test_a_pinned_portal_that_cannot_be_verified_stops_and_names_the_scopes(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.answer(403, FORBIDDEN, operation="account.details"))
    bench.reopen(portal_id=bench.emulator.portal_id)
    with pytest.raises(MissingScopes, match="it lacks oauth"):
        bench.run(PEOPLE, BY_EMAIL)
    assert bench.writes() == 0


def test_a_portal_that_does_not_answer_leaves_every_row_unsent(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.answer(500, operation="account.details"))
    result = bench.run(PEOPLE, BY_EMAIL)
    assert shown(result) == {"unsent": 3}
    assert result.stopped is not None
    bench.emulator.faults.clear()
    assert shown(bench.run(PEOPLE, BY_EMAIL)) == {"created": 3}


def test_the_account_tells_the_budget_its_time_zone(bench: Bench, tmp_path: Path) -> None:
    budget = open_budget("a test of time zones", limit=100, folder=tmp_path)
    try:
        bench.client.budget = budget
        bench.run(PEOPLE, BY_EMAIL)
        assert budget.time_zone == SETTINGS.time_zone
    finally:
        budget.close()


def test_a_rejected_row_is_sent_again_when_the_definition_changed(bench: Bench) -> None:
    bench.emulator.add_property("contacts", "team", kind="enumeration", options=["red"])
    bench.emulator.faults.add(Fault.invalid_batch(operation="upsert", row={"email": "a@x.org"}))
    rows = [{"email": "a@x.org", "team": "red"}, {"email": "b@x.org", "team": "red"}]
    assert shown(bench.run(rows, BY_EMAIL)) == {"created": 1, "rejected": 1}
    bench.emulator.faults.clear()
    bench.emulator.books.clear()
    assert shown(bench.run(rows, BY_EMAIL)) == {"unchanged": 1, "rejected": 1}
    assert bench.writes() == 0
    bench.emulator.add_property("contacts", "team", kind="enumeration", options=["red", "blue"])
    bench.reopen()
    assert shown(bench.run(rows, BY_EMAIL)) == {"created": 1, "unchanged": 1}


def test_a_lead_needs_a_contact_and_the_operation_is_refused_without_one(bench: Bench) -> None:
    with pytest.raises(InputError, match="no lead without an association to a contact"):
        bench.run([{"id": 1, "hs_lead_name": "A"}], Create("leads", key="id"))
    contact = bench.emulator.seed_records("contacts", [{"email": "a@x.org"}])[0]
    operation = Create("leads", key="id", associations=[Association("contacts", column="c", type=578)])
    rows = [{"id": 1, "hs_lead_name": "A", "c": contact}, {"id": 2, "hs_lead_name": "B", "c": None}]
    result = bench.run(rows, operation)
    assert shown(result) == {"created": 1, "rejected": 1}
    assert reasons(result)[0][2] == "MISSING_REQUIRED_ASSOCIATION"


@pytest.mark.parametrize("sensitivity", ["sensitive", "highly_sensitive"])
def test_a_property_that_the_default_list_hides_is_written(bench: Bench, sensitivity: str) -> None:
    bench.emulator.add_property("contacts", "ssn", type="number", dataSensitivity=sensitivity)
    bench.reopen()
    rows = [{"email": "a@x.org", "ssn": 7}, {"email": "b@x.org", "ssn": "seven"}]
    result = bench.run(rows, BY_EMAIL)
    assert shown(result) == {"created": 1, "rejected": 1}
    assert [each["ssn"] for each in bench.emulator.records("contacts").values()] == ["7"]


def test_where_sensitive_properties_cannot_be_listed_an_unknown_one_is_not_advised_to_be_made(
    bench: Bench,
) -> None:
    lacks = {"status": "error", "category": "MISSING_SCOPES", "message": "A scope is missing."}
    fresh_and_stale = 2
    closed = (fresh_and_stale + 1, fresh_and_stale + 2)
    bench.emulator.faults.add(Fault.answer(403, lacks, operation="properties.list", nth=closed))
    bench.reopen()
    with pytest.raises(InputError, match="If it is a sensitive property") as caught:
        bench.run([{"email": "a@x.org", "ssn": "7"}], BY_EMAIL)
    assert "missing_properties" not in str(caught.value)
    assert bench.writes() == 0
