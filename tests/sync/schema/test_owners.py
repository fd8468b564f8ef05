"""Owners by their email address."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bench.sync_bench import QUICK, Bench, shown

from hubspot_batch_dagster.api.errors import HubSpotError
from hubspot_batch_dagster.emulator.faults import Fault
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.result import SyncResult


def test_an_owner_may_be_given_by_email_and_an_archived_one_is_refused_by_name(bench: Bench) -> None:
    bench.reopen()
    owners = [" Ada.Quist@example.com ", "1002", "dee.okoro@example.com", "nobody@example.com", None]
    rows = [{"email": f"p{at}@x.org", "hubspot_owner_id": each} for at, each in enumerate(owners)]
    result = bench.run(rows, Upsert("contacts", id_property="email"))
    told = {row: (code, message) for row, code, message in _owners_told(result)}
    assert {row: code for row, (code, _) in told.items()} == {2: "INVALID_OWNER", 3: "INVALID_OWNER"}
    assert "'dee.okoro@example.com' is not an owner: the owner Dee Okoro is archived." in told[2][1]
    assert "'nobody@example.com' is not an owner: no owner has this address." in told[3][1]
    stored = {
        each["email"]: each.get("hubspot_owner_id") for each in bench.emulator.records("contacts").values()
    }
    assert stored == {"p0@x.org": "1001", "p1@x.org": "1002", "p4@x.org": None}
    listed = len(bench.emulator.books.requests("owners.list"))
    assert listed == 2, "the living and the archived, once"
    bench.run(
        [{**rows[0], "hubspot_owner_id": "bo.lindahl@example.com"}], Upsert("contacts", id_property="email")
    )
    assert len(bench.emulator.books.requests("owners.list")) == listed, (
        "they are kept while the resource is open"
    )


def test_owners_are_not_asked_for_where_all_are_ids(bench: Bench) -> None:
    bench.reopen()
    bench.run([{"email": "a@x.org", "hubspot_owner_id": 1001}], Upsert("contacts", id_property="email"))
    assert bench.emulator.books.requests("owners.list") == []


def test_where_owners_cannot_be_read_the_row_says_so(bench: Bench) -> None:
    lacks = {"status": "error", "category": "MISSING_SCOPES", "message": "A scope is missing."}
    bench.emulator.faults.add(Fault.answer(403, lacks, operation="owners.list"))
    bench.reopen()
    rows = [
        {"email": "a@x.org", "hubspot_owner_id": "ada.quist@example.com"},
        {"email": "b@x.org", "hubspot_owner_id": None},
    ]
    result = bench.run(rows, Upsert("contacts", id_property="email"))
    ((row, code, message),) = _owners_told(result)
    assert (row, code) == (0, "INVALID_OWNER")
    assert "the owners cannot be read" in message


@pytest.mark.parametrize(
    "fault", [Fault.answer(503), Fault.drop(), Fault.html(200), Fault.answer(200, {"status": "sign in"})]
)
def test_owners_that_are_not_answered_of_are_asked_for_again_and_no_row_is_to_blame(
    bench: Bench, fault: Fault
) -> None:
    bench.reopen()
    rows = [{"email": "a@x.org", "hubspot_owner_id": "ada.quist@example.com"}]
    operation = Upsert("contacts", id_property="email")
    bench.emulator.faults.add(replace(fault, operation="owners.list"))
    with pytest.raises(HubSpotError, match="nothing was written"):
        bench.run(rows, operation, retry_policy=replace(QUICK, total=0.3))
    bench.emulator.faults.clear()
    bench.emulator.faults.add(replace(fault, operation="owners.list", times=1))
    assert shown(bench.run(rows, operation)) == {"created": 1}


def _owners_told(result: SyncResult) -> list[tuple[int, str, str]]:
    return [(each["row"], each["error_code"], each["error_message"]) for each in result.rejected.to_pylist()]
