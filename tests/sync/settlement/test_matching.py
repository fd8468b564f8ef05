"""Answers back to rows: by trace id, id, unique value or values, and never by position."""

from __future__ import annotations

import json

import pytest
from bench.sync_bench import BY_EMAIL, COMPANIES, CONTACTS, EXAMPLES, Bench, by_key, firms, people, shown
from hypothesis import given
from hypothesis import strategies as st

from hubspot_batch_dagster.api.errors import InvalidBatch
from hubspot_batch_dagster.api.models import ErrorItem
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.base import Action
from hubspot_batch_dagster.operations.existing_records import Update
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.value_comparison import same_values
from hubspot_batch_dagster.sync.batches.verdict import MESSAGE_LENGTH, Written
from hubspot_batch_dagster.sync.settlement.matching import settle
from hubspot_batch_dagster.sync.settlement.refusals import refusals, rejection


def batch_of(
    action: Action, properties: list[dict[str, str]], ids: list[str] | None = None, by: str | None = None
) -> Batch:
    n = len(properties)
    return Batch(
        action=action,
        run="run",
        rows=[10 + i for i in range(n)],
        keys=[f"k{i}" for i in range(n)],
        digests=[f"d{i}" for i in range(n)],
        ids=list(ids) if ids else [None] * n,
        properties=[json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in properties],
        associations=[None] * n,
        id_property=by,
    )


def ids_of(batch: Batch, written: list[Written], errors: tuple[ErrorItem, ...] = ()) -> dict[int, str | None]:
    return {i: verdict.id for i, verdict in settle(batch, written, errors, "contacts").items()}


SIX = [{"name": f"N{i}", "city": "Ulm"} for i in range(6)]
ORDERS = st.permutations(range(6))


@EXAMPLES
@given(ORDERS)
def test_any_order_of_results_gives_the_same_mapping_by_trace_id(order: list[int]) -> None:
    batch = batch_of("create", SIX)
    written = [Written(f"70{i}", batch.trace_id(i)) for i in order]
    assert ids_of(batch, written) == {i: f"70{i}" for i in range(6)}


@EXAMPLES
@given(ORDERS)
def test_any_order_gives_the_same_mapping_by_values_where_no_trace_id_comes_back(order: list[int]) -> None:
    batch = batch_of("create", SIX)
    written = [Written(f"70{i}", None, None, {**SIX[i], "createdate": "x"}) for i in order]
    assert ids_of(batch, written) == {i: f"70{i}" for i in range(6)}


@EXAMPLES
@given(ORDERS)
def test_any_order_gives_the_same_mapping_by_record_id_for_updates(order: list[int]) -> None:
    batch = batch_of("update", SIX, [f"70{i}" for i in range(6)])
    assert ids_of(batch, [Written(f"70{i}") for i in order]) == {i: f"70{i}" for i in range(6)}


@EXAMPLES
@given(ORDERS)
def test_any_order_gives_the_same_mapping_by_the_unique_property_for_upserts(order: list[int]) -> None:
    emails = [f"Ada{i}@X.org" for i in range(6)]
    batch = batch_of("upsert", [{"email": each} for each in emails], emails, by="email")
    written = [Written(f"70{i}", None, i % 2 == 0, {"email": f" ada{i}@x.ORG"}) for i in order]
    verdicts = settle(batch, written, [], "contacts")
    assert {i: each.id for i, each in verdicts.items()} == {i: f"70{i}" for i in range(6)}
    assert [verdicts[i].outcome for i in range(6)] == ["created", "updated"] * 3


