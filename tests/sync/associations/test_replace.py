"""replace=True: links that a row does not name are removed."""

from __future__ import annotations

from bench.association_rows import PLAIN, associated
from bench.sync_bench import Bench, shown

from hubspot_batch_dagster import Association, Update, Upsert
from hubspot_batch_dagster.emulator import Fault


def to_companies(*, type: int | str | None = None, column: str = "company") -> Association:
    return Association("companies", column=column, type=type, replace=True)


def upsert(*associations: Association) -> Upsert:
    return Upsert(
        "contacts", id_property="email", properties=["email"], associations=associations or [to_companies()]
    )


def row(company: object, email: str = "a@x.org") -> dict[str, object]:
    return {"email": email, "company": company}


def test_the_former_link_is_removed(bench: Bench) -> None:
    """A row with another company ends up with that company alone."""
    first, second = bench.companies(2)
    bench.run([row(first)], upsert())
    result = bench.run([row(second)], upsert())
    assert shown(result) == {"unchanged": 1}
    assert associated(result) == {"associated": 1}
    assert result.dissociated == 1
    assert {b for _, b in bench.pairs()} == {second}


def test_a_null_cell_removes_all_links_of_its_kind(bench: Bench) -> None:
    """A row that names no company has none afterwards; what it is linked to of other types stays."""
    companies = bench.companies(2)
    (deal,) = bench.emulator.seed_records("deals", [{"dealname": "D"}])
    links = [to_companies(), Association("deals", column="deal")]
    bench.run([{**row(companies), "deal": deal}], upsert(*links))
    bench.run([{**row(None), "deal": deal}], upsert(*links))
    assert not bench.pairs()
    assert {b for _, b in bench.pairs("contacts", "deals")} == {deal}


def test_a_null_cell_removes_the_links_of_an_updated_record(bench: Bench) -> None:
    """A row without any association text is looked at all the same."""
    (contact,) = bench.contacts(1)
    bench.run([row(bench.companies(1)[0], "p0@x.org")], upsert())
    operation = Update("contacts", record_id="rid", properties=["firstname"], associations=[to_companies()])
    bench.run([{"rid": contact, "firstname": "A", "company": None}], operation, name="other")
    assert not bench.pairs()


def test_a_link_that_somebody_made_is_removed_when_its_row_is_sent(bench: Bench) -> None:
    """What is in HubSpot counts, not what the last run wrote; unchanged rows are looked at with
    full_refresh.
    """
    mine, theirs = bench.companies(2)
    bench.run([row(mine)], upsert())
    associations = bench.emulator.portal.associations
    plain = associations.plain("contacts", "companies")
    assert plain is not None
    associations.add(plain, bench.by_email()["a@x.org"], theirs)
    bench.run([row(mine)], upsert())
    assert {b for _, b in bench.pairs()} == {mine, theirs}
    bench.run([row(mine)], upsert(), full_refresh=True)
    assert {b for _, b in bench.pairs()} == {mine}


def test_with_a_label_only_that_label_is_removed(bench: Bench) -> None:
    """The pair stays associated, and so do its other labels."""
    first, second = bench.companies(2)
    billing, advisor = bench.label("Billing")[0], bench.label("Advisor")[0]
    plain_advisor = Association("companies", column="advise", type="Advisor")
    bench.run([{**row(first), "advise": first}], upsert(to_companies(type="Billing"), plain_advisor))
    bench.run([{**row(second), "advise": first}], upsert(to_companies(type="Billing"), plain_advisor))
    (held,) = bench.graph().values()
    assert ("USER_DEFINED", billing) not in held[first]
    assert {("USER_DEFINED", advisor), PLAIN} <= held[first]
    assert ("USER_DEFINED", billing) in held[second]


def test_links_that_another_column_names_are_kept(bench: Bench) -> None:
    """A plain association with replace keeps what a labelled one of the same row names."""
    first, second = bench.companies(2)
    bench.label("Billing")
    operation = upsert(to_companies(), Association("companies", column="bill", type="Billing"))
    bench.run([{**row(first), "bill": second}], operation)
    bench.run([{**row(None), "bill": second}], operation)
    assert {b for _, b in bench.pairs()} == {second}


def test_a_refused_link_removes_nothing_of_its_row(bench: Bench) -> None:
    """A row whose new link is refused keeps the links that it had; other rows are finished."""
    first, second = bench.companies(2)
    bench.run([row(first), row(first, "b@x.org")], upsert())
    result = bench.run([row("999999"), row(second, "b@x.org")], upsert())
    ids = bench.by_email()
    assert shown(result) == {"unchanged": 2}
    assert associated(result) == {"associated": 1, "rejected": 1}
    assert bench.pairs() == {(ids["a@x.org"], first), (ids["b@x.org"], second)}


def test_more_than_a_page_of_links_is_read_whole(bench: Bench) -> None:
    """A record with more than 500 links is read page by page, and all that are not named go."""
    companies = bench.companies(1203)
    bench.run([row(companies)], upsert())
    assert len(bench.pairs()) == 1203
    bench.run([row(companies[-2:])], upsert())
    assert {b for _, b in bench.pairs()} == set(companies[-2:])


def test_trouble_while_removing_is_finished_by_the_next_run(bench: Bench) -> None:
    """A removal whose answer is lost stops the run, stays in the journal, and is made by the next one."""
    first, second = bench.companies(2)
    bench.run([row(first)], upsert())
    bench.emulator.faults.add(Fault.drop(operation="associations.archive"))
    assert bench.run([row(second)], upsert()).stopped is not None
    bench.emulator.faults.clear()
    assert bench.run([row(second)], upsert()).stopped is None
    assert {b for _, b in bench.pairs()} == {second}


def test_every_version_removes(bench: Bench) -> None:
    """v4 answers an archive with 204, the dated versions with 200 and a body."""
    first, second = bench.companies(2)
    for version in ("v3", "2025-09", "2026-03"):
        operation = Upsert(
            "contacts",
            id_property="email",
            properties=["email"],
            associations=[to_companies()],
            version=version,
        )
        for company in (first, second):
            bench.run([row(company)], operation)
            assert {b for _, b in bench.pairs()} == {company}
