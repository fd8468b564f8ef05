"""Properties that do not exist: refused, or made with the type of their column, only when that was asked
for.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from bench.sync_bench import QUICK, Bench, shown

from hubspot_batch_dagster.api.errors import InputError, MissingScopes
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.existing_records import Update
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.sync.run import RunOptions, plan_sync

ROWS = pa.table(
    {
        "email": ["a@x.org", "b@x.org"],
        "nick": ["A", None],
        "visits": [1, 2],
        "score": [0.5, None],
        "paid": [Decimal("1.50"), None],
        "vip": [True, False],
        "born": [dt.date(1990, 1, 2), None],
        "seen": [dt.datetime(2024, 1, 2, 3, 4, 5), None],
    }
)
MAKING = Upsert("contacts", id_property="email", missing_properties="create")


def test_missing_properties_are_made_with_the_types_of_their_columns_and_the_rows_arrive(
    bench: Bench,
) -> None:
    assert shown(bench.run(ROWS, MAKING)) == {"created": 2}
    table = bench.emulator.portal.table("contacts")
    made = {name: table.properties[name] for name in ROWS.column_names[1:]}
    assert {name: (each.type, each.field_type) for name, each in made.items()} == {
        "nick": ("string", "text"),
        "visits": ("number", "number"),
        "score": ("number", "number"),
        "paid": ("number", "number"),
        "vip": ("enumeration", "booleancheckbox"),
        "born": ("date", "date"),
        "seen": ("datetime", "date"),
    }
    assert {each.group for each in made.values()} == {"hubspot_batch_dagster"}
    assert "hubspot_batch_dagster" in table.groups
    stored = next(each for each in bench.emulator.records("contacts").values() if each["email"] == "a@x.org")
    assert (stored["vip"], stored["born"], stored["paid"]) == ("true", "1990-01-02", "1.50")
    bench.emulator.books.clear()
    assert shown(bench.run(ROWS, MAKING)) == {"unchanged": 2}
    assert bench.operations() == ["read"]


def test_they_are_made_in_one_batch_after_the_plan_is_settled(bench: Bench) -> None:
    bench.run(ROWS, MAKING)
    assert bench.operations()[-1] == "upsert"
    assert bench.operations().count("properties.batch_create") == 1
    assert bench.operations().index("properties.batch_create") < bench.operations().index("upsert")


def test_without_being_asked_nothing_is_made(bench: Bench) -> None:
    with pytest.raises(InputError, match="'nick' is no property") as caught:
        bench.run(ROWS, Upsert("contacts", id_property="email"))
    assert "missing_properties='create'" in caught.value.remedy
    assert not [each for each in bench.operations() if "create" in each]


def test_a_dry_run_makes_nothing_and_its_plan_can_be_approved(bench: Bench) -> None:
    plan = plan_sync(
        ROWS,
        MAKING,
        client=bench.client,
        store=bench.store,
        name="sync",
        portal=bench.portal,
        options=RunOptions(retry_policy=QUICK),
    )
    assert plan.counts["created"] == 2
    assert not [each for each in bench.operations() if "create" in each]
    assert shown(bench.run(ROWS, MAKING, approve=plan.hash)) == {"created": 2}


def test_a_plan_that_was_not_approved_makes_no_property(bench: Bench) -> None:
    with pytest.raises(InputError, match="was approved"):
        bench.run(ROWS, MAKING, approve="0" * 16)
    assert not [each for each in bench.operations() if "create" in each]


@pytest.mark.parametrize(
    "operation",
    [
        Create("notes", key="id", creation_key="note_key", missing_properties="create"),
        Upsert(
            "notes",
            id_property="note_key",
            properties=["note_key", "hs_timestamp"],
            missing_properties="create",
        ),
        Upsert("notes", key="id", creation_key="note_key", adopt_existing=True, missing_properties="create"),
    ],
)
def test_the_unique_property_is_made_unique(bench: Bench, operation: Any) -> None:
    rows = [{"id": i, "note_key": f"k{i}", "hs_timestamp": "2024-01-01T00:00:00Z"} for i in range(2)]
    assert shown(bench.run(rows, operation)) == {"created": 2}
    assert bench.emulator.portal.table("notes").properties["note_key"].unique


def test_an_update_can_make_them_too_in_a_group_of_ones_own(bench: Bench) -> None:
    record = bench.emulator.seed_records("companies", [{"name": "A"}])[0]
    operation = Update("companies", record_id="record", missing_properties="create", property_group="ours")
    assert shown(bench.run([{"record": record, "rank": 3}], operation)) == {"updated": 1}
    assert bench.emulator.portal.table("companies").properties["rank"].group == "ours"


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("tags", pa.array([["a"]]), "list column"),
        ("blob", pa.array([b"a"]), "fits no property"),
        ("nothing", pa.nulls(1), "holds nothing"),
        ("Weird Name", pa.array(["a"]), "cannot be the name"),
    ],
)
def test_a_column_that_says_no_type_is_refused(bench: Bench, column: str, values: Any, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        bench.run(pa.table({"email": ["a@x.org"], column: values}), MAKING)
    assert caught.value.column == column
    assert not [each for each in bench.operations() if "create" in each]


def test_an_archived_property_that_comes_back_with_another_type_stops_before_any_row(bench: Bench) -> None:
    bench.emulator.faults.add(
        Fault.answer(
            201,
            {"status": "COMPLETE", "results": [{"name": "visits", "label": "V", "type": "string"}]},
            operation="properties.batch_create",
        )
    )
    with pytest.raises(InputError, match="came back with its old type string, not number"):
        bench.run(ROWS.select(["email", "visits"]), MAKING)
    assert bench.writes() == 0


def test_without_the_scope_the_run_stops_and_names_it(bench: Bench) -> None:
    body = {
        "category": "MISSING_SCOPES",
        "errors": [{"context": {"requiredGranularScopes": ["crm.schemas.contacts.write"]}}],
    }
    bench.emulator.faults.add(Fault.answer(403, body, operation="properties.batch_create"))
    with pytest.raises(MissingScopes, match=r"crm\.schemas\.contacts\.write"):
        bench.run(ROWS, MAKING)
    assert bench.writes() == 0


def test_a_property_that_hubspot_refuses_to_make_stops_the_run_with_its_words(bench: Bench) -> None:
    for i in range(10):
        bench.emulator.add_property("contacts", f"u{i}", unique=True)
    operation = Upsert("contacts", id_property="mine", missing_properties="create")
    with pytest.raises(InputError, match="at most 10 unique"):
        bench.run([{"mine": "a"}], operation)
    assert bench.writes() == 0
