"""Associate: rows that are links."""

from __future__ import annotations

import pytest
from bench.association_rows import PLAIN, PRIMARY
from bench.sync_bench import QUICK, Bench, lines, shown

from hubspot_batch_dagster import Associate, HubSpotResource, Upsert
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.prepare import prepare
from hubspot_batch_dagster.sync.run import RunOptions, plan_sync

LINKS = Associate("contacts", "companies", from_column="contact", to_column="company")


def rows(*pairs: tuple[object, object]) -> list[dict[str, object]]:
    return [{"contact": a, "company": b} for a, b in pairs]


def star(bench: Bench, n: int) -> list[tuple[str, str]]:
    """One contact with ``n`` companies."""
    (contact,) = bench.contacts(1)
    return [(contact, company) for company in bench.companies(n)]


def test_rows_become_links(bench: Bench) -> None:
    """Each row is one link; the ids table says so by its two columns, and has no record id."""
    pairs = list(zip(bench.contacts(3), bench.companies(3), strict=True))
    result = bench.run(rows(*pairs), LINKS)
    assert shown(result) == {"created": 3}
    assert bench.pairs() == set(pairs)
    assert [(each["contact"], each["company"]) for each in lines(result)] == pairs
    assert {each["hs_object_id"] for each in lines(result)} == {None}


def test_a_second_run_sends_nothing(bench: Bench) -> None:
    """Known links are unchanged; with full_refresh they are made again and the graph is the same."""
    pairs = star(bench, 5)
    bench.run(rows(*pairs), LINKS)
    before = bench.graph()
    assert shown(bench.run(rows(*pairs), LINKS)) == {"unchanged": 5}
    assert bench.requests("associations.default") == 1
    assert shown(bench.run(rows(*pairs), LINKS, full_refresh=True)) == {"created": 5}
    assert bench.graph() == before


def test_2000_links_go_in_one_request(bench: Bench) -> None:
    """The limit of associations counts, not that of records."""
    pairs = star(bench, 4500)
    result = bench.run(rows(*pairs), LINKS)
    assert shown(result) == {"created": 4500}
    sizes = sorted(each.inputs for each in bench.emulator.books.requests("associations.default"))
    assert sizes == [500, 2000, 2000]
    assert len(bench.pairs()) == 4500


def test_ids_may_be_integers(bench: Bench) -> None:
    """An id is the same record whether it came as text or as a number."""
    pairs = star(bench, 2)
    bench.run(rows(*((int(a), int(b)) for a, b in pairs)), LINKS)
    assert bench.pairs() == set(pairs)


def test_one_bad_link_costs_no_other(bench: Bench) -> None:
    """HubSpot names records that do not exist by their ids; all other links of the request are made."""
    pairs = star(bench, 300)
    contact = pairs[0][0]
    bad = [(contact, "888888"), ("777777", pairs[0][1])]
    result = bench.run(rows(*pairs, *bad), LINKS)
    assert shown(result) == {"created": 300, "rejected": 2}
    assert result.reasons == {"ASSOCIATION_REFUSED": 2}
    assert bench.pairs() == set(pairs)
    assert bench.requests("associations.default") == 1


def test_what_cannot_be_an_id_is_rejected_before_sending(bench: Bench) -> None:
    """Text that is no id, and empty cells."""
    pairs = star(bench, 1)
    result = bench.run(rows(*pairs, (pairs[0][0], "x"), (None, pairs[0][1]), (pairs[0][0], None)), LINKS)
    assert shown(result) == {"created": 1, "rejected": 3}
    assert result.reasons == {"MISSING_KEY": 2, "INVALID_TARGET": 1}


def test_a_pair_named_twice_is_sent_once(bench: Bench) -> None:
    """The second row of a pair is a duplicate, as with any key."""
    pairs = star(bench, 1)
    result = bench.run(rows(*pairs, *pairs), LINKS)
    assert shown(result) == {"created": 1, "rejected": 1}
    assert result.reasons == {"DUPLICATE_KEY": 1}


def test_a_record_cannot_be_linked_with_itself(bench: Bench) -> None:
    """HubSpot's error for it names no id in its context; the other links are made."""
    first, second = bench.companies(2)
    operation = Associate("companies", "companies", from_column="contact", to_column="company")
    result = bench.run(rows((first, first), (first, second)), operation)
    assert shown(result) == {"created": 1, "rejected": 1}


