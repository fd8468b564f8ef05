"""Records that were merged in HubSpot, and rows that end at one record: the row lives on, and nothing is made
anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bench.sync_bench import BY_EMAIL, BY_KEY, SETTINGS, Bench, shown

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.emulator.merges import merge_records
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync import run
from hubspot_batch_dagster.sync.stages import deliver
from hubspot_batch_dagster.sync.undo import undo

ANSWERS = ["left_out", "carried_out", "not_found"]


def firms(*cities: str) -> list[dict[str, Any]]:
    return [{"id": i, "name": f"Firm {i}", "city": city} for i, city in enumerate(cities)]


def merged(bench: Bench, first: str, second: str, **settings: Any) -> str:
    """Merge the second record into the first; the id of the record that is left."""
    bench.emulator.portal.settings = replace(SETTINGS, **settings)
    portal = bench.emulator.portal
    return merge_records(portal, portal.table("companies"), first, second).id


def fail(*_: object, **__: object) -> None:
    raise StoreError("The disk is full.")


def outcomes(result: Any) -> list[str]:
    return [line["outcome"] for line in result.ids.to_pylist()]


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_first_row_counts_also_where_only_the_second_changed(bench: Bench, answer: str) -> None:
    ids = bench.run(firms("a", "a", "a"), BY_KEY).ids["hs_object_id"].to_pylist()
    left = merged(bench, ids[0], ids[1], update_of_merged=answer, merge_gives_new_id=True)
    result = bench.run(firms("a", "b", "a"), BY_KEY)
    assert result.reasons == {"SAME_RECORD": 1}
    assert result.ids["hs_object_id"].to_pylist() == [left, left, ids[2]]
    assert bench.emulator.records("companies")[left]["city"] == "a"
    assert outcomes(bench.run(firms("a", "b", "a"), BY_KEY)) == ["unchanged", "rejected", "unchanged"]


def test_two_addresses_of_contacts_that_were_merged_are_one_row_also_where_only_the_second_changed(
    bench: Bench,
) -> None:
    def people(*names: str) -> list[dict[str, str]]:
        return [{"email": f"p{i}@x.org", "firstname": name} for i, name in enumerate(names)]

    ids = bench.run(people("a", "a"), BY_EMAIL).ids["hs_object_id"].to_pylist()
    portal = bench.emulator.portal
    left = merge_records(portal, portal.table("contacts"), ids[0], ids[1]).id
    result = bench.run(people("a", "b"), BY_EMAIL)
    assert (result.reasons, result.ids["hs_object_id"].to_pylist()) == ({"SAME_RECORD": 1}, [left, left])
    assert bench.emulator.records("contacts")[left]["firstname"] == "a"


@pytest.mark.parametrize(("now", "city"), [("aba", "a"), ("baa", "b")], ids=["the second", "the first"])
def test_a_merge_that_an_answer_showed_to_a_run_that_could_not_save_is_seen_by_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, now: str, city: str
) -> None:
    """The journal knows the new id of the row that was written; the other one must not stay with the old."""
    ids = bench.run(firms("a", "a", "a"), BY_KEY).ids["hs_object_id"].to_pylist()
    left = merged(bench, ids[0], ids[1], update_of_merged="carried_out", merge_gives_new_id=True)
    with monkeypatch.context() as full:
        full.setattr(run, "save", fail)
        full.setattr(deliver, "settle_shared_records", lambda *_, **__: 0)
        full.setattr(run.conclusion, "conclude", fail)
        with pytest.raises(StoreError):
            bench.run(firms(*now), BY_KEY)
    result = bench.run(firms(*now), BY_KEY)
    assert result.reasons == {"SAME_RECORD": 1}
    assert result.ids["hs_object_id"].to_pylist() == [left, left, ids[2]]
    assert bench.emulator.records("companies")[left]["city"] == city
    assert outcomes(bench.run(firms(*now), BY_KEY)) == ["unchanged", "rejected", "unchanged"]


@pytest.mark.parametrize("killed", [True, False])
@pytest.mark.parametrize("new_id", [True, False])
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_row_that_was_away_while_another_one_was_written_to_their_record_is_sent_once_it_is_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, answer: str, new_id: bool, killed: bool
) -> None:
    ids = bench.run(firms("a", "a", "a"), BY_KEY).ids["hs_object_id"].to_pylist()
    left = merged(bench, ids[1], ids[0], update_of_merged=answer, merge_gives_new_id=new_id)
    first, *others = firms("b", "a", "a")
    if killed:
        with monkeypatch.context() as full:
            full.setattr(run, "save", fail)
            full.setattr(run.conclusion, "conclude", fail)
            with pytest.raises(StoreError):
                bench.run([first, others[1]], BY_KEY)
    else:
        bench.run([first, others[1]], BY_KEY)
    assert outcomes(bench.run(others, BY_KEY)) == ["updated", "unchanged"]
    assert bench.emulator.records("companies")[left]["name"] == "Firm 1"
    assert outcomes(bench.run(others, BY_KEY)) == ["unchanged", "unchanged"]
    assert len(bench.emulator.records("companies")) == 2


@pytest.mark.parametrize("new_id", [True, False])
def test_a_row_that_was_away_while_another_one_was_written_to_their_record_is_rejected_beside_that_one(
    bench: Bench, new_id: bool
) -> None:
    """It is never made anew, also where the ids table had that very record of it."""
    ids = bench.run(firms("a", "a", "a"), BY_KEY).ids["hs_object_id"].to_pylist()
    left = merged(bench, ids[1], ids[0], merge_gives_new_id=new_id)
    rows = firms("b", "a", "a")
    bench.run([rows[0], rows[2]], BY_KEY)
    before = bench.writes()
    for _ in range(2):
        result = bench.run(rows, BY_KEY)
        assert outcomes(result) == ["unchanged", "rejected", "unchanged"]
        assert result.reasons == {"SAME_RECORD": 1}
        assert result.ids["hs_object_id"].to_pylist() == [left, left, ids[2]]
    assert bench.writes() == before


def test_an_interruption_before_rows_of_one_record_were_told_apart_saves_what_is_known(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = bench.run(firms("a", "a", "a"), BY_KEY).ids["hs_object_id"].to_pylist()
    left = merged(bench, ids[0], ids[1], update_of_merged="carried_out", merge_gives_new_id=True)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as struck:
        struck.setattr(deliver, "follow_merged", interrupt)
        finished = bench.finish(firms("b", "c", "a"), BY_KEY, batch_size=1)
    assert isinstance(finished.interruption, KeyboardInterrupt)
    assert outcomes(finished.result) == ["updated", "rejected", "unchanged"]
    assert outcomes(bench.run(firms("b", "c", "a"), BY_KEY))[1:] == ["rejected", "unchanged"]
    assert bench.emulator.records("companies")[left]["city"] == "b"


@pytest.mark.parametrize("new_id", [True, False])
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize(("recreate", "all_absent"), [(False, "207"), (True, "404")])
def test_of_two_rows_whose_records_were_merged_the_first_is_written_and_the_other_keeps_what_it_knows(
    bench: Bench, answer: str, new_id: bool, recreate: bool, all_absent: str
) -> None:
    operation = Upsert(
        "companies", key="id", properties=["name", "city"], if_missing="recreate" if recreate else "report"
    )
    first = bench.run(firms("a", "a", "a"), operation)
    ids = first.ids["hs_object_id"].to_pylist()
    left = merged(
        bench, ids[0], ids[1], update_of_merged=answer, merge_gives_new_id=new_id, all_absent=all_absent
    )
    result = bench.run(firms("b", "c", "a"), operation)
    assert outcomes(result) == ["updated", "rejected", "unchanged"]
    (other,) = result.rejected.to_pylist()
    assert other["error_code"] == "SAME_RECORD"
    assert "key 0" in str(other["error_message"])
    assert result.ids["hs_object_id"].to_pylist() == [left, left, ids[2]]
    assert bench.emulator.records("companies")[left]["city"] == "b"
    before = bench.writes()
    third = bench.run(firms("b", "d", "a"), operation)
    assert (outcomes(third), bench.writes() - before) == (["unchanged", "rejected", "unchanged"], 0)
    assert len(bench.emulator.records("companies")) == 2
    alone = bench.run(firms("b", "d", "a")[1:], operation)
    assert outcomes(alone) == ["updated", "unchanged"]
    assert bench.emulator.records("companies")[left]["city"] == "d"


@pytest.mark.parametrize("answer", ANSWERS)
def test_of_two_changed_rows_one_is_written_also_where_the_second_rows_record_is_the_one_that_is_left(
    bench: Bench, answer: str
) -> None:
    """HubSpot calls the two duplicates, and then says of the first that it is gone: they must not be rejected
    for each other.
    """
    operation = replace(BY_KEY, if_missing="recreate")
    ids = bench.run(firms("a", "a", "a"), operation).ids["hs_object_id"].to_pylist()
    left = merged(bench, ids[1], ids[0], update_of_merged=answer, merge_gives_new_id=False)
    assert left == ids[1]
    result = bench.run(firms("b", "c", "a"), operation)
    assert outcomes(result) == ["updated", "rejected", "unchanged"]
    assert result.ids["hs_object_id"].to_pylist() == [left, left, ids[2]]
    assert bench.emulator.records("companies")[left]["city"] == "b"
    before = bench.writes()
    assert outcomes(bench.run(firms("b", "c", "a"), operation)) == ["unchanged", "rejected", "unchanged"]
    assert bench.writes() == before
    assert len(bench.emulator.records("companies")) == 2


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize("answer", ANSWERS)
def test_what_an_update_that_no_answer_tells_of_wrote_over_the_first_row_does_not_stay(
    bench: Bench, answer: str, size: int
) -> None:
    """Without trace ids a result with a new id is nobody's: the update may have been carried out on the
    merged record, which does not say what it was made of.
    """
    ids = bench.run(firms(*"aaaaaa"), BY_KEY).ids["hs_object_id"].to_pylist()
    left = merged(bench, ids[1], ids[3], update_of_merged=answer, echo_trace_id=False)
    del bench.emulator.portal.table("companies").records[left].properties["hs_merged_object_ids"]
    rows = firms(*"abaaaa")
    bench.run(rows[:3] + rows[4:], BY_KEY)  # the first row follows its record while the other one is away
    result = bench.run(firms(*"abcdef"), BY_KEY, batch_size=size)
    owner = (
        "unchanged" if answer == "not_found" else "updated"
    )  # sent again, for nobody knows what its record has
    assert outcomes(result) == ["unchanged", owner, "updated", "rejected", "updated", "updated"]
    assert bench.emulator.records("companies")[left]["city"] == "b"
    before = bench.writes()
    assert bench.run(firms(*"abcdef"), BY_KEY).counts["unchanged"] == 5
    assert bench.writes() == before


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_update_by_record_id_follows_the_merged_record(bench: Bench, answer: str) -> None:
    ids = bench.seed_old("companies", [{"name": "A"}, {"name": "B"}])
    left = merged(bench, *ids, update_of_merged=answer)
    by_id = Update("companies", record_id="company", properties=["city"])
    result = bench.run([{"company": each, "city": f"city of {each}"} for each in ids], by_id)
    assert outcomes(result) == ["updated", "rejected"]
    assert bench.emulator.records("companies")[left]["city"] == f"city of {ids[0]}"


def test_rows_that_collide_with_nothing_cost_no_request_more(bench: Bench) -> None:
    bench.run(firms("a", "a", "a"), BY_KEY)
    result = bench.run(firms("b", "b", "b"), BY_KEY)
    assert result.requests == 2  # a look at the known records, and the batch


def test_two_addresses_in_two_batches_are_one_contact_with_the_first_rows_values(bench: Bench) -> None:
    (record,) = bench.seed_old("contacts", [{"email": "a@x.org", "hs_additional_emails": "b@x.org"}])
    rows = [{"email": f"{name}@x.org", "firstname": name.upper()} for name in "ab"]
    result = bench.run(rows, BY_EMAIL, batch_size=1)
    assert outcomes(result) == ["updated", "rejected"]
    assert bench.emulator.records("contacts")[record]["firstname"] == "A"
    assert bench.emulator.records("contacts")[record]["email"] == "a@x.org"
    again = bench.run(rows, BY_EMAIL, batch_size=1)
    assert shown(again) == {"unchanged": 1, "rejected": 1}


def test_comparing_and_adopting_follow_merged_records(bench: Bench) -> None:
    compared = Upsert("companies", key="id", properties=["name", "city"], compare="portal")
    ids = bench.run(firms("a", "a", "a"), compared).ids["hs_object_id"].to_pylist()
    left = merged(bench, ids[0], ids[1])
    result = bench.run(firms("a", "a", "a"), compared)
    assert result.counts["created"] == 0
    assert result.ids["hs_object_id"].to_pylist() == [left, left, ids[2]]
    assert result.reasons == {"SAME_RECORD": 1}
    before = bench.writes()
    assert outcomes(bench.run(firms("a", "a", "a"), compared)) == ["unchanged", "rejected", "unchanged"]
    assert bench.writes() == before


def test_an_archive_by_another_syncs_keys_leaves_a_record_that_another_row_of_that_sync_has(
    bench: Bench,
) -> None:
    ids = bench.run(firms("a", "a", "a"), BY_KEY, "made").ids["hs_object_id"].to_pylist()
    left = merged(bench, ids[0], ids[1])
    archive = Archive("companies", key="id", through="made")
    result = bench.run([{"id": 0}, {"id": 2}], archive, "bin")
    assert outcomes(result) == ["rejected", "archived"]
    assert result.reasons == {"SAME_RECORD": 1}
    assert set(bench.emulator.records("companies")) == {left}
    both = bench.run([{"id": 0}, {"id": 1}], archive, "bin")
    assert shown(both) == {"archived": 1, "rejected": 1}
    assert bench.emulator.records("companies") == {}


@pytest.mark.parametrize("seen_by_a_run", [False, True])
@pytest.mark.parametrize("new_id", [True, False])
def test_an_undo_archives_what_two_made_records_were_merged_into(
    bench: Bench, new_id: bool, seen_by_a_run: bool
) -> None:
    bench.emulator.portal.settings = SETTINGS
    first = bench.run(firms("a", "a", "a"), BY_KEY)
    ids = first.ids["hs_object_id"].to_pylist()
    merged(bench, ids[0], ids[1], merge_gives_new_id=new_id)
    if seen_by_a_run:
        bench.run(firms("b", "c", "a"), BY_KEY)
    undo("sync", first.run, client=bench.client, store=bench.store)
    assert bench.emulator.records("companies") == {}
    again = bench.run(firms("b", "c", "a") if seen_by_a_run else firms("a", "a", "a"), BY_KEY)
    assert again.counts["created"] == 0
    assert bench.emulator.records("companies") == {}


@pytest.mark.parametrize("seen_by_a_run", [False, True])
def test_an_undo_leaves_a_record_that_holds_somebody_elses(bench: Bench, seen_by_a_run: bool) -> None:
    (theirs,) = bench.seed_old("companies", [{"name": "Theirs"}])
    first = bench.run(firms("a"), BY_KEY)
    left = merged(bench, theirs, first.ids["hs_object_id"].to_pylist()[0])
    if seen_by_a_run:
        bench.run(firms("b"), BY_KEY)
    undo("sync", first.run, client=bench.client, store=bench.store)
    assert set(bench.emulator.records("companies")) == {left}


@pytest.mark.parametrize("seen_by_a_run", [False, True])
def test_an_undo_gives_a_merged_record_the_first_rows_former_values(
    bench: Bench, seen_by_a_run: bool
) -> None:
    keeping = replace(BY_KEY, keep_before=True)
    ids = bench.run(firms("a", "b"), keeping).ids["hs_object_id"].to_pylist()
    run = bench.run(firms("c", "d"), keeping).run
    left = merged(bench, *ids)
    if seen_by_a_run:
        bench.run(firms("e", "f"), keeping)
    restored, _archived = undo("sync", run, client=bench.client, store=bench.store)
    assert shown(restored) == {"updated": 1, "rejected": 1}
    assert bench.emulator.records("companies")[left]["city"] == "a"
    rows = firms("e", "f") if seen_by_a_run else firms("c", "d")
    assert bench.run(rows, keeping).counts["created"] == 0
    assert bench.emulator.records("companies")[left]["city"] == "a"


@pytest.mark.parametrize("changed", [True, False])
def test_of_several_rows_that_shared_a_record_one_takes_the_place_of_the_row_that_left(
    bench: Bench, changed: bool
) -> None:
    ids = bench.run(firms("a", "a", "a", "a"), BY_KEY).ids["hs_object_id"].to_pylist()
    left = merged(bench, ids[0], ids[1])
    left = merged(bench, left, ids[2])
    assert outcomes(bench.run(firms("b", "b", "b", "a"), BY_KEY)) == [
        "updated", "rejected", "rejected", "unchanged",
    ]  # fmt: skip
    rest = firms("b", "c", "c", "a")[1:] if changed else firms("b", "b", "b", "a")[1:]
    for expected in (["updated", "rejected", "unchanged"], ["unchanged", "rejected", "unchanged"]):
        result = bench.run(rest, BY_KEY)
        assert outcomes(result) == expected
        assert result.reasons == {"SAME_RECORD": 1}
    assert bench.emulator.records("companies")[left]["name"] == "Firm 1"


@pytest.mark.parametrize("answer", ANSWERS)
def test_of_two_record_ids_of_one_record_the_first_is_written_also_where_it_is_the_one_that_was_merged(
    bench: Bench, answer: str
) -> None:
    ids = bench.seed_old("companies", [{"name": "A"}, {"name": "B"}])
    left = merged(bench, ids[1], ids[0], update_of_merged=answer, merge_gives_new_id=False)
    assert left == ids[1]
    rows = [{"record": each, "city": f"c{i}"} for i, each in enumerate(ids)]
    result = bench.run(rows, Update("companies", record_id="record", properties=["city"]))
    assert outcomes(result) == ["updated", "rejected"]
    assert bench.emulator.records("companies")[left]["city"] == "c0"
