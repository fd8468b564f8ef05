"""Associations of rows: inline on create, after the record on upsert and update."""

from __future__ import annotations

import pytest
from association_helpers import PLAIN, PRIMARY, QUICK, TO_COMPANY, Graphs, by_email, lines, people, shown

from hubspot_batch_dagster import Association, Create, Update, Upsert
from hubspot_batch_dagster.operations.records import Operation
from hubspot_batch_dagster.sync.run import RunOptions, plan_sync


def test_upserted_rows_are_linked_after_they_are_written(graphs: Graphs) -> None:
    """An upsert by unique property writes its rows and then their links, one request of each for a batch."""
    companies = graphs.companies(3)
    result = graphs.run(people([*companies, None]), by_email())
    ids = graphs.by_email()
    assert shown(result) == {"created": 4}
    assert graphs.pairs() == {(ids[f"p{i}@x.org"], companies[i]) for i in range(3)}
    assert graphs.requests("upsert") == graphs.requests("associations.default") == 1


@pytest.mark.parametrize("version", ["v3", "2025-09", "2026-03", "2026-09"])
def test_every_version_links(graphs: Graphs, version: str) -> None:
    """Links are written on the association paths of the operation's version: v4 beside v3, else dated."""
    companies = graphs.companies(2)
    operation = Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname", "lastname"],
        associations=[TO_COMPANY],
        version=version,
    )
    rows = [{**row, "lastname": "L"} for row in people(list(companies))]
    assert shown(graphs.run(rows, operation)) == {"created": 2}
    assert len(graphs.pairs()) == 2
    paths = {each.path for each in graphs.emulator.books.requests("associations.default")}
    assert paths == {
        "/crm/v4/associations/contacts/companies/batch/associate/default"
        if version == "v3"
        else f"/crm/associations/{version}/contacts/companies/batch/associate/default"
    }


def test_a_second_run_writes_nothing(graphs: Graphs) -> None:
    """Run twice, same graph, and no write request the second time."""
    rows = people(list(graphs.companies(5)))
    graphs.run(rows, by_email())
    before, requests = graphs.graph(), len(graphs.emulator.books.requests())
    assert shown(graphs.run(rows, by_email())) == {"unchanged": 5}
    assert graphs.graph() == before
    assert len(graphs.emulator.books.requests()) == requests


def test_a_full_refresh_leaves_the_same_graph(graphs: Graphs) -> None:
    """Sending every link again changes nothing."""
    rows = people(list(graphs.companies(5)))
    graphs.run(rows, by_email())
    before = graphs.graph()
    assert shown(graphs.run(rows, by_email(), full_refresh=True)) == {"updated": 5}
    assert graphs.graph() == before


def test_a_changed_link_sends_the_row_again(graphs: Graphs) -> None:
    """Only the row with another company is sent; the former link stays, for links are added."""
    companies = graphs.companies(3)
    graphs.run(people(companies[:2]), by_email())
    result = graphs.run(people([companies[0], companies[2]]), by_email())
    assert shown(result) == {"updated": 1, "unchanged": 1}
    ids = graphs.by_email()
    assert set(graphs.graph()[ids["p1@x.org"]]) == {companies[1], companies[2]}


def test_a_list_column_makes_several_links_each_once(graphs: Graphs) -> None:
    """Every record of a list is linked; one that stands twice in a cell is sent once."""
    companies = graphs.companies(3)
    rows = [{"email": "a@x.org", "firstname": "A", "company": [*companies, companies[0]]}]
    graphs.run(rows, by_email())
    assert {b for _, b in graphs.pairs()} == set(companies)
    (request,) = graphs.emulator.books.requests("associations.default")
    assert request.inputs == 3


