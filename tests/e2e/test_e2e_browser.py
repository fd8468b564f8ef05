"""What a person sees of the example: `make ui` and a browser.

Set HUBSPOT_SCREENSHOTS=docs/images to take the pictures of the documentation anew.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster_dev import Dagster, own_session, until

browsers = pytest.importorskip("browser", reason="the browser is spoken to with the package websockets")

ROOT = Path(__file__).parents[2]
URL = re.compile(r"http://127\.0\.0\.1:\d+(?=/asset-groups)")
ASKED = os.environ.get("HUBSPOT_SCREENSHOTS")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(browsers.reason_to_skip() is not None, reason=str(browsers.reason_to_skip())),
]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The UI over the example, filled."""
    log = tmp_path / "ui.log"
    # Paths are to be seen in the pictures, and those of the documentation have nothing of the machine they
    # were taken on.
    home = tmp_path if ASKED is None else Path(tempfile.gettempdir())
    env = {
        **os.environ,
        "EXAMPLE_HOME": str(home / "hubspot-demo"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-u", "-m", "example_project.ui"]
    env["PYTHONPATH"] = str(ROOT)
    with log.open("wb") as file, own_session(command, env, file):
        found = until(lambda: URL.search(log.read_text()), 240, "the example did not start")
        until(Dagster(found.group()).is_ready, 90, "dagster dev did not start")
        yield found.group()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return tmp_path / "pictures" if ASKED is None else ROOT / ASKED


def test_counts_rejected_rows_and_yellow_and_red_checks_are_to_be_seen(
    url: str, pictures: Path, tmp_path: Path
) -> None:
    with browsers.browser(tmp_path / "profile") as page:
        page.size(1500, 1000)
        page.open(f"{url}/assets/contacts", "Row count", "10,000", "created", "rejected")
        page.click("Columns")  # folds them away, so that the counts can be seen
        page.wait_for("rows_per_second")
        numbers = {name: int(page.cell(name)) for name in ("created", "rejected", "unknown", "unsent")}
        assert numbers["created"] + numbers["rejected"] == 10_000
        assert numbers["rejected"] > 0
        assert numbers["unknown"] == numbers["unsent"] == 0
        page.screenshot(pictures / "asset-overview.png")

        page.open(
            f"{url}/assets/vehicles?view=checks&checkDetail=rows_rejected",
            "rows were rejected, more than",
            "INVALID_",
            "column",
            "message",
        )
        page.screenshot(pictures / "asset-checks.png")

        page.open(f"{url}/assets/calls?view=checks&checkDetail=rows_rejected", "rows were rejected, within")
        page.screenshot(pictures / "asset-checks-warning.png")

        page.size(1500, 1330)
        page.open(
            f"{url}/locations/example_project/asset-groups/crm",
            *("Passed", "% filled"),
        )
        seen = page.colours_beside("Passed")
        assert {"green", "yellow", "red"} <= seen
        page.screenshot(pictures / "asset-graph.png")

    taken = {each.name: each.stat().st_size for each in pictures.glob("asset-*.png")}
    assert len(taken) >= 4
    assert min(taken.values()) > 20_000, "none of them is an empty page"
