"""Rows that left the source, and records that change hands between rows."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from bench.sync_bench import BY_EMAIL, BY_KEY, SETTINGS, Bench, by_key, firms, people, shown

from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.records import Upsert

MIRROR = replace(BY_EMAIL, when_gone="archive")
MIRROR_ALL = replace(MIRROR, max_gone=1)
MIRROR_KEY = replace(BY_KEY, when_gone="archive", max_gone=1)


def emails(rows: list[dict[str, object]]) -> list[str]:
    return [str(each["email"]) for each in rows]


def test_rows_that_left_the_source_are_kept_by_default(bench: Bench) -> None:
    bench.run(people(20), BY_EMAIL)
    assert shown(bench.run(people(5), BY_EMAIL)) == {"unchanged": 5}
    assert len(bench.emulator.records("contacts")) == 20
    assert shown(bench.run(people(20), BY_EMAIL)) == {"unchanged": 20}


@pytest.mark.parametrize("operation", [MIRROR, replace(MIRROR_KEY, max_gone=0.1)], ids=["id_property", "key"])
def test_rows_that_left_the_source_are_archived_when_asked_and_made_again_when_they_return(
    bench: Bench, operation: Upsert
) -> None:
    rows = people(20) if operation.id_property else firms(20)
    kind, name = (("contacts", "email"), ("companies", "name"))[operation.id_property is None]
    first = bench.run(rows, operation)
    second = bench.run(rows[:18], operation)
    assert shown(second) == {"unchanged": 18, "archived": 2}
    assert second.rows == 20
    assert bench.once_each(kind, name, [str(each[name]) for each in rows[:18]])
    key = operation.key_columns[0]
    assert (
        by_key(second, key)[rows[19][key]]["hs_object_id"]
        == by_key(first, key)[rows[19][key]]["hs_object_id"]
    )
    third = bench.run(rows[:18], operation)
    assert shown(third) == {"unchanged": 18}
    assert third.requests == 1  # a look at the known records
    fourth = bench.run(rows, operation)
    assert shown(fourth) == {"unchanged": 18, "created": 2}
    assert bench.once_each(kind, name, [str(each[name]) for each in rows])


def test_more_than_the_allowed_share_stops_the_run_before_anything_is_sent(bench: Bench) -> None:
    bench.run(people(20), MIRROR)
    before = len(bench.emulator.books.requests())
    changed = [{**each, "firstname": "Grace"} for each in people(17)]
    with pytest.raises(InputError, match=r"3 rows left the source .* max_gone=0.1 of the 20 known") as caught:
        bench.run(changed, MIRROR)
    assert "max_gone" in caught.value.remedy
    assert [each.operation for each in bench.emulator.books.requests()[before:]] == ["read"]
    assert shown(bench.run(changed, replace(MIRROR, max_gone=0.2))) == {"updated": 17, "archived": 3}


def test_an_empty_source_never_archives(bench: Bench) -> None:
    bench.run(people(5), MIRROR_ALL)
    empty = pd.DataFrame(people(5)).iloc[:0]
    with pytest.raises(InputError, match="the source is empty"):
        bench.run(empty, MIRROR_ALL)
    assert len(bench.emulator.records("contacts")) == 5
    assert shown(bench.run(empty, BY_EMAIL)) == {}


def test_rows_without_a_key_forbid_archiving(bench: Bench) -> None:
    bench.run(people(20), MIRROR_ALL)
    rows = [*people(18), {"id": 19, "email": None, "firstname": "Ada 19"}]
    with pytest.raises(InputError, match="1 rows have no key"):
        bench.run(rows, MIRROR_ALL)
    assert len(bench.emulator.records("contacts")) == 20


def test_a_row_that_is_rejected_has_not_left_the_source(bench: Bench) -> None:
    bench.run(people(20), MIRROR_ALL)
    rows = people(20)
    rows[3]["email"] = "P3@x.org"
    rows.append({"id": 20, "email": "p3@x.org", "firstname": "Twice"})
    rows[4]["firstname"] = "Grace"
    bench.emulator.faults.add(Fault.invalid_batch("No.", operation="upsert", row={"firstname": "Grace"}))
    result = bench.run(rows, MIRROR_ALL)
    assert result.counts["archived"] == 0
    assert shown(result) == {"unchanged": 19, "rejected": 2}
    assert len(bench.emulator.records("contacts")) == 20


def test_an_archival_whose_answer_was_lost_is_repeated_by_the_next_run(bench: Bench) -> None:
    bench.run(people(20), MIRROR)
    bench.emulator.faults.add(Fault.answer(502, operation="archive", after_commit=True))
    second = bench.run(people(18), MIRROR)
    assert shown(second) == {"unchanged": 18, "unknown": 2}
    bench.emulator.faults.clear()
    assert shown(bench.run(people(18), MIRROR)) == {"unchanged": 18, "archived": 2}
    assert shown(bench.run(people(18), MIRROR)) == {"unchanged": 18}


def test_a_contact_whose_email_changed_is_not_archived_under_its_old_one(bench: Bench) -> None:
    first = bench.run(people(3), MIRROR_ALL)
    ids = {key: line["hs_object_id"] for key, line in by_key(first, "email").items()}
    portal_renames(bench, ids["p0@x.org"], "p0@x.org", "new@x.org")
    rows = [{"email": "new@x.org", "firstname": "Ada 0"}, *people(2, 1)]
    second = bench.run(rows, MIRROR_ALL)
    assert shown(second) == {"unchanged": 2, "updated": 1}
    assert by_key(second, "email")["new@x.org"]["hs_object_id"] == ids["p0@x.org"]
    assert set(bench.emulator.records("contacts")) == set(ids.values())
    third = bench.run(rows, MIRROR_ALL)
    assert shown(third) == {"unchanged": 3}
    assert third.requests == 1  # a look at the known records


def test_two_rows_for_one_record_are_reported_once_and_the_record_stays(bench: Bench) -> None:
    first = bench.run(people(3), MIRROR_ALL)
    ids = {key: line["hs_object_id"] for key, line in by_key(first, "email").items()}
    portal_renames(bench, ids["p0@x.org"], "p0@x.org", "new@x.org")
    rows = [*people(3), {"email": "new@x.org", "firstname": "Ada again"}]
    second = bench.run(rows, MIRROR_ALL)
    assert shown(second) == {"updated": 1, "unchanged": 2, "rejected": 1}
    assert second.reasons == {"SAME_RECORD": 1}
    assert ids["p0@x.org"] in second.rejected.to_pylist()[0]["error_message"]
    claimed = [line["hs_object_id"] for line in second.ids.to_pylist() if line["outcome"] != "rejected"]
    assert len(claimed) == len(set(claimed)) == 3
    sent = bench.writes()
    third = bench.run(rows, MIRROR_ALL)
    assert shown(third) == {"unchanged": 3, "rejected": 1}
    assert bench.writes() == sent


def one_record_with_two_emails(bench: Bench) -> tuple[str, list[dict[str, object]]]:
    """Its id, and a row for each email."""
    (record_id,) = bench.seed_old(
        "contacts", [{"email": "new@x.org", "hs_additional_emails": "old@x.org", "firstname": "Ada"}]
    )
    return record_id, [{"email": each, "firstname": "Ada"} for each in ("new@x.org", "old@x.org")]


def test_a_row_that_shared_a_record_takes_it_once_the_other_row_left(bench: Bench) -> None:
    record_id, rows = one_record_with_two_emails(bench)
    first = bench.run(rows, MIRROR_ALL)
    assert first.reasons == {"SAME_RECORD": 1}
    taken = [line["email"] for line in first.ids.to_pylist() if line["outcome"] == "updated"]
    left = [each for each in rows if each["email"] not in taken]
    second = bench.run(left, MIRROR_ALL)
    assert shown(second) == {"updated": 1}
    assert by_key(second, "email")[left[0]["email"]]["hs_object_id"] == record_id
    assert shown(bench.run(left, MIRROR_ALL)) == {"unchanged": 1}
    assert set(bench.emulator.records("contacts")) == {record_id}


@pytest.mark.parametrize(("before", "left"), [("adopted", 0), ("killed", 0), ("killed", 1)])
def test_a_record_is_never_archived_while_a_row_still_stands_for_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, before: str, left: int
) -> None:
    _, rows = one_record_with_two_emails(bench)
    if before == "adopted":
        bench.run(rows, MIRROR_ALL, adopt=True)
    else:
        monkeypatch.setattr(bench.store, "conclude", killed)
        with pytest.raises(StoreError):
            bench.run(rows, MIRROR_ALL)
        monkeypatch.undo()
        bench.run(rows, MIRROR_ALL)
    for _ in range(2):
        line = by_key(bench.run([rows[left]], MIRROR_ALL), "email")[rows[left]["email"]]
        assert line["outcome"] in ("updated", "unchanged")
        assert set(bench.emulator.records("contacts")) == {line["hs_object_id"]}


def killed(*_: object, **__: object) -> None:
    raise StoreError("killed")


def portal_renames(bench: Bench, record_id: str, old: str, new: str) -> None:
    """Somebody changes a contact's email in HubSpot; the old one stays as a secondary address."""
    bench.client.batch_update(
        "contacts", [{"id": record_id, "properties": {"email": new, "hs_additional_emails": old}}]
    )


def test_archiving_stops_with_the_run(bench: Bench) -> None:
    bench.run(people(20), MIRROR_ALL)
    bench.emulator.faults.add(Fault.daily_limit(operation="archive"))
    result = bench.run(people(10), MIRROR_ALL)
    assert shown(result) == {"unchanged": 10, "unsent": 10}
    bench.emulator.faults.clear()
    assert bench.emulator.portal.settings == SETTINGS
    assert shown(bench.run(people(10), MIRROR_ALL)) == {"unchanged": 10, "archived": 10}
