"""Links in trouble: lost answers, dropped connections, kill -9, refusals without end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from bench.association_rows import associated, by_email, people
from bench.sync_bench import HASTY, QUICK, Bench, shown

from hubspot_batch_dagster import Associate, Association
from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.run import RunOptions, plan_sync


@pytest.mark.parametrize(
    "fault",
    [
        Fault.answer(500, operation="associations.default", times=1, after_commit=True),
        Fault.drop(operation="associations.default", times=1),
        Fault.drop(operation="associations.default", times=1, after_commit=True),
        Fault.truncate(operation="associations.default", times=1),
        Fault.rate_limited(operation="associations.default", times=1),
        Fault.locked(operation="associations.default", times=1),
        Fault.omit(rows=3, operation="associations.default", times=1),
        Fault.empty(operation="associations.default", times=1),
        Fault.invalid_batch(operation="associations.default", times=1),
        Fault.conflict(operation="associations.default", times=1),
    ],
    ids=lambda fault: fault.name,
)
def test_trouble_with_the_association_call_is_settled_in_the_run(bench: Bench, fault: Fault) -> None:
    """Links may be sent twice, so a lost or odd answer is sent again until every row is linked."""
    companies = bench.companies(20)
    bench.emulator.faults.add(fault)
    assert shown(bench.run(people(list(companies)), by_email())) == {"created": 20}
    assert len(bench.pairs()) == 20
    assert not bench.emulator.books.trace_ids_committed_twice()


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_run_that_dies_between_record_and_link_is_finished_by_the_next(
    bench: Bench, after_commit: bool
) -> None:
    """Associations that were not confirmed are unknown, whatever their rows are; the next run writes them
    alone.
    """
    companies = bench.companies(30)
    bench.emulator.faults.add(Fault.drop(operation="associations.default", after_commit=after_commit))
    first = bench.run(people(list(companies)), by_email())
    assert shown(first) == {"created": 30}
    assert associated(first) == {"unknown": 30}
    assert len(bench.emulator.records("contacts")) == 30
    bench.emulator.faults.clear()
    second = bench.run(people(list(companies)), by_email())
    assert shown(second) == {"unchanged": 30}
    assert associated(second) == {"associated": 30}
    ids = bench.by_email()
    assert len(ids) == 30
    assert bench.pairs() == {(ids[f"p{i}@x.org"], companies[i]) for i in range(30)}


def test_a_killed_run_leaves_its_rows_open_until_they_are_linked(bench: Bench) -> None:
    """kill -9 after the records were made and before their links: the next run links them, and makes no
    second record.
    """
    companies = bench.companies(3)
    rows = people(list(companies))
    bench.emulator.faults.add(Fault.silent(20, operation="associations.default"))
    sync = subprocess.Popen([sys.executable, "-c", _SYNC, json.dumps(rows), *bench.address()])
    try:
        assert bench.wait_for(lambda: bool(bench.emulator.faults.struck()[0][1]), 90.0)
    finally:
        sync.send_signal(signal.SIGKILL)
        sync.wait(10)
    bench.emulator.faults.clear()
    assert len(bench.emulator.records("contacts")) == 3
    assert not bench.pairs()
    assert len(bench.store.journal.open_intents("sync")) == 1
    again = bench.run(rows, by_email())
    assert shown(again) == {"unchanged": 3}
    assert associated(again) == {"associated": 3}
    assert len(bench.pairs()) == 3
    assert len(bench.emulator.records("contacts")) == 3


_SYNC = """
import json, sys
from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.run import run_sync
from hubspot_batch_dagster.sync.state.store import Store

rows, token, url, root = json.loads(sys.argv[1]), *sys.argv[2:]
links = [Association("companies", column="company")]
operation = Upsert("contacts", id_property="email", properties=["email", "firstname"], associations=links)
run_sync(rows, operation, client=HubSpotClient(token, base_url=url), store=Store(root), name="sync")
"""


def test_links_that_are_all_refused_for_one_reason_stop_the_run(bench: Bench) -> None:
    """A wrong association is not found out 2,000 times: the run stops after a few and says why."""
    bench.emulator.faults.add(
        Fault.invalid_batch("These types cannot be associated.", operation="associations.default")
    )
    companies = bench.companies(100)
    result = bench.run(people(list(companies)), by_email())
    assert result.stopped is not None
    assert "for the same reason" in str(result.stopped)
    assert bench.requests("associations.default") < 40


def test_a_row_that_was_away_after_a_run_that_could_not_save_is_looked_at_once_it_is_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What that run wrote no ids table knows: that the row wants again what it wanted before does not say
    that it is there.
    """
    first, second = bench.companies(2)
    operation = by_email(Association("companies", column="company", replace=True))
    others = people([first], first=1)
    bench.run([*people([first]), *others], operation)

    def failing(*_: object, **__: object) -> None:
        raise StoreError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "conclude", failing)
        with pytest.raises(StoreError):
            bench.run([*people([second]), *others], operation)
    contact = bench.by_email()["p0@x.org"]
    assert {b for a, b in bench.pairs() if a == contact} == {second}
    time.sleep(0.2)
    bench.run(others, operation, retry_policy=HASTY)  # the row is away
    result = bench.run([*people([first]), *others], operation)
    assert associated(result) == {"associated": 1, "unchanged": 1}
    assert {b for a, b in bench.pairs() if a == contact} == {first}


