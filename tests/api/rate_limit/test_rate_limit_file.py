"""The budget's file: shared by real processes, given back by dead ones, and replaced when it is damaged or
gone.
"""

from __future__ import annotations

import logging
import multiprocessing
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from budget_helpers import Clock, budget_on, limits, most_in_a_window

from hubspot_batch_dagster.api.errors import BudgetUnavailable
from hubspot_batch_dagster.api.rate_limit.budget_file import budget_file, cache_folder
from hubspot_batch_dagster.api.rate_limit.open_budget import open_budget
from hubspot_batch_dagster.api.rate_limit.shared_budget import SharedBudget
from hubspot_batch_dagster.api.rate_limit.sqlite_log import SqliteLog

MAXIMUM, SECONDS, MARGIN = 120, 2.0, 0.2


@contextmanager
def workers(count: int, place: str, name: str, record: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that take as fast as they may; they end with the block."""
    command = [sys.executable, str(Path(__file__).with_name("budget_helpers.py")), place, name, str(record)]
    command += [str(MAXIMUM), str(SECONDS), str(MARGIN)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(count)]
    try:
        yield running
    finally:
        for worker in running:
            worker.kill()
            worker.communicate(timeout=5)


def wait_for(path: Path, seconds: float = 20) -> None:
    """Wait until the first worker has written something down."""
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < deadline, "no worker took anything"
        time.sleep(0.01)


def test_a_process_that_dies_in_the_middle_of_a_step_locks_nothing(tmp_path: Path) -> None:
    """SIGKILL while the file's lock is held leaves no lock and no half-written request."""
    file = tmp_path / "budget"
    budget = SharedBudget(SqliteLog(file), max_wait=5)
    budget.take()
    code = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None);c.execute('BEGIN"
        " IMMEDIATE'); c.execute('DELETE FROM requests'); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
    finally:
        holder.kill()
        holder.communicate(timeout=5)
    budget.take()
    assert budget.state().used == 2


def test_a_held_lock_ends_in_a_clear_error(tmp_path: Path) -> None:
    """While somebody holds the file's lock a request waits; at the end it says who is to blame, then works
    again.
    """
    file = tmp_path / "budget"
    budget = SharedBudget(SqliteLog(file, busy_seconds=0.05), patience=0.3)
    budget.take()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(BudgetUnavailable, match="another process holds the lock"):
        budget.take()
    with pytest.raises(BudgetUnavailable, match="cannot be read"):
        budget.state()
    budget.observe(200, limits(190))
    budget.pause(1)
    budget.note_daily(10, 10)
    budget.time_zone = "UTC"
    holder.execute("ROLLBACK")
    holder.close()
    budget.take()
    assert budget.state().limit == 90


def garbage(file: Path) -> None:
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    file.write_bytes(b"this was a budget once" * 500)


def another_schema(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE IF EXISTS requests")
        connection.execute("CREATE TABLE requests (something TEXT)")
    connection.close()


def garbage_found_by_another(file: Path) -> None:
    garbage(file)
    SharedBudget(SqliteLog(file)).state()


def deletion(file: Path) -> None:
    file.unlink()


def folder_deletion(file: Path) -> None:
    for found in file.parent.iterdir():
        found.unlink()
    file.parent.rmdir()


def torn(file: Path) -> None:
    SharedBudget(SqliteLog(file)).take()
    data = file.read_bytes() or (file.with_name(file.name + "-wal")).read_bytes()
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    file.write_bytes(data[: len(data) // 3] + b"\xff" * 500)


@pytest.mark.parametrize("damage", [garbage, another_schema, torn])
def test_a_damaged_file_is_replaced(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A sync starts with a damaged file as with none, says so, and shares the new one."""
    file = tmp_path / "budget"
    damage(file)
    clock = Clock()
    with caplog.at_level(logging.WARNING):
        budget_on(clock, file).take()
    assert "was damaged" in caplog.text
    assert budget_on(clock, file).state().used == 1


@pytest.mark.parametrize("value", ["text", "", b"bytes", 1e308, -1e308, float("inf"), 0.0, -7.0])
@pytest.mark.parametrize("name", ["paused_until", "burst.max", "burst.seconds", "burst.others", "burst.others_until",
                                  "day.remaining", "day.limit", "day.resets_at", "day.heard_at", "born"])  # fmt: skip
def test_facts_that_mean_nothing_stop_nobody(tmp_path: Path, name: str, value: object) -> None:
    """What a damaged file holds is read as not known: requests go on, no faster than the careful start."""
    if name == "day.remaining" and value in (-1e308, 0.0, -7.0):
        pytest.skip("the day is used up, which is no damage")
    file, clock = tmp_path / "budget", Clock()
    budget_on(clock, file).note_daily(1000, 900)
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
        connection.execute("INSERT INTO requests VALUES ('burst', ?)", (value,))
    connection.close()
    budget = budget_on(clock, file)
    began = clock.now()
    budget.take()
    budget.observe(200, limits(190, 150, day=(1000, 800)))
    assert budget.state().limit in (189, 150)
    for _ in range(20):
        budget.take()
    assert clock.now() - began <= 61
    assert budget.requests_per_second() > 1
    budget.time_zone = "UTC"


@pytest.mark.parametrize("damage", [garbage_found_by_another, deletion, folder_deletion])
def test_a_file_lost_on_the_way_costs_one_window(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """What left before the loss is forgotten, so everybody waits until HubSpot has forgotten it too."""
    clock = Clock()
    file = tmp_path / "cache" / "budget"
    one = budget_on(clock, file, limit=20)
    times = []
    for _ in range(20):
        one.take()
        times.append(clock.now())
    damage(file)
    with caplog.at_level(logging.WARNING):
        for _ in range(25):
            one.take()
            times.append(clock.now())
    assert "one window" in caplog.text
    assert most_in_a_window(times, 10.0) <= 20
    assert budget_on(clock, file, limit=20).state().used == 5


def test_a_folder_that_cannot_be_written_counts_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a place for the file the process counts for itself, and says what that means, once."""
    blocker = tmp_path / "a-file"
    blocker.write_text("")
    clock = Clock()
    with caplog.at_level(logging.WARNING):
        budget = budget_on(clock, blocker / "budget", limit=3)
        times = []
        for _ in range(10):
            budget.take()
            times.append(clock.now())
    assert most_in_a_window(times, 10.0) == 3
    warnings = [record for record in caplog.records if "counts its requests alone" in record.message]
    assert len(warnings) == 1
    assert "Make the folder writable" in warnings[0].message


def test_a_restart_of_the_host_holds_nobody_for_long(tmp_path: Path) -> None:
    """The clock begins anew after a restart; times of before wait one window at most."""
    before = Clock()
    before.time = 9e6
    old = budget_on(before, tmp_path / "b", limit=5)
    for _ in range(5):
        old.take()
    old.pause(60)
    old.close()
    after = Clock()
    new = budget_on(after, tmp_path / "b", limit=5)
    begin = after.now()
    new.take()
    assert after.now() - begin <= 11


def test_a_host_whose_clock_is_another_holds_nobody_for_long(tmp_path: Path) -> None:
    """Two hosts of one name may share a home folder; what the one writes lies in the future of the other."""
    one, other = Clock(), Clock()
    other.time = 9e6
    first = budget_on(one, tmp_path / "b", limit=5)
    second = budget_on(other, tmp_path / "b", limit=5)
    for _ in range(5):
        first.take()
    begin = one.now()
    for _ in range(4):
        second.take()
        first.take()
    assert one.now() - begin <= 11


def _take_twice(budget: SharedBudget) -> None:
    budget.take()
    budget.take()


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
def test_a_forked_child_opens_the_file_itself(tmp_path: Path) -> None:
    """A child made by fork while the parent holds its lock still counts on the same budget."""
    budget = open_budget("x", folder=tmp_path)
    budget.take()
    log = budget.log
    assert isinstance(log, SqliteLog)
    with log._lock:
        child = multiprocessing.get_context("fork").Process(target=_take_twice, args=(budget,))
        child.start()
        child.join(20)
    assert child.exitcode == 0
    assert budget.state().used == 3


def test_processes_that_open_together_agree_on_one_file(tmp_path: Path) -> None:
    """Many users that open a new file at the same moment all count in it."""
    budgets = [open_budget("x", folder=tmp_path) for _ in range(8)]
    threads = [threading.Thread(target=budget.take) for budget in budgets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert budgets[0].state().used == 8


def test_close_lets_go_and_a_later_take_opens_again(tmp_path: Path) -> None:
    """Closing twice is fine, and a closed budget still knows what was used."""
    budget = open_budget("x", folder=tmp_path)
    budget.take()
    budget.close()
    budget.close()
    budget.take()
    assert budget.state().used == 2


def test_the_cache_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Linux, macOS and Windows each have a place for such files."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "hubspot-batch-dagster"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert cache_folder() == tmp_path / ".cache" / "hubspot-batch-dagster"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == tmp_path / "Library" / "Caches" / "hubspot-batch-dagster"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert cache_folder() == tmp_path / "AppData" / "Local" / "hubspot-batch-dagster" / "Cache"
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "hubspot-batch-dagster" / "Cache"


def test_each_credential_and_host_has_its_own_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hosts that share a home folder do not share a clock; a named folder is one host's by promise."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    here, other = budget_file("a"), budget_file("b")
    named = budget_file("a", tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "another-host")
    assert len({here, other, budget_file("a")}) == 3
    assert budget_file("a", tmp_path) == named


def test_without_a_home_folder_the_process_counts_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A user without a home folder can still sync."""

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with caplog.at_level(logging.WARNING):
        budget = open_budget("x")
    assert "no home folder" in caplog.text
    budget.take()
    assert budget.state().used == 1