def test_a_label_is_added(bench: Bench) -> None:
    """A label joins what the pair has; pairs that have it are unchanged and not written."""
    pairs = star(bench, 2)
    bench.run(rows(*pairs), LINKS)
    billing, _ = bench.label("Billing")
    operation = Associate("contacts", "companies", from_column="contact", to_column="company", type="billing")
    assert shown(bench.run(rows(*pairs), operation, name="labels")) == {"created": 2}
    assert shown(bench.run(rows(*pairs), operation, name="labels", full_refresh=True)) == {"unchanged": 2}
    (held,) = bench.graph().values()
    assert held[pairs[0][1]] == {PLAIN, PRIMARY, ("USER_DEFINED", billing)}
    assert held[pairs[1][1]] == {PLAIN, ("USER_DEFINED", billing)}


def test_a_wrong_direction_is_refused() -> None:
    """At once, with the right id."""
    with pytest.raises(InputError, match="it is 279"):
        Associate("contacts", "companies", from_column="a", to_column="b", type=280)


def test_a_link_is_made_again_once_the_other_sync_has_another_record_for_its_key(bench: Bench) -> None:
    """Links of records that stayed are left alone."""
    firms = Upsert("companies", key="id", properties=["name"], if_missing="recreate")
    table = [{"id": i, "name": f"Firm {i}"} for i in range(2)]
    links = Associate("companies", "contacts", from_column="id", to_column="contact", from_through="firms")
    contacts = bench.contacts(2)
    seats = [{"id": i, "contact": contact} for i, contact in enumerate(contacts)]
    first = bench.run(table, firms, "firms")
    assert shown(bench.run(seats, links)) == {"created": 2}
    bench.client.batch_archive("companies", [lines(first)[1]["hs_object_id"]])
    second = bench.run(table, firms, "firms", full_refresh=True)
    assert shown(bench.run(seats, links)) == {"created": 1, "unchanged": 1}
    companies = {line["id"]: line["hs_object_id"] for line in lines(second)}
    assert bench.pairs("companies", "contacts") == {(companies[i], contacts[i]) for i in range(2)}
    assert shown(bench.run(seats, links)) == {"unchanged": 2}


def test_replace_leaves_only_the_tables_links(bench: Bench) -> None:
    """Links of the table's records that the table does not name go; records that it does not name are left
    alone.
    """
    ada, bob = bench.contacts(2)
    first, second, third = bench.companies(3)
    bench.run(rows((ada, first), (ada, second), (bob, third)), LINKS, name="before")
    operation = Associate("contacts", "companies", from_column="contact", to_column="company", replace=True)
    result = bench.run(rows((ada, second), (ada, third)), operation)
    assert bench.pairs() == {(ada, second), (ada, third), (bob, third)}
    assert result.dissociated == 1
    result = bench.run(rows((ada, second)), operation)
    assert shown(result) == {"unchanged": 1}
    assert bench.pairs() == {(ada, second), (bob, third)}
    assert bench.run(rows((ada, second)), operation).dissociated == 0
    assert bench.run([], operation).dissociated == 0


def test_replace_leaves_records_with_a_rejected_row_alone(bench: Bench) -> None:
    """What a rejected row means is not known, so nothing of its record is removed; a duplicate row is no such
    case.
    """
    ada, bob = bench.contacts(2)
    first, second = bench.companies(2)
    bench.run(rows((ada, first), (bob, first)), LINKS, name="before")
    operation = Associate("contacts", "companies", from_column="contact", to_column="company", replace=True)
    result = bench.run(rows((ada, second), (ada, "x"), (bob, second), (bob, second)), operation)
    assert result.counts["rejected"] == 2
    assert bench.pairs() == {(ada, first), (ada, second), (bob, second)}


@pytest.mark.parametrize("spelled", ["P0@x.org", " p0@x.org "])
def test_replace_leaves_a_record_with_a_rejected_row_alone_however_its_key_is_spelled(
    bench: Bench, spelled: str
) -> None:
    """Capitals and blanks around an email make no other key."""
    people = Upsert("contacts", id_property="email")
    bench.run([{"email": "p0@x.org"}], people, "people")
    first, second = bench.companies(2)
    links = Associate(
        "contacts",
        "companies",
        from_column="mail",
        to_column="company",
        from_through="people",
        replace=True,
    )
    ada = {"mail": "p0@x.org", "company": first}
    bench.run([ada, {**ada, "company": second}], links)
    result = bench.run([ada, {"mail": spelled, "company": "x"}], links)
    assert shown(result) == {"unchanged": 1, "rejected": 1}
    assert {b for _, b in bench.pairs()} == {first, second}


