"""The project: assets, what they need, and when they run."""

import dagster as dg

from example_project.assets import crm, source
from example_project.resources import resources
from example_project.schedules import nightly

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([source, crm]),
    resources=resources,
    schedules=[nightly],
    # Twelve short steps: a process for each, as is Dagster's habit, would take longer than the work itself.
    executor=dg.in_process_executor,
)
