"""The way back from a run: its associations end, what it removed comes back, and what others rely on
stays.
"""

from __future__ import annotations

from typing import Any

from bench.association_rows import associated, by_email, people
from bench.sync_bench import Bench, shown

from hubspot_batch_dagster import Associate, Association, Update, Upsert
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.sync.reconciliation.reconcile import reconcile
from hubspot_batch_dagster.sync.run import RunOptions
from hubspot_batch_dagster.sync.undo import Undo, plan_undo, undo

SEATS = Associate("contacts", "companies", from_column="contact", to_column="company")
ONLY_SEATS = Associate("contacts", "companies", from_column="contact", to_column="company", replace=True)
ONLY = by_email(Association("companies", column="company", replace=True))


def seats(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"contact": a, "company": b} for a, b in pairs]


def take_back(bench: Bench, run: str, name: str = "sync", **options: Any) -> Undo:
    found = plan_undo(bench.store, name, run)
    chosen = RunOptions(retry_policy=bench.retry_policy, on_warning=bench.warnings.append, **options)
    undo(name, run, client=bench.client, store=bench.store, options=chosen)
    return found


def test_rows_that_are_associations_are_taken_back(bench: Bench) -> None:
    """What the run made ends, what it found stays; the next runs leave them so until full_refresh."""
    ada, bob = bench.contacts(2)
    (firm,) = bench.companies(1)
    bench.run(seats((ada, firm)), SEATS)
    run = bench.run(seats((ada, firm), (bob, firm)), SEATS)
    assert "1 associations that it made are ended" in str(plan_undo(bench.store, "sync", run.run))
    for _ in range(2):
        take_back(bench, run.run)
        assert bench.pairs() == {(ada, firm)}
    again = bench.run(seats((ada, firm), (bob, firm)), SEATS)
    assert shown(again) == {"unchanged": 2}
    assert bench.pairs() == {(ada, firm)}
    found = reconcile(bench.store, "sync", client=bench.client, retry_policy=bench.retry_policy)
    assert found.associations is not None
    assert {name: n for name, n in found.associations.counts.items() if n} == {"as_wanted": 1}
    assert bench.run(seats((ada, firm), (bob, firm)), SEATS, full_refresh=True).counts["created"] == 2
    assert bench.pairs() == {(ada, firm), (bob, firm)}


def test_what_rows_that_are_associations_removed_comes_back_and_stays(bench: Bench) -> None:
    """With replace the next run leaves the record alone until a row of it is new; then the table counts
    again.
    """
    (ada,) = bench.contacts(1)
    first, second, third = bench.companies(3)
    bench.run(seats((ada, first), (ada, second)), ONLY_SEATS)
    run = bench.run(seats((ada, second)), ONLY_SEATS)
    assert run.dissociated == 1
    assert "1 that it removed are made again" in str(take_back(bench, run.run))
    for _ in range(2):
        assert bench.run(seats((ada, second)), ONLY_SEATS).dissociated == 0
        assert bench.pairs() == {(ada, first), (ada, second)}
    bench.run(seats((ada, second), (ada, third)), ONLY_SEATS)
    assert bench.pairs() == {(ada, second), (ada, third)}


def test_what_another_sync_wants_stays(bench: Bench) -> None:
    """In whichever direction, and with whichever label, it names the two records."""
    ada, bob, eve = bench.contacts(3)
    (firm,) = bench.companies(1)
    bench.label("Billing")
    run = bench.run(seats((ada, firm), (bob, firm), (eve, firm)), SEATS)
    back = Associate("companies", "contacts", from_column="company", to_column="contact")
    bench.run(seats((ada, firm)), back, "back")
    billing = Associate("contacts", "companies", from_column="contact", to_column="company", type="Billing")
    bench.run(seats((bob, firm)), billing, "billing")
    found = take_back(bench, run.run)
    assert (found.associations.ended, found.associations.kept) == (1, 2)
    assert "2 stay as they are" in str(found)
    assert bench.pairs() == {(ada, firm), (bob, firm)}


def test_what_another_sync_wanted_once_is_ended(bench: Bench) -> None:
    """Only what it wants by now counts."""
    ada, bob = bench.contacts(2)
    (firm,) = bench.companies(1)
    contacts = Update(
        "contacts",
        record_id="contact",
        properties=[],
        associations=[Association("companies", column="company")],
    )
    run = bench.run(seats((ada, firm), (bob, firm)), SEATS)
    bench.run(seats((ada, firm), (bob, firm)), contacts, "other")
    bench.run([{"contact": ada, "company": firm}, {"contact": bob, "company": None}], contacts, "other")
    take_back(bench, run.run)
    assert bench.pairs() == {(ada, firm)}


