"""A hubspot_asset is made of everything that dg.asset is made of."""

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


@pytest.mark.parametrize("function", [no_value, a_result_between_rows], ids=lambda each: each.__name__)
def test_what_holds_no_rows_is_refused_by_its_name(bench: Bench, function: Any) -> None:
    ran = bench.materialize(hubspot_asset(BY_EMAIL, name="contacts")(function))
    assert not ran.success
    assert "MaterializeResult" in ran.failure("contacts")
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