@EXAMPLES
@given(ORDERS, st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_what_an_answer_does_not_speak_of_stays_open(
    order: list[int], failed: set[int], omitted: set[int]
) -> None:
    batch = batch_of("create", SIX)
    written = [Written(f"70{i}", batch.trace_id(i)) for i in order if i not in failed | omitted]
    errors = [
        ErrorItem.model_validate(
            {
                "category": "VALIDATION_ERROR",
                "message": "no",
                "context": {"objectWriteTraceId": [batch.trace_id(i)]},
            }
        )
        for i in failed
    ]
    verdicts = settle(batch, written, errors, "contacts")
    assert set(verdicts) == (set(range(6)) - omitted) | failed
    assert {i for i, each in verdicts.items() if each.outcome == "rejected"} == failed


def test_two_rows_that_could_both_be_meant_stay_open() -> None:
    batch = batch_of("create", [{"name": "Same"}, {"name": "Same"}, {"name": "Other"}])
    written = [
        Written("1", None, None, {"name": "Same"}),
        Written("2", None, None, {"name": "Same"}),
        Written("3", None, None, {"name": "other"}),
    ]
    assert ids_of(batch, written) == {2: "3"}


def test_the_last_result_and_the_last_row_belong_together() -> None:
    batch = batch_of("create", [{"name": "A"}, {"name": "B Co"}])
    written = [
        Written("2", None, None, {"name": "B & Co"}),
        Written("1", batch.trace_id(0)),
    ]
    assert ids_of(batch, written) == {0: "1", 1: "2"}


def test_a_row_whose_email_is_another_ones_secondary_address_is_recognised() -> None:
    batch = batch_of(
        "upsert",
        [{"email": "old@x.org"}, {"email": "b@x.org"}, {"email": "c@x.org"}],
        ["old@x.org", "b@x.org", "c@x.org"],
        by="email",
    )
    written = [
        Written("1", None, False, {"email": "new@x.org", "hs_additional_emails": "older@x.org;Old@x.org"}),
        Written("3", None, False, {"email": "c@x.org", "hs_additional_emails": None}),
    ]
    assert ids_of(batch, written) == {0: "1", 2: "3"}


def test_one_not_found_item_speaks_of_all_the_ids_that_it_lists() -> None:
    batch = batch_of("update", SIX, [f"70{i}" for i in range(6)])
    item = ErrorItem.model_validate(
        {"category": "OBJECT_NOT_FOUND", "message": "gone", "context": {"ids": ["701", "704", "other"]}}
    )
    verdicts = settle(batch, [Written(f"70{i}") for i in (5, 0, 2, 3)], [item], "contacts")
    assert {i for i, each in verdicts.items() if each.category == "OBJECT_NOT_FOUND"} == {1, 4}
    assert len(verdicts) == 6


def test_an_error_that_names_nobody_settles_nobody() -> None:
    batch = batch_of("create", SIX)
    assert settle(batch, [], [ErrorItem.model_validate({"message": "something is wrong"})], "contacts") == {}


@pytest.mark.parametrize(
    "stranger",
    [
        Written("1", "somebody-else", None, {"name": "N0", "city": "Ulm"}),
        Written("1", None, None, {"name": "N0", "city": "Bonn"}),
        Written("abc", "run-10"),
        Written("", None, None, {"name": "N0", "city": "Ulm"}),
    ],
    ids=["another trace id", "other values", "no record id", "no id at all"],
)
def test_the_only_result_is_not_the_only_rows_where_something_contradicts_that(stranger: Written) -> None:
    assert settle(batch_of("create", SIX[:1]), [stranger], [], "companies") == {}


def test_a_result_with_another_record_id_or_unique_value_is_no_rows_without_its_trace_id() -> None:
    update = batch_of("update", SIX[:1], ["700"])
    assert settle(update, [Written("701", None, None, SIX[0])], [], "companies") == {}
    assert ids_of(update, [Written("701", update.trace_id(0))]) == {0: "701"}
    upsert = batch_of("upsert", [{"ext": "A1"}], ["A1"], by="ext")
    assert settle(upsert, [Written("700", None, True, {"ext": "a1"})], [], "companies") == {}
    assert ids_of(upsert, [Written("700", None, True, {"createdate": "x"})]) == {0: "700"}


def test_a_row_in_both_results_and_errors_is_written() -> None:
    batch = batch_of("create", SIX[:2])
    item = ErrorItem.model_validate(
        {"message": "no", "context": {"objectWriteTraceId": [batch.trace_id(0), batch.trace_id(1)]}}
    )
    traced = settle(batch, [Written("700", batch.trace_id(0))], [item], "companies")
    assert [traced[i].outcome for i in range(2)] == ["created", "rejected"]
    by_values = settle(batch, [Written("701", None, None, SIX[1])], [item], "companies")
    assert [by_values[i].outcome for i in range(2)] == ["rejected", "created"]


def test_warnings_of_a_result_stay_with_its_row() -> None:
    batch = batch_of("create", SIX[:1])
    found = settle(
        batch, [Written("1", batch.trace_id(0), None, {}, ("normalised", "twice"))], [], "contacts"
    )
    assert found[0].warning == "normalised; twice"


def test_a_rejection_carries_hubspots_own_reason_and_no_more_of_it_than_is_readable() -> None:
    reason = [{"isValid": False, "message": "x" * 5000, "error": "INVALID_OPTION", "name": "industry"}]
    item = ErrorItem.model_validate(
        {"category": "VALIDATION_ERROR", "message": f"Property values were not valid: {json.dumps(reason)}"}
    )
    verdict = rejection(item, "corr")
    assert (verdict.code, verdict.property, verdict.category, verdict.correlation_id) == (
        "INVALID_OPTION",
        "industry",
        "VALIDATION_ERROR",
        "corr",
    )
    assert verdict.message == "x" * MESSAGE_LENGTH


def test_a_list_of_reasons_that_is_cut_short_is_read_as_plain_words() -> None:
    verdict = rejection(
        ErrorItem.model_validate({"category": "VALIDATION_ERROR", "message": 'Not valid: [{"message": "cut'}),
        None,
    )
    assert (verdict.code, verdict.message) == ("VALIDATION_ERROR", 'Not valid: [{"message": "cut')


def test_a_refusal_of_a_whole_batch_names_rows_by_trace_id_by_id_or_by_value() -> None:
    batch = batch_of("update", [{"city": "Ulm"}, {"city": "Bonn"}, {"city": "Ulm"}], ["7", "8", "7"])
    assert set(
        refusals(batch, InvalidBatch(context={"objectWriteTraceId": [batch.trace_id(2), "other"]}))
    ) == {2}
    assert set(
        refusals(batch, InvalidBatch(said="Duplicate IDs found in batch input: [7]. IDs must be unique"))
    ) == {2}
    reasons = [
        {"name": "city", "propertyValue": "Bonn", "message": "no Bonn"},
        {"name": "city"},
        {"name": 3, "propertyValue": "Ulm"},
    ]
    found = refusals(batch, InvalidBatch(said=f"Property values were not valid: {json.dumps(reasons)}"))
    assert {i: (each.property, each.message) for i, each in found.items()} == {1: ("city", "no Bonn")}
    assert refusals(batch, InvalidBatch(said="Something is wrong")) == {}


@pytest.mark.parametrize(
    ("sent", "stored", "same"),
    [
        ("Ada@X.org ", "ada@x.org", True),
        ("24.00", "24", True),
        ("+5", "5", True),
        ("0.50", "0.5", True),
        ("100", "1", False),
        ("2024-02-29T12:30:00.000Z", "2024-02-29T12:30:00Z", True),
        ("2024-02-29T12:30:00Z", "2024-02-29T12:31:00Z", False),
        ("2024-01-31T14:00:00+02:00", "2024-01-31T12:00:00Z", True),
        ("2024-01-31T14:00:00+02:00", "2024-01-31T14:00:00Z", False),
        ("1706702400000", "2024-01-31T12:00:00Z", True),
        (";red", "red", True),
        (";red;blue", "red;blue", True),
        (";red", "blue", False),
        ("", None, True),
        ("a", None, False),
        ("Ulm", "Bonn", False),
    ],
)
def test_values_are_compared_by_what_they_mean(sent: str, stored: str | None, same: bool) -> None:
    assert same_values({"p": sent}, {"p": stored}) is same


def test_a_row_that_sent_nothing_is_like_no_record() -> None:
    assert not same_values({}, {"p": "x"})


# ---- over the requester


@pytest.mark.parametrize("echo", [True, False])
def test_ids_come_back_to_their_rows_with_and_without_an_echo_of_the_trace_ids(
    bench: Bench, echo: bool
) -> None:
    bench.emulator.change(echo_trace_id=echo)
    rows = firms(230)
    created = bench.run(rows, COMPANIES)
    assert shown(created) == {"created": 230}
    records = bench.emulator.records("companies")
    assert all(
        records[line["hs_object_id"]]["name"] == f"Firm {line['id']}" for line in created.ids.to_pylist()
    )

    by_id = [{"record": line["hs_object_id"], "city": f"C{line['id']}"} for line in created.ids.to_pylist()]
    updated = bench.run(by_id, Update("companies", record_id="record", properties=["city"]), "update")
    assert shown(updated) == {"updated": 230}
    records = bench.emulator.records("companies")
    assert all(records[line["hs_object_id"]]["city"] == f"C{line['id']}" for line in created.ids.to_pylist())


@pytest.mark.parametrize("echo", [True, False])
def test_an_upsert_finds_its_rows_whatever_the_case_of_their_emails(bench: Bench, echo: bool) -> None:
    bench.emulator.change(echo_trace_id=echo)
    ids = bench.emulator.seed_records("contacts", [{"email": "p3@x.org"}])
    rows = [{**each, "email": str(each["email"]).upper()} for each in people(10)]
    result = bench.run(rows, BY_EMAIL)
    assert shown(result) == {"created": 9, "updated": 1}
    assert by_key(result, "email")["P3@X.ORG"]["hs_object_id"] == ids[0]
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(10)])


