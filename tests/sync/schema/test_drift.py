"""What changed in the portal since the last run, and which columns it touches."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from bench.sync_bench import Bench, shown

from hubspot_batch_dagster import HubSpotResource, hubspot_asset
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.schema.drift import Drift, DriftRefused, SchemaChange

OPERATION = Upsert("contacts", id_property="email", properties={"email": "email", "team": "squad"})
ROWS = [{"email": "a@x.org", "squad": "red"}]


@pytest.fixture
def begun(bench: Bench) -> Bench:
    """A sync that has run once, against a property of the portal's own."""
    bench.emulator.add_property("contacts", "team", kind="enumeration", options=["red", "blue"])
    assert bench.finish(ROWS, OPERATION).drift == Drift()
    bench.reopen()
    return bench


def changed(bench: Bench, **fields: object) -> None:
    table = bench.emulator.portal.table("contacts")
    table.define(replace(table.properties["team"], **fields))


def test_the_definitions_that_were_used_are_kept_beside_the_ids_table(begun: Bench) -> None:
    kept = json.loads(Path(begun.store.path("sync", "portal.json")).read_text())
    assert kept["portal"] == begun.emulator.portal_id
    assert set(kept["properties"]) == {"email", "team"}
    assert kept["properties"]["team"]["options"] == {"red": "red", "blue": "blue"}


def test_nothing_changed_is_said_as_that(begun: Bench) -> None:
    assert begun.finish(ROWS, OPERATION).drift == Drift((), compared=True)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"options": (("red", "red"),)},
            SchemaChange("squad", "team", "option removed", "blue", ""),
        ),
        (
            {"options": (("red", "Red!"), ("blue", "blue"))},
            SchemaChange("squad", "team", "option renamed", "red", "Red!"),
        ),
        (
            {"type": "string", "field_type": "text", "options": (("red", "red"), ("blue", "blue"))},
            SchemaChange("squad", "team", "type changed", "enumeration (select)", "string (text)"),
        ),
    ],
)
def test_a_change_is_named_with_the_column_and_the_run_goes_on(
    begun: Bench, fields: dict, expected: SchemaChange
) -> None:
    changed(begun, **fields)
    finished = begun.finish(ROWS, OPERATION)
    assert finished.drift.changes == (expected,)
    assert not finished.drift.blocks
    assert sum(shown(finished.result).values()) == 1
    begun.reopen()
    assert begun.finish(ROWS, OPERATION).drift.changes == ()


def test_a_new_option_is_no_drift(begun: Bench) -> None:
    changed(begun, options=(("red", "red"), ("blue", "blue"), ("green", "green")))
    assert begun.finish(ROWS, OPERATION).drift.changes == ()


@pytest.mark.parametrize("how", ["archived", "read-only"])
def test_a_column_that_can_no_longer_be_sent_refuses_the_run_and_is_told(begun: Bench, how: str) -> None:
    if how == "archived":
        begun.emulator.portal.table("contacts").undefine("team")
    else:
        changed(begun, read_only=True)
    with pytest.raises(InputError, match="'squad'") as refused:
        begun.finish(ROWS, OPERATION)
    again = pickle.loads(pickle.dumps(refused.value))
    assert str(again) == str(refused.value)
    for error in (refused.value, again):
        assert isinstance(error, DriftRefused)
        assert [(each.column, each.blocks) for each in error.drift.changes] == [("squad", True)]


def test_a_damaged_or_foreign_file_counts_as_none(begun: Bench) -> None:
    path = Path(begun.store.path("sync", "portal.json"))
    for text in ("{", '{"format": 99}', "[]", '{"format": 1, "properties": 3}'):
        path.write_text(text)
        begun.reopen()
        assert not begun.finish(ROWS, OPERATION).drift.compared


def test_the_asset_check_warns_of_a_change_and_fails_when_a_column_is_lost(
    bench: Bench, tmp_path: Path
) -> None:
    bench.emulator.add_property("contacts", "team", kind="enumeration", options=["red", "blue"])

    @hubspot_asset(OPERATION)
    def contacts() -> list:
        return ROWS

    resource = HubSpotResource(
        access_token=bench.emulator.token, base_url=bench.emulator.url, store=str(tmp_path / "ids")
    )

    def check() -> tuple[dg.ExecuteInProcessResult, dg.AssetCheckEvaluation]:
        done = dg.materialize([contacts], resources={"hubspot": resource}, raise_on_error=False)
        found = [each for each in done.get_asset_check_evaluations() if each.check_name == "portal_schema"]
        return done, found[0]

    done, first = check()
    assert done.success
    assert first.passed
    metadata = done.asset_materializations_for_node("contacts")[0].metadata
    assert metadata["portal"].value == bench.emulator.portal_id
    assert metadata["records_url"].value == f"{bench.emulator.url}/?type=contacts"
    changed(bench, options=(("red", "red"),))
    done, second = check()
    assert done.success
    assert (second.passed, second.severity) == (False, dg.AssetCheckSeverity.WARN)
    table = second.metadata["changes"].records
    assert [each.data["column"] for each in table] == ["squad"]
    bench.emulator.portal.table("contacts").undefine("team")
    done, third = check()
    assert not done.success
    assert (third.passed, third.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert not third.blocking
