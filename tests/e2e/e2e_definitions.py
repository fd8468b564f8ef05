"""The definitions that the end-to-end test loads: a yellow asset, and one that takes long enough to be
stopped.
"""

import os
from pathlib import Path

import dagster as dg
import pyarrow as pa

from hubspot_batch_dagster import (
    ArrowParquetIOManager,
    Create,
    HubSpotResource,
    Upsert,
    hubspot_asset,
    hubspot_object_specs,
)
from hubspot_batch_dagster.asset import HubSpotRunConfig

HOME = Path(os.environ["E2E_HOME"])


class Rows(HubSpotRunConfig):
    """How many rows the source has today."""

    rows: int = 100


@dg.asset
def customers() -> pa.Table:
    rows = [{"email": f"p{i}@x.org", "firstname": f"Ada {i}"} for i in range(98)]
    return pa.Table.from_pylist(
        [*rows, {"email": "nonsense", "firstname": "Bob"}, {"email": None, "firstname": "Eve"}]
    )


@hubspot_asset(Upsert("contacts", id_property="email"), key_prefix="crm")
def contacts(customers: pa.Table) -> pa.Table:
    return customers


@hubspot_asset(Create("companies", key="id", properties=["name"]), key_prefix="crm")
def companies(config: Rows) -> pa.Table:
    (HOME / "step.pid").write_text(str(os.getpid()))
    return pa.table({"id": range(config.rows), "name": [f"Firm {i}" for i in range(config.rows)]})


def resource(token: object) -> HubSpotResource:
    return HubSpotResource(
        access_token=token,
        base_url=os.environ["E2E_HUBSPOT"],
        store=str(HOME / "store"),
        limit=150,
        index_lag=0.2,
        certain_after=1.0,
    )


defs = dg.Definitions(
    assets=[customers, contacts, companies, *hubspot_object_specs([contacts, companies])],
    jobs=[dg.define_asset_job("contacts_job", ["customers", "crm/contacts"])],
    resources={
        "hubspot": resource(dg.EnvVar("HUBSPOT_ACCESS_TOKEN")),
        "written_down": resource("pat-na1-a-literal-secret"),
        "io_manager": ArrowParquetIOManager(base_dir=str(HOME / "values")),
    },
)
