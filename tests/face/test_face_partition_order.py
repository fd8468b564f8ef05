"""Partitions that are days have an order; other partitions have none."""

import datetime as dt
from typing import Any

import dagster as dg
import pytest
from face_helpers import Bench

from hubspot_batch_dagster import ChangedSince, Upsert, hubspot_asset
from hubspot_batch_dagster.step_context import order_of

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_date="2026-01-05")
FIRMS = Upsert("companies", key="id", properties=["name"])


@hubspot_asset(FIRMS, partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def firms(context: dg.AssetExecutionContext) -> list[dict[str, Any]]:
    return [{"id": 1, "name": day} for day in context.partition_keys]


def names(bench: Bench) -> list[str | None]:
    return [each["name"] for each in bench.emulator.records("companies").values()]


def test_an_older_day_never_goes_over_a_newer_one(bench: Bench) -> None:
    for day in ("2026-01-02", "2026-01-04", "2026-01-03", "2026-01-01"):
        assert bench.materialize(firms, partition_key=day).success
    assert names(bench) == ["2026-01-04"]


def test_a_backfill_in_one_run_keeps_the_newest_day_and_tells_its_figures_once(bench: Bench) -> None:
    with dg.instance_for_test() as instance:
        tags = {
            "dagster/asset_partition_range_start": "2026-01-01",
            "dagster/asset_partition_range_end": "2026-01-04",
        }
        ran = bench.materialize(firms, instance=instance, tags=tags)
        assert ran.success
        assert names(bench) == ["2026-01-04"]
        made = ran.result.asset_materializations_for_node("firms")
        assert len(made) == 4
        assert [each.metadata.get("created") for each in made] == [None] * 4
        observed = [
            each.event_log_entry.asset_observation
            for each in instance.fetch_observations(dg.AssetKey("firms"), limit=9).records
        ]
        assert [each.metadata["created"].value for each in observed if "created" in each.metadata] == [1]


@pytest.mark.parametrize(
    ("definition", "key", "part"),
    [
        (dg.StaticPartitionsDefinition(["emea", "us"]), "us", None),
        (dg.MonthlyPartitionsDefinition(start_date="2026-01-01"), "2026-02-01", "2026-02-01T00:00:00"),
        (
            dg.MultiPartitionsDefinition({"day": DAYS, "region": dg.StaticPartitionsDefinition(["emea"])}),
            dg.MultiPartitionKey({"day": "2026-01-02", "region": "emea"}),
            "2026-01-02T00:00:00",
        ),
    ],
)
def test_only_partitions_of_time_have_an_order(definition: Any, key: Any, part: str | None) -> None:
    seen: list[Any] = []

    @dg.asset(partitions_def=definition)
    def asked(context: dg.AssetExecutionContext) -> None:
        seen.append(order_of(context))

    assert dg.materialize([asked], partition_key=key).success
    assert [each.part if each else None for each in seen] == [part]


def test_a_cursor_is_refused_for_partitions_that_share_a_sync(bench: Bench) -> None:
    """The newest row of one partition says nothing of the others: what is older there would never be read."""
    regions = dg.StaticPartitionsDefinition(["emea", "us"])

    @hubspot_asset(FIRMS, partitions_def=regions)
    def cursor() -> ChangedSince:
        return ChangedSince("at", [{"id": 1, "name": "Firm", "at": dt.datetime(2026, 1, 1)}])

    ran = bench.materialize(cursor, partition_key="us")
    assert "ChangedSince takes no partitions" in ran.failure("cursor")
    assert bench.books.commits() == []

    @hubspot_asset(FIRMS, partitions_def=regions, resource={"emea": "hubspot", "us": "hubspot"})
    def portals() -> ChangedSince:
        return ChangedSince("at", [{"id": 1, "name": "Firm", "at": dt.datetime(2026, 1, 1)}])

    assert bench.materialize(portals, partition_key="us").success, "each portal has a sync of its own"
