"""The command line answers: what is there, what was rejected, what each run came to, and whether a run would
go well.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from hubspot_batch_dagster import Association, HubSpotSession, SessionSettings, Upsert
from hubspot_batch_dagster.cli import cli
from hubspot_batch_dagster.emulator import Emulator, Fault

ROWS = [{"email": f"p{i}@x.org"} for i in range(3)] + [{"email": "nonsense"}, {"email": None}]
PROJECT = """
import dagster as dg
from hubspot_batch_dagster import Create, HubSpotResource, hubspot_asset

hubspot = HubSpotResource(access_token=dg.EnvVar("HUBSPOT_ACCESS_TOKEN"), base_url=URL, store="store")

@hubspot_asset(Create("notes", key="id", properties=["hs_timestamp"]), max_rejected=1)
def notes():
    return [{"id": i, "hs_timestamp": at} for i, at in enumerate(["2026-01-01T09:00:00Z"] * 30 + ["never"] * BAD)]

@hubspot_asset(Create("notes", key="id", properties=["hs_timestamp"], max_created=5), name="guarded")
def guarded():
    return [{"id": i, "hs_timestamp": "2026-01-01T09:00:00Z"} for i in range(30)]

@hubspot_asset(Create("notes", key="id", properties=["hs_timestamp"]),
               partitions_def=dg.StaticPartitionsDefinition(["a", "b"]), name="parted")
def parted(context):
    return [{"id": context.partition_key, "hs_timestamp": "2026-01-01T09:00:00Z"}]

defs = dg.Definitions(assets=[notes, guarded, parted], resources={"hubspot": hubspot})
"""


@pytest.fixture(scope="module")
def hubspot() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def folder(hubspot: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder and an environment of the test's own."""
    hubspot.reset()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", hubspot.token)
    monkeypatch.setenv("HUBSPOT_BASE_URL", hubspot.url)
    monkeypatch.setenv("HUBSPOT_STORE", str(tmp_path / "store"))
    return tmp_path


@pytest.fixture
def synced(hubspot: Emulator, folder: Path) -> str:
    """A store after two runs of the sync ``people``; gives the id of the first."""
    settings = SessionSettings(access_token=hubspot.token, base_url=hubspot.url, store=str(folder / "store"))
    with HubSpotSession(settings) as session:
        first = session.sync(ROWS, Upsert("contacts", id_property="email"), name="people")
        session.sync(ROWS[:4], Upsert("contacts", id_property="email"), name="people")
    return first.run


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(cli, arguments)
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    return done


def test_rejected_rows_are_shown_and_exported(synced: str, folder: Path) -> None:
    shown = run("rejected", "people").output
    assert shown.startswith("people: 1 rejected: email: INVALID_EMAIL (1)")
    assert "nonsense" in shown
    assert run("rejected", "people", "--run", synced).output.startswith("people: 2 rejected:")
    table = pyarrow.csv.read_csv(io.BytesIO(run("rejected", "people", "--format", "csv").stdout_bytes))
    assert table.column("error_code").to_pylist() == ["INVALID_EMAIL"]
    assert run("rejected", "people", "--out", "r.parquet", "--run", synced).exit_code == 0
    assert pq.read_table(folder / "r.parquet").num_rows == 2
    assert "nonsense" in run("ids", "people", "--outcome", "rejected").output
    assert "1 rejected" in run("ids").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "r.parquet", "--format", "csv"], "end the name in .csv"),
        (["--out", "r.csv", "--format", "parquet"], "end the name in .parquet"),
        (["--out", "r.csv", "--format", "table"], "for the terminal"),
        (["--out", "r.xlsx"], "does not end in .csv or .parquet"),
        (["--out", "r.csv.gz", "--format", "csv"], "does not end in .csv or .parquet"),
    ],
)
@pytest.mark.parametrize("command", ["rejected", "associations", "runs", "ids", "reconcile"])
def test_a_file_whose_name_says_another_format_is_not_written(
    folder: Path, command: str, words: list[str], said: str
) -> None:
    done = run(command, "people", *words)
    assert done.exit_code == 2
    assert said in done.output
    assert not list(folder.glob("r.*"))


def test_the_ending_of_a_file_says_its_format_in_capitals_too(synced: str, folder: Path) -> None:
    assert run("rejected", "people", "--run", synced, "--out", "r.PARQUET").exit_code == 0
    assert run("rejected", "people", "--run", synced, "--out", "r.CSV").exit_code == 0
    assert pq.read_table(folder / "r.PARQUET").num_rows == pyarrow.csv.read_csv("r.CSV").num_rows == 2
    assert run("rejected", "people", "--run", synced, "--format", "parquet", "--out", "bare").exit_code == 0
    assert pq.read_table(folder / "bare").num_rows == 2


def test_other_files_end_in_what_they_hold(folder: Path) -> None:
    assert "does not end in .py" in run("models", "contacts", "--out", "m.json").output
    assert "does not end in .json" in run("portal", "--out", "portal.yaml").output
    assert not list(folder.iterdir())


