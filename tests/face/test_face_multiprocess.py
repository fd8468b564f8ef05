"""Dagster's multiprocess executor: steps at once, each in a process of its own, with one store and one
budget.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from face_helpers import FIRMS, OUTCOMES

from hubspot_batch_dagster import HubSpotResource, hubspot_asset
from hubspot_batch_dagster.emulator import Emulator, Settings

SYNCS, ROWS, LIMIT = 6, 250, 8


def _sync(number: int) -> dg.AssetsDefinition:
    @hubspot_asset(FIRMS, name=f"companies_{number}")
    def rows() -> list[dict[str, Any]]:
        return [{"id": number * ROWS + at, "name": f"{number}-{at}"} for at in range(ROWS)]

    return rows


def six_syncs(url: str, token: str, store: str) -> dg.JobDefinition:
    at_once = dg.multiprocess_executor.configured({"max_concurrent": 3})
    defs = dg.Definitions(
        assets=[_sync(number) for number in range(SYNCS)],
        jobs=[dg.define_asset_job("everything", executor_def=at_once)],
        resources={"hubspot": HubSpotResource(access_token=token, base_url=url, store=store)},
    )
    return defs.resolve_job_def("everything")


def test_six_assets_in_processes_of_their_own_make_each_record_once_and_keep_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with (
        Emulator(settings=Settings(search_lag=0.02, burst_limit=LIMIT, burst_window=1.0)) as hubspot,
        dg.instance_for_test() as instance,
    ):
        job = dg.build_reconstructable_job(
            "test_face_multiprocess",
            "six_syncs",
            reconstructable_args=(hubspot.url, hubspot.token, str(tmp_path / "store")),
            reconstructor_working_directory=str(Path(__file__).parent),
        )
        ran = dg.execute_job(job, instance=instance)
        assert ran.success
        materialized = [each for each in ran.all_node_events if each.is_step_materialization]
        found = [each.step_materialization_data.materialization.metadata for each in materialized]
        counted = [
            {name: each[name].value for name in OUTCOMES if name in each and each[name].value}
            for each in found
        ]
        assert counted == [{"created": ROWS}] * SYNCS
        names = Counter(each["name"] for each in hubspot.records("companies").values())
        assert names == Counter(f"{number}-{at}" for number in range(SYNCS) for at in range(ROWS))
        assert hubspot.books.refused == 0  # it refuses what is over LIMIT
