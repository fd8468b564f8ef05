"""What is run together: the tables, a day of meetings, and the removal of calls."""

import dagster as dg

from example_project.alerts import tell_slack
from hubspot_batch_dagster import Archive, hubspot_op
from hubspot_batch_dagster.asset import HubSpotRunConfig

# A run has one partition or none, so the partitioned asset has a job of its own.
_BY_DAY = dg.AssetSelection.assets("meetings")
tables = dg.define_asset_job("tables", selection=dg.AssetSelection.all() - _BY_DAY)
day_of_meetings = dg.define_asset_job("day_of_meetings", selection=_BY_DAY)


class CallsToRemove(HubSpotRunConfig):
    """Which calls. The base class adds ``dry_run`` and its sisters."""

    call_ids: list[str]


# An op and not an asset: it is done on request, once, and leaves no table behind that others build on. The
# calls are named by the phone log's own ids; the ids table of the asset `calls` knows their records. That
# table keeps them, so the next night does not make them again.
@hubspot_op(
    Archive("calls", key="call_id", through="calls"),
    max_rejected=0,  # somebody asked for these; a call that cannot be found is a failure
)
def remove_calls(config: CallsToRemove) -> list[dict[str, str]]:
    """Calls that should not have been logged go to HubSpot's bin."""
    return [{"call_id": call_id} for call_id in config.call_ids]


@dg.job(hooks={tell_slack})
def call_removal() -> None:
    """Remove calls from HubSpot: name them in the launchpad, or put a list where the sensor looks."""
    remove_calls()
