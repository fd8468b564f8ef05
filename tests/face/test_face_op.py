"""hubspot_op, and hubspot.sync inside an op, an asset and a script."""

from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from face_helpers import BY_EMAIL, FIRMS, QUIET, Bench, config_of, firms, people

from hubspot_batch_dagster import HubSpotResource, hubspot_op
from hubspot_batch_dagster.api.errors import HubSpotError, InputError
from hubspot_batch_dagster.emulator import Fault


def run(
    bench: Bench, job: dg.JobDefinition, resource: HubSpotResource | None = None, **config: Any
) -> dg.ExecuteInProcessResult:
    return job.execute_in_process(
        resources={"hubspot": resource or bench.resource(), "io_manager": dg.mem_io_manager},
        run_config={**QUIET, **config},
        raise_on_error=False,
    )


def job_of(sender: dg.OpDefinition, rows: list[dict[str, Any]]) -> dg.JobDefinition:
    @dg.op
    def source() -> pd.DataFrame:
        return pd.DataFrame(rows)

    @dg.job
    def nightly():
        sender(source())

    return nightly


def test_an_op_gives_the_ids_table_and_keeps_it_under_its_own_name(bench: Bench) -> None:
    @hubspot_op(FIRMS)
    def send_firms(rows: pd.DataFrame) -> pd.DataFrame:
        return rows

    job = job_of(send_firms, firms(5))
    first, second = run(bench, job), run(bench, job)
    ids = first.output_for_node("send_firms")
    assert isinstance(ids, pa.Table)
    assert set(ids["hs_object_id"].to_pylist()) == set(bench.emulator.records("companies"))
    assert second.output_for_node("send_firms")["outcome"].to_pylist() == ["unchanged"] * 5
    assert (bench.store / "send_firms" / "ids.parquet").exists()


def test_ops_that_name_one_sync_share_its_ids_table(bench: Bench) -> None:
    def make(name: str) -> dg.OpDefinition:
        @hubspot_op(FIRMS, name=name, sync="firms")
        def send(rows: pd.DataFrame) -> pd.DataFrame:
            return rows

        return send

    run(bench, job_of(make("monday"), firms(3)))
    ran = run(bench, job_of(make("tuesday"), firms(4)))
    assert ran.output_for_node("tuesday")["outcome"].to_pylist() == ["unchanged"] * 3 + ["created"]
    assert bench.books.created_count("companies") == 4


@pytest.mark.parametrize(("allowed", "well"), [(2, True), (1, False)])
def test_an_op_fails_when_more_rows_are_rejected_than_allowed(bench: Bench, allowed: int, well: bool) -> None:
    @hubspot_op(BY_EMAIL, max_rejected=allowed, retry_policy=dg.RetryPolicy(max_retries=2))
    def send(rows: pd.DataFrame) -> pd.DataFrame:
        return rows

    ran = run(bench, job_of(send, people(10, bad=2)))
    assert ran.success is well
    assert bench.books.created_count("contacts") == 8
    if not well:
        failure = ran.failure_data_for_node("send")
        assert failure is not None
        assert "INVALID_EMAIL (2)" in str(failure.user_failure_data)
        assert [each for each in ran.all_events if each.event_type_value == "STEP_UP_FOR_RETRY"] == []


def test_an_op_that_met_server_trouble_is_retried(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.html(502, operation="upsert"))

    @hubspot_op(BY_EMAIL, retry_policy=dg.RetryPolicy(max_retries=1))
    def send(context: dg.OpExecutionContext, rows: pd.DataFrame) -> pd.DataFrame:
        if context.retry_number:
            bench.emulator.faults.clear()
        return rows

    ran = run(bench, job_of(send, people(5)), resource=bench.resource(patience=1.0))
    assert ran.success
    assert [each for each in ran.all_events if each.event_type_value == "STEP_UP_FOR_RETRY"]
    assert bench.books.created_count("contacts") == 5


def test_full_refresh_can_be_asked_of_an_op(bench: Bench) -> None:
    @hubspot_op(BY_EMAIL)
    def send(rows: pd.DataFrame) -> pd.DataFrame:
        return rows

    job = job_of(send, people(3))
    run(bench, job)
    ran = run(bench, job, **config_of("send", full_refresh=True))
    assert ran.output_for_node("send")["outcome"].to_pylist() == ["updated"] * 3


def test_an_op_hands_its_options_on_and_has_the_pool() -> None:
    @hubspot_op(BY_EMAIL, name="send_it", tags={"tier": "gold"}, description="Sends it.")
    def send(rows: pd.DataFrame) -> pd.DataFrame:
        return rows

    assert (send.name, send.pool, send.description) == ("send_it", "hubspot", "Sends it.")
    assert send.tags["tier"] == "gold"
    assert "hubspot" in send.required_resource_keys
    with pytest.raises(InputError, match="max_rejected"):
        hubspot_op(BY_EMAIL, max_rejected=-1)


def test_sync_in_an_op_takes_a_name_and_in_an_asset_the_asset_key(bench: Bench) -> None:
    @dg.op
    def by_hand(context: dg.OpExecutionContext, hubspot: HubSpotResource) -> int:
        with pytest.raises(InputError, match="name="):
            hubspot.sync(people(1), BY_EMAIL, context=context)
        result = hubspot.sync(people(3), BY_EMAIL, name="by/hand", context=context)
        result.raise_for_failures()
        return result.counts["created"]

    @dg.job
    def nightly():
        by_hand()

    assert run(bench, nightly).output_for_node("by_hand") == 3

    @dg.asset(key_prefix="crm")
    def companies(context: dg.AssetExecutionContext, hubspot: HubSpotResource) -> pa.Table:
        return hubspot.sync(firms(2), FIRMS, context=context).ids

    assert bench.materialize(companies).value("crm/companies").num_rows == 2
    assert (bench.store / "by" / "hand" / "ids.parquet").exists()
    assert (bench.store / "crm" / "companies" / "ids.parquet").exists()


def test_a_script_learns_of_failures_when_it_asks(bench: Bench) -> None:
    with bench.resource().open() as hubspot:
        result = hubspot.sync(people(5, bad=1), BY_EMAIL, name="contacts")
        assert result.counts["created"] == 4
        assert result.rejected["error_code"].to_pylist() == ["INVALID_EMAIL"]
        with pytest.raises(HubSpotError, match="1 rejected"):
            result.raise_for_failures()
