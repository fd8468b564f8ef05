"""What changed since the last run: that is sent, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from bench.sync_bench import BY_EMAIL, BY_KEY, COMPANIES, CONTACTS, Bench, by_key, firms, people, shown

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.records import Create, Upsert

EVERY = pytest.mark.parametrize(
    "operation", [BY_EMAIL, CONTACTS, Upsert("contacts", key="id", properties=["email", "firstname"])]
)


@EVERY
def test_an_unchanged_table_makes_no_write_request(bench: Bench, operation: Operation) -> None:
    assert shown(bench.run(people(250), operation)) == {"created": 250}
    before = len(bench.emulator.books.requests())
    second = bench.run(people(250), operation)
    assert shown(second) == {"unchanged": 250}
    assert second.requests == 1  # a look at the known records
    assert [each.operation for each in bench.emulator.books.requests()[before:]] == ["read"]
    assert all(line["hs_object_id"] for line in second.ids.to_pylist())


@pytest.mark.parametrize(
    "operation", [BY_EMAIL, Upsert("contacts", key="id", properties=["email", "firstname"])]
)
def test_only_changed_and_new_rows_are_sent(bench: Bench, operation: Operation) -> None:
    bench.run(people(250), operation)
    sent = bench.writes()
    rows = people(260)
    rows[7]["firstname"] = rows[200]["firstname"] = "Grace"
    second = bench.run(rows, operation)
    assert shown(second) == {"created": 10, "updated": 2, "unchanged": 248}
    assert (
        sum(each.inputs for each in bench.emulator.books.requests() if each.operation != "read") == 250 + 12
    )
    assert bench.writes() <= sent + 2
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(260)])


def test_a_create_never_sends_later_changes(bench: Bench) -> None:
    bench.run(firms(3), COMPANIES)
    assert shown(bench.run([{**each, "city": "Bonn"} for each in firms(4)], COMPANIES)) == {
        "unchanged": 3,
        "created": 1,
    }
    assert shown(bench.run(firms(4), COMPANIES, full_refresh=True)) == {"unchanged": 4}


def test_a_full_refresh_sends_everything(bench: Bench) -> None:
    bench.run(people(20), BY_EMAIL)
    assert shown(bench.run(people(20), BY_EMAIL, full_refresh=True)) == {"updated": 20}


def test_rejected_rows_come_again_only_when_the_row_the_operation_or_the_user_says_so(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.invalid_batch("No.", operation="upsert", row={"firstname": "Ada 3"}))
    first = bench.run(people(10), BY_EMAIL)
    assert shown(first) == {"created": 9, "rejected": 1}
    sent = bench.writes()

    again = bench.run(people(10), BY_EMAIL)
    assert shown(again) == {"unchanged": 9, "rejected": 1}
    assert bench.writes() == sent
    assert again.rejected.to_pylist()[0]["error_message"] == first.rejected.to_pylist()[0]["error_message"]
    assert again.reasons == first.reasons

    assert shown(bench.run(people(10), BY_EMAIL, full_refresh=True)) == {"updated": 9, "rejected": 1}
    sent = bench.writes()
    other = replace(BY_EMAIL, on_null="clear")
    assert shown(bench.run(people(10), other)) == {"unchanged": 9, "rejected": 1}
    assert bench.writes() == sent + 1

    changed = people(10)
    changed[3]["firstname"] = "Grace"
    assert shown(bench.run(changed, other)) == {"unchanged": 9, "created": 1}


@pytest.mark.parametrize(("choice", "kept"), [("first", "A"), ("last", "C"), ("reject", None)])
def test_rows_with_one_key_are_settled_as_the_user_chose(bench: Bench, choice: Any, kept: str | None) -> None:
    rows = [
        {"email": each, "firstname": name}
        for each, name in (("a@x.org", "A"), ("b@x.org", "X"), (" A@x.org", "B"), ("A@X.ORG", "C"))
    ]
    result = bench.run(rows, replace(BY_EMAIL, on_duplicate=choice))
    assert shown(result) == ({"created": 2, "rejected": 2} if kept else {"created": 1, "rejected": 3})
    assert set(result.reasons) == {"DUPLICATE_KEY"}
    names = bench.living("contacts", "firstname")
    assert names == {"X": 1, **({kept: 1} if kept else {})}
    assert all("on_duplicate" in line["error_message"] for line in result.rejected.to_pylist())


def test_a_bad_row_costs_no_other_row_anything(bench: Bench) -> None:
    rows = [
        *people(5),
        {"id": 9, "email": None, "firstname": "No key"},
        {"id": 10, "email": "no email", "firstname": "B"},
    ]
    result = bench.run(rows, BY_EMAIL)
    assert shown(result) == {"created": 5, "rejected": 2}
    assert [line["row"] for line in result.rejected.to_pylist()] == [5, 6]


def digests(bench: Bench, rows: object, name: str) -> list[str]:
    bench.run(rows, Upsert("contacts", id_property="email"), name)
    with bench.store.local_ids(name) as path:
        found = (
            duckdb.connect()
            .execute("SELECT _digest FROM read_parquet(?) ORDER BY _key", [str(path)])
            .fetchall()
        )
    return [each for (each,) in found]


TYPED: dict[str, Any] = {
    "email": ["ada@x.org", "zoë@x.org"],
    "firstname": ["Ada", "Zoë 😀"],
    "hs_content_membership_notes": ["a;b", None],
}


def test_frames_of_every_library_hash_alike(bench: Bench) -> None:
    table = pa.table(TYPED)
    frames: dict[str, object] = {
        "pyarrow": table,
        "pandas": pd.DataFrame(TYPED),
        "polars": pl.DataFrame(TYPED),
        "duckdb": duckdb.connect().from_arrow(table),
        "reader": table.to_reader(max_chunksize=1),
        "dicts": table.to_pylist(),
        "generator": (each for each in table.to_pylist()),
        "dictionary": table.set_column(0, "email", table.column("email").dictionary_encode()),
    }
    found = {name: digests(bench, frame, name) for name, frame in frames.items()}
    assert len({tuple(each) for each in found.values()}) == 1, found


def test_the_hash_of_a_row_is_pinned(bench: Bench) -> None:
    """If this changes, every user's next run sends every row again."""
    rows = [{"email": "Ada@X.org", "firstname": "Zoë", "numemployees": "5"}]
    assert digests(bench, rows, "pinned") == ["3dde9422ee575ac5b6801e9b72f27393"]


