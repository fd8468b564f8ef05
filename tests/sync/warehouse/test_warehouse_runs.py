"""Rows in a warehouse: only what may have changed is moved, and every row is accounted for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench.sync_bench import CONTACTS, Bench, reasons, shown
from bench.warehouse_bench import ALWAYS, FIRMS, Database, cities, moved, told

from hubspot_batch_dagster import Property, Upsert, Warehouse
from hubspot_batch_dagster.api.errors import GuardStopped, InputError, StoreError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.run import plan_sync
from hubspot_batch_dagster.sync.state.ids_table import described

N = 300


@pytest.fixture
def loaded(bench: Bench, database: Database) -> Database:
    """Firms that were sent once."""
    database.firms(N)
    bench.run(database.rows(), FIRMS)
    return database


def test_a_second_run_moves_a_hundred_rows_to_look_at_and_sends_nothing(
    bench: Bench, loaded: Database
) -> None:
    before = bench.writes()
    result = bench.run(loaded.rows(), FIRMS)
    assert (shown(result), moved(result)) == ({"unchanged": N}, ALWAYS)
    assert bench.writes() == before


def test_new_changed_and_gone_rows_are_sent_and_all_others_counted(bench: Bench, loaded: Database) -> None:
    loaded.sql(
        "UPDATE firms SET city = 'Bonn' WHERE id IN (7, 299)",
        "DELETE FROM firms WHERE id = 150",
        "INSERT INTO firms VALUES (1000, 'New', 'Ulm')",
    )
    operation = replace(FIRMS, when_gone="archive")
    bench.run(loaded.rows(), operation)  # another operation: all are compared anew, and one is archived
    loaded.sql("UPDATE firms SET city = 'Rom' WHERE id = 8", "DELETE FROM firms WHERE id = 9")
    result = bench.run(loaded.rows(), operation)
    assert shown(result) == {"updated": 1, "archived": 1, "unchanged": N - 2}
    assert (result.compared_in_warehouse or 0) >= N - ALWAYS - 3
    found = cities(bench)
    assert (found["Firm 7"], found["Firm 8"], found["New"]) == ("Bonn", "Rom", "Ulm")
    assert "Firm 9" not in found
    assert "Firm 150" not in found


def test_the_ids_table_is_readable_by_sql_and_says_which_run_wrote_each_line(
    bench: Bench, loaded: Database
) -> None:
    loaded.sql("UPDATE firms SET city = 'Bonn' WHERE id = 7")
    bench.run(loaded.rows(), FIRMS)
    records = bench.emulator.records("companies")
    lines = loaded.ids("id, hs_object_id, outcome, _generation")
    assert len(lines) == N
    assert all(records[record]["name"] == f"Firm {key}" for key, record, *_ in lines)
    assert {line[0]: line[2:] for line in lines if line[3] == 2} == {7: ("updated", 2)}


def test_a_row_with_a_changed_column_that_is_not_sent_stays_where_it_is(
    bench: Bench, database: Database
) -> None:
    database.firms(N)
    rows = database.rows("SELECT firms.*, 1 AS seen FROM firms")
    bench.run(rows, FIRMS)
    result = bench.run(replace(rows, query="SELECT firms.*, 2 AS seen FROM firms"), FIRMS)
    assert (shown(result), moved(result)) == ({"unchanged": N}, ALWAYS)


def test_rows_that_share_a_folded_key_are_told_apart_as_ever(bench: Bench, database: Database) -> None:
    """The row that stays is moved with the one that changed, and the first of them in the query is sent."""
    database.sql(
        "CREATE TABLE people (email VARCHAR, firstname VARCHAR)",
        f"INSERT INTO people SELECT 'p' || i || '@x.org', 'Ada' FROM generate_series(1, {N}) t(i)",
    )
    query = "SELECT * FROM people ORDER BY lower(email), email DESC"
    operation = Upsert("contacts", id_property="email", properties=["email", "firstname"])
    bench.run(database.rows(query), operation)
    database.sql("INSERT INTO people VALUES ('P250@X.org', 'Eve')")
    result = bench.run(database.rows(query), operation)
    assert shown(result) == {"unchanged": N, "rejected": 1}
    assert result.reasons == {"DUPLICATE_KEY": 1}
    assert shown(bench.run(database.rows(query), operation)) == {"unchanged": N, "rejected": 1}
    assert "Eve" not in bench.living("contacts", "firstname")


def test_rows_that_are_there_twice_are_refused_in_every_run(bench: Bench, loaded: Database) -> None:
    loaded.sql("INSERT INTO firms SELECT * FROM firms WHERE id = 200")
    for _ in range(2):
        result = bench.run(loaded.rows(), FIRMS)
        assert (shown(result), result.reasons) == (
            {"unchanged": N, "rejected": 1},
            {"DUPLICATE_KEY": 1},
        )


def test_rows_without_a_key_and_rows_that_hubspot_cannot_take_are_refused_in_every_run(
    bench: Bench, loaded: Database
) -> None:
    loaded.sql("INSERT INTO firms VALUES (NULL, 'Nobody', 'Ulm')")
    for _ in range(2):
        result = bench.run(loaded.rows(), FIRMS)
        assert shown(result) == {"unchanged": N, "rejected": 1}
        assert [each[2] for each in reasons(result)] == ["MISSING_KEY"]


def test_what_duckdb_hands_over_as_another_value_is_itself_or_refused(bench: Bench, tmp_path: Path) -> None:
    database = Database.in_folder(tmp_path)
    database.sql(
        f"""CREATE TABLE firms AS SELECT 1 AS id, {2**128 - 1}::UHUGEINT AS city, TIMESTAMP_NS '2024-02-29 12:00' AS name
        UNION ALL SELECT 2, 1::UHUGEINT, 'infinity'::TIMESTAMP_NS"""
    )
    result = bench.run(database.rows(), FIRMS)
    assert reasons(result) == [(1, "name", "INVALID_DATETIME")]
    assert cities(bench) == {"2024-02-29T12:00:00.000Z": str(2**128 - 1)}


def test_a_row_that_was_not_sent_is_sent_by_the_next_run(bench: Bench, loaded: Database) -> None:
    """The hash of a row is kept only where HubSpot has its very text."""
    loaded.sql("UPDATE firms SET city = 'Bonn'")
    bench.emulator.faults.add(Fault.daily_limit(operation="upsert|update", nth=(2, 100)))
    result = bench.run(loaded.rows(), FIRMS)
    assert result.counts["unsent"] > 0
    bench.emulator.faults.clear()
    assert bench.run(loaded.rows(), FIRMS).counts["updated"] == result.counts["unsent"]
    assert set(cities(bench).values()) == {"Bonn"}


def test_a_changed_definition_says_why_all_rows_are_moved_and_sends_what_changed(
    bench: Bench, loaded: Database
) -> None:
    operation = replace(FIRMS, properties=["name", "city", "phone"])
    rows = loaded.rows("SELECT firms.*, CASE WHEN id < 3 THEN '123' END AS phone FROM firms")
    result = bench.run(rows, operation)
    assert told(bench.warnings, f"{N} were compared under another definition")
    assert shown(result) == {"updated": 3, "unchanged": N - 3}
    assert moved(bench.run(rows, operation)) == ALWAYS


def test_guards_count_the_rows_that_were_not_moved(bench: Bench, loaded: Database) -> None:
    """A share is one of all rows and of all known records, and not of those that were moved."""
    loaded.sql("DELETE FROM firms WHERE id >= 280", "UPDATE firms SET city = 'Bonn' WHERE id < 20")
    allowing = replace(FIRMS, when_gone="archive", max_gone=0.1, max_changed=0.1)
    bench.run(loaded.rows(), allowing)
    loaded.sql("DELETE FROM firms WHERE id >= 255", "UPDATE firms SET city = 'Rom' WHERE id < 20")
    result = bench.run(loaded.rows(), allowing)
    assert shown(result) == {"updated": 20, "archived": 25, "unchanged": 235}
    loaded.sql("DELETE FROM firms WHERE id >= 200")
    with pytest.raises(GuardStopped, match=r"55 rows left the source.*255 known records"):
        bench.run(loaded.rows(), allowing)
    loaded.sql("UPDATE firms SET city = 'Oslo'")
    with pytest.raises(GuardStopped, match=r"max_changed=0.1 allows 20\."):
        bench.run(loaded.rows(), replace(allowing, max_gone=1.0))
    loaded.sql("DELETE FROM firms")
    with pytest.raises(GuardStopped, match="the source is empty"):
        bench.run(loaded.rows(), allowing)


def test_a_plan_counts_all_rows_and_is_the_one_that_is_carried_out(bench: Bench, loaded: Database) -> None:
    loaded.sql("UPDATE firms SET city = 'Bonn' WHERE id = 7")
    lines = loaded.ids("_key, _digest, _generation")
    plan = plan_sync(loaded.rows(), FIRMS, client=bench.client, store=bench.store, name="sync")
    assert (plan.rows, plan.counts["updated"], plan.counts["unchanged"]) == (N, 1, N - 1)
    assert sorted(loaded.ids("_key, _digest, _generation")) == sorted(lines)
    assert shown(bench.run(loaded.rows(), FIRMS, approve=plan.hash)) == {"updated": 1, "unchanged": N - 1}


def test_a_plan_before_the_first_run_makes_nothing_in_the_warehouse(bench: Bench, database: Database) -> None:
    database.firms(N)
    plan = plan_sync(database.rows(), FIRMS, client=bench.client, store=bench.store, name="sync")
    assert plan.counts["created"] == N
    assert database.sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'hubspot'") == [
        (0,)
    ]


def test_an_ids_table_of_the_store_is_taken_over_with_rows_that_are_gone(
    bench: Bench, database: Database
) -> None:
    database.firms(N)
    bench.run([{"id": i, "name": f"Firm {i}", "city": "Ulm"} for i in range(N + 5)], FIRMS)
    before = bench.writes()
    assert shown(bench.run(database.rows(), FIRMS)) == {"unchanged": N}
    assert sorted(database.ids("id")) == [(i,) for i in range(N + 5)]
    assert moved(bench.run(database.rows(), FIRMS)) == ALWAYS
    assert bench.writes() == before


@pytest.mark.usefixtures("loaded")
def test_a_sync_whose_ids_table_is_in_a_warehouse_is_not_run_without_it(bench: Bench) -> None:
    with pytest.raises(StoreError, match=r"ids_sync.* of a warehouse"):
        bench.run([{"id": 1, "name": "Firm 1", "city": "Ulm"}], FIRMS)
    with bench.store.local("sync", "ids.parquet") as path:
        assert path is not None
        assert described(path)["warehouse"].endswith('"ids_sync"')


def test_state_that_is_about_something_else_is_refused(bench: Bench, loaded: Database) -> None:
    with pytest.raises(InputError, match="holds companies"):
        bench.run(loaded.rows("SELECT id, name AS email, city AS firstname FROM firms"), CONTACTS)
    with pytest.raises(InputError, match="has the key"):
        bench.run(loaded.rows(), replace(FIRMS, key="name", properties=["city"]))


def test_a_table_that_was_restored_to_an_older_state_is_refused(bench: Bench, loaded: Database) -> None:
    bench.run(loaded.rows(), FIRMS)
    loaded.sql("UPDATE hubspot.hubspot_syncs SET merged = 1, generation = 1")
    with pytest.raises(StoreError, match="outcomes of run 1, and the store knows of run 2"):
        bench.run(loaded.rows(), FIRMS)
    loaded.sql("UPDATE hubspot.hubspot_syncs SET merged = 2", "DROP TABLE hubspot.ids_sync")
    with pytest.raises(StoreError, match="is gone"):
        bench.run(loaded.rows(), FIRMS)


def test_a_key_of_another_type_keeps_its_records(bench: Bench, loaded: Database) -> None:
    rows = loaded.rows("SELECT CAST(id AS VARCHAR) AS id, name, city FROM firms")
    assert shown(bench.run(rows, FIRMS)) == {"unchanged": N}
    assert {type(each[0]) for each in loaded.ids("id")} == {str}
    assert moved(bench.run(rows, FIRMS)) == ALWAYS


def test_full_refresh_moves_and_sends_all(bench: Bench, loaded: Database) -> None:
    assert shown(bench.run(loaded.rows(), FIRMS, full_refresh=True)) == {"updated": N}
    assert moved(bench.run(loaded.rows(), FIRMS)) == ALWAYS


def test_a_column_without_a_lossless_text_makes_the_run_move_all_rows_and_say_so(
    bench: Bench, database: Database
) -> None:
    database.firms(N)
    query = "SELECT id, name, city FROM (SELECT id, name, CAST(id AS money) AS city FROM firms) f"
    if not database.connection.startswith("postgres"):
        query = "SELECT id, name, {'of': city} AS city FROM firms"
    operation = replace(FIRMS, properties={"name": "name", "city": Property("city", on_invalid="omit")})
    said: list[str] = []
    for _ in range(2):
        result = bench.run(database.rows(query), operation, on_notice=said.append)
        assert (result.rows, moved(result)) == (N, N)
    assert told(said, "the type of city (")


@pytest.mark.parametrize("wrong", ["SELEKT 1", "SELECT * FROM nowhere"])
def test_a_query_that_cannot_be_evaluated_sends_nothing(bench: Bench, database: Database, wrong: str) -> None:
    database.firms(1)
    with pytest.raises(InputError, match="cannot be evaluated"):
        bench.run(database.rows(wrong), FIRMS)
    assert bench.writes() == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"query": " ; "}, "is empty"),
        ({"schema": 'a"; DROP'}, "no plain name"),
        ({"connection": "snowflake://account"}, "kind snowflake is not known"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Warehouse(**{"query": "SELECT 1", "connection": "w.duckdb", **given})


def test_a_file_that_is_not_there_is_not_made(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no DuckDB file"):
        bench.run(Warehouse("SELECT 1", connection=str(tmp_path / "w.duckdb")), FIRMS)
    assert not (tmp_path / "w.duckdb").exists()


def test_a_connection_is_never_shown() -> None:
    assert "secret" not in repr(Warehouse("SELECT 1", connection="postgresql://me:secret@host/db"))
