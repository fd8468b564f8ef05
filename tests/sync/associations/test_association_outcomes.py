"""Each association that a row wants has one outcome in every run, whatever became of its row."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bench.association_rows import associated, by_email, people
from bench.sync_bench import HASTY, QUICK, Bench, lines, shown
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubspot_batch_dagster import Associate, Association, Create, Upsert
from hubspot_batch_dagster.api.errors import ConservationError, InputError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.associations.association_table import AssociationTable
from hubspot_batch_dagster.sync.run import RunOptions, plan_sync
from hubspot_batch_dagster.sync.undo import plan_undo, undo

AT = "2026-01-01T09:00:00Z"
PEOPLE = Upsert("contacts", id_property="email", properties=["email"])
FIRMS = Upsert("companies", key="id", properties=["name"])


def calls(**options: object) -> Create:
    return Create(
        "calls",
        key="call",
        properties={"hs_timestamp": "at"},
        associations=[Association("contacts", column="mail", through="people", **options)],  # type: ignore[arg-type]
    )


def call(n: int, *mail: str) -> dict[str, object]:
    return {"call": n, "at": AT, "mail": list(mail)}


def persons(bench: Bench, *names: str) -> dict[str, str]:
    made = bench.run([{"email": f"{name}@x.org"} for name in names], PEOPLE, "people")
    return {line["email"].partition("@")[0]: line["hs_object_id"] for line in lines(made)}


def test_a_target_that_comes_a_night_later_is_associated_then(bench: Bench) -> None:
    """The row is unchanged and costs nothing; its association is written, and unchanged from then on."""
    persons(bench, "bob")
    rows = [call(1, "ada@x.org", "bob@x.org")]
    first = bench.run(rows, calls())
    assert associated(first) == {"associated": 1, "unresolved": 1}
    (open_line,) = [line for line in first.associations.to_pylist() if line["outcome"] == "unresolved"]
    assert (open_line["call"], open_line["target_key"], open_line["target_id"]) == (1, "ada@x.org", None)
    assert "people" in open_line["reason"]
    assert associated(bench.run(rows, calls())) == {"unchanged": 1, "unresolved": 1}
    made = persons(bench, "ada", "bob")
    writes = bench.writes()
    third = bench.run(rows, calls())
    assert (shown(third), associated(third)) == ({"unchanged": 1}, {"associated": 2})
    assert bench.writes() == writes
    assert {b for _, b in bench.pairs("calls", "contacts")} == set(made.values())
    fourth = bench.run(rows, calls())
    assert associated(fourth) == {"unchanged": 2}
    assert fourth.requests <= 1  # a look at what is known; nothing is written


def test_an_open_association_of_a_row_that_is_away_stays_open(bench: Bench) -> None:
    """It is counted every night, and written when its target appears, though its row is not in the table."""
    persons(bench, "bob")
    bench.run([call(1, "ada@x.org"), call(2, "bob@x.org")], calls())
    away = bench.run([call(2, "bob@x.org")], calls())
    assert associated(away) == {"unchanged": 1, "unresolved": 1}
    made = persons(bench, "ada", "bob")
    assert associated(bench.run([call(2, "bob@x.org")], calls())) == {"associated": 1, "unchanged": 1}
    assert {b for _, b in bench.pairs("calls", "contacts")} == set(made.values())
    assert associated(bench.run([call(2, "bob@x.org")], calls())) == {"unchanged": 1}


def test_parent_companies_of_one_table_are_associated_in_its_first_run(bench: Bench) -> None:
    """through= may name the sync itself: its targets are looked up once the records of the run exist."""
    operation = Upsert(
        "companies",
        key="id",
        properties=["name"],
        associations=[Association("companies", column="parent", type=14, through="firms")],
    )
    rows = [{"id": i, "name": f"F{i}", "parent": i // 2 or None} for i in range(1, 8)]
    first = bench.run(rows, operation, "firms")
    assert associated(first) == {"associated": 6}
    ids = {line["id"]: line["hs_object_id"] for line in lines(first)}
    graph = bench.graph("companies", "companies")
    for row in rows[1:]:
        assert ("HUBSPOT_DEFINED", 14) in graph[ids[row["id"]]][ids[row["parent"]]]
    assert associated(bench.run(rows, operation, "firms")) == {"unchanged": 6}


def test_a_required_association_to_the_run_itself_is_refused(bench: Bench) -> None:
    """No record can have it when it is made; the message says what to leave out."""
    operation = Upsert(
        "companies",
        key="id",
        properties=["name"],
        associations=[Association("companies", column="parent", type=14, through="firms", required=True)],
    )
    with pytest.raises(InputError, match="Leave required out"):
        bench.run([{"id": 1, "name": "F", "parent": 1}], operation, "firms")
    assert bench.writes() == 0


def test_a_target_that_was_made_anew_is_followed(bench: Bench) -> None:
    """The hash of a row's associations holds record ids: another record behind the same key is associated."""
    persons(bench, "ada")
    rows = [call(1, "ada@x.org")]
    bench.run(rows, calls())
    bench.client.batch_archive("contacts", [bench.by_email()["ada@x.org"]])
    bench.run([{"email": "ada@x.org"}], PEOPLE, "people", full_refresh=True)
    anew = bench.by_email()["ada@x.org"]
    assert associated(bench.run(rows, calls())) == {"associated": 1}
    assert anew in {b for _, b in bench.pairs("calls", "contacts")}


