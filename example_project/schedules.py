"""When: every night at two."""

import dagster as dg

nightly = dg.ScheduleDefinition(
    name="nightly",
    target=dg.AssetSelection.all(),
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
)
