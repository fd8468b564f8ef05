"""A hubspot_asset is made of everything that dg.asset is made of."""

import asyncio
import functools
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest
from face_helpers import BY_EMAIL, Bench, config_of, people

from hubspot_batch_dagster import InputError, Upsert, hubspot_asset, hubspot_op


def test_annotations_may_be_text(bench: Bench) -> None:
    import future_annotations

    ran = bench.materialize(
        future_annotations.source,
        future_annotations.contacts,
        resources={"io_manager": dg.mem_io_manager},
        run_config=config_of("contacts", n=3),
    )
    assert ran.success
    assert ran.metadata("contacts")["created"] == 3


def test_code_references_lead_to_the_users_function() -> None:
    @hubspot_asset(Upsert("contacts", id_property="email"))
    def people() -> list[dict[str, str]]:
        return []

    [asset] = dg.with_source_code_references([people])
    assert isinstance(asset, dg.AssetsDefinition)
    [reference] = asset.get_asset_spec().metadata["dagster/code_references"].code_references
    assert reference.file_path == __file__
    assert "hubspot_asset(" in Path(__file__).read_text().splitlines()[reference.line_number - 1]


@pytest.mark.parametrize("option", ["config_schema", "required_resource_keys", "resource_defs"])
@pytest.mark.parametrize("decorator", [hubspot_asset, hubspot_op])
def test_an_option_for_which_there_is_a_parameter_is_refused_by_its_name(decorator: Any, option: str) -> None:
    with pytest.raises(InputError, match=f"{option} cannot be given.* parameter"):
        decorator(Upsert("contacts", id_property="email"), **{option: {"slack": str}})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"output_required": True}, "output_required cannot be given: a dry run has no output."),
        ({"compute_kind": "duckdb"}, "compute_kind cannot be given: kinds has taken its place."),
        ({"non_argument_deps": {"source"}}, "non_argument_deps cannot be given: deps has taken its place."),
        ({"auto_materialize_policy": object()}, "automation_condition has taken its place."),
        ({"key": "contacts", "name": "people"}, "key and name both say how the asset is called."),
        ({"kinds": "duckdb"}, 'kinds is one text. Give a set: kinds={"duckdb"}.'),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_an_option_that_would_be_passed_over_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        hubspot_asset(BY_EMAIL, **options)
    assert said in str(caught.value)


def test_several_portals_want_partitions_that_say_which_is_meant() -> None:
    with pytest.raises(InputError, match="the asset has no partitions"):
        hubspot_asset(BY_EMAIL, name="contacts", resource={"emea": "hubspot_emea"})(coroutine)


def test_a_partial_keeps_its_name_and_what_it_has_set_is_no_upstream_asset(bench: Bench) -> None:
    def contacts(source: list, *, region: str, n: int = 9) -> list:
        assert region == "eu"
        return source[:n]

    @dg.asset
    def source() -> list:
        return people(4)

    made = hubspot_asset(BY_EMAIL)(functools.partial(contacts, region="eu", n=2))
    assert [dep.asset_key.to_user_string() for dep in made.get_asset_spec().deps] == ["source"]
    ran = bench.materialize(source, made, resources={"io_manager": dg.mem_io_manager})
    assert ran.metadata("contacts")["created"] == 2


async def coroutine() -> list:
    return people(3)


async def async_generator() -> Any:
    for row in people(3):
        yield row


def a_result() -> Any:
    return dg.MaterializeResult(
        value=people(3),
        metadata={"of": "the fair"},
        check_results=[dg.AssetCheckResult(check_name="mine", passed=True)],
    )


def an_output() -> Any:
    return dg.Output(people(3), metadata={"of": "the fair"})


def partitions_of_frames() -> dict[str, pd.DataFrame]:
    return {"2026-01-01": pd.DataFrame(people(2)), "2026-01-02": pd.DataFrame(people(3)[2:])}


def partitions_of_polars() -> dict[str, pl.DataFrame]:
    return {"a": pl.DataFrame(people(1)), "b": pl.DataFrame(people(3)[1:])}


@pytest.mark.parametrize(
    "function",
    [coroutine, async_generator, a_result, an_output, partitions_of_frames, partitions_of_polars],
    ids=lambda each: each.__name__,
)
def test_whatever_a_function_gives_its_rows_are_found(bench: Bench, function: Any) -> None:
    specs = [dg.AssetCheckSpec("mine", asset="contacts")] if function is a_result else None
    made = hubspot_asset(BY_EMAIL, name="contacts", check_specs=specs)(function)
    ran = bench.materialize(made)
    assert ran.success
    assert ran.metadata("contacts")["created"] == 3
    if function in (a_result, an_output):
        assert ran.metadata("contacts")["of"] == "the fair"
    if function is a_result:
        assert ran.check("mine").passed