def test_an_upsert_collects_its_associations_over_batches(bench: Bench) -> None:
    """1,000 contacts with two companies each: 10 requests of records, and one for each 2,000 associations."""
    companies = bench.companies(2)
    rows = [{**row, "company": companies} for row in people([None] * 1000)]
    result = bench.run(rows, by_email())
    assert (shown(result), associated(result)) == ({"created": 1000}, {"associated": 2000})
    assert result.requests == 11
    assert len(bench.pairs()) == 2000


def test_a_row_that_is_rejected_leaves_its_associations_unsent(bench: Bench) -> None:
    """They are counted, and written with the row once it is taken."""
    companies = bench.companies(2)
    rows = people(list(companies))
    operation = Create("contacts", key="id", properties=["email"], associations=by_email().associations)
    bench.emulator.seed_records("contacts", [{"email": "p1@x.org"}])  # the address is taken
    result = bench.run(rows, operation)
    assert shown(result) == {"created": 1, "rejected": 1}
    assert associated(result) == {"associated": 1, "unsent": 1}


def test_a_plan_says_what_would_be_associated(bench: Bench) -> None:
    """Nothing is written; what has a target counts as associated, the rest as unresolved."""
    persons(bench, "bob")
    rows = [call(1, "ada@x.org", "bob@x.org")]
    options = RunOptions(retry_policy=QUICK)
    plan = plan_sync(rows, calls(), client=bench.client, store=bench.store, name="sync", options=options)
    assert plan.associations == {"associated": 1, "unresolved": 1}
    assert "1 unresolved" in str(plan)
    assert not bench.pairs("calls", "contacts")


def test_a_plan_that_was_approved_is_refused_when_a_target_appeared(bench: Bench) -> None:
    """What would be associated is part of the plan's hash."""
    persons(bench, "bob")
    rows = [call(1, "ada@x.org")]
    options = RunOptions(retry_policy=QUICK)
    plan = plan_sync(rows, calls(), client=bench.client, store=bench.store, name="sync", options=options)
    persons(bench, "ada", "bob")
    with pytest.raises(InputError, match="was approved"):
        bench.run(rows, calls(), approve=plan.hash)


def test_an_adopting_run_looks_at_associations_and_writes_none(bench: Bench) -> None:
    """What is there counts as unchanged; the next run writes what lacks."""
    companies = bench.companies(2)
    operation = by_email()
    bench.run(people(list(companies)), operation, "former")
    bench.emulator.portal.associations.remove_all(
        "contacts", bench.by_email()["p0@x.org"], "companies", companies[0]
    )
    adopted = bench.run(people(list(companies)), operation, adopt=True)
    assert associated(adopted) == {"unchanged": 1, "unsent": 1}
    (unsent,) = [each for each in adopted.associations.to_pylist() if each["outcome"] == "unsent"]
    assert unsent["reason"] == "Adopting writes none: the next sync does."
    assert len(bench.pairs()) == 1
    after = bench.run(people(list(companies)), operation)
    assert after.association_counts["associated"] == 1
    assert len(bench.pairs()) == 2


