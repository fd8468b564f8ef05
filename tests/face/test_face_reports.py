"""A run that is not plain green says why: in its log, in the error of its step, and in the observation of a
dry run.
"""

import logging
import re
from typing import Any

import dagster as dg
import pytest
from face_helpers import BY_EMAIL, FIRMS, QUIET, Bench, config_of, firms, people

from hubspot_batch_dagster import hubspot_asset, hubspot_op
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.report import RejectedRows


def logged(bench: Bench, asset: Any, **options: Any) -> tuple[Any, list[tuple[str, str]]]:
    """A run, and what its log says at WARNING and above, without Dagster's own lines."""
    with dg.instance_for_test() as instance:
        ran = bench.materialize(asset, instance=instance, **options)
        lines = [
            (logging.getLevelName(each.level), each.user_message)
            for each in instance.all_logs(ran.result.run_id)
            if each.level >= logging.WARNING and each.dagster_event is None
        ]
        return ran, lines


def messy(n: int) -> list[dict[str, Any]]:
    return [{"email": None, "firstname": "Nobody"}, *people(n, bad=n - 1)]


def test_a_red_run_has_one_error_with_counts_reasons_rows_and_path_and_its_step_fails_with_the_same(
    bench: Bench,
) -> None:
    @hubspot_asset(BY_EMAIL, max_rejected=2)
    def contacts():
        return messy(9)

    ran, lines = logged(bench, contacts)
    [(level, said)] = lines
    assert level == "ERROR"
    first, *others = said.splitlines()
    assert first.startswith("contacts: 10 rows: 1 created, 9 rejected. ")
    assert first.endswith("Rejected: email: INVALID_EMAIL (8), email: MISSING_KEY (1).")
    assert len([each for each in others if each.startswith("  row ")]) == 3
    assert "  and 6 more." in others
    path = ran.metadata("contacts")["rejected_path"]
    assert str(path) in others[-1]
    failure = ran.result.failure_data_for_node("contacts").error
    assert said in failure.message
    assert failure.cls_name == "Failure"


def test_a_yellow_run_has_one_warning_and_a_green_one_none(bench: Bench) -> None:
    bad = 1

    @hubspot_asset(BY_EMAIL, max_rejected=2)
    def contacts():
        return people(3, bad=bad)

    ran, lines = logged(bench, contacts)
    [(level, said)] = lines
    assert ran.success
    assert level == "WARNING"
    assert "email: INVALID_EMAIL (1)" in said
    bad = 0
    assert logged(bench, contacts)[1] == []


def test_a_red_op_fails_with_the_same_words(bench: Bench) -> None:
    @hubspot_op(BY_EMAIL, max_rejected=0)
    def send() -> list[dict[str, Any]]:
        return people(4, bad=3)

    @dg.job(resource_defs={"hubspot": bench.resource()})
    def nightly() -> None:
        send()

    result = nightly.execute_in_process(run_config=QUIET, raise_on_error=False)
    said = result.failure_data_for_node("send").error.message
    assert "send: 4 rows: 1 created, 3 rejected." in said
    assert "Rejected: email: INVALID_EMAIL (3)." in said
    assert re.search(r"rejected\.parquet", said)


def test_a_dry_run_speaks_by_its_observation_and_log_and_leaves_the_checks_as_they_were(bench: Bench) -> None:
    rows = people(3)

    @hubspot_asset(BY_EMAIL, max_rejected=0)
    def contacts():
        return rows

    @dg.asset(deps=[contacts])
    def after() -> None: ...

    with dg.instance_for_test() as instance:
        assert bench.materialize(contacts, instance=instance).success
        rows = people(5, bad=2)
        ran = bench.materialize(
            contacts, after, instance=instance, run_config=config_of("contacts", dry_run=True)
        )
        assert ran.success
        assert ran.materialized() == [], "and nothing runs below it"
        assert ran.result.get_asset_check_evaluations() == []
        said = [
            each.user_message
            for each in instance.all_logs(ran.result.run_id)
            if each.level == logging.WARNING
        ]
    [event] = [each for each in ran.result.all_events if each.is_asset_observation]
    seen = event.asset_observation_data.asset_observation.metadata
    assert seen["verdict"].value.startswith(
        "2 rows would be rejected, more than the 0 that max_rejected allows."
    )
    reasons = [each.data for each in seen["reasons"].value.records]
    assert reasons == [{"column": "email", "code": "INVALID_EMAIL", "rows": 2}]
    assert [each.data["row"] for each in seen["sample"].value.records] == [3, 4]
    assert len(said) == 1
    assert "The run would fail." in said[0]
    assert len(bench.books.requests("upsert")) == 1


def test_unknown_rows_are_red_above_max_unknown_and_a_retry_policy_looks_again(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.answer(503, operation="create", times=40))

    @hubspot_asset(FIRMS, retry_policy=dg.RetryPolicy(max_retries=1))
    def companies():
        return firms(100)

    resources = {"hubspot": bench.resource(patience=1.0, certain_after=3600.0, wait_for_unknown=False)}
    ran, lines = logged(bench, companies, resources=resources)
    check = [each for each in ran.result.get_asset_check_evaluations() if each.check_name == "rows_unknown"]
    assert not ran.success
    assert [(each.passed, each.severity, each.blocking) for each in check] == [
        (False, dg.AssetCheckSeverity.ERROR, True)
    ] * len(check)
    assert len(check) == 2, "a second attempt was made"
    assert [level for level, _ in lines if level == "ERROR"] == ["ERROR"] * 2

    @hubspot_asset(FIRMS, name="companies", max_unknown=1.0)
    def forgiving():
        return firms(100)

    ran, lines = logged(bench, forgiving, resources=resources)
    assert ran.success
    assert ran.check("rows_unknown").severity == dg.AssetCheckSeverity.WARN
    assert [level for level, _ in lines] == ["WARNING"]


@pytest.mark.parametrize("size", [1, 3, 20])
def test_a_sample_has_the_first_row_of_each_reason_before_the_second_of_any(size: int) -> None:
    import pyarrow as pa

    codes = ["A"] * 5 + ["B"] * 3 + ["C"]
    table = pa.table(
        {
            "row": range(9),
            "region": ["eu"] * 9,
            "id": range(9),
            "column": ["x"] * 8 + [None],
            "error_category": [None] * 9,
            "error_code": codes,
            "error_property": [None] * 8 + ["y"],
            "error_message": [f"message {i}" for i in range(9)],
        }
    )
    found = RejectedRows.of(table, size)
    assert [(each.column, each.code, each.rows) for each in found.reasons] == [
        ("x", "A", 5),
        ("x", "B", 3),
        ("y", "C", 1),
    ]
    assert [each.row for each in found.sample] == [0, 5, 8, 1, 6, 2, 7, 3, 4][:size]
    assert found.sample[0].key == "eu, 0"
    assert str(found.sample[0]) == "row 0, key eu, 0: x: message 0"
