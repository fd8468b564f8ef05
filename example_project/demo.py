"""`make demo`: two nights, a month of meetings and an op job, through Dagster, into a HubSpot on this
machine. Ends by itself.
"""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from example_project import report, warehouse
from example_project.local_hubspot import EmulatorProcess, local_hubspot
from example_project.paths import LISTS, STORE, VALUES, WAREHOUSE

RED = "vehicles"  # the asset that fails on purpose
OBJECT_TYPES = ("calls", "companies", "contacts", "deals", "leads", "vehicles", "meetings")
DAYS = ("2026-01-01", "2026-01-31")  # the first and the last partition that are sent
WRONG_CALLS = ["17", "18"]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main() -> int:
    """Run the demo; the exit code is 1 if something failed, or if HubSpot's records are not those that
    Dagster counted.
    """
    start_afresh()
    with local_hubspot() as hubspot, dg.DagsterInstance.ephemeral() as instance:
        point_at(hubspot)
        say(f"HubSpot on this machine: {hubspot.url} (made up; nothing leaves your computer)")
        say(f"The tables, dirty on purpose: {nice(WAREHOUSE)}")

        say("", "FIRST NIGHT:", "  Everything is new.", "")
        first = materialize(instance)
        say(*report.table(report.sent(first)))
        say("", "Associations; an unresolved one names a key that no record has yet, and stays open:", "")
        say(*report.associations(report.sent(first)))
        say("", "Why rows were rejected, each with the words for one of them:", "")
        say(*report.reasons(report.sent(first)))

        say("", "SECOND NIGHT:", f"  {warehouse.next_day()}", "")
        second = materialize(instance)
        say(*report.table(report.sent(second)))
        say("", "Associations; the calls of the caller who has registered are on her contact now:", "")
        say(*report.associations(report.sent(second)))

        say("", "A MONTH OF MEETINGS: 31 partitions of an asset, in one run.", "")
        meetings = materialize_days(instance)
        say(*report.table(report.sent(meetings)))

        say("", "CALLS THAT SHOULD NOT HAVE BEEN LOGGED: an op job removes them.", "")
        removal = remove_calls(instance)
        archived, requests = report.told(removal, "remove_calls", "archived", "requests")
        say(f"  call_removal: {archived} of {len(WRONG_CALLS)} calls archived, {requests} requests")

        runs = [first, second, meetings, removal]
        well = not unexpected(*runs) and same_records(hubspot, archived, *runs)
    say("", *afterwards())
    return 0 if well else 1


def start_afresh() -> None:
    """Remove what an earlier local HubSpot left: its record ids mean nothing to a new one."""
    for folder in (STORE, VALUES, LISTS):
        shutil.rmtree(folder, ignore_errors=True)
    LISTS.mkdir(parents=True)
    WAREHOUSE.unlink(missing_ok=True)
    warehouse.build()


def point_at(hubspot: EmulatorProcess) -> None:
    """Point Dagster at the local HubSpot, as one would in a shell, before the definitions are loaded."""
    os.environ["HUBSPOT_BASE_URL"] = hubspot.url
    os.environ["HUBSPOT_ACCESS_TOKEN"] = hubspot.token


def materialize(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Materialize all tables in this process. One of them fails on purpose, so nothing is raised for that."""
    return run("tables", instance)


def materialize_days(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Materialize some partitions of the asset that has partitions, as a backfill in the UI does."""
    first, last = DAYS
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return run("day_of_meetings", instance, tags=tags)


def remove_calls(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Run the op job."""
    return run("call_removal", instance, {"ops": {"remove_calls": {"config": {"call_ids": WRONG_CALLS}}}})


def run(
    job: str,
    instance: dg.DagsterInstance,
    config: Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job of the project in this process, without a log."""
    from example_project.definitions import defs

    return defs.resolve_job_def(job).execute_in_process(
        run_config={**QUIET, **(config or {})},
        instance=instance,
        tags=tags,
        raise_on_error=False,
    )


def unexpected(*runs: dg.ExecuteInProcessResult) -> bool:
    """Whether a step failed that should not have; says so."""
    failures = [event for run in runs for event in run.filter_events(lambda event: event.is_step_failure)]
    strange = [event for event in failures if event.step_key != RED]
    for event in strange:
        say("", f"{event.step_key} failed: {event.step_failure_data.error_display_string}")
    return bool(strange)


def same_records(hubspot: EmulatorProcess, archived: int, *runs: dg.ExecuteInProcessResult) -> bool:
    """Hold what Dagster counted against the records that HubSpot has."""
    counted = Counter(calls=-archived)
    for run in runs:
        counted.update({sync.asset: sync.counts["created"] for sync in report.sent(run)})
    stored = {name: len(hubspot.records(name)) for name in OBJECT_TYPES}
    if counted == stored:
        say(
            "",
            f"HubSpot has {sum(stored.values()):,} records: exactly those that Dagster counted, created less"
            " archived.",
        )
        return True
    say("", f"Dagster counted {dict(counted)}, but HubSpot has {stored}. Please report this.")
    return False


def afterwards() -> list[str]:
    """What the colours mean, where things are, and what to type."""
    ids = nice(STORE / "contacts" / "ids.parquet")
    look = (
        f"import duckdb; duckdb.sql(\\\"select mail, hs_object_id, outcome from '{ids}' limit 5\\\").show()"
    )
    return [
        (
            f"{RED} is red on purpose: more of its rows were rejected than the 5 % that max_rejected allows,"
            " so its"
        ),
        "step failed. Its good rows are in HubSpot all the same. An asset behind it would not have run.",
        "Yellow: rows were rejected, but no more than that. Green: every row arrived.",
        "",
        f"The ids tables: {nice(STORE)}/<asset>/ids.parquet (your key, HubSpot's record id, the outcome)",
        "",
        "To look around:",
        "  make ui     the same in Dagster's UI",
        f'  {nice(Path(sys.prefix))}/bin/python -c "{look}"',
    ]


def nice(path: Path) -> str:
    """A path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def say(*lines: str) -> None:
    """Print lines at once, also into a pipe."""
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
