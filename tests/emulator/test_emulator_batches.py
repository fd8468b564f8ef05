"""The five batch operations, as HubSpot is known to answer them."""

from __future__ import annotations

import json

import pytest
from emulator_helpers import Caller, contact_rows, created_ids, rows

from hubspot_batch_dagster.emulator import Emulator


def test_a_create_answers_201_with_every_record_and_its_system_properties(call: Caller) -> None:
    answer = call.batch("contacts", "create", rows({"email": "Ada@Example.COM", "firstname": "Ada"}))
    assert answer.status_code == 201
    body = answer.json()
    assert body["status"] == "COMPLETE"
    (result,) = body["results"]
    assert result["objectWriteTraceId"] == "t0"
    assert result["properties"]["email"] == "ada@example.com"
    assert result["properties"]["hs_object_id"] == result["id"]
    assert len(result["id"]) >= 10
    assert result["createdAt"].endswith("Z")
    assert {"createdate", "lastmodifieddate", "hs_object_source"} <= result["properties"].keys()
    assert answer.headers["x-hubspot-correlation-id"] == answer.headers["x-request-id"]


def test_results_come_in_another_order_than_the_inputs_and_ids_are_not_in_sequence(call: Caller) -> None:
    answer = call.batch("contacts", "create", contact_rows(50))
    traces = [result["objectWriteTraceId"] for result in answer.json()["results"]]
    assert traces != sorted(traces, key=lambda trace: int(trace[1:]))
    ids = created_ids(answer)
    in_input_order = [int(ids[f"t{n}"]) for n in range(50)]
    assert len(set(in_input_order)) == 50
    assert in_input_order != sorted(in_input_order)


def test_one_bad_row_without_trace_ids_fails_the_whole_batch_and_writes_nothing(
    call: Caller, hubspot: Emulator
) -> None:
    batch = rows({"email": "a@example.com"}, {"email": "not an email"}, {"nonsense": "1"}, trace=False)
    answer = call.batch("contacts", "create", batch)
    body = answer.json()
    assert answer.status_code == 400
    assert body["category"] == "VALIDATION_ERROR"
    assert body["correlationId"] == answer.headers["x-hubspot-correlation-id"]
    prefix = "Property values were not valid: "
    assert body["message"].startswith(prefix)
    assert [e["error"] for e in json.loads(body["message"][len(prefix) :])] == [
        "INVALID_EMAIL",
        "PROPERTY_DOESNT_EXIST",
    ]
    assert body["errors"][0]["context"]["propertyName"] == ["email"]
    assert hubspot.records("contacts") == {}


def test_with_a_trace_id_on_every_input_the_good_rows_are_written_and_each_error_names_its_row(
    call: Caller, hubspot: Emulator
) -> None:
    answer = call.batch("contacts", "create", rows({"email": "a@example.com"}, {"email": "bad"}))
    body = answer.json()
    assert answer.status_code == 207
    assert body["numErrors"] == 1
    assert body["errors"][0]["context"]["objectWriteTraceId"] == ["t1"]
    assert body["errors"][0]["category"] == "VALIDATION_ERROR"
    assert [result["objectWriteTraceId"] for result in body["results"]] == ["t0"]
    assert [r["email"] for r in hubspot.records("contacts").values()] == ["a@example.com"]


@pytest.mark.parametrize("traces", [["x", "x"], ["x", None]])
def test_repeated_or_missing_trace_ids_do_not_make_partial_success(
    call: Caller, traces: list[str | None]
) -> None:
    inputs = rows({"email": "a@example.com"}, {"email": "bad"}, trace=False)
    for item, trace in zip(inputs, traces, strict=True):
        if trace is not None:
            item["objectWriteTraceId"] = trace
    assert call.batch("contacts", "create", inputs).status_code == 400


def test_an_existing_email_is_a_409_for_the_batch_that_names_the_first_conflict(call: Caller) -> None:
    ids = created_ids(call.batch("contacts", "create", contact_rows(2)))
    inputs = rows(
        {"email": "new@example.com"},
        {"email": "P1@example.com"},
        {"email": "p0@example.com"},
        trace=False,
    )
    answer = call.batch("contacts", "create", inputs)
    assert answer.status_code == 409
    assert answer.json()["category"] == "CONFLICT"
    assert answer.json()["message"] == f"Contact already exists. Existing ID: {ids['t1']}"


