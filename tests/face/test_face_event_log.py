"""Dagster's event log remembers a sync's runs: a store that was lost is not taken for a first deployment."""

import shutil
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from face_helpers import FIRMS, Bench, firms

from hubspot_batch_dagster import HubSpotResource, hubspot_asset
from hubspot_batch_dagster.cli import cli
from hubspot_batch_dagster.event_log import GENERATION, LOOKED_AT, STORE, SYNC

KEY = dg.AssetKey("companies")


@hubspot_asset(FIRMS)
def companies() -> list[dict[str, Any]]:
    return firms(3)


def events(instance: dg.DagsterInstance, key: dg.AssetKey = KEY) -> tuple[list[Any], list[Any]]:
    observed = [
        each.event_log_entry.asset_observation for each in instance.fetch_observations(key, limit=20).records
    ]
    made = [each.asset_materialization for each in instance.fetch_materializations(key, limit=20).records]
    return observed, made


def run(
    bench: Bench, instance: dg.DagsterInstance, asset: Any = companies, **how: Any
) -> dg.ExecuteInProcessResult:
    how.setdefault("resources", {"hubspot": bench.resource()})
    return dg.materialize([asset], instance=instance, raise_on_error=False, **how)


def failure(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    return " ".join(
        str(result.failure_data_for_node(each.step_key)) for each in result.all_events if each.is_step_failure
    )


def test_a_run_leaves_a_trace_before_it_sends_and_its_materialization_repeats_it(bench: Bench) -> None:
    with dg.instance_for_test() as instance:
        assert run(bench, instance).success
        [observed], [made] = events(instance)
        said = {name: observed.metadata[name].value for name in (SYNC, STORE, GENERATION)}
        assert said == {SYNC: "companies", STORE: said[STORE], GENERATION: "1"}
        assert said == {name: made.metadata[name].value for name in said}
        assert run(bench, instance).success  # nothing is sent, so nothing is about to be
        assert [len(each) for each in events(instance)] == [1, 2]


def test_a_lost_store_fails_the_step_until_somebody_says_that_it_is_a_first_run(bench: Bench) -> None:
    with dg.instance_for_test() as instance:
        assert run(bench, instance).success
        shutil.rmtree(bench.store)
        for _ in range(2):
            result = run(bench, instance)
            assert "knows nothing of it" in failure(result)
        assert len(bench.emulator.records("companies")) == 3
        said = {"ops": {"companies": {"config": {"first_run": True}}}}
        assert run(bench, instance, run_config=said).success
        assert run(bench, instance).success
        assert len(bench.emulator.records("companies")) == 6


def test_events_of_other_code_and_of_other_partitions_are_no_traces(bench: Bench) -> None:
    with dg.instance_for_test() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, metadata={"rows": 3}))
        assert run(bench, instance).success

        @hubspot_asset(
            FIRMS,
            name="everywhere",
            partitions_def=dg.StaticPartitionsDefinition(["emea", "us"]),
            resource={"emea": "emea", "us": "us"},
        )
        def everywhere() -> list[dict[str, Any]]:
            return firms(2)

        here = {name: bench.resource(store=str(bench.folder / name)) for name in ("emea", "us")}
        assert run(bench, instance, everywhere, resources=here, partition_key="emea").success
        assert run(bench, instance, everywhere, resources=here, partition_key="us").success
        shutil.rmtree(bench.folder / "us")
        assert run(bench, instance, everywhere, resources=here, partition_key="emea").success
        lost = run(bench, instance, everywhere, resources=here, partition_key="us")
        assert "everywhere/us" in failure(lost)


def test_a_sync_inside_any_asset_is_remembered_too(bench: Bench) -> None:
    @dg.asset
    def mixed(context: dg.AssetExecutionContext, hubspot: HubSpotResource) -> None:
        hubspot.sync(firms(2), FIRMS, name="firms", context=context)

    with dg.instance_for_test() as instance:
        assert run(bench, instance, mixed).success
        shutil.rmtree(bench.store)
        assert "state of the sync 'firms' is lost" in failure(run(bench, instance, mixed))


def renamed(bench: Bench, old: str, new: str) -> str:
    done = CliRunner().invoke(cli, ["rename", old, new, "--store", str(bench.store)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("lost", [False, True])
def test_a_store_that_is_lost_right_after_a_rename_is_noticed_by_the_first_run_of_the_new_name(
    bench: Bench, lost: bool
) -> None:
    @hubspot_asset(FIRMS, key=["crm", "firms"])
    def renamed_companies() -> list[dict[str, Any]]:
        return firms(3)

    with dg.instance_for_test() as instance:
        assert run(bench, instance).success
        assert "those of the asset crm/firms" in renamed(bench, "companies", "crm/firms")
        if lost:
            shutil.rmtree(bench.store)
            assert "knows nothing of it" in failure(run(bench, instance, renamed_companies))
        else:
            assert run(bench, instance, renamed_companies).success
    assert len(bench.emulator.records("companies")) == 3


def test_a_rename_is_remembered_for_the_sync_of_a_portal_and_for_one_with_a_name_of_its_own(
    bench: Bench,
) -> None:
    name = ["firms"]

    @dg.asset
    def mixed(context: dg.AssetExecutionContext, hubspot: HubSpotResource) -> None:
        hubspot.sync(firms(2), FIRMS, name=name[0], context=context)

    def everywhere(key: str) -> dg.AssetsDefinition:
        return hubspot_asset(
            FIRMS, name=key, partitions_def=dg.StaticPartitionsDefinition(["us"]), resource={"us": "hubspot"}
        )(lambda: [{"id": "x", "name": "of us"}])

    with dg.instance_for_test() as instance:
        assert run(bench, instance, mixed).success
        assert run(bench, instance, everywhere("one"), partition_key="us").success
        assert "those of the asset mixed" in renamed(bench, "firms", "companies")
        assert "those of the asset two" in renamed(bench, "one/us", "two/us")
        name[0] = "companies"
        shutil.rmtree(bench.store)
        assert "state of the sync 'companies' is lost" in failure(run(bench, instance, mixed))
        lost = run(bench, instance, everywhere("two"), partition_key="us")
        assert "state of the sync 'two/us' is lost" in failure(lost)


def test_a_rename_says_so_where_it_cannot_reach_dagsters_event_log(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench.resource().open() as hubspot:
        hubspot.sync(firms(1), FIRMS, name="a")
    assert "DAGSTER_HOME is not set" in renamed(bench, "a", "b")
    monkeypatch.setenv("DAGSTER_HOME", str(bench.folder / "nowhere"))
    assert "event log cannot be written" in renamed(bench, "b", "c")


def test_an_event_log_that_cannot_be_read_is_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with dg.instance_for_test() as instance:
        fetch = dg.DagsterInstance.fetch_observations

        def away(self: Any, *arguments: Any, **options: Any) -> Any:
            if options.get("limit") == LOOKED_AT:  # Dagster itself asks for one
                raise OSError("the database is away")
            return fetch(self, *arguments, **options)

        monkeypatch.setattr(dg.DagsterInstance, "fetch_observations", away)
        assert run(bench, instance).success
    assert "event log cannot be read (OSError: the database is away)" in capsys.readouterr().err
