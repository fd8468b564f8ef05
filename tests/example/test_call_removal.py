"""The example's op job: calls that are named are archived, by hand or because a list was found."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from example_helpers import Project

from example_project import sensors
from hubspot_batch_dagster import Create

CALLS = [{"call_id": number, "hs_timestamp": f"2026-01-0{number}T09:00:00Z"} for number in range(1, 6)]
AS_THE_ASSET = Create("calls", key="call_id", properties=["hs_timestamp"])


@pytest.fixture(autouse=True)
def _five_calls(project: Project) -> None:
    project.sync(CALLS, AS_THE_ASSET, name="calls")


def removing(*call_ids: str, **more: Any) -> dict[str, Any]:
    return {"ops": {"remove_calls": {"config": {"call_ids": [*call_ids], **more}}}}


def days(project: Project) -> list[int]:
    """The days of the calls that are there."""
    return sorted(int(each["hs_timestamp"][8:10]) for each in project.hubspot.records("calls").values())


def test_the_calls_that_are_named_are_archived_and_no_other(project: Project) -> None:
    assert project.run("call_removal", removing("2", "4")).success
    assert days(project) == [1, 3, 5]


def test_the_next_night_does_not_make_them_again(project: Project) -> None:
    project.run("call_removal", removing("2", "4"))
    counts = project.sync(CALLS, AS_THE_ASSET, name="calls")
    assert counts["unchanged"] == 5
    assert days(project) == [1, 3, 5]


def test_a_call_that_nobody_knows_fails_the_op_and_the_others_are_archived(project: Project) -> None:
    ran = project.run("call_removal", removing("2", "99"))
    assert not ran.success
    assert "NO_RECORD (1)" in str(ran.failure_data_for_node("remove_calls").user_failure_data)
    assert days(project) == [1, 3, 4, 5]


def test_a_dry_run_removes_nothing(project: Project) -> None:
    assert project.run("call_removal", removing("2", dry_run=True)).success
    assert days(project) == [1, 2, 3, 4, 5]


def requested() -> list[dg.RunRequest]:
    """What the sensor asks for."""
    return list(sensors.lists_of_calls())


def test_a_list_in_the_folder_requests_the_job_once_and_again_when_it_was_changed(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "LISTS", tmp_path / "lists")
    assert requested() == []

    (tmp_path / "lists").mkdir()
    monday = tmp_path / "lists" / "monday.txt"
    monday.touch()
    assert requested() == [], "it is still being written"
    monday.write_text("1 3\n5\n")
    (request,) = requested()
    (again,) = requested()
    assert request.run_key == again.run_key
    assert project.run("call_removal", request.run_config).success
    assert days(project) == [2, 4]

    monday.write_text("2")
    (changed,) = requested()
    assert changed.run_key != request.run_key
    assert changed.run_config["ops"]["remove_calls"]["config"]["call_ids"] == ["2"]


def test_the_sensor_names_a_job_that_exists(project: Project) -> None:
    sensor = project.defs.resolve_sensor_def("lists_of_calls")
    assert project.defs.resolve_job_def(sensor.job_name).name == "call_removal"