def test_a_409_can_have_written_the_rows_before_the_conflict(call: Caller, hubspot: Emulator) -> None:
    hubspot.seed_records("contacts", [{"email": "old@example.com"}])
    hubspot.change(conflict_commits_rows_before=True, conflict_names_id=False)
    inputs = rows({"email": "a@example.com"}, {"email": "old@example.com"}, {"email": "b@example.com"})
    hubspot.change(conflict_with_trace_ids="409")
    answer = call.batch("contacts", "create", inputs)
    assert answer.status_code == 409
    assert answer.json()["message"] == "Contact already exists"
    emails = {record["email"] for record in hubspot.records("contacts").values()}
    assert emails == {"a@example.com", "old@example.com"}


def test_an_existing_email_with_trace_ids_is_a_conflict_beside_its_row(
    call: Caller, hubspot: Emulator
) -> None:
    (old,) = hubspot.seed_records("contacts", [{"email": "old@example.com"}])
    inputs = rows({"email": "a@example.com"}, {"email": "OLD@example.com"}, {"email": "a@example.com"})
    body = call.batch("contacts", "create", inputs).json()
    errors = {error["context"]["objectWriteTraceId"][0]: error for error in body["errors"]}
    assert errors["t1"]["category"] == "CONFLICT"
    assert errors["t1"]["context"]["existingId"] == [old]
    assert errors["t2"]["context"]["existingId"] == [body["results"][0]["id"]]


def test_a_refused_row_does_not_take_the_email_of_a_good_one(call: Caller) -> None:
    bad = {"email": "a@example.com", "lifecyclestage": "no such stage"}
    body = call.batch("contacts", "create", rows(bad, {"email": "a@example.com"})).json()
    assert [error["context"]["objectWriteTraceId"] for error in body["errors"]] == [["t0"]]
    assert [result["objectWriteTraceId"] for result in body["results"]] == ["t1"]


def test_a_custom_unique_property_refuses_a_second_record_with_its_value(
    call: Caller, hubspot: Emulator
) -> None:
    hubspot.add_property("companies", "account_id", unique=True)
    inputs = rows({"name": "A", "account_id": "7"}, {"name": "B", "account_id": "7"})
    body = call.batch("companies", "create", inputs).json()
    assert "CONFLICTING_UNIQUE_VALUE" in body["errors"][0]["message"]
    assert body["errors"][0]["context"]["objectWriteTraceId"] == ["t1"]
    again = call.batch("companies", "create", rows({"account_id": "7"}, trace=False))
    assert again.status_code == 400
    assert "CONFLICTING_UNIQUE_VALUE" in again.json()["message"]


@pytest.mark.parametrize("operation", ["create", "update", "upsert", "read", "archive"])
def test_more_than_100_inputs_are_refused(call: Caller, hubspot: Emulator, operation: str) -> None:
    hubspot.seed_records("contacts", [{}])
    inputs = [{"id": str(n), "properties": {}} for n in range(101)]
    answer = call.batch("contacts", operation, inputs)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"
    assert "maximum number of inputs supported in a batch is 100" in answer.json()["message"]


def test_a_read_with_history_takes_50_inputs(call: Caller) -> None:
    inputs = [{"id": str(n)} for n in range(51)]
    answer = call.batch("contacts", "read", inputs, propertiesWithHistory=["email"])
    assert answer.status_code == 400
    assert "for property histories is 50" in answer.json()["message"]


@pytest.mark.parametrize(("operation", "status"), [("create", 201), ("upsert", 200), ("update", 200)])
def test_a_body_without_inputs_is_a_silent_success(
    call: Caller, hubspot: Emulator, operation: str, status: int
) -> None:
    answer = call.post(f"/crm/v3/objects/contacts/batch/{operation}", {"properties": {"email": "a@b.co"}})
    assert answer.status_code == status
    assert answer.json()["results"] == []
    assert hubspot.books.commits() == []


def test_an_upsert_creates_once_and_then_updates_the_same_record(call: Caller) -> None:
    inputs = [{"id": "Ada@example.com", "idProperty": "email", "properties": {"lastname": "L"}}]
    first = call.batch("contacts", "upsert", inputs).json()["results"][0]
    second = call.batch("contacts", "upsert", inputs, version="2026-03").json()["results"][0]
    assert (first["new"], second["new"]) == (True, False)
    assert first["id"] == second["id"]
    assert first["properties"]["email"] == "ada@example.com"


def test_an_upsert_with_trace_ids_writes_the_good_rows(call: Caller) -> None:
    inputs = [
        {"id": f"{n}@example.com", "idProperty": "email", "objectWriteTraceId": f"t{n}", "properties": values}
        for n, values in enumerate([{"firstname": "A"}, {"lifecyclestage": "no such stage"}])
    ]
    body = call.batch("contacts", "upsert", inputs).json()
    assert [result["objectWriteTraceId"] for result in body["results"]] == ["t0"]
    assert "INVALID_OPTION" in body["errors"][0]["message"]


