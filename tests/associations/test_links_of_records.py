"""Associations of rows: inline on create, after the record on upsert and update."""

from __future__ import annotations

import pytest
from association_helpers import PLAIN, PRIMARY, Graphs, lines, shown

from hubspot_batch_dagster import Association, Create, Update, Upsert
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.operations import Operation

TO_COMPANY = Association("companies", column="company")


def by_email(*associations: Association) -> Upsert:
    return Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname"],
        associations=associations or [TO_COMPANY],
    )


def people(companies: list[str | None], first: int = 0) -> list[dict[str, object]]:
    return [
        {"id": i, "email": f"p{i}@x.org", "firstname": f"Ada {i}", "company": company}
        for i, company in enumerate(companies, first)
    ]


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
        Update(
            "contacts", key="id", through="people", properties=["firstname"], associations=[TO_COMPANY]
        ),
    ],
    ids=["record_id", "key"],
)
def test_updated_rows_are_linked(graphs: Graphs, operation: Operation) -> None:
    """An update writes links after the record, whichever way the record is found."""
    companies = graphs.companies(3)
    made = graphs.run(
        people([None] * 3), Create("contacts", key="id", properties=["email"]), name="people"
    )
    rows = [
        {"id": line["id"], "rid": line["hs_object_id"], "firstname": "New", "company": companies[line["id"]]}
        for line in lines(made)
    ]
    assert shown(graphs.run(rows, operation)) == {"updated": 3}
    assert graphs.pairs() == {(row["rid"], row["company"]) for row in rows}


def test_an_upsert_by_key_links_inline_and_later_by_batch(graphs: Graphs) -> None:
    """New rows get their links in the create request, known rows through the association endpoint."""
    companies = graphs.companies(3)
    operation = Upsert(
        "contacts", key="id", properties=["email", "firstname"], associations=[TO_COMPANY]
    )
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
    assert shown(graphs.run(people([company]), operation)) == {"unchanged": 1}
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
    graphs.emulator.portal.links.unlink_all("contacts", gone, "companies", companies[0])
    assert shown(graphs.run(people(list(companies)), operation)) == {"updated": 1, "unchanged": 1}
    assert len(graphs.pairs()) == 2


@pytest.mark.parametrize(
    ("source", "association", "right"),
    [
        ("calls", Association("contacts", column="c", type=193), "194"),
        ("contacts", Association("companies", column="c", type=280), "279"),
        ("companies", Association("contacts", column="c", type=1), "280"),
        ("contacts", Association("deals", column="c", type=279), "4"),
    ],
)
def test_a_wrong_direction_is_refused_when_it_is_written_down(
    source: str, association: Association, right: str
) -> None:
    """One of HubSpot's own type ids that belongs to another pair or direction is refused with the right id."""
    with pytest.raises(InputError, match=f"it is {right}"):
        Create(source, key="id", properties=["x"], associations=[association])


@pytest.mark.parametrize(
    ("source", "to", "type_id"),
    [
        ("contacts", "companies", 1),
        ("companies", "contacts", 2),
        ("deals", "companies", 5),
        ("companies", "deals", 6),
        ("companies", "tickets", 25),
        ("tickets", "companies", 26),
        ("companies", "companies", 13),
        ("companies", "companies", 14),
        ("leads", "contacts", 578),
        ("leads", "contacts", 608),
        ("leads", "companies", 580),
        ("leads", "deals", 582),
        ("deals", "leads", 583),
    ],
)
def test_the_primary_variants_are_taken_when_they_are_given(source: str, to: str, type_id: int) -> None:
    """Primary, parent and child types are accepted in their own direction."""
    Update(
        source, record_id="r", properties=["x"], associations=[Association(to, column="c", type=type_id)]
    )


def test_a_primary_company_is_set_when_it_is_asked_for(graphs: Graphs) -> None:
    """Type 1 moves the primary company; both companies stay associated."""
    first, second = graphs.companies(2)
    graphs.run(people([first]), by_email())
    graphs.run(people([second]), by_email(Association("companies", column="company", type=1)))
    (held,) = graphs.graph().values()
    assert PRIMARY in held[second]
    assert held[first] == {PLAIN}


def test_a_label_that_does_not_exist_is_refused_before_sending(graphs: Graphs) -> None:
    """The message names the labels that there are, and nothing is written."""
    graphs.label("Billing")
    with pytest.raises(InputError, match="no label 'Bookkeeper'.*") as caught:
        graphs.run(
            people([None]), by_email(Association("companies", column="company", type="Bookkeeper"))
        )
    assert "Billing" in str(caught.value)
    assert not graphs.emulator.records("contacts")


def test_a_label_of_the_other_direction_is_refused_with_the_right_id(graphs: Graphs) -> None:
    """A portal's own type id belongs to one direction."""
    forward, backward = graphs.label("Billing")
    wrong = Association("companies", column="company", type=backward, category="USER_DEFINED")
    with pytest.raises(InputError, match=f"it is {forward}"):
        graphs.run(people([None]), by_email(wrong))
    right = Association("companies", column="company", type=forward, category="USER_DEFINED")
    graphs.run(people(list(graphs.companies(1))), by_email(right))
    assert ("USER_DEFINED", forward) in next(iter(next(iter(graphs.graph().values())).values()))


