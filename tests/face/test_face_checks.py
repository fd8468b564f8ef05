"""What the checks say of a run, and what Dagster does about it."""

from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from face_helpers import BY_EMAIL, OUTCOMES, Bench, people

from hubspot_batch_dagster import Create, SyncResult, Upsert, hubspot_asset
from hubspot_batch_dagster.checks import Tolerance, check_results

NUMBERS = {*OUTCOMES, "dagster/row_count", "requests", "retries", "seconds", "rows_per_second"}
REASONS = ("INVALID_EMAIL", "TOO_LONG", "READ_ONLY_PROPERTY")


def test_a_few_rejected_rows_are_yellow_and_do_not_stop_what_comes_after(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL, max_rejected=2)
    def contacts():
        return people(10, bad=2)

    @dg.asset
    def after(contacts: pa.Table) -> None: ...

    ran = bench.materialize(contacts, after)
    check = ran.check("rows_rejected")
    assert ran.success
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "2 of 10 rows were rejected" in (check.description or "")
    assert "after" in ran.materialized()


def test_too_many_are_red_the_value_is_saved_nothing_after_it_runs_and_no_retry_is_made(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL, max_rejected=2, retry_policy=dg.RetryPolicy(max_retries=2))
    def contacts():
        return people(10, bad=3)

    @dg.asset
    def after(contacts: pa.Table) -> None: ...

    ran = bench.materialize(contacts, after)
    check = ran.check("rows_rejected")
    assert not ran.success
    assert (check.passed, check.severity, check.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    assert ran.materialized() == ["contacts"]
    assert ran.metadata("contacts")["created"] == 7
    assert pq.read_table(bench.folder / "values" / "contacts.parquet").num_rows == 10
    assert ran.step_events("contacts").count("STEP_START") == 1
    assert "STEP_RESTARTED" not in ran.step_events("contacts")
    assert ran.step_events("after") in ([], ["STEP_SKIPPED"])


def result_of(
    folder: Path, rows: int, rejected: int = 0, codes: tuple[str, ...] = REASONS[:1], **counts: int
) -> SyncResult:
    """A result as a run gives it, its rejected rows one reason after the other."""
    lines = [
        {
            "row": i,
            "email": f"key {i}",
            "column": "email",
            "error_category": "VALIDATION_ERROR",
            "error_code": codes[min(i * len(codes) // rejected, len(codes) - 1)]
            if i >= len(codes)
            else codes[i],
            "error_property": "email",
            "error_message": f"Row {i} will not do.",
            "correlation_id": None,
            "warning": None,
        }
        for i in range(rejected)
    ]
    lines.sort(key=lambda line: line["error_code"])
    path = folder / "rejected.parquet"
    if lines:
        pq.write_table(pa.Table.from_pylist(lines), path)
    codes_of = [line["error_code"] for line in lines]
    known = {"rejected": rejected, "created": rows - rejected - sum(counts.values()), **counts}
    return SyncResult(
        name="contacts",
        run="r",
        rows=rows,
        counts={name: known.get(name, 0) for name in OUTCOMES},
        reasons={code: codes_of.count(code) for code in dict.fromkeys(codes_of)},
        requests=1,
        retries=0,
        seconds=1.0,
        ids_path=str(folder / "ids.parquet"),
        rejected_path=str(path),
    )


def results(folder: Path, max_rejected: float = 0.05, **given: Any) -> dict[str, dg.AssetCheckResult]:
    made = check_results(result_of(folder, **given), dg.AssetKey("contacts"), Tolerance(max_rejected))
    return {str(each.check_name): each for each in made}


@pytest.mark.parametrize(
    ("max_rejected", "rows", "rejected", "colour"),
    [
        (0, 10, 0, "green"),
        (0, 10, 1, "red"),
        (3, 10, 3, "yellow"),
        (3, 10, 4, "red"),
        (1, 10, 2, "red"),
        (1.0, 10, 10, "yellow"),
        (0.0, 10, 1, "red"),
        (0.05, 100, 5, "yellow"),
        (0.05, 100, 6, "red"),
        (0.05, 19, 1, "red"),
        (0.05, 20, 1, "yellow"),
        (0.07, 100, 7, "yellow"),
        (0.29, 100, 29, "yellow"),
        (0.05, 0, 0, "green"),
        (50, 10, 10, "yellow"),
    ],
)
def test_max_rejected_is_a_number_of_rows_or_a_share_of_them(
    tmp_path: Path, max_rejected: float, rows: int, rejected: int, colour: str
) -> None:
    check = results(tmp_path, max_rejected, rows=rows, rejected=rejected)["rows_rejected"]
    seen = "green" if check.passed else {"WARN": "yellow", "ERROR": "red"}[check.severity.value]
    assert seen == colour


@pytest.mark.parametrize(
    ("outcome", "check"), [("unsent", "rows_accounted_for"), ("unknown", "rows_unknown")]
)
def test_a_row_that_is_unsent_or_unknown_is_an_error_and_says_how_many(
    tmp_path: Path, outcome: str, check: str
) -> None:
    for n in (0, 3):
        found = results(tmp_path, rows=10, **{outcome: n})[check]
        assert found.passed is (n == 0)
        assert found.severity == dg.AssetCheckSeverity.ERROR or found.passed
        assert found.metadata[outcome].value == n
    assert "3" in (found.description or "")


def test_the_account_comes_first_and_zeros_are_kept_at_the_end(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL, max_rejected=2)
    def contacts():
        return people(5, bad=1)

    ran = bench.materialize(contacts)
    metadata = ran.metadata("contacts")
    assert list(metadata)[:4] == ["dagster/row_count", "created", "rejected", "records_url"]
    counted = (*OUTCOMES, "associations_unresolved", "cells_omitted", "waiting")
    zeros = [name for name in counted if not metadata[name]]
    ours = [name for name in metadata if name != "path"]  # the IO manager's
    assert ours[-len(zeros) :] == zeros
    counts = {name: each.value for name, each in ran.check("rows_accounted_for").metadata.items()}
    assert {name: counts[name] for name in OUTCOMES} == {name: metadata[name] for name in OUTCOMES}


def test_the_metadata_counts_the_refused_rows_that_wait_for_a_later_run(bench: Bench) -> None:
    """Each run looks 200 of them up at least; 205 conflicts leave five."""
    bench.emulator.seed_records("contacts", [{"email": f"p{i}@example.com"} for i in range(205)])

    @hubspot_asset(Create("contacts", key="id", properties=["email"]), max_rejected=1.0)
    def contacts():
        return [{"id": i, "email": f"p{i}@example.com"} for i in range(205)]

    assert [bench.materialize(contacts).metadata("contacts")["waiting"] for _ in range(2)] == [0, 5]


def test_the_links_lead_to_the_emulators_page_of_the_type_and_of_the_record(bench: Bench) -> None:
    rows = people(2)

    @hubspot_asset(BY_EMAIL, max_rejected=1)
    def contacts():
        return rows

    assert (
        bench.materialize(contacts).metadata("contacts")["records_url"]
        == f"{bench.emulator.url}/?type=contacts"
    )
    rows = [{"email": "p0@x.org", "firstname": "x" * 70_000}, *people(2)[1:]]
    [sample] = bench.materialize(contacts).check("rows_rejected").metadata["sample"].records
    [record_id] = [
        each for each, record in bench.emulator.records("contacts").items() if record["email"] == "p0@x.org"
    ]
    assert sample.data["record"] == f"{bench.emulator.url}/?type=contacts&record={record_id}"


def test_a_check_shows_at_most_twenty_rejected_rows_and_at_least_one_of_each_reason(tmp_path: Path) -> None:
    check = results(tmp_path, rows=1000, rejected=500, codes=REASONS)["rows_rejected"]
    sample = [each.data for each in check.metadata["sample"].records]
    reasons = {each.data["code"]: each.data["rows"] for each in check.metadata["reasons"].records}
    assert {each.data["column"] for each in check.metadata["reasons"].records} == {"email"}
    assert len(sample) == 20
    assert {each["code"] for each in sample} == set(REASONS) == set(reasons)
    assert sum(reasons.values()) == 500 == check.metadata["rejected"].value
    assert set(sample[0]) == {"row", "key", "column", "code", "message"}, "none of them has a record"
    assert sample[0]["message"] == f"Row {sample[0]['row']} will not do."
    assert sample[0]["key"] == f"key {sample[0]['row']}"


def test_more_reasons_than_the_sample_has_rows_are_all_counted(tmp_path: Path) -> None:
    codes = tuple(f"REASON_{i:02}" for i in range(30))
    check = results(tmp_path, rows=1000, rejected=300, codes=codes)["rows_rejected"]
    assert {each.data["code"] for each in check.metadata["reasons"].records} == set(codes)
    assert len(check.metadata["sample"].records) == 20


def test_a_row_without_a_key_is_shown_with_an_empty_one(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL, max_rejected=1)
    def contacts():
        return [*people(3), {"email": None, "firstname": "Nobody"}]

    check = bench.materialize(contacts).check("rows_rejected")
    [row] = [each.data for each in check.metadata["sample"].records]
    assert (row["row"], row["key"], row["code"]) == (3, "", "MISSING_KEY")


def test_each_run_reports_the_same_numbers_so_that_dagster_can_plot_them(bench: Bench) -> None:
    rows: list[dict[str, str]] = people(5)

    @hubspot_asset(BY_EMAIL)
    def contacts():
        return rows

    first = bench.materialize(contacts).metadata("contacts")
    second = bench.materialize(contacts).metadata("contacts")
    rows = people(7, bad=1)
    third = bench.materialize(contacts).metadata("contacts")
    assert set(first) == set(second) == set(third)
    for metadata in (first, second, third):
        assert {name: metadata[name] for name in NUMBERS if type(metadata[name]) not in (int, float)} == {}
        assert sum(metadata[name] for name in OUTCOMES) == metadata["dagster/row_count"]
    assert [each["created"] for each in (first, second, third)] == [5, 0, 1]
    assert [each["unchanged"] for each in (first, second, third)] == [0, 5, 5]
    assert third["rejected"] == 1
    assert pq.read_table(str(third["rejected_path"])).num_rows == 1


def test_columns_are_the_properties_as_the_portal_defines_them_and_those_of_the_ids_table_stand_apart(
    bench: Bench,
) -> None:
    @hubspot_asset(
        Upsert("companies", key=["region", "id"], properties={"name": "firm", "annualrevenue": "revenue"})
    )
    def companies():
        return [{"region": "eu", "id": i, "firm": f"Firm {i}", "revenue": 5} for i in range(2)]

    ran = bench.materialize(companies)
    columns = {each.name: each for each in ran.metadata("companies")["dagster/column_schema"].columns}
    assert {name: each.type for name, each in columns.items()} == {
        "name": "string",
        "annualrevenue": "number",
    }
    assert columns["annualrevenue"].description == "Annual Revenue. From the column revenue."
    ids = {each.name: each.type for each in ran.metadata("companies")["ids_columns"].columns}
    assert list(ids) == ran.value("companies").column_names
    assert ids["id"] == "int64"


def test_no_row_at_all_is_green(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL, max_rejected=0)
    def contacts():
        return pa.table({"email": pa.array([], pa.string()), "firstname": pa.array([], pa.string())})

    ran = bench.materialize(contacts)
    assert ran.success
    assert ran.metadata("contacts")["dagster/row_count"] == 0
    assert all(each.passed for each in ran.result.get_asset_check_evaluations())