def test_an_ids_table_of_the_first_format_has_its_associations_written_once_more(bench: Bench) -> None:
    """It holds no hash of associations: they are written again, which does no harm, and are unchanged from
    then on.
    """
    rows = people(list(bench.companies(3)))
    bench.run(rows, by_email())
    path = Path(bench.store.path("sync", "ids.parquet"))
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["_associations"]), path)
    with contextlib.closing(sqlite3.connect(Path(bench.root) / "journal.db")) as journal, journal:
        journal.execute("UPDATE hubspot_generations SET seal = '', crc = ''")  # that version kept no sum
    before = bench.graph()
    assert associated(bench.run(rows, by_email())) == {"associated": 3}
    assert bench.graph() == before
    assert associated(bench.run(rows, by_email())) == {"unchanged": 3}


def test_a_late_request_does_not_bring_back_what_replace_removed(bench: Bench) -> None:
    """A request without an answer stays in the journal: until it is certainly over, every run looks at its
    rows again.
    """
    first, second = bench.companies(2)
    operation = by_email(Association("companies", column="company", replace=True))
    bench.emulator.faults.add(Fault.drop(operation="associations.default"))
    assert associated(bench.run(people([first]), operation)) == {"unknown": 1}
    bench.emulator.faults.clear()
    bench.run(people([second]), operation)
    contact = bench.by_email()["p0@x.org"]
    associations = bench.emulator.portal.associations
    plain = associations.plain("contacts", "companies")
    assert plain is not None
    associations.add(plain, contact, first)  # what the lost request does late
    bench.run(people([second]), operation)
    assert bench.pairs() == {(contact, second)}
    bench.run(people([second]), operation, retry_policy=HASTY)
    reads = bench.requests("associations.read")
    bench.run(people([second]), operation)
    assert bench.requests("associations.read") == reads


def test_an_undo_ends_what_the_run_made_and_makes_what_it_removed(bench: Bench) -> None:
    """With replace the former associations come back, labels included; what was there before the run
    stays.
    """
    first, second, third = bench.companies(3)
    bench.label("Billing")
    plain = Association("companies", column="company", replace=True)
    labelled = Association("companies", column="bill", type="Billing", replace=True)
    operation = Upsert(
        "contacts",
        id_property="email",
        properties=["email"],
        associations=[plain, labelled],
        keep_before=True,
    )
    row = {"email": "a@x.org", "company": [first, third], "bill": first}
    bench.run([row], operation)
    before = bench.graph()
    run = bench.run([{**row, "company": [second, third], "bill": second}], operation)
    assert (associated(run), run.dissociated) == ({"associated": 2, "unchanged": 1}, 1)
    found = plan_undo(bench.store, "sync", run.run)
    assert "2 associations that it made are ended, 1 that it removed are made again" in str(found)
    options = RunOptions(retry_policy=QUICK)
    for _ in range(2):
        undo("sync", run.run, client=bench.client, store=bench.store, options=options)
        assert bench.graph() == before


def test_rows_that_are_associations_tell_of_them_in_the_same_words(bench: Bench) -> None:
    """Associate keeps created and unchanged for its rows; the table of associations says associated and
    unresolved.
    """
    (firm,) = bench.companies(1)
    made = persons(bench, "ada")
    seats = Associate(
        "contacts", to_type="companies", from_column="mail", to_column="firm", from_through="people"
    )
    rows = [{"mail": "ada@x.org", "firm": firm}, {"mail": "bob@x.org", "firm": firm}]
    result = bench.run(rows, seats)
    assert shown(result) == {"created": 1, "rejected": 1}
    assert associated(result) == {"associated": 1, "unresolved": 1}
    (line,) = [line for line in result.associations.to_pylist() if line["outcome"] == "associated"]
    assert (line["mail"], line["to"], line["target_id"]) == ("ada@x.org", "companies", firm)
    assert bench.pairs() == {(made["ada"], firm)}


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_graph_is_what_the_tables_want_whatever_comes_first(bench: Bench, data: st.DataObject) -> None:
    """Over some nights people and calls come and go in any order: what is associated is what was wanted, and
    all is accounted for.
    """
    name = f"s{len(bench.emulator.books.requests())}"
    names = ["ada", "bob", "eve"]
    there: set[str] = set()
    wanted: dict[int, list[str]] = {}
    expected: set[tuple[int, str]] = set()
    bench.run([], PEOPLE, f"people-{name}")
    operation = Create(
        "calls",
        key="call",
        properties={"hs_timestamp": "at"},
        associations=[Association("contacts", column="mail", through=f"people-{name}")],
    )
    made: dict[str, str] = {}
    records: dict[int, str] = {}
    for _night in range(3):
        there |= set(data.draw(st.lists(st.sampled_from(names), max_size=2)))
        done = bench.run(
            [{"email": f"{each}-{name}@x.org"} for each in sorted(there)], PEOPLE, f"people-{name}"
        )
        made |= {line["email"].partition("-")[0]: line["hs_object_id"] for line in lines(done)}
        rows = data.draw(
            st.lists(
                st.tuples(st.integers(1, 3), st.lists(st.sampled_from(names), max_size=2, unique=True)),
                max_size=3,
                unique_by=lambda row: row[0],
            )
        )
        result = bench.run(
            [call(n, *(f"{each}-{name}@x.org" for each in mail)) for n, mail in rows],
            operation,
            name,
            first_run=True,
        )
        wanted |= dict(
            rows
        )  # a row that is there says what it wants now; one that is away is still waited for
        expected |= {(n, each) for n, mail in wanted.items() for each in mail if each in made}
        records |= {line["call"]: line["hs_object_id"] for line in lines(result)}
        assert sum(result.association_counts.values()) == result.associations.num_rows
    mine = set(records.values())
    graph = {(a, b) for a, b in bench.pairs("calls", "contacts") if a in mine}
    assert graph == {(records[n], made[each]) for n, each in expected}