def test_a_pair_without_a_documented_type_takes_the_portals_own(graphs: Graphs) -> None:
    """For a custom object the unlabelled type is looked up in the portal."""
    kind = graphs.emulator.add_object_type("cars", [{"name": "vin"}])
    contacts = graphs.contacts(2)
    rows = [{"vin": f"v{i}", "owner": each} for i, each in enumerate(contacts)]
    operation = Create(
        kind, key="vin", properties=["vin"], associations=[Association("contacts", column="owner")]
    )
    assert shown(graphs.run(rows, operation)) == {"created": 2}
    assert {a for a, _ in graphs.pairs("contacts", "cars")} == set(contacts)


def test_labels_are_looked_up_once_for_a_run_and_only_when_needed(graphs: Graphs) -> None:
    """A documented type costs no request; a label costs one for the run."""
    graphs.run(people(list(graphs.companies(1))), by_email())
    assert graphs.requests("associations.labels.list") == 0
    graphs.label("Billing")
    operation = by_email(Association("companies", column="company", type="Billing"))
    graphs.run(people([graphs.companies(1)[0]] * 250), operation, name="other")
    assert graphs.requests("associations.labels.list") == 1


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


@pytest.mark.parametrize(
    "fault",
    [
        Fault.answer(500, operation="associations.default", times=1, after_commit=True),
        Fault.drop(operation="associations.default", times=1),
        Fault.drop(operation="associations.default", times=1, after_commit=True),
        Fault.truncate(operation="associations.default", times=1),
        Fault.rate_limited(operation="associations.default", times=1),
        Fault.locked(operation="associations.default", times=1),
        Fault.omit(rows=3, operation="associations.default", times=1),
        Fault.empty(operation="associations.default", times=1),
        Fault.invalid_batch(operation="associations.default", times=1),
        Fault.conflict(operation="associations.default", times=1),
    ],
    ids=lambda fault: fault.name,
)
def test_trouble_with_the_association_call_is_settled_in_the_run(graphs: Graphs, fault: Fault) -> None:
    """Links may be sent twice, so a lost or odd answer is sent again until every row is linked."""
    companies = graphs.companies(20)
    graphs.emulator.faults.add(fault)
    assert shown(graphs.run(people(list(companies)), by_email())) == {"created": 20}
    assert len(graphs.pairs()) == 20
    assert not graphs.emulator.books.trace_ids_committed_twice()


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_run_that_dies_between_record_and_link_is_finished_by_the_next(
    graphs: Graphs, after_commit: bool
) -> None:
    """Records whose links were not confirmed stay open; the next run sends them again, and the graph is whole."""
    companies = graphs.companies(30)
    graphs.emulator.faults.add(Fault.drop(operation="associations.default", after_commit=after_commit))
    first = graphs.run(people(list(companies)), by_email())
    assert shown(first) == {"unknown": 30}
    assert len(graphs.emulator.records("contacts")) == 30
    graphs.emulator.faults.clear()
    assert shown(graphs.run(people(list(companies)), by_email())) == {"updated": 30}
    ids = graphs.by_email()
    assert len(ids) == 30
    assert graphs.pairs() == {(ids[f"p{i}@x.org"], companies[i]) for i in range(30)}


def test_a_killed_run_leaves_its_rows_open_until_they_are_linked(graphs: Graphs) -> None:
    """Where nothing could be written down after the record was made, the open intent brings the row back."""
    companies = graphs.companies(3)
    killed = KeyboardInterrupt()

    def die(*_: object, **__: object) -> None:
        raise killed

    operation = by_email()
    graphs.emulator.faults.add(Fault.daily_limit(operation="associations.default"))
    settle = graphs.store.journal.settle
    graphs.store.journal.settle = die  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        graphs.run(people(list(companies)), operation)
    graphs.store.journal.settle = settle  # type: ignore[method-assign]
    graphs.emulator.faults.clear()
    assert not graphs.pairs()
    assert len(graphs.store.journal.open_intents("sync")) == 1
    assert shown(graphs.run(people(list(companies)), operation)) == {"updated": 3}
    assert len(graphs.pairs()) == 3
    assert len(graphs.emulator.records("contacts")) == 3


def test_links_that_are_all_refused_for_one_reason_stop_the_run(graphs: Graphs) -> None:
    """A wrong association is not found out 2,000 times: the run stops after a few and says why."""
    graphs.emulator.faults.add(
        Fault.invalid_batch("These types cannot be associated.", operation="associations.default")
    )
    companies = graphs.companies(100)
    result = graphs.run(people(list(companies)), by_email())
    assert result.stopped is not None
    assert "for the same reason" in str(result.stopped)
    assert graphs.requests("associations.default") < 40
