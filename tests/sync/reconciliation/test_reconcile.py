"""Does HubSpot still have what a sync wrote?"""

from __future__ import annotations

from typing import Any

import pytest
from bench.sync_bench import Bench

from hubspot_batch_dagster import Upsert
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.sync.reconciliation.reconcile import Reconciliation, reconcile

PEOPLE = Upsert("contacts", key="id", properties=["email", "city"])
RECREATED = Upsert("contacts", key="id", properties=["email", "city"], if_missing="recreate")


def people(count: int = 8) -> list[dict[str, Any]]:
    return [{"id": i, "email": f"p{i}@x.org", "city": "Ulm"} for i in range(count)]


def looked_at(bench: Bench, **options: Any) -> Reconciliation:
    return reconcile(bench.store, "sync", client=bench.client, retry_policy=bench.retry_policy, **options)


@pytest.fixture
def moved(bench: Bench) -> dict[int, str]:
    """Eight contacts, and then others at work: key -> record id."""
    bench.run(people(), PEOPLE)
    ids = {line["id"]: line["hs_object_id"] for line in looked_at(bench).table.to_pylist()}
    bench.emulator.skew_clock(60)
    bench.client.close()
    client = bench.client = bench.new_client()
    client.batch_update(
        "contacts",
        [
            {"id": ids[1], "properties": {"city": "Bonn"}},
            {"id": ids[2], "properties": {"firstname": "Ada"}},
            {"id": ids[3], "properties": {"city": "Bonn"}},
        ],
    )
    client.batch_update("contacts", [{"id": ids[3], "properties": {"city": "Ulm"}}])
    client.batch_archive("contacts", [ids[4]])
    client.post_json("/crm/objects/2026-03/contacts/gdpr-delete", {"objectId": ids[5]})
    client.post_json(
        "/crm/objects/2026-03/contacts/merge", {"primaryObjectId": ids[0], "objectIdToMerge": ids[6]}
    )
    return ids


def test_records_are_told_apart(bench: Bench, moved: dict[int, str]) -> None:
    found = looked_at(bench, properties=["city"])
    state = {line["id"]: line["state"] for line in found.table.to_pylist()}
    assert state[1] == "changed", "another value than was sent"
    assert state[2] == "as_sent", "another property was changed, which nobody named"
    assert state[3] == "as_sent", "changed, and changed back"
    assert (state[4], state[5]) == ("archived", "gone")
    assert state[7] == "as_sent"
    merged = [line for line in found.table.to_pylist() if line["state"] == "merged"]
    assert {line["id"] for line in merged} <= {0, 6}
    assert merged
    assert all(line["now_id"] not in (None, line["hs_object_id"]) for line in merged)
    assert (found.known, found.table.num_rows) == (8, 8)
    assert sum(found.counts.values()) == 8
    (changed,) = [line for line in found.sample() if line["state"] == "changed"]
    assert (changed["changed"], changed["hs_object_id"]) == (["city"], moved[1])
    assert "1 changed, 1 archived" in str(found)


@pytest.mark.usefixtures("moved")
def test_without_named_properties_nothing_counts_as_changed(bench: Bench) -> None:
    assert looked_at(bench).counts["changed"] == 0


def test_an_untouched_table_costs_one_request_for_a_hundred_records(bench: Bench) -> None:
    bench.run(people(250), PEOPLE)
    found = looked_at(bench, properties=["city"])
    assert (found.counts["as_sent"], found.requests) == (250, 3)
    some = looked_at(bench, sample=40)
    assert (some.table.num_rows, some.known, some.requests) == (40, 250, 1)


@pytest.mark.usefixtures("moved")
def test_what_is_amiss_is_sent_again_by_the_next_run_once_it_is_repaired(bench: Bench) -> None:
    assert bench.run(people(), RECREATED).counts["unchanged"] == 8
    found = looked_at(bench, properties=["city"], repair=True)
    assert found.repaired == found.amiss.num_rows >= 4
    bench.run(people(), RECREATED)
    cities = [record.get("city") for record in bench.emulator.records("contacts").values()]
    assert set(cities) == {"Ulm"}
    emails = {record.get("email") for record in bench.emulator.records("contacts").values()}
    assert "p4@x.org" in emails, "what is gone is made anew, as if_missing says"
    assert not bench.emulator.books.duplicates("contacts", "email")
    again = looked_at(bench, properties=["city"])
    assert again.counts["gone"] == again.counts["changed"] == again.counts["archived"] == 0


@pytest.mark.usefixtures("moved")
def test_a_row_that_a_run_moved_meanwhile_is_not_marked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run knows better than what was read before it: it may have made the record anew."""
    lock = bench.store.lock

    def run_first(sync: str) -> Any:
        monkeypatch.setattr(bench.store, "lock", lock)
        bench.run([{**each, "city": "Kiel"} for each in people()], RECREATED)
        return lock(sync)

    monkeypatch.setattr(bench.store, "lock", run_first)
    found = looked_at(bench, properties=["city"], repair=True)
    assert found.amiss.num_rows > found.repaired
    bench.run([{**each, "city": "Kiel"} for each in people()], RECREATED)
    assert not bench.emulator.books.duplicates("contacts", "email")


@pytest.mark.parametrize("wrong", [{"properties": "city"}, {"sample": 0}, {"sample": "5"}, {"sample": True}])
def test_what_cannot_be_meant_is_refused(bench: Bench, wrong: dict[str, Any]) -> None:
    bench.run(people(1), PEOPLE)
    with pytest.raises(InputError):
        looked_at(bench, **wrong)


def test_a_property_that_the_portal_lacks_is_refused_with_the_nearest(bench: Bench) -> None:
    """HubSpot leaves it out of its answers, and each record would be told as it was sent."""
    bench.run(people(2), PEOPLE)
    bench.reopen()
    with pytest.raises(InputError, match=r"no property 'citty'") as refused:
        looked_at(bench, properties=["email", "citty"], portal=bench.portal)
    assert "city" in refused.value.remedy
    found = looked_at(bench, properties=["email", "city"], portal=bench.portal)
    assert found.table.column("state").to_pylist() == ["as_sent"] * 2


def test_a_sync_without_an_ids_table_is_named(bench: Bench) -> None:
    with pytest.raises(InputError, match="no ids table"):
        looked_at(bench)
