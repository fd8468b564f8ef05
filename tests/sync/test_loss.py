"""State that is lost, stale or of other records is noticed before anything is sent."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hubspot_batch_dagster import Archive, Associate, HubSpotResource, HubSpotSession, Update, Upsert
from hubspot_batch_dagster.api.errors import InputError, StoreError
from hubspot_batch_dagster.cli import cli
from hubspot_batch_dagster.emulator import Emulator, Fault
from hubspot_batch_dagster.sync import run
from hubspot_batch_dagster.sync.trace_log import Trace

FIRMS = Upsert("companies", key="k", properties=["name"])
WRITES = ("create", "upsert", "update", "archive")


def firms(count: int = 5, name: str = "n") -> list[dict[str, Any]]:
    return [{"k": i, "name": f"{name}{i}"} for i in range(count)]


class Notes:
    """Traces in memory."""

    def __init__(self, *traces: Trace) -> None:
        self.kept = list(traces)

    def traces(self, sync: str) -> list[Trace]:
        return [each for each in reversed(self.kept) if each.sync == sync]

    def note(self, trace: Trace) -> None:
        self.kept.append(trace)


def writes(emulator: Emulator) -> int:
    return sum(each.operation in WRITES for each in emulator.books.requests())


def test_a_first_run_that_sent_nothing_and_was_killed_while_it_saved_is_no_loss(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubspot_emulator.faults.add(Fault.daily_limit(operation="create"))
    with monkeypatch.context() as patched:
        patched.setattr(hubspot.ids, "conclude", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            hubspot.sync(firms(), FIRMS, name="s")
    hubspot_emulator.faults.clear()
    assert hubspot.sync(firms(), FIRMS, name="s").counts["created"] == 5


@pytest.mark.parametrize("changed", [False, True])
def test_a_portal_that_forgot_the_records_is_refused_in_the_run_and_in_its_plan(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, changed: bool
) -> None:
    hubspot.sync(firms(), FIRMS, name="s")
    hubspot_emulator.reset()
    rows = firms(name="new" if changed else "n")
    for go in (hubspot.sync, hubspot.plan):
        with pytest.raises(InputError, match=r"none of the 5 records.*first_run=True"):
            go(rows, FIRMS, name="s")
    assert writes(hubspot_emulator) == 0
    assert hubspot.sync(rows, FIRMS, name="s", first_run=True).counts["created"] == 5
    assert hubspot.sync(rows, FIRMS, name="s").counts["unchanged"] == 5


@pytest.mark.parametrize(
    "operation",
    [
        Update("companies", key="k", through="s", properties=["name"]),
        Archive("companies", key="k", through="s"),
    ],
    ids=["update", "archive"],
)
def test_records_of_another_sync_are_looked_at_too(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, operation: Any
) -> None:
    hubspot.sync(firms(), FIRMS, name="s")
    hubspot_emulator.reset()
    with pytest.raises(InputError, match="none of the 5 records"):
        hubspot.sync(firms(name="new"), operation, name="other")
    assert writes(hubspot_emulator) == 0


def test_associations_that_are_known_are_looked_at_by_their_records(
    hubspot_emulator: Emulator, hubspot: HubSpotResource
) -> None:
    people = hubspot_emulator.seed_records("contacts", [{"email": "a@example.com"}])
    places = hubspot_emulator.seed_records("companies", [{"name": "Acme"}])
    seats = Associate("contacts", to_type="companies", from_column="a", to_column="b")
    rows = [{"a": people[0], "b": places[0]}]
    assert hubspot.sync(rows, seats, name="seats").counts["created"] == 1
    hubspot_emulator.reset()
    with pytest.raises(InputError, match="none of the 1 records"):
        hubspot.sync(rows, seats, name="seats")


def test_records_in_the_bin_show_that_the_portal_is_the_right_one(
    hubspot: HubSpotResource, caplog: pytest.LogCaptureFixture
) -> None:
    ids = hubspot.sync(firms(), FIRMS, name="s").ids["hs_object_id"].to_pylist()
    hubspot.client.batch_archive("companies", ids)
    result = hubspot.sync(firms(name="new"), FIRMS, name="s")
    assert result.counts["rejected"] == 5
    assert (
        "of 5 known records that were looked at before sending, HubSpot has 0, 5 are in the portal's bin"
        in caplog.text
    )


def test_few_records_are_a_warning_and_one_request_is_all_that_a_night_costs(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, caplog: pytest.LogCaptureFixture
) -> None:
    ids = hubspot.sync(firms(300), FIRMS, name="s").ids["hs_object_id"].to_pylist()
    before = len(hubspot_emulator.books.requests())
    assert hubspot.sync(firms(300), FIRMS, name="s").counts["unchanged"] == 300
    asked = [each.operation for each in hubspot_emulator.books.requests()[before:]]
    assert asked.count("read") == 1
    assert "looked at" not in caplog.text

    hubspot.client.batch_archive("companies", ids[:90])
    changed = [{**each, "name": "x"} if i < 100 else each for i, each in enumerate(firms(300))]
    hubspot.sync(changed, FIRMS, name="s")
    assert "of 100 known records that were looked at before sending, HubSpot has 10" in caplog.text


def test_a_token_that_may_not_read_records_is_told_and_may_write(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, caplog: pytest.LogCaptureFixture
) -> None:
    hubspot.sync(firms(), FIRMS, name="s")
    hubspot_emulator.faults.add(
        Fault.answer(
            403, operation="read", body={"status": "error", "category": "MISSING_SCOPES", "message": "x"}
        )
    )
    assert hubspot.sync(firms(name="new"), FIRMS, name="s").counts["updated"] == 5
    assert "could not be looked at" in caplog.text


def test_a_store_that_is_gone_is_no_first_run_where_runs_are_remembered(
    hubspot_emulator: Emulator, hubspot: HubSpotResource
) -> None:
    notes = Notes()
    with HubSpotSession(hubspot.settings()) as session:
        session.sync(firms(), FIRMS, name="s", trace_log=notes)
    assert [(each.sync, each.generation) for each in notes.kept] == [("s", 1)]
    shutil.rmtree(hubspot.settings().store)
    for _ in range(2):  # a refused run leaves nothing that the next one takes for state
        with HubSpotSession(hubspot.settings()) as session:
            with pytest.raises(StoreError, match=r"knows nothing of it.*run 1 of it.*first_run=True"):
                session.sync(firms(), FIRMS, name="s", trace_log=notes)
            with pytest.raises(StoreError, match="knows nothing of it"):
                session.plan(firms(), FIRMS, name="s", trace_log=notes)
    assert len(hubspot_emulator.records("companies")) == 5
    with HubSpotSession(hubspot.settings()) as session:
        assert session.sync(firms(), FIRMS, name="s", trace_log=notes, first_run=True).counts["created"] == 5
        assert session.sync(firms(name="b"), FIRMS, name="s", trace_log=notes).counts["updated"] == 5


def test_an_older_copy_of_the_store_is_refused(hubspot: HubSpotResource, tmp_path: Path) -> None:
    notes, store = Notes(), hubspot.settings().store
    with HubSpotSession(hubspot.settings()) as session:
        session.sync(firms(), FIRMS, name="s", trace_log=notes)
    shutil.copytree(store, tmp_path / "backup")
    with HubSpotSession(hubspot.settings()) as session:
        session.sync(firms(7), FIRMS, name="s", trace_log=notes)
    shutil.rmtree(store)
    shutil.move(tmp_path / "backup", store)
    with (
        HubSpotSession(hubspot.settings()) as session,
        pytest.raises(StoreError, match=r"knows it up to run 1.*run 2 of it"),
    ):
        session.sync(firms(7), FIRMS, name="s", trace_log=notes)


@pytest.mark.parametrize("remedy", ["adopt", "first_run"])
def test_after_an_older_copy_one_remedy_is_enough(
    hubspot: HubSpotResource, tmp_path: Path, remedy: str
) -> None:
    """The run that goes on without what was lost counts as later than all that Dagster knows."""
    notes, store = Notes(), hubspot.settings().store
    people = Upsert("contacts", id_property="email")
    rows = [{"email": "a@example.com", "firstname": "A"}]
    with HubSpotSession(hubspot.settings()) as session:
        session.sync(rows, people, name="s", trace_log=notes)
    shutil.copytree(store, tmp_path / "backup")
    for name in ("B", "C", "D"):
        with HubSpotSession(hubspot.settings()) as session:
            session.sync([{**rows[0], "firstname": name}], people, name="s", trace_log=notes)
    shutil.rmtree(store)
    shutil.move(tmp_path / "backup", store)
    with HubSpotSession(hubspot.settings()) as session:
        with pytest.raises(StoreError):
            session.sync(rows, people, name="s", trace_log=notes)
        if remedy == "adopt":
            session.adopt(rows, people, name="s", trace_log=notes)
        else:
            session.sync(rows, people, name="s", trace_log=notes, first_run=True)
        assert sum(session.sync(rows, people, name="s", trace_log=notes).counts.values()) == 1


def test_another_store_of_its_own_state_is_not_held_against_this_one(hubspot: HubSpotResource) -> None:
    with HubSpotSession(hubspot.settings()) as session:
        session.sync(firms(), FIRMS, name="s")
        elsewhere = Notes(Trace("s", "another store", 9))
        assert session.sync(firms(), FIRMS, name="s", trace_log=elsewhere).counts["unchanged"] == 5


@pytest.mark.parametrize(
    "lost", [["ids.parquet", "ids-1.parquet"], ["ids.parquet", "ids-1.parquet", "../journal.db"]]
)
def test_tables_of_runs_without_an_ids_table_are_a_loss(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, lost: list[str]
) -> None:
    folder = Path(hubspot.settings().store) / "s"
    with HubSpotSession(hubspot.settings()) as session:
        session.sync(firms(), FIRMS, name="s")
    for name in lost:
        (folder / name).unlink()
    with HubSpotSession(hubspot.settings()) as session:
        for go in (session.sync, session.plan):
            with pytest.raises(StoreError, match="adopt"):
                go(firms(), FIRMS, name="s")
    assert len(hubspot_emulator.records("companies")) == 5


def test_a_run_that_adopts_needs_no_state(hubspot: HubSpotResource) -> None:
    people = Upsert("contacts", id_property="email")
    rows = [{"email": "a@example.com", "firstname": "A"}]
    notes = Notes()
    with HubSpotSession(hubspot.settings()) as session:
        session.sync(rows, people, name="p", trace_log=notes)
    shutil.rmtree(hubspot.settings().store)
    with HubSpotSession(hubspot.settings()) as session:
        with pytest.raises(StoreError):
            session.sync(rows, people, name="p", trace_log=notes)
        assert session.adopt(rows, people, name="p", trace_log=notes).counts["unchanged"] == 1
        assert session.sync(rows, people, name="p", trace_log=notes).counts["unchanged"] == 1


def test_a_renamed_sync_is_refused_until_its_state_has_the_new_name(
    hubspot_emulator: Emulator, hubspot: HubSpotResource
) -> None:
    first = hubspot.sync(firms(), FIRMS, name="crm/customers")
    with pytest.raises(InputError, match=r"crm/customers.*rename crm/customers crm/clients.*first_run=True"):
        hubspot.sync(firms(), FIRMS, name="crm/clients")
    assert len(hubspot_emulator.records("companies")) == 5
    store = hubspot.settings().store

    done = CliRunner().invoke(
        cli, ["rename", "crm/customers", "crm/clients", "--store", store], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert hubspot.ids.syncs() == ["crm/clients"]
    assert hubspot.sync(firms(name="b"), FIRMS, name="crm/clients").counts["updated"] == 5
    hubspot.undo("crm/clients", first.run)
    assert hubspot_emulator.records("companies") == {}
    again = CliRunner().invoke(cli, ["rename", "crm/customers", "x", "--store", store])
    assert again.exit_code == 1
    assert "knows no sync 'crm/customers'" in again.output


@pytest.mark.parametrize("later", [5, 6], ids=["of the same rows", "of more rows"])
def test_of_several_names_that_know_the_rows_the_one_of_the_latest_state_is_named(
    hubspot: HubSpotResource, later: int
) -> None:
    """A restored backup has the name that the sync had before it was renamed, with what it knew then."""
    folder = Path(hubspot.settings().store)
    hubspot.sync(firms(), FIRMS, name="a")
    shutil.copytree(folder / "a", folder.parent / "backup")
    renamed = CliRunner().invoke(cli, ["rename", "a", "z", "--store", str(folder)], catch_exceptions=False)
    assert renamed.exit_code == 0, renamed.output
    hubspot.sync(firms(later), FIRMS, name="z")
    shutil.copytree(folder.parent / "backup", folder / "a", dirs_exist_ok=True)
    with pytest.raises(InputError, match="rename z clients"):
        hubspot.sync(firms(later), FIRMS, name="clients")


def test_a_name_with_state_of_its_own_is_not_taken(hubspot: HubSpotResource) -> None:
    hubspot.sync(firms(), FIRMS, name="a")
    hubspot.sync([{"k": 99, "name": "other"}], FIRMS, name="b")
    done = CliRunner().invoke(cli, ["rename", "a", "b", "--store", hubspot.settings().store])
    assert done.exit_code == 1
    assert "state of its own" in done.output


def test_two_syncs_of_the_same_rows_warn_of_each_other_and_first_run_allows_a_second(
    hubspot: HubSpotResource, caplog: pytest.LogCaptureFixture
) -> None:
    hubspot.sync(firms(), FIRMS, name="a")
    hubspot.sync(
        firms(name="x"), Update("companies", key="k", through="a", properties=["name"]), name="patch"
    )
    hubspot.sync(firms(), FIRMS, name="a", full_refresh=True)
    assert "knows" not in caplog.text
    assert hubspot.sync(firms(), FIRMS, name="b", first_run=True).counts["created"] == 5
    assert "The sync 'a' of this store knows 5 of 5 rows" in caplog.text
    caplog.clear()
    hubspot.sync(firms(), FIRMS, name="a")
    assert "The sync 'b' of this store knows 5 of 5 rows" in caplog.text


def test_a_later_run_with_mostly_new_rows_that_another_name_knows_is_refused_as_a_first_one_is(
    hubspot_emulator: Emulator, hubspot: HubSpotResource
) -> None:
    """It warned, and made 30 of 31 records twice."""
    hubspot.sync([{"k": "new", "name": "New"}], FIRMS, name="b")
    hubspot.sync(firms(30), FIRMS, name="a")
    rows = [*firms(30), {"k": "new", "name": "New"}]
    with pytest.raises(InputError, match=r"'a' of this store knows 30 of 30 rows.*under the name 'a'"):
        hubspot.sync(rows, FIRMS, name="b")
    assert len(hubspot_emulator.records("companies")) == 31
    assert hubspot.sync(rows, FIRMS, name="b", first_run=True).counts["created"] == 30


def test_a_night_with_few_new_rows_is_not_refused_where_both_of_two_syncs_are_meant(
    hubspot: HubSpotResource, caplog: pytest.LogCaptureFixture
) -> None:
    hubspot.sync(firms(), FIRMS, name="a")
    hubspot.sync(firms(), FIRMS, name="b", first_run=True)
    hubspot.sync(firms(8), FIRMS, name="a")
    caplog.clear()
    assert hubspot.sync(firms(8), FIRMS, name="b").counts["created"] == 3
    assert "The sync 'a' of this store knows 8 of 8 rows" in caplog.text


def test_syncs_with_a_unique_property_are_warned_and_not_refused(
    hubspot: HubSpotResource, caplog: pytest.LogCaptureFixture
) -> None:
    people = Upsert("contacts", id_property="email")
    hubspot.sync([{"email": "a@example.com"}], people, name="crm")
    assert hubspot.sync([{"email": "a@example.com"}], people, name="mail").counts["updated"] == 1
    assert "The sync 'crm' of this store knows 1 of 1 rows" in caplog.text


def test_a_first_run_over_records_that_are_there_is_loud_and_names_the_cure(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, caplog: pytest.LogCaptureFixture
) -> None:
    hubspot_emulator.seed_records("companies", [{"name": f"there {i}"} for i in range(80)])
    hubspot.sync(firms(), FIRMS, name="s")
    [said] = [each.message for each in caplog.records if "First run" in each.message]
    store = hubspot.settings().store
    assert Path(store).is_absolute()
    assert store in said
    assert "80 companies already" in said
    assert "creation_key" in said
    caplog.clear()
    hubspot.sync(firms(), FIRMS, name="s")
    assert "First run" not in caplog.text


def test_a_first_run_that_looks_for_its_rows_says_so_and_does_not_warn_of_doubles(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    hubspot_emulator.seed_records("companies", [{"name": "n1"}, {"name": "other"}])
    operation = Upsert("companies", key="k", properties=["name"], match_existing="name")
    hubspot.sync(firms(2), operation, name="s")
    [said] = [each for each in caplog.records if "First run" in each.message]
    assert said.levelname == "INFO"
    assert "2 companies already. Rows are looked for among them by name" in said.message
    assert hubspot_emulator.books.created_count("companies") == 1


def test_a_creation_key_is_made_and_filled_from_the_key_and_rebuilds_a_lost_store(
    hubspot_emulator: Emulator, hubspot: HubSpotResource
) -> None:
    operation = Upsert(
        "companies", key="k", properties=["name"], creation_key="firm_key", missing_properties="create"
    )
    with HubSpotSession(hubspot.settings()) as session:
        session.sync(firms(), operation, name="s")
    assert {each["firm_key"] for each in hubspot_emulator.records("companies").values()} == {
        "0",
        "1",
        "2",
        "3",
        "4",
    }
    shutil.rmtree(hubspot.settings().store)
    with HubSpotSession(hubspot.settings()) as session:
        session.sync(firms(), operation, name="s")  # even without being told
        assert len(hubspot_emulator.records("companies")) == 5
    shutil.rmtree(hubspot.settings().store)
    with HubSpotSession(hubspot.settings()) as session:
        assert session.adopt(firms(), operation, name="s").counts["unchanged"] == 5
        assert session.sync(firms(name="b"), operation, name="s").counts["updated"] == 5


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("lost", ["gone", "older"])
def test_a_journal_that_does_not_know_a_run_that_was_killed_is_noticed(
    hubspot_emulator: Emulator,
    hubspot: HubSpotResource,
    monkeypatch: pytest.MonkeyPatch,
    lost: str,
    earlier: bool,
) -> None:
    """What the run sent is known to that journal alone: without it the rows would be made again."""
    settings = hubspot.settings()
    with HubSpotSession(settings) as session:
        session.sync(firms(1), FIRMS, name="s" if earlier else "other")
    journal = Path(settings.store) / "journal.db"
    before = journal.read_bytes()
    with HubSpotSession(settings) as session, monkeypatch.context() as patched:
        patched.setattr(run, "save", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            session.sync(firms(), FIRMS, name="s")
    for each in journal.parent.glob("journal.db*"):
        each.unlink()
    if lost == "older":
        journal.write_bytes(before)
    made = writes(hubspot_emulator)
    with HubSpotSession(settings) as session:
        with pytest.raises(StoreError, match=r"has begun to send and did not end.*first_run=True"):
            session.sync(firms(), FIRMS, name="s")
        assert writes(hubspot_emulator) == made
        session.sync(firms(), FIRMS, name="s", first_run=True)
        assert session.sync(firms(), FIRMS, name="s").counts["unchanged"] == 5
