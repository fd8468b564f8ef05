"""A refusal of a whole batch: the rows that are wrong are rejected, the others are written, and it costs few
requests.
"""

from __future__ import annotations

import pytest
from bench.sync_bench import BY_EMAIL, COMPANIES, CONTACTS, Bench, by_key, firms, people, shown

from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.existing_records import Update
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.sync.delivery.refusal_trials import MOST_REQUESTS

EMAILS = [f"p{i}@x.org" for i in range(100)]


def test_one_bad_row_that_hubspot_names_costs_one_request_more(bench: Bench) -> None:
    ids = bench.seed_old("companies", [{"name": f"N{i}"} for i in range(100)])
    rows = [
        {"record": each, "industry": "NOT_AN_OPTION" if i == 37 else "BANKING"} for i, each in enumerate(ids)
    ]
    result = bench.run(rows, Update("companies", record_id="record", properties=["industry"]))
    assert shown(result) == {"updated": 99, "rejected": 1}
    assert bench.writes() == 2
    line = result.rejected.to_pylist()[0]
    assert (line["record"], line["error_code"], line["error_property"]) == (
        ids[37],
        "INVALID_OPTION",
        "industry",
    )
    assert line["correlation_id"]


def test_several_bad_rows_each_get_the_reason_that_names_them(bench: Bench) -> None:
    ids = bench.seed_old("companies", [{"name": f"N{i}"} for i in range(20)])
    rows = [{"record": each, "industry": "BANKING", "numberofemployees": "5"} for each in ids]
    rows[3]["industry"] = "WRONG"
    rows[9]["numberofemployees"] = "many"
    result = bench.run(
        rows, Update("companies", record_id="record", properties=["industry", "numberofemployees"])
    )
    assert shown(result) == {"updated": 18, "rejected": 2}
    said = {line["row"]: (line["error_property"], line["error_code"]) for line in result.rejected.to_pylist()}
    assert said[3] == ("industry", "INVALID_OPTION")
    assert said[9][0] == "numberofemployees"
    assert bench.writes() == 2


@pytest.mark.parametrize("bad", [0, 42, 99])
def test_one_bad_row_that_hubspot_does_not_name_costs_at_most_15_requests_more(
    bench: Bench, bad: int
) -> None:
    bench.emulator.faults.add(
        Fault.invalid_batch("Row is wrong.", operation="create", row={"email": f"p{bad}@x.org"})
    )
    result = bench.run(people(100), CONTACTS)
    assert shown(result) == {"created": 99, "rejected": 1}
    assert bench.writes() <= 16
    assert by_key(result)[bad]["outcome"] == "rejected"
    assert "Row is wrong." in result.rejected.to_pylist()[0]["error_message"]
    assert bench.once_each("contacts", "email", [each for i, each in enumerate(EMAILS) if i != bad])


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("names", [True, False])
def test_a_conflict_that_fails_a_whole_batch_of_contacts_doubles_and_loses_nothing(
    bench: Bench, before: bool, names: bool
) -> None:
    bench.emulator.change(
        conflict_with_trace_ids="409", conflict_commits_rows_before=before, conflict_names_id=names
    )
    taken = {7, 31, 80}
    bench.seed_old("contacts", [{"email": EMAILS[i], "firstname": "Somebody else"} for i in taken])
    result = bench.run(people(100), CONTACTS)
    assert shown(result) == {"created": 97, "rejected": 3}
    assert {line["id"] for line in result.rejected.to_pylist()} == taken
    assert bench.once_each("contacts", "email", EMAILS)
    assert bench.nothing_doubled()


@pytest.mark.parametrize("before", [True, False])
def test_a_conflict_among_rows_without_a_unique_value_doubles_and_loses_nothing(
    bench: Bench, before: bool
) -> None:
    bench.emulator.faults.add(Fault.conflict(operation="create", nth=1, after_commit=before))
    result = bench.run(firms(20), COMPANIES)
    assert shown(result) == {"created": 20}
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(20)])


def test_a_conflict_of_a_single_create_is_its_rejection(bench: Bench) -> None:
    bench.emulator.change(conflict_with_trace_ids="409")
    ids = bench.seed_old("contacts", [{"email": "p0@x.org", "firstname": "Eve"}])
    result = bench.run(people(1), CONTACTS)
    line = result.rejected.to_pylist()[0]
    assert (line["error_category"], line["id"]) == ("CONFLICT", 0)
    assert ids[0] in line["error_message"]


