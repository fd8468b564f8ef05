"""State knows what it describes: another account, key, object type or store is refused before the first
request for records.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bench.sync_bench import BY_KEY, COMPANIES, Bench, firms, shown

from hubspot_batch_dagster import HubSpotResource
from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.emulator import Emulator, Fault, Settings
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.existing_records import Update
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.sync.run import plan_sync

THROUGH = Update("companies", key="id", through="sync", properties=["city"])
LINKED = Create(
    "contacts",
    key="id",
    properties=["email"],
    associations=[Association("companies", column="firm", through="sync")],
)


@pytest.fixture(scope="module")
def another() -> Iterator[Emulator]:
    with Emulator(settings=Settings(search_lag=0.02, portal_id=222)) as emulator:
        yield emulator


@pytest.fixture
def other(bench: Bench, another: Emulator) -> Iterator[Bench]:
    """The same store with the token of another account; its first account has filled the sync ``sync``."""
    bench.reopen()
    bench.run(firms(3), BY_KEY)
    another.reset()
    made = Bench(another, bench.root)
    made.reopen(check=False)
    yield made
    made.close()


@pytest.mark.parametrize("what", ["sync", "plan", "through", "association", "adopt"])
def test_state_of_another_account_is_refused_with_both_named(other: Bench, bench: Bench, what: str) -> None:
    rows = [{**each, "firm": each["id"], "email": f"{each['id']}@x.org"} for each in firms(3)]
    runs = {
        "sync": lambda: other.run(rows, BY_KEY),
        "plan": lambda: plan_sync(
            rows, BY_KEY, client=other.client, store=other.store, name="sync", portal=other.portal
        ),
        "through": lambda: other.run(rows, THROUGH, "third"),
        "association": lambda: other.run(rows, LINKED, "third"),
        "adopt": lambda: other.run(rows, replace(BY_KEY, creation_key="name"), adopt=True),
    }
    with pytest.raises(InputError, match=rf"portal {bench.emulator.portal_id}.*portal 222") as caught:
        runs[what]()
    assert "store of its own" in caught.value.remedy
    assert other.operations() == ["account.details"]
    assert shown(bench.run(firms(3), BY_KEY)) == {"unchanged": 3}


def test_undo_and_read_of_another_accounts_ids_are_refused(bench: Bench, another: Emulator) -> None:
    bench.reopen()
    run = bench.run(firms(2), BY_KEY)
    another.reset()
    resource = HubSpotResource(access_token=another.token, base_url=another.url, store=str(bench.root))
    with resource.open() as hubspot:
        with pytest.raises(InputError, match="portal 222"):
            hubspot.undo("sync", run.run)
        with pytest.raises(InputError, match="portal 222"):
            hubspot.read("companies", run.ids, properties=["name"])
    assert {each.operation for each in another.books.requests()} <= {"account.details"}


def test_a_store_of_the_first_version_takes_its_account_from_the_definitions_beside_it(
    bench: Bench, another: Emulator
) -> None:
    bench.reopen()
    bench.run(firms(2), BY_KEY)
    bench.store.close()
    folder = Path(bench.store.path("sync"))
    with bench.store.local("sync", "ids.parquet") as path:
        assert path is not None
        as_of_the_first_version(path, folder / "ids.parquet")
    for each in [*folder.glob("ids-*"), *folder.glob("portal-*"), *Path(bench.root).glob("journal.db*")]:
        each.unlink()
    shutil.rmtree(folder / "runs")
    made = Bench(another, bench.root)
    made.reopen()
    with pytest.raises(InputError, match=rf"portal {bench.emulator.portal_id}"):
        made.run(firms(2), BY_KEY)
    made.close()


def as_of_the_first_version(path: Path, target: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    said = {"format": 1, "key": ["id"], "object_type": "companies"}
    pq.write_table(
        table.replace_schema_metadata({b"hubspot_batch_dagster": json.dumps(said).encode()}), target
    )


def test_an_account_that_cannot_be_read_is_said_once_and_remembered(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.answer(403, operation="account.details"))
    for _ in range(3):
        bench.reopen(check=False)
        bench.run(firms(2), BY_KEY)
    assert len([each for each in bench.warnings if "account" in each]) == 1
    bench.emulator.faults.clear()
    bench.reopen(check=False)
    assert shown(bench.run(firms(2), BY_KEY)) == {"unchanged": 2}


def test_a_known_account_stays_known_where_it_cannot_be_read(other: Bench, bench: Bench) -> None:
    bench.emulator.faults.add(Fault.answer(403, operation="account.details"))
    bench.reopen(check=False)
    assert shown(bench.run(firms(3), BY_KEY)) == {"unchanged": 3}
    bench.emulator.faults.clear()
    with pytest.raises(InputError, match=r"portal 222"):
        other.run(firms(3), BY_KEY)


def test_the_journal_of_another_store_is_refused(bench: Bench, tmp_path: Path) -> None:
    """As after a lost disk whose journal is in a database: its ids table is gone, and the journal knows of
    it.
    """
    journal = f"sqlite:///{tmp_path / 'shared.db'}"
    one = Bench(bench.emulator, tmp_path / "one", journal_url=journal)
    one.run(firms(3), COMPANIES)
    one.close()
    shutil.rmtree(tmp_path / "one")
    two = Bench(bench.emulator, tmp_path / "one", journal_url=journal)
    sent = two.writes()
    with pytest.raises(StoreError, match="is gone, though the journal knows") as caught:
        two.run(firms(3), COMPANIES)
    assert "adopt" in caught.value.remedy
    assert two.writes() == sent
    two.close()


def test_an_ids_table_that_is_gone_is_damage_and_adopting_is_the_way_back(bench: Bench) -> None:
    bench.emulator.add_property("companies", "ext", unique=True)
    keyed = Upsert("companies", key="id", properties=["name", "ext"], creation_key="ext")
    rows = [{**each, "ext": f"e{each['id']}"} for each in firms(3)]
    bench.run(rows, keyed)
    for each in Path(bench.store.path("sync")).glob("ids*.parquet"):
        each.unlink()
    with pytest.raises(StoreError, match="is gone"):
        bench.run(rows, keyed)
    assert shown(bench.run(rows, keyed, adopt=True)) == {"unchanged": 3}
    assert shown(bench.run(rows, keyed)) == {"unchanged": 3}
    assert bench.once_each("companies", "ext", ["e0", "e1", "e2"])


def test_keys_of_another_type_of_which_none_is_known_stop_the_run(bench: Bench) -> None:
    bench.run([{**each, "id": f"C{each['id']}"} for each in firms(3)], BY_KEY)
    sent = bench.writes()
    with pytest.raises(
        InputError, match=r"'id' was .*string and is int64, and none of the table's keys is known"
    ):
        bench.run(firms(3), BY_KEY)
    assert bench.writes() == sent
    assert shown(bench.run([{**firms(1)[0], "id": "C9"}], BY_KEY)) == {"created": 1}


def test_keys_of_several_types_are_told_as_text_and_no_type_of_ours_is_named(bench: Bench) -> None:
    """A cell that cannot be read makes the column a mixed one; the keys that can be are still what they
    are.
    """
    firms = Upsert("companies", key="id", properties=["name"])
    bench.run([{"id": 1, "name": "a"}], firms)
    with pytest.raises(InputError, match=r"'id' was int64 and is string, and none"):
        bench.run([{"id": "x", "name": "b"}, {"id": "a\ud800", "name": "c"}], firms)
    with pytest.raises(
        InputError, match=r"Key column 'id' is of values that cannot be read, which cannot identify"
    ):
        bench.run([{"id": {"a": 1}, "name": "b"}], firms, name="other")


@pytest.mark.parametrize("harm", ["identity", "payload", "store.json", "columns"])
def test_state_that_is_damaged_inside_is_a_store_error(bench: Bench, harm: str) -> None:
    bench.emulator.faults.add(Fault.drop(operation="create", times=1), Fault.answer(403, operation="search"))
    bench.run(firms(3), COMPANIES)
    bench.emulator.faults.clear()
    sent = bench.writes()
    journal = Path(bench.root) / "journal.db"
    if harm in ("identity", "payload"):
        with sqlite3.connect(journal) as connection:
            line = {
                "identity": "UPDATE hubspot_generations SET identity = '{'",
                "payload": "UPDATE hubspot_intents SET payload = 'x'",
            }
            connection.execute(line[harm])
    elif harm == "store.json":
        (Path(bench.root) / "store.json").write_text("[]")
    else:
        import pyarrow.parquet as pq

        with bench.store.local("sync", "ids.parquet") as path:
            assert path is not None
            pq.write_table(pq.read_table(path).drop_columns(["_digest"]), path)
    with pytest.raises(StoreError) as caught:
        bench.run(firms(3), COMPANIES)
    assert caught.value.remedy
    assert bench.writes() == sent
