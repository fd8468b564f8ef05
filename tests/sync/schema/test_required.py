"""What a new record needs is checked row by row before anything is sent; rows that change a record need none
of it.
"""

from __future__ import annotations

from typing import Any

import pytest
from bench.sync_bench import Bench, reasons, shown

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.emulator.pipelines import Pipeline, Stage
from hubspot_batch_dagster.operations.existing_records import Update
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.sync.run import plan_sync
from hubspot_batch_dagster.sync.schema.required_properties import NEEDED

NOON = "2024-05-01T12:00:00Z"
MISSING = "MISSING_REQUIRED_PROPERTY"


@pytest.mark.parametrize("kind", ["calls", "notes", "tasks", "meetings", "postal_mail"])
def test_an_activity_without_a_time_is_rejected_and_the_others_are_made(bench: Bench, kind: str) -> None:
    rows = [{"id": 1, "hs_timestamp": NOON}, {"id": 2, "hs_timestamp": None}, {"id": 3, "hs_timestamp": ""}]
    result = bench.run(rows, Create(kind, key="id"))
    assert reasons(result) == [(1, "hs_timestamp", MISSING), (2, "hs_timestamp", MISSING)]
    assert shown(result) == {"created": 1, "rejected": 2}


def test_all_that_a_new_record_lacks_is_told_beside_what_else_is_wrong_with_its_row(bench: Bench) -> None:
    operation = Create("communications", key="id")
    good = {"hs_timestamp": NOON, "hs_communication_channel_type": "SMS", "hubspot_owner_id": None}
    rows = [
        {"id": 1, **good},
        {"id": 2, **good, "hs_timestamp": None, "hs_communication_channel_type": None},
        {"id": 3, **good, "hs_communication_channel_type": None, "hubspot_owner_id": "nobody"},
        {"id": 4, **good, "hs_timestamp": "noon"},
    ]
    result = bench.run(rows, operation)
    told = {each["row"] + 1: each["error_message"] for each in result.rejected.to_pylist()}
    assert shown(result) == {"created": 1, "rejected": 3}
    assert [told[2].count(f"without {name}") for name in good] == [1, 1, 0]
    assert told[3].startswith("hubspot_owner_id: 'nobody'")
    assert "Also hs_communication_channel_type: HubSpot makes no record without" in told[3]
    assert "hs_timestamp: 'noon'" in told[4]
    assert "without" not in told[4], "the cell is told of once"


def test_a_rejected_row_whose_record_is_known_lacks_nothing(bench: Bench) -> None:
    operation = Upsert("communications", key="id")
    row = {"id": 1, "hs_timestamp": NOON, "hs_communication_channel_type": "SMS", "hubspot_owner_id": None}
    bench.run([row], operation)
    result = bench.run([{**row, "hs_timestamp": None, "hubspot_owner_id": "nobody"}], operation)
    assert shown(result) == {"rejected": 1}
    assert "without" not in result.rejected["error_message"][0].as_py()


@pytest.mark.parametrize(
    ("kind", "row", "lacks"),
    [
        ("calls", {"hs_call_title": "a"}, "hs_timestamp"),
        ("emails", {"hs_timestamp": NOON}, "hs_email_direction"),
        ("communications", {"hs_timestamp": NOON}, "hs_communication_channel_type"),
    ],
)
def test_a_create_that_sends_no_column_for_it_is_refused(
    bench: Bench, kind: str, row: Any, lacks: str
) -> None:
    with pytest.raises(InputError, match=f"HubSpot makes no {kind} without {lacks}"):
        bench.run([{"id": 1, **row}], Create(kind, key="id"))
    assert bench.writes() == 0


LISTED = {
    "companies": ({"city": "Ulm"}, {"name": None, "city": "Ulm"}, "name or domain"),
    "deals": ({"dealname": "a"}, {"dealname": "a", "dealstage": None}, "dealstage"),
    "tickets": ({"subject": "a"}, {"subject": "a", "hs_pipeline": None}, "hs_pipeline"),
    "products": ({"price": "1"}, {"price": "1", "name": None}, "name"),
}


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
@pytest.mark.parametrize("kind", LISTED)
def test_what_a_page_lists_and_others_contradict_is_warned_of_and_sent(
    bench: Bench, kind: str, version: str
) -> None:
    without_column, empty, lacks = LISTED[kind]
    bench.reopen(version=version)
    for at, row in enumerate((without_column, empty)):
        bench.emulator.books.clear()
        bench.warnings.clear()
        bench.run([{"id": at, **row}], Create(kind, key="id"), str(at))
        assert any(f"1 new {kind} lack {lacks}, which" in each for each in bench.warnings), bench.warnings
        assert len(bench.emulator.books.requests("create", kind)) >= 1


def test_the_plan_shows_what_is_doubtful_and_counts_only_new_records(bench: Bench) -> None:
    rows = [{"id": at, "dealname": "a", "dealstage": None} for at in range(3)]
    bench.run(rows[:1], Create("deals", key="id"))

    def warnings(some: list[dict[str, Any]]) -> tuple[str, ...]:
        operation, connection = Create("deals", key="id"), {"client": bench.client, "store": bench.store}
        return plan_sync(some, operation, **connection, name="sync", portal=bench.portal).warnings

    said = "2 new deals lack dealstage, which 'Using object APIs'"
    assert any(each.startswith(said) for each in warnings(rows))
    assert warnings(rows[:1]) == ()


