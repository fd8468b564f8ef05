"""When: every night at two the tables, and at three the meetings of the day that has ended."""

import dagster as dg

from example_project.jobs import day_of_meetings, tables

nightly = dg.ScheduleDefinition(
    name="nightly",
    job=tables,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
)

# One partition each night. It runs after the contacts that the meetings hang on.
daily = dg.build_schedule_from_partitioned_job(day_of_meetings, name="daily", hour_of_day=3)
