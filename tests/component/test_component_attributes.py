"""What is written in YAML arrives in the asset, the operation, the schedule and the resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import dagster as dg
import pytest
from component_helpers import CONTACTS, KEY, loaded, refusal

from hubspot_batch_dagster import Association, Create, HubSpotSyncComponent, Upsert
from hubspot_batch_dagster.component.fields import ONLY_PYTHON, OPERATIONS
from hubspot_batch_dagster.component.source import Source


@pytest.mark.parametrize(
    ("asset", "holds"),
    [
        ({"key": "a/b/c"}, lambda spec: spec.key == dg.AssetKey(["a", "b", "c"])),
        ({"group_name": "sales"}, lambda spec: spec.group_name == "sales"),
        (
            {"owners": ["team:sales", "a@b.example"]},
            lambda spec: spec.owners == ["team:sales", "a@b.example"],
        ),
        ({"tags": {"tier": "prod"}}, lambda spec: spec.tags["tier"] == "prod"),
        ({"kinds": ["duckdb"]}, lambda spec: spec.kinds == {"duckdb", "hubspot"}),
        ({"deps": ["x/y"]}, lambda spec: dg.AssetKey(["x", "y"]) in {dep.asset_key for dep in spec.deps}),
        (
            {"deps": ["customers"]},
            lambda spec: [d.asset_key for d in spec.deps] == [dg.AssetKey("customers")],
        ),
        ({"description": "People."}, lambda spec: spec.description == "People."),
        ({}, lambda spec: spec.description == "Upserts contacts by email from customers."),
        ({"metadata": {"team": "a"}}, lambda spec: spec.metadata["team"] == "a"),
        ({"code_version": "v7"}, lambda spec: spec.code_version == "v7"),
        (
            {"automation_condition": "{{ dg.AutomationCondition.eager() }}"},
            lambda spec: spec.automation_condition.get_label() == "eager",
        ),
        (
            {"partitions_def": {"type": "daily", "start_date": "2026-01-01"}},
            lambda spec: isinstance(spec.partitions_def, dg.DailyPartitionsDefinition),
        ),
    ],
    ids=lambda value: "-".join(value) or "default" if isinstance(value, dict) else "",
)
def test_the_whole_asset_spec_is_passed_on(
    asset: dict[str, Any], holds: Callable[[dg.AssetSpec], bool]
) -> None:
    with loaded(asset={"key": "crm/contacts", **asset}) as (_, defs):
        (made,) = [each for each in defs.assets or [] if isinstance(each, dg.AssetsDefinition)]
        (spec,) = made.specs
        assert holds(spec)
        assert "hubspot" in spec.kinds


@pytest.mark.parametrize(
    ("attributes", "operation"),
    [
        ({}, Upsert("contacts", id_property="email")),
        (
            {"properties": {"email": "mail"}, "on_null": "clear", "max_changed": 0.5, "max_created": 10},
            Upsert(
                "contacts",
                id_property="email",
                properties={"email": "mail"},
                on_null="clear",
                max_changed=0.5,
                max_created=10,
            ),
        ),
        (
            {"object_type": "companies", "id_property": None, "key": ["a", "b"], "when_gone": "archive"},
            Upsert("companies", key=["a", "b"], when_gone="archive"),
        ),
        (
            {
                "operation": "create",
                "object_type": "calls",
                "id_property": None,
                "key": "call_id",
                "associations": [{"to": "contacts", "column": "contact", "type": 194, "required": True}],
            },
            Create(
                "calls",
                key="call_id",
                associations=[Association("contacts", "contact", type=194, required=True)],
            ),
        ),
        (
            {"operation": "update", "object_type": "companies", "id_property": None, "record_id": "id"},
            OPERATIONS["update"]("companies", record_id="id"),  # type: ignore[call-arg]
        ),
        (
            {"operation": "archive", "object_type": "{{ 'comp' + 'anies' }}", "id_property": "domain"},
            OPERATIONS["archive"]("companies", id_property="domain"),  # type: ignore[call-arg]
        ),
    ],
)
def test_the_fields_make_the_operation(attributes: dict[str, Any], operation: object) -> None:
    with loaded(**attributes) as (component, _):
        assert component.sync_operation == operation


def upstream(defs: dg.Definitions) -> set[str]:
    """What the sync depends on."""
    (made,) = [each for each in defs.assets or [] if isinstance(each, dg.AssetsDefinition)]
    return {key.to_user_string() for key in made.asset_deps[KEY]}


def test_the_sync_that_an_association_leads_through_is_upstream() -> None:
    """As in Python: by its name in through, and of associate in from_through and to_through; its own records
    are no dependency.
    """
    to_firms = {"to": "companies", "column": "firm", "through": "crm/firms"}
    to_bosses = {"to": "contacts", "column": "boss", "type": 449, "through": "crm/contacts"}
    with loaded(associations=[to_firms, to_bosses]) as (_, defs):
        assert upstream(defs) == {"customers", "crm/firms"}
    ends = {
        "from_column": "mail",
        "to_column": "firm",
        "from_through": "crm/people",
        "to_through": "crm/firms",
    }
    with loaded(operation="associate", id_property=None, to_type="companies", **ends) as (_, defs):
        assert upstream(defs) == {"customers", "crm/people", "crm/firms"}


def test_every_field_of_every_operation_can_be_written() -> None:
    names = {each.name for kind in OPERATIONS.values() for each in fields(kind)} - ONLY_PYTHON
    schema = HubSpotSyncComponent.get_model_cls().model_json_schema()  # type: ignore[union-attr]
    assert names <= set(schema["properties"])
    assert not [name for name in names if not schema["properties"][name].get("description")]


def test_a_number_of_rows_stays_a_number_and_a_share_a_share() -> None:
    for given in (3, 0.25):
        with loaded(max_rejected=given) as (component, _):
            assert component.max_rejected == given
            assert type(component.max_rejected) is type(given)


def test_a_schedule_targets_the_asset_alone() -> None:
    with loaded(schedule={"cron": "0 2 * * *", "timezone": "Europe/Berlin"}) as (_, defs):
        (made,) = defs.schedules or []
        assert isinstance(made, dg.ScheduleDefinition)
        assert (made.name, made.cron_schedule) == ("crm__contacts_schedule", "0 2 * * *")
        assert made.execution_timezone == "Europe/Berlin"


def test_the_asset_has_the_checks_pool_and_resource_of_every_sync() -> None:
    with loaded(resource="portal_b", pool="crm") as (_, defs):
        (made,) = [each for each in defs.assets or [] if isinstance(each, dg.AssetsDefinition)]
        names = {check.name for check in made.check_specs}
        assert {"rows_accounted_for", "rows_rejected", "rows_unknown"} <= names
        assert made.required_resource_keys == {"portal_b", "io_manager"}
        assert made.op.pool == "crm"


def test_backfills_in_one_run_are_a_field() -> None:
    daily = {"key": "crm/contacts", "partitions_def": {"type": "daily", "start_date": "2026-01-01"}}
    with loaded(asset=daily, single_run_backfill=True) as (_, defs):
        (made,) = [each for each in defs.assets or [] if isinstance(each, dg.AssetsDefinition)]
        assert made.backfill_policy == dg.BackfillPolicy.single_run()


@pytest.mark.parametrize(
    ("attributes", "said", "line"),
    [
        ({"id_property": None}, "exactly one of id_property= or key=", "operation"),
        ({"operation": "archive", "on_null": "omit"}, "on_null is no field of archive", "on_null"),
        ({"operation": "upsrt"}, "Input should be 'create', 'upsert'", "operation"),
        ({"id_property": "mail", "properties": ["email"]}, "id_property='mail' is not among", "id_property"),
        ({"max_gone": 7.0}, "max_gone is 7.0", "max_gone"),
        ({"max_rejected": 1.5}, "max_rejected is 1.5", "max_rejected"),
        ({"source": {"asset": "a", "path": "b.csv"}}, "exactly one of asset, sql and path", "source"),
        ({"source": {"sql": "select 1"}}, "sql and connection belong together", "source"),
        ({"source": {"path": "b.xlsx"}}, "neither .parquet nor .csv", "source"),
        ({"hubspot": {"acess_token": "x"}}, "acess_token", "hubspot"),
        ({"object_type": "a b/c"}, "cannot be an object type", "operation"),
    ],
)
def test_a_wrong_field_is_named_and_its_line_shown(attributes: dict[str, Any], said: str, line: str) -> None:
    told = refusal(**attributes)
    assert said in told
    assert f"attributes.{line}" in told


def test_a_partitioned_asset_takes_no_cron_because_it_would_not_say_which_partition() -> None:
    daily = {"key": "crm/contacts", "partitions_def": {"type": "daily", "start_date": "2026-01-01"}}
    assert "which partition" in refusal(asset=daily, schedule={"cron": "0 2 * * *"})


def test_the_same_in_python() -> None:
    made = HubSpotSyncComponent(
        asset=dg.AssetSpec(KEY),
        source=Source(asset="customers"),
        operation="upsert",
        object_type="contacts",
        id_property="email",
    )
    assert made.sync_operation == Upsert("contacts", id_property="email")
    assert made.get_asset_spec().key == KEY
    assert set(CONTACTS) <= set(type(made).model_fields)


def test_a_resource_key_that_is_no_name_is_refused_with_its_line() -> None:
    assert "resource is 'my.hub': the key of a resource is the name of a parameter" in refusal(
        resource="my.hub"
    )


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"source": "customers"}, "source is one text. Write source: {asset: ...}."),
        ({"asset": "contacts"}, "asset is one text. Write asset: {key: ...}."),
        ({"schedule": "0 2 * * *"}, "schedule is one text. Write schedule: {cron: ...}."),
        ({"retry_policy": "3"}, "retry_policy is one text. Write retry_policy: {max_retries: ...}."),
        ({"hubspot": "token"}, "hubspot is one text. Write hubspot: {access_token_env: ...}."),
        ({"associations": "companies"}, "associations is one text. Write associations: [{to: ...}]."),
        ({"cast": "N/A"}, "cast is one text. Write cast: {null_values: ...}."),
        (
            {"source": {"path": "people.csv", "cast": {"null_values": "N/A"}}},
            "null_values is one text. Write null_values: [...].",
        ),
        (
            {"source": {"sql": "FROM x", "connection": "x", "changed_since": "at"}},
            "changed_since is one text. Write changed_since: {column: ...}.",
        ),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_a_text_in_the_place_of_fields_is_told_with_what_to_write(
    attributes: dict[str, Any], said: str
) -> None:
    told = refusal(**attributes)
    assert said in told
    assert "AttributeError" not in told


@pytest.mark.parametrize(
    ("attributes", "field", "said"),
    [
        (
            {"properties": {"email": "email", "x": {"column": "y", "on_invalid": "drop"}}},
            "properties",
            "x: on_invalid is 'drop'",
        ),
        (
            {"properties": {"email": {"column": "m", "on_invalid": "omit"}}},
            "properties",
            "'m' identifies the row",
        ),
        ({"source": {"path": "a.csv", "cast": {"decimal": ".."}}}, "source", "cast: decimal='..'"),
        ({"cast": {"time_zone": "Berlin"}}, "cast", "There is no time zone 'Berlin'"),
        ({"asset": {"key": "a b"}}, "asset", "'a b' is no key"),
        ({"asset": {"key": "/a"}}, "asset", "'/a' is no key"),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_the_line_of_an_error_is_that_of_its_field(attributes: dict[str, Any], field: str, said: str) -> None:
    told = refusal(**attributes)
    assert f"attributes.{field}\n" in told
    assert said in told


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"access_token_env": "X", "store": "{{ env.NOT_SET_ANYWHERE }}/ids"}, "NOT_SET_ANYWHERE of store is not set"),
        ({"access_token_env": "X", "access_token": "{{ env.Y }}"}, "access_token and access_token_env"),
        ({"access_token_env": ""}, "access_token_env names no variable"),
        ({"access_token_env": 5}, "access_token_env names no variable"),
    ],
)  # fmt: skip
def test_a_setting_of_hubspot_that_says_nothing_or_two_things_is_refused(
    settings: dict[str, Any], said: str
) -> None:
    """A store under an unset variable was the folder ``None``."""
    assert said in refusal(hubspot=settings)
