"""The code location of `make hosts`: syncs of new companies, each a step that Celery gives to some worker."""

import os

import dagster as dg
import pyarrow as pa
from dagster_celery import celery_executor

from hubspot_batch_dagster import Create, HubSpotResource, hubspot_asset

SYNCS, ROWS = int(os.environ["HOSTS_SYNCS"]), int(os.environ["HOSTS_ROWS"])


def _sync(number: int) -> dg.AssetsDefinition:
    @hubspot_asset(
        Create("companies", key="id", properties=["name"]),
        name=f"companies_{number}",
        ids="none",
        max_unknown=0,
        retry_policy=dg.RetryPolicy(max_retries=3, delay=3),
    )
    def rows() -> pa.Table:
        # Keys of its own: a first run whose keys another sync knows is refused.
        ids = range(number * ROWS, (number + 1) * ROWS)
        return pa.table({"id": pa.array(ids, pa.int64()), "name": [f"{number}-{at}" for at in range(ROWS)]})

    return rows


defs = dg.Definitions(
    assets=[_sync(number) for number in range(SYNCS)],
    jobs=[
        dg.define_asset_job(
            "everything",
            executor_def=celery_executor.configured(
                {"broker": os.environ["CELERY_BROKER_URL"], "backend": "rpc://"}
            ),
        )
    ],
    resources={
        "hubspot": HubSpotResource(
            access_token=dg.EnvVar("HUBSPOT_ACCESS_TOKEN"),
            base_url=os.environ["HUBSPOT_BASE_URL"],
            store=os.environ["HUBSPOT_STORE"],
            journal=dg.EnvVar("HUBSPOT_JOURNAL_URL"),
            budget_url=dg.EnvVar("HUBSPOT_BUDGET_URL"),
            index_lag=2.0,
            certain_after=20.0,
        )
    },
)
