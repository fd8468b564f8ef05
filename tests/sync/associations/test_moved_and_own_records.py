"""Targets that others merged, and associations between records of one table: nothing that a row wants is
lost.
"""

from __future__ import annotations

import pytest
from bench.association_rows import PLAIN, TO_COMPANY, associated, by_email, people
from bench.sync_bench import Bench, lines, shown

from hubspot_batch_dagster import Associate, Association, Update, Upsert

OPERATIONS = {
    "added": [TO_COMPANY],
    "replace": [Association("companies", column="company", replace=True)],
    "label": [Association("companies", column="company", type="Billing")],
    "label, replace": [Association("companies", column="company", type="Billing", replace=True)],
}


def merge(bench: Bench, primary: str, other: str) -> str:
    """Others merge two companies; the id of the one that is left."""
    path = "/crm/objects/2026-03/companies/merge"
    bench.client.post_json(path, {"primaryObjectId": primary, "objectIdToMerge": other})
    (left,) = [each for each in bench.emulator.records("companies") if each not in (primary, other)] or [
        primary
    ]
    return left


@pytest.mark.parametrize("associations", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_a_target_that_was_merged_is_followed(bench: Bench, associations: list[Association]) -> None:
    """Its id leads to the record that is left: what is there is not removed, what lacks is made, labels
    stay.
    """
    first, second = bench.companies(2)
    for name in ("Billing", "Advisor"):
        bench.label(name)
    advisor = by_email(Association("companies", column="company", type="Advisor"))
    bench.run(people([second]), advisor, "advisor")
    bench.run(people([second]), by_email(*associations))
    left = merge(bench, first, second)
    before = bench.graph()
    result = bench.run(people([second, second]), by_email(*associations), full_refresh=True)
    assert not {"unknown", "rejected", "unsent"} & associated(result).keys()
    after = bench.graph()
    ids = bench.by_email()
    assert after[ids["p0@x.org"]] == before[ids["p0@x.org"]]
    assert set(after[ids["p1@x.org"]]) == {left}
    assert result.dissociated == 0


def test_rows_that_are_associations_follow_a_merged_target(bench: Bench) -> None:
    """With replace too, which reads all of them in every run."""
    (ada, bob), (first, second) = bench.contacts(2), bench.companies(2)
    seats = Associate("contacts", "companies", from_column="contact", to_column="company", replace=True)
    bench.run([{"contact": ada, "company": second}], seats)
    left = merge(bench, first, second)
    rows = [{"contact": ada, "company": second}, {"contact": bob, "company": second}]
    for expected in ({"created": 1, "unchanged": 1}, {"unchanged": 2}):
        result = bench.run(rows, seats)
        assert (shown(result), result.dissociated) == (expected, 0)
        assert bench.pairs() == {(ada, left), (bob, left)}


def test_a_target_that_others_archived_is_refused_by_hubspot_and_followed_once_it_is_made_anew(
    bench: Bench,
) -> None:
    """Its sync knows nothing of it yet: the association has HubSpot's words; the row is written. Another
    record behind the key is taken.
    """
    houses = Upsert("companies", key="id", properties=["name"], if_missing="recreate")
    to_house = by_email(Association("companies", column="company", through="houses"))
    table = [{"id": "7", "name": "F"}]
    gone = lines(bench.run(table, houses, "houses"))[0]["hs_object_id"]
    bench.client.batch_archive("companies", [gone])
    rows = people(["7"])
    refused = bench.run(rows, to_house)
    assert (shown(refused), associated(refused)) == ({"created": 1}, {"rejected": 1})
    assert gone in refused.associations["reason"][0].as_py()
    anew = lines(bench.run(table, houses, "houses", full_refresh=True))[0]["hs_object_id"]
    assert associated(bench.run(rows, to_house)) == {"associated": 1}
    assert {b for _, b in bench.pairs()} == {anew}


def test_labels_that_both_ends_give_each_other_in_one_run_are_both_there(bench: Bench) -> None:
    """A request with labels replaces those that two records have, and here each row has one for the same
    two.
    """
    links = bench.emulator.portal.associations
    for name, forward in (("Boss", 901), ("Mentor", 903)):
        links.define_pair("contacts", "contacts", forward, forward + 1, category="USER_DEFINED", label=name)
    ada, bob = bench.contacts(2)
    operation = Update(
        "contacts",
        record_id="contact",
        properties=[],
        associations=[
            Association("contacts", column="boss", type=901, category="USER_DEFINED"),
            Association("contacts", column="mentor", type=903, category="USER_DEFINED"),
        ],
    )
    rows = [
        {"contact": ada, "boss": bob, "mentor": None},
        {"contact": bob, "boss": None, "mentor": ada},
    ]
    assert associated(bench.run(rows, operation)) == {"associated": 2}
    graph = bench.graph("contacts", "contacts")
    assert ("USER_DEFINED", 901) in graph[ada][bob]
    assert ("USER_DEFINED", 903) in graph[bob][ada]


def firms(**options: object) -> Upsert:
    return Upsert(
        "companies",
        key="id",
        properties=["name"],
        associations=[Association("companies", column="kin", through="firms", replace=True, **options)],  # type: ignore[arg-type]
    )


def firm(n: int, *kin: int) -> dict[str, object]:
    return {"id": n, "name": f"F{n}", "kin": [str(each) for each in kin]}


def between(bench: Bench, result: object) -> set[tuple[int, int]]:
    """The pairs of firms that are associated, by their numbers, the smaller one first."""
    numbers = {line["hs_object_id"]: line["id"] for line in lines(result)}  # type: ignore[arg-type]
    pairs = bench.pairs("companies", "companies")
    return {tuple(sorted((numbers[a], numbers[b]))) for a, b in pairs}  # type: ignore[misc]


def test_replace_leaves_what_the_other_ends_row_wants(bench: Bench) -> None:
    """Between records of one table an association is of both: the row that names none does not end the
    other's.
    """
    rows = [firm(1, 2), firm(2), firm(3, 2), firm(4)]
    for options in ({}, {"full_refresh": True}, {}):
        result = bench.run(rows, firms(), "firms", **options)
        assert result.dissociated == 0
        assert between(bench, result) == {(1, 2), (2, 3)}
    result = bench.run([firm(1), firm(2), firm(3, 2), firm(4, 1)], firms(), "firms")
    assert between(bench, result) == {(2, 3), (1, 4)}


def test_what_was_ended_of_a_row_that_was_away_is_made_again_once_it_is_back(bench: Bench) -> None:
    """Of a row that is away it is not known what it wants of the other end's record."""
    rows = [firm(1, 2), firm(2), firm(3)]
    bench.run(rows, firms(), "firms")
    bench.run([firm(2, 3), firm(3)], firms(), "firms")
    rows = [firm(1, 2), firm(2, 3), firm(3)]
    result = bench.run(rows, firms(), "firms")
    assert between(bench, result) == {(1, 2), (2, 3)}
    assert associated(bench.run(rows, firms(), "firms")) == {"unchanged": 2}


def test_a_parent_that_becomes_the_child_is_no_longer_the_parent(bench: Bench) -> None:
    """Of a parent the other end has another type: the former association goes, in the same run."""
    bench.run([firm(1, 2), firm(2)], firms(type=14), "firms")
    result = bench.run([firm(1), firm(2, 1)], firms(type=14), "firms")
    records = {line["id"]: line["hs_object_id"] for line in lines(result)}
    graph = bench.graph("companies", "companies")
    assert ("HUBSPOT_DEFINED", 14) in graph[records[2]][records[1]]
    assert ("HUBSPOT_DEFINED", 14) not in graph[records[1]][records[2]]


def test_replace_of_rows_that_are_associations_leaves_both_ends_theirs(bench: Bench) -> None:
    """Each record keeps those of the table that lead to it."""
    a, b, c, d = bench.companies(4)
    kin = Associate("companies", "companies", from_column="one", to_column="other", replace=True)
    rows = [{"one": a, "other": b}, {"one": b, "other": c}]
    bench.run(
        [{"one": b, "other": d}],
        Associate("companies", "companies", from_column="one", to_column="other"),
        "old",
    )
    for _ in range(2):
        bench.run(rows, kin)
        assert {tuple(sorted(pair)) for pair in bench.pairs("companies", "companies")} == {
            tuple(sorted(pair)) for pair in ((a, b), (b, c))
        }


def test_a_row_that_is_an_association_is_made_again_when_it_comes_back(bench: Bench) -> None:
    """With replace what left the table was ended: unchanged would be false."""
    (ada,), (first, second) = bench.contacts(1), bench.companies(2)
    seats = Associate("contacts", "companies", from_column="contact", to_column="company", replace=True)
    both = [{"contact": ada, "company": first}, {"contact": ada, "company": second}]
    bench.run(both, seats)
    assert bench.run(both[:1], seats).dissociated == 1
    assert shown(bench.run(both, seats)) == {"created": 1, "unchanged": 1}
    assert bench.pairs() == {(ada, first), (ada, second)}
    assert PLAIN in bench.graph()[ada][second]