@pytest.mark.parametrize(
    "operation",
    [
        Update("contacts", record_id="rid", properties=["firstname"], associations=[TO_COMPANY]),
        Update("contacts", key="id", through="people", properties=["firstname"], associations=[TO_COMPANY]),
    ],
    ids=["record_id", "key"],
)
def test_updated_rows_are_linked(graphs: Graphs, operation: Operation) -> None:
    """An update writes links after the record, whichever way the record is found."""
    companies = graphs.companies(3)
    made = graphs.run(people([None] * 3), Create("contacts", key="id", properties=["email"]), name="people")
    rows = [
        {"id": line["id"], "rid": line["hs_object_id"], "firstname": "New", "company": companies[line["id"]]}
        for line in lines(made)
    ]
    assert shown(graphs.run(rows, operation)) == {"updated": 3}
    assert graphs.pairs() == {(row["rid"], row["company"]) for row in rows}


def test_an_upsert_by_key_links_inline_and_later_by_batch(graphs: Graphs) -> None:
    """New rows get their links in the create request, known rows through the association endpoint."""
    companies = graphs.companies(3)
    operation = Upsert("contacts", key="id", properties=["email", "firstname"], associations=[TO_COMPANY])
    graphs.run(people(companies[:2]), operation)
    assert graphs.requests("associations.default") == 0
    assert len(graphs.pairs()) == 2
    result = graphs.run(people([companies[2], companies[1]]), operation)
    assert shown(result) == {"updated": 1, "unchanged": 1}
    assert graphs.requests("associations.default") == 1
    assert (graphs.by_email()["p0@x.org"], companies[2]) in graphs.pairs()


def test_plain_links_leave_the_labels_of_a_pair_alone(graphs: Graphs) -> None:
    """A label that somebody gave a pair in HubSpot survives a run that links the pair without a label."""
    (company,), forward = graphs.companies(1), graphs.label("Billing")[0]
    graphs.run(people([company]), by_email(Association("companies", column="company", type="Billing")))
    before = graphs.graph()
    graphs.run(people([company]), by_email(), full_refresh=True)
    assert graphs.graph() == before
    assert ("USER_DEFINED", forward) in next(iter(before.values()))[company]


def test_a_label_is_added_to_the_labels_that_a_pair_has(graphs: Graphs) -> None:
    """HubSpot replaces a pair's labels by those of a request, so the present ones are sent along."""
    (company,) = graphs.companies(1)
    billing, advisor = graphs.label("Billing")[0], graphs.label("Advisor")[0]
    for label in ("Billing", "Advisor"):
        graphs.run(people([company]), by_email(Association("companies", column="company", type=label)))
    (held,) = graphs.graph().values()
    assert {("USER_DEFINED", billing), ("USER_DEFINED", advisor), PLAIN, PRIMARY} == held[company]


def test_a_labelled_pair_that_is_there_already_is_not_written_again(graphs: Graphs) -> None:
    """What HubSpot has is read first; a full refresh of labelled links writes none of them."""
    graphs.label("Billing")
    operation = by_email(Association("companies", column="company", type="Billing"))
    rows = people(list(graphs.companies(3)))
    graphs.run(rows, operation)
    assert graphs.requests("associations.create") == 1
    graphs.run(rows, operation, full_refresh=True)
    assert graphs.requests("associations.create") == 1


def test_two_labels_of_one_pair_go_in_one_input(graphs: Graphs) -> None:
    """Two columns that name the same company with two labels make one link with both."""
    (company,) = graphs.companies(1)
    first, second = graphs.label("Billing")[0], graphs.label("Advisor")[0]
    rows = [{"email": "a@x.org", "firstname": "A", "bill": company, "advise": company}]
    operation = by_email(
        Association("companies", column="bill", type="Billing"),
        Association("companies", column="advise", type="Advisor"),
    )
    graphs.run(rows, operation)
    (held,) = graphs.graph().values()
    assert {("USER_DEFINED", first), ("USER_DEFINED", second)} <= held[company]
    (request,) = graphs.emulator.books.requests("associations.create")
    assert request.inputs == 1


def test_links_to_two_object_types(graphs: Graphs) -> None:
    """Each pair of object types has its own request."""
    companies = graphs.companies(2)
    deals = graphs.emulator.seed_records("deals", [{"dealname": "D"}] * 2)
    rows = [{**row, "deal": deals[i]} for i, row in enumerate(people(list(companies)))]
    graphs.run(rows, by_email(TO_COMPANY, Association("deals", column="deal")))
    assert {b for _, b in graphs.pairs()} == set(companies)
    assert {b for _, b in graphs.pairs("contacts", "deals")} == set(deals)


