"""A person opens the launchpad, changes nothing or one word, and launches: in a real browser.

Set HUBSPOT_SCREENSHOTS=docs/images to take the picture of the documentation anew.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster_dev import Dagster, dagster_dev, until

from hubspot_batch_dagster.emulator import EmulatorProcess, Settings

browsers = pytest.importorskip("browser", reason="the browser is spoken to with the package websockets")

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("e2e_definitions.py")
ASKED = os.environ.get("HUBSPOT_SCREENSHOTS")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(browsers.reason_to_skip() is not None, reason=str(browsers.reason_to_skip())),
]

TEXT = "document.querySelector('.CodeMirror').CodeMirror.getValue()"
SWITCHED_ON = (
    f"document.querySelector('.CodeMirror').CodeMirror.setValue({TEXT}.replace('NAME: false', 'NAME: true'))"
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Where the store is; the launchpad shows its path, and the picture has nothing of this machine."""
    found = tmp_path if ASKED is None else Path(tempfile.gettempdir()) / "crm-home"
    found.mkdir(exist_ok=True)
    yield found
    if ASKED is not None:
        shutil.rmtree(found)


def test_what_the_launchpad_fills_in_is_launched_as_it_is_and_then_dry(home: Path, tmp_path: Path) -> None:
    with EmulatorProcess(settings=Settings(search_lag=0.05)) as hubspot:
        env = {
            "HUBSPOT_ACCESS_TOKEN": hubspot.token,
            "E2E_HUBSPOT": hubspot.url,
            "E2E_HOME": str(home),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        with (
            dagster_dev(["-f", str(FILE)], tmp_path / "home", env) as dagster,
            browsers.browser(tmp_path / "profile") as page,
        ):
            page.size(1500, 800)
            launchpad(page, dagster)
            shown = str(page.value(TEXT))
            assert "'********'" in shown or '"********"' in shown
            assert "approve: " in shown
            assert len(shown.splitlines()) < 25, "a page that is read, and not scrolled"
            page.screenshot((tmp_path if ASKED is None else ROOT / ASKED) / "launchpad.png")
            assert launched(page, dagster) == "SUCCESS"
            assert len(hubspot.records("contacts")) == 98
            assert dagster.observation("hubspot/contacts")["created"] == 98, (
                "the node of the object hears of it"
            )
            sent = len(hubspot.books.requests("upsert"))

            launchpad(page, dagster)
            for name in ("dry_run", "full_refresh"):
                page.value(SWITCHED_ON.replace("NAME", name))
            assert launched(page, dagster) == "SUCCESS"
            assert len(hubspot.books.requests("upsert")) == sent, "a dry run sends nothing"


def launchpad(page: browsers.Page, dagster: Dagster) -> None:
    page.open(f"{dagster.url}/locations/{dagster.location}/jobs/contacts_job/playground", "Launch Run")
    until(
        lambda: page.value(f"!!document.querySelector('.CodeMirror') && {TEXT}"), 60, "it filled in nothing"
    )


def launched(page: browsers.Page, dagster: Dagster) -> str:
    page.wait_for("Launch Run")
    until(
        lambda: page.value("location.pathname.includes('/runs/')") or page.click("Launch Run"), 60, "no run"
    )
    run = str(page.value("location.pathname.split('/runs/')[1]"))
    return dagster.end_of(run, 120)
