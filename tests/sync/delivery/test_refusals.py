"""Refusals: which are about rows and which about the run, what it costs to find out, and what an outage
costs.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import pytest
from bench.sync_bench import (
    BY_EMAIL,
    BY_KEY,
    COMPANIES,
    CONTACTS,
    HASTY,
    QUICK,
    Bench,
    firms,
    lines,
    people,
    shown,
)
from hypothesis import given
from hypothesis import strategies as st

from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.delivery.refusal_trials import MOST_REQUESTS
from hubspot_batch_dagster.sync.delivery.trial_rows import MOST_ALONE, TrialRows
from hubspot_batch_dagster.sync.requests.groups import Groups


def requests_for(bad: set[int], n: int = 100, *, most: int = 100) -> tuple[int, set[int]]:
    """Requests after the first, and the rows that are refused, where HubSpot refuses what holds a bad row, and
    takes no more than so many rows at once.
    """
    groups, requests, refused = Groups(range(n)), -1, set[int]()
    while (group := groups.next()) is not None:
        requests += 1
        assert requests + 1 < 500
        if len(group.rows) > most:
            groups.shrink(group)
        elif not bad & set(group.rows):
            groups.taken(group)
        elif len(group.rows) == 1:
            refused |= set(group.rows)
            groups.found()
        else:
            groups.halve(group)
    return requests, refused


@given(st.sets(st.integers(0, 99), max_size=100))
def test_taking_a_batch_apart_finds_the_bad_rows_and_no_others(bad: set[int]) -> None:
    requests, refused = requests_for(bad)
    assert refused == bad
    assert requests <= 215


@given(st.sets(st.integers(0, 99), max_size=100), st.integers(1, 100))
def test_taking_a_batch_apart_that_is_too_large_as_well_ends_with_the_same_rows(
    bad: set[int], most: int
) -> None:
    assert requests_for(bad, most=most)[1] == bad


@pytest.mark.parametrize("bad", range(100))
def test_one_bad_row_in_a_hundred_costs_ten_requests_at_most(bad: int) -> None:
    assert requests_for({bad})[0] <= 10


@pytest.mark.parametrize(("bad", "most"), [({17}, 1 + MOST_REQUESTS), ({17, 83}, 26)])
def test_bad_rows_that_hubspot_does_not_name_are_found_and_all_others_written(
    bench: Bench, bad: set[int], most: int
) -> None:
    for i in bad:
        bench.emulator.faults.add(
            Fault.invalid_batch("Something is wrong.", operation="create", row={"name": f"Firm {i}"})
        )
    result = bench.run(firms(100), COMPANIES)
    assert shown(result) == {"created": 100 - len(bad), "rejected": len(bad)}
    assert bench.writes() <= most
    again = bench.run(firms(100), COMPANIES)
    assert (shown(again), again.requests) == ({"unchanged": 100 - len(bad), "rejected": len(bad)}, 1)


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ({"city": "Nowhere"}, {}),
        ({"city": "Nowhere"}, {"city": "Ulm"}),
        ({"phone": "+49/{0}"}, {"phone": "49 {0}"}),
    ],
    ids=["a property", "a value", "the way a value is written"],
)
def test_of_a_batch_of_bad_rows_but_two_one_of_the_two_is_tried(
    bad: dict[str, str], good: dict[str, str]
) -> None:
    sent = [
        {"name": f"Firm {i}"} | {k: v.format(i) for k, v in (good if i in (37, 71) else bad).items()}
        for i in range(100)
    ]
    batch = Batch(
        action="create",
        run="run",
        rows=list(range(100)),
        keys=[str(i) for i in range(100)],
        digests=[""] * 100,
        ids=[None] * 100,
        properties=[json.dumps(each) for each in sent],
        associations=[None] * 100,
    )
    rows = TrialRows(batch, list(range(100)))
    tried = [rows.next(number) for number in range(MOST_ALONE)]
    assert len(set(tried)) == MOST_ALONE
    assert {37, 71} & set(tried)


def test_two_good_rows_among_bad_ones_that_hubspot_does_not_name_are_written(bench: Bench) -> None:
    table = [{**each, "city": "Ulm" if each["id"] in (37, 41) else "Nowhere"} for each in firms(50)]
    bench.emulator.faults.add(
        Fault.invalid_batch("Something is wrong.", operation="create", row={"city": "Nowhere"})
    )
    assert shown(bench.run(table, COMPANIES)) == {"created": 2, "rejected": 48}


@pytest.mark.parametrize(("rows", "size"), [(300, 100), (3, 100), (40, 1)])
def test_a_refusal_of_every_row_is_about_the_run_and_is_not_remembered_against_the_rows(
    bench: Bench, rows: int, size: int
) -> None:
    bench.emulator.faults.add(
        Fault.invalid_batch("Missing 'Edit Associations' permission.", operation="create")
    )
    result = bench.run(people(rows), CONTACTS, batch_size=size)
    assert result.counts["rejected"] <= (0 if size > 1 else 8)
    assert result.counts["unsent"] + result.counts["rejected"] == rows
    assert result.stopped is not None
    assert "Edit Associations" in str(result.stopped)
    assert bench.writes() <= 1 + MOST_REQUESTS
    bench.emulator.faults.clear()
    assert shown(bench.run(people(rows), CONTACTS)) == {"created": rows}


def test_an_id_in_the_words_does_not_make_each_refusal_another_one(bench: Bench) -> None:
    for _ in range(60):
        words = f"Request {uuid.uuid4()} is not permitted."
        bench.emulator.faults.add(Fault.invalid_batch(words, operation="create", times=1))
    result = bench.run(people(300), CONTACTS)
    assert shown(result) == {"unsent": 300}
    assert bench.writes() <= 1 + MOST_REQUESTS


@pytest.mark.parametrize("partly", [True, False], ids=["207", "400"])
@pytest.mark.parametrize("operation", [COMPANIES, BY_EMAIL, BY_KEY], ids=["create", "upsert", "by key"])
def test_a_property_that_was_deleted_meanwhile_stops_the_run_and_is_remembered_against_no_row(
    bench: Bench, operation: Operation, partly: bool
) -> None:
    kind, table = ("contacts", people(250)) if operation is BY_EMAIL else ("companies", firms(250))
    bench.emulator.change(update_partial_by_trace_id=partly, partial_upsert_by_email=partly)
    bench.emulator.add_property(kind, "seen")
    rows = [{**each, "seen": "yes"} for each in table]
    sends = replace(operation, properties=[*operation.properties, "seen"])
    if operation is BY_KEY:
        bench.run([{**each, "seen": "no"} for each in rows], sends)
    before = bench.writes()
    bench.emulator.portal.table(kind).undefine("seen")
    result = bench.run(rows, sends)
    assert shown(result) == {"unsent": 250}
    assert "seen" in str(result.stopped)
    assert bench.writes() - before <= 3
    bench.emulator.add_property(kind, "seen")
    again = bench.run(rows, sends)
    assert again.counts["created"] + again.counts["updated"] == 250


@pytest.mark.parametrize(("rows", "size"), [(300, 100), (3, 100), (40, 1)])
@pytest.mark.parametrize("operation", [COMPANIES, CONTACTS, BY_EMAIL], ids=["bare", "unique", "upsert"])
def test_a_409_of_every_row_that_names_nothing_is_about_the_run_too(
    bench: Bench, operation: Operation, rows: int, size: int
) -> None:
    body = {"status": "error", "category": "CONFLICT", "message": "It exists already."}
    bench.emulator.faults.add(Fault.answer(409, body, operation="create|upsert"))
    policy = replace(QUICK, index_lag=0.05)
    table = firms(rows) if operation is COMPANIES else people(rows)
    result = bench.run(table, operation, batch_size=size, retry_policy=policy, wait_for_unknown=False)
    assert result.counts["rejected"] <= (0 if size > 1 else 8)
    assert result.counts["unsent"] + result.counts["rejected"] == rows
    assert result.stopped is not None
    assert "It exists already" in str(result.stopped)
    assert bench.writes() <= 1 + MOST_REQUESTS
    bench.emulator.faults.clear()
    again = bench.run(table, operation, retry_policy=HASTY)
    assert again.counts["rejected"] == again.counts["unknown"] == 0
    kind = "companies" if operation is COMPANIES else "contacts"
    assert len(bench.emulator.records(kind)) == rows


@pytest.mark.parametrize("rows", [250, 550, 650])
def test_a_refusal_of_creates_updates_and_archives_alike_costs_no_more_than_that_of_one_of_them(
    bench: Bench, rows: int
) -> None:
    """Each of the three was tried for itself, at once, and the run cost up to 8 requests for each."""
    operation = replace(BY_KEY, when_gone="archive", max_gone=1.0)
    bench.run(firms(rows), operation)
    changed = [{**each, "city": "Bonn"} for each in firms(rows // 2, rows // 4)] + firms(rows // 2, rows)
    before = bench.writes()
    bench.emulator.faults.add(
        Fault.invalid_batch("The app lacks a permission.", operation="create|update|archive")
    )
    result = bench.run(changed, operation)
    assert result.counts["unsent"] == len(changed)
    assert "lacks a permission" in str(result.stopped)
    batches = 2 * (-(-(rows // 2) // 100)) + -(-(rows - rows // 2) // 100)
    assert bench.writes() - before <= max(batches, 1 + MOST_REQUESTS)
    bench.emulator.faults.clear()
    again = bench.run(changed, operation)
    assert again.counts["created"] + again.counts["updated"] == len(changed)
    assert again.counts["archived"] == rows - rows // 2


@pytest.mark.parametrize("wrote", [False, True])
@pytest.mark.parametrize(
    "fine", [0, 4, 70], ids=["in the first batch", "inside a batch", "in the last batch"]
)
def test_a_409_of_every_row_that_is_tried_leaves_no_row_unsent_that_hubspot_wrote(
    bench: Bench, wrote: bool, fine: int
) -> None:
    """Whether a 409 wrote the rows before the one in the way is not documented: the emulator does either."""
    bench.emulator.change(
        conflict_with_trace_ids="409", conflict_names_id=False, conflict_commits_rows_before=wrote
    )
    bench.emulator.add_property("contacts", "ext", unique=True)
    rows = [{"ext": f"e{i}", "email": f"p{i}@x.org"} for i in range(80)]
    others = bench.seed_old(
        "contacts", [{"email": each["email"]} for each in rows if each["ext"] != f"e{fine}"]
    )
    operation = Upsert("contacts", id_property="ext", properties=["ext", "email"])
    result = bench.run(rows, operation, batch_size=10)
    mine = {each.get("ext") for each in bench.emulator.records("contacts").values()} - {None}
    outcomes = {each["ext"]: each for each in lines(result)}
    assert not [each for each in mine if outcomes[str(each)]["outcome"] in ("unsent", "rejected")]
    assert all(each["error_message"] for each in outcomes.values() if each["outcome"] == "unknown")
    bench.client.batch_archive("contacts", others)
    for _ in range(2):  # of the refused ones as many as a run may look at again
        again = bench.run(rows, operation, full_refresh=True)
    assert again.counts["updated"] == 80
    assert bench.once_each("contacts", "ext", [f"e{i}" for i in range(80)])


@pytest.mark.parametrize("operation", [COMPANIES, CONTACTS, BY_EMAIL], ids=["bare", "unique", "upsert"])
def test_one_row_that_gets_a_409_without_a_name_is_found_and_the_others_are_written(
    bench: Bench, operation: Operation
) -> None:
    name, value = ("name", "Firm 17") if operation is COMPANIES else ("email", "p17@x.org")
    body = {"status": "error", "category": "CONFLICT", "message": "It exists already."}
    bench.emulator.faults.add(Fault.answer(409, body, operation="create|upsert", row={name: value}))
    table = firms(60) if operation is COMPANIES else people(60)
    result = bench.run(table, operation, retry_policy=replace(QUICK, index_lag=0.05))
    assert shown(result) == {"created": 59, "rejected": 1}
    assert bench.writes() <= 1 + MOST_REQUESTS


@pytest.mark.parametrize("new", [1, 300])
def test_a_permission_that_creates_alone_lack_is_about_the_run_and_remembered_against_no_row(
    bench: Bench, new: int
) -> None:
    bench.run(firms(5), BY_KEY)
    changed = [{**each, "city": "Bonn"} for each in firms(5)]
    bench.emulator.faults.add(Fault.invalid_batch("The app lacks a permission.", operation="create"))
    before = bench.writes()
    result = bench.run([*changed, *firms(new, start=5)], BY_KEY)
    assert result.counts["rejected"] + result.counts["unsent"] >= new
    assert result.counts["rejected"] <= 1
    assert bench.writes() - before <= 2 + MOST_REQUESTS
    bench.emulator.faults.clear()
    assert bench.run([*changed, *firms(new, start=5)], BY_KEY).counts["created"] == new


def test_rows_that_were_under_way_when_the_permission_went_do_not_make_the_refusal_one_of_rows(
    bench: Bench,
) -> None:
    bench.emulator.change(latency=0.05)
    bench.emulator.faults.add(Fault.slow(0.2, operation="create", times=1, after_commit=True))
    bench.emulator.faults.add(Fault.invalid_batch("The app lacks a permission.", operation="create"))
    result = bench.run(firms(300), COMPANIES)
    assert shown(result) == {"created": 100, "unsent": 200}
    assert bench.writes() <= 2 + MOST_REQUESTS
    bench.emulator.faults.clear()
    assert shown(bench.run(firms(300), COMPANIES)) == {"created": 200, "unchanged": 100}


def test_the_only_row_of_a_run_is_rejected_and_tried_again_by_the_next_run(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.invalid_batch("Something is wrong.", operation="create"))
    assert shown(bench.run(firms(1), COMPANIES)) == {"rejected": 1}
    bench.emulator.faults.clear()
    assert shown(bench.run(firms(1), COMPANIES)) == {"created": 1}


def test_an_outage_is_waited_out_by_one_request_at_a_time_and_the_rest_is_sent(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.answer(503, operation="create", times=8))
    first = bench.run(firms(400), COMPANIES, batch_size=10)
    assert shown(first) == {"created": 320, "unknown": 80}
    second = bench.run(firms(400), COMPANIES, batch_size=10, retry_policy=HASTY)
    assert shown(second) == {"created": 80, "unchanged": 320}
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(400)])


def test_rows_without_an_answer_are_settled_in_the_run_and_those_that_were_not_made_are_sent(
    bench: Bench,
) -> None:
    told: list[str] = []
    bench.emulator.faults.add(Fault.answer(503, operation="create", times=4))
    bench.emulator.faults.add(Fault.answer(503, operation="create", times=1, after_commit=True))
    waits = {"wait_for_unknown": True, "retry_policy": replace(QUICK, certain_after=1.0)}
    result = bench.run(
        firms(200), COMPANIES, batch_size=10, on_progress=lambda each: told.append(str(each)), **waits
    )
    assert shown(result) == {"created": 200}
    assert any("may still make their records until" in each for each in told)
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(200)])


@pytest.mark.parametrize("operation", [COMPANIES, BY_KEY])
def test_rows_that_an_earlier_run_lost_are_settled_by_this_one_with_their_newest_values(
    bench: Bench, operation: Operation
) -> None:
    bench.emulator.faults.add(Fault.drop(operation="create", times=1))
    bench.emulator.faults.add(Fault.drop(operation="create", times=1, after_commit=True))
    late = replace(QUICK, index_lag=0.0)
    bench.emulator.portal.settings = replace(bench.emulator.portal.settings, search_lag=0.5)
    lost = bench.run(firms(20), operation, batch_size=10, retry_policy=late)
    assert shown(lost) == {"unknown": 20}
    rows = [{**row, "city": "Bonn"} for row in firms(30)]
    waits = replace(QUICK, certain_after=1.0)
    result = bench.run(rows[5:], operation, wait_for_unknown=True, retry_policy=waits)
    assert not result.counts["unknown"]
    again = bench.run(rows, operation)
    assert again.counts["created"] + again.counts["updated"] <= 5
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(30)])


def test_an_outage_that_lasts_longer_than_the_patience_stops_the_run_after_few_requests(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.answer(503, operation="create"))
    result = bench.run(firms(3000), COMPANIES, batch_size=10, retry_policy=replace(QUICK, total=1.0))
    assert result.stopped is not None
    assert result.stopped.status == 503
    assert result.counts["unsent"] > 2700
    assert result.counts["unsent"] + result.counts["unknown"] == 3000


def test_a_row_that_is_tried_alone_and_gets_no_answer_is_sent_once_more_and_not_twice(bench: Bench) -> None:
    """It waits to be sent again already when the batch that it was taken from is taken apart."""
    bench.emulator.add_property("companies", "ext", hasUniqueValue=True)
    bench.emulator.faults.add(
        Fault.invalid_batch("Something is wrong.", operation="create", nth=1, times=1),
        Fault.drop(operation="create", nth=1, times=1),  # of those that the first fault left
    )
    rows = [{**each, "ext": f"e{each['id']}"} for each in firms(8)]
    keyed = Upsert("companies", key="id", properties=["name", "ext"], creation_key="ext")
    assert shown(bench.run(rows, keyed)) == {"created": 8}
    assert bench.once_each("companies", "ext", [f"e{i}" for i in range(8)])
