"""Values of an older part of a table never go over those of a newer one."""

from __future__ import annotations

import itertools

import pytest
from bench.sync_bench import BY_KEY, Bench, by_key, shown

from hubspot_batch_dagster.operations.base import OnDuplicate
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.batches.as_of import AsOf

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")


def row(name: str) -> list[dict[str, object]]:
    return [{"id": 1, "name": name, "city": "Oslo"}]


@pytest.mark.parametrize("order", [(3, 0, 1, 2), (1, 3, 2, 0), (2, 1, 0, 3)])
def test_the_newest_day_stays_in_whatever_order_the_days_come(bench: Bench, order: tuple[int, ...]) -> None:
    newest = -1
    for day in order:
        result = bench.run(row(f"day {day}"), BY_KEY, as_of=AsOf(DAYS[day]))
        if day < newest:
            assert shown(result) == {"unchanged": 1}
            assert by_key(result, "id")[1]["error_code"] == "OLDER"
        newest = max(newest, day)
    assert [each["name"] for each in bench.emulator.records("companies").values()] == ["day 3"]
    forced = bench.run(row("day 0"), BY_KEY, as_of=AsOf(DAYS[0]), full_refresh=True)
    assert shown(forced) == {"unchanged": 1}
    assert shown(bench.run(row("later"), BY_KEY, as_of=AsOf(DAYS[3]))) == {"updated": 1}
    assert shown(bench.run(row("without a day"), BY_KEY)) == {"updated": 1}
    assert shown(bench.run(row("day 1"), BY_KEY, as_of=AsOf(DAYS[1]))) == {"unchanged": 1}


def test_a_day_that_repeats_a_row_is_the_newest_that_had_it(bench: Bench) -> None:
    bench.run(row("same"), BY_KEY, as_of=AsOf(DAYS[0]))
    assert shown(bench.run(row("same"), BY_KEY, as_of=AsOf(DAYS[2]))) == {"unchanged": 1}
    assert shown(bench.run(row("between"), BY_KEY, as_of=AsOf(DAYS[1]))) == {"unchanged": 1}
    assert [each["name"] for each in bench.emulator.records("companies").values()] == ["same"]


@pytest.mark.parametrize(
    ("given", "several", "name"),
    [(None, True, "day 3"), (None, False, "day 0"), ("first", True, "day 0"), ("last", False, "day 3")],
)
def test_in_a_run_for_many_days_the_newest_row_wins_unless_it_is_chosen(
    bench: Bench, given: OnDuplicate | None, several: bool, name: str
) -> None:
    rows = list(itertools.chain.from_iterable(row(f"day {day}") for day in range(4)))
    operation = Upsert("companies", key="id", properties=["name", "city"], on_duplicate=given)
    result = bench.run(rows, operation, as_of=AsOf(DAYS[3], several=several))
    left = "unchanged" if given is None and several else "rejected"
    assert shown(result) == {"created": 1, left: 3}
    if left == "unchanged":
        assert result.ids["error_code"].to_pylist() == ["OLDER"] * 3 + [None]
        changed = [{**each, "city": "Rome"} for each in rows]
        assert shown(bench.run(changed, operation, as_of=AsOf(DAYS[3], several=several))) == {
            "updated": 1,
            "unchanged": 3,
        }
    assert [each["name"] for each in bench.emulator.records("companies").values()] == [name]
