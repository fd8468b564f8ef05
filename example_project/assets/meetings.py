"""An asset with a partition for each day. Its records are told apart by key, so all partitions share one ids
table.
"""

import warnings

import dagster as dg
import pyarrow as pa

from example_project import warehouse
from example_project.assets.crm import contacts
from hubspot_batch_dagster import Association, Create, hubspot_asset

# Dagster calls this parameter of assets beta and would say so whenever the project loads.
warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)

days = dg.DailyPartitionsDefinition(start_date="2026-01-01", timezone="UTC")


@hubspot_asset(
    Create(
        "meetings",
        key="appointment_id",
        properties={
            "hs_timestamp": "starts_at",
            "hs_meeting_title": "title",
            "hs_meeting_start_time": "starts_at",
            "hs_meeting_end_time": "ends_at",
            "hs_meeting_outcome": "outcome",
        },
        # The column holds a key of contacts; their ids table has the record id, so nothing needs to be joined
        # here.
        associations=[Association("contacts", column="mail", through="contacts")],
    ),
    partitions_def=days,
    # A backfill is one run over all its days, not one run for each.
    backfill_policy=dg.BackfillPolicy.single_run(),
    # So few rows make a day that one bad row is a sixth of them.
    max_rejected=0.34,
    deps=[contacts],
    group_name="crm",
    kinds={"duckdb", "arrow"},
)
def meetings(context: dg.AssetExecutionContext) -> pa.Table:
    """A day's appointments become meetings, each on its contact."""
    window = context.partition_time_window  # of one day, or of all days of a backfill
    return warehouse.read_between("appointments", "starts_at", window.start, window.end)
