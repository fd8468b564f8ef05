"""Undo: a run's changes are put back and what it made is archived."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hubspot_batch_dagster import Archive, Create, HubSpotResource, Upsert
from hubspot_batch_dagster.api.errors import InputError, Overtaken, StoreError
from hubspot_batch_dagster.cli import cli
from hubspot_batch_dagster.emulator import Emulator, Fault
from hubspot_batch_dagster.sync import undo
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.sync.undo import plan_undo, sync_of_run

KEEPING = Upsert("contacts", id_property="email", keep_before=True)


def rows(first: str, last: str | None, count: int = 130) -> list[dict[str, str | None]]:
    return [{"email": f"a{i}@example.com", "firstname": first, "lastname": last} for i in range(count)]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def hubspot(emulator: Emulator, tmp_path: Path) -> Iterator[HubSpotResource]:
    resource = HubSpotResource(
        access_token=emulator.token, base_url=emulator.url, store=str(tmp_path / "store"), backoff=0.01
    )
    with resource.open() as ready:
        yield ready


def names(emulator: Emulator) -> set[tuple[str | None, str | None]]:
    return {(each.get("firstname"), each.get("lastname")) for each in emulator.records("contacts").values()}


def test_a_run_that_changed_and_made_records_is_undone(emulator: Emulator, hubspot: HubSpotResource) -> None:
    hubspot.sync(rows("old", None), KEEPING, name="crm/contacts")
    run = hubspot.sync(rows("new", "x", 140), KEEPING, name="crm/contacts")
    assert (run.counts["updated"], run.counts["created"]) == (130, 10)

    found = plan_undo(hubspot.ids, "crm/contacts", run.run)
    assert (len(found.restore), len(found.archive), found.kept) == (130, 10, 0)
    restored, archived = hubspot.undo("crm/contacts", run.run)

    assert restored.counts["updated"] == 130
    assert archived.counts["archived"] == 10
    assert len(emulator.records("contacts")) == 130
    assert names(emulator) == {("old", None)}


def test_an_undo_done_twice_changes_nothing_more(emulator: Emulator, hubspot: HubSpotResource) -> None:
    hubspot.sync(rows("old", None), KEEPING, name="c")
    run = hubspot.sync(rows("new", "x", 140), KEEPING, name="c")
    hubspot.undo("c", run.run)
    before = len(emulator.books.commits())
    restored, archived = hubspot.undo("c", run.run)
    assert restored.counts["unchanged"] == 130
    assert archived.counts["unchanged"] == 10
    assert len(emulator.books.commits()) == before


def test_rows_that_were_made_and_undone_stay_so_until_they_change_or_a_full_refresh(
    emulator: Emulator, hubspot: HubSpotResource, caplog: pytest.LogCaptureFixture
) -> None:
    notes = [{"id": i, "hs_timestamp": "2026-01-01T00:00:00Z", "hs_note_body": str(i)} for i in range(5)]
    create = Create("notes", key="id")
    run = hubspot.sync(notes, create, name="notes")
    hubspot.undo("notes", run.run)
    assert emulator.records("notes") == {}
    assert hubspot.plan(notes, create, name="notes").counts["unchanged"] == 5
    for _ in range(2):
        again = hubspot.sync(notes, create, name="notes")
        assert again.counts["unchanged"] == 5
        assert set(again.ids["error_code"].to_pylist()) == {"REVERTED"}
        assert again.ids["hs_object_id"].null_count == 5
    assert "took 5 rows back" in caplog.text
    assert emulator.records("notes") == {}

    changed = [{**notes[0], "hs_note_body": "new"}, *notes[1:]]
    assert hubspot.sync(changed, create, name="notes").counts["created"] == 1
    assert hubspot.sync(changed, create, name="notes", full_refresh=True).counts["created"] == 4
    assert hubspot.sync(changed, create, name="notes").reasons == {}
    assert len(emulator.records("notes")) == 5


@pytest.mark.parametrize("how", [{}, {"compare": "portal"}])
@pytest.mark.parametrize(
    "keyed", [{"id_property": "email"}, {"key": "email", "properties": ["email", "firstname"]}]
)
def test_the_next_run_after_an_undo_leaves_restored_and_archived_records_alike(
    emulator: Emulator, hubspot: HubSpotResource, how: dict[str, str], keyed: dict[str, Any]
) -> None:
    people = Upsert("contacts", keep_before=True, **keyed, **how)
    old, new = {"email": "a@example.com", "firstname": "Old"}, {"email": "a@example.com", "firstname": "New"}
    made = {"email": "b@example.com", "firstname": "B"}
    hubspot.sync([old], people, name="s")
    run = hubspot.sync([new, made], people, name="s").run
    hubspot.undo("s", run)
    for _ in range(2):
        assert hubspot.sync([new, made], people, name="s").counts["unchanged"] == 2
        assert names(emulator) == {("Old", None)}
    newer = {"email": "a@example.com", "firstname": "Newer"}
    result = hubspot.sync([newer, made], people, name="s")
    assert (result.counts["updated"], result.counts["unchanged"]) == (1, 1)
    assert names(emulator) == {("Newer", None)}


def test_an_older_record_of_somebody_else_is_left_alone(emulator: Emulator, hubspot: HubSpotResource) -> None:
    emulator.add_property("companies", "ext", unique=True)
    emulator.skew_clock(-3600)
    emulator.seed_records("companies", [{"name": "Acme", "ext": "e1"}])
    emulator.skew_clock(0)
    firms = [{"id": i, "name": "Acme", "ext": f"e{i}"} for i in (1, 2)]
    run = hubspot.sync(
        firms, Upsert("companies", key="id", properties=["name", "ext"], creation_key="ext"), name="c"
    )
    hubspot.undo("c", run.run)
    assert [each["ext"] for each in emulator.records("companies").values()] == ["e1"]
    assert (run.counts["unchanged"], run.counts["created"]) == (1, 1)


def test_an_undo_after_a_later_sync_leaves_what_that_one_made(
    emulator: Emulator, hubspot: HubSpotResource
) -> None:
    firms = [{"id": i, "name": f"Firm {i}"} for i in range(2)]
    upsert = Upsert("companies", key="id", if_missing="recreate")
    run = hubspot.sync(firms, upsert, name="c")
    hubspot.undo("c", run.run)
    assert hubspot.sync(firms, upsert, name="c", full_refresh=True).counts["created"] == 2
    made = set(emulator.records("companies"))
    assert plan_undo(hubspot.ids, "c", run.run).archive == {}
    hubspot.undo("c", run.run)
    assert set(emulator.records("companies")) == made
    assert hubspot.sync(firms, upsert, name="c").counts["unchanged"] == 2


def test_without_keep_before_changes_stay_and_are_counted(hubspot: HubSpotResource) -> None:
    plain = Upsert("contacts", id_property="email")
    hubspot.sync(rows("old", None, 3), plain, name="c")
    run = hubspot.sync(rows("new", None, 3), plain, name="c")
    found = plan_undo(hubspot.ids, "c", run.run)
    assert (found.restore, found.kept) == ([], 3)
    assert "3 changed records have no before-image" in str(found)


def test_what_a_run_archived_is_said_to_stay_in_the_bin(emulator: Emulator, hubspot: HubSpotResource) -> None:
    """HubSpot's API brings no record back."""
    hubspot.sync(rows("old", None, 3), KEEPING, name="c")
    gone = Archive("contacts", key="email", through="c")
    run = hubspot.sync([{"email": each["email"]} for each in rows("old", None, 2)], gone, name="gone")
    assert run.counts["archived"] == 2
    found = plan_undo(hubspot.ids, "gone", run.run)
    assert "2 that it archived stay in HubSpot's bin" in str(found)
    hubspot.undo("gone", run.run)
    assert len(emulator.records("contacts")) == 1


