"""What is remembered of a refusal: it is about the row, about another record, or about the run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bench.sync_bench import CONTACTS, Bench, firms, people, shown

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.api.models import ArchiveInput
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.records import Create, Upsert
from hubspot_batch_dagster.sync.delivery.refusal_trials import MOST_REQUESTS
from hubspot_batch_dagster.sync.delivery.trial_rows import MOST_ALONE
from hubspot_batch_dagster.sync.planning.plan_statements import PASSING_CODES
from hubspot_batch_dagster.sync.stages.retry_refused import LEAST, SHARE


def archive(bench: Bench, object_type: str, *ids: str) -> None:
    client: HubSpotClient = bench.client
    client.batch_archive(object_type, [ArchiveInput(id=each) for each in ids])


def test_a_conflict_is_looked_up_each_run_and_sent_once_the_other_record_is_gone(bench: Bench) -> None:
    ids = bench.seed_old("contacts", [{"email": f"p{i}@x.org", "firstname": "Other"} for i in range(5)])
    assert shown(bench.run(people(5), CONTACTS)) == {"rejected": 5}
    before = bench.writes()
    again = bench.run(people(5), CONTACTS)
    assert (shown(again), again.requests, bench.writes() - before) == ({"rejected": 5}, 1, 0)
    archive(bench, "contacts", *ids[:2])
    assert shown(bench.run(people(5), CONTACTS)) == {"created": 2, "rejected": 3}


@pytest.mark.parametrize("other_operation", [False, True])
def test_what_a_killed_run_was_refused_is_asked_again_only_under_another_operation(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, other_operation: bool
) -> None:
    bench.emulator.add_property("companies", "founded", kind="number")
    rows = [{**row, "founded": "long ago" if row["id"] == 3 else "1999"} for row in firms(6)]
    keyed = Upsert("companies", key="id", properties=["name", "founded"])
    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "conclude", killed)
        with pytest.raises(StoreError, match="killed"):
            bench.run(rows, keyed)
    before = bench.writes()
    if other_operation:
        keyed = Upsert("companies", key="id", properties=["name", "founded"], on_null="clear")
    assert shown(bench.run(rows, keyed)) == {"unchanged": 5, "rejected": 1}
    assert bench.writes() - before == int(other_operation)


def killed(*_: object, **__: object) -> None:
    raise StoreError("killed")


def test_swapped_addresses_are_sorted_out_by_the_next_runs(bench: Bench) -> None:
    bench.emulator.add_property("companies", "ext", unique=True)
    keyed = Upsert("companies", key="id", properties=["name", "ext"])
    rows = [{"id": i, "name": f"Firm {i}", "ext": f"e{i}"} for i in range(2)]
    bench.run(rows, keyed)
    rows[0]["ext"] = "e1"
    assert bench.run(rows, keyed).counts["rejected"] == 1
    rows[1]["ext"] = "free"
    bench.run(rows, keyed)
    assert bench.run(rows, keyed).counts["rejected"] == 0
    assert bench.once_each("companies", "ext", ["e1", "free"])


@pytest.mark.parametrize("people_of", [2, 3])
def test_rows_that_swap_their_addresses_name_each_other_and_are_written_once_one_is_cleared(
    bench: Bench, people_of: int
) -> None:
    """Until then they are looked up, and not sent blindly."""
    keyed = Upsert("contacts", key="id", properties=["email", "firstname"])
    before = people(people_of)
    ids = bench.run(before, keyed).ids["hs_object_id"].to_pylist()
    rows = [{**row, "email": before[i - 1]["email"]} for i, row in enumerate(before)]
    told = bench.run(rows, keyed)
    assert shown(told) == {"rejected": people_of}
    messages = told.rejected["error_message"].to_pylist()
    keys = [re.findall("the row with the key ([0-9])", each) for each in messages]
    assert keys == [[str((i - 1) % people_of)] for i in range(people_of)]
    writes = bench.writes()
    assert (shown(bench.run(rows, keyed)), bench.writes()) == ({"rejected": people_of}, writes)
    bench.client.batch_update("contacts", [{"id": ids[0], "properties": {"email": ""}}])
    for _ in range(people_of):
        last = bench.run(rows, keyed)
    assert shown(last) in ({"unchanged": people_of}, {"updated": 1, "unchanged": people_of - 1})
    assert {row: bench.emulator.records("contacts")[row]["email"] for row in ids} == {
        each: row["email"] for each, row in zip(ids, rows, strict=True)
    }


def test_a_record_that_was_missing_is_updated_once_it_is_back(bench: Bench) -> None:
    ids = bench.seed_old("companies", [{"name": "A"}, {"name": "B"}])
    table = bench.emulator.portal.table("companies")
    gone = table.records.pop(ids[0])
    by_id = Update("companies", record_id="company", properties=["city"])
    rows = [{"company": each, "city": "Ulm"} for each in ids]
    assert shown(bench.run(rows, by_id)) == {"updated": 1, "rejected": 1}
    before = bench.writes()
    again = bench.run(rows, by_id)
    assert (shown(again), bench.writes() - before) == ({"unchanged": 1, "rejected": 1}, 0)
    table.records[ids[0]] = gone
    assert shown(bench.run(rows, by_id)) == {"updated": 1, "unchanged": 1}


def test_of_many_such_rows_a_run_takes_the_oldest_and_says_how_many_wait(bench: Bench) -> None:
    bench.seed_old("contacts", [{"email": f"p{i}@x.org"} for i in range(60)])
    assert shown(bench.run(people(60), CONTACTS)) == {"rejected": 60}
    seen = []
    for _ in range(3):
        result = bench.run(people(60), CONTACTS, batch_size=10)
        seen.append((result.waiting, result.requests))
    assert seen == [(40, 2)] * 3
    asked = [each for each in bench.emulator.books.requests() if each.operation == "read"]
    assert sum(each.inputs for each in asked) == 60


@pytest.mark.parametrize("size", [100, 1])
def test_nothing_is_archived_while_a_living_row_has_the_record(bench: Bench, size: int) -> None:
    from hubspot_batch_dagster.emulator.merges import merge_records

    mirror = Upsert("companies", key="id", properties=["name", "city"], when_gone="archive", max_gone=1.0)
    ids = bench.run(firms(3), mirror).ids["hs_object_id"].to_pylist()
    portal = bench.emulator.portal
    left = merge_records(portal, portal.table("companies"), ids[0], ids[1]).id
    result = bench.run(firms(3)[:1], mirror, batch_size=size)
    assert set(bench.emulator.records("companies")) == {left}
    assert result.counts["archived"] == 1
    assert result.reasons == {"SAME_RECORD": 1}
    before = bench.writes()
    again = bench.run(firms(3)[:1], mirror)
    assert (shown(again), bench.writes() - before) == ({"unchanged": 1}, 0)


def test_a_record_that_another_one_was_merged_into_is_archived_by_its_own_id_only(bench: Bench) -> None:
    from hubspot_batch_dagster.emulator.merges import merge_records

    ids = bench.seed_old("companies", [{"name": "A"}, {"name": "B"}])
    portal = bench.emulator.portal
    left = merge_records(portal, portal.table("companies"), *ids).id
    by_id = Archive("companies", record_id="company")
    kept = bench.run([{"company": ids[0]}], by_id, "one")
    assert kept.reasons == {"SAME_RECORD": 1}
    assert left in str(kept.rejected["error_message"].to_pylist())
    assert shown(bench.run([{"company": left}], by_id, "own")) == {"archived": 1}
    assert not bench.emulator.records("companies")


def test_what_is_about_the_row_is_remembered_until_the_row_or_the_operation_changes(bench: Bench) -> None:
    operation = Create("companies", key="id", properties=["name", "annualrevenue"])
    bad = [{"id": i, "name": f"F{i}", "annualrevenue": "much" if i == 1 else "1999"} for i in range(3)]
    assert shown(bench.run(bad, operation)) == {"created": 2, "rejected": 1}
    before = bench.writes()
    again = bench.run(bad, operation)
    assert (shown(again), bench.writes() - before) == ({"unchanged": 2, "rejected": 1}, 0)
    bad[1]["annualrevenue"] = "2001"
    assert shown(bench.run(bad, operation)) == {"created": 1, "unchanged": 2}


def test_the_page_on_guarantees_says_what_is_remembered() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "guarantees.md").read_text()
    (line,) = [each for each in page.splitlines() if each.startswith("| another record")]
    codes = line.split("|")[2]
    assert tuple(re.findall(r"`([A-Z_]+)`", codes)) == PASSING_CODES
    assert f"{SHARE:.0%}".replace("%", " %") + f" of the run's requests and at least {LEAST}" in line
    assert f"up to {MOST_ALONE} single rows" in page
    assert f"after at most {MOST_REQUESTS}" in page
