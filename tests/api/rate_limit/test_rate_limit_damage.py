"""A budget file of which a bit was changed is read as it is, begins anew, or is left aside: requests go on,
and no error reaches a run.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from budget_helpers import Clock, budget_on, limits


def used(file: Path, clock: Clock) -> bytes:
    """The file of a budget from which requests were taken a moment ago."""
    budget = budget_on(clock, file)
    for _ in range(12):
        budget.take()
    budget.observe(200, limits(190, 150, day=(1000, 800)))
    budget.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.read_bytes()


def goes_on(file: Path, clock: Clock) -> None:
    """Requests leave, and within the time of a pause or of two windows."""
    budget, began = budget_on(clock, file), clock.now()
    for _ in range(20):
        budget.take()
    budget.close()
    assert clock.now() - began <= 131


def test_a_changed_bit_stops_nobody(tmp_path: Path) -> None:
    whole, rng = used(tmp_path / "budget", Clock()), random.Random(3)
    told = [at for at in range(len(whole)) if whole[at]]
    for number in range(120):
        file = tmp_path / f"budget {number}"
        content = bytearray(whole)
        content[rng.choice(told)] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
        goes_on(file, Clock())


@pytest.mark.parametrize("value", ["x", b"x", None, float("inf"), -float("inf"), 1e300])
def test_a_value_of_another_kind_is_no_error(tmp_path: Path, value: object) -> None:
    """SQLite gives back what a damaged cell says that it is, whatever the column is for."""
    file = tmp_path / "budget"
    used(file, Clock())
    with closing(sqlite3.connect(file)) as connection, connection:
        for table, column in (("requests", "at"), ("facts", "value")):
            connection.execute(f"CREATE TABLE other AS SELECT * FROM {table}")
            connection.execute(f"DROP TABLE {table}")
            connection.execute("ALTER TABLE other RENAME TO " + table)
            connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
    goes_on(file, Clock())
