"""The result: every row has exactly one outcome, or the run says that it does not add up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bench.sync_bench import BY_EMAIL, BY_KEY, COMPANIES, Bench, by_key, firms, people, shown

from hubspot_batch_dagster.api.errors import ConservationError, DailyLimitReached, HubSpotError, InputError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.existing_records import Archive
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.sync.options import RunOptions
from hubspot_batch_dagster.sync.result import SyncResult
from hubspot_batch_dagster.sync.run import plan_sync
from hubspot_batch_dagster.sync.staging import conclusion
from hubspot_batch_dagster.sync.staging.conclusion import OUTCOMES
from hubspot_batch_dagster.sync.staging.staging_area import StagingArea


def mixed(bench: Bench) -> SyncResult:
    """A run with a bit of everything."""
    bench.run(people(3), BY_EMAIL)
    bench.emulator.faults.add(Fault.invalid_batch("No.", operation="upsert", row={"firstname": "Ada 7"}))
    rows = [
        *people(10),
        {"id": 1, "email": "p1@x.org", "firstname": "Twice"},
        {"id": 2, "email": "bad", "firstname": "x"},
    ]
    rows[1]["firstname"] = "Grace"
    return bench.run(rows, BY_EMAIL)


def test_counts_name_all_outcomes_and_add_up(bench: Bench) -> None:
    result = mixed(bench)
    assert tuple(result.counts) == OUTCOMES
    assert shown(result) == {"created": 6, "updated": 1, "unchanged": 2, "rejected": 3}
    assert sum(result.counts.values()) == result.rows == result.ids.num_rows == 12
    assert sum(result.reasons.values()) == 3
    assert result.reasons["DUPLICATE_KEY"] == 1
    assert result.seconds > 0
    assert result.requests >= 3


def test_lines_are_in_the_order_of_the_table(bench: Bench) -> None:
    result = mixed(bench)
    assert result.ids.column("email").to_pylist() == [*(f"p{i}@x.org" for i in range(10)), "p1@x.org", "bad"]


def test_rejected_rows_are_listed_with_place_and_reason(bench: Bench) -> None:
    result = mixed(bench)
    lines = {line["row"]: line for line in result.rejected.to_pylist()}
    assert set(lines) == {7, 10, 11}
    assert lines[11]["column"] == "email"
    assert "No." in lines[7]["error_message"]
    assert lines[7]["correlation_id"]


def test_failures_are_raised_with_the_commonest_reasons_and_where_they_are_listed(bench: Bench) -> None:
    result = mixed(bench)
    with pytest.raises(HubSpotError, match=r"sync: of 12 rows 3 rejected\. Reasons: ") as caught:
        result.raise_for_failures()
    assert "DUPLICATE_KEY (1)" in caught.value.message
    assert result.rejected_path in caught.value.remedy
    assert "Ada" not in str(caught.value)
    bench.run(people(2), BY_EMAIL, "fine").raise_for_failures()
    stopped = replace(result, stopped=DailyLimitReached("today is over"))
    with pytest.raises(DailyLimitReached):
        stopped.raise_for_failures()


TAMPERING = {
    "a row is lost": "DELETE FROM staged WHERE row = 1",
    "a row is doubled": "INSERT INTO staged SELECT * FROM staged WHERE row = 1",
    "a row is invented": (
        "INSERT INTO rejected SELECT 99, keys, key, NULL, NULL, 'X', 'x' FROM staged WHERE row = 1"
    ),
}


@pytest.mark.parametrize("harm", TAMPERING)
def test_rows_that_do_not_add_up_raise(bench: Bench, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    conclude = conclusion.conclude

    def tampered(stage: StagingArea, **options: Any) -> None:
        stage.flush()
        stage.db.execute(TAMPERING[harm])
        conclude(stage, **options)

    monkeypatch.setattr(conclusion, "conclude", tampered)
    with pytest.raises(ConservationError, match="5 rows came in"):
        bench.run(people(5), BY_EMAIL)
    monkeypatch.undo()
    assert shown(bench.run(people(5), BY_EMAIL)) == {"unchanged": 5}


def test_two_rows_never_claim_one_record(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    conclude = conclusion.conclude

    def tampered(stage: StagingArea, **options: Any) -> None:
        stage.flush()
        stage.db.execute("UPDATE settled SET id = (SELECT id FROM settled WHERE row = 0) WHERE row = 3")
        conclude(stage, **options)

    monkeypatch.setattr(conclusion, "conclude", tampered)
    with pytest.raises(ConservationError, match="more than one row"):
        bench.run(people(5), BY_EMAIL)


# ---- looking before leaping


def look(bench: Bench, rows: object, operation: Any, **options: Any) -> Any:
    return plan_sync(
        rows, operation, client=bench.client, store=bench.store, name="sync", options=RunOptions(), **options
    )


def test_a_preview_says_what_the_run_then_does_and_writes_nothing(bench: Bench) -> None:
    bench.run(people(5), BY_EMAIL)
    sent = bench.writes()
    rows = [*people(8), {"id": 9, "email": "bad", "firstname": "x"}]
    rows[2]["firstname"] = "Grace"
    plan = look(bench, rows, BY_EMAIL)
    assert bench.writes() == sent
    assert {name: n for name, n in plan.counts.items() if n} == {
        "created": 3,
        "updated": 1,
        "unchanged": 4,
        "rejected": 1,
    }
    assert "9 rows: 3 created, 1 updated" in str(plan)
    assert "Grace" not in repr(plan)
    assert plan.rejected.num_rows == 1
    shown_values = look(bench, rows, BY_EMAIL, show_values=True)
    assert ("Ada 2", "Grace") in [(each.before, each.after) for each in shown_values.changes]
    assert shown_values.hash == plan.hash
    assert shown(bench.run(rows, BY_EMAIL, approve=plan.hash)) == {
        "created": 3,
        "updated": 1,
        "unchanged": 4,
        "rejected": 1,
    }


def test_a_plan_that_was_not_approved_is_not_carried_out(bench: Bench) -> None:
    plan = look(bench, people(5), BY_EMAIL)
    with pytest.raises(InputError, match="was approved"):
        bench.run(people(6), BY_EMAIL, approve=plan.hash)
    assert bench.writes() == 0


def test_a_run_that_would_do_more_than_it_may_stops_before_it_writes(bench: Bench) -> None:
    with pytest.raises(InputError, match="would make 20 records, and max_created=10"):
        bench.run(people(20), replace(BY_EMAIL, max_created=10))
    bench.run(people(20), replace(BY_EMAIL, max_created=1.0))
    changed = [{**each, "firstname": "Grace"} for each in people(20)]
    with pytest.raises(InputError, match="would change 20 records"):
        bench.run(changed, replace(BY_EMAIL, max_changed=0.5))
    assert bench.living("contacts", "firstname")["Grace"] == 0


@pytest.mark.parametrize(
    "operation",
    [
        replace(BY_EMAIL, adopt_existing=True),
        Upsert("companies", key="id", properties=["name", "ext"], creation_key="ext", adopt_existing=True),
    ],
)
def test_a_lost_ids_table_costs_reads_and_no_writes(bench: Bench, operation: Upsert) -> None:
    bench.emulator.add_property("companies", "ext", unique=True)
    rows: list[dict[str, Any]] = (
        people(150)
        if operation.id_property
        else [{"id": i, "name": f"N{i}", "ext": f"e{i}"} for i in range(150)]
    )
    first = bench.run(rows, operation, "before")
    sent = bench.writes()
    again = bench.run(rows, operation, "after")
    assert shown(again) == {"unchanged": 150}
    assert bench.writes() == sent
    assert again.requests == 2
    assert again.ids.column("hs_object_id").to_pylist() == first.ids.column("hs_object_id").to_pylist()


def test_unchanged_rows_are_judged_by_the_portals_values_when_asked(bench: Bench) -> None:
    operation = replace(BY_EMAIL, compare="portal")
    first = bench.run(people(5), operation)
    assert shown(bench.run(people(5), operation)) == {"unchanged": 5}
    record = by_key(first, "email")["p2@x.org"]["hs_object_id"]
    bench.client.batch_update("contacts", [{"id": record, "properties": {"firstname": "Changed in HubSpot"}}])
    assert shown(bench.run(people(5), operation)) == {"unchanged": 4, "updated": 1}
    assert bench.emulator.records("contacts")[record]["firstname"] == "Ada 2"


def test_records_without_a_unique_property_are_judged_by_their_ids(bench: Bench) -> None:
    operation = replace(BY_KEY, compare="portal")
    first = bench.run(firms(5), operation)
    assert shown(bench.run(firms(5), operation)) == {"unchanged": 5}
    record = by_key(first)[2]["hs_object_id"]
    bench.client.batch_update("companies", [{"id": record, "properties": {"city": "Changed in HubSpot"}}])
    assert shown(bench.run(firms(5), operation)) == {"unchanged": 4, "updated": 1}
    assert bench.emulator.records("companies")[record]["city"] == "Ulm"


def test_rows_are_archived_by_a_unique_property(bench: Bench) -> None:
    bench.run(people(4), BY_EMAIL)
    gone = Archive("contacts", id_property="email")
    result = bench.run([{"email": "P1@x.org"}, {"email": "nobody@x.org"}], gone, "bin")
    assert shown(result) == {"archived": 1, "rejected": 1}
    assert "p1@x.org" not in bench.living("contacts", "email")
    assert COMPANIES.unique_property is None
    assert Create("companies", key="id", properties=["name"], creation_key="name").unique_property == "name"
