"""Every command of the pages is run by a test: here, or in the one that is named for it."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import docs_first_sync
import docs_pages
import pytest

from hubspot_batch_dagster import HubSpotResource, Upsert
from hubspot_batch_dagster.emulator import Emulator

BIN = Path(sys.executable).parent
COMMANDS = docs_pages.commands()
SENTENCES = docs_pages.commands_in_sentences()
FIRST_SYNC = "tests/docs/test_docs_first_sync.py::test_the_first_sync_takes_at_most_eight_commands"
WHEEL = "tests/packaging/test_wheel.py::test_the_first_sync_works_from_the_wheel"

WAY = "tests/e2e/test_e2e_every_night.py::test_twelve_commands_lead_from_an_empty_folder_to_green"

RUN_ELSEWHERE = {
    "make demo": "tests/example/test_demo.py::test_the_demo_is_satisfied_with_itself",
    "make ui": "tests/example/test_ui.py::test_ctrl_c_stops_the_ui_and_the_local_hubspot",
    "python3 -m venv .venv": WHEEL,
    ". .venv/bin/activate": WHEEL,
    "pip install hubspot-batch-dagster": WHEEL,
    "pip install 'hubspot-batch-dagster[emulator,ui]'": WHEEL,
    "HUBSPOT_EMULATOR_TOKEN=practice hubspot-batch-dagster emulator --port 8585 &": FIRST_SYNC,
    "export HUBSPOT_ACCESS_TOKEN=practice": FIRST_SYNC,
    "dg launch --assets contacts -f definitions.py": FIRST_SYNC,
    "hubspot-batch-dagster ids contacts": FIRST_SYNC,
    "pip install 'hubspot-batch-dagster[emulator,ui]' create-dagster": WHEEL,
    "create-dagster project . --no-uv-sync": WAY,
    "pip install -e .": WHEEL,
    "dg launch --assets contacts": WAY,
    "dg scaffold defs hubspot_batch_dagster.HubSpotSyncComponent companies --object-type companies": WAY,
    "dg launch --assets companies": WAY,
    "hubspot-batch-dagster rejected companies": WAY,
    "dg scaffold defs hubspot_batch_dagster.HubSpotSyncComponent crm/contacts --object-type contacts --operation upsert": (
        "tests/component/test_component_dg.py::test_dg_scaffold_writes_what_the_options_say"
    ),
    "hubspot-batch-dagster plan definitions.py crm/contacts": (
        "tests/cli/test_plan_command.py::test_a_plan_counts_explains_and_sends_nothing"
    ),
    "dagster dev -f definitions.py": (
        "tests/docs/test_docs_first_sync.py::test_the_same_definitions_open_in_the_ui"
    ),
}
"""Command -> the test that runs it."""

_MAKE = "tests/example/test_makefile.py::test_what_a_target_would_run_is_there"
_BENCH = "tests/docs/test_docs_benchmarks.py"

IN_SENTENCES = {
    "hubspot-batch-dagster associations SYNC": (
        "tests/cli/test_cli.py::test_associations_are_counted_and_those_that_are_open_are_shown_with_the_reason"
    ),
    "pip install 'hubspot-batch-dagster[emulator]'": (
        "tests/packaging/test_metadata.py::test_the_extras_that_the_pages_name_exist"
    ),
    "make test": _MAKE,
    "make bench": _MAKE,
    "make torture": _MAKE,
    "make clients": _MAKE,
    "make hosts": _MAKE,
    "python benchmarks/run.py --quick": (
        f"{_BENCH}::test_a_quick_measure_prints_its_figures_and_writes_nothing"
    ),
    "python benchmarks/warehouse.py --rows 500000": (
        f"{_BENCH}::test_the_measure_of_a_warehouse_prints_its_figures"
    ),
    "python benchmarks/warehouse.py --merge 50000 --rows 5000000": (
        f"{_BENCH}::test_the_measure_of_a_merge_prints_how_long_it_took_and_what_readers_saw"
    ),
    "python benchmarks/bucket.py --price": (
        f"{_BENCH}::test_the_price_of_a_bucket_counts_the_requests_of_three_runs"
    ),
    "python benchmarks/bucket.py": f"{_BENCH}::test_the_measure_of_a_bucket_prints_its_figures",
    "python benchmarks/run.py --only nightly plan --write": (
        f"{_BENCH}::test_the_script_has_the_options_and_measures_that_the_page_names"
    ),
    "pip install 'hubspot-batch-dagster[bench]' s6r-hubspot": (
        "tests/packaging/test_metadata.py::test_the_extras_that_the_pages_name_exist"
    ),
    "kill %1": FIRST_SYNC,
    "dg check yaml": "tests/component/test_component_dg.py::test_dg_check_yaml_points_at_the_wrong_lines",
    "dg check defs": (
        "tests/docs/test_docs_commands.py::test_dg_check_defs_says_what_only_the_operation_knows"
    ),
    "python -m tests.torture --seeds 1 --from 17 --verbose": (
        "tests/docs/test_docs_commands.py::test_a_seed_of_the_torture_is_replayed"
    ),
    "python -m tests.torture.associations": (
        "tests/torture/test_torture.py::test_associations_are_what_was_wanted_whenever_their_target_comes_and_whatever_dies"
    ),
    "hubspot-batch-dagster plan": (
        "tests/cli/test_plan_command.py::test_a_plan_counts_explains_and_sends_nothing"
    ),
    "dg utils refresh-defs-state": (
        "tests/component/test_component_portal.py::test_dg_check_defs_finds_a_misspelt_property_while_hubspot_is_away"
    ),
    "hubspot-batch-dagster reconcile SYNC": (
        "tests/cli/test_reconcile_command.py::test_the_command_counts_shows_and_writes_a_table"
    ),
    "python -m tests.torture.identity": (
        "tests/torture/test_torture.py::"
        "test_records_that_others_merge_archive_and_purge_and_runs_that_are_refused_double_lose_and_fail_nothing"
    ),
    "python -m tests.torture.take_over": (
        "tests/torture/test_torture.py::"
        "test_a_run_whose_lock_was_taken_away_doubles_and_loses_nothing_and_would_without_the_fence"
    ),
    "python -m tests.torture.worlds": (
        "tests/torture/test_torture.py::test_a_world_that_changes_between_two_nights_doubles_and_loses_nothing_"
        "and_each_refusal_has_a_way_on"
    ),
    "hubspot-batch-dagster rename OLD NEW": (
        "tests/sync/test_loss.py::test_a_renamed_sync_is_refused_until_its_state_has_the_new_name"
    ),
}
"""Command inside a sentence -> the test that runs it, or a cheaper form of it."""


class Place:
    """A folder with a store that holds one run, and the account that the run wrote to."""

    def __init__(self, folder: Path, emulator: Emulator, run: str) -> None:
        self.folder = folder
        self.emulator = emulator
        self.run = run

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        token = self.emulator.token
        cache = str(self.folder / "cache")
        return {**kept, "PATH": path, "HUBSPOT_ACCESS_TOKEN": token, "XDG_CACHE_HOME": cache}

    def say(self, command: str) -> str:
        """Run a command as a reader types it; what it prints."""
        done = subprocess.run(
            ["sh", "-ec", command],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def ids_lists_the_syncs(place: Place, command: str) -> None:
    assert "contacts: 1 created" in place.say(command)


def journal_says_what_is_open(place: Place, command: str) -> None:
    assert "Nothing is open" in place.say(command)


def check_is_well(place: Place, command: str) -> None:
    assert "ok   token" in place.say(f"{command} --base-url {place.emulator.url}")


def rejected_shows_none(place: Place, command: str) -> None:
    assert "no row was rejected" in place.say(command)


def runs_has_a_line(place: Place, command: str) -> None:
    assert len(place.say(command).splitlines()) == 2


def revert_without_yes_only_says_it(place: Place, command: str) -> None:
    said = place.say(f"{_with_run(command, place)} --base-url {place.emulator.url}")
    assert "Nothing was done" in said
    assert len(place.emulator.records("contacts")) == 1


def revert_with_yes_does_it(place: Place, command: str) -> None:
    place.say(f"{_with_run(command, place)} --base-url {place.emulator.url}")
    assert place.emulator.records("contacts") == {}


def plan_says_what_would_be_made(place: Place, command: str) -> None:
    code = next(text for kind, text in docs_first_sync.steps() if kind == "write")
    (place.folder / "definitions.py").write_text(code.replace("http://127.0.0.1:8585", place.emulator.url))
    before = len(place.emulator.records("contacts"))
    said = place.say(command)
    assert re.search(r"^ +created +1$", said, re.M), said
    assert len(place.emulator.records("contacts")) == before


def emulator_starts_and_says_where(place: Place, command: str) -> None:
    words = shlex.split(re.sub(r"--port \d+", "--port 0", command))
    running = subprocess.Popen(
        words, cwd=place.folder, env=place.environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        assert "HubSpot emulator on http://127.0.0.1:" in running.stdout.readline()
        assert "Access token: " in running.stdout.readline()
    finally:
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0


def portal_writes_a_file(place: Place, command: str) -> None:
    place.say(f"{command} --base-url {place.emulator.url}")
    assert '"email"' in (place.folder / "portal.json").read_text()


def emulator_starts_with_a_portal_file(place: Place, command: str) -> None:
    (place.folder / "portal.json").write_text('{"portalId": 77}')
    emulator_starts_and_says_where(place, command)


def reconcile_tells_what_hubspot_has(place: Place, command: str) -> None:
    said = place.say(f"{command} --base-url {place.emulator.url} --store .hubspot")
    assert "contacts: 1 of 1 contacts were read: 1 as sent." in said


def shell_takes_it(place: Place, command: str) -> None:
    place.say(command)


RUN_HERE: dict[str, Callable[[Place, str], None]] = {
    "hubspot-batch-dagster ids": ids_lists_the_syncs,
    "hubspot-batch-dagster check": check_is_well,
    "hubspot-batch-dagster rejected contacts": rejected_shows_none,
    "hubspot-batch-dagster runs contacts": runs_has_a_line,
    "hubspot-batch-dagster journal": journal_says_what_is_open,
    "hubspot-batch-dagster plan definitions.py contacts": plan_says_what_would_be_made,
    "hubspot-batch-dagster revert RUN_ID": revert_without_yes_only_says_it,
    "hubspot-batch-dagster revert RUN_ID --yes": revert_with_yes_does_it,
    "hubspot-batch-dagster emulator --port 8585 --burst-limit 190 --latency 0.3": (
        emulator_starts_and_says_where
    ),
    "hubspot-batch-dagster portal --out portal.json": portal_writes_a_file,
    "hubspot-batch-dagster emulator --port 8585 --portal portal.json": emulator_starts_with_a_portal_file,
    "hubspot-batch-dagster reconcile contacts --property firstname": reconcile_tells_what_hubspot_has,
    "hubspot-batch-dagster reconcile contacts --property firstname --sample 5000 --share 0.2": (
        reconcile_tells_what_hubspot_has
    ),
    "hubspot-batch-dagster reconcile contacts --property firstname --repair": (
        reconcile_tells_what_hubspot_has
    ),
    "export HUBSPOT_ACCESS_TOKEN=pat-na1-...": shell_takes_it,
}
"""Command -> how it is run, and what it must do."""


def _with_run(command: str, place: Place) -> str:
    return command.replace("RUN_ID", place.run)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Emulator() as emulator:
        resource = HubSpotResource(
            access_token=emulator.token, base_url=emulator.url, store=str(tmp_path / ".hubspot")
        )
        by_email = Upsert("contacts", id_property="email", keep_before=True)
        with resource.open() as hubspot:
            result = hubspot.sync(
                [{"email": "ada@example.com", "firstname": "Ada"}], by_email, name="contacts"
            )
        yield Place(tmp_path, emulator, result.run)


def test_every_command_has_a_test() -> None:
    known = {**RUN_HERE, **RUN_ELSEWHERE}
    unknown = [f"{block}: {command}" for command, block in COMMANDS if command not in known]
    assert unknown == [], "say in RUN_HERE how it is run, or in RUN_ELSEWHERE which test runs it"


def test_the_table_of_commands_holds_no_leftovers() -> None:
    shown = {command for command, _ in COMMANDS}
    assert {*RUN_HERE, *RUN_ELSEWHERE} - shown == set()


def test_the_page_of_the_command_line_has_every_command() -> None:
    from hubspot_batch_dagster.cli import cli

    page = (docs_pages.ROOT / "docs" / "command-line.md").read_text()
    told = set(re.findall(r"^\| `(\w+)", page, re.M))
    assert set(cli.commands) <= told


def test_every_command_in_a_sentence_has_a_test() -> None:
    said = {command for command, _ in SENTENCES}
    known = {**RUN_HERE, **RUN_ELSEWHERE}
    assert said - set(known) == set(IN_SENTENCES), "say in IN_SENTENCES which test runs it"


@pytest.mark.parametrize("test", sorted({*RUN_ELSEWHERE.values(), *IN_SENTENCES.values()}))
def test_the_test_that_is_named_for_a_command_exists(test: str) -> None:
    path, name = test.split("::")
    assert f"def {name}(" in (docs_pages.ROOT / path).read_text()


@pytest.mark.parametrize("command", sorted(RUN_HERE))
def test_a_command_does_what_its_page_says(command: str, place: Place) -> None:
    RUN_HERE[command](place, command)


def test_the_targets_of_make_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (docs_pages.ROOT / "Makefile").read_text(), re.M))
    named = {
        span.split()[1]
        for page in docs_pages.PAGES
        for span in docs_pages.spans(page)
        if span.startswith("make ")
    }
    assert named <= targets


def test_a_seed_of_the_torture_is_replayed() -> None:
    (command,) = (each for each in IN_SENTENCES if "--from 17" in each)
    done = subprocess.run(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=docs_pages.ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seed 17 ok" in done.stdout
    assert "0 seeds failed" in done.stdout


TWO_KEYS = """\
type: hubspot_batch_dagster.HubSpotSyncComponent
attributes:
  asset: {key: companies}
  source: {path: companies.csv}
  operation: upsert
  object_type: companies
  key: account_id
  id_property: domain
"""
DEFINITIONS = """\
from pathlib import Path

import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""


def test_dg_check_defs_says_what_only_the_operation_knows(tmp_path: Path) -> None:
    """Two keys at once, which the page on components has as its example."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "crm"\nversion = "0"\n[tool.dg]\ndirectory_type = "project"\n'
        '[tool.dg.project]\nroot_module = "crm"\n[tool.dg.cli.telemetry]\nenabled = false\n'
    )
    wrong = tmp_path / "src" / "crm" / "defs" / "companies"
    wrong.mkdir(parents=True)
    (tmp_path / "src" / "crm" / "__init__.py").touch()
    (tmp_path / "src" / "crm" / "definitions.py").write_text(DEFINITIONS)
    (wrong / "defs.yaml").write_text(TWO_KEYS)
    done = subprocess.run(
        [str(BIN / "dg"), "check", "defs"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(tmp_path / "src"),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert re.search(r"defs\.yaml:\d+", said), said
    assert "id_property" in said