def test_nothing_is_changed_when_the_before_image_cannot_be_read(
    emulator: Emulator, hubspot: HubSpotResource
) -> None:
    hubspot.sync(rows("old", None, 3), KEEPING, name="c")
    emulator.faults.add(Fault.answer(403, operation="read"))
    result = hubspot.sync(rows("new", None, 3), KEEPING, name="c")
    assert result.counts["unsent"] == 3
    assert names(emulator) == {("old", None)}


@pytest.mark.parametrize("lock", ["held", "lost"])
def test_a_run_that_begins_while_another_is_undone_makes_no_record_twice(
    emulator: Emulator, hubspot: HubSpotResource, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    """It waits for the undo. Where the lock is lost, the undo is overtaken, and leaves the rows as that run has
    them.
    """
    recreated = Upsert("companies", key="k", properties=["name"], if_missing="recreate")
    firms = [{"k": i, "name": f"Firm {i}"} for i in range(3)]
    first = hubspot.sync(firms, recreated, name="firms").run
    if lock == "lost":
        monkeypatch.setattr(Store, "lock", lambda _self, _sync: nullcontext())
    changed = [{**each, "name": f"{each['name']} Ltd"} for each in firms]
    meanwhile: list[object] = []

    def begin(store: Store, sync: str) -> list[tuple[str, str]]:
        with hubspot.model_copy(update={"lock_wait": 0.1}).open() as other:
            try:
                meanwhile.append(other.sync(changed, recreated, name="firms").counts["created"])
            except StoreError as error:
                meanwhile.append(error.message)
        return archived(store, sync)

    archived = undo._archived
    monkeypatch.setattr(undo, "_archived", begin)
    if lock == "held":
        hubspot.undo("firms", first)
        assert "Another run of 'firms' is at work" in str(meanwhile)
    else:
        with pytest.raises(Overtaken):
            hubspot.undo("firms", first)
        assert meanwhile == [3]
    monkeypatch.undo()
    for name in ("Firm", "Company"):
        hubspot.sync([{**each, "name": f"{name} {each['k']} Inc"} for each in firms], recreated, name="firms")
        assert len(emulator.records("companies")) == 3


def test_an_unknown_run_is_named(hubspot: HubSpotResource) -> None:
    hubspot.sync(rows("old", None, 3), KEEPING, name="c")
    with pytest.raises(InputError, match="no run 'nope'"):
        plan_undo(hubspot.ids, "c", "nope")
    with pytest.raises(InputError, match="No sync of the store"):
        sync_of_run(hubspot.ids, "nope")


def test_the_command_line_says_what_it_would_do_and_does_it_when_told(
    emulator: Emulator, hubspot: HubSpotResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubspot.sync(rows("old", None, 3), KEEPING, name="crm/contacts")
    run = hubspot.sync(rows("new", "x", 4), KEEPING, name="crm/contacts")
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", emulator.token)
    arguments = ["revert", run.run, "--store", hubspot.store, "--base-url", emulator.url]

    said = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert "3 contacts get their former values back, 1 that the run made are archived" in said.output
    assert "Nothing was done" in said.output
    assert names(emulator) == {("new", "x")}

    done = CliRunner().invoke(cli, [*arguments, "--yes"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "restored: 3 updated" in done.output
    assert "archived: 1 archived" in done.output
    assert names(emulator) == {("old", None)}
