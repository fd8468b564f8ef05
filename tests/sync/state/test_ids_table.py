"""The ids table: what is remembered of each row key, and what is refused."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench.sync_bench import BY_EMAIL, BY_KEY, COMPANIES, Bench, by_key, firms, people, shown

from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.records import Create, Upsert

KEYS: dict[str, list[Any]] = {
    "int": [1, 2, 9_007_199_254_740_993],
    "text": ["a", "b'c", 'é"\\'],
    "date": [dt.date(2024, 2, 29), dt.date(1969, 1, 1), dt.date(2030, 1, 1)],
    "datetime": [
        dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.timezone.utc),
        dt.datetime(1969, 1, 1, tzinfo=dt.timezone.utc),
        dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc),
    ],
    "bool": [True, False],
    "decimal": [decimal.Decimal("1.50"), decimal.Decimal("2.00")],
}


@pytest.mark.parametrize(("kind", "crashed"), [*((kind, True) for kind in KEYS), ("date", False)])
def test_keys_come_back_with_their_own_types(bench: Bench, kind: str, crashed: bool) -> None:
    rows = [{"key": key, "name": f"N{i}", "city": "Ulm"} for i, key in enumerate(KEYS[kind])]
    operation = Upsert("companies", key="key", properties=["name", "city"])
    table = pa.Table.from_pylist(rows)
    if crashed:
        forget_the_ids_table(bench, lambda: bench.run(table, operation))
    else:
        bench.run(table, operation)
    again = bench.run(table, operation)
    assert shown(again) == {"unchanged": len(rows)}
    assert again.ids.schema.field("key").type == table.schema.field("key").type
    assert again.ids.column("key").to_pylist() == KEYS[kind]
    gone = bench.run(
        table.slice(0, 1),
        Upsert("companies", key="key", properties=["name", "city"], when_gone="archive", max_gone=1),
    )
    assert gone.ids.column("key").to_pylist()[0] == KEYS[kind][0]
    assert set(gone.ids.column("key").to_pylist()) == set(KEYS[kind])


def forget_the_ids_table(bench: Bench, run: Any) -> None:
    """A run that settles everything and dies before its ids table is written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.store, "conclude", broken)
        with pytest.raises(StoreError, match="disk full"):
            run()


def test_several_columns_are_one_key(bench: Bench) -> None:
    rows = [
        {"shop": shop, "day": dt.date(2024, 1, day), "name": f"{shop}{day}"}
        for shop in ("a", "b")
        for day in (1, 2)
    ]
    operation = Upsert("companies", key=["shop", "day"], properties=["name"])
    forget_the_ids_table(bench, lambda: bench.run(rows, operation))
    assert shown(bench.run(rows, operation)) == {"unchanged": 4}
    assert shown(bench.run(rows, operation)) == {"unchanged": 4}
    gone = bench.run(
        rows[:2],
        Upsert("companies", key=["shop", "day"], properties=["name"], when_gone="archive", max_gone=1),
    )
    archived = [line for line in gone.ids.to_pylist() if line["outcome"] == "archived"]
    assert {(line["shop"], line["day"]) for line in archived} == {
        ("b", dt.date(2024, 1, 1)),
        ("b", dt.date(2024, 1, 2)),
    }


def test_an_outcome_that_only_the_journal_knows_is_folded_in(bench: Bench) -> None:
    bench.run(people(5), BY_EMAIL)
    rows = [{**each, "firstname": "Grace"} for each in people(8)]
    bench.emulator.faults.add(Fault.invalid_batch("No.", operation="upsert", row={"email": "p7@x.org"}))
    journal = bench.store.journal
    forget_the_ids_table(bench, lambda: bench.run(rows, BY_EMAIL))
    assert journal.summary() == [("sync", 0, len(list(journal.outcomes("sync"))))]
    again = bench.run(rows, BY_EMAIL)
    assert shown(again) == {"unchanged": 7, "rejected": 1}
    assert journal.summary() == []
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(7)])


def broken(*_: object, **__: object) -> None:
    raise StoreError("disk full")


