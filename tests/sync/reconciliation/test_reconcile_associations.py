"""Does HubSpot still have the associations that a sync wants? And what a sync takes over that is there
already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench.association_rows import PLAIN, associated, by_email, people
from bench.sync_bench import Bench, lines, shown

from hubspot_batch_dagster import Associate, Association, Upsert
from hubspot_batch_dagster.sync.reconciliation.reconcile import Reconciliation, reconcile
from hubspot_batch_dagster.sync.run import RunOptions, plan_sync
from hubspot_batch_dagster.sync.undo import undo

REPLACE = by_email(Association("companies", column="company", replace=True))


def looked_at(bench: Bench, name: str = "sync", **options: Any) -> Reconciliation:
    return reconcile(bench.store, name, client=bench.client, retry_policy=bench.retry_policy, **options)


def told(found: Reconciliation) -> dict[str, int]:
    assert found.associations is not None
    return {state: n for state, n in found.associations.counts.items() if n}


def take_away(bench: Bench, contact: str, company: str) -> None:
    bench.emulator.portal.associations.remove_all("contacts", contact, "companies", company)


def give(bench: Bench, contact: str, company: str) -> None:
    plain = bench.emulator.portal.associations.plain("contacts", "companies")
    assert plain is not None
    bench.emulator.portal.associations.add(plain, contact, company)


def test_what_somebody_took_away_is_told_and_written_again_by_the_next_run(bench: Bench) -> None:
    """One association of three is gone; only its row's are written, and no row is sent."""
    first, second, third = bench.companies(3)
    rows = [
        {**row, "company": company}
        for row, company in zip(people([None] * 2), ([first, second], [third]), strict=True)
    ]
    bench.run(rows, by_email())
    assert told(looked_at(bench)) == {"as_wanted": 3}
    contact = bench.by_email()["p0@x.org"]
    take_away(bench, contact, second)

    assert associated(bench.run(rows, by_email())) == {"unchanged": 3}
    found = looked_at(bench)
    assert told(found) == {"as_wanted": 2, "missing": 1}
    assert found.associations is not None
    (line,) = found.associations.sample()
    assert {name: line[name] for name in ("email", "hs_object_id", "to", "target_id", "state")} == {
        "email": "p0@x.org",
        "hs_object_id": contact,
        "to": "companies",
        "target_id": second,
        "state": "missing",
    }
    assert "Associations: 2 as wanted, 1 missing." in str(found)

    marked = looked_at(bench, repair=True)
    assert (marked.repaired, marked.repaired_associations) == (0, 1)
    before = bench.writes()
    again = bench.run(rows, by_email())
    assert (shown(again), associated(again)) == ({"unchanged": 2}, {"associated": 2, "unchanged": 1})
    assert bench.writes() == before
    assert (contact, second) in bench.pairs()
    assert told(looked_at(bench)) == {"as_wanted": 3}
    assert associated(bench.run(rows, by_email())) == {"unchanged": 3}


def test_with_replace_what_somebody_added_is_told_and_ended(bench: Bench) -> None:
    """Without replace it is nobody's business, and is not told."""
    first, second = bench.companies(2)
    rows = people([first, None])
    bench.run(rows, REPLACE)
    ids = bench.by_email()
    give(bench, ids["p0@x.org"], second)
    give(bench, ids["p1@x.org"], second)
    found = looked_at(bench, repair=True)
    assert told(found) == {"as_wanted": 1, "too_many": 2}
    assert found.repaired_associations == 2
    assert bench.run(rows, REPLACE).dissociated == 2
    assert bench.pairs() == {(ids["p0@x.org"], first)}
    assert told(looked_at(bench)) == {"as_wanted": 1}

    bench.run(rows, by_email(), "added")
    give(bench, ids["p0@x.org"], second)
    assert told(looked_at(bench, "added")) == {"as_wanted": 1}


def test_a_label_that_was_taken_is_missing(bench: Bench) -> None:
    """The pair is still associated, and that is not what was wanted."""
    (firm,) = bench.companies(1)
    billing, _ = bench.label("Billing")
    operation = by_email(Association("companies", column="company", type="Billing"))
    bench.run(people([firm]), operation)
    (contact,) = bench.by_email().values()
    take_away(bench, contact, firm)
    give(bench, contact, firm)
    found = looked_at(bench, repair=True)
    assert told(found) == {"missing": 1}
    assert found.associations is not None
    assert found.associations.sample()[0]["label"] == "Billing"
    bench.run(people([firm]), operation)
    assert ("USER_DEFINED", billing) in bench.graph()[contact][firm]


