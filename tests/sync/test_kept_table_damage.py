"""What a store keeps besides the ids table has sums too: a changed byte is never taken for what was
written.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.sync_bench import SETTINGS, Bench, shown

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.emulator import Emulator
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.batches.as_of import AsOf
from hubspot_batch_dagster.sync.history import read_history
from hubspot_batch_dagster.sync.state.row_order import kept_orders, put_order
from hubspot_batch_dagster.sync.undo import plan_undo

FIRMS = Upsert("companies", key="id", properties=["name"], keep_before=True)


def rows(name: str, n: int = 5) -> list[dict[str, Any]]:
    return [{"id": i, "name": f"{name} {i}"} for i in range(n)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Emulator(settings=SETTINGS) as emulator:
        made = Bench(emulator, tmp_path / "store")
        made.reopen()
        yield made
        made.close()


def harmed(path: Path, look: Callable[[], object], times: int = 60) -> list[object]:
    """What a look gives where it gives anything, while one byte after the other is another one."""
    whole, rng, found = path.read_bytes(), random.Random(11), []
    for at in rng.sample(range(len(whole)), min(times, len(whole))):
        content = bytearray(whole)
        content[at] ^= rng.randint(1, 255)
        path.write_bytes(content)
        with contextlib.suppress(StoreError):
            found.append(look())
    path.write_bytes(whole)
    return found


def test_a_changed_table_of_a_run_is_no_way_back(bench: Bench) -> None:
    run = bench.run(rows("a"), FIRMS, "s").run
    table, sums = (Path(bench.store.path("s", "runs", run, name)) for name in ("ids.parquet", "sums.json"))
    assert harmed(table, lambda: plan_undo(bench.store, "s", run)) == []
    whole = plan_undo(bench.store, "s", run)
    assert len(whole.archive) == 5
    for found in harmed(sums, lambda: plan_undo(bench.store, "s", run)):
        assert found == whole


def test_a_changed_history_is_what_it_was_or_an_error(bench: Bench) -> None:
    """The cursor of rows that are read since the last run is in it: a later one would leave rows out."""
    for name in ("a", "b", "c"):
        bench.run(rows(name), FIRMS, "s")
    before = read_history(bench.store, "s")
    path = Path(bench.store.path("s", "runs.parquet"))
    cells = ["run", "generation", "changed_since", "cursor", "cursor_of"]
    for found in harmed(path, lambda: read_history(bench.store, "s"), 300):
        assert found.select(cells).equals(before.select(cells))  # type: ignore[attr-defined]


def test_a_changed_order_of_a_killed_run_is_an_error(bench: Bench, tmp_path: Path) -> None:
    assert shown(bench.run(rows("a"), FIRMS, "s", as_of=AsOf("2026-01-02"))) == {"created": 5}
    written = tmp_path / "order.parquet"
    written.write_bytes(Path(bench.store.path("s", "ids.parquet")).read_bytes())
    put_order(bench.store, "s", 7, written)
    [path] = Path(bench.store.path("s")).glob("in_progress.order-*.parquet")

    def look() -> int:
        with kept_orders(bench.store, "s") as found:
            return len(found)

    assert harmed(path, look) == []
    assert look() == 1
    kept = bench.store._kept
    for number, needless in ((6, False), (7, True)):
        found = kept.needless("s", generation=1, number=number, kept=[], whole=True)
        assert (path.name in [place[-1] for place in found]) == needless
