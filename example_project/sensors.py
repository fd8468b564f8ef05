"""What is run because something happened. All of it is on as soon as `make ui` is up; Dagster's habit is
off.
"""

from collections.abc import Iterator

import dagster as dg

from example_project.alerts import failed_step, post
from example_project.jobs import CallsToRemove, day_of_meetings, tables
from example_project.paths import LISTS

_ON = dg.DefaultSensorStatus.RUNNING

# Carries out the automation conditions of the assets.
automation = dg.AutomationConditionSensorDefinition(
    "automation", target=dg.AssetSelection.all(), default_status=_ON
)


@dg.sensor(job_name="call_removal", minimum_interval_seconds=10, default_status=_ON)
def lists_of_calls() -> Iterator[dg.RunRequest]:
    """Runs the op job for each list of call ids that somebody has put into the folder."""
    for path in sorted(LISTS.glob("*.txt")):
        call_ids = path.read_text().split()
        if not call_ids:
            continue  # it is still being written
        yield dg.RunRequest(
            # Dagster never takes a key twice: a list is carried out once, and again when it was changed.
            run_key=f"{path.name} {path.stat().st_mtime_ns}",
            run_config=dg.RunConfig(ops={"remove_calls": CallsToRemove(call_ids=call_ids)}),
        )


# Nobody looks at a run at night. Of the op job its hook tells, and who starts a run by hand sees what becomes
# of it.
@dg.run_failure_sensor(monitored_jobs=[tables, day_of_meetings], default_status=_ON)
def tell_slack_of_runs(context: dg.RunFailureSensorContext) -> None:
    """Tells of a scheduled run that failed: a line for each step that did."""
    run = context.dagster_run
    lines = [failed_step(event, run.run_id) for event in context.get_step_failure_events()]
    # A run whose process was lost, or never started, has no failed step.
    post("\n".join(lines) or f"{run.job_name} failed in run {run.run_id}, but no step of it.", context.log)