def test_a_secondary_email_lands_on_its_contact_and_nothing_is_doubled(bench: Bench) -> None:
    bench.emulator.change(echo_trace_id=False)
    ids = bench.emulator.seed_records(
        "contacts", [{"email": "new@x.org", "hs_additional_emails": "old@x.org"}]
    )
    result = bench.run(
        [{"email": "old@x.org", "firstname": "Ada"}, {"email": "b@x.org", "firstname": "B"}], BY_EMAIL
    )
    assert shown(result) == {"created": 1, "updated": 1}
    assert by_key(result, "email")["old@x.org"]["hs_object_id"] == ids[0]


def test_updates_of_records_that_do_not_exist_are_rejected_row_by_row(bench: Bench) -> None:
    ids = bench.emulator.seed_records("companies", [{"name": f"N{i}"} for i in range(40)])
    gone = {str(5_000_000_000 + i) for i in range(10)}
    rows = [{"record": each, "city": "Ulm"} for each in [*ids, *gone]]
    result = bench.run(rows, Update("companies", record_id="record", properties=["city"]))
    assert shown(result) == {"updated": 40, "rejected": 10}
    assert result.reasons == {"OBJECT_NOT_FOUND": 10}
    assert {line["record"] for line in result.rejected.to_pylist()} == gone


