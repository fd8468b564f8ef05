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
FIRST_SYNC = "tests/docs/test_docs_first_sync.py::test_the_first_sync_takes_at_most_eight_commands"
WHEEL = "tests/packaging/test_wheel.py::test_the_first_sync_works_from_the_wheel"

RUN_ELSEWHERE = {
    "make demo": "tests/example/test_demo.py::test_the_demo_is_satisfied_with_itself",
    "make ui": "tests/example/test_ui.py::test_ctrl_c_stops_the_ui_and_the_local_hubspot",
    "python3 -m venv .venv": WHEEL,
    ". .venv/bin/activate": WHEEL,
    "pip install hubspot-batch-dagster": WHEEL,
    "pip install 'hubspot-batch-dagster[emulator]'": WHEEL,
    "pip install 'hubspot-batch-dagster[emulator,ui]'": "tests/packaging/test_metadata.py::test_the_extras_that_the_pages_name_exist",
    "hubspot-batch-dagster emulator --port 8585 --token practice &": FIRST_SYNC,
    "export HUBSPOT_ACCESS_TOKEN=practice": FIRST_SYNC,
    "dagster asset materialize --select contacts -f definitions.py": FIRST_SYNC,
    "hubspot-batch-dagster ids contacts": FIRST_SYNC,
    "dg scaffold defs hubspot_batch_dagster.HubSpotSyncComponent crm/contacts --object-type contacts --operation upsert": (
        "tests/component/test_component_dg.py::test_dg_scaffold_writes_what_the_options_say"
    ),
    "hubspot-batch-dagster plan definitions.py crm/contacts": (
        "tests/component/test_plan_command.py::test_a_plan_counts_explains_and_sends_nothing"
    ),
    "dagster dev -f definitions.py": "tests/docs/test_docs_first_sync.py::test_the_same_definitions_open_in_the_ui",
}
"""Command -> the test that runs it."""


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


def shell_takes_it(place: Place, command: str) -> None:
    place.say(command)


RUN_HERE: dict[str, Callable[[Place, str], None]] = {
    "hubspot-batch-dagster ids": ids_lists_the_syncs,
    "hubspot-batch-dagster journal": journal_says_what_is_open,
    "hubspot-batch-dagster plan definitions.py contacts": plan_says_what_would_be_made,
    "hubspot-batch-dagster revert RUN_ID": revert_without_yes_only_says_it,
    "hubspot-batch-dagster revert RUN_ID --yes": revert_with_yes_does_it,
    "hubspot-batch-dagster emulator --port 8585 --burst-limit 190 --latency 0.3": emulator_starts_and_says_where,
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


@pytest.mark.parametrize("test", sorted(set(RUN_ELSEWHERE.values())))
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
