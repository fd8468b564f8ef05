"""Which record has a value of a unique property: one answer for settling, look-up, adopting, reading and
archiving.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from bench.sync_bench import QUICK, Bench, shown

from hubspot_batch_dagster.api.models import Record
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.existing_records import Archive
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.sync.read import read_records
from hubspot_batch_dagster.sync.requests.requester import Requester
from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal
from hubspot_batch_dagster.sync.settlement.unique_values import UniqueProperty, owned_records

TWO = [{"ext": "A1", "name": "upper"}, {"ext": "a1", "name": "lower"}]
CONTACT = {"email": "new@x.org", "hs_additional_emails": "old@x.org"}


def record(record_id: str, **properties: str) -> Record:
    return Record.model_validate({"id": record_id, "properties": properties})


@pytest.mark.parametrize(
    ("object_type", "name", "value", "properties", "held"),
    [
        ("contacts", "email", " New@X.org", CONTACT, True),
        ("contacts", "email", "OLD@x.org", CONTACT, True),
        ("contacts", "email", "ol@x.org", CONTACT, False),
        ("companies", "email", "New@x.org", CONTACT, False),
        ("companies", "ext", "A1", {"ext": "A1"}, True),
        ("companies", "ext", "a1", {"ext": "A1"}, False),
        ("companies", "ext", "A1 ", {"ext": "A1"}, False),
        ("companies", None, "7", {}, True),
        ("companies", None, "5", {"hs_merged_object_ids": "5;6"}, True),
        ("companies", None, "8", {"hs_merged_object_ids": "5;6"}, False),
    ],
)
def test_emails_are_folded_other_addresses_and_merged_ids_count_and_all_else_is_to_the_letter(
    object_type: str, name: str | None, value: str, properties: Mapping[str, str], held: bool
) -> None:
    assert UniqueProperty.of(object_type, name).holds(value, properties, "7") is held


def test_a_records_own_address_comes_before_another_ones_further_address() -> None:
    other = record("1", email="a@x.org", hs_additional_emails="b@x.org")
    owners = UniqueProperty.of("contacts", "email").owners([other, record("2", email="b@x.org")])
    assert {key: each.id for key, each in owners.items()} == {"a@x.org": "1", "b@x.org": "2"}


def test_ids_of_merged_records_are_read_one_by_one_where_the_record_does_not_name_them() -> None:
    there = {"1": record("9"), "2": record("9"), "3": record("3")}
    asked = []

    def read(ids: list[str]) -> list[Record]:
        asked.append(ids)
        return list({there[each].id: there[each] for each in ids if each in there}.values())

    found = owned_records(UniqueProperty.of("companies", None), dict(enumerate("1234")), read)
    assert {i: each.id for i, each in found.items()} == {0: "9", 1: "9", 2: "3"}
    assert asked == [["1", "2", "3", "4"], ["1"], ["2"], ["4"]]


def test_a_contact_is_archived_and_adopted_by_its_second_address(bench: Bench) -> None:
    bench.seed_old("contacts", [CONTACT, {"email": "two@x.org", "hs_additional_emails": "to@x.org"}])
    first, _ = bench.emulator.records("contacts")
    once = Create("contacts", key="k", properties=["email"], creation_key="email")
    adopted = bench.run([{"k": 1, "email": "Old@x.org"}], once, "create")
    assert (shown(adopted), adopted.ids["hs_object_id"].to_pylist()) == ({"unchanged": 1}, [first])
    archived = bench.run([{"email": "to@x.org"}], Archive("contacts", id_property="email"), "archive")
    assert shown(archived) == {"archived": 1}
    assert list(bench.emulator.records("contacts")) == [first]


def test_values_that_differ_in_case_are_two_records_after_a_lost_answer_when_archived_and_when_read(
    bench: Bench,
) -> None:
    bench.emulator.add_property("companies", "ext", unique=True)
    bench.emulator.faults.add(Fault.drop(operation="create", after_commit=True, times=1))
    keyed = Upsert("companies", key="ext", properties=["ext", "name"], creation_key="ext")
    made = bench.run(TWO, keyed)
    true = {each["ext"]: record_id for record_id, each in bench.emulator.records("companies").items()}
    assert {line["ext"]: line["hs_object_id"] for line in made.ids.to_pylist()} == true
    requester = Requester(bench.client, stop=StopSignal(), retry_policy=QUICK)
    table = read_records(requester, "companies", ["A1", "a1"], properties=["ext"], id_property="ext")
    assert table["ext"].to_pylist() == ["A1", "a1"]
    gone = bench.run(TWO, Archive("companies", id_property="ext"), "gone")
    assert (shown(gone), bench.emulator.records("companies")) == ({"archived": 2}, {})
