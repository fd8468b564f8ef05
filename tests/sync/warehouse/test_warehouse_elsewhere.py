"""Who is no run of a sync, and needs its ids table: it lies in a warehouse, and is read and renamed there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bench.sync_bench import HASTY, Bench, shown
from bench.warehouse_bench import ALWAYS, FIRMS, Database, cities, moved, told

from hubspot_batch_dagster import Association, Create, Update, Upsert
from hubspot_batch_dagster.api.errors import InputError, Overtaken, StoreError
from hubspot_batch_dagster.sync.reconciliation.reconcile import reconcile
from hubspot_batch_dagster.sync.state import rename
from hubspot_batch_dagster.sync.state.names import new_run_id
from hubspot_batch_dagster.sync.state.rename import rename_sync
from hubspot_batch_dagster.sync.undo import undo
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import WarehouseIds
from hubspot_batch_dagster.sync.warehouse.warehouse_tables import WarehouseTables

N = 300


class Killed(BaseException):
    """The process ends here."""


def killed(*_: object, **__: object) -> None:
    raise Killed


@pytest.fixture
def loaded(bench: Bench, database: Database) -> Database:
    """Firms that were sent once."""
    database.firms(N)
    bench.run(database.rows(), FIRMS)
    return database


@pytest.fixture
def named(bench: Bench, loaded: Database) -> Database:
    """The same, and the store was told of the warehouse."""
    bench.store.elsewhere.append(WarehouseTables(loaded.connection, memory="256MB"))
    return loaded


def test_keys_are_looked_up_in_an_ids_table_of_a_warehouse(bench: Bench, named: Database) -> None:
    linked = Association("companies", column="firm", through="sync")
    calls = Create("calls", key="id", properties=["hs_call_title"], associations=[linked])
    rows = [{"id": i, "hs_call_title": f"call {i}", "firm": i} for i in (3, 4, N + 1)]
    result = bench.run(rows, calls, "calls")
    assert result.association_counts["associated"] == 2
    assert result.association_counts["unresolved"] == 1
    records = dict(named.ids("id, hs_object_id"))
    assert {records[3], records[4]} == {end for _, end in bench.pairs("calls", "companies")}


@pytest.mark.usefixtures("named")
def test_records_are_updated_through_an_ids_table_of_a_warehouse(bench: Bench) -> None:
    phones = Update("companies", key="id", through="sync", properties=["phone"])
    result = bench.run([{"id": 7, "phone": "123"}, {"id": N + 1, "phone": "4"}], phones, "phones")
    assert shown(result) == {"updated": 1, "rejected": 1}
    assert [each["name"] for each in bench.emulator.records("companies").values() if each.get("phone")] == [
        "Firm 7"
    ]


def test_a_run_with_rows_of_the_same_warehouse_needs_no_name_of_it(bench: Bench, loaded: Database) -> None:
    rows = loaded.rows("SELECT id, '1' || id AS phone FROM firms WHERE id < 5")
    phones = Update("companies", key="id", through="sync", properties=["phone"])
    assert shown(bench.run(rows, phones, "phones")) == {"updated": 5}
    assert bench.store.elsewhere == []


@pytest.mark.usefixtures("loaded")
def test_a_warehouse_that_was_not_named_is_asked_for(bench: Bench) -> None:
    phones = Update("companies", key="id", through="sync", properties=["phone"])
    with pytest.raises(StoreError, match=r"ids_sync.* no warehouse that has it was named") as caught:
        bench.run([{"id": 7, "phone": "123"}], phones, "phones")
    assert "HUBSPOT_WAREHOUSE" in caught.value.remedy
    with pytest.raises(StoreError, match="no warehouse"):
        rename_sync(bench.store, "sync", "firms", run=new_run_id())


def test_an_older_table_than_the_store_knows_of_is_not_read(bench: Bench, named: Database) -> None:
    named.sql("UPDATE hubspot.hubspot_syncs SET merged = 0")
    with (
        pytest.raises(StoreError, match="outcomes of run 0, and the store knows of run 1"),
        bench.store.local_ids("sync"),
    ):
        pass


def test_another_sync_of_the_same_type_is_compared_with_it_and_not_stopped_by_it(
    bench: Bench, loaded: Database
) -> None:
    """The guard against records that are made twice asks the warehouse, and says where it cannot."""
    said: list[str] = []
    other = [{"id": 10_000 + i, "name": f"Other {i}", "city": "Ulm"} for i in range(5)]
    assert shown(bench.run(other, FIRMS, "others", on_notice=said.append)) == {"created": 5}
    assert told(said, "whether 'sync' sends the same rows is not known")
    bench.store.elsewhere.append(WarehouseTables(loaded.connection, memory="256MB"))
    same = [{"id": i, "name": f"Firm {i}", "city": "Ulm"} for i in range(5)]
    with pytest.raises(InputError, match=r"'sync' of this store knows 5 of 5 rows"):
        bench.run(same, FIRMS, "again")


def test_reconcile_tells_what_became_of_the_records_and_has_the_next_run_repair_them(
    bench: Bench, named: Database
) -> None:
    ids = dict(named.ids("id, hs_object_id"))
    bench.emulator.skew_clock(60.0)  # what is written at once is taken for the row's own
    bench.client.batch_update("companies", [{"id": ids[5], "properties": {"city": "Rom"}}])
    bench.emulator.skew_clock(0.0)
    bench.client.batch_archive("companies", [ids[6]])
    found = reconcile(
        bench.store, "sync", client=bench.client, retry_policy=HASTY, properties=["city"], repair=True
    )
    assert {state: n for state, n in found.counts.items() if n} == {
        "as_sent": N - 2,
        "changed": 1,
        "archived": 1,
    }
    assert found.repaired == 2
    result = bench.run(named.rows(), replace(FIRMS, if_missing="recreate"))
    assert (result.counts["updated"], result.counts["created"]) == (1, 1)
    assert cities(bench)["Firm 5"] == "Ulm"
    assert "Firm 6" in cities(bench)


def test_a_run_is_undone_and_left_alone_by_the_next(bench: Bench, named: Database) -> None:
    operation = replace(FIRMS, keep_before=True)
    bench.run(named.rows(), operation)
    named.sql("UPDATE firms SET city = 'Bonn' WHERE id = 7", "INSERT INTO firms VALUES (1000, 'New', 'Ulm')")
    run = bench.run(named.rows(), operation).run
    restored, archived = undo("sync", run, client=bench.client, store=bench.store)
    assert (restored.counts["updated"], archived.counts["archived"]) == (1, 1)
    assert cities(bench)["Firm 7"] == "Ulm"
    assert "New" not in cities(bench)
    for _ in range(2):
        assert shown(bench.run(named.rows(), operation)) == {"unchanged": N + 1}
    named.sql("UPDATE firms SET city = 'Rom' WHERE id = 7")
    assert shown(bench.run(named.rows(), operation)) == {"updated": 1, "unchanged": N}


def test_a_renamed_sync_keeps_its_table_under_the_new_name(bench: Bench, named: Database) -> None:
    rename_sync(bench.store, "sync", "firms", run=new_run_id())
    assert len(named.ids(sync="firms")) == N
    assert named.sql("SELECT sync, ids_table FROM hubspot.hubspot_syncs") == [("firms", "ids_firms")]
    named.sql("UPDATE firms SET city = 'Bonn' WHERE id = 7")
    result = bench.run(named.rows(), FIRMS, "firms")
    assert (shown(result), moved(result)) == ({"updated": 1, "unchanged": N - 1}, ALWAYS + 1)
    with bench.store.local_ids("firms") as path:
        assert path is not None
    named.sql("CREATE TABLE more AS SELECT 1000 AS id, 'More' AS name, 'Ulm' AS city")
    assert shown(bench.run(named.rows("SELECT * FROM more"), FIRMS)) == {
        "created": 1
    }  # the former name is free


@pytest.mark.parametrize("step", ["_copy_state", "_rename_table", "_clear"])
def test_a_rename_that_dies_is_finished_when_it_is_done_again(
    bench: Bench, named: Database, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Before the state has its new name, runs of the former one go on; then neither name runs until the table has it too."""
    before = bench.writes()
    with monkeypatch.context() as patched:
        patched.setattr(rename, step, killed)
        with pytest.raises(Killed):
            rename_sync(bench.store, "sync", "firms", run=new_run_id())
    if step == "_copy_state":
        assert shown(bench.run(named.rows(), FIRMS)) == {"unchanged": N}
    else:
        with pytest.raises(StoreError, match="is called 'firms' since a rename") as caught:
            bench.run(named.rows(), FIRMS)
        assert "rename sync firms" in caught.value.remedy
    if step == "_rename_table":
        with pytest.raises(StoreError, match="is still called as that of 'sync'") as caught:
            bench.run(named.rows(), FIRMS, "firms")
        assert "rename sync firms" in caught.value.remedy
    rename_sync(bench.store, "sync", "firms", run=new_run_id())
    assert shown(bench.run(named.rows(), FIRMS, "firms")) == {"unchanged": N}
    assert bench.writes() == before