def test_it_costs_one_request_for_a_thousand_records(bench: Bench) -> None:
    """Beside one request for each hundred records; a sample reads the associations of the sample."""
    (firm,) = bench.companies(1)
    bench.run(people([firm] * 1200), by_email())
    found = looked_at(bench)
    assert (told(found), found.requests) == ({"as_wanted": 1200}, 12 + 2)
    some = looked_at(bench, sample=50)
    assert (told(some), some.requests) == ({"as_wanted": 50}, 2)


def test_a_target_that_was_merged_is_as_wanted(bench: Bench) -> None:
    """HubSpot moved the association to the record that is left."""
    first, second = bench.companies(2)
    bench.run(people([second]), by_email())
    path = "/crm/objects/2026-03/companies/merge"
    bench.client.post_json(path, {"primaryObjectId": first, "objectIdToMerge": second})
    assert told(looked_at(bench)) == {"as_wanted": 1}


def test_rows_whose_runs_are_no_longer_kept_are_told_by_their_hash(bench: Bench) -> None:
    """As wanted while the hash is that of what is there; else it cannot be said which association is
    amiss.
    """
    firms = bench.companies(2)
    bench.run(people(list(firms)), by_email())
    bench.run(people([firms[0]], first=2), by_email())
    for run in bench.store.runs("sync")[:1]:
        Path(bench.store.path("sync", "runs", run, "associations.parquet")).unlink()
    assert told(looked_at(bench)) == {"as_wanted": 3}
    take_away(bench, bench.by_email()["p1@x.org"], firms[1])
    found = looked_at(bench, repair=True)
    assert (told(found), found.repaired_associations) == ({"as_wanted": 2, "unknown": 1}, 1)
    assert associated(bench.run(people(list(firms)), by_email())) == {"associated": 1, "unchanged": 1}
    assert len(bench.pairs()) == 3


def test_what_is_open_is_not_told_as_missing(bench: Bench) -> None:
    """Of HubSpot's no, and of keys without a record, each run tells."""
    (firm,) = bench.companies(1)
    rows = people([firm, "999999"])
    assert associated(bench.run(rows, by_email())) == {"associated": 1, "rejected": 1}
    assert told(looked_at(bench)) == {"as_wanted": 1}


def test_what_an_undo_took_back_is_not_missing(bench: Bench) -> None:
    """The rows are left as they are until they change."""
    firms = bench.companies(2)
    run = bench.run(people(list(firms)), by_email())
    options = RunOptions(retry_policy=bench.retry_policy)
    undo("sync", run.run, client=bench.client, store=bench.store, options=options)
    assert told(looked_at(bench)) == {}


def test_rows_that_are_associations_are_looked_at_alike(bench: Bench) -> None:
    """A missing one is made again by the next run; with replace what is there besides is told."""
    ada, bob = bench.contacts(2)
    first, second = bench.companies(2)
    seats = Associate(
        "contacts", "companies", from_column="mail", to_column="company", from_through="people", replace=True
    )
    bench.run([{"email": f"p{i}@x.org"} for i in range(2)], Upsert("contacts", id_property="email"), "people")
    rows = [{"mail": "p0@x.org", "company": first}, {"mail": "p1@x.org", "company": second}]
    bench.run(rows, seats)
    bench.run(rows, seats)
    assert told(looked_at(bench)) == {"as_wanted": 2}
    take_away(bench, ada, first)
    give(bench, bob, first)
    found = looked_at(bench, repair=True)
    assert told(found) == {"as_wanted": 1, "missing": 1, "too_many": 1}
    assert found.associations is not None
    amiss = {line["state"]: line for line in found.associations.sample()}
    assert (amiss["missing"]["mail"], amiss["missing"]["hs_object_id"]) == ("p0@x.org", ada)
    assert (amiss["too_many"]["hs_object_id"], amiss["too_many"]["target_id"]) == (bob, first)
    assert shown(bench.run(rows, seats)) == {"created": 1, "unchanged": 1}
    assert bench.pairs() == {(ada, first), (bob, second)}
    assert told(looked_at(bench)) == {"as_wanted": 2}


