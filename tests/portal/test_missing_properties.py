"""Properties that do not exist: refused, or made with the type of their column, only when that was asked for."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from portal_helpers import QUICK, Desk, shown

from hubspot_batch_dagster.api.errors import InputError, MissingScopes
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.records import Create, Update, Upsert
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


def test_missing_properties_are_made_with_the_types_of_their_columns_and_the_rows_arrive(desk: Desk) -> None:
    assert shown(desk.run(ROWS, MAKING)) == {"created": 2}
    table = desk.emulator.portal.table("contacts")
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
    stored = next(each for each in desk.emulator.records("contacts").values() if each["email"] == "a@x.org")
    assert (stored["vip"], stored["born"], stored["paid"]) == ("true", "1990-01-02", "1.50")
    desk.emulator.books.clear()
    assert shown(desk.run(ROWS, MAKING)) == {"unchanged": 2}
    assert desk.operations() == []


def test_they_are_made_in_one_batch_after_the_plan_is_settled(desk: Desk) -> None:
    desk.run(ROWS, MAKING)
    assert desk.operations()[-1] == "upsert"
    assert desk.operations().count("properties.batch_create") == 1
    assert desk.operations().index("properties.batch_create") < desk.operations().index("upsert")


def test_without_being_asked_nothing_is_made(desk: Desk) -> None:
    with pytest.raises(InputError, match="'nick' is no property") as caught:
        desk.run(ROWS, Upsert("contacts", id_property="email"))
    assert "missing_properties='create'" in caught.value.remedy
    assert not [each for each in desk.operations() if "create" in each]


def test_a_dry_run_makes_nothing_and_its_plan_can_be_approved(desk: Desk) -> None:
    plan = plan_sync(
        ROWS,
        MAKING,
        client=desk.client,
        store=desk.store,
        name="sync",
        portal=desk.portal,
        options=RunOptions(retry_policy=QUICK),
    )
    assert plan.counts["created"] == 2
    assert not [each for each in desk.operations() if "create" in each]
    assert shown(desk.run(ROWS, MAKING, approve=plan.hash)) == {"created": 2}


def test_a_plan_that_was_not_approved_makes_no_property(desk: Desk) -> None:
    with pytest.raises(InputError, match="was approved"):
        desk.run(ROWS, MAKING, approve="0" * 16)
    assert not [each for each in desk.operations() if "create" in each]


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
def test_the_unique_property_is_made_unique(desk: Desk, operation: Any) -> None:
    rows = [{"id": i, "note_key": f"k{i}", "hs_timestamp": "2024-01-01T00:00:00Z"} for i in range(2)]
    assert shown(desk.run(rows, operation)) == {"created": 2}
    assert desk.emulator.portal.table("notes").properties["note_key"].unique


def test_an_update_can_make_them_too_in_a_group_of_ones_own(desk: Desk) -> None:
    record = desk.emulator.seed_records("companies", [{"name": "A"}])[0]
    operation = Update("companies", record_id="record", missing_properties="create", property_group="ours")
    assert shown(desk.run([{"record": record, "rank": 3}], operation)) == {"updated": 1}
    assert desk.emulator.portal.table("companies").properties["rank"].group == "ours"


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("tags", pa.array([["a"]]), "list column"),
        ("blob", pa.array([b"a"]), "fits no property"),
        ("nothing", pa.nulls(1), "holds nothing"),
        ("Weird Name", pa.array(["a"]), "cannot be the name"),
    ],
)
def test_a_column_that_says_no_type_is_refused(desk: Desk, column: str, values: Any, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        desk.run(pa.table({"email": ["a@x.org"], column: values}), MAKING)
    assert caught.value.column == column
    assert not [each for each in desk.operations() if "create" in each]


def test_an_archived_property_that_comes_back_with_another_type_stops_before_any_row(desk: Desk) -> None:
    desk.emulator.faults.add(
        Fault.answer(
            201,
            {"status": "COMPLETE", "results": [{"name": "visits", "label": "V", "type": "string"}]},
            operation="properties.batch_create",
        )
    )
    with pytest.raises(InputError, match="came back with its old type string, not number"):
        desk.run(ROWS.select(["email", "visits"]), MAKING)
    assert desk.writes() == 0


def test_without_the_scope_the_run_stops_and_names_it(desk: Desk) -> None:
    body = {
        "category": "MISSING_SCOPES",
        "errors": [{"context": {"requiredGranularScopes": ["crm.schemas.contacts.write"]}}],
    }
    desk.emulator.faults.add(Fault.answer(403, body, operation="properties.batch_create"))
    with pytest.raises(MissingScopes, match=r"crm\.schemas\.contacts\.write"):
        desk.run(ROWS, MAKING)
    assert desk.writes() == 0


def test_a_property_that_hubspot_refuses_to_make_stops_the_run_with_its_words(desk: Desk) -> None:
    for i in range(10):
        desk.emulator.add_property("contacts", f"u{i}", unique=True)
    operation = Upsert("contacts", id_property="mine", missing_properties="create")
    with pytest.raises(InputError, match="at most 10 unique"):
        desk.run([{"mine": "a"}], operation)
    assert desk.writes() == 0