def test_an_upsert_by_key_creates_first_and_updates_by_record_id_then(bench: Bench) -> None:
    first = bench.run(firms(5), BY_KEY)
    assert shown(first) == {"created": 5}
    second = bench.run([{**each, "city": "Bonn"} for each in firms(6)], BY_KEY)
    assert shown(second) == {"updated": 5, "created": 1}
    assert [by_key(second)[i]["hs_object_id"] for i in range(5)] == [
        by_key(first)[i]["hs_object_id"] for i in range(5)
    ]
    assert bench.living("companies", "city") == {"Bonn": 6}
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(6)])


@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize("choice", ["report", "recreate"])
def test_a_record_that_was_deleted_in_hubspot_is_reported_or_made_again(
    bench: Bench, choice: Any, silent: bool
) -> None:
    bench.emulator.change(update_unknown_as_error=not silent)
    first = bench.run(firms(5), BY_KEY)
    bench.client.batch_archive("companies", [by_key(first)[i]["hs_object_id"] for i in (1, 3)])
    rows = [{**each, "city": "Bonn"} for each in firms(5)]
    second = bench.run(rows, replace(BY_KEY, if_missing=choice))
    if choice == "report":
        assert shown(second) == {"updated": 3, "rejected": 2}
        assert second.reasons == {"OBJECT_NOT_FOUND": 2}
        return
    assert shown(second) == {"updated": 3, "created": 2}
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(5)])
    third = bench.run(rows, replace(BY_KEY, if_missing=choice))
    assert shown(third) == {"unchanged": 5}
    records = bench.emulator.records("companies")
    assert all(records[line["hs_object_id"]]["name"] == f"Firm {i}" for i, line in by_key(third).items())


