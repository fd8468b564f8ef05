"""The project: assets, what they need, and when they run."""

from pathlib import Path

import dagster as dg

from example_project.assets import crm, source
from example_project.resources import resources
from example_project.schedules import nightly


def in_yaml() -> list[dg.AssetsDefinition]:
    """The assets that `defs/` describes. A second `Definitions` in this module would be refused."""
    found = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    return [each for each in found.assets or [] if isinstance(each, dg.AssetsDefinition)]


defs = dg.Definitions(
    assets=[*dg.load_assets_from_modules([source, crm]), *in_yaml()],
    resources=resources,
    schedules=[nightly],
    # Twelve short steps: a process for each, as is Dagster's habit, would take longer than the work itself.
    executor=dg.in_process_executor,
)
