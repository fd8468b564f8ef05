"""Runs that die or are overtaken: the ids table in the warehouse has all of a run or nothing, and nothing is
lost or made twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bench.sync_bench import HASTY, SETTINGS, Bench, shown
from bench.warehouse_bench import ALWAYS, FIRMS, Database, cities, moved

from hubspot_batch_dagster import Upsert
from hubspot_batch_dagster.api.errors import Overtaken
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.emulator.merges import merge_records
from hubspot_batch_dagster.sync.warehouse.comparison import Comparison
from hubspot_batch_dagster.sync.warehouse.warehouse_ids import WarehouseIds

N = 300


class Killed(BaseException):
    """The process ends here."""


def killed(*_: Any, **__: Any) -> None:
    raise Killed


@pytest.fixture
def changed(bench: Bench, database: Database) -> Database:
    """Firms that were sent once, and of which some have changed since."""
    database.firms(N)
    bench.run(database.rows(), FIRMS)
    database.sql(
        "UPDATE firms SET city = 'Bonn' WHERE id IN (7, 150)",
        "INSERT INTO firms VALUES (1000, 'New', 'Ulm')",
    )
    return database


def before(method: Callable[..., Any], happens: Callable[[], None]) -> Callable[..., Any]:
    """A method before which something happens, once."""
    left = [happens]

    def wrapped(*args: Any, **options: Any) -> Any:
        if left:
            left.pop()()
        return method(*args, **options)

    return wrapped


def test_a_run_that_dies_after_its_merge_and_before_the_journal_forgets_is_taken_up(
    bench: Bench, changed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(bench.store.journal, "conclude", killed)
        with pytest.raises(Killed):
            bench.run(changed.rows(), FIRMS)
    assert len(changed.ids(where="_generation = 2")) == 3
    writes = bench.writes()
    assert shown(bench.run(changed.rows(), FIRMS)) == {"unchanged": N + 1}
    assert moved(bench.run(changed.rows(), FIRMS)) == ALWAYS
    assert bench.writes() == writes
    assert bench.once_each("companies", "name", [*(f"Firm {i}" for i in range(N)), "New"])


def test_a_run_that_dies_within_its_merge_leaves_the_table_as_it_was(
    bench: Bench, changed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = sorted(changed.ids("_key, outcome, _digest, _source, _generation"))
    with monkeypatch.context() as patched:
        patched.setattr(WarehouseIds, "_not_brought", killed)
        with pytest.raises(Killed):
            bench.run(changed.rows(), FIRMS)
    assert sorted(changed.ids("_key, outcome, _digest, _source, _generation")) == lines
    writes = bench.writes()
    assert shown(bench.run(changed.rows(), FIRMS)) == {"unchanged": N + 1}
    assert bench.writes() == writes
    assert len(changed.ids()) == N + 1


def test_a_first_run_that_dies_after_its_merge_is_taken_up(
    bench: Bench, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.firms(N)
    with monkeypatch.context() as patched:
        patched.setattr(bench.store.journal, "conclude", killed)
        with pytest.raises(Killed):
            bench.run(database.rows(), FIRMS)
    assert shown(bench.run(database.rows(), FIRMS)) == {"unchanged": N}
    assert len(bench.emulator.records("companies")) == N


def test_a_run_that_was_overtaken_merges_nothing(
    bench: Bench, changed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The register in the warehouse fences it, whatever the journal says."""
    lines = sorted(changed.ids("_key, outcome, _digest, _generation"))

    def other_run_begins() -> None:
        with changed.rows().open(memory="256MB") as engine:
            engine.make_again("shape", "SELECT 1 AS id")
            WarehouseIds(engine, "hubspot", "sync").claim(9, "later", ("id",), "shape")

    with monkeypatch.context() as patched:
        patched.setattr(WarehouseIds, "merge", before(WarehouseIds.merge, other_run_begins))
        with pytest.raises(Overtaken, match="Run later"):
            bench.run(changed.rows(), FIRMS)
    assert sorted(changed.ids("_key, outcome, _digest, _generation")) == lines
    result = bench.run(changed.rows(), FIRMS)
    assert (shown(result), result.generation) == ({"unchanged": N + 1}, 10)


def test_a_run_that_begins_later_is_not_fenced_by_one_that_began_before(changed: Database) -> None:
    with changed.rows().open(memory="256MB") as engine:
        engine.make_again("shape", "SELECT 1 AS id")
        ids = WarehouseIds(engine, "hubspot", "sync")
        ids.claim(5, "five", ("id",), "shape")
        with pytest.raises(Overtaken):
            ids.claim(4, "four", ("id",), "shape")
        ids.claim(5, "five", ("id",), "shape")


