"""Debian's Chromium, spoken to in its own protocol: no driver and no Node in between.

Source: the Chrome DevTools Protocol, https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster_dev import until
from websockets.sync.client import ClientConnection, connect

SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    # Nothing leaves this machine: no other name is found.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def reason_to_skip() -> str | None:
    """Why there can be no browser here, or ``None``."""
    return None if _program() else "Chromium is not installed (Debian: apt-get install chromium)"


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser with one empty page, until the block ends."""
    program = _program()
    assert program is not None, reason_to_skip()
    process = subprocess.Popen(
        [program, *SWITCHES, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port_file = folder / "DevToolsActivePort"
        until(lambda: port_file.exists() and "\n" in port_file.read_text(), 60, "Chromium did not start")
        port = port_file.read_text().split("\n")[0]
        pages = until(lambda: _pages(f"http://127.0.0.1:{port}/json/list"), 30, "Chromium has no page")
        with connect(pages[0]["webSocketDebuggerUrl"], max_size=None, open_timeout=30, proxy=None) as line:
            yield Page(line)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


class Page:
    """One page: go somewhere, wait for words, look."""

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._numbers = itertools.count(1)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events that come meanwhile are dropped."""
        number = next(self._numbers)
        self._line.send(json.dumps({"id": number, "method": method, "params": params}))
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            answer = json.loads(self._line.recv(timeout=60))
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
        raise TimeoutError(method)

    def size(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def open(self, url: str, *words: str, seconds: float = 60) -> None:
        """Go to ``url`` and wait until all the words can be read there."""
        self.call("Page.navigate", url=url)
        self.wait_for(*words, seconds=seconds)

    def wait_for(self, *words: str, seconds: float = 60) -> None:
        """Wait until all the words can be read."""
        try:
            until(lambda: all(word in self.text() for word in words), seconds, "")
        except TimeoutError:
            missing = [word for word in words if word not in self.text()]
            raise AssertionError(f"The page does not say {missing}. It says: {self.text()[:3000]}") from None

    def text(self) -> str:
        """What can be read on the page."""
        return str(self.value("document.body ? document.body.innerText : ''"))

    def value(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def click(self, words: str) -> None:
        """Click on what says exactly these words."""
        script = (
            "[...document.querySelectorAll('*')].filter(e => e.innerText === %s).pop()?.click() ?? 'clicked'"
        )
        assert self.value(script % json.dumps(words)) == "clicked"

    def cell(self, name: str) -> str:
        """The last cell of the table row that begins with ``name``."""
        script = (
            "[...document.querySelectorAll('tr')].find(r => r.innerText.trim().split(/\\s/)[0] ==="
            " %s)?.innerText"
        )
        return str(self.value(script % json.dumps(name))).split()[-1]

    def colours_beside(self, words: str) -> set[str]:
        """Colours of the icons in the lines that end with these words, in plain words."""
        script = """[...document.querySelectorAll('*')]
            .filter(e => e.innerText?.trim().endsWith(%s) && e.innerText.trim().length < 40)
            .flatMap(e => [...(e.parentElement ?? e).querySelectorAll('*')])
            .flatMap(e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color, getComputedStyle(e).fill])"""
        return {_named(each) for each in self.value(script % json.dumps(words)) or []}

    def screenshot(self, path: Path) -> None:
        """Write what is to be seen as a PNG file, once pictures and animations have settled."""
        time.sleep(1.0)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


def _named(colour: str) -> str:
    numbers = [int(each) for each in re.findall(r"\d+", colour)[:3]]
    if len(numbers) < 3 or max(numbers) - min(numbers) < 80:
        return "grey"
    red, green, blue = numbers
    if red > 150 and 100 < green < red and blue < 120:
        return "yellow"
    return {red: "red", green: "green", blue: "blue"}[max(numbers)]


def _program() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _pages(url: str) -> list[dict[str, Any]]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(OSError), opener.open(url, timeout=10) as answer:
        return [each for each in json.load(answer) if each["type"] == "page"]
    return []