@pytest.mark.parametrize("operation", ["update", "upsert"])
def test_one_id_twice_in_a_batch_is_refused_with_trace_ids_and_without(
    call: Caller, hubspot: Emulator, operation: str
) -> None:
    hubspot.add_property("companies", "account_id", unique=True)
    inputs = [
        {
            "id": "7",
            "idProperty": "account_id",
            "properties": {"name": str(n)},
            "objectWriteTraceId": f"t{n}",
        }
        for n in range(2)
    ]
    answer = call.batch("companies", operation, inputs)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Duplicate IDs found in batch input: [7]. IDs must be unique"
    assert answer.json()["context"]["ids"] == ["7"]


def test_two_emails_of_one_person_are_one_record(call: Caller, hubspot: Emulator) -> None:
    (person,) = hubspot.seed_records(
        "contacts", [{"email": "one@example.com", "hs_additional_emails": "two@example.com"}]
    )
    inputs = [
        {"id": email, "idProperty": "email", "properties": {"city": "Bonn"}}
        for email in ("one@example.com", "TWO@example.com")
    ]
    assert call.batch("contacts", "upsert", inputs).status_code == 400
    result = call.batch("contacts", "upsert", inputs[1:]).json()["results"][0]
    assert (result["id"], result["new"]) == (person, False)


@pytest.mark.parametrize(
    ("object_type", "operation", "name"),
    [
        ("companies", "upsert", "domain"),
        ("deals", "upsert", "dealname"),
        ("contacts", "update", "email"),
        ("contacts", "upsert", "hs_object_id"),
    ],
)
def test_a_property_that_does_not_identify_a_record_is_refused_as_id_property(
    call: Caller, object_type: str, operation: str, name: str
) -> None:
    answer = call.batch(object_type, operation, [{"id": "1", "idProperty": name, "properties": {}}])
    assert answer.status_code == 400
    assert f"Unable to perform {operation} by non-unique" in answer.json()["message"]
    assert name in answer.json()["message"]


