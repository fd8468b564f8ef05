"""Associations of rows: inline on create, after the record on upsert and update."""

from __future__ import annotations

import pytest
from bench.association_rows import PLAIN, PRIMARY, TO_COMPANY, associated, by_email, people
from bench.sync_bench import QUICK, Bench, lines, shown

from hubspot_batch_dagster import Association, Create, Update, Upsert
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.run import RunOptions, plan_sync


def test_upserted_rows_are_linked_after_they_are_written(bench: Bench) -> None:
    """An upsert by unique property writes its rows and then their links, one request of each for a batch."""
    companies = bench.companies(3)
    result = bench.run(people([*companies, None]), by_email())
    ids = bench.by_email()
    assert shown(result) == {"created": 4}
    assert bench.pairs() == {(ids[f"p{i}@x.org"], companies[i]) for i in range(3)}
    assert bench.requests("upsert") == bench.requests("associations.default") == 1


@pytest.mark.parametrize("version", ["v3", "2025-09", "2026-03", "2026-09"])
def test_every_version_links(bench: Bench, version: str) -> None:
    """Links are written on the association paths of the operation's version: v4 beside v3, else dated."""
    companies = bench.companies(2)
    operation = Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname", "lastname"],
        associations=[TO_COMPANY],
        version=version,
    )
    rows = [{**row, "lastname": "L"} for row in people(list(companies))]
    assert shown(bench.run(rows, operation)) == {"created": 2}
    assert len(bench.pairs()) == 2
    paths = {each.path for each in bench.emulator.books.requests("associations.default")}
    assert paths == {
        "/crm/v4/associations/contacts/companies/batch/associate/default"
        if version == "v3"
        else f"/crm/associations/{version}/contacts/companies/batch/associate/default"
    }


def test_a_second_run_writes_nothing(bench: Bench) -> None:
    """Run twice, same graph, and no write request the second time."""
    rows = people(list(bench.companies(5)))
    bench.run(rows, by_email())
    before, requests = bench.graph(), len(bench.emulator.books.requests())
    assert shown(bench.run(rows, by_email())) == {"unchanged": 5}
    assert bench.graph() == before
    assert [each.operation for each in bench.emulator.books.requests()[requests:]] == ["read"]


def test_a_full_refresh_leaves_the_same_graph(bench: Bench) -> None:
    """Sending every link again changes nothing."""
    rows = people(list(bench.companies(5)))
    bench.run(rows, by_email())
    before = bench.graph()
    assert shown(bench.run(rows, by_email(), full_refresh=True)) == {"updated": 5}
    assert bench.graph() == before


def test_a_changed_association_is_written_and_its_row_is_not(bench: Bench) -> None:
    """Only the new association is sent; the former one stays, for associations are added."""
    companies = bench.companies(3)
    bench.run(people(companies[:2]), by_email())
    result = bench.run(people([companies[0], companies[2]]), by_email())
    assert shown(result) == {"unchanged": 2}
    assert associated(result) == {"associated": 1, "unchanged": 1}
    ids = bench.by_email()
    assert set(bench.graph()[ids["p1@x.org"]]) == {companies[1], companies[2]}


def test_a_list_column_makes_several_links_each_once(bench: Bench) -> None:
    """Every record of a list is linked; one that stands twice in a cell is sent once."""
    companies = bench.companies(3)
    rows = [{"email": "a@x.org", "firstname": "A", "company": [*companies, companies[0]]}]
    bench.run(rows, by_email())
    assert {b for _, b in bench.pairs()} == set(companies)
    (request,) = bench.emulator.books.requests("associations.default")
    assert request.inputs == 3


