"""The documentation as a reader sees it: nothing is wider than its column, on a laptop and on a phone, and
dark is dark.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster_dev import until

browsers = pytest.importorskip("browser", reason="the browser is spoken to with the package websockets")
pytest.importorskip("mkdocs", reason="the site is made by mkdocs")

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")
)
SEEN = """JSON.stringify({
    wide: [...document.querySelectorAll('.md-content pre > code, .md-typeset__scrollwrap')]
        .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.innerText.slice(0, 80)),
    page: document.documentElement.scrollWidth > document.documentElement.clientWidth + 1,
    broken: [...document.images].filter(each => each.complete && !each.naturalWidth).map(each => each.src),
})"""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(browsers.reason_to_skip() is not None, reason=str(browsers.reason_to_skip())),
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, served on this machine."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True, timeout=180)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)], ids=["laptop", "phone"])
def test_code_tables_and_pictures_fit_their_column(
    site: str, tmp_path: Path, width: int, height: int
) -> None:
    wrong: dict[str, Any] = {}
    with browsers.browser(tmp_path / "profile") as page:
        page.size(width, height)
        for name in PAGES:
            page.open("about:blank")
            page.open(site if name == "index" else f"{site}{name}/")
            until(lambda: page.value("document.readyState") == "complete", 30, f"{name} was not loaded")
            seen = json.loads(page.value(SEEN))
            if any(seen.values()):
                wrong[name] = seen
    assert wrong == {}


@pytest.mark.parametrize("schemes", [("light", "dark"), ("dark", "light")], ids=lambda each: each[0])
def test_the_first_page_has_a_picture_and_the_demos_output_in_the_readers_colours(
    site: str, tmp_path: Path, schemes: tuple[str, str]
) -> None:
    """In those of the evening too, after a visit by day."""
    with browsers.browser(tmp_path / "profile") as page:
        for scheme in schemes:
            page.call(
                "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
            )
            page.open("about:blank")
            page.open(site, "make demo", "requests", "yellow")
            assert page.value("document.querySelectorAll('.md-content img').length") >= 1
            colour = page.value("getComputedStyle(document.body).backgroundColor")
            lightness = sum(int(each) for each in colour.strip("rgb()").split(",")[:3]) / 3
            assert (lightness > 128) is (scheme == "light")
