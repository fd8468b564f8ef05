"""Records that exist are looked for before rows that the ids table does not know are created."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal
from unicodedata import normalize

import pytest
from bench.sync_bench import Bench, shown

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.emulator.merges import merge_records
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.planning.preview import SyncPlan
from hubspot_batch_dagster.sync.run import plan_sync
from hubspot_batch_dagster.sync.stages import match_existing

BY_DOMAIN = Upsert("companies", key="id", properties=["name", "domain"], match_existing="domain")


def rows(*domains: str | None) -> list[dict[str, object]]:
    return [{"id": i, "name": f"Firm {i}", "domain": domain} for i, domain in enumerate(domains)]


def test_one_match_is_updated_several_are_refused_and_what_is_not_there_is_made(bench: Bench) -> None:
    one, *_two = bench.seed_old(
        "companies", [{"domain": "one.example"}, {"domain": "two.example"}, {"domain": "two.example"}]
    )
    bench.emulator.skew_clock(0)
    result = bench.run(rows("One.example", "two.example", "new.example", None, "new.example"), BY_DOMAIN)
    assert shown(result) == {"updated": 1, "rejected": 2, "created": 2}
    assert result.reasons == {"AMBIGUOUS_MATCH": 1, "SAME_RECORD": 1}
    assert result.ids["hs_object_id"].to_pylist()[0] == one
    assert bench.emulator.records("companies")[one]["name"] == "Firm 0"
    before = bench.writes()
    again = bench.run(rows("One.example", "two.example", "new.example", None, "new.example"), BY_DOMAIN)
    assert (shown(again), bench.writes() - before) == ({"unchanged": 3, "rejected": 2}, 0)


def test_a_page_of_a_search_that_names_no_next_one_is_not_the_last_where_more_were_found(
    bench: Bench,
) -> None:
    """What it leaves out would be made a second time."""
    domains = [f"{i}.example" for i in range(6)]
    ids = bench.seed_old("companies", [{"domain": each} for each in domains])
    first = {"id": ids[0], "properties": {"domain": domains[0]}, "createdAt": "2026-01-01T00:00:00Z"}
    page = {"total": 6, "results": [first]}
    bench.emulator.faults.add(Fault.answer(200, page, operation="search", times=1))
    assert shown(bench.run(rows(*domains), BY_DOMAIN)) == {"updated": 6}
    assert sorted(bench.emulator.records("companies")) == sorted(ids)


def test_a_record_that_another_key_has_is_never_made_a_second_time(bench: Bench) -> None:
    first = bench.run(rows("a.example"), BY_DOMAIN)
    (record,) = first.ids["hs_object_id"].to_pylist()
    bench.emulator.portal.table("companies").records[record].visible_at = 0.0
    again = bench.run([*rows("a.example"), {"id": 7, "name": "Other", "domain": "A.example"}], BY_DOMAIN)
    assert (shown(again), again.reasons) == ({"unchanged": 1, "rejected": 1}, {"SAME_RECORD": 1})
    assert list(bench.emulator.records("companies")) == [record]


@pytest.mark.parametrize("stale", [False, True], ids=["", "the search still shows the one that is gone"])
def test_before_a_record_that_is_gone_is_made_anew_another_one_is_looked_for(
    bench: Bench, stale: bool
) -> None:
    """Where none is found it is made, once, and never beside a record that another row of the run made."""
    again = replace(BY_DOMAIN, if_missing="recreate")
    ids = bench.run(rows("a.example", "b.example", "c.example"), again).ids["hs_object_id"].to_pylist()
    table = bench.emulator.portal.table("companies")
    (other,) = bench.seed_old("companies", [{"domain": "a.example", "name": "Other"}])
    for each in ids:
        table.archive(table.records[each], 0.0, keep_keys=False)
    if stale:
        bench.emulator.faults.add(
            Fault.answer(
                200,
                {"total": 1, "results": [{"id": ids[1], "properties": {"domain": "b.example"}}]},
                operation="search",
                times=1,
            )
        )
    domains = ["a.example", "b.example", "new.example", "new.example"]
    table_now = [{**each, "name": "New"} for each in rows(*domains)]
    result = bench.run(table_now, again)
    assert shown(result) == {"updated": 1, "created": 2, "rejected": 1}
    assert result.ids["hs_object_id"][0].as_py() == other
    assert bench.living("companies", "domain") == {"a.example": 1, "b.example": 1, "new.example": 1}


@pytest.mark.parametrize(("has", "wants"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_value_is_found_in_either_form_that_unicode_has_of_it_and_whatever_blanks_are_around_it(
    bench: Bench, has: Literal["NFC", "NFD"], wants: Literal["NFC", "NFD"]
) -> None:
    (one,) = bench.seed_old("companies", [{"name": normalize(has, "Müller & Söhne")}])
    by_name = Upsert("companies", key="id", properties=["name"], match_existing="name")
    sent = normalize(wants, "\u00a0 MÜLLER & Söhne ")
    assert bench.run([{"id": 1, "name": sent}], by_name).ids["hs_object_id"].to_pylist() == [one]


def test_of_several_properties_all_must_be_equal(bench: Bench) -> None:
    bench.seed_old(
        "companies", [{"domain": "a.example", "name": "Other"}, {"domain": "a.example", "name": "FIRM 0"}]
    )
    both = Upsert("companies", key="id", properties=["name", "domain"], match_existing=["name", "domain"])
    result = bench.run(rows("a.example", "b.example"), both)
    assert shown(result) == {"updated": 1, "created": 1}


def test_a_unique_property_is_read_and_not_searched(bench: Bench) -> None:
    bench.seed_old("contacts", [{"email": f"p{i}@x.org"} for i in range(3)])
    people = Upsert("contacts", key="id", properties=["email"], match_existing="email")
    result = bench.run([{"id": i, "email": f"P{i}@x.org"} for i in range(5)], people)
    assert shown(result) == {"updated": 3, "created": 2}
    assert not [each for each in bench.emulator.books.requests() if each.operation == "search"]


def test_the_plan_says_what_looking_for_records_takes(bench: Bench) -> None:
    def planned(n: int, operation: Upsert) -> SyncPlan:
        each = [{"id": i, "name": f"Firm {i}", "domain": f"{i:020}.example"} for i in range(n)]
        return plan_sync(each, operation, client=bench.client, store=bench.store, name="planned")

    few = planned(250, BY_DOMAIN)
    assert (few.match_requests, few.match_seconds) == (5, 1.0)  # 62 values of 28 letters in 2,000 characters
    assert "Looking for existing records: 5 requests, at least 1 s" in str(few)
    many = planned(4_000, BY_DOMAIN)
    assert (many.match_requests, many.seconds) == (68, None)
    assert many.requests - planned(4_000, replace(BY_DOMAIN, match_existing=None)).requests == 68
    people = [{"id": i, "email": f"p{i}@x.org"} for i in range(150)]
    by_email = Upsert("contacts", key="id", properties=["email"], match_existing="email")
    read = plan_sync(people, by_email, client=bench.client, store=bench.store, name="read")
    assert (read.match_requests, read.match_seconds) == (2, 0.0)
    assert planned(3, Upsert("companies", key="id", properties=["name"])).match_requests == 0


def test_a_record_is_another_rows_by_the_id_that_it_had_before_a_merge(bench: Bench) -> None:
    """What search finds is the record that is left; the ids table still has the id of the one that was merged
    into it.
    """
    (known,) = bench.run(rows("a.example"), BY_DOMAIN).ids["hs_object_id"].to_pylist()
    (other,) = bench.seed_old("companies", [{"domain": "a.example"}])
    portal = bench.emulator.portal
    left = merge_records(portal, portal.table("companies"), other, known).id
    assert left != known
    portal.table("companies").records[left].visible_at = 0.0
    again = bench.run([*rows("a.example"), {"id": 7, "name": "Other", "domain": "A.example"}], BY_DOMAIN)
    assert (shown(again), again.reasons) == ({"unchanged": 1, "rejected": 1}, {"SAME_RECORD": 1})


def test_matching_goes_with_a_key_and_with_what_is_sent() -> None:
    with pytest.raises(InputError, match="goes with key"):
        Upsert("contacts", id_property="email", match_existing="email")
    with pytest.raises(InputError, match="not among the properties"):
        Upsert("companies", key="id", properties=["name"], match_existing="domain")


def test_values_of_a_unique_property_are_told_apart_as_hubspot_does(bench: Bench) -> None:
    """To the letter, but for the addresses of a contact: it is found by each of them, and by two it is one record."""
    bench.emulator.add_property("companies", "ext", unique=True)
    capital, small = bench.seed_old("companies", [{"ext": "AB1"}, {"ext": "ab1"}])
    bench.reopen()
    firms = Upsert("companies", key="id", properties=["ext", "name"], match_existing="ext")
    table = [{"id": i, "ext": each, "name": each} for i, each in enumerate(["ab1", "AB1", "Ab1"])]
    result = bench.run(table, firms)
    assert shown(result) == {"updated": 2, "created": 1}
    assert result.ids["hs_object_id"].to_pylist()[:2] == [small, capital]
    (ada,) = bench.seed_old("contacts", [{"email": "new@x.org", "hs_additional_emails": "old@x.org"}])
    people = Upsert("contacts", key="id", properties=["email", "firstname"], match_existing="email")
    both = [{"id": i, "email": f"{each}@x.org", "firstname": each} for i, each in enumerate(["Old", "new"])]
    result = bench.run(both, people, "people")
    assert (shown(result), result.reasons) == ({"updated": 1, "rejected": 1}, {"SAME_RECORD": 1})
    assert bench.emulator.records("contacts")[ada]["firstname"] == "Old"


def test_of_more_hits_than_hubspot_shows_the_other_properties_tell(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_existing, "MOST_HITS", 400)
    bench.emulator.portal.change({"search_limit": None})
    bench.seed_old("companies", [{"name": f"n{i}", "city": "Ulm"} for i in range(401)])
    bench.seed_old("companies", [{"name": "alike", "city": "Ulm"} for _ in range(401)])
    (last,) = bench.seed_old("companies", [{"name": "last", "city": "Ulm"}])
    both = Upsert("companies", key="id", properties=["name", "city"], match_existing=["city", "name"])
    wanted = [("Last", "ULM"), ("alike", "Ulm"), ("other", "Ulm"), ("last", "Rom"), ("last", "Bonn")]
    table = [{"id": i, "name": name, "city": city} for i, (name, city) in enumerate(wanted)]
    result = bench.run(table, both)
    assert (shown(result), result.reasons) == (
        {"updated": 1, "rejected": 1, "created": 3},
        {"AMBIGUOUS_MATCH": 1},
    )
    assert result.ids["hs_object_id"].to_pylist()[0] == last
    assert bench.requests("search") < 20


def test_a_value_that_no_search_takes_costs_its_row_alone(bench: Bench) -> None:
    (old,) = bench.seed_old("companies", [{"name": "one"}])
    by_name = Upsert("companies", key="id", properties=["name"], match_existing="name")
    result = bench.run([{"id": 1, "name": "One"}, {"id": 2, "name": "x" * 3_500}], by_name)
    assert (shown(result), result.reasons) == ({"updated": 1, "rejected": 1}, {"TOO_LONG_TO_MATCH": 1})
    assert list(bench.emulator.records("companies")) == [old]


def test_numbers_and_points_in_time_match_however_they_are_written(bench: Bench) -> None:
    (deal,) = bench.seed_old(
        "deals", [{"dealname": "a", "amount": "10", "closedate": "2026-01-01T00:00:00Z"}]
    )
    bench.reopen()
    names = ["amount", "closedate", "dealname"]
    deals = Upsert("deals", key="id", properties=names, match_existing=["amount", "closedate"])
    result = bench.run([{"id": 1, "amount": 10.0, "closedate": "2026-01-01", "dealname": "b"}], deals)
    assert result.ids["hs_object_id"].to_pylist() == [deal]
