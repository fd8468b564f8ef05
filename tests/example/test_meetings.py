"""The example's partitioned asset: a day, another day, and a backfill over several."""

from collections import Counter
from datetime import datetime, timezone
from typing import Any

import dagster as dg
import pytest
from example_helpers import Project

from example_project.data import appointments
from hubspot_batch_dagster import Upsert

ROWS = appointments.rows()


def of_days(*days: str) -> list[dict[str, Any]]:
    return [row for row in ROWS if f"{row['starts_at']:%Y-%m-%d}" in days]


def meetings(rows: list[dict[str, Any]]) -> Counter[tuple[str, datetime]]:
    """Titles and times of the rows that HubSpot can take."""
    return Counter(
        (row["title"], row["starts_at"]) for row in rows if row["outcome"] in appointments.OUTCOMES
    )


def stored(project: Project) -> Counter[tuple[str, datetime]]:
    """Titles and times of the meetings that HubSpot has."""
    return Counter(
        (
            each["hs_meeting_title"],
            datetime.fromisoformat(each["hs_meeting_start_time"].replace("Z", "+00:00")),
        )
        for each in project.hubspot.records("meetings").values()
    )


def keys(rows: list[dict[str, Any]]) -> list[str]:
    return [row["appointment_id"] for row in rows if row["outcome"] in appointments.OUTCOMES]


def known(project: Project) -> list[str]:
    """The keys in the ids table, of all partitions."""
    return sorted(project.ids("meetings")["appointment_id"].to_pylist())


@pytest.fixture(autouse=True)
def _contacts(project: Project) -> None:
    """Those people of three days that can be contacts."""
    mails = {
        row["mail"] for row in of_days("2026-01-05", "2026-01-06", "2026-01-07") if "shop" in row["mail"]
    }
    project.sync(
        [{"mail": mail} for mail in sorted(mails)],
        Upsert("contacts", id_property="email", properties={"email": "mail"}),
        name="contacts",
    )


def test_a_partition_is_a_day_and_the_next_one_adds_to_the_same_ids_table(project: Project) -> None:
    assert project.run("day_of_meetings", partition_key="2026-01-05").success
    assert stored(project) == meetings(of_days("2026-01-05"))
    assert known(project) == keys(of_days("2026-01-05"))

    assert project.run("day_of_meetings", partition_key="2026-01-06").success
    assert stored(project) == meetings(of_days("2026-01-05", "2026-01-06"))
    assert known(project) == keys(of_days("2026-01-05", "2026-01-06"))

    assert project.run("day_of_meetings", partition_key="2026-01-05").success
    assert project.hubspot.books.created_count("meetings") == sum(stored(project).values())
    made = project.instance.get_materialized_partitions(dg.AssetKey("meetings"))
    assert made == {"2026-01-05", "2026-01-06"}


def test_a_backfill_is_one_run_that_makes_only_what_is_missing(project: Project) -> None:
    project.run("day_of_meetings", partition_key="2026-01-06")
    before = project.hubspot.books.created_count("meetings")
    ran = project.run(
        "day_of_meetings",
        tags={
            "dagster/asset_partition_range_start": "2026-01-05",
            "dagster/asset_partition_range_end": "2026-01-07",
        },
    )
    assert ran.success
    assert before > 0
    wanted = meetings(of_days("2026-01-05", "2026-01-06", "2026-01-07"))
    assert stored(project) == wanted
    assert project.hubspot.books.created_count("meetings") == sum(wanted.values())


def test_a_meeting_hangs_on_its_contact_and_one_without_a_contact_is_made_all_the_same(
    project: Project,
) -> None:
    project.run("day_of_meetings", partition_key="2026-01-05")
    linked = [
        row
        for row in of_days("2026-01-05")
        if "shop" in row["mail"] and row["outcome"] in appointments.OUTCOMES
    ]
    assert len(project.hubspot.books.commits("associated")) == len(linked)


def test_a_bad_row_a_day_is_yellow(project: Project) -> None:
    ran = project.run("day_of_meetings", partition_key="2026-01-05")
    bad = len(of_days("2026-01-05")) - sum(meetings(of_days("2026-01-05")).values())
    assert bad == 1
    rejected = {each.check_name: each for each in ran.get_asset_check_evaluations()}["rows_rejected"]
    assert (rejected.passed, rejected.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_no_day_is_so_bad_that_it_is_red() -> None:
    bad = Counter(row["starts_at"].date() for row in ROWS if row["outcome"] not in appointments.OUTCOMES)
    assert 0 < max(bad.values()) <= 0.34 * appointments.A_DAY


def test_the_night_after_a_day_sends_it(project: Project) -> None:
    daily = project.defs.resolve_schedule_def("daily")
    at_three = datetime(2026, 1, 6, 3, tzinfo=timezone.utc)
    with dg.build_schedule_context(scheduled_execution_time=at_three) as context:
        (request,) = daily.evaluate_tick(context).run_requests or []
    assert daily.cron_schedule == "0 3 * * *"
    assert request.partition_key == "2026-01-05"
