"""What a link means: type ids, labels, and the direction that each belongs to."""

from __future__ import annotations

import pytest
from bench.association_rows import PLAIN, PRIMARY, by_email, people
from bench.sync_bench import Bench, shown

from hubspot_batch_dagster import Association, Create, Update, prepare
from hubspot_batch_dagster.api.association_types import default_association
from hubspot_batch_dagster.api.errors import InputError


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
    """One of HubSpot's own type ids that belongs to another pair or direction is refused with the right
    id.
    """
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
    Update(source, record_id="r", properties=["x"], associations=[Association(to, column="c", type=type_id)])


def test_a_primary_company_is_set_when_it_is_asked_for(bench: Bench) -> None:
    """Type 1 moves the primary company; both companies stay associated."""
    first, second = bench.companies(2)
    bench.run(people([first]), by_email())
    bench.run(people([second]), by_email(Association("companies", column="company", type=1)))
    (held,) = bench.graph().values()
    assert PRIMARY in held[second]
    assert held[first] == {PLAIN}


def test_a_label_that_does_not_exist_is_refused_before_sending(bench: Bench) -> None:
    """The message names the labels that there are, and nothing is written."""
    bench.label("Billing")
    with pytest.raises(InputError, match="no label 'Bookkeeper'") as caught:
        bench.run(people([None]), by_email(Association("companies", column="company", type="Bookkeeper")))
    assert "Billing" in str(caught.value)
    assert not bench.emulator.records("contacts")


def test_a_label_of_the_other_direction_is_refused_with_the_right_id(bench: Bench) -> None:
    """A portal's own type id belongs to one direction."""
    forward, backward = bench.label("Billing")
    wrong = Association("companies", column="company", type=backward, category="USER_DEFINED")
    with pytest.raises(InputError, match=f"it is {forward}"):
        bench.run(people([None]), by_email(wrong))
    right = Association("companies", column="company", type=forward, category="USER_DEFINED")
    bench.run(people(list(bench.companies(1))), by_email(right))
    assert ("USER_DEFINED", forward) in next(iter(next(iter(bench.graph().values())).values()))


def test_a_pair_without_a_documented_type_takes_the_portals_own(bench: Bench) -> None:
    """For a custom object the unlabelled type is looked up in the portal."""
    kind = bench.emulator.add_object_type("cars", [{"name": "vin"}])
    contacts = bench.contacts(2)
    rows = [{"vin": f"v{i}", "owner": each} for i, each in enumerate(contacts)]
    operation = Create(
        kind, key="vin", properties=["vin"], associations=[Association("contacts", column="owner")]
    )
    assert shown(bench.run(rows, operation)) == {"created": 2}
    assert {a for a, _ in bench.pairs("contacts", "cars")} == set(contacts)


def test_a_gap_in_our_table_is_told_as_ours_and_the_portal_is_asked(bench: Bench) -> None:
    """A pair that the table of association types lacks takes the portal's type; only where the portal has
    none is it refused.
    """
    assert default_association("emails", "leads") is None
    operation = Create(
        "emails",
        key="id",
        properties={"hs_timestamp": "at"},
        associations=[Association("leads", column="lead")],
    )
    rows = [{"id": 1, "at": "2026-01-01T09:00:00Z", "lead": None}]
    types = bench.emulator.portal.associations
    for kind in types.types("emails", "leads")[:]:
        types.remove_type(kind)
    with pytest.raises(
        InputError, match="table of association types in this package has none from emails to leads"
    ):
        prepare(rows, operation)
    with pytest.raises(
        InputError, match="in this package has none from emails to leads, and the portal lists none"
    ):
        bench.run(rows, operation)
    types.define_pair("emails", "leads", 5001, 5002)
    (contact,) = bench.contacts(1)
    lead = bench.client.batch_create(
        "leads",
        [
            {
                "properties": {"hs_lead_name": "L"},
                "associations": [
                    {
                        "to": {"id": contact},
                        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578}],
                    }
                ],
            }
        ],
    )
    result = bench.run([{**rows[0], "lead": lead.results[0].id}], operation)
    assert result.association_counts["associated"] == 1
    assert len(bench.pairs("emails", "leads")) == 1


def test_labels_are_looked_up_once_for_a_run_and_only_when_needed(bench: Bench) -> None:
    """A documented type costs no request; a label costs one for the run."""
    bench.run(people(list(bench.companies(1))), by_email())
    assert bench.requests("associations.labels.list") == 0
    bench.label("Billing")
    operation = by_email(Association("companies", column="company", type="Billing"))
    bench.run(people([bench.companies(1)[0]] * 250), operation, name="other")
    assert bench.requests("associations.labels.list") == 1