def test_a_no_that_names_no_record_is_asked_for_again_in_the_next_run(bench: Bench) -> None:
    """It may be about a permission of the app: once that is given, the association is made, also of a row that is away."""
    (firm,) = bench.companies(1)
    bench.run(people([None, None]), by_email())
    words = {"status": "error", "message": "A permission is missing.", "category": "VALIDATION_ERROR"}
    bench.emulator.faults.add(Fault.answer(400, words, operation="associations.default"))
    for _ in range(2):
        refused = bench.run(people([firm, firm]), by_email())
        assert (shown(refused), associated(refused)) == ({"unchanged": 2}, {"rejected": 2})
        assert set(refused.associations["reason"].to_pylist()) == {"A permission is missing."}
    bench.emulator.faults.clear()
    assert associated(bench.run(people([firm]), by_email())) == {"associated": 2}
    assert len(bench.pairs()) == 2


@pytest.mark.parametrize("status", [400, 404])
def test_the_associations_that_a_refused_request_names_are_rejected_and_the_others_written(
    bench: Bench, status: int
) -> None:
    """It costs one request for them, and the next run asks for them once more: the record may be back."""
    firms, table = bench.companies(30), people([None] * 30)
    contacts = bench.run(table, by_email()).ids["hs_object_id"].to_pylist()
    words = {
        "status": "error",
        "message": "Could not get some objects, they may be deleted or not exist.",
        "category": "OBJECT_NOT_FOUND" if status == 404 else "VALIDATION_ERROR",
        "context": {"ids": [contacts[3], firms[7]]},
    }
    bench.emulator.faults.add(Fault.answer(status, words, operation="associations.default", times=1))
    refused = bench.run(people(list(firms)), by_email())
    assert associated(refused) == {"associated": 28, "rejected": 2}
    assert bench.requests("associations.default") == 2
    assert associated(bench.run(people(list(firms)), by_email())) == {"associated": 2, "unchanged": 28}
    assert associated(bench.run(people(list(firms)), by_email())) == {"unchanged": 30}
    assert bench.pairs() == set(zip(contacts, firms, strict=True))


def test_the_plan_counts_the_request_that_asks_once_more_for_what_was_refused(bench: Bench) -> None:
    firms = bench.companies(3)
    words = {
        "message": "Could not get some objects.",
        "category": "OBJECT_NOT_FOUND",
        "context": {"ids": firms[:2]},
    }
    bench.emulator.faults.add(Fault.answer(404, words, operation="associations.default", times=1))
    assert associated(bench.run(people(list(firms)), by_email())) == {"associated": 1, "rejected": 2}
    options = RunOptions(retry_policy=QUICK)
    planned = plan_sync(
        people(list(firms)), by_email(), client=bench.client, store=bench.store, name="sync", options=options
    )
    before = bench.requests("associations.default")
    assert associated(bench.run(people(list(firms)), by_email())) == {"associated": 2, "unchanged": 1}
    assert planned.requests == bench.requests("associations.default") - before == 1


def test_where_none_of_the_records_exist_each_association_is_rejected_at_once(bench: Bench) -> None:
    firms = bench.companies(12)
    bench.run(people([None] * 12), by_email())
    words = {
        "message": "Could not get some objects.",
        "category": "OBJECT_NOT_FOUND",
        "context": {"ids": firms},
    }
    bench.emulator.faults.add(Fault.answer(404, words, operation="associations.default"))
    result = bench.run(people(list(firms)), by_email())
    assert (associated(result), result.stopped) == ({"rejected": 12}, None)
    assert bench.requests("associations.default") == 1


def test_a_no_that_names_no_record_is_asked_for_again_where_rows_are_associations_too(bench: Bench) -> None:
    seats = Associate("contacts", "companies", from_column="a", to_column="b")
    rows = [{"a": a, "b": b} for a, b in zip(bench.contacts(3), bench.companies(3), strict=True)]
    words = {"status": "error", "message": "A permission is missing.", "category": "VALIDATION_ERROR"}
    bench.emulator.faults.add(Fault.answer(400, words, operation="associations.default"))
    assert shown(bench.run(rows, seats)) == {"rejected": 3}
    bench.emulator.faults.clear()
    assert shown(bench.run(rows, seats)) == {"created": 3}


@pytest.mark.parametrize(
    "said", [{"status": "CANCELED"}, {"status": "COMPLETE", "numErrors": 1}], ids=["not done", "an error"]
)
def test_what_replace_ends_counts_only_where_hubspot_says_that_it_is_done(
    bench: Bench, said: dict[str, object]
) -> None:
    one, two = bench.companies(2)
    operation = by_email(Association("companies", column="company", replace=True))
    bench.run(people([one]), operation)
    bench.emulator.faults.add(Fault.answer(200, said, operation="associations.archive", times=1))
    nights = [bench.run(people([two]), operation) for _ in range(2)]
    assert {b for _, b in bench.pairs()} == {two}
    assert sum(each.dissociated for each in nights) == 1