def test_a_run_that_loses_an_association_breaks(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wanted is counted from the rows, and the outcomes from the lines: a line too few is no run that
    went well.
    """
    (firm,) = bench.companies(1)
    resolve = AssociationTable._resolve

    def losing(table: AssociationTable) -> None:
        resolve(table)
        table.stage.db.execute("DELETE FROM association_lines WHERE line = 1")

    monkeypatch.setattr(AssociationTable, "_resolve", losing)
    with pytest.raises(ConservationError, match="3 associations are wanted"):
        bench.run(people([firm] * 3), by_email())
    monkeypatch.undo()
    after = bench.run(people([firm] * 3), by_email())
    assert sum(associated(after).values()) == 3
    assert len(bench.pairs()) == 3


def test_the_associations_of_rows_that_are_rejected_here_are_counted_too(bench: Bench) -> None:
    """A number that is none, and a key that is there twice: what the row wants is unsent, or has no target
    either way.
    """
    made = persons(bench, "ada")
    operation = Create(
        "calls",
        key="call",
        properties={"hs_timestamp": "at", "hs_call_duration": "ms"},
        associations=[Association("contacts", column="mail", through="people")],
    )
    rows = [
        {**call(1, "ada@x.org"), "ms": 1},
        {**call(2, "ada@x.org", "eve@x.org"), "ms": [[1]]},
        {**call(1, "ada@x.org", "bob@x.org"), "ms": 1},
    ]
    result = bench.run(rows, operation)
    assert shown(result) == {"created": 1, "rejected": 2}
    assert associated(result) == {"associated": 1, "unsent": 1, "unresolved": 2}
    told = [(line["call"], line["target_key"], line["outcome"]) for line in result.associations.to_pylist()]
    assert sorted(told) == [
        (1, "ada@x.org", "associated"),
        (1, "bob@x.org", "unresolved"),
        (2, "ada@x.org", "unsent"),
        (2, "eve@x.org", "unresolved"),
    ]
    assert {b for _, b in bench.pairs("calls", "contacts")} == {made["ada"]}
    rows[1]["ms"] = 1
    again = bench.run(rows[:2], operation)
    assert associated(again) == {"associated": 1, "unchanged": 1, "unresolved": 1}


def test_an_open_association_of_a_row_that_is_rejected_one_night_stays_open(bench: Bench) -> None:
    """Its record exists: the association is counted once, and written when its target appears."""
    persons(bench, "bob")
    operation = Create(
        "calls",
        key="call",
        properties={"hs_timestamp": "at", "hs_call_duration": "ms"},
        associations=[Association("contacts", column="mail", through="people")],
    )
    row = {**call(1, "ada@x.org"), "ms": 1}
    bench.run([row], operation)
    rejected = {**row, "ms": [[1]]}
    result = bench.run([rejected], operation)
    assert (shown(result), associated(result)) == ({"rejected": 1}, {"unresolved": 1})
    made = persons(bench, "ada", "bob")
    assert associated(bench.run([rejected], operation))["associated"] == 1
    assert {b for _, b in bench.pairs("calls", "contacts")} == {made["ada"]}
