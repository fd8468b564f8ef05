"""What the user asks for: wrong operations are refused where they are written, and equal ones are equal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pandas as pd
import pydantic
import pytest
from bench.sync_bench import BY_EMAIL, BY_KEY, COMPANIES, Bench, firms, people

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.sync.prepare import prepare
from hubspot_batch_dagster.table.rules import Cast

REFUSED: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: Create("calls", key=""), "key names no column", "column name"),
    (lambda: Create("calls", key=[]), "key names no column", "column name"),
    (lambda: Create("calls", key=["a", "a"]), "names a column twice", "once"),
    (lambda: Create("calls", key={"a", "b"}), "key is a set", "a list"),
    (
        lambda: Create("calls", key="a", properties="name"),
        "properties is 'name': Create takes .*list of texts",
        r"properties=\[...",
    ),
    (lambda: Create("calls", key="a", properties=["x", "x"]), "names a property twice", "once"),
    (
        lambda: Create("calls", key="a", on_null="null"),
        "on_null is 'null': Create takes 'omit' or 'clear'",
        "on_null",
    ),
    (
        lambda: Create("calls", key="a", on_duplicate="both"),
        "on_duplicate is 'both': Create takes 'first' or 'last' or 'reject'",
        "on_duplicate",
    ),
    (
        lambda: Create("calls", key="a", associations=Association("contacts", "c")),
        "associations .* takes a list of Association",
        r"associations=\[",
    ),
    (
        lambda: Create("calls", key="a", max_created=1.5),
        "max_created is 1.5: Create takes a number of rows, or a share",
        "0.0 to 1.0",
    ),
    (lambda: Create("calls", key="a", max_changed=-1), "max_changed is -1", "int"),
    (lambda: Create("calls", key="a", max_changed=True), "max_changed is True", "max_changed"),
    (lambda: Create("no such type!", key="a"), "no such type!", ""),
    (lambda: Upsert("contacts"), "exactly one of id_property= or key=; none given", "docstring"),
    (lambda: Upsert("contacts", id_property="email", key="id"), "id_property and key given", "docstring"),
    (
        lambda: Upsert("contacts", id_property="email", properties=["firstname"]),
        "id_property='email' is not among",
        "Add 'email'",
    ),
    (lambda: Upsert("contacts", id_property="hs_object_id"), "does not take hs_object_id", "record_id"),
    (lambda: Upsert("contacts", id_property="email", creation_key="email"), "takes no creation_key", "key="),
    (lambda: Upsert("companies", key="id", adopt_existing=True), "needs a unique property", "creation_key"),
    (
        lambda: Upsert("companies", key="id", if_missing="ignore"),
        "if_missing is 'ignore': Upsert takes 'report'",
        "if_missing",
    ),
    (lambda: Upsert("companies", key="id", when_gone="delete"), "when_gone is 'delete'", "when_gone"),
    (lambda: Upsert("companies", key="id", compare="all"), "compare is 'all'", "compare"),
    (
        lambda: Upsert("companies", key="id", max_gone=0),
        "max_gone is 0: Upsert takes a number above 0 and at most 1",
        "max_gone",
    ),
    (lambda: Upsert("companies", key="id", max_gone=2), "max_gone is 2", "max_gone"),
    (lambda: Update("contacts"), "exactly one of record_id= or id_property= or key=", "docstring"),
    (lambda: Update("contacts", id_property="email"), "refuses email as id_property", "Upsert"),
    (lambda: Update("0-1", id_property="email"), "refuses email as id_property", "Upsert"),
    (lambda: Update("companies", id_property="hs_object_id"), "does not take hs_object_id", "record_id"),
    (lambda: Update("companies", key="id"), "looked up in the ids table", "through="),
    (lambda: Update("companies", record_id="r", through="x"), "through names the sync", "key="),
    (lambda: Archive("companies", record_id="r", key="id"), "exactly one of", "docstring"),
    (lambda: Association("contacts", ""), "names no column", "column"),
    (lambda: Create("calls", key="a", creation_key=""), "creation_key is empty", "creation_key="),
    (lambda: Upsert("contacts", id_property="email", as_of=""), "as_of is empty", "as_of="),
    (lambda: Update("companies", record_id="", key="k"), "record_id is empty", "record_id="),
    (lambda: Create("calls", key="a", properties=["a", ""]), "properties has an empty name", "column"),
    (lambda: Create("calls", key="a", properties={"": "a"}), "properties has an empty name", "column"),
    (lambda: Create("calls", key="a", properties={"a": ""}), "properties has an empty name", "column"),
    (lambda: Create("calls", key="a", cast=Cast(thousands="5")), "are no two marks", "numbers"),
    (lambda: Create("calls", key="a", cast=Cast(decimal="-")), "are no two marks", "numbers"),
    (lambda: Create("calls", key="a", cast=Cast(date_formats=["%Q"])), "date_formats has '%Q'", "strptime"),
    (lambda: Create("calls", key="a", cast=Cast(date_formats=[""])), "date_formats has ''", "strptime"),
    (lambda: Create("calls", key="a", cast=Cast(date_formats=["%d.%m."])), "with its year", "strptime"),
    (lambda: Create("calls", key="a", cast=Cast(date_formats=["%H:%M"])), "with its year", "strptime"),
    (
        lambda: Create("calls", key="a", cast=Cast(true_values=["y"], false_values=["Y "])),
        r"\['y'\] would be true and false",
        "once",
    ),
    (lambda: Association("contacts", "c", category="USER_DEFINED"), "names no type", "type="),
]


@pytest.mark.parametrize(("make", "message", "remedy"), REFUSED)
def test_an_operation_that_cannot_be_meant_is_refused_where_it_is_written(
    make: Callable[[], Any], message: str, remedy: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert re.search(remedy, caught.value.remedy)


@pytest.mark.parametrize(
    "given", ["%d.%m.%Y", "%d/%m/%y %H:%M", "%Y-%m-%dT%H:%M:%S%z", "%G-W%V-%u", "%d %b %Y", "%Y%j", "%m/%Y"]
)
def test_a_format_that_has_a_year_is_taken(given: str) -> None:
    assert Create("calls", key="a", cast=Cast(date_formats=[given], thousands=" ", decimal=",")).cast


class Model(pydantic.BaseModel):
    name: str


BASE = Create("companies", key="id", properties=["name", "city"])
SAME: list[Operation] = [
    Create("companies", key="id", properties=["name", "city"]),
    Create("0-2", key=("id",), properties=["city", "name"]),
    Create("company", key=["id"], properties={"city": "city", "name": "name"}),
    replace(BASE, on_duplicate="last"),
    replace(BASE, max_created=5),
]
OTHERS: list[Operation] = [
    BASE,
    replace(BASE, object_type="deals"),
    replace(BASE, key="other"),
    replace(BASE, key=["id", "name"]),
    replace(BASE, properties=["name"]),
    replace(BASE, properties={"name": "name", "city": "town"}),
    replace(BASE, properties=None),
    replace(BASE, associations=[Association("contacts", "c")]),
    replace(BASE, associations=[Association("contacts", "d")]),
    replace(BASE, associations=[Association("contacts", "c", type=280)]),
    replace(BASE, creation_key="name"),
    replace(BASE, on_null="clear"),
    replace(BASE, model=Model),
    replace(BASE, version="2025-09"),
    Upsert("companies", key="id", properties=["name", "city"]),
    Upsert("contacts", id_property="email"),
    Update("companies", record_id="id", properties=["name", "city"]),
    Update("companies", key="id", through="a"),
    Update("companies", key="id", through="b"),
    Archive("companies", record_id="id"),
]


def test_the_definition_changes_when_and_only_when_what_is_sent_changes() -> None:
    assert {each.definition() for each in SAME} == {BASE.definition()}
    found = [each.definition() for each in OTHERS]
    assert len(set(found)) == len(OTHERS)
    mirror = Upsert("contacts", id_property="email")
    for change in (
        {"when_gone": "archive"},
        {"max_gone": 0.5},
        {"adopt_existing": True},
        {"compare": "portal"},
    ):
        assert replace(mirror, **change).definition() == mirror.definition()


def test_the_definition_is_the_same_in_every_process() -> None:
    code = (
        "from hubspot_batch_dagster.operations.records import Create\n"
        "print(Create('companies', key='id', properties=['name', 'city']).definition())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == BASE.definition(), done.stderr


def test_operations_are_values() -> None:
    assert SAME[0] == BASE
    assert "companies" in repr(BASE)
    assert all(each.name in {f.name for f in fields(Create)} for each in fields(Operation))
    with pytest.raises(AttributeError):
        BASE.on_null = "clear"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("rows", "operation", "message"),
    [
        ([{"id": 1, "name": "A"}], COMPANIES, "city"),
        ([{"name": "A", "city": "B"}], COMPANIES, "id"),
        (pd.DataFrame({"x": [1]}), BY_EMAIL, "email"),
        ("text", BY_EMAIL, "cannot be read"),
    ],
)
def test_tables_that_do_not_fit_are_refused_before_anything_is_sent(
    bench: Bench, rows: Any, operation: Operation, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        bench.run(rows, operation)
    assert bench.emulator.books.requests() == []


def test_an_empty_list_is_a_run_without_rows(bench: Bench) -> None:
    result = bench.run([], BY_EMAIL)
    assert (result.rows, result.requests, result.ids.num_rows) == (0, 0, 0)


def test_an_operation_that_no_page_lists_is_tried_with_a_warning_and_hubspot_answers(bench: Bench) -> None:
    bench.run([{"id": "1"}], Archive("partner_clients", record_id="id", version="2026-03"))
    said = "documents no batch archive for partner_clients in version 2026-03"
    assert any(said in each for each in bench.warnings)
    assert len(bench.emulator.books.requests()) > 0


def test_a_version_that_does_not_exist_is_refused(bench: Bench) -> None:
    with pytest.raises(InputError, match="no API version 'v5'"):
        bench.run(people(1), Upsert("contacts", id_property="email", version="v5"))
    assert bench.emulator.books.requests() == []


def test_each_operation_says_what_it_may_send() -> None:
    assert BASE.actions == ("create",)
    assert BY_KEY.actions == ("create", "update")
    assert replace(BY_EMAIL, when_gone="archive").actions == ("upsert", "archive")
    assert not BASE.repeatable
    assert BY_EMAIL.repeatable


def test_prepared_rows_are_what_would_be_sent() -> None:
    rows = [
        {"id": 1, "name": "A", "city": None, "who": "7"},
        {"id": None, "name": "B", "city": "C", "who": None},
    ]
    links = [Association("contacts", "who")]
    ready = prepare(rows, Create("companies", key="id", properties=["name", "city"], associations=links))
    assert ready.action == "create"
    body = ready.bodies()[0]
    assert body["properties"] == {"name": "A"}
    assert body["objectWriteTraceId"] == "0"
    assert body["associations"][0]["to"] == {"id": "7"}
    assert ready.rejected.column("code").to_pylist() == ["MISSING_KEY"]
    assert prepare(firms(2), BY_KEY).action == "create"
    upsert = prepare(people(2), BY_EMAIL).bodies()[1]
    assert (upsert["id"], upsert["idProperty"]) == ("p1@x.org", "email")
    update = prepare([{"r": "5", "name": "A"}], Update("companies", record_id="r", properties=["name"]))
    assert update.bodies() == [{"properties": {"name": "A"}, "objectWriteTraceId": "0", "id": "5"}]
    assert prepare([{"r": "5"}], Archive("companies", record_id="r")).bodies() == [{"id": "5"}]
    with pytest.raises(InputError, match="city"):
        prepare([{"id": 1, "name": "A"}], COMPANIES)
