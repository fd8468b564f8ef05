"""Parts of a table in a warehouse: values of an older one never go over those of a newer one, and lines of
the others stay.
"""

from __future__ import annotations

from dataclasses import replace

import dagster as dg
import pytest
from bench.sync_bench import Bench, shown
from bench.warehouse_bench import FIRMS, Database, cities

from hubspot_batch_dagster import HubSpotResource, Warehouse, hubspot_asset
from hubspot_batch_dagster.sync.batches.as_of import AsOf
from hubspot_batch_dagster.sync.warehouse.comparison import Comparison

N = 300
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")


@pytest.fixture
def parted(database: Database) -> Database:
    """Firms of three days: two hundred of each day's own, and a hundred that every day has in another
    city.
    """
    database.sql(
        "CREATE TABLE parts (day VARCHAR, id INTEGER, name VARCHAR, city VARCHAR)",
        *(
            f"INSERT INTO parts SELECT '{day}', CASE WHEN i < 100 THEN i ELSE i + {1000 * at} END, "
            f"'Firm ' || i || '.{at}', 'City {at}' FROM generate_series(0, {N - 1}) t(i)"
            for at, day in enumerate(DAYS)
        ),
    )
    return database


def of(database: Database, day: str) -> Warehouse:
    return database.rows(f"SELECT id, name, city FROM parts WHERE day = '{day}'")


@pytest.mark.parametrize("order", [(2, 0, 1), (0, 2, 1), (1, 0, 2)])
def test_the_newest_day_stays_in_whatever_order_the_days_come(
    bench: Bench, parted: Database, order: tuple[int, ...]
) -> None:
    for day in order:
        bench.run(of(parted, DAYS[day]), FIRMS, as_of=AsOf(DAYS[day]))
    found = cities(bench)
    assert len(found) == 3 * (N - 100) + 100
    assert {found[f"Firm {i}.2"] for i in range(100)} == {"City 2"}
    assert len(parted.ids()) == len(found)
    before = bench.writes()
    for day in order:
        assert shown(bench.run(of(parted, DAYS[day]), FIRMS, as_of=AsOf(DAYS[day]))) == {"unchanged": N}
    assert bench.writes() == before


def test_a_day_moves_its_own_rows_and_the_lines_that_concern_them(
    bench: Bench, parted: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of other days are neither read nor written."""
    for day in DAYS:
        bench.run(of(parted, day), FIRMS, as_of=AsOf(day))
    seen: list[int] = []
    known = Comparison.known

    def counted(self: Comparison, path):  # type: ignore[no-untyped-def]
        import pyarrow.parquet as pq

        written = known(self, path)
        seen.append(pq.read_metadata(written).num_rows)
        return written

    monkeypatch.setattr(Comparison, "known", counted)
    parted.sql(f"UPDATE parts SET city = 'Bonn' WHERE day = '{DAYS[1]}' AND id IN (5, 1150)")
    result = bench.run(of(parted, DAYS[1]), FIRMS, as_of=AsOf(DAYS[1]))
    assert shown(result) == {"updated": 1, "unchanged": N - 1}  # id 5 is newer on the third day
    assert seen == [N]
    assert {line[0] for line in parted.ids("_key", "_generation = 4")} <= {
        str(i) for i in (*range(100), *range(1100, 1300))
    }


def test_a_column_says_which_row_is_newer(bench: Bench, database: Database) -> None:
    database.sql(
        "CREATE TABLE firms AS SELECT i AS id, 'Firm ' || i AS name, 'Ulm' AS city, 5 AS moment FROM"
        " generate_series(1, 300) t(i)"
    )
    operation = replace(FIRMS, as_of="moment")
    bench.run(database.rows(), operation)
    database.sql("UPDATE firms SET moment = 9 WHERE id = 7")
    assert shown(bench.run(database.rows(), operation)) == {"unchanged": N}
    database.sql("UPDATE firms SET moment = 8, city = 'Bonn' WHERE id IN (7, 8)")
    assert shown(bench.run(database.rows(), operation)) == {"updated": 1, "unchanged": N - 1}
    assert (cities(bench)["Firm 7"], cities(bench)["Firm 8"]) == ("Ulm", "Bonn")


def test_an_asset_with_partitions_returns_the_rows_of_one_as_a_query(bench: Bench, parted: Database) -> None:
    @hubspot_asset(FIRMS, partitions_def=dg.DailyPartitionsDefinition(DAYS[0], end_date="2026-01-04"))
    def firms(context: dg.AssetExecutionContext) -> Warehouse:
        return of(parted, context.partition_key)

    with HubSpotResource(
        access_token=bench.emulator.token, base_url=bench.emulator.url, store=str(bench.root)
    ).open() as hubspot:
        for day in (DAYS[1], DAYS[0]):
            done = dg.materialize([firms], resources={"hubspot": hubspot}, partition_key=day)
            assert done.success
    assert {cities(bench)[f"Firm {i}.1"] for i in range(100)} == {"City 1"}
