"""A success that says, beside the record's id, that HubSpot did not take a value."""

from __future__ import annotations

from typing import Any

import pytest
from bench.sync_bench import BY_KEY, COMPANIES, Bench, firms, people, shown

from hubspot_batch_dagster import Upsert
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.batches.value_comparison import can_be
from hubspot_batch_dagster.sync.settlement.echoes import STAGE_KEPT, contradicted

STAGES = ["email", "lifecyclestage"]


def staged(*stages: str) -> list[dict[str, str]]:
    return [{"email": f"p{i}@x.org", "lifecyclestage": stage} for i, stage in enumerate(stages)]


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize(
    "operation",
    [
        Upsert("contacts", id_property="email", properties=STAGES),
        Upsert("contacts", key="email", properties=STAGES),
    ],
    ids=["by email", "by key"],
)
def test_a_lifecycle_stage_that_was_not_moved_back_is_a_warning_on_its_row(
    bench: Bench, operation: Any, traced: bool
) -> None:
    bench.emulator.change(echo_trace_id=traced)
    assert not any(bench.run(staged("customer", "lead", "lead"), operation).ids["warning"].to_pylist())
    result = bench.run(staged("lead", "customer", "lead"), operation)
    assert shown(result) == {"updated": 2, "unchanged": 1}
    warnings = {line["email"]: line["warning"] for line in result.ids.to_pylist()}
    assert warnings == {"p0@x.org": STAGE_KEPT, "p1@x.org": None, "p2@x.org": None}


def test_rows_that_are_refused_beside_it_keep_their_reasons(bench: Bench) -> None:
    operation = Upsert("contacts", id_property="email", properties=STAGES)
    bench.run(staged("customer", "lead"), operation)
    result = bench.run(
        [*staged("lead", "customer"), {"email": "nonsense", "lifecyclestage": "lead"}], operation
    )
    assert shown(result) == {"updated": 2, "rejected": 1}
    assert result.ids["warning"].to_pylist().count(STAGE_KEPT) == 1


@pytest.mark.parametrize("operation", [COMPANIES, BY_KEY], ids=["create", "upsert"])
def test_any_property_that_hubspot_answers_with_another_value_is_a_warning_on_its_row(
    bench: Bench, operation: Any
) -> None:
    bench.emulator.faults.add(
        Fault.keep({"city": "Bonn"}, operation="create|update", row={"name": "Firm 107"})
    )
    result = bench.run(firms(250), operation)
    assert shown(result) == {"created": 250}
    said = {line["id"]: line["warning"] for line in result.ids.to_pylist() if line["warning"]}
    assert said == dict.fromkeys(range(100, 200), "HubSpot has another city than was sent.")
    assert bench.writes() == 3


def test_an_update_that_keeps_another_address_is_told(bench: Bench) -> None:
    bench.emulator.change(secondary_email_sent="keeps_primary")
    bench.seed_old("contacts", [{"email": "a@x.org", "hs_additional_emails": "b@x.org"}])
    operation = Upsert("contacts", id_property="email", properties=["email", "firstname"])
    found = bench.run([{"email": "b@x.org", "firstname": "Bo"}], operation).ids["warning"].to_pylist()
    assert found == [None]  # by whatever address: it is the contact


def test_what_hubspot_writes_in_its_own_way_is_no_contradiction(bench: Bench) -> None:
    bench.emulator.change(company_domain="normalise")
    operation = Upsert("companies", key="id", properties=["name", "domain", "numberofemployees"])
    rows = [{"id": 1, "name": "Firm", "domain": "https://www.Firm.example/about", "numberofemployees": "7"}]
    result = bench.run(rows, operation)
    (made,) = bench.emulator.records("companies").values()
    assert made["domain"] != rows[0]["domain"]
    assert result.ids["warning"].to_pylist() == [None]
    contacts = Upsert("contacts", key="id", properties=["email", "firstname"])
    assert bench.run([{**people(1)[0], "email": " P0@X.org "}], contacts, "people").ids[
        "warning"
    ].to_pylist() == [None]


@pytest.mark.parametrize(
    ("sent", "stored", "same"),
    [
        ("Ada@X.org ", "ada@x.org", True),
        ("1.10", "1.1", True),
        ("0.12345678901234567890", "0.12345678901234568", True),
        ("2024-02-29", "1709164800000", True),
        ("2024-02-29T12:30:00Z", "2024-02-29T12:30:00.000Z", True),
        ("+49 (30) 123-45", "+493012345", True),
        ("https://www.acme.org/about", "acme.org", True),
        ("b;a", "a;b", True),
        (";b", "a;b", True),
        ("<b>Hello</b> &amp; bye", "Hello & bye", True),
        ("12345678901234567", "12345678901234568", False),
        ("lead", "marketingqualifiedlead", False),
        ("110", "1.10", False),
        ("Ulm", "Bonn", False),
        ("a;b", "a", False),
        (";b", "a", False),
        ("", "Bonn", False),
        ("https://acme.org", "other.org", False),
        ("...", "!!!", False),
    ],
)
def test_hubspots_own_way_to_write_a_value_is_told_from_another_value(
    sent: str, stored: str, same: bool
) -> None:
    assert can_be(stored, sent) is same
    assert contradicted({"p": sent}, {"p": stored}) == ([] if same else ["p"])


@pytest.mark.parametrize("echo", [{}, {"p": None}, {"other": "x"}, {"p": 7}, {"p": ["x"]}])
def test_what_the_answer_does_not_repeat_contradicts_nothing(echo: dict[str, Any]) -> None:
    assert contradicted({"p": "lead"}, echo) == []
