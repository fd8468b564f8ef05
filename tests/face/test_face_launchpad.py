"""What Dagster's launchpad fills in can be launched as it is: masked secrets mean those of the definition."""

from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.snap.snap_to_yaml import default_values_yaml_from_type_snap
from face_helpers import BY_EMAIL, FIRMS, Bench, firms, people

from hubspot_batch_dagster import (
    ArrowParquetIOManager,
    HubSpotResource,
    HubSpotSyncComponent,
    hubspot_asset,
    hubspot_op,
)
from hubspot_batch_dagster.component.source import Source
from hubspot_batch_dagster.launchpad import MASK, secret_fields

TOKEN = "LAUNCHPAD_TOKEN"


def prefilled(job: dg.JobDefinition) -> dict[str, Any]:
    """The run config that the launchpad shows for a job, as its reader would launch it."""
    schema = job.get_job_snapshot().config_schema_snapshot
    kind = schema.get_config_snap(job.run_config_schema.config_type.key)
    found: dict[str, Any] = yaml.safe_load(default_values_yaml_from_type_snap(schema, kind))
    return found


def launched(job: dg.JobDefinition, config: dict[str, Any]) -> dg.ExecuteInProcessResult:
    return job.execute_in_process(run_config=config, raise_on_error=False)


def asset_job(hubspot: HubSpotResource, *assets: Any) -> dg.JobDefinition:
    @hubspot_asset(BY_EMAIL)
    def contacts() -> list[dict[str, Any]]:
        return people(2)

    defs = dg.Definitions(
        assets=list(assets) or [contacts],
        jobs=[dg.define_asset_job("nightly", "*")],
        resources={"hubspot": hubspot},
    )
    return defs.resolve_job_def("nightly")


def op_job(hubspot: HubSpotResource) -> dg.JobDefinition:
    @hubspot_op(FIRMS)
    def companies() -> list[dict[str, Any]]:
        return firms(2)

    @dg.job(resource_defs={"hubspot": hubspot})
    def nightly() -> None:
        companies()

    return nightly


def component_job(hubspot: HubSpotResource) -> dg.JobDefinition:
    @dg.asset
    def customers() -> list[dict[str, Any]]:
        return people(2)

    component = HubSpotSyncComponent(
        asset=dg.AssetSpec("contacts"),
        source=Source(asset="customers"),
        operation="upsert",
        object_type="contacts",
        id_property="email",
        hubspot=hubspot,
        resource="hubspot",
    )
    made = dg.Definitions.merge(component.build_defs(None), dg.Definitions(assets=[customers]))  # type: ignore[arg-type]
    jobs = dg.Definitions(jobs=[dg.define_asset_job("nightly", "*")])
    return dg.Definitions.merge(made, jobs).resolve_job_def("nightly")


@pytest.mark.parametrize("kind", [asset_job, op_job, component_job])
@pytest.mark.parametrize("literal", [False, True], ids=["variable", "literal"])
def test_the_prefilled_config_launches_with_the_definitions_secret(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, kind: Any, literal: bool
) -> None:
    monkeypatch.setenv(TOKEN, bench.emulator.token)
    token = bench.emulator.token if literal else dg.EnvVar(TOKEN)
    job = kind(bench.resource(access_token=token))
    config = prefilled(job)
    assert config["resources"]["hubspot"]["config"]["access_token"] == MASK
    result = launched(job, config)
    assert result.success
    assert len(bench.books.commits()) > 0


def test_a_dry_run_and_the_approval_of_its_plan_are_switched_in_the_prefilled_config(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, bench.emulator.token)
    job = asset_job(bench.resource(access_token=dg.EnvVar(TOKEN)))
    config = prefilled(job)
    settings = config["ops"]["contacts"]["config"]
    assert settings == {"approve": "", "dry_run": False, "full_refresh": False}
    settings["dry_run"] = True
    planned = launched(job, config)
    assert planned.success
    assert bench.books.commits() == []
    observation = next(event for event in planned.all_events if event.is_asset_observation)
    plan = observation.asset_observation_data.asset_observation.metadata["plan"].value
    settings |= {"dry_run": False, "approve": "not this plan"}
    assert not launched(job, config).success
    assert bench.books.commits() == []
    settings["approve"] = plan
    assert launched(job, config).success
    assert len(bench.emulator.records("contacts")) == 2