def test_another_key_or_object_type_is_refused_before_anything_is_sent(bench: Bench) -> None:
    bench.run(firms(2), COMPANIES)
    sent = len(bench.emulator.books.requests())
    with pytest.raises(InputError, match=r"has the key \['id'\], and the operation has \['name'\]"):
        bench.run(firms(3), Create("companies", key="name", properties=["name", "city"]))
    with pytest.raises(InputError, match="holds companies, and the operation is about deals"):
        bench.run(firms(3), Create("deals", key="id", properties=["name"]))
    assert len(bench.emulator.books.requests()) == sent


def test_the_object_type_by_another_name_is_the_same(bench: Bench) -> None:
    bench.run(firms(2), COMPANIES)
    assert shown(bench.run(firms(2), Create("0-2", key="id", properties=["name", "city"]))) == {
        "unchanged": 2
    }


def test_a_table_of_a_newer_version_is_refused_before_anything_is_sent(bench: Bench) -> None:
    bench.run(firms(2), COMPANIES)
    path = bench.store.path("sync", "ids.parquet")
    table = pq.read_table(path)
    meta = {
        b"hubspot_batch_dagster": json.dumps(
            {"format": 99, "key": ["id"], "object_type": "companies"}
        ).encode()
    }
    pq.write_table(table.replace_schema_metadata(meta), path)
    with pytest.raises(StoreError, match=r"newer version \(format 99") as caught:
        bench.run(firms(3), COMPANIES)
    assert "Upgrade" in caught.value.remedy
    assert len(bench.emulator.records("companies")) == 2


@pytest.mark.parametrize("harm", ["garbage", "empty", "cut", "inside"])
def test_a_damaged_table_is_an_error_that_says_how_to_go_on(bench: Bench, harm: str) -> None:
    bench.run(firms(2000), COMPANIES)
    path = Path(bench.store.path("sync", "ids.parquet"))
    good = path.read_bytes()
    inside = good[:200] + bytes(len(good) // 2) + good[200 + len(good) // 2 :]
    path.write_bytes(
        {"garbage": b"no parquet at all" * 9, "empty": b"", "cut": good[: len(good) // 2], "inside": inside}[
            harm
        ]
    )
    with pytest.raises(StoreError, match=r"ids-1\.parquet") as caught:
        bench.run(firms(2001), COMPANIES)
    assert "adopt_existing" in caught.value.remedy
    assert len(bench.emulator.records("companies")) == 2000


def test_somebody_elses_parquet_file_is_refused(bench: Bench) -> None:
    path = Path(bench.store.path("sync", "ids.parquet"))
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"id": [1]}), path)
    with pytest.raises(StoreError, match="not an ids table"):
        bench.run(firms(3), COMPANIES)
    assert path.exists()


@pytest.mark.parametrize(
    "name",
    ["hs_object_id", "outcome", "synced_at", "warning", "_key", "Hs_Object_Id", "Outcome", "WARNING"],
)
def test_a_key_column_with_the_name_of_one_of_ours_is_refused(bench: Bench, name: str) -> None:
    with pytest.raises(InputError, match="has the name of a column of the ids table"):
        bench.run([{name: 1, "name": "A"}], Create("companies", key=name, properties=["name"]))
    assert bench.emulator.records("companies") == {}


def test_key_columns_that_differ_in_capitals_alone_are_refused(bench: Bench) -> None:
    with pytest.raises(InputError, match="has the name of another key column"):
        bench.run(
            [{"id": 1, "ID": 2, "name": "A"}], Create("companies", key=["id", "ID"], properties=["name"])
        )
    assert bench.writes() == 0


@pytest.mark.parametrize("name", ["outcome", "HS_OBJECT_ID"])
def test_record_ids_under_the_name_of_another_column_of_ours_are_refused(bench: Bench, name: str) -> None:
    rows = [{name: each, "city": "Ulm"} for each in bench.emulator.seed_records("companies", [{"name": "A"}])]
    with pytest.raises(InputError, match="has the name of a column of the ids table"):
        bench.run(rows, Update("companies", record_id=name, properties=["city"]))
    assert bench.writes() == 0


