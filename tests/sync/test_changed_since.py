"""A source with a cursor column: most runs read what changed, and nothing that matters is missed."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from bench.sync_bench import SETTINGS, Bench
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubspot_batch_dagster import ChangedSince, InputError, Upsert, Warehouse
from hubspot_batch_dagster.emulator import Emulator, Fault
from hubspot_batch_dagster.sync.batches.as_of import AsOf
from hubspot_batch_dagster.sync.run import RunOptions, plan_sync

BY_EMAIL = Upsert("contacts", id_property="email", properties=["email", "firstname"])
NOON = datetime(2026, 3, 1, 12, 0)


class Customers:
    """A table whose rows say when they changed, and that notes from when it was read."""

    def __init__(self, count: int, changed_at: Any = NOON) -> None:
        self.rows = {
            i: {"email": f"p{i}@x.org", "firstname": "Ada", "changed_at": changed_at} for i in range(count)
        }
        self.asked: list[Any] = []

    def change(self, i: int, firstname: str, changed_at: Any) -> None:
        self.rows[i] = {"email": f"p{i}@x.org", "firstname": firstname, "changed_at": changed_at}

    def read(self, since: Any) -> list[dict[str, Any]]:
        self.asked.append(since)
        return [row for row in self.rows.values() if since is None or row["changed_at"] >= since]

    def source(self, **more: Any) -> ChangedSince:
        return ChangedSince("changed_at", self.read, **more)


def names(bench: Bench) -> dict[str, str]:
    found = bench.emulator.records("contacts").values()
    return {str(each["email"]): str(each["firstname"]) for each in found}


def test_the_second_run_reads_from_an_hour_before_the_newest_row_of_the_first(bench: Bench) -> None:
    customers = Customers(30)
    first = bench.run(customers.source(), BY_EMAIL)
    customers.change(3, "Grace", NOON + timedelta(hours=5))
    customers.change(4, "Jean", NOON + timedelta(hours=6))
    second = bench.run(customers.source(), BY_EMAIL)
    third = bench.run(customers.source(), BY_EMAIL)
    assert customers.asked == [None, NOON - timedelta(hours=1), NOON + timedelta(hours=5)]
    assert (first.rows, first.changed_since, first.counts["created"]) == (30, None, 30)
    assert (second.rows, second.changed_since, second.counts["updated"]) == (30, "2026-03-01T11:00:00", 2)
    assert (third.rows, third.counts["unchanged"]) == (2, 2)
    assert names(bench)["p3@x.org"] == "Grace"


def test_rows_that_were_not_sent_are_read_again(bench: Bench) -> None:
    customers = Customers(3)
    bench.run(customers.source(overlap=timedelta(0)), BY_EMAIL)
    customers.change(1, "Grace", NOON + timedelta(hours=1))
    bench.emulator.faults.add(Fault.daily_limit(times=1))
    assert bench.run(customers.source(overlap=timedelta(0)), BY_EMAIL).counts["unsent"] == 1
    assert bench.run(customers.source(overlap=timedelta(0)), BY_EMAIL).counts["updated"] == 1
    assert customers.asked == [None, NOON, NOON]
    assert names(bench)["p1@x.org"] == "Grace"


def test_a_first_run_that_was_cut_short_is_followed_by_one_that_reads_all(bench: Bench) -> None:
    customers = Customers(150)
    bench.emulator.faults.add(Fault.daily_limit(nth=2))
    assert bench.run(customers.source(), BY_EMAIL).counts["unsent"] > 0
    assert bench.run(customers.source(), BY_EMAIL).counts["unsent"] == 0
    assert customers.asked == [None, None]
    assert len(names(bench)) == 150


def test_every_so_many_runs_one_reads_all_rows_and_finds_what_the_cursor_did_not_show(bench: Bench) -> None:
    customers = Customers(20)
    bench.run(customers.source(full_every=3), BY_EMAIL)
    customers.change(0, "Silent", NOON - timedelta(days=9))
    for _ in range(2):
        bench.run(customers.source(full_every=3), BY_EMAIL)
        assert names(bench)["p0@x.org"] == "Ada"
    bench.run(customers.source(full_every=3), BY_EMAIL)
    assert customers.asked[3] is None
    assert names(bench)["p0@x.org"] == "Silent"
    bench.run(customers.source(full_every=3), BY_EMAIL)
    assert customers.asked[4] is not None


def test_rows_that_were_not_read_have_not_left_the_source(bench: Bench) -> None:
    mirror = Upsert("contacts", id_property="email", properties=["email", "firstname"], when_gone="archive")
    customers = Customers(10)
    bench.run(customers.source(full_every=3), mirror)
    del customers.rows[9]
    customers.change(0, "Grace", NOON + timedelta(days=1))
    partial = [bench.run(customers.source(full_every=3), mirror).counts["archived"] for _ in range(2)]
    assert partial == [0, 0]
    assert bench.run(customers.source(full_every=3), mirror).counts["archived"] == 1
    assert "p9@x.org" not in names(bench)


def test_another_operation_has_all_rows_read(bench: Bench) -> None:
    customers = Customers(10)
    bench.run(customers.source(), BY_EMAIL)
    more = Upsert("contacts", id_property="email", properties={"email": "email", "lastname": "firstname"})
    assert bench.run(customers.source(), more).counts["updated"] == 10
    assert customers.asked[-1] is None
    bench.run(customers.source(), more)
    assert customers.asked[-1] is not None


@pytest.mark.parametrize("options", [{"full_refresh": True}, {"first_run": True}])
def test_what_asks_for_all_rows_has_them_read(bench: Bench, options: dict[str, bool]) -> None:
    customers = Customers(3)
    bench.run(customers.source(), BY_EMAIL)
    bench.run(customers.source(), BY_EMAIL, **options)
    assert customers.asked == [None, None]


def test_a_run_without_the_cursor_in_between_is_followed_by_one_that_reads_all(bench: Bench) -> None:
    """Its rows may have been any: nobody knows whether they were as new as the cursor says."""
    customers = Customers(3)
    bench.run(customers.source(), BY_EMAIL)
    bench.run([{"email": "q@x.org", "firstname": "Q"}], BY_EMAIL)
    bench.run(customers.source(), BY_EMAIL)
    assert customers.asked == [None, None]


UTC = timezone.utc
KINDS: list[tuple[Any, Any, Any, Any]] = [
    (date(2026, 3, 1), date(2026, 3, 4), None, date(2026, 2, 28)),
    (date(2026, 3, 1), date(2026, 3, 4), timedelta(days=3), date(2026, 2, 26)),
    (700, 800, None, 700),
    (700, 800, 30, 670),
    (NOON.replace(tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC), None, datetime(2026, 3, 1, 11, tzinfo=UTC)),
]


@pytest.mark.parametrize(("at", "later", "overlap", "since"), KINDS)
def test_the_cursor_is_of_the_kind_of_its_column(
    bench: Bench, at: Any, later: Any, overlap: Any, since: Any
) -> None:
    customers = Customers(5, at)
    bench.run(customers.source(overlap=overlap), BY_EMAIL)
    customers.change(2, "Grace", later)
    assert bench.run(customers.source(overlap=overlap), BY_EMAIL).counts["updated"] == 1
    assert customers.asked == [None, since]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_every_unit_are_compared_as_they_are(bench: Bench, unit: str) -> None:
    def table(*hours: int) -> pa.Table:
        at = pa.array([NOON + timedelta(hours=each) for each in hours], pa.timestamp("us")).cast(
            pa.timestamp(unit)
        )
        return pa.table(
            {"email": [f"p{i}@x.org" for i in range(len(hours))], "firstname": ["A"] * len(hours), "at": at}
        )

    bench.run(ChangedSince("at", table(0, 0, 0)), BY_EMAIL)
    assert bench.run(ChangedSince("at", table(0, 2, -2)), BY_EMAIL).rows == 2


def test_of_a_table_older_rows_are_left_out_and_rows_without_a_value_are_not(bench: Bench) -> None:
    customers = Customers(10)
    bench.run(ChangedSince("changed_at", list(customers.rows.values())), BY_EMAIL)
    for i in range(4):
        customers.change(i, "Old", NOON - timedelta(days=1))
    customers.change(4, "Unknown when", None)
    result = bench.run(ChangedSince("changed_at", iter(list(customers.rows.values()))), BY_EMAIL)
    assert (result.rows, result.counts["updated"]) == (6, 1)
    assert names(bench)["p4@x.org"] == "Unknown when"


def test_a_row_of_the_far_future_does_not_hide_the_others(bench: Bench) -> None:
    customers = Customers(3)
    customers.change(0, "Ada", datetime(2099, 1, 1))
    bench.run(customers.source(), BY_EMAIL)
    customers.change(1, "Grace", NOON + timedelta(hours=3))
    assert bench.run(customers.source(), BY_EMAIL).counts["updated"] == 1


def test_a_column_that_becomes_another_type_has_all_rows_read(bench: Bench) -> None:
    customers = Customers(3)
    bench.run(customers.source(), BY_EMAIL)
    numbered = ChangedSince("changed_at", [{"email": "p0@x.org", "firstname": "Grace", "changed_at": 7}])
    assert bench.run(numbered, BY_EMAIL).changed_since is None


def test_nothing_changed_is_no_error(bench: Bench) -> None:
    customers = Customers(3)
    bench.run(customers.source(), BY_EMAIL)
    columns = {"email": pa.string(), "firstname": pa.string(), "changed_at": pa.timestamp("us")}
    for nothing in ([], pa.schema(list(columns.items())).empty_table()):
        result = bench.run(ChangedSince("changed_at", nothing), BY_EMAIL)
        assert (result.rows, result.changed_since is None) == (0, False)
    bench.run(customers.source(), BY_EMAIL)
    assert customers.asked[-1] == NOON - timedelta(hours=1)


def test_a_guard_in_parts_is_measured_against_all_known_records(bench: Bench) -> None:
    careful = Upsert("contacts", id_property="email", properties=["email", "firstname"], max_changed=0.1)
    customers = Customers(40)
    bench.run(customers.source(), careful)
    customers.change(0, "Grace", NOON + timedelta(days=1))
    assert bench.run(customers.source(overlap=timedelta(0)), careful).counts["updated"] == 1
    for i in range(9):
        customers.change(i, "All", NOON + timedelta(days=2))
    with pytest.raises(InputError, match="max_changed"):
        bench.run(customers.source(overlap=timedelta(0)), careful)


def test_a_plan_reads_what_the_run_would_and_moves_no_cursor(bench: Bench) -> None:
    customers = Customers(10)
    bench.run(customers.source(), BY_EMAIL)
    customers.change(0, "Grace", NOON + timedelta(days=1))
    for _ in range(2):
        plan = plan_sync(
            customers.source(),
            BY_EMAIL,
            client=bench.client,
            store=bench.store,
            name="sync",
            options=RunOptions(),
        )
        assert plan.counts["updated"] == 1
    assert customers.asked == [None, NOON - timedelta(hours=1), NOON - timedelta(hours=1)]


def test_compare_with_the_portal_reads_all_rows(bench: Bench) -> None:
    customers = Customers(3)
    compared = Upsert("contacts", id_property="email", properties=["email", "firstname"], compare="portal")
    for _ in range(2):
        bench.run(customers.source(), compared)
    assert customers.asked == [None, None]


def test_what_cannot_be_a_cursor_is_refused_before_anything_is_sent(bench: Bench) -> None:
    rows = [{"email": "a@x.org", "firstname": "Ada", "changed_at": "2026-03-01"}]
    refused: list[tuple[str, Any, dict[str, Any]]] = [
        ("cursor column 'changed_at' is of type string", ChangedSince("changed_at", rows), {}),
        ("cursor column 'updated' is not in the table", ChangedSince("updated", rows), {}),
        ("are a Warehouse", ChangedSince("at", lambda _: Warehouse("SELECT 1", connection="x.duckdb")), {}),
        ("takes no partitions", ChangedSince("changed_at", rows), {"as_of": AsOf("2026-03-01")}),
    ]
    for words, source, options in refused:
        with pytest.raises(InputError, match=words):
            bench.run(source, BY_EMAIL, **options)
    for words, arguments in (
        ("column", {"column": ""}),
        ("full_every", {"column": "at", "full_every": 0}),
        ("overlap", {"column": "at", "overlap": timedelta(-1)}),
        ("overlap", {"column": "at", "overlap": -1}),
    ):
        with pytest.raises(InputError, match=words):
            ChangedSince(rows=rows, **arguments)
    assert bench.emulator.books.requests() == []


def test_an_overlap_of_another_kind_than_the_column_is_refused(bench: Bench) -> None:
    customers = Customers(3)
    bench.run(customers.source(), BY_EMAIL)
    with pytest.raises(InputError, match="holds times"):
        bench.run(customers.source(overlap=7), BY_EMAIL)


def test_a_history_of_the_version_before_is_read(bench: Bench, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from hubspot_batch_dagster.sync.history import read_history

    customers = Customers(3)
    bench.run(customers.source(), BY_EMAIL)
    before = read_history(bench.store, "sync").drop(["generation", "changed_since", "cursor", "cursor_of"])
    pq.write_table(before, tmp_path / "runs.parquet")
    bench.store.put("sync", tmp_path / "runs.parquet", bench.store.name_that_counts("sync", "runs.parquet"))
    bench.run(customers.source(), BY_EMAIL)
    assert customers.asked == [None, None]
    assert read_history(bench.store, "sync").num_rows == 2


CHANGES = st.lists(
    st.lists(st.tuples(st.integers(0, 14), st.sampled_from(["Ada", "Grace", "Jean"])), max_size=6), max_size=6
)


@given(CHANGES, st.integers(1, 4), st.sets(st.integers(1, 6), max_size=2))
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_after_any_changes_hubspot_has_what_the_source_has(
    tmp_path_factory: pytest.TempPathFactory,
    nights: list[list[tuple[int, str]]],
    full_every: int,
    outages: set[int],
) -> None:
    with Emulator(settings=SETTINGS) as emulator:
        bench = Bench(emulator, tmp_path_factory.mktemp("store"))
        customers, tick = Customers(15, 0), 0
        for night, changes in enumerate([[], *nights, []]):
            for i, firstname in changes:
                tick += 1
                customers.change(i, firstname, tick)
            if night in outages:
                bench.emulator.faults.add(Fault.daily_limit(times=1))
            bench.run(customers.source(full_every=full_every), BY_EMAIL)
        bench.run(customers.source(full_every=full_every), BY_EMAIL)
        assert names(bench) == {row["email"]: row["firstname"] for row in customers.rows.values()}
        bench.close()


@pytest.mark.parametrize(
    ("newest", "first"),
    [
        (datetime(2026, 1, 1, tzinfo=timezone.utc), datetime.min.replace(tzinfo=timezone.utc)),
        (date(2026, 1, 1), date.min),
    ],
)
def test_an_overlap_of_more_than_there_is_reads_from_the_first_moment(newest: Any, first: Any) -> None:
    assert ChangedSince("c", rows=[], overlap=timedelta.max).before(newest) == first