def test_an_update_of_unknown_ids_writes_the_rest_and_lists_them_in_one_error(
    call: Caller, hubspot: Emulator
) -> None:
    (known,) = hubspot.seed_records("contacts", [{"email": "a@example.com"}])
    inputs = [{"id": i, "properties": {"city": "Bonn"}} for i in ("1", known, "2")]
    answer = call.batch("contacts", "update", inputs)
    body = answer.json()
    assert answer.status_code == 207
    assert body["numErrors"] == 1
    assert body["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert body["errors"][0]["context"]["ids"] == ["1", "2"]
    assert [result["id"] for result in body["results"]] == [known]
    assert hubspot.records("contacts")[known]["city"] == "Bonn"


def test_an_update_of_unknown_ids_can_stay_silent(call: Caller, hubspot: Emulator) -> None:
    hubspot.change(update_unknown_as_error=False)
    answer = call.batch("contacts", "update", [{"id": "1", "properties": {}}])
    assert answer.status_code == 207
    assert answer.json()["numErrors"] == 0
    assert answer.json()["results"] == []


@pytest.mark.parametrize(("partial", "status"), [(False, 400), (True, 207)])
def test_a_bad_value_in_an_update_fails_the_batch_unless_the_portal_is_kinder(
    call: Caller, hubspot: Emulator, partial: bool, status: int
) -> None:
    ids = hubspot.seed_records("companies", [{"name": "A"}, {"name": "B"}])
    hubspot.change(update_partial_by_trace_id=partial)
    inputs = [
        {"id": record_id, "properties": {"annualrevenue": value}, "objectWriteTraceId": value}
        for record_id, value in zip(ids, ["12.50", "1e3"], strict=True)
    ]
    assert call.batch("companies", "update", inputs).status_code == status
    written = [record.get("annualrevenue") for record in hubspot.records("companies").values()]
    assert written == (["12.50", None] if partial else [None, None])


def test_two_inputs_for_one_record_can_have_written_the_first_half(call: Caller, hubspot: Emulator) -> None:
    hubspot.add_property("companies", "account_id", unique=True)
    ids = hubspot.seed_records("companies", [{"account_id": "7"}, {"account_id": "8"}])
    hubspot.change(duplicates_commit_rows_before=True)
    inputs = [
        {"id": ids[1], "properties": {"city": "Bonn"}},
        {"id": ids[0], "properties": {"city": "Ulm"}},
        {"id": "7", "idProperty": "account_id", "properties": {"city": "Rom"}},
        {"id": "9", "idProperty": "account_id", "properties": {}},
    ]
    assert call.batch("companies", "update", inputs).status_code == 400
    assert [record.get("city") for record in hubspot.records("companies").values()] == ["Ulm", "Bonn"]


def test_a_read_returns_what_was_asked_for_with_null_where_empty(call: Caller, hubspot: Emulator) -> None:
    (known,) = hubspot.seed_records("companies", [{"name": "A"}])
    answer = call.batch("companies", "read", [{"id": known}, {"id": "77"}], properties=["name", "city"])
    body = answer.json()
    assert answer.status_code == 207
    assert body["errors"][0]["context"]["ids"] == ["77"]
    properties = body["results"][0]["properties"]
    assert (properties["name"], properties["city"]) == ("A", None)
    assert set(properties) == {"name", "city", "createdate", "hs_lastmodifieddate", "hs_object_id"}


def test_a_read_finds_contacts_by_any_spelling_of_their_email(call: Caller, hubspot: Emulator) -> None:
    (known,) = hubspot.seed_records("contacts", [{"email": "a@example.com"}])
    answer = call.batch("contacts", "read", [{"id": " A@Example.com"}], idProperty="email")
    assert [result["id"] for result in answer.json()["results"]] == [known]


def test_an_archived_record_leaves_reads_and_is_found_among_the_archived(
    call: Caller, hubspot: Emulator
) -> None:
    (known,) = hubspot.seed_records("contacts", [{"email": "a@example.com"}])
    answer = call.batch("contacts", "archive", [{"id": known}, {"id": "unknown"}])
    assert (answer.status_code, answer.content) == (204, b"")
    assert call.batch("contacts", "archive", [{"id": known}]).status_code == 204
    path = "/crm/v3/objects/contacts/batch/read"
    assert call.post(path, {"inputs": [{"id": known}]}).status_code == 207
    archived = call.post(f"{path}?archived=true", {"inputs": [{"id": known}]})
    assert archived.json()["results"][0]["archived"] is True
    assert hubspot.books.records("contacts") == {}


@pytest.mark.parametrize(("reuse", "status"), [(True, 201), (False, 409)])
def test_the_email_of_an_archived_contact_is_free_or_taken(
    call: Caller, hubspot: Emulator, reuse: bool, status: int
) -> None:
    hubspot.change(email_reuse_after_archive=reuse)
    ids = created_ids(call.batch("contacts", "create", contact_rows(1)))
    call.batch("contacts", "archive", [{"id": ids["t0"]}])
    assert call.batch("contacts", "create", contact_rows(1, trace=False)).status_code == status


@pytest.mark.parametrize("name", ["contacts", "contact", "0-1", "CONTACTS"])
@pytest.mark.parametrize("version", ["v3", "2025-09", "2026-03", "2026-09"])
def test_every_name_and_version_of_a_type_means_the_same(call: Caller, name: str, version: str) -> None:
    assert call.batch(name, "create", contact_rows(1), version=version).status_code == 201
    assert call.emulator.books.created_count("contacts") == 1


def test_a_type_that_does_not_exist_is_a_400_without_a_category(call: Caller) -> None:
    answer = call.batch("butterflies", "create", rows({}))
    assert answer.status_code == 400
    assert answer.json()["message"] == "Unable to infer object type from: butterflies"
    assert "category" not in answer.json()


def test_malformed_json_is_a_400_with_the_place(call: Caller) -> None:
    answer = call.post("/crm/v3/objects/contacts/batch/create", data=b'{"inputs": [}')
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Invalid input JSON on line 1, column 13")
    assert "category" not in answer.json()


@pytest.mark.parametrize(
    "path",
    [
        "/crm/2026-03/objects/contacts/batch/create",
        "/crm/v9/objects/contacts/batch/create",
        "/crm/v3/objects/contacts/batch/delete",
        "/crm/v3/objects/appointments/batch/create",
        "/crm/objects/2026-09/goal_targets/batch/upsert",
        "/crm/v3/objects/feedback_submissions/batch/create",
        "/nothing",
    ],
)
def test_a_path_that_hubspot_does_not_have_is_a_404(call: Caller, path: str) -> None:
    answer = call.post(path, {"inputs": []})
    assert answer.status_code == 404
    assert answer.json()["message"] == "resource not found"


def test_trace_ids_are_echoed_unless_switched_off_and_the_create_status_can_drift(
    call: Caller, hubspot: Emulator
) -> None:
    hubspot.change(echo_trace_id=False, create_status=200, shuffle_results=False)
    answer = call.batch("contacts", "create", contact_rows(20))
    assert answer.status_code == 200
    assert [r["properties"]["email"] for r in answer.json()["results"]] == [
        f"p{n}@example.com" for n in range(20)
    ]
    assert all("objectWriteTraceId" not in result for result in answer.json()["results"])
