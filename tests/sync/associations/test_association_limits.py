"""Labels that have a name for each direction, the primary company, HubSpot's limits, and records with very
many associations.
"""

from __future__ import annotations

from dataclasses import replace

from bench.association_rows import PLAIN, PRIMARY, associated, by_email, people
from bench.sync_bench import SETTINGS, Bench, lines, shown

from hubspot_batch_dagster import Association, Create, Update
from hubspot_batch_dagster.emulator import Emulator
from hubspot_batch_dagster.sync.reconciliation.reconcile import reconcile

BOSS, STAFF = 901, 902


def label_both_ways(emulator: Emulator) -> None:
    """A label of the portal's own that is called otherwise in each direction: a boss has staff."""
    emulator.portal.associations.define_pair(
        "contacts", "contacts", BOSS, STAFF, category="USER_DEFINED", label="Boss", inverse_label="Staff"
    )
    emulator.portal.associations.define_pair(
        "contacts",
        "companies",
        BOSS + 10,
        STAFF + 10,
        category="USER_DEFINED",
        label="Works at",
        inverse_label="Employs",
    )


def test_a_label_is_found_by_its_name_in_each_direction(bench: Bench) -> None:
    """What one sync wrote from the contacts another finds to be there from the companies, under the other
    name and type id.
    """
    label_both_ways(bench.emulator)
    (firm,) = bench.companies(1)
    from_contacts = by_email(Association("companies", column="company", type="Works at"))
    assert associated(bench.run(people([firm]), from_contacts)) == {"associated": 1}
    (contact,) = bench.by_email().values()
    assert ("USER_DEFINED", BOSS + 10) in bench.graph()[contact][firm]
    assert ("USER_DEFINED", STAFF + 10) in bench.graph("companies", "contacts")[firm][contact]
    from_companies = Update(
        "companies",
        record_id="company",
        properties=[],
        associations=[Association("contacts", column="contact", type="Employs")],
    )
    rows = [{"company": firm, "contact": contact}]
    assert associated(bench.run(rows, from_companies, "firms")) == {"unchanged": 1}


def test_both_directions_of_a_label_between_records_of_one_type_are_kept_apart(bench: Bench) -> None:
    """Each end has its own name for it; replace in one direction leaves the other one alone."""
    label_both_ways(bench.emulator)
    contacts = bench.contacts(3)
    operation = Update(
        "contacts",
        record_id="contact",
        properties=[],
        associations=[Association("contacts", column="boss", type="Boss", replace=True)],
    )
    rows = [{"contact": contacts[0], "boss": contacts[1]}, {"contact": contacts[1], "boss": contacts[2]}]
    bench.run(rows, operation)
    graph = bench.graph("contacts", "contacts")
    assert ("USER_DEFINED", BOSS) in graph[contacts[0]][contacts[1]]
    assert ("USER_DEFINED", STAFF) in graph[contacts[1]][contacts[0]]
    changed = [rows[0], {"contact": contacts[1], "boss": None}]
    assert bench.run(changed, operation).dissociated == 1
    graph = bench.graph("contacts", "contacts")
    assert ("USER_DEFINED", STAFF) in graph[contacts[1]][contacts[0]]
    assert ("USER_DEFINED", BOSS) not in graph[contacts[1]].get(contacts[2], set())
    assert associated(bench.run(changed, operation)) == {"unchanged": 1}


