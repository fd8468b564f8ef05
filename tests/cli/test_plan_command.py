"""`hubspot-batch-dagster plan` says what a materialization would do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from hubspot_batch_dagster import HubSpotResource, Upsert
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.cli import main
from hubspot_batch_dagster.cli.planned_asset import load_definitions, planned
from hubspot_batch_dagster.emulator import Emulator

PROJECT = """
import dagster as dg
import pandas as pd
from hubspot_batch_dagster import HubSpotResource, Upsert, hubspot_asset

@dg.asset
def customers() -> pd.DataFrame:
    rows = [("a@x.example", "Ann"), ("b@x.example", "Bob"), ("c@x.example", "Cy"), (None, "Nobody")]
    return pd.DataFrame(rows, columns=["email", "firstname"])

@hubspot_asset(Upsert("contacts", id_property="email"))
def contacts(customers: pd.DataFrame) -> pd.DataFrame:
    return customers

@dg.asset(config_schema={"dry_run": dg.Field(bool, is_required=False)})
def other() -> None:
    raise SystemExit("it ran in earnest")

@dg.definitions
def defs():
    return dg.Definitions(
        assets=[customers, contacts, other],
        resources={"hubspot": HubSpotResource(
            access_token=dg.EnvVar("HUBSPOT_ACCESS_TOKEN"), base_url=URL, store=STORE, check_portal=False)},
    )
"""


@pytest.fixture
def project(tmp_path: Path, hubspot_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project in a folder and a Dagster home of its own, with a HubSpot that knows two of its four
    people.
    """
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", hubspot_emulator.token)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "hubspot-cache"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    text = PROJECT.replace("URL", repr(hubspot_emulator.url)).replace(
        "STORE", repr(str(tmp_path / "hubspot"))
    )
    (tmp_path / "planned_project.py").write_text(text)
    yield tmp_path
    sys.modules.pop("planned_project", None)


@pytest.fixture
def stored(project: Path, hubspot: HubSpotResource) -> Path:
    """The project after its upstream asset has run; one of its people is known, and another was called
    Old.
    """
    known = pd.DataFrame({"email": ["a@x.example", "b@x.example"], "firstname": ["Ann", "Old"]})
    hubspot.sync(known, Upsert("contacts", id_property="email"), name="contacts")
    defs = load_definitions("planned_project.py")
    with dg.DagsterInstance.get() as instance:
        assert dg.materialize(
            list(defs.assets or []),
            selection="customers",
            instance=instance,
            resources=dict(defs.resources or {}),
        ).success
    return project


def command(*arguments: str) -> tuple[int, str, str]:
    """The command in a process of its own."""
    program = "from hubspot_batch_dagster.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_a_plan_counts_explains_and_sends_nothing(stored: Path, hubspot_emulator: Emulator) -> None:
    before = len(hubspot_emulator.books.commits())
    code, out, err = command("plan", "planned_project.py", "contacts")
    assert code == 3, f"one of four rows is more than 5 %: {err}"
    pairs = [line.split() for line in out.splitlines() if line.startswith("  ")]
    counted = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    assert counted["created"] == counted["updated"] == counted["unchanged"] == counted["rejected"] == "1"
    assert "MISSING_KEY (1)" in out
    assert "  row 3: email: the key is empty." in out
    assert "b@x.example: firstname: ••• -> •••" in out
    assert "Requests: 1" in out
    assert "Plan: " in out
    assert len(hubspot_emulator.books.commits()) == before
    assert (stored / "home").is_dir()


def test_values_are_shown_when_they_are_asked_for(stored: Path) -> None:  # noqa: ARG001
    lines = planned("planned_project", "contacts", config={"show_values": True, "full_refresh": True}).lines
    assert any(line.endswith("b@x.example: firstname: Old -> Bob") for line in lines)


def test_without_the_upstreams_value_the_command_says_so_and_ends_with_1(
    project: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["hubspot-batch-dagster", "plan", "planned_project.py", "contacts"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "Materialize the upstream assets first." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("where", "asset", "said"),
    [
        ("planned_project.py", "other", "other does not go to HubSpot. There are: contacts."),
        ("planned_project.py", "nothing", "nothing is not in these definitions."),
        ("nowhere.py", "contacts", "There is no file nowhere.py."),
        ("nowhere.at_all", "contacts", "There is no module nowhere.at_all."),
        ("json", "contacts", "json holds no Definitions."),
    ],
)
def test_what_cannot_be_planned_is_refused_in_words(
    project: Path,  # noqa: ARG001
    where: str,
    asset: str,
    said: str,
) -> None:
    with pytest.raises(InputError) as error:
        planned(where, asset, config={})
    assert said in str(error.value)