def test_every_rule_names_its_source() -> None:
    for rules in NEEDED.values():
        for each in rules:
            assert each.source
            assert each.choice


def test_what_is_let_through_on_2026_09_is_accepted_there(bench: Bench) -> None:
    bench.reopen(version="2026-09")
    rows = [{"id": 1, "dealname": "a", "dealstage": "closedwon", "pipeline": "default"}]
    assert shown(bench.run(rows, Create("deals", key="id"))) == {"created": 1}


def test_a_custom_object_needs_what_its_schema_requires(bench: Bench) -> None:
    bench.emulator.add_object_type("cars", [{"name": "vin"}, {"name": "colour"}], required=["vin"])
    rows = [{"id": 1, "vin": "a", "colour": "red"}, {"id": 2, "vin": None, "colour": "red"}]
    result = bench.run(rows, Create("cars", key="id"))
    assert reasons(result) == [(1, "vin", MISSING)]
    assert shown(result) == {"created": 1, "rejected": 1}


def test_a_row_whose_record_is_known_may_lack_it(bench: Bench) -> None:
    operation = Upsert("calls", key="id")
    bench.run([{"id": 1, "hs_timestamp": NOON, "hs_call_title": "a"}], operation)
    rows = [
        {"id": 1, "hs_timestamp": None, "hs_call_title": "b"},
        {"id": 2, "hs_timestamp": None, "hs_call_title": "c"},
    ]
    result = bench.run(rows, operation)
    assert shown(result) == {"updated": 1, "rejected": 1}
    assert reasons(result) == [(1, "hs_timestamp", MISSING)]
    again = bench.run([rows[0]], Create("calls", key="id"))
    assert shown(again) == {"unchanged": 1}


def test_a_value_that_only_looks_like_the_property_does_not_count(bench: Bench) -> None:
    rows = [{"id": 1, "hs_timestamp": None, "hs_call_title": '"hs_timestamp":"2024-01-01"'}]
    assert shown(bench.run(rows, Create("calls", key="id"))) == {"rejected": 1}


def _second_pipeline(bench: Bench) -> None:
    from hubspot_batch_dagster.emulator.pipeline_definitions import add_pipeline

    table = bench.emulator.portal.table("deals")
    add_pipeline(bench.emulator.portal, table, Pipeline("renewals", "Renewals", (Stage("asked", "Asked"),)))


@pytest.fixture
def two_pipelines(bench: Bench) -> Bench:
    before = {name: list(each) for name, each in bench.emulator.portal.pipelines.items()}
    _second_pipeline(bench)
    yield bench
    bench.emulator.portal.pipelines = before


def test_which_stage_a_pipeline_takes_is_hubspots_to_judge_and_labels_will_do(two_pipelines: Bench) -> None:
    stages = [
        ("default", "closedwon"),
        ("Renewals", "Asked"),
        ("renewals", "closedwon"),
        ("default", "asked"),
        (None, "asked"),
        (None, "Closed Won"),
        ("default", "nowhere"),
    ]
    rows = [{"id": i, "dealname": "d", "pipeline": p, "dealstage": s} for i, (p, s) in enumerate(stages)]
    result = two_pipelines.run(rows, Create("deals", key="id"))
    assert shown(result) == {"created": 3, "rejected": 4}
    refused = [(line["row"], line["error_property"]) for line in result.rejected.to_pylist()]
    assert refused == [(row, "dealstage") for row in (2, 3, 4, 6)]
    asked = two_pipelines.emulator.books.requests("create", "deals")[0]
    assert asked.inputs == 6, "all but row 6, whose stage no pipeline has, were HubSpot's to judge"


def test_a_stage_of_another_pipeline_is_a_warning_in_the_plan(two_pipelines: Bench) -> None:
    rows = [{"id": 1, "dealname": "d", "pipeline": "renewals", "dealstage": "closedwon"}]
    plan = plan_sync(
        rows,
        Create("deals", key="id"),
        client=two_pipelines.client,
        store=two_pipelines.store,
        name="planned",
        portal=two_pipelines.portal,
    )
    assert plan.counts["created"] == 1
    assert [each for each in plan.warnings if "none of their pipeline's" in each]


def test_a_stage_alone_is_not_judged_when_the_record_exists(two_pipelines: Bench) -> None:
    record = two_pipelines.emulator.seed_records("deals", [{"pipeline": "renewals", "dealstage": "asked"}])[0]
    rows = [{"record": record, "dealstage": "asked", "amount": 3}]
    assert shown(two_pipelines.run(rows, Update("deals", record_id="record"))) == {"updated": 1}
    bad = [{"record": record, "dealstage": "closedwon", "pipeline": "renewals"}]
    refused = two_pipelines.run(bad, Update("deals", record_id="record"), "bad").rejected.to_pylist()
    assert [line["error_property"] for line in refused] == ["dealstage"]
    assert [each.inputs for each in two_pipelines.emulator.books.requests("update", "deals")] == [1, 1]