def test_updates_that_hubspot_passes_over_in_silence_are_looked_up_and_rejected(bench: Bench) -> None:
    bench.emulator.change(update_unknown_as_error=False)
    ids = bench.emulator.seed_records("companies", [{"name": "A"}])
    rows = [{"record": ids[0], "city": "Ulm"}, {"record": "5000000001", "city": "Ulm"}]
    result = bench.run(rows, Update("companies", record_id="record", properties=["city"]))
    assert shown(result) == {"updated": 1, "rejected": 1}
    assert result.reasons == {"OBJECT_NOT_FOUND": 1}
    assert bench.writes("update") == 1


def test_an_answer_that_omits_rows_of_an_upsert_gets_them_sent_again(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.omit(rows=3, operation="upsert", times=1))
    result = bench.run(people(10), BY_EMAIL)
    assert result.counts["created"] + result.counts["updated"] == 10
    assert [each.inputs for each in bench.emulator.books.requests("upsert")] == [10, 3]
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(10)])


def test_an_answer_that_omits_created_rows_gets_them_read_back_and_not_sent_again(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.omit(rows=3, operation="create", times=1))
    result = bench.run(people(10), CONTACTS)
    assert shown(result) == {"created": 10}
    assert bench.writes("create") == 1
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(10)])


def test_an_answer_that_omits_unkeyed_rows_gets_them_searched_for(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.omit(rows=3, operation="create", times=1))
    result = bench.run(firms(10), COMPANIES)
    assert shown(result) == {"created": 10}
    assert bench.writes("create") == 1
    records = bench.emulator.records("companies")
    assert all(
        records[line["hs_object_id"]]["name"] == f"Firm {line['id']}" for line in result.ids.to_pylist()
    )


@pytest.mark.parametrize("written", [True, False])
def test_an_empty_success_is_not_believed(bench: Bench, written: bool) -> None:
    bench.emulator.faults.add(Fault.empty(operation="create", times=1, after_commit=written))
    result = bench.run(people(10), CONTACTS)
    assert shown(result) == {"created": 10}
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(10)])


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING", "CANCELED"])
def test_a_batch_that_is_not_complete_is_an_answer_that_was_lost(bench: Bench, status: str) -> None:
    body = {"status": status, "results": []}
    bench.emulator.faults.add(Fault.answer(200, body, operation="upsert", times=1))
    result = bench.run(people(5), BY_EMAIL)
    assert shown(result) == {"created": 5}
    assert result.retries == 1


def test_a_partial_success_without_room_for_details_is_settled(bench: Bench) -> None:
    bench.emulator.add_property("companies", "ext", unique=True)
    bench.emulator.seed_records("companies", [{"name": "Other", "ext": "e3"}])
    rows = [{"id": i, "name": f"N{i}", "ext": f"e{i}"} for i in range(6)]
    result = bench.run(rows, Upsert("companies", key="id", properties=["name", "ext"]))
    assert shown(result) == {"created": 5, "rejected": 1}
    line = result.rejected.to_pylist()[0]
    assert (line["id"], line["error_code"], line["error_property"]) == (3, "CONFLICTING_UNIQUE_VALUE", "ext")
