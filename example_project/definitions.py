"""The project: assets, what they need, and when they run."""

from pathlib import Path

import dagster as dg

from example_project.assets import crm, meetings, shop, source
from example_project.jobs import call_removal, day_of_meetings, tables
from example_project.resources import resources
from example_project.schedules import daily, nightly
from example_project.sensors import automation, lists_of_calls, tell_slack_of_runs


def in_yaml() -> list[dg.AssetsDefinition]:
    """The assets that `defs/` describes. A second `Definitions` in this module would be refused."""
    found = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    return [each for each in found.assets or [] if isinstance(each, dg.AssetsDefinition)]


defs = dg.Definitions(
    assets=[*dg.load_assets_from_modules([source, crm, meetings, shop]), *in_yaml()],
    resources=resources,
    jobs=[tables, day_of_meetings, call_removal],
    schedules=[nightly, daily],
    sensors=[automation, lists_of_calls, tell_slack_of_runs],
    # A dozen short steps: a process for each, as is Dagster's habit, would take longer than the work itself.
    executor=dg.in_process_executor,
)
