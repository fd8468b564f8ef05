"""`make demo`: everything twice, through Dagster, into a HubSpot on this machine. Ends by itself."""

import os
import shutil
import sys
from pathlib import Path

import dagster as dg

from example_project import report, warehouse
from example_project.local_hubspot import EmulatorProcess, local_hubspot
from example_project.places import DAGSTER_HOME, HOME, STORE, WAREHOUSE

RED = "vehicles"
OBJECT_TYPES = ("companies", "contacts", "deals", "leads", "calls", "vehicles")


def main() -> int:
    """Run the demo; the exit code is 1 if HubSpot's own books say something else than Dagster does."""
    start_afresh()
    with local_hubspot() as hubspot:
        say(f"A HubSpot on this machine: {hubspot.url} (made up; nothing leaves your computer)")
        say(f"Tables, dirty on purpose:  {nice(WAREHOUSE)}")
        point_at(hubspot)
        say("", "First night: everything is new.", "")
        first = report.sent(materialize())
        say(*report.table(first))
        say("", "Why rows were rejected, with the words for one of them:", "")
        say(*report.reasons(first))
        say("", "Second night: the same tables. Only rows that were rejected could change anything.", "")
        say(*report.table(report.sent(materialize())))
        agreed = compare(first, hubspot)
    say("", *explain(), "", *look_around())
    return 0 if agreed else 1


def start_afresh() -> None:
    """Remove what an earlier HubSpot left: its record ids mean nothing to a new one."""
    shutil.rmtree(HOME, ignore_errors=True)
    DAGSTER_HOME.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("dagster.yaml"), DAGSTER_HOME)
    warehouse.build()


def point_at(hubspot: EmulatorProcess) -> None:
    """Point Dagster at the local HubSpot, as one would in a shell, before the definitions are loaded."""
    os.environ["HUBSPOT_BASE_URL"] = hubspot.url
    os.environ["HUBSPOT_ACCESS_TOKEN"] = hubspot.token
    os.environ["DAGSTER_HOME"] = str(DAGSTER_HOME)


def materialize() -> dg.ExecuteInProcessResult:
    """Materialize all assets in this process; one asset fails on purpose, so failing raises nothing."""
    from example_project.definitions import defs

    with dg.DagsterInstance.get() as instance:
        return dg.materialize(
            list(defs.assets or []),
            resources=dict(defs.resources or {}),
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


def compare(syncs: list[report.Sent], hubspot: EmulatorProcess) -> bool:
    """Hold what Dagster says against the records that HubSpot has."""
    counted = {sync.asset: sync.counts["created"] for sync in syncs}
    stored = {name: len(hubspot.records(name)) for name in OBJECT_TYPES}
    if counted == stored:
        say(
            "",
            f"HubSpot has {sum(stored.values()):,} records, exactly those that Dagster counted as created.",
        )
        return True
    say(
        "",
        f"Dagster counted {counted}, HubSpot has {stored}. This is a fault in the library: please report it.",
    )
    return False


def explain() -> list[str]:
    """Why one asset failed."""
    return [
        f"{RED} is red on purpose: more than 5 % of its rows were rejected (max_rejected=0.05), so its step failed.",
        "Its good rows are in HubSpot all the same; an asset downstream of it would not have run.",
        "Yellow is for rejected rows up to that share. Success is never claimed for a row that did not arrive.",
    ]


def look_around() -> list[str]:
    """Where things are and what to type."""
    ids = nice(STORE / "contacts" / "ids.parquet")
    return [
        f"ids tables     {nice(STORE)}/<asset>/ids.parquet (your key, HubSpot's record id, the outcome)",
        "",
        "make ui        the same in Dagster's UI",
        f'{nice(Path(sys.executable))} -c "import duckdb; duckdb.sql(\\"from \'{ids}\' limit 5\\").show()"',
    ]


def nice(path: Path) -> str:
    """A path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def say(*lines: str) -> None:
    """Print lines at once, also into a pipe."""
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