def test_the_primary_company_changes_only_with_the_type_that_says_so(bench: Bench) -> None:
    """The first company becomes it by HubSpot's doing, more companies do not, and type 1 moves it; all stay
    associated.
    """
    first, second, third = bench.companies(3)
    bench.run(people([first]), by_email(Association("companies", column="company")))
    operation = by_email(
        Association("companies", column="companies"), Association("companies", column="main", type=1)
    )

    def row(main: str | None) -> list[dict[str, object]]:
        return [{**people([None])[0], "companies": [first, second, third], "main": main}]

    bench.run(row(None), operation, "main")
    (held,) = bench.graph().values()
    assert [each for each in (first, second, third) if PRIMARY in held[each]] == [first]
    for main in (second, third):
        result = bench.run(row(main), operation, "main")
        assert shown(result) == {"unchanged": 1}
        (held,) = bench.graph().values()
        assert [each for each in (first, second, third) if PRIMARY in held[each]] == [main]
        assert all(PLAIN in types for types in held.values())
    assert associated(bench.run(row(third), operation, "main")) == {"unchanged": 4}
    bench.run(people([third]), by_email(Association("companies", column="company", type=1)), "other")
    bench.run(people([first]), by_email(Association("companies", column="company", type=1)), "other")
    found = reconcile(bench.store, "main", client=bench.client, retry_policy=bench.retry_policy)
    assert found.associations is not None
    (lacking,) = found.associations.sample()
    assert (lacking["target_id"], lacking["label"], lacking["state"]) == (third, "1", "missing")


def test_what_is_above_hubspots_limit_of_a_record_is_rejected_with_its_words(bench: Bench) -> None:
    """The row and the other associations are written; it is counted every night and asked for once more,
    until there is room.
    """
    bench.emulator.portal.settings = replace(SETTINGS, max_associations=3)
    companies = bench.companies(5)
    rows = [
        {**people([None])[0], "company": list(companies)},
        {**people([None], 1)[0], "company": [companies[0]]},
    ]
    first = bench.run(rows, by_email())
    assert (shown(first), associated(first)) == ({"created": 2}, {"associated": 4, "rejected": 2})
    refused = [line for line in first.associations.to_pylist() if line["outcome"] == "rejected"]
    assert all("already has 3 associations" in line["reason"] for line in refused)
    requests = bench.requests("associations.default")
    assert associated(bench.run(rows, by_email())) == {"unchanged": 4, "rejected": 2}
    assert bench.requests("associations.default") == requests + 1
    bench.emulator.portal.settings = SETTINGS
    assert associated(bench.run(rows, by_email())) == {"unchanged": 4, "associated": 2}
    assert len(bench.pairs()) == 6


def test_a_new_record_with_more_associations_than_hubspot_takes_with_it_gets_them_once_it_exists(
    bench: Bench,
) -> None:
    """A create has its associations in the request: where HubSpot refuses that, the record is made without,
    and they are written.
    """
    bench.emulator.portal.settings = replace(SETTINGS, max_inline_associations=3)
    companies = bench.companies(5)
    rows = [{"id": i, "email": f"p{i}@x.org", "company": list(companies) if i == 1 else []} for i in range(3)]
    operation = Create(
        "contacts", key="id", properties=["email"], associations=[Association("companies", column="company")]
    )
    result = bench.run(rows, operation)
    assert shown(result) == {"created": 3}
    assert associated(result) == {"associated": 5}
    assert bench.pairs() == {(lines(result)[1]["hs_object_id"], each) for each in companies}


def test_ten_thousand_associations_of_one_record(bench: Bench) -> None:
    """They are written 2,000 in a request, read page by page, as wanted afterwards, and ended but for those
    that are wanted.
    """
    companies = bench.companies(10_000)
    operation = by_email(Association("companies", column="company", replace=True))
    row = {**people([None])[0], "company": list(companies)}
    first = bench.run([row], operation)
    assert associated(first) == {"associated": 10_000}
    assert bench.requests("associations.default") == 5
    assert len(bench.pairs()) == 10_000
    assert associated(bench.run([row], operation)) == {"unchanged": 10_000}
    found = reconcile(bench.store, "sync", client=bench.client, retry_policy=bench.retry_policy)
    assert found.associations is not None
    assert found.associations.counts["as_wanted"] == 10_000
    last = bench.run([{**row, "company": list(companies[:2])}], operation)
    assert last.dissociated == 9_998
    assert bench.requests("associations.archive") == 5
    assert {b for _, b in bench.pairs()} == set(companies[:2])
