"""Rows that are held against what HubSpot has: compare="portal", and records that are adopted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from bench.sync_bench import BY_EMAIL, BY_KEY, Bench, by_key, firms, people, shown

from hubspot_batch_dagster.operations.records import Upsert

BY_EXT = Upsert("companies", key="id", properties=["name", "ext"], creation_key="ext")
MEAN_ANOTHER = pytest.mark.parametrize(
    ("stored", "wanted"), [("MCDONALD", "McDonald"), ("1.1", "1.10"), ("+49", "49")]
)
"""Texts that look alike."""


@MEAN_ANOTHER
def test_a_value_that_is_written_in_another_way_is_a_change(bench: Bench, stored: str, wanted: str) -> None:
    operation = replace(BY_KEY, compare="portal")
    bench.run([{"id": 1, "name": stored, "city": "Ulm"}], operation)
    rows = [{"id": 1, "name": wanted, "city": "Ulm"}]
    assert shown(bench.run(rows, operation)) == {"updated": 1}
    assert bench.once_each("companies", "name", [wanted])
    assert shown(bench.run(rows, operation)) == {"unchanged": 1}


def test_a_row_that_was_only_read_keeps_the_time_at_which_it_was_written(bench: Bench) -> None:
    """Of a record that nobody wrote the time is that of the read."""
    operation = replace(BY_EMAIL, compare="portal")
    bench.seed_old("contacts", [{"email": "p1@x.org", "firstname": "Ada 1"}])
    began = datetime.now(timezone.utc)
    first = bench.run(people(2), operation).ids["synced_at"].to_pylist()
    again = bench.run(people(2), operation)
    assert shown(again) == {"unchanged": 2}
    assert again.ids["synced_at"].to_pylist() == first
    assert all(began <= each <= datetime.now(timezone.utc) for each in first)


@MEAN_ANOTHER
@pytest.mark.parametrize("adopt", [True, False])
def test_an_older_record_with_a_value_in_another_way_gets_the_rows_value(
    bench: Bench, stored: str, wanted: str, adopt: bool
) -> None:
    bench.emulator.add_property("companies", "ext", unique=True)
    (record_id,) = bench.seed_old("companies", [{"name": stored, "ext": "e1"}])
    rows = [{"id": 1, "name": wanted, "ext": "e1"}]
    if adopt:
        bench.run(rows, BY_EXT, adopt=True)
        assert bench.writes() == 0
    assert shown(bench.run(rows, BY_EXT)) == {"updated": 1}
    assert bench.emulator.records("companies")[record_id]["name"] == wanted
    assert shown(bench.run(rows, BY_EXT)) == {"unchanged": 1}


def test_the_capitals_of_an_email_are_no_change(bench: Bench) -> None:
    operation = replace(BY_EMAIL, compare="portal")
    bench.run(people(2), operation)
    rows = [{**each, "email": each["email"].upper()} for each in people(2)]
    assert shown(bench.run(rows, operation)) == {"unchanged": 2}


@pytest.mark.parametrize(
    ("operation", "rows"),
    [
        (replace(BY_KEY, if_missing="recreate"), firms(3)),
        (BY_EMAIL, people(3)),
        (replace(BY_EXT, if_missing="recreate"), [{**each, "ext": each["name"]} for each in firms(3)]),
    ],
    ids=["key", "id_property", "creation_key"],
)
def test_a_record_that_was_deleted_in_hubspot_is_made_anew(
    bench: Bench, operation: Upsert, rows: list[dict[str, Any]]
) -> None:
    bench.emulator.add_property("companies", "ext", unique=True)
    compared, kind = replace(operation, compare="portal"), operation.object_type
    first = bench.run(rows, compared)
    bench.client.batch_archive(kind, [first.ids["hs_object_id"][1].as_py()])
    assert shown(bench.run(rows, compared)) == {"created": 1, "unchanged": 2}
    assert len(bench.emulator.records(kind)) == 3
    again = bench.run(rows, compared)
    assert shown(again) == {"unchanged": 3}
    assert set(again.ids["hs_object_id"].to_pylist()) == set(bench.emulator.records(kind))


def test_a_record_that_was_deleted_in_hubspot_is_reported_unless_it_shall_be_made_anew(bench: Bench) -> None:
    operation = replace(BY_KEY, compare="portal")
    first = bench.run(firms(3), operation)
    bench.client.batch_archive("companies", [by_key(first)[1]["hs_object_id"]])
    second = bench.run(firms(3), operation)
    assert shown(second) == {"unchanged": 2, "rejected": 1}
    assert second.reasons == {"OBJECT_NOT_FOUND": 1}
    assert len(bench.emulator.records("companies")) == 2
