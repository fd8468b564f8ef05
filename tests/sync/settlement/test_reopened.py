"""Rows that an earlier run left open: what later runs find out about them is not forgotten, and not
undone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bench.sync_bench import BY_EMAIL, BY_KEY, CONTACTS, HASTY, Bench, firms, people, shown

from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.records import Upsert

MIRROR = replace(BY_EMAIL, when_gone="archive", max_gone=1)
MIRROR_KEY = replace(BY_KEY, when_gone="archive", max_gone=1)


def killed(bench: Bench, moment: str, rows: list[dict[str, Any]], operation: Operation) -> None:
    """A run that dies at a moment after HubSpot carried out what was sent."""

    def dies(*_: Any, **__: Any) -> None:
        raise StoreError("Killed.")

    store = bench.store
    places = {"before the outcome": (store.journal, "settle"), "before the ids table": (store, "conclude")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*places[moment], dies)
        with pytest.raises(StoreError, match="Killed"):
            bench.run(rows, operation)


@pytest.mark.parametrize("end", ["halted", "killed"])
def test_a_record_that_was_made_anew_after_a_lost_archival_is_not_made_once_more(
    bench: Bench, end: str
) -> None:
    operation, rows = replace(MIRROR_KEY, if_missing="recreate"), firms(30)
    bench.run(firms(4), operation)
    killed(bench, "before the outcome", firms(3), operation)
    if end == "halted":
        bench.emulator.faults.add(Fault.daily_limit(operation="create", row={"name": "Firm 29"}))
        assert bench.run(rows, operation, batch_size=1).stopped is not None
        bench.emulator.faults.clear()
    else:
        killed(bench, "before the ids table", rows, operation)
    assert bench.living("companies", "name")["Firm 3"] == 1
    bench.run(rows, operation)
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(30)])


def test_a_row_that_came_back_after_a_lost_archival_and_left_again_is_archived(bench: Bench) -> None:
    bench.run(people(4), MIRROR)
    killed(bench, "before the outcome", people(3), MIRROR)
    killed(bench, "before the ids table", people(4), MIRROR)
    assert len(bench.emulator.records("contacts")) == 4
    assert shown(bench.run(people(3), MIRROR)) == {"unchanged": 3, "archived": 1}
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(3)])


def test_a_row_whose_archival_was_lost_is_made_anew_when_it_comes_back(bench: Bench) -> None:
    bench.run(firms(3), MIRROR_KEY)
    bench.emulator.faults.add(Fault.answer(502, operation="archive", after_commit=True))
    assert shown(bench.run(firms(2), MIRROR_KEY)) == {"unchanged": 2, "unknown": 1}
    bench.emulator.faults.clear()
    assert shown(bench.run(firms(3), MIRROR_KEY)) == {"unchanged": 2, "created": 1}
    bench.run(firms(3), MIRROR_KEY, retry_policy=HASTY)
    assert shown(bench.run(firms(3), MIRROR_KEY)) == {"unchanged": 3}
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(3)])


def test_a_run_that_sends_nothing_does_not_forget_which_creates_may_be_its_own(bench: Bench) -> None:
    bench.emulator.faults.add(
        Fault.drop(operation="create", times=1), Fault.answer(403, operation="read|search")
    )
    assert shown(bench.run(people(3), CONTACTS)) == {"unknown": 3}
    bench.emulator.faults.clear()
    with pytest.raises(InputError, match="was approved"):
        bench.run(people(3), CONTACTS, approve="0000")
    # The lost request is carried out only now.
    bench.emulator.seed_records(
        "contacts", [{k: row[k] for k in ("email", "firstname")} for row in people(3)]
    )
    assert shown(bench.run(people(3), CONTACTS)) == {"created": 3}
    assert bench.once_each("contacts", "email", [f"p{i}@x.org" for i in range(3)])


def test_a_row_that_is_updated_made_anew_and_updated_again_in_one_run_is_written(bench: Bench) -> None:
    """Its record is gone, somebody made another one with its unique value, and an answer is lost."""
    bench.emulator.add_property("companies", "ext", unique=True)
    operation = Upsert(
        "companies", key="id", properties=["name", "ext"], creation_key="ext", if_missing="recreate"
    )
    first = bench.run([{"id": i, "name": f"Firm {i}", "ext": f"e{i}"} for i in range(2)], operation)
    bench.client.batch_archive("companies", first.ids["hs_object_id"].to_pylist())
    bench.seed_old("companies", [{"name": "By hand", "ext": "e0"}])
    bench.emulator.faults.add(Fault.drop(operation="update", times=1))
    rows = [{"id": i, "name": f"New {i}", "ext": f"e{i}"} for i in range(2)]
    assert shown(bench.run(rows, operation)) == {"created": 1, "updated": 1}
    assert bench.once_each("companies", "name", ["New 0", "New 1"])
