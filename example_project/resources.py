"""What the assets share: the way to HubSpot, and where values are kept between assets."""

import os

import dagster as dg

from example_project.paths import STORE, VALUES
from hubspot_batch_dagster import ArrowParquetIOManager, HubSpotResource

# The rows are made up, so unless you say otherwise they go to a HubSpot on this machine and never to a real
# account. A project of your own leaves base_url out.
LOCAL_HUBSPOT = "http://127.0.0.1:8585"

resources = {
    "hubspot": HubSpotResource(
        access_token=dg.EnvVar("HUBSPOT_ACCESS_TOKEN"),
        base_url=os.environ.get("HUBSPOT_BASE_URL", LOCAL_HUBSPOT),
        store=str(STORE),
    ),
    "io_manager": ArrowParquetIOManager(base_dir=str(VALUES)),
}