@pytest.mark.parametrize(
    "operation",
    [
        Update("contacts", record_id="rid", properties=["firstname"], associations=[TO_COMPANY]),
        Update("contacts", key="id", through="people", properties=["firstname"], associations=[TO_COMPANY]),
    ],
    ids=["record_id", "key"],
)
def test_updated_rows_are_linked(bench: Bench, operation: Operation) -> None:
    """An update writes links after the record, whichever way the record is found."""
    companies = bench.companies(3)
    made = bench.run(people([None] * 3), Create("contacts", key="id", properties=["email"]), name="people")
    rows = [
        {"id": line["id"], "rid": line["hs_object_id"], "firstname": "New", "company": companies[line["id"]]}
        for line in lines(made)
    ]
    assert shown(bench.run(rows, operation)) == {"updated": 3}
    assert bench.pairs() == {(row["rid"], row["company"]) for row in rows}


def test_an_upsert_by_key_links_inline_and_later_by_batch(bench: Bench) -> None:
    """New rows get their links in the create request, known rows through the association endpoint."""
    companies = bench.companies(3)
    operation = Upsert("contacts", key="id", properties=["email", "firstname"], associations=[TO_COMPANY])
    bench.run(people(companies[:2]), operation)
    assert bench.requests("associations.default") == 0
    assert len(bench.pairs()) == 2
    result = bench.run(people([companies[2], companies[1]]), operation)
    assert shown(result) == {"unchanged": 2}
    assert associated(result) == {"associated": 1, "unchanged": 1}
    assert bench.requests("associations.default") == 1
    assert (bench.by_email()["p0@x.org"], companies[2]) in bench.pairs()


def test_plain_links_leave_the_labels_of_a_pair_alone(bench: Bench) -> None:
    """A label that somebody gave a pair in HubSpot survives a run that links the pair without a label."""
    (company,), forward = bench.companies(1), bench.label("Billing")[0]
    bench.run(people([company]), by_email(Association("companies", column="company", type="Billing")))
    before = bench.graph()
    bench.run(people([company]), by_email(), full_refresh=True)
    assert bench.graph() == before
    assert ("USER_DEFINED", forward) in next(iter(before.values()))[company]


def test_a_label_is_added_to_the_labels_that_a_pair_has(bench: Bench) -> None:
    """HubSpot replaces a pair's labels by those of a request, so the present ones are sent along."""
    (company,) = bench.companies(1)
    billing, advisor = bench.label("Billing")[0], bench.label("Advisor")[0]
    for label in ("Billing", "Advisor"):
        bench.run(people([company]), by_email(Association("companies", column="company", type=label)))
    (held,) = bench.graph().values()
    assert {("USER_DEFINED", billing), ("USER_DEFINED", advisor), PLAIN, PRIMARY} == held[company]


def test_a_labelled_pair_that_is_there_already_is_not_written_again(bench: Bench) -> None:
    """What HubSpot has is read first; a full refresh of labelled links writes none of them."""
    bench.label("Billing")
    operation = by_email(Association("companies", column="company", type="Billing"))
    rows = people(list(bench.companies(3)))
    bench.run(rows, operation)
    assert bench.requests("associations.create") == 1
    bench.run(rows, operation, full_refresh=True)
    assert bench.requests("associations.create") == 1


def test_two_labels_of_one_pair_go_in_one_input(bench: Bench) -> None:
    """Two columns that name the same company with two labels make one link with both."""
    (company,) = bench.companies(1)
    first, second = bench.label("Billing")[0], bench.label("Advisor")[0]
    rows = [{"email": "a@x.org", "firstname": "A", "bill": company, "advise": company}]
    operation = by_email(
        Association("companies", column="bill", type="Billing"),
        Association("companies", column="advise", type="Advisor"),
    )
    bench.run(rows, operation)
    (held,) = bench.graph().values()
    assert {("USER_DEFINED", first), ("USER_DEFINED", second)} <= held[company]
    (request,) = bench.emulator.books.requests("associations.create")
    assert request.inputs == 1


