"""A whole deployment on this machine: `dagster dev`, a HubSpot in a process of its own, and a person at the
buttons.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from dagster_dev import Dagster, dagster_dev, until

from hubspot_batch_dagster.emulator import EmulatorProcess, Settings

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.name != "posix", reason="starts and kills processes as POSIX does"),
]

FILE = Path(__file__).with_name("e2e_definitions.py")
OUTCOMES = ("created", "updated", "archived", "unchanged", "rejected", "unknown", "unsent")


def test_counts_and_checks_are_in_the_ui_and_a_stopped_or_killed_run_is_completed_without_a_double(
    tmp_path: Path,
) -> None:
    settings = Settings(search_lag=0.05, latency=0.01)
    with EmulatorProcess(settings=settings) as hubspot:
        env = {
            "HUBSPOT_ACCESS_TOKEN": hubspot.token,
            "E2E_HUBSPOT": hubspot.url,
            "E2E_HOME": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        with dagster_dev(["-f", str(FILE)], tmp_path / "home", env) as dagster:
            no_secret_is_shown(dagster, hubspot.token)
            a_few_rejected_rows_are_yellow(dagster)
            a_terminated_run_goes_on_where_it_was_stopped(dagster, hubspot)
            a_killed_step_goes_on_where_it_was_killed(dagster, hubspot, tmp_path)


def no_secret_is_shown(dagster: Dagster, token: str) -> None:
    shown = dagster.resources()
    assert "HUBSPOT_ACCESS_TOKEN" in shown
    assert "written_down" in shown
    assert "********" in shown
    assert "pat-na1-a-literal-secret" not in shown
    assert token not in shown


def a_few_rejected_rows_are_yellow(dagster: Dagster) -> None:
    run = dagster.materialize("customers", "crm/contacts")
    assert dagster.end_of(run) == "SUCCESS"
    metadata, checks = dagster.metadata("crm/contacts"), dagster.checks("crm/contacts")
    assert accounted(metadata) == (100, {"created": 98, "rejected": 2})
    assert checks["rows_accounted_for"]["status"] == "SUCCEEDED"
    assert checks["rows_unknown"]["status"] == "SUCCEEDED"
    rejected = checks["rows_rejected"]
    assert (rejected["status"], rejected["severity"]) == ("FAILED", "WARN")
    assert [each["code"] for each in rejected["metadata"]["sample"]] == ["INVALID_EMAIL", "MISSING_KEY"]
    assert rejected["metadata"]["reasons"] == [
        {"column": "email", "code": "INVALID_EMAIL", "rows": 1},
        {"column": "email", "code": "MISSING_KEY", "rows": 1},
    ]


def a_terminated_run_goes_on_where_it_was_stopped(dagster: Dagster, hubspot: EmulatorProcess) -> None:
    hubspot.change(latency=1.0)
    run = dagster.materialize("crm/companies", config=rows(6000))
    until(lambda: created(hubspot) > 0, 180, "nothing was sent")
    dagster.terminate(run)
    assert dagster.end_of(run) == "CANCELED"
    total, counts = accounted(dagster.metadata("crm/companies"))
    assert total == 6000
    assert set(counts) == {"created", "unsent"}
    assert counts["created"] == created(hubspot), "what was in flight was awaited and kept"
    assert dagster.checks("crm/companies")["rows_accounted_for"]["severity"] == "ERROR"

    hubspot.change(latency=0.01)
    again = dagster.re_execute(run, "ALL_STEPS")
    assert dagster.end_of(again) == "SUCCESS"
    assert accounted(dagster.metadata("crm/companies")) == (
        6000,
        {"created": counts["unsent"], "unchanged": counts["created"]},
    )
    assert_once_each(hubspot, 6000)


def a_killed_step_goes_on_where_it_was_killed(
    dagster: Dagster, hubspot: EmulatorProcess, folder: Path
) -> None:
    hubspot.change(latency=1.0)
    (folder / "step.pid").unlink()
    run = dagster.materialize("crm/companies", config=rows(9000))
    until(lambda: created(hubspot) > 6000, 180, "nothing was sent")
    os.kill(int((folder / "step.pid").read_text()), signal.SIGKILL)
    assert dagster.end_of(run) == "FAILURE"
    assert 6000 < created(hubspot) < 9000

    hubspot.change(latency=0.01)
    again = dagster.re_execute(run, "FROM_FAILURE")
    assert dagster.end_of(again) == "SUCCESS"
    total, counts = accounted(dagster.metadata("crm/companies"))
    assert total == 9000
    assert set(counts) <= {"created", "unchanged", "unknown"}
    assert counts.get("unknown", 0) == 0
    assert_once_each(hubspot, 9000)


def rows(n: int) -> dict[str, Any]:
    return {"ops": {"crm__companies": {"config": {"rows": n}}}}


def created(hubspot: EmulatorProcess) -> int:
    return hubspot.books.created_count("companies")


def accounted(metadata: dict[str, Any]) -> tuple[int, dict[str, int]]:
    """Rows, and the outcomes that are not zero; they add up."""
    counts = {name: metadata[name] for name in OUTCOMES if metadata[name]}
    assert sum(counts.values()) == metadata["dagster/row_count"]
    return metadata["dagster/row_count"], counts


def assert_once_each(hubspot: EmulatorProcess, n: int) -> None:
    names = sorted(each["name"] for each in hubspot.records("companies").values())
    assert names == sorted(f"Firm {i}" for i in range(n))
    assert hubspot.books.trace_ids_committed_twice() == {}
