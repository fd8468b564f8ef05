"""A small run of the crash harness; ``make torture`` is the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.servers import Postgres

ROOT = Path(__file__).parents[2]
SEEDS = 18


def torture(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The harness in processes of its own: it forks, and pytest's process has threads."""
    command = [sys.executable, "-m", "tests.torture", "--quiet", "--strict", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="the harness forks and sends SIGKILL")
def test_killed_and_cheated_syncs_leave_each_row_in_hubspot_once() -> None:
    """Nothing is doubled, lost or falsely failed, whatever breaks and whenever the process dies."""
    done = torture("--seeds", str(SEEDS), "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SEEDS} seeds, " in done.stdout
    assert " 0 kills" not in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the harness forks and sends SIGKILL")
def test_rows_in_a_warehouse_that_change_under_killed_runs_are_in_hubspot_once() -> None:
    """Kills between merge and journal too; seed 110 was once taken for a lost state."""
    done = torture("--seeds", "3", "--from", "109", "--jobs", "1", "--warehouse", "duckdb")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 seeds, " in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the harness forks")
def test_associations_are_what_was_wanted_whenever_their_target_comes_and_whatever_dies() -> None:
    """All operations, and a seed that once failed: a killed run that ended what a row that was away
    wanted.
    """
    for first, seeds in ((4, 4), (52, 1)):
        command = [
            sys.executable,
            "-m",
            "tests.torture.associations",
            "--seeds",
            str(seeds),
            "--from",
            str(first),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{seeds} seeds, " in done.stdout


def test_a_world_that_changes_between_two_nights_doubles_and_loses_nothing_and_each_refusal_has_a_way_on() -> (
    None
):
    """Seeds with a lost disk, lost tables, an older backup, a reset and another portal, and renamed syncs."""
    command = [sys.executable, "-m", "tests.torture.worlds", "--seeds", "4", "--from", "4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 doubled, 0 lost, 0 falsely unchanged" in done.stdout
    assert " 0 refused" not in done.stdout


def take_over(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Two runs of one sync, of which the second takes the lock."""
    command = [sys.executable, "-m", "tests.torture.take_over", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="the harness forks and stops processes")
def test_a_run_whose_lock_was_taken_away_doubles_and_loses_nothing_and_would_without_the_fence() -> None:
    """Both runs are at work after the take-over in every seed; without the fence the first of them
    doubles.
    """
    done = take_over("--seeds", "3", "--from", "17")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "both runs at work after the take-over in 3: 0 doubled in 0 seeds, 0 lost" in done.stdout
    control = take_over("--seeds", "1", "--from", "17", "--no-fence")
    assert control.returncode == 1, control.stdout + control.stderr
    assert "doubled in 0 seeds" not in control.stdout


@pytest.mark.skipif(Postgres.reason_to_skip() is not None, reason=Postgres.reason_to_skip() or "")
@pytest.mark.parametrize(("seed", "loss"), [(25, "connection killed"), (12, "server restarted")])
def test_a_lock_in_postgres_that_is_cut_lets_no_run_double_or_lose_a_row(seed: int, loss: str) -> None:
    done = take_over("--seeds", "1", "--from", str(seed))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"seed {seed}: postgres, {loss}" in done.stdout
    assert "0 doubled in 0 seeds, 0 lost" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the harness forks and sends SIGKILL")
def test_records_that_others_merge_archive_and_purge_and_runs_that_are_refused_double_lose_and_fail_nothing() -> (
    None
):
    """Seeds that once failed: a deleted property, a permission that creates alone lacked, two rows that
    shared a record.
    """
    for seed in ("0", "8", "101"):
        command = [sys.executable, "-m", "tests.torture.identity", "--seeds", "1", "--from", seed]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0 duplicates, 0 lost, 0 falsely failed" in done.stdout