def test_a_create_whose_answer_was_lost_is_settled_by_the_next_run(bench: Bench, changed: Database) -> None:
    """Its key is named in the journal, so its row and its line are moved."""
    bench.emulator.faults.add(
        Fault.drop(operation="create", after_commit=True), Fault.answer(503, operation="search")
    )
    assert bench.run(changed.rows(), FIRMS).counts["unknown"] == 1
    bench.emulator.faults.clear()
    result = bench.run(changed.rows(), FIRMS, retry_policy=HASTY)
    assert result.rows == sum(result.counts.values()) == N + 1
    assert changed.ids("outcome", "id = 1000 AND hs_object_id IS NOT NULL") == [("created",)]
    assert bench.once_each("companies", "name", [*(f"Firm {i}" for i in range(N)), "New"])


def test_an_outcome_that_the_journal_alone_has_is_merged_although_its_row_left_the_source(
    bench: Bench, changed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(WarehouseIds, "merge", killed)
        with pytest.raises(Killed):
            bench.run(changed.rows(), FIRMS)
    changed.sql("DELETE FROM firms WHERE id = 1000")
    bench.run(changed.rows(), FIRMS)
    assert changed.ids("outcome", "_key = '1000' AND hs_object_id IS NOT NULL") == [("created",)]
    changed.sql("INSERT INTO firms VALUES (1000, 'New', 'Ulm')")
    assert shown(bench.run(changed.rows(), FIRMS)) == {"unchanged": N + 1}


def test_rows_that_change_during_a_run_are_sent_as_they_were_and_again_by_the_next(
    bench: Bench, changed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def source_changes() -> None:
        changed.sql("UPDATE firms SET city = 'Rom' WHERE id IN (7, 8)")

    with monkeypatch.context() as patched:
        patched.setattr(Comparison, "candidates", before(Comparison.candidates, source_changes))
        assert shown(bench.run(changed.rows(), FIRMS)) == {
            "created": 1,
            "updated": 2,
            "unchanged": N - 2,
        }
    assert cities(bench)["Firm 7"] == "Bonn"
    assert shown(bench.run(changed.rows(), FIRMS)) == {"updated": 2, "unchanged": N - 1}
    assert (cities(bench)["Firm 7"], cities(bench)["Firm 8"]) == ("Rom", "Rom")


def test_a_new_row_that_ends_at_the_record_of_a_row_that_stayed_is_refused_and_that_one_sent_again(
    bench: Bench, database: Database
) -> None:
    """Two addresses of one contact, of which the run moves only the new one."""
    people = "SELECT 'p' || i || '@x.org' AS email, 'Ada' AS firstname FROM generate_series(1, 300) t(i)"
    operation = Upsert("contacts", id_property="email", properties=["email", "firstname"])
    bench.run(database.rows(people), operation)
    key, record = database.ids("_key, hs_object_id", "true ORDER BY _source_key DESC LIMIT 1")[0]
    bench.client.batch_update(
        "contacts", [{"id": record, "properties": {"hs_additional_emails": "other@x.org"}}]
    )
    more = database.rows(f"{people} UNION ALL SELECT 'other@x.org', 'Eve'")
    result = bench.run(more, operation)
    assert (shown(result), result.reasons) == ({"unchanged": 300, "rejected": 1}, {"SAME_RECORD": 1})
    assert database.ids("_digest, hs_object_id", f"_key = '{key}'") == [("", record)]
    assert shown(bench.run(more, operation)) == {"updated": 1, "unchanged": 299, "rejected": 1}
    assert bench.emulator.records("contacts")[record]["firstname"] == "Ada"
    assert shown(bench.run(database.rows(people), operation)) == {"unchanged": 300}


@pytest.mark.parametrize("new_id", [True, False])
def test_a_row_that_stayed_or_left_while_another_one_was_written_to_their_merged_record_is_told_of_it(
    bench: Bench, database: Database, new_id: bool
) -> None:
    database.firms(N)
    bench.run(database.rows(), FIRMS)
    ids = dict(database.ids("_key, hs_object_id"))
    portal = bench.emulator.portal
    portal.settings = replace(SETTINGS, merge_gives_new_id=new_id)
    left = merge_records(portal, portal.table("companies"), ids["5"], ids["7"]).id
    gone = [] if new_id else ["DELETE FROM firms WHERE id = 5"]
    database.sql(*gone, "UPDATE firms SET city = 'Bonn' WHERE id = 7")
    bench.run(database.rows(), FIRMS)
    if gone:
        database.sql("INSERT INTO firms VALUES (5, 'Firm 5', 'Ulm')")
    assert bench.run(database.rows(), FIRMS).reasons == {"SAME_RECORD": 1}
    before = bench.writes()
    again = bench.run(database.rows(), FIRMS)
    assert (shown(again), bench.writes()) == ({"unchanged": N - 1, "rejected": 1}, before)
    assert database.ids("hs_object_id", "_key IN ('5', '7')") == [(left,), (left,)]
    assert len(bench.emulator.records("companies")) == N - 1