def test_a_label_of_the_same_row_keeps_the_pair(bench: Bench) -> None:
    """The run added an association without a label to a pair that another column labels: the pair stays."""
    (firm,) = bench.companies(1)
    billing, _ = bench.label("Billing")
    operation = by_email(
        Association("companies", column="company"), Association("companies", column="bill", type="Billing")
    )
    rows = [{**people([None])[0], "bill": firm}]
    bench.run(rows, operation)
    run = bench.run([{**rows[0], "company": firm}], operation)
    take_back(bench, run.run)
    (held,) = bench.graph().values()
    assert ("USER_DEFINED", billing) in held[firm]


def test_what_a_later_run_wrote_stays(bench: Bench) -> None:
    """The records of that run are left alone; once it is undone too, the earlier one can be."""
    first, second, third, fourth = bench.companies(4)
    bench.run(people([first, first]), ONLY)
    second_run = bench.run(people([second, second]), ONLY)
    third_run = bench.run(people([third, second]), ONLY)
    ids = bench.by_email()
    found = take_back(bench, second_run.run)
    assert (found.associations.ended, found.associations.restored, found.associations.kept) == (1, 1, 2)
    assert bench.pairs() == {(ids["p0@x.org"], third), (ids["p1@x.org"], first)}
    take_back(bench, third_run.run)
    take_back(bench, second_run.run)
    assert bench.pairs() == {(ids["p0@x.org"], first), (ids["p1@x.org"], first)}
    assert associated(bench.run(people([third, second]), ONLY)) == {"unchanged": 2}
    bench.run(people([third, fourth]), ONLY)
    assert bench.pairs() == {(ids["p0@x.org"], first), (ids["p1@x.org"], fourth)}


def test_what_cannot_come_back_is_said(bench: Bench) -> None:
    """The company that the run dissociated is gone since."""
    first, second = bench.companies(2)
    bench.run(people([first]), ONLY)
    run = bench.run(people([second]), ONLY)
    bench.client.batch_archive("companies", [first])
    take_back(bench, run.run)
    assert any("1 associations that the run removed are not made again" in each for each in bench.warnings)
    assert bench.pairs() == set()


def test_a_row_whose_values_were_taken_back_is_associated_once_it_names_another_record(bench: Bench) -> None:
    """Its values stay as the undo left them; its association is the one that the row wants now."""
    first, second = bench.companies(2)
    operation = Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname"],
        associations=[Association("companies", column="company")],
        keep_before=True,
    )
    old = people([first])
    new = [{**old[0], "firstname": "Grace"}]
    bench.run(old, operation)
    take_back(bench, bench.run(new, operation).run)
    assert associated(bench.run(new, operation)) == {"unchanged": 1}
    result = bench.run([{**new[0], "company": second}], operation)
    assert (shown(result), associated(result)) == ({"unchanged": 1}, {"associated": 1})
    (record,) = bench.emulator.records("contacts").values()
    assert record["firstname"] == "Ada 0"
    assert {b for _, b in bench.pairs()} == {first, second}


def test_an_association_that_was_taken_back_is_made_again_once_its_row_changes(bench: Bench) -> None:
    """Until then it stays as the undo left it, though the row names the same records."""
    first, second = bench.companies(2)
    operation = by_email(Association("companies", column="company"))
    bench.run(people([first]), operation)
    both = [{**people([first])[0], "company": [first, second]}]
    take_back(bench, bench.run(both, operation).run)
    assert associated(bench.run(both, operation)) == {"unchanged": 2}
    assert bench.pairs() == set()
    changed = [{**both[0], "firstname": "Grace"}]
    assert associated(bench.run(changed, operation)) == {"associated": 2}
    assert {b for _, b in bench.pairs()} == {first, second}
    assert associated(bench.run(changed, operation)) == {"unchanged": 2}


def test_an_association_whose_answer_was_lost_is_taken_back_too(bench: Bench) -> None:
    """HubSpot may have it. The next run, which would have written it again, leaves it as it is."""
    (ada,), (firm,) = bench.contacts(1), bench.companies(1)
    update = Update(
        "contacts",
        record_id="contact",
        properties=[],
        associations=[Association("companies", column="company")],
    )
    bench.emulator.faults.add(Fault.drop(operation="associations.default", after_commit=True))
    run = bench.run(seats((ada, firm)), update)
    bench.emulator.faults.clear()
    assert associated(run) == {"unknown": 1}
    assert bench.pairs() == {(ada, firm)}
    take_back(bench, run.run)
    assert bench.pairs() == set()
    bench.run(seats((ada, firm)), update)
    assert bench.pairs() == set()