def test_a_run_that_says_that_its_sync_was_renamed_is_no_hindrance_to_the_rename(
    bench: Bench, named: Database
) -> None:
    """It was refused, and has left a table without lines under the new name."""
    with pytest.raises(InputError, match="'sync' of this store knows") as caught:
        bench.run(named.rows(), FIRMS, "firms")
    assert "rename sync firms" in caught.value.remedy
    rename_sync(bench.store, "sync", "firms", run=new_run_id())
    assert shown(bench.run(named.rows(), FIRMS, "firms")) == {"unchanged": N}


def test_what_only_the_journal_knows_is_not_made_again_under_the_new_name(
    bench: Bench, named: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is killed before its merge, the rename before it comes to its end, and a run of the new name begins."""
    named.sql("INSERT INTO firms VALUES (1000, 'New', 'Ulm')")
    with monkeypatch.context() as patched:
        patched.setattr(WarehouseIds, "merge", killed)
        with pytest.raises(Killed):
            bench.run(named.rows(), FIRMS)
        patched.setattr(rename, "_copy_state", killed)
        with pytest.raises(Killed):
            rename_sync(bench.store, "sync", "firms", run=new_run_id())
    with pytest.raises(InputError, match="'sync' of this store knows") as caught:
        bench.run(named.rows(), FIRMS, "firms")
    assert "rename sync firms" in caught.value.remedy
    rename_sync(bench.store, "sync", "firms", run=new_run_id())
    assert shown(bench.run(named.rows(), FIRMS, "firms")) == {"unchanged": N + 1}
    assert bench.once_each("companies", "name", [*(f"Firm {i}" for i in range(N)), "New"])


def test_a_run_whose_sync_was_renamed_meanwhile_merges_nothing(named: Database, bench: Bench) -> None:
    with named.rows().open(memory="256MB") as engine:
        engine.make_again("shape", "SELECT 1 AS id")
        ids = WarehouseIds(engine, "hubspot", "sync")
        ids.claim(5, "five", ("id",), "shape")
        rename_sync(bench.store, "sync", "firms", run=new_run_id())
        with pytest.raises(Overtaken), engine.transaction():
            ids._check_latest("five")


def test_a_sync_is_not_renamed_to_one_that_the_warehouse_has(bench: Bench, named: Database) -> None:
    """Another store may use the same schema."""
    with named.rows().open(memory="256MB") as engine:
        engine.make_again("shape", "SELECT 1 AS id")
        WarehouseIds(engine, "hubspot", "taken").claim(1, "one", ("id",), "shape")
        engine.execute("UPDATE hubspot.hubspot_syncs SET merged = 1 WHERE sync = 'taken'")
    with pytest.raises(InputError, match="is that of another sync 'taken'"):
        rename_sync(bench.store, "sync", "taken", run=new_run_id())
    assert shown(bench.run(named.rows(), FIRMS)) == {"unchanged": N}


BY_EMAIL = Upsert("contacts", id_property="email", properties=["email", "firstname"])


@pytest.mark.parametrize(
    "loss", ["DROP TABLE hubspot.ids_sync", "UPDATE hubspot.hubspot_syncs SET merged = 1"]
)
def test_records_of_a_table_that_was_lost_or_restored_are_adopted(
    bench: Bench, database: Database, loss: str
) -> None:
    people = "SELECT 'p' || i || '@x.org' AS email, 'Ada' AS firstname FROM generate_series(1, 300) t(i)"
    rows = database.rows(people)
    bench.run(rows, BY_EMAIL)
    bench.run(rows, BY_EMAIL)
    database.sql(loss)
    with pytest.raises(StoreError, match=r"the store knows of run 2|is gone"):
        bench.run(rows, BY_EMAIL)
    writes = bench.writes()
    assert shown(bench.run(rows, BY_EMAIL, adopt=True)) == {"unchanged": 300}
    result = bench.run(rows, BY_EMAIL)
    assert (shown(result), moved(result)) == ({"unchanged": 300}, ALWAYS)
    assert len(database.ids()) == 300
    assert bench.writes() == writes


def test_adopting_follows_what_others_did_to_the_records(bench: Bench, database: Database) -> None:
    people = "SELECT 'p' || i || '@x.org' AS email, 'Ada' AS firstname FROM generate_series(1, 300) t(i)"
    rows = database.rows(people)
    bench.run(rows, BY_EMAIL)
    record = database.ids("hs_object_id", "_key = 'p7@x.org'")[0][0]
    bench.client.batch_update("contacts", [{"id": record, "properties": {"firstname": "Eve"}}])
    assert shown(bench.run(rows, BY_EMAIL)) == {"unchanged": 300}
    bench.run(rows, BY_EMAIL, adopt=True)
    assert shown(bench.run(rows, BY_EMAIL)) == {"updated": 1, "unchanged": 299}
    assert bench.emulator.records("contacts")[record]["firstname"] == "Ada"
