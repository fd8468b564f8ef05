"""A record that HubSpot does not make with its associations is made without those that are not required."""

from __future__ import annotations

import pytest
from bench.association_rows import TO_COMPANY, associated, people
from bench.sync_bench import Bench, lines, shown

from hubspot_batch_dagster import Association, Create, Upsert
from hubspot_batch_dagster.operations.base import Operation


def contacts(*associations: Association) -> Create:
    return Create("contacts", key="id", properties=["email"], associations=associations or [TO_COMPANY])


@pytest.mark.parametrize(
    "operation",
    [contacts(), Upsert("contacts", key="id", properties=["email"], associations=[TO_COMPANY])],
    ids=["create", "upsert"],
)
def test_the_row_is_created_and_its_association_is_rejected(bench: Bench, operation: Operation) -> None:
    """What becomes of an association is not what becomes of its row; nights later it is counted still."""
    (company,) = bench.companies(1)
    rows = people([company, "999999"])
    result = bench.run(rows, operation)
    assert shown(result) == {"created": 2}
    assert associated(result) == {"associated": 1, "rejected": 1}
    (line,) = [each for each in result.associations.to_pylist() if each["outcome"] == "rejected"]
    assert (line["id"], line["target_id"]) == (1, "999999")
    assert "999999" in line["reason"]
    assert len(bench.emulator.records("contacts")) == 2
    assert bench.nothing_doubled()
    again = bench.run(rows, operation)
    assert (shown(again), associated(again)) == ({"unchanged": 2}, {"unchanged": 1, "rejected": 1})


def test_its_other_associations_are_made(bench: Bench) -> None:
    """Those of a list, and those of another column."""
    companies = bench.companies(2)
    (deal,) = bench.emulator.seed_records("deals", [{"dealname": "D"}])
    operation = contacts(TO_COMPANY, Association("deals", column="deal"))
    rows = [{"id": 1, "email": "a@x.org", "company": [companies[0], "999999", companies[1]], "deal": deal}]
    result = bench.run(rows, operation)
    assert (shown(result), associated(result)) == ({"created": 1}, {"associated": 3, "rejected": 1})
    assert {b for _, b in bench.pairs()} == set(companies)
    assert {b for _, b in bench.pairs("contacts", "deals")} == {deal}


def test_a_required_one_rejects_the_row(bench: Bench) -> None:
    """No record is to be made without it."""
    (company,) = bench.companies(1)
    operation = contacts(Association("companies", column="company", required=True))
    result = bench.run(people([company, "999999"]), operation)
    assert (shown(result), associated(result)) == (
        {"created": 1, "rejected": 1},
        {"associated": 1, "unsent": 1},
    )
    assert len(bench.emulator.records("contacts")) == 1


def test_the_required_one_is_kept_where_another_is_refused(bench: Bench) -> None:
    """The record is made with the one and without the other."""
    (company,) = bench.companies(1)
    required = Association("companies", column="company", required=True)
    rows = [{"id": 1, "email": "a@x.org", "company": company, "deal": "999999"}]
    result = bench.run(rows, contacts(required, Association("deals", column="deal")))
    assert (shown(result), associated(result)) == ({"created": 1}, {"associated": 1, "rejected": 1})
    assert {b for _, b in bench.pairs()} == {company}


def test_what_hubspot_itself_requires_rejects_the_row_and_says_why(bench: Bench) -> None:
    """A lead is not made without a contact; the message has what HubSpot said of the contact."""
    leads = Create(
        "leads",
        key="id",
        properties={"hs_lead_name": "name"},
        associations=[Association("contacts", column="contact")],
    )
    (contact,) = bench.contacts(1)
    rows = [{"id": 1, "name": "L", "contact": contact}, {"id": 2, "name": "M", "contact": "999999"}]
    result = bench.run(rows, leads)
    assert shown(result) == {"created": 1, "rejected": 1}
    (message,) = result.rejected["error_message"].to_pylist()
    assert "999999" in message


def test_a_row_that_is_refused_for_its_values_is_not_sent_twice(bench: Bench) -> None:
    """Only a refusal that speaks of associations, or of a record at the other end, is about them."""
    companies = bench.companies(2)
    bench.emulator.seed_records("contacts", [{"email": "p1@x.org"}])
    result = bench.run(people(list(companies)), contacts())
    assert shown(result) == {"created": 1, "rejected": 1}
    assert bench.requests("create") <= 2
    assert lines(result)[1]["error_message"].count("HubSpot had said") == 0


def test_a_whole_table_of_refused_associations_costs_one_more_request_for_each_batch(bench: Bench) -> None:
    """All rows are created; the associations are refused together."""
    result = bench.run(people(["999999"] * 250), contacts())
    assert shown(result) == {"created": 250}
    assert result.association_counts["rejected"] == 250
    assert bench.requests("create") == 6