@pytest.mark.usefixtures("synced")
def test_what_is_for_one_ids_table_is_not_ignored_for_all_of_them() -> None:
    for words in (["--out", "i.csv"], ["--format", "csv"], ["--outcome", "rejected"]):
        done = run("ids", *words)
        assert done.exit_code == 2
        assert "Name its SYNC" in done.output


def test_associations_are_counted_and_those_that_are_open_are_shown_with_the_reason(
    hubspot: Emulator, folder: Path
) -> None:
    settings = SessionSettings(access_token=hubspot.token, base_url=hubspot.url, store=str(folder / "store"))
    (firm,) = hubspot.seed_records("companies", [{"name": "F"}])
    operation = Upsert(
        "contacts",
        id_property="email",
        properties=["email"],
        associations=[Association("companies", column="firm")],
    )
    with HubSpotSession(settings) as session:
        session.sync([{"email": "p0@x.org", "firm": [firm, "999"]}], operation, name="people")
        session.sync([{"email": "p1@x.org"}], Upsert("contacts", id_property="email"), name="alone")
    shown = run("associations", "people").output
    assert shown.startswith("people: 2 associations: ")
    assert "1 associated" in shown
    assert "999" in shown
    assert firm not in shown
    assert firm in run("associations", "people", "--outcome", "associated").output
    table = pyarrow.csv.read_csv(io.BytesIO(run("associations", "people", "--format", "csv").stdout_bytes))
    assert sorted(table.column("outcome").to_pylist()) == ["associated", "rejected"]
    assert "no associations" in run("associations", "alone").output


def test_a_rejected_row_is_shown_with_all_its_faults(hubspot: Emulator, folder: Path) -> None:
    settings = SessionSettings(access_token=hubspot.token, base_url=hubspot.url, store=str(folder / "store"))
    row = {"email": "nonsense", "hs_lead_status": "of no kind", "numemployees": "some"}
    with HubSpotSession(settings) as session:
        session.sync([row], Upsert("contacts", id_property="email"), name="people")
    for shown in (run("rejected", "people").output, run("rejected", "people", "--format", "csv").output):
        for fault in ("email: 'nonsense'", "hs_lead_status: 'of no kind'", "numemployees: 'some'"):
            assert fault in shown


def test_the_history_has_a_line_for_each_run(synced: str, folder: Path) -> None:
    lines = run("runs", "people").output.splitlines()
    assert len(lines) == 3
    assert synced in lines[2]
    history = pq.read_table(folder / "store" / "people" / "runs.parquet")
    assert history.column("rows").to_pylist() == [5, 4]
    assert history.column("rejected").to_pylist() == [2, 1]
    assert history.column("created").to_pylist() == [3, 0]


def project(folder: Path, hubspot: Emulator, bad: int) -> None:
    (folder / "project.py").write_text(PROJECT.replace("URL", repr(hubspot.url)).replace("BAD", str(bad)))


@pytest.mark.parametrize(
    ("bad", "more", "status"),
    [
        (0, [], 0),
        (1, [], 0),
        (1, ["--fail-on-warning"], 3),
        (2, [], 3),
        (2, ["--limit", "30"], 0),
    ],
)
def test_the_status_of_a_plan_says_whether_the_run_would_go_well(
    hubspot: Emulator, folder: Path, bad: int, more: list[str], status: int
) -> None:
    project(folder, hubspot, bad)
    done = run("plan", "project.py", "notes", *more)
    assert done.exit_code == status, done.output
    if more == ["--limit", "30"]:
        assert "A trial: only the first 30 rows were looked at." in done.output
        assert "30 created" in done.output
    assert hubspot.books.commits() == []


def test_a_guard_and_a_missing_partition_are_told(hubspot: Emulator, folder: Path) -> None:
    project(folder, hubspot, 0)
    guarded = run("plan", "project.py", "guarded")
    assert guarded.exit_code == 3
    assert "max_created=5" in guarded.output
    for arguments, words in (([], "names no partition"), (["--partition", "c"], "has no partition c")):
        parted = run("plan", "project.py", "parted", *arguments)
        assert parted.exit_code == 1
        assert words in parted.output
        assert "--partition b" in parted.output
    assert run("plan", "project.py", "parted", "--partition", "a").exit_code == 0


def test_check_finds_everything_well(synced: str) -> None:  # noqa: ARG001
    done = run("check", "--json")
    found: list[dict[str, Any]] = json.loads(done.output)
    assert done.exit_code == 0, done.output
    names = {each["name"] for each in found}
    assert names == {"token", "portal", "scopes", "version", "budget", "limits", "clock", "store", "journal"}
    assert all(each["ok"] for each in found)
    text = run("check", "--object-type", "companies").output
    assert "ok   scopes   companies: " in text