def test_what_hubspot_has_already_is_unchanged_where_the_portal_is_compared(bench: Bench) -> None:
    """compare="portal" reads associations in every run: what is there is not written, what somebody took away
    is.
    """
    firms = bench.companies(2)
    operation = Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname"],
        associations=[Association("companies", column="company")],
        compare="portal",
    )
    bench.run(people(list(firms)), operation)
    contact = bench.by_email()["p0@x.org"]
    for _ in range(2):
        take_away(bench, contact, firms[0])
        result = bench.run(people(list(firms)), operation)
        assert (shown(result), associated(result)) == ({"unchanged": 2}, {"associated": 1, "unchanged": 1})
        assert (contact, firms[0]) in bench.pairs()
    options = RunOptions(retry_policy=bench.retry_policy)
    plan = plan_sync(
        people(list(firms)),
        operation,
        client=bench.client,
        store=bench.store,
        name="sync",
        options=options,
    )
    assert plan.associations == {"unchanged": 2}, "a plan goes by the ids table"


@pytest.mark.parametrize("operation", [by_email(), REPLACE], ids=["added", "replace"])
def test_an_adopting_run_takes_over_what_is_there(bench: Bench, operation: Upsert) -> None:
    """The next run writes nothing of it again; with replace it ends what is there besides, and claims nothing
    before.
    """
    first, second = bench.companies(2)
    bench.run(people([first, second]), operation, "former")
    contact = bench.by_email()["p0@x.org"]
    give(bench, contact, second)
    assert associated(bench.run(people([first, second]), operation, adopt=True)) == {"unchanged": 2}
    writes = bench.requests("associations.default")
    result = bench.run(people([first, second]), operation)
    replaces = operation.associations[0].replace
    assert bench.requests("associations.default") == writes
    assert result.dissociated == (1 if replaces else 0)
    assert ((contact, second) in bench.pairs()) is not replaces
    assert bench.graph()[contact][first] >= {PLAIN}


def test_a_first_run_that_adopts_writes_only_what_lacks(bench: Bench) -> None:
    """adopt_existing=True: the associations of records that were there are looked at before they are
    written.
    """
    firms = bench.companies(2)
    bench.run(people(list(firms)), by_email(), "former")
    take_away(bench, bench.by_email()["p0@x.org"], firms[0])
    operation = Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname"],
        associations=[Association("companies", column="company")],
        adopt_existing=True,
    )
    first = bench.run(people(list(firms)), operation)
    assert (shown(first), associated(first)) == ({"unchanged": 2}, {"associated": 1, "unchanged": 1})
    assert associated(bench.run(people(list(firms)), operation)) == {"unchanged": 2}


def test_a_record_that_is_made_anew_gets_its_associations_back(bench: Bench) -> None:
    """Its row wants what it wanted before, and its new record has none of it: also to records of its own
    table.
    """
    companies = Upsert(
        "companies",
        key="id",
        properties=["name"],
        if_missing="recreate",
        associations=[Association("companies", column="parent", type=14, through="firms")],
    )
    rows = [{"id": 1, "name": "Holding", "parent": None}, {"id": 2, "name": "Works", "parent": 1}]
    made = bench.run(rows, companies, "firms")
    bench.client.batch_archive("companies", [lines(made)[1]["hs_object_id"]])
    found = looked_at(bench, "firms", repair=True)
    assert (found.counts["archived"], found.repaired) == (1, 1)
    again = bench.run(rows, companies, "firms")
    ids = [line["hs_object_id"] for line in lines(again)]
    assert bench.pairs("companies", "companies") >= {(ids[1], ids[0])}
    assert sum(associated(again).values()) == 1
    assert told(looked_at(bench, "firms")) == {"as_wanted": 1}


def test_an_upserted_contact_that_was_deleted_gets_its_associations_back(bench: Bench) -> None:
    """The row changes, HubSpot makes the contact anew, and what the row wants is written to the new
    record.
    """
    (firm,) = bench.companies(1)
    bench.run(people([firm]), by_email())
    bench.client.batch_archive("contacts", [bench.by_email()["p0@x.org"]])
    rows = [{**people([firm])[0], "firstname": "Grace"}]
    result = bench.run(rows, by_email())
    assert shown(result) == {"created": 1}
    assert associated(result) == {"associated": 1}
    assert bench.pairs() == {(bench.by_email()["p0@x.org"], firm)}