def test_only_the_settings_that_people_change_first_are_filled_in() -> None:
    hubspot = HubSpotResource(access_token=dg.EnvVar(TOKEN), patience=20.0)
    config = prefilled(asset_job(hubspot))["resources"]["hubspot"]["config"]
    assert config == {
        "access_token": MASK,
        "base_url": "https://api.hubapi.com",
        "patience": 20.0,
        "share": 1.0,
        "store": "",
    }, "those few, and what the project set"


def test_the_help_of_every_setting_is_plain_text() -> None:
    from hubspot_batch_dagster.asset import HubSpotRunConfig

    for resource in (HubSpotResource(), ArrowParquetIOManager()):
        help_text = resource.get_resource_definition().description or ""
        assert 20 < len(help_text) < 120
        assert not set("`\n") & set(help_text)
    for model in (HubSpotResource, HubSpotRunConfig):
        for name, field in model.model_fields.items():
            assert field.description, name
            assert not set("`<>\n") & set(field.description), name
            assert ":class:" not in field.description, name


def test_every_secret_that_arrives_as_the_mask_is_the_definitions_or_not_given(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, bench.emulator.token)
    seen: list[dict[str, Any]] = []

    @dg.asset
    def looks(hubspot: HubSpotResource) -> None:
        seen.append({name: getattr(hubspot, name) for name in secret_fields(HubSpotResource)})

    journal = f"sqlite:///{bench.folder}/journal.db"
    job = asset_job(bench.resource(access_token=dg.EnvVar(TOKEN), journal=journal), looks)
    config = prefilled(job)
    config["resources"]["hubspot"]["config"] |= dict.fromkeys(secret_fields(HubSpotResource), MASK)
    assert launched(job, config).success
    assert seen == [
        {
            "access_token": bench.emulator.token,
            "journal": journal,
            "budget_url": None,
            "warehouse": None,
            "client_secret": "",
            "refresh_token": "",
        }
    ]


def test_a_secret_that_is_typed_over_the_mask_is_used(bench: Bench) -> None:
    job = asset_job(bench.resource(access_token="pat-na1-of-yesterday"))
    config = prefilled(job)
    assert not launched(job, config).success
    config["resources"]["hubspot"]["config"]["access_token"] = bench.emulator.token
    assert launched(job, config).success


def test_the_variable_that_is_not_set_is_named(bench: Bench) -> None:
    job = asset_job(bench.resource(access_token=dg.EnvVar("NOT_SET_ANYWHERE")))
    result = launched(job, prefilled(job))
    said = [
        str(event.event_specific_data) for event in result.all_events if "FAILURE" in event.event_type_value
    ]
    assert "NOT_SET_ANYWHERE, which is not set" in "".join(said)


def test_a_retried_step_has_its_secret_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, bench.emulator.token)
    attempts: list[str] = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
    def looks(hubspot: HubSpotResource) -> None:
        attempts.append(hubspot.access_token)
        if len(attempts) == 1:
            raise dg.RetryRequested(max_retries=1)

    job = asset_job(bench.resource(access_token=dg.EnvVar(TOKEN)), looks)
    assert launched(job, prefilled(job)).success
    assert attempts == [bench.emulator.token] * 2


def test_a_mask_behind_which_the_definition_has_nothing_is_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launchpad masks the secrets of a job's own config too, and no run can find those again."""
    monkeypatch.setenv(TOKEN, bench.emulator.token)

    @hubspot_asset(BY_EMAIL)
    def contacts() -> list[dict[str, Any]]:
        return people(2)

    config = dg.RunConfig(resources={"hubspot": bench.resource(access_token=dg.EnvVar(TOKEN))})
    defs = dg.Definitions(
        assets=[contacts],
        jobs=[dg.define_asset_job("nightly", "*", config=config)],
        resources={"hubspot": HubSpotResource.configure_at_launch()},
    )
    job = defs.resolve_job_def("nightly")
    assert job.execute_in_process(raise_on_error=False).success
    result = launched(job, prefilled(job))
    assert not result.success
    assert "access_token is ********, the mask that Dagster shows" in str(
        [each.event_specific_data for each in result.all_events if each.is_failure]
    )