def test_links_to_two_object_types(bench: Bench) -> None:
    """Each pair of object types has its own request."""
    companies = bench.companies(2)
    deals = bench.emulator.seed_records("deals", [{"dealname": "D"}] * 2)
    rows = [{**row, "deal": deals[i]} for i, row in enumerate(people(list(companies)))]
    bench.run(rows, by_email(TO_COMPANY, Association("deals", column="deal")))
    assert {b for _, b in bench.pairs()} == set(companies)
    assert {b for _, b in bench.pairs("contacts", "deals")} == set(deals)


def test_a_refused_association_is_rejected_and_its_row_is_not(bench: Bench) -> None:
    """A 207 names the association by its ids: it is rejected with HubSpot's words, its row and the others are
    done.
    """
    companies = bench.companies(3)
    result = bench.run(people([companies[0], "999999", companies[2]]), by_email())
    assert shown(result) == {"created": 3}
    assert associated(result) == {"associated": 2, "rejected": 1}
    (line,) = [each for each in result.associations.to_pylist() if each["outcome"] == "rejected"]
    assert line["email"] == "p1@x.org"
    assert line["target_id"] == "999999"
    assert line["error_code"] == "ASSOCIATION_REFUSED"
    assert "999999" in line["reason"]
    assert {b for _, b in bench.pairs()} == {companies[0], companies[2]}


def test_a_rejected_association_is_counted_every_night_and_sent_again_when_it_changes(bench: Bench) -> None:
    """It costs a request for all of them while nothing changes; with a company that exists it is written."""
    companies = bench.companies(1)
    rows = people(["999999"])
    bench.run(rows, by_email())
    requests = bench.requests("associations.default")
    assert associated(bench.run(rows, by_email())) == {"rejected": 1}
    assert bench.requests("associations.default") == requests + 1
    assert associated(bench.run(people([companies[0]]), by_email())) == {"associated": 1}
    assert len(bench.pairs()) == 1


def test_an_adopted_record_gets_its_links(bench: Bench) -> None:
    """A create that finds its record by creation_key links what it found."""
    (company,) = bench.companies(1)
    (contact,) = bench.contacts(1)
    operation = Create(
        "contacts", key="id", properties=["email"], creation_key="email", associations=[TO_COMPANY]
    )
    assert bench.run(people([company]), operation).counts["rejected"] == 0
    assert bench.pairs() == {(contact, company)}


def test_a_comparison_with_the_portal_sees_a_missing_link(bench: Bench) -> None:
    """With compare='portal' a link that was removed in HubSpot is made again, and an intact row is left
    alone.
    """
    companies = bench.companies(2)
    operation = Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname"],
        associations=[TO_COMPANY],
        compare="portal",
    )
    bench.run(people(list(companies)), operation)
    gone = bench.by_email()["p0@x.org"]
    bench.emulator.portal.associations.remove_all("contacts", gone, "companies", companies[0])
    result = bench.run(people(list(companies)), operation)
    assert shown(result) == {"unchanged": 2}
    assert associated(result) == {"associated": 1, "unchanged": 1}
    assert len(bench.pairs()) == 2


def test_many_links_are_sent_2000_at_a_time(bench: Bench) -> None:
    """A batch with more links than HubSpot takes in one request needs several, none too large."""
    companies = bench.companies(45)
    rows = [{**row, "company": companies} for row in people([None] * 100)]
    result = bench.run(rows, by_email())
    assert shown(result) == {"created": 100}
    assert len(bench.pairs()) == 4500
    sizes = [each.inputs for each in bench.emulator.books.requests("associations.default")]
    assert max(sizes) == 2000
    assert sum(sizes) == 4500


def test_the_plan_counts_the_requests_for_links(bench: Bench) -> None:
    """A preview of 250 upserts with associations says four requests, and that is what the run makes."""
    rows = people(bench.companies(1) * 250)
    found = plan_sync(
        rows,
        by_email(),
        client=bench.client,
        store=bench.store,
        name="sync",
        options=RunOptions(retry_policy=QUICK),
    )
    assert found.requests == bench.run(rows, by_email()).requests == 4