def test_a_refused_link_rejects_its_row_and_keeps_the_record_id(graphs: Graphs) -> None:
    """A 207 names the link by its ids; its row is rejected, says that the record was written, and the others are done."""
    companies = graphs.companies(3)
    result = graphs.run(people([companies[0], "999999", companies[2]]), by_email())
    assert shown(result) == {"created": 2, "rejected": 1}
    (line,) = [each for each in lines(result) if each["outcome"] == "rejected"]
    assert line["hs_object_id"] == graphs.by_email()["p1@x.org"]
    assert line["error_code"] == "ASSOCIATION_REFUSED"
    assert "The record itself was written" in line["error_message"]
    assert "999999" in line["error_message"]
    assert {b for _, b in graphs.pairs()} == {companies[0], companies[2]}


def test_a_rejected_link_is_tried_again_when_the_row_changes(graphs: Graphs) -> None:
    """The rejected row waits; with a company that exists it is updated."""
    companies = graphs.companies(1)
    rows = people(["999999"])
    graphs.run(rows, by_email())
    assert shown(graphs.run(rows, by_email())) == {"rejected": 1}
    assert shown(graphs.run(people([companies[0]]), by_email())) == {"updated": 1}
    assert len(graphs.pairs()) == 1


def test_a_refused_inline_link_rejects_the_row_without_a_record(graphs: Graphs) -> None:
    """On create the link is part of the record: HubSpot makes neither."""
    (company,) = graphs.companies(1)
    operation = Create("contacts", key="id", properties=["email"], associations=[TO_COMPANY])
    result = graphs.run(people([company, "999999"]), operation)
    assert shown(result) == {"created": 1, "rejected": 1}
    assert len(graphs.emulator.records("contacts")) == 1


def test_an_adopted_record_gets_its_links(graphs: Graphs) -> None:
    """A create that finds its record by creation_key links what it found."""
    (company,) = graphs.companies(1)
    (contact,) = graphs.contacts(1)
    operation = Create(
        "contacts", key="id", properties=["email"], creation_key="email", associations=[TO_COMPANY]
    )
    assert graphs.run(people([company]), operation).counts["rejected"] == 0
    assert graphs.pairs() == {(contact, company)}


def test_a_comparison_with_the_portal_sees_a_missing_link(graphs: Graphs) -> None:
    """With compare='portal' a link that was removed in HubSpot is made again, and an intact row is left alone."""
    companies = graphs.companies(2)
    operation = Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname"],
        associations=[TO_COMPANY],
        compare="portal",
    )
    graphs.run(people(list(companies)), operation)
    gone = graphs.by_email()["p0@x.org"]
    graphs.emulator.portal.associations.remove_all("contacts", gone, "companies", companies[0])
    assert shown(graphs.run(people(list(companies)), operation)) == {"updated": 1, "unchanged": 1}
    assert len(graphs.pairs()) == 2


def test_many_links_are_sent_2000_at_a_time(graphs: Graphs) -> None:
    """A batch with more links than HubSpot takes in one request needs several, none too large."""
    companies = graphs.companies(45)
    rows = [{**row, "company": companies} for row in people([None] * 100)]
    result = graphs.run(rows, by_email())
    assert shown(result) == {"created": 100}
    assert len(graphs.pairs()) == 4500
    sizes = [each.inputs for each in graphs.emulator.books.requests("associations.default")]
    assert max(sizes) == 2000
    assert sum(sizes) == 4500


def test_the_plan_counts_the_requests_for_links(graphs: Graphs) -> None:
    """A preview of 250 upserts with links says six requests, and that is what the run makes."""
    rows = people(graphs.companies(1) * 250)
    found = plan_sync(
        rows,
        by_email(),
        client=graphs.client,
        store=graphs.store,
        name="sync",
        options=RunOptions(retry_policy=QUICK),
    )
    assert found.requests == graphs.run(rows, by_email()).requests == 6