def test_an_update_or_archival_through_another_sync_finds_its_records_by_key(bench: Bench) -> None:
    bench.run(firms(4), BY_KEY, "companies")
    rows = [{"id": 1, "city": "Bonn"}, {"id": 99, "city": "Bonn"}]
    result = bench.run(rows, Update("companies", key="id", through="companies", properties=["city"]), "moves")
    assert shown(result) == {"updated": 1, "rejected": 1}
    assert result.reasons == {"NO_RECORD": 1}
    gone = bench.run(
        [{"id": i} for i in (0, 2, 77)], Archive("companies", key="id", through="companies"), "bin"
    )
    assert shown(gone) == {"archived": 2, "rejected": 1}
    assert bench.once_each("companies", "name", ["Firm 1", "Firm 3"])
    assert shown(
        bench.run([{"id": i} for i in (0, 2)], Archive("companies", key="id", through="companies"), "bin")
    ) == {"unchanged": 2}


def test_a_row_is_written_again_once_the_other_sync_has_another_record_for_its_key(bench: Bench) -> None:
    made_anew = replace(BY_KEY, if_missing="recreate")
    phones = Update("companies", key="id", through="companies", properties=["phone"])
    rows = [{"id": i, "phone": f"tel {i}"} for i in range(3)]
    first = bench.run(firms(3), made_anew, "companies")
    assert shown(bench.run(rows, phones, "phones")) == {"updated": 3}
    bench.client.batch_archive("companies", [by_key(first)[2]["hs_object_id"]])
    second = bench.run(firms(3), made_anew, "companies", full_refresh=True)
    again = bench.run(rows, phones, "phones")
    assert shown(again) == {"updated": 1, "unchanged": 2}
    assert by_key(again)[2]["hs_object_id"] == by_key(second)[2]["hs_object_id"]
    assert bench.once_each("companies", "phone", [f"tel {i}" for i in range(3)])
    assert shown(bench.run(rows, phones, "phones")) == {"unchanged": 3}


def test_a_key_of_an_unknown_sync_is_refused_before_anything_is_sent(bench: Bench) -> None:
    with pytest.raises(InputError, match="no ids table yet"):
        bench.run(
            [{"id": 1, "city": "B"}], Update("companies", key="id", through="nobody", properties=["city"])
        )
    bench.run(firms(1), BY_KEY, "companies")
    two = Update("companies", key=["id", "name"], through="companies", properties=["city"])
    with pytest.raises(InputError, match="as many columns"):
        bench.run([{"id": 1, "name": "x", "city": "B"}], two)
    assert bench.writes("update") == 0


def test_long_texts_are_sent_in_smaller_batches(bench: Bench) -> None:
    rows = [{"id": i, "name": f"Firm {i}", "description": "x" * 60_000} for i in range(100)]
    result = bench.run(rows, Create("companies", key="id", properties=["name", "description"]))
    assert shown(result) == {"created": 100}
    assert [each.inputs for each in bench.emulator.books.requests("create")] == [50, 50]


def test_rows_of_both_verbs_fill_their_batches(bench: Bench) -> None:
    bench.run(firms(300)[::2], BY_KEY)
    bench.emulator.books.clear()
    rows = [{**each, "city": "Bonn"} for each in firms(300)]
    assert shown(bench.run(rows, BY_KEY)) == {"created": 150, "updated": 150}
    assert sorted(each.inputs for each in bench.emulator.books.requests("create")) == [50, 100]
    assert sorted(each.inputs for each in bench.emulator.books.requests("update")) == [50, 100]


def test_what_is_sent_is_what_the_table_says_byte_for_byte(bench: Bench) -> None:
    odd = 'Zoë "\\ \n\t 😀 \u2028 <b>'
    bench.run([{"id": 1, "name": odd}], Create("companies", key="id", properties=["name"]))
    assert bench.living("companies", "name") == {odd: 1}


def test_key_columns_are_not_sent_unless_they_are_asked_for(bench: Bench) -> None:
    bench.run([{"id": 1, "name": "A"}], Create("companies", key="id"))
    assert "id" not in next(iter(bench.emulator.records("companies").values()))
    assert json.dumps(bench.emulator.records("companies")).count('"A"') == 1
