"""Values of an older part of a table never go over those of a newer one."""

from __future__ import annotations

import itertools
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from bench.sync_bench import BY_KEY, Bench, by_key, shown

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.base import OnDuplicate
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.batches.as_of import AsOf

NEWEST = Upsert("companies", key="id", properties=["name", "city"], as_of="at")
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


@pytest.mark.parametrize("kind", ["day", "column"])
def test_what_a_killed_run_wrote_last_is_not_gone_over_by_an_older_day(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The journal knows what the run wrote, and the ids table not yet how new it is."""
    operation = BY_KEY if kind == "day" else NEWEST

    def run(day: int, name: str) -> dict[str, int]:
        rows = [{**each, "at": datetime(2026, 1, day)} for each in row(name)]
        return shown(bench.run(rows, operation, as_of=AsOf(DAYS[day]) if kind == "day" else None))

    def dies(*_: object, **__: object) -> None:
        raise OSError("killed")

    assert run(1, "first") == {"created": 1}
    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "conclude", dies)
        with pytest.raises(OSError, match="killed"):
            run(3, "newest")
    assert run(2, "older") == {"unchanged": 1}
    assert [each["name"] for each in bench.emulator.records("companies").values()] == ["newest"]
    assert run(2, "older still") == {"unchanged": 1}
    assert not list(Path(bench.store.path("sync")).glob("in_progress.order*"))


def test_a_column_says_which_row_is_newer_within_a_run_and_from_one_run_to_the_next(bench: Bench) -> None:
    def rows(*moments: int | None) -> list[dict[str, object]]:
        return [
            {"id": 1, "name": f"at {each}", "city": "Oslo", "at": each and datetime(2026, 1, each)}
            for each in moments
        ]

    def name() -> str | None:
        return next(iter(bench.emulator.records("companies").values()))["name"]

    assert shown(bench.run(rows(5, 9, 7), NEWEST)) == {"created": 1, "unchanged": 2}
    assert name() == "at 9"
    older = bench.run(rows(8), NEWEST, full_refresh=True)
    assert (shown(older), by_key(older, "id")[1]["error_code"]) == ({"unchanged": 1}, "OLDER")
    assert shown(bench.run(rows(10), NEWEST, as_of=AsOf("2020-01-01"))) == {"updated": 1}
    repeated = [{**rows(10)[0], "at": datetime(2026, 1, 20)}]
    assert shown(bench.run(repeated, NEWEST)) == {"unchanged": 1}
    assert shown(bench.run(rows(15), NEWEST)) == {"unchanged": 1}
    assert shown(bench.run(rows(None), NEWEST)) == {"updated": 1}
    assert shown(bench.run(rows(15), NEWEST)) == {"unchanged": 1}
    assert "at" not in next(iter(bench.emulator.records("companies").values()))


@pytest.mark.parametrize("values", [["9", "10"], [0.5, 1.5]])
def test_a_column_that_does_not_say_what_is_newer_is_refused(bench: Bench, values: list[object]) -> None:
    rows = [{"id": i, "name": "x", "city": "y", "at": each} for i, each in enumerate(values)]
    with pytest.raises(InputError, match="as_of column 'at'"):
        bench.run(rows, NEWEST)
    assert bench.writes() == 0
    whole = [{**each, "at": n} for each, n in zip(rows, (9, 10), strict=True)]
    assert shown(bench.run(whole, NEWEST)) == {"created": 2}
    assert shown(bench.run([{**each, "name": "z", "at": 9} for each in whole], NEWEST)) == {
        "updated": 1,
        "unchanged": 1,
    }


def test_numbers_below_zero_are_older_than_those_above(bench: Bench) -> None:
    def at(value: int) -> list[dict[str, object]]:
        return [{"id": 1, "name": f"at {value}", "city": "Ulm", "at": value}]

    outcomes = [shown(bench.run(at(value), NEWEST)) for value in (-10, -9, -11, -1, 0, -1)]
    left_alone = {"unchanged": 1}
    assert outcomes == [
        {"created": 1},
        {"updated": 1},
        left_alone,
        {"updated": 1},
        {"updated": 1},
        left_alone,
    ]


def test_a_row_whose_moment_no_calendar_has_is_rejected_alone(bench: Bench) -> None:
    """The others are sent."""
    rows = [
        {"id": each, "name": "x", "city": "y", "at": np.datetime64(f"{year}-01-01")}
        for each, year in enumerate((2026, 10000))
    ]
    result = bench.run(rows, NEWEST)
    assert shown(result) == {"created": 1, "rejected": 1}
    assert by_key(result, "id")[1]["error_message"].startswith(
        "at: 10000-01-01 is not in the years 1 to 9999."
    )


@pytest.mark.parametrize("first", [7, datetime(2026, 1, 2)], ids=["numbers first", "moments first"])
def test_numbers_and_moments_have_no_order_among_each_other(bench: Bench, first: object) -> None:
    """Not within a run, and from one run to the next what was sent by the other kind is older, with a warning."""
    other = datetime(2026, 1, 2) if first == 7 else 7

    def rows(name: str, at: object) -> list[dict[str, object]]:
        return [{"id": 1, "name": name, "city": "Ulm", "at": at}]

    with pytest.raises(InputError, match="as_of column 'at' has whole numbers and points in time"):
        bench.run((each for at in (first, other) for each in rows("x", at) * 20_000), NEWEST)
    assert bench.writes() == 0
    assert shown(bench.run(rows("one", first), NEWEST)) == {"created": 1}
    bench.warnings.clear()
    assert shown(bench.run(rows("two", other), NEWEST)) == {"updated": 1}
    assert [each for each in bench.warnings if "say how new the rows are" in each]
    bench.warnings.clear()
    assert shown(bench.run(rows("two", other), NEWEST)) == {"unchanged": 1}
    assert not bench.warnings


def test_a_day_that_repeats_a_row_is_the_newest_that_had_it(bench: Bench) -> None:
    bench.run(row("same"), BY_KEY, as_of=AsOf(DAYS[0]))
    assert shown(bench.run(row("same"), BY_KEY, as_of=AsOf(DAYS[2]))) == {"unchanged": 1}
    assert shown(bench.run(row("between"), BY_KEY, as_of=AsOf(DAYS[1]))) == {"unchanged": 1}
    assert [each["name"] for each in bench.emulator.records("companies").values()] == ["same"]


def test_an_unchanged_row_is_as_new_as_its_column_says_though_nothing_else_moved(bench: Bench) -> None:
    def at(value: int, city: str = "Ulm") -> list[dict[str, object]]:
        return [{"id": 1, "name": "Firm", "city": city, "at": value}]

    bench.run(at(1), NEWEST)
    assert shown(bench.run(at(3), NEWEST)) == {"unchanged": 1}
    assert shown(bench.run(at(2, "Bonn"), NEWEST)) == {"unchanged": 1}
    assert shown(bench.run(at(4, "Bonn"), NEWEST)) == {"updated": 1}


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
