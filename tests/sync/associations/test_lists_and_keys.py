"""Columns of keys in which a cell is a key or a list of keys, from the table to HubSpot."""

from __future__ import annotations

import pandas as pd
from bench.association_rows import associated
from bench.sync_bench import Bench, lines, shown

from hubspot_batch_dagster import Associate, Association, Create, Upsert

PEOPLE = Upsert("contacts", id_property="email", properties=["email"])
AT = "2026-01-01T09:00:00Z"
CALLS = Create(
    "calls",
    key="call",
    properties={"hs_timestamp": "at"},
    associations=[Association("contacts", column="mail", through="people")],
)


def persons(bench: Bench, *names: str) -> dict[str, str]:
    made = bench.run([{"email": f"{name}@x.org"} for name in names], PEOPLE, "people")
    return {line["email"].partition("@")[0]: line["hs_object_id"] for line in lines(made)}


def calls(*mails: object) -> list[dict[str, object]]:
    return [{"call": n, "at": AT, "mail": each} for n, each in enumerate(mails)]


def test_a_key_and_a_list_of_keys_in_one_column_are_both_looked_up(bench: Bench) -> None:
    """Each element has an outcome of its own, in a list and alone."""
    made = persons(bench, "ada", "bob")
    mails = ["ada@x.org", ["Bob@X.org", "eve@x.org"], None, ["ada@x.org"], "eve@x.org"]
    for rows in (calls(*mails), pd.DataFrame(calls(*mails))):
        result = bench.run(rows, CALLS)
        assert result.counts["rejected"] == 0
        assert result.association_counts["unresolved"] == 2
    records = [line["hs_object_id"] for line in lines(result)]
    assert bench.pairs("calls", "contacts") == {
        (records[0], made["ada"]),
        (records[1], made["bob"]),
        (records[3], made["ada"]),
    }


def test_a_cell_that_becomes_a_list_of_the_same_key_is_unchanged(bench: Bench) -> None:
    """What a row wants is the same, written with brackets or without."""
    persons(bench, "ada", "bob")
    bench.run(calls("ada@x.org", "bob@x.org"), CALLS)
    writes = bench.writes()
    result = bench.run(calls(["ada@x.org"], "bob@x.org"), CALLS)
    assert (shown(result), associated(result)) == ({"unchanged": 2}, {"unchanged": 2})
    assert bench.writes() == writes


def test_a_required_key_that_has_no_record_rejects_its_row_in_a_list_too(bench: Bench) -> None:
    """The association is told as unresolved all the same; the other rows are sent."""
    persons(bench, "ada")
    operation = Create(
        "calls",
        key="call",
        properties={"hs_timestamp": "at"},
        associations=[Association("contacts", column="mail", through="people", required=True)],
    )
    result = bench.run(calls("ada@x.org", ["ada@x.org", "eve@x.org"], "eve@x.org"), operation)
    assert shown(result) == {"created": 1, "rejected": 2}
    assert result.reasons == {"UNRESOLVED_ASSOCIATION": 2}
    said = [line["error_message"] for line in result.rejected.to_pylist()]
    assert said[0].startswith("mail: ['ada@x.org', 'eve@x.org'], a list, is no key of a record")
    assert said[1].startswith("mail: 'eve@x.org' is no key of a record")
    assert associated(result) == {"associated": 1, "unresolved": 2, "unsent": 1}


def test_a_list_is_no_key_of_an_association_that_is_a_row(bench: Bench) -> None:
    """Associate has a row for each pair: a list costs its row, and says so."""
    persons(bench, "ada", "bob")
    (firm,) = bench.companies(1)
    seats = Associate("contacts", "companies", from_column="mail", to_column="firm", from_through="people")
    rows = [{"mail": "ada@x.org", "firm": firm}, {"mail": ["ada@x.org", "bob@x.org"], "firm": firm}]
    result = bench.run(rows, seats)
    assert shown(result) == {"created": 1, "rejected": 1}
    (line,) = result.rejected.to_pylist()
    assert (line["column"], line["error_code"]) == ("mail", "UNSUPPORTED_TYPE")
    assert associated(result) == {"associated": 1, "rejected": 1}


def test_a_key_that_is_spelt_twice_is_one_association_before_it_has_a_record_and_after(bench: Bench) -> None:
    """An email in other letters, with blanks, or in a list twice names the same record, whether or not there is one yet."""
    persons(bench, "ada")
    table = calls(["eve@x.org", "Eve@X.org ", "eve@x.org"], ["ada@x.org", " ADA@x.org"])
    assert associated(bench.run(table, CALLS)) == {"associated": 1, "unresolved": 1}
    persons(bench, "ada", "eve")
    assert associated(bench.run(table, CALLS)) == {"associated": 1, "unchanged": 1}
