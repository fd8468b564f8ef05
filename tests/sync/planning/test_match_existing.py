"""Records that exist are looked for before rows that the ids table does not know are created."""

from __future__ import annotations

import pytest
from bench.sync_bench import Bench, shown

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.records import Upsert

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


def test_a_record_that_another_key_has_is_never_made_a_second_time(bench: Bench) -> None:
    first = bench.run(rows("a.example"), BY_DOMAIN)
    (record,) = first.ids["hs_object_id"].to_pylist()
    bench.emulator.portal.table("companies").records[record].visible_at = 0.0
    again = bench.run([*rows("a.example"), {"id": 7, "name": "Other", "domain": "A.example"}], BY_DOMAIN)
    assert (shown(again), again.reasons) == ({"unchanged": 1, "rejected": 1}, {"SAME_RECORD": 1})
    assert list(bench.emulator.records("companies")) == [record]


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


def test_matching_goes_with_a_key_and_with_what_is_sent() -> None:
    with pytest.raises(InputError, match="goes with key"):
        Upsert("contacts", id_property="email", match_existing="email")
    with pytest.raises(InputError, match="not among the properties"):
        Upsert("companies", key="id", properties=["name"], match_existing="domain")
