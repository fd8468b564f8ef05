"""The project: assets, what they need, and when they run."""

import dagster as dg

from example_project.assets import crm, source
from example_project.resources import resources
from example_project.schedules import nightly

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([source, crm]),
    resources=resources,
    schedules=[nightly],
)