def test_a_record_that_somebody_else_made_is_never_said_to_be_created(bench: Bench) -> None:
    bench.seed_old("contacts", [{"email": "p3@x.org", "firstname": "Ada 3"}])
    result = bench.run(people(5), CONTACTS)
    assert shown(result) == {"created": 4, "rejected": 1}
    assert by_key(result)[3]["error_category"] == "CONFLICT"


def test_with_a_creation_key_the_record_that_exists_is_the_rows_own(bench: Bench) -> None:
    bench.emulator.add_property("companies", "ext", unique=True)
    ids = bench.seed_old("companies", [{"name": "Older", "ext": "e3"}])
    rows = [{"id": i, "name": f"N{i}", "ext": f"e{i}"} for i in range(6)]
    result = bench.run(rows, Create("companies", key="id", properties=["name", "ext"], creation_key="ext"))
    assert shown(result) == {"created": 5, "unchanged": 1}
    assert by_key(result)[3]["hs_object_id"] == ids[0]
    assert bench.emulator.records("companies")[ids[0]]["name"] == "Older"


def test_two_keys_for_one_record_in_a_batch_are_refused_and_the_others_written(bench: Bench) -> None:
    ids = bench.seed_old("contacts", [{"email": "new@x.org", "hs_additional_emails": "old@x.org"}])
    rows = [*people(8), {"email": "new@x.org", "firstname": "A"}, {"email": "old@x.org", "firstname": "B"}]
    result = bench.run(rows, BY_EMAIL)
    assert (result.counts["created"], result.counts["updated"], result.counts["rejected"]) == (8, 1, 1)
    assert result.reasons == {"SAME_RECORD": 1}
    assert [line["hs_object_id"] for line in result.ids.to_pylist()].count(ids[0]) == 2
    (second,) = result.rejected.to_pylist()
    assert second["email"] == "old@x.org"
    assert "new@x.org" in str(second["error_message"])
    assert bench.emulator.records("contacts")[ids[0]]["firstname"] == "A"
    assert bench.writes() <= 10


def test_ids_that_hubspot_calls_duplicated_are_sent_once(bench: Bench) -> None:
    said = "Duplicate IDs found in batch input: [p2@x.org]. IDs must be unique"
    bench.emulator.faults.add(Fault.invalid_batch(said, operation="upsert", times=1))
    result = bench.run(people(6), BY_EMAIL)
    assert shown(result) == {"created": 6}


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (Upsert("companies", id_property="name", properties=["name", "city"]), "non-unique"),
        (Upsert("2-999", id_property="name", properties=["name", "city"]), "infer object type"),
    ],
)
def test_a_request_that_is_wrong_as_a_whole_stops_at_once(
    bench: Bench, operation: Upsert, words: str
) -> None:
    result = bench.run(firms(100), operation)
    assert shown(result) == {"unsent": 100}
    assert bench.writes("upsert") == 1
    assert words in str(result.stopped)


def test_a_batch_whose_rows_are_all_refused_alike_stops_the_run(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.invalid_batch("Your account lacks this.", operation="create"))
    result = bench.run(firms(400), COMPANIES, batch_size=10)
    assert result.stopped is not None
    assert "Your account lacks this." in result.stopped.message
    assert result.counts["unsent"] == 400
    assert bench.writes() <= 1 + MOST_REQUESTS
    assert result.rows == sum(result.counts.values()) == 400


def test_bad_rows_of_several_kinds_do_not_stop_the_run(bench: Bench) -> None:
    for i in range(20):
        bench.emulator.faults.add(
            Fault.invalid_batch(f"Reason {chr(97 + i)}.", operation="create", row={"name": f"Firm {i}"})
        )
    result = bench.run(firms(60), COMPANIES, batch_size=20)
    assert shown(result) == {"created": 40, "rejected": 20}
    assert result.stopped is None


def test_rows_with_the_same_taken_value_do_not_all_fall_for_one_of_them(bench: Bench) -> None:
    bench.emulator.add_property("companies", "ext", unique=True)
    ids = bench.seed_old("companies", [{"name": f"N{i}"} for i in range(5)])
    rows = [{"record": each, "ext": "same" if i in (1, 3) else f"e{i}"} for i, each in enumerate(ids)]
    result = bench.run(rows, Update("companies", record_id="record", properties=["ext"]))
    assert shown(result) == {"updated": 4, "rejected": 1}
    assert bench.once_each("companies", "ext", ["e0", "same", "e2", "None", "e4"])