def test_replace_with_a_label_removes_that_label_alone(bench: Bench) -> None:
    """The pair stays associated without it."""
    (ada,) = bench.contacts(1)
    first, second = bench.companies(2)
    billing = ("USER_DEFINED", bench.label("Billing")[0])
    operation = Associate(
        "contacts", "companies", from_column="contact", to_column="company", type="Billing", replace=True
    )
    bench.run(rows((ada, first)), operation)
    bench.run(rows((ada, second)), operation)
    held = bench.graph()[ada]
    assert billing not in held[first]
    assert PLAIN in held[first]
    assert billing in held[second]


@pytest.mark.parametrize(
    "fault",
    [
        Fault.drop(times=1, operation="associations.default"),
        Fault.drop(times=1, after_commit=True, operation="associations.default"),
        Fault.html(times=1, operation="associations.default"),
        Fault.omit(rows=7, times=2, operation="associations.default"),
        Fault.empty(times=2, operation="associations.default"),
        Fault.invalid_batch(times=3, operation="associations.default"),
    ],
    ids=lambda fault: fault.name,
)
def test_links_are_repeated_until_they_are_settled(bench: Bench, fault: Fault) -> None:
    """Whatever the answer leaves open is sent again, in smaller requests if need be."""
    pairs = star(bench, 40)
    bench.emulator.faults.add(fault)
    assert shown(bench.run(rows(*pairs), LINKS)) == {"created": 40}
    assert bench.pairs() == set(pairs)


def test_a_single_bad_link_that_hubspot_does_not_name_is_found_by_halving(bench: Bench) -> None:
    """A 400 without a name costs a logarithm of requests, and rejects one row."""
    pairs = star(bench, 256)
    bad = pairs[100]
    ends = {"from": str({"id": bad[0]}), "to": str({"id": bad[1]})}
    bench.emulator.faults.add(Fault.invalid_batch(row=ends, operation="associations.default"))
    result = bench.run(rows(*pairs), LINKS)
    assert shown(result) == {"created": 255, "rejected": 1}
    assert bench.pairs() == set(pairs) - {bad}
    assert bench.requests("associations.default") <= 2 * 8 + 1


def test_a_run_that_stops_is_continued(bench: Bench) -> None:
    """At the daily limit what was not sent is not claimed; the next run sends it."""
    pairs = star(bench, 10)
    bench.emulator.faults.add(Fault.daily_limit(operation="associations.default", times=1))
    stopped = bench.run(rows(*pairs), LINKS)
    assert stopped.stopped is not None
    assert stopped.counts["created"] == 0
    assert shown(bench.run(rows(*pairs), LINKS)) == {"created": 10}
    assert bench.pairs() == set(pairs)


def test_the_plan_counts_links_and_requests(bench: Bench) -> None:
    """A preview says how many links and requests there will be, and writes none."""
    pairs = star(bench, 2100)
    found = plan_sync(
        rows(*pairs),
        LINKS,
        client=bench.client,
        store=bench.store,
        name="sync",
        options=RunOptions(retry_policy=QUICK),
    )
    assert found.counts["created"] == 2100
    assert found.associations == {"associated": 2100}
    assert found.requests == 2
    assert not bench.pairs()


def test_prepare_shows_the_links() -> None:
    """Rows can be looked at without a connection."""
    ready = prepare(rows(("1", "2")), LINKS)
    (line,) = ready.inputs.to_pylist()
    assert line["id"] == "1"
    assert '"id":"2"' in line["associations"]


def test_the_resource_associates(bench: Bench) -> None:
    """The same through the public face, with the portal checked first."""
    pairs = star(bench, 3)
    resource = HubSpotResource(
        access_token=bench.emulator.token, base_url=bench.emulator.url, store=str(bench.root)
    )
    with resource.open() as hubspot:
        result = hubspot.sync(rows(*pairs), LINKS, name="links")
    result.raise_for_failures()
    assert bench.pairs() == set(pairs)
