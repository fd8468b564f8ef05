"""Cells of associations that name no record: they cost their association, and no row that can do without it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from bench.association_rows import TO_COMPANY, associated, by_email
from bench.sync_bench import Bench, lines, shown

from hubspot_batch_dagster import Association, Cast, Create, Upsert, prepare
from hubspot_batch_dagster.sync.run import plan_sync

PEOPLE = Upsert("contacts", id_property="email", properties=["email"])
AT = "2026-01-01T09:00:00Z"


def calls(*associations: Association, **options: Any) -> Create:
    given = associations or (Association("contacts", column="who"),)
    return Create("calls", key="call", properties={"hs_timestamp": "at"}, associations=given, **options)


def rows(*cells: object) -> list[dict[str, object]]:
    return [{"call": n, "at": AT, "who": each} for n, each in enumerate(cells)]


def told(result: Any) -> list[tuple[int, str | None, str | None, str, str | None]]:
    return [
        (line["call"], line["target_key"], line["target_id"], line["outcome"], line["error_code"])
        for line in result.associations.to_pylist()
    ]


@pytest.mark.parametrize("as_rows", [list, pd.DataFrame], ids=["dicts", "pandas"])
def test_a_cell_that_is_no_record_id_costs_its_association_and_not_its_row(
    bench: Bench, as_rows: type
) -> None:
    """It is rejected with words every night, without a request, until the cell names a record."""
    (ada,) = bench.contacts(1)
    cells = [ada, "x", 0.5, {"id": ada}, dt.timedelta(1), [ada, "y"], -7, None]
    result = bench.run(as_rows(rows(*cells)), calls())
    assert (shown(result), associated(result)) == ({"created": 8}, {"associated": 2, "rejected": 6})
    found = {(call, key): (outcome, code) for call, key, _, outcome, code in told(result)}
    assert (
        found[1, "x"] == found[2, "0.5"] == found[5, "y"] == found[6, "-7"] == ("rejected", "INVALID_TARGET")
    )
    assert found[3, None] == found[4, None] == ("rejected", "UNSUPPORTED_TYPE")
    reason = next(line["reason"] for line in result.associations.to_pylist() if line["call"] == 1)
    assert reason == "who: 'x' is not the id of a record. Record ids are digits."
    assert result.cells_omitted == {}
    requests = bench.writes("create", "associations.default")
    second = bench.run(as_rows(rows(*cells)), calls())
    assert (shown(second), associated(second)) == ({"unchanged": 8}, {"unchanged": 2, "rejected": 6})
    assert bench.writes("create", "associations.default") == requests
    third = bench.run(as_rows(rows(*[ada] * 8)), calls())
    assert associated(third) == {"associated": 6, "unchanged": 2}
    assert len(bench.pairs("calls", "contacts")) == 8


def test_a_list_of_several_types_is_one_association_for_each_element(bench: Bench) -> None:
    """Numbers, texts and empty elements in one cell; the column may have other cells besides."""
    ids = bench.contacts(4)
    a, b, c, d = ids
    cells = [
        [int(a), b, float(c)],
        [int(a), None, "x"],
        d,
        [Decimal(a), Decimal("2.50"), b],
        [True, d],
        [int(a), [b]],
    ]
    result = bench.run(rows(*cells), calls())
    assert shown(result) == {"created": 6}
    assert associated(result) == {"associated": 9, "rejected": 4}
    records = [line["hs_object_id"] for line in lines(result)]
    wanted = [(0, a), (0, b), (0, c), (1, a), (2, d), (3, a), (3, b), (4, d), (5, a)]
    assert bench.pairs("calls", "contacts") == {(records[n], each) for n, each in wanted}


def test_keys_of_several_types_in_one_list_are_each_looked_up(bench: Bench) -> None:
    """7, "8" and 9.0 are keys of another sync; 7.5 is none, and is not taken for the text "7.5"."""
    keys = ["7", "8", "9", "7.5"]
    firms = bench.run(
        [{"id": each, "name": each} for each in keys],
        Upsert("companies", key="id", properties=["name"]),
        "firms",
    )
    ids = {line["id"]: line["hs_object_id"] for line in lines(firms)}
    operation = by_email(Association("companies", column="company", through="firms"))
    table = [
        {"email": "a@x.org", "firstname": "A", "company": [7, "8", 9.0, 7.5]},
        {"email": "b@x.org", "firstname": "B", "company": [1, None, "7.5"]},
    ]
    result = bench.run(table, operation)
    assert associated(result) == {"associated": 4, "rejected": 1, "unresolved": 1}
    people = bench.by_email()
    wanted = [("a", "7"), ("a", "8"), ("a", "9"), ("b", "7.5")]
    assert bench.pairs() == {(people[f"{each}@x.org"], ids[firm]) for each, firm in wanted}
    assert associated(bench.run(table, operation)) == {"unchanged": 4, "rejected": 1, "unresolved": 1}


def test_a_required_cell_that_names_no_record_rejects_its_row(bench: Bench) -> None:
    """Its association is rejected with the same words; what the row wants besides is unsent."""
    (ada,) = bench.contacts(1)
    result = bench.run(
        rows(ada, "x", [ada, 0.5]), calls(Association("contacts", column="who", required=True))
    )
    assert shown(result) == {"created": 1, "rejected": 2}
    assert result.reasons == {"INVALID_TARGET": 2}
    assert associated(result) == {"associated": 1, "rejected": 2, "unsent": 1}


def test_of_two_associations_of_a_column_the_required_one_decides(bench: Bench) -> None:
    """One is optional and one is not: a key without a record rejects the row, whichever stands first."""
    bench.run([{"email": "p0@x.org"}], PEOPLE, "people")
    label, _ = bench.label("Heard", "calls", "contacts")
    optional = Association("contacts", column="who", through="people")
    required = Association(
        "contacts", column="who", through="people", type=label, category="USER_DEFINED", required=True
    )
    cells = [["p0@x.org", "eve@x.org"], "p0@x.org", ["p0@x.org", 7.5]]
    for n, both in enumerate([(optional, required), (required, optional)]):
        result = bench.run(rows(*cells), calls(*both), f"sync{n}", first_run=True)
        assert shown(result) == {"created": 1, "rejected": 2}
        assert result.reasons == {"UNRESOLVED_ASSOCIATION": 1, "INVALID_KEY": 1}
        assert associated(result) == {"associated": 2, "unsent": 4, "unresolved": 2, "rejected": 2}


def test_a_record_keeps_what_replace_would_end_while_a_cell_of_its_row_cannot_be_read(bench: Bench) -> None:
    """What the cell means is not known. What its row names besides is written, and once the cell is read the table counts."""
    old, new = bench.companies(2)
    operation = by_email(Association("companies", column="company", replace=True))

    def run(company: object) -> dict[str, int]:
        return associated(bench.run([{"email": "a@x.org", "firstname": "A", "company": company}], operation))

    assert run(old) == {"associated": 1}
    assert run("x") == {"rejected": 1}
    assert {firm for _, firm in bench.pairs()} == {old}
    assert run([new, "x"]) == {"associated": 1, "rejected": 1}
    assert {firm for _, firm in bench.pairs()} == {old, new}
    assert run(None) == {}
    assert bench.pairs() == set()


def test_it_is_counted_while_its_row_is_away_or_rejected(bench: Bench) -> None:
    """Once, and for nothing else: its words stay those that it had."""
    operation = Create(
        "calls",
        key="call",
        properties={"hs_timestamp": "at", "hs_call_duration": "ms"},
        associations=[Association("contacts", column="who")],
    )
    (ada,) = bench.contacts(1)
    table = [{**each, "ms": 1} for each in rows("x", ada, {"a": 1})]
    reasons = [line["reason"] for line in bench.run(table, operation).associations.to_pylist()]
    away = bench.run(table[1:2], operation)
    assert associated(away) == {"unchanged": 1, "rejected": 2}
    assert sorted(line["reason"] or "" for line in away.associations.to_pylist()) == sorted(
        each or "" for each in reasons
    )
    refused = bench.run([{**each, "ms": [[1]]} for each in table], operation)
    assert shown(refused) == {"rejected": 3}
    assert associated(refused) == {"unsent": 1, "rejected": 2}
    assert associated(bench.run(table, operation)) == {"unchanged": 1, "rejected": 2}


def test_the_plan_says_it_and_prepare_tells_the_cell(bench: Bench) -> None:
    """The plan counts it as rejected; prepare, which accounts for no associations, lists it with the cells left out."""
    (ada,) = bench.contacts(1)
    table = rows(ada, "x", [ada, "y"])
    plan = plan_sync(table, calls(), client=bench.client, store=bench.store, name="sync")
    assert (plan.counts["created"], plan.counts["rejected"]) == (3, 0)
    assert plan.associations == {"associated": 2, "rejected": 2}
    ready = prepare(table, calls())
    assert [len(each.get("associations", ())) for each in ready.bodies()] == [1, 0, 1]
    assert (ready.rejected.num_rows, ready.omitted["code"].to_pylist()) == (0, ["INVALID_TARGET"] * 2)
    assert ready.omitted["column"].to_pylist() == ["who"] * 2


def test_a_text_that_means_nothing_is_no_association(bench: Bench) -> None:
    """null_values of the operation's cast: of record ids and of keys."""
    bench.run([{"email": "p0@x.org"}], PEOPLE, "people")
    cast = Cast(null_values=["N/A"])
    through = Association("contacts", column="who", through="people")
    (ada,) = bench.by_email().values()
    for association, cell in ((TO_COMPANY, None), (through, "p0@x.org")):
        operation = calls(association, cast=cast)
        table = [{**each, "company": "N/A"} for each in rows(cell, "N/A" if cell else None)]
        result = bench.run(table, operation, association.column, first_run=True)
        assert shown(result) == {"created": 2}
        assert associated(result) == ({"associated": 1} if cell else {})
    assert {who for _, who in bench.pairs("calls", "contacts")} == {ada}