@pytest.mark.parametrize(
    ("setting", "value", "name", "words"),
    [
        ("HUBSPOT_ACCESS_TOKEN", "pat-wrong", "token", "401"),
        ("HUBSPOT_ACCESS_TOKEN", "", "token", "export HUBSPOT_ACCESS_TOKEN"),
        ("HUBSPOT_PORTAL_ID", "4711", "portal", "4711"),
    ],
)
def test_check_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, name: str, words: str
) -> None:
    monkeypatch.setenv(setting, value)
    done = run("check", "--json")
    assert done.exit_code == 1
    [wrong] = [each for each in json.loads(done.output) if not each["ok"]][:1]
    assert wrong["name"] == name
    assert words in wrong["text"]


def test_check_names_the_scopes_that_a_project_needs_and_the_token_lacks(
    hubspot: Emulator, folder: Path
) -> None:
    project(folder, hubspot, 0)
    assert run("check", "project.py").exit_code == 0
    hubspot.change(scopes=["crm.objects.contacts.read", "crm.objects.deals.read", "crm.objects.deals.write"])
    try:
        lacking = run("check", "project.py").output
        told = {kind: run("check", "--object-type", kind) for kind in ("contacts", "deals")}
    finally:
        hubspot.change(scopes=None)
    assert "NOT  scopes   notes: the token lacks crm.objects.contacts.write. Add it to the app" in lacking
    assert told["contacts"].exit_code == 1
    assert told["deals"].exit_code == 0
    assert "and the token has the scopes to write" in told["deals"].output


def test_check_of_a_project_looks_where_its_resource_leads(
    hubspot: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The options and variables of the command line lead elsewhere, where nobody answers."""
    project(folder, hubspot, 0)
    monkeypatch.setenv("HUBSPOT_BASE_URL", "http://127.0.0.1:9")
    assert run("check").exit_code == 1
    done = run("check", "project.py")
    assert done.exit_code == 0, done.output
    assert f"accepted by {hubspot.url}" in done.output
    monkeypatch.delenv("HUBSPOT_ACCESS_TOKEN")
    for command in (("check", "project.py"), ("plan", "project.py", "notes")):
        done = run(*command)
        assert done.exit_code == 1
        assert "The environment variable HUBSPOT_ACCESS_TOKEN is not set." in done.output
        assert "Stack Trace" not in done.output


def test_check_says_so_where_hubspot_does_not_tell_the_scopes(hubspot: Emulator, folder: Path) -> None:  # noqa: ARG001
    hubspot.faults.add(Fault.answer(404, operation="private_app.token_info"))
    done = run("check", "--object-type", "deals")
    assert done.exit_code == 0
    assert "HubSpot does not tell what this token may write" in done.output


def test_looking_makes_nothing(folder: Path) -> None:
    (folder / "empty").mkdir()
    for command in (["ids"], ["journal"], ["rejected", "people"], ["runs", "people"]):
        for store in ("empty", "missing"):
            done = run(*command, "--store", str(folder / store))
            assert done.exit_code == 1
            assert f"There is no store at {folder / store}." in done.output
            done = run(*command, "--store", f"file://{folder / store}")
            assert f"There is no store at file://{folder / store}." in done.output
    assert run("check", "--store", str(folder / "empty")).exit_code == 0
    assert list((folder / "empty").iterdir()) == []
    assert not (folder / "missing").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["ids", "people", "--limit", "-1"],
        ["ids", "people", "--outcome", "lost"],
        ["ids", "nobody"],
        ["rejected", "people", "--run", "nonsense"],
        ["runs", "people", "--format", "xml"],
        ["models", "contacts", "--version", "v9"],
        ["portal", "--version", "v9"],
        ["portal", "--token", "pat-wrong"],
        ["models", "no_such_type_at_all"],
        ["revert", "no-such-run"],
        ["plan", "nowhere.py", "contacts"],
        ["plan", "nowhere.py", "contacts", "--config", "[1]"],
        ["plan", "nowhere.py", "contacts", "--limit", "0"],
        ["check", "--version", "2020-01"],
    ],
    ids=" ".join,
)
def test_a_wrong_value_is_refused_in_a_sentence(synced: str, arguments: list[str]) -> None:  # noqa: ARG001
    done = run(*arguments)
    assert done.exit_code in (1, 2)
    assert "Error: " in done.output
    assert "Traceback" not in done.output


def test_an_oauth_app_is_read_from_the_environment(
    hubspot: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch, synced: str
) -> None:
    monkeypatch.delenv("HUBSPOT_ACCESS_TOKEN")
    app = hubspot.credentials
    monkeypatch.setenv("HUBSPOT_CLIENT_ID", app.client_id)
    monkeypatch.setenv("HUBSPOT_CLIENT_SECRET", app.client_secret)
    monkeypatch.setenv("HUBSPOT_REFRESH_TOKEN", app.refresh_token)
    assert "class " in run("models", "contacts").output
    assert run("portal").exit_code == 0
    assert (folder / "portal.json").exists()
    done = run("revert", synced, "--yes")
    assert done.exit_code == 0, done.output
    assert "archived: 3 archived" in done.output