def no_value() -> Any:
    return dg.MaterializeResult(metadata={"rows": 3})


def a_result_between_rows() -> Any:
    yield from people(1)
    yield dg.MaterializeResult(metadata={"rows": 3})


def a_materialization() -> Any:
    return dg.AssetMaterialization("contacts")


def an_observation_between_rows() -> Any:
    yield from people(1)
    yield dg.AssetObservation("contacts")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (no_value, "a MaterializeResult without a value"),
        (a_result_between_rows, "The generator yielded MaterializeResult between its rows."),
        (a_materialization, "The function returned AssetMaterialization, and so no rows."),
        (an_observation_between_rows, "The generator yielded AssetObservation between its rows."),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_holds_no_rows_is_refused_by_its_name(bench: Bench, function: Any, said: str) -> None:
    ran = bench.materialize(hubspot_asset(BY_EMAIL, name="contacts")(function))
    assert not ran.success
    assert said in ran.failure("contacts")
    assert bench.books.commits() == []


def test_a_daily_upstream_goes_into_one_sync(bench: Bench) -> None:
    days = dg.StaticPartitionsDefinition(["a", "b"])

    @dg.asset(partitions_def=days)
    def daily(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return pd.DataFrame(people(2) if context.partition_key == "a" else people(5)[2:])

    @hubspot_asset(BY_EMAIL)
    def contacts(daily: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        return daily

    for key in days.get_partition_keys():
        assert bench.materialize(daily, partition_key=key).success
    ran = bench.materialize(daily, contacts, selection=[contacts])
    assert ran.metadata("contacts")["created"] == 5


def test_upstream_assets_may_come_as_words(bench: Bench) -> None:
    @dg.asset
    def here() -> list:
        return people(2)

    @dg.asset
    def there() -> list:
        return people(5)[2:]

    @hubspot_asset(BY_EMAIL, ins={"here": dg.AssetIn(), "there": dg.AssetIn()})
    def contacts(**sources: list) -> list:
        return [row for rows in sources.values() for row in rows]

    ran = bench.materialize(here, there, contacts, resources={"io_manager": dg.mem_io_manager})
    assert ran.metadata("contacts")["created"] == 5


def test_a_parameter_may_have_a_default(bench: Bench) -> None:
    @dg.asset
    def source() -> list:
        return people(3)

    @hubspot_asset(BY_EMAIL)
    def contacts(source: list = []) -> list:  # noqa: B006
        return source

    ran = bench.materialize(source, contacts, resources={"io_manager": dg.mem_io_manager})
    assert ran.metadata("contacts")["created"] == 3


def test_of_a_decorated_function_text_annotations_are_read_in_its_own_module(bench: Bench) -> None:
    import future_annotations

    made = hubspot_asset(BY_EMAIL, name="contacts")(future_annotations.of_a_frame)
    ran = bench.materialize(future_annotations.source, made)
    assert ran.metadata("contacts")["created"] == 5


def test_an_object_that_can_be_called_is_a_function(bench: Bench) -> None:
    class People:
        def __call__(self) -> list:
            return people(2)

    assert bench.materialize(hubspot_asset(BY_EMAIL, name="contacts")(People())).success


@pytest.mark.parametrize("function", [coroutine, async_generator], ids=lambda each: each.__name__)
def test_an_async_function_is_awaited_where_an_event_loop_runs_already(bench: Bench, function: Any) -> None:
    async def notebook() -> Any:
        return bench.materialize(hubspot_asset(BY_EMAIL, name="contacts")(function))

    assert asyncio.run(notebook()).metadata("contacts")["created"] == 3


def test_an_async_generator_of_which_only_the_first_rows_are_read_is_closed(bench: Bench) -> None:
    closed = []

    @hubspot_asset(BY_EMAIL)
    async def contacts() -> Any:
        try:
            for row in people(300):
                yield row
        finally:
            closed.append(True)

    assert bench.materialize(contacts, run_config=config_of("contacts", limit_rows=3)).success
    assert closed == [True]


def test_data_version_and_tags_of_a_result_are_those_of_the_materialization(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL)
    def contacts() -> Any:
        return dg.MaterializeResult(
            value=people(2), data_version=dg.DataVersion("seven"), tags={"of": "the-fair"}
        )

    [made] = bench.materialize(contacts).result.asset_materializations_for_node("contacts")
    assert made.tags is not None
    assert (made.tags["dagster/data_version"], made.tags["of"]) == ("seven", "the-fair")


def test_metadata_of_an_output_is_that_of_the_op(bench: Bench) -> None:
    @hubspot_op(BY_EMAIL)
    def send() -> Any:
        return dg.Output(people(2), metadata={"of": "the fair"})

    @dg.job(resource_defs={"hubspot": bench.resource(), "io_manager": dg.mem_io_manager})
    def fair() -> None:
        send()

    [output] = [each for each in fair.execute_in_process().all_node_events if each.is_successful_output]
    assert output.step_output_data.metadata["of"].value == "the fair"


def test_an_upstream_asset_without_a_partition_is_a_table_without_rows(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL)
    def contacts() -> dict[str, pd.DataFrame]:
        return {}

    assert bench.materialize(contacts).metadata("contacts")["dagster/row_count"] == 0


def test_a_partition_that_is_no_table_is_named(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL)
    def contacts() -> Any:
        return {"2026-01-01": people(2), "2026-01-02": None}

    ran = bench.materialize(contacts)
    assert "The value of '2026-01-02' is NoneType, and no table." in ran.failure("contacts")
    assert bench.books.commits() == []


def rows() -> list[dict[str, str]]:
    return [{"email": "ada@example.com"}]


def all_inputs(*inputs: Any) -> list[Any]:
    return list(inputs)


def free_config(config: dict[str, Any]) -> list[dict[str, str]]:
    return rows() if config else []


@pytest.mark.parametrize("decorator", [hubspot_asset, hubspot_op])
@pytest.mark.parametrize(
    ("decorated", "said"),
    [
        (dg.asset(rows), "made a AssetsDefinition of it. Put the decorator in the place of @dg.asset"),
        (dg.op(rows), "made a OpDefinition of it"),
        (5, "is no function"),
        (all_inputs, "takes .inputs, and Dagster gives each input by its name"),
        (free_config, "config is annotated as dict.*derives from HubSpotRunConfig"),
    ],
    ids=["asset", "op", "number", "inputs without names", "config of any kind"],
)
def test_what_cannot_be_a_step_is_refused_where_it_is_decorated(
    decorator: Any, decorated: Any, said: str
) -> None:
    """A config of any kind would pass ``dry_run`` over, and send."""
    with pytest.raises(InputError, match=said):
        decorator(BY_EMAIL)(decorated)


@pytest.mark.parametrize("key", ["my.hub", "my hub", "class", "1st"])
def test_a_resource_key_that_is_no_name_of_a_parameter_is_refused(key: str) -> None:
    with pytest.raises(InputError, match="the key of a resource is the name of a parameter"):
        hubspot_asset(BY_EMAIL, resource=key)(rows)


def test_another_resource_under_the_key_is_refused_by_name(bench: Bench) -> None:
    ran = bench.materialize(
        hubspot_asset(BY_EMAIL)(rows),
        resources={"hubspot": dg.ResourceDefinition.hardcoded_resource("token")},
    )
    assert not ran.success
    assert "The resource 'hubspot' is a str, and no HubSpotResource." in ran.failure("rows")


def test_a_class_is_no_table(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL)
    def contacts():
        return pd.DataFrame

    ran = bench.materialize(contacts)
    assert not ran.success
    assert "Rows cannot be read from type" in ran.failure("contacts")


REGIONS = dg.StaticPartitionsDefinition(["emea", "us"])
DAYS = dg.StaticPartitionsDefinition(["monday", "friday"])


def test_a_known_partition_without_a_portal_is_refused_where_the_asset_is_made() -> None:
    both = dg.MultiPartitionsDefinition({"day": DAYS, "region": REGIONS})
    for partitions in (REGIONS, both):
        with pytest.raises(InputError, match="no portal for the partitions us"):
            hubspot_asset(BY_EMAIL, resource={"emea": "hubspot_emea"}, partitions_def=partitions)(rows)
        portals = {"emea": "hubspot_emea", "us": "hubspot_us"}
        assert hubspot_asset(BY_EMAIL, resource=portals, partitions_def=partitions)(rows).partitions_def