@pytest.mark.parametrize("number", [True, False])
def test_record_ids_may_be_the_key_under_their_own_name(bench: Bench, number: bool) -> None:
    ids = bench.emulator.seed_records("companies", [{"name": f"N{i}"} for i in range(3)])
    rows = [{"hs_object_id": int(each) if number else each, "city": "Ulm"} for each in ids]
    operation = Update("companies", record_id="hs_object_id", properties=["city"])
    first = bench.run(rows, operation)
    assert shown(first) == {"updated": 3}
    assert sorted(map(str, first.ids.column("hs_object_id").to_pylist())) == sorted(ids)
    assert shown(bench.run(rows, operation)) == {"unchanged": 3}
    archived = bench.run(rows, Archive("companies", record_id="hs_object_id"), "bin")
    assert shown(archived) == {"archived": 3}
    assert shown(bench.run(rows, Archive("companies", record_id="hs_object_id"), "bin")) == {"unchanged": 3}


def test_columns_of_the_ids_table_are_as_documented(bench: Bench) -> None:
    result = bench.run([*people(2), {"id": 7, "email": "bad", "firstname": "B"}], BY_EMAIL)
    assert result.ids.schema.names == [
        "email",
        "hs_object_id",
        "outcome",
        "synced_at",
        "error_category",
        "error_code",
        "error_property",
        "error_message",
        "correlation_id",
        "warning",
    ]
    assert result.ids.schema.field("hs_object_id").type == pa.string()
    assert pa.types.is_timestamp(result.ids.schema.field("synced_at").type)
    lines = by_key(result, "email")
    assert lines["p0@x.org"]["outcome"] == "created"
    assert lines["bad"]["hs_object_id"] is None
    assert lines["bad"]["error_code"]
    moment = lines["p0@x.org"]["synced_at"]
    assert abs((moment - dt.datetime.now(dt.timezone.utc)).total_seconds()) < 30


def test_the_state_holds_every_key_that_hubspot_judged_and_no_other(bench: Bench) -> None:
    bench.run(firms(5), BY_KEY)
    bench.run([*firms(3), {"id": None, "name": "no key", "city": "x"}], BY_KEY)
    found = duckdb.connect().execute(
        "SELECT id FROM read_parquet(?) ORDER BY id", [bench.store.path("sync", "ids.parquet")]
    )
    assert found.fetchall() == [(i,) for i in range(5)]


def test_an_empty_table_leaves_the_keys_and_their_types_as_they_are(bench: Bench) -> None:
    path = Path(bench.store.path("sync", "ids.parquet"))
    bench.run(firms(2), BY_KEY)
    before = pq.read_table(path).column("id")
    assert shown(bench.run([], BY_KEY)) == {}
    after = pq.read_table(path).column("id")
    assert after.type == before.type
    assert sorted(after.to_pylist()) == [0, 1]
    gone = bench.run(firms(1), replace(BY_KEY, when_gone="archive", max_gone=1))
    assert by_key(gone)[1]["outcome"] == "archived"


def test_a_row_that_lost_its_record_to_another_key_is_sent_when_it_comes_back(bench: Bench) -> None:
    bench.seed_old("contacts", [{"email": "new@x.org", "hs_additional_emails": "old@x.org"}])
    rows = [{"email": "new@x.org", "firstname": "A"}, {"email": "old@x.org", "firstname": "B"}]
    for row in rows:
        assert shown(bench.run([row], BY_EMAIL)) == {"updated": 1}
    sent = bench.writes()
    back = bench.run(rows[:1], BY_EMAIL)
    assert bench.writes() == sent + 1
    record_id = by_key(back, "email")["new@x.org"]["hs_object_id"]
    assert bench.emulator.records("contacts")[record_id]["firstname"] == "A"
    assert shown(bench.run(rows[:1], BY_EMAIL)) == {"unchanged": 1}


@pytest.mark.parametrize(
    "other",
    [
        Upsert("companies", key=["id", "city"], properties=["name"]),
        Upsert("contacts", key="id", properties={"firstname": "name"}),
    ],
    ids=["key", "object type"],
)
def test_another_key_or_type_after_a_first_run_that_was_killed_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, other: Upsert
) -> None:
    rows = [{"id": "a", "name": "Firm", "city": "Ulm"}]
    monkeypatch.setattr(bench.store, "conclude", broken)
    with pytest.raises(StoreError):
        bench.run(rows, Upsert("companies", key="id", properties=["name"]))
    monkeypatch.undo()
    sent = bench.writes()
    with pytest.raises(InputError, match="another name"):
        bench.run(rows, other)
    assert bench.writes() == sent
    assert shown(bench.run(rows, Upsert("companies", key="id", properties=["name"]))) == {"unchanged": 1}
