"""The emulator's page, in a real browser.

Set HUBSPOT_SCREENSHOTS=docs/images to take the picture of the documentation anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import requests

from hubspot_batch_dagster.emulator import Emulator, Fault, Settings

browsers = pytest.importorskip("browser", reason="the browser is spoken to with the package websockets")

ASKED = os.environ.get("HUBSPOT_SCREENSHOTS")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(browsers.reason_to_skip() is not None, reason=str(browsers.reason_to_skip())),
]


def test_the_page_shows_requests_records_faults_and_limits_as_they_happen(tmp_path: Path) -> None:
    with Emulator(settings=Settings(burst_limit=190)) as hubspot, browsers.browser(tmp_path) as page:
        page.size(1280, 900)
        page.open(hubspot.url)
        page.wait_for("The admin API needs its token")
        page.open("about:blank")
        page.open(hubspot.page_url)
        page.wait_for("No request yet.")
        hubspot.faults.add(Fault.answer(502, operation="create", nth=2))
        body = {"inputs": [{"properties": {"email": "ada@example.com"}}]}
        for _ in range(2):
            requests.post(
                f"{hubspot.url}/crm/v3/objects/contacts/batch/create",
                json=body,
                headers={"Authorization": f"Bearer {hubspot.token}"},
                timeout=10,
            )
        page.wait_for("POST /crm/v3/objects/contacts/batch/create")
        for words in ("email: ada@example.com", "burst, 10 s: 2 of 190", "operation=create", "502"):
            page.wait_for(words)
        if ASKED:
            _fill(hubspot)
            page.wait_for("GET /crm/objects/2026-03/nothing/1")
            page.screenshot(Path(ASKED, "emulator.png"))
        [record_id] = hubspot.records("contacts") if not ASKED else list(hubspot.records("contacts"))[:1]
        page.open(f"{hubspot.url}/?type=contacts&record={record_id}")
        page.wait_for(f"Record {record_id} of contacts", "ada@example.com")


CONTRASTS = """(() => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => numbers(colour).slice(0, 3).map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
    const behind = e => numbers(getComputedStyle(e).backgroundColor)[3] === 0 && e.parentElement
        ? behind(e.parentElement) : getComputedStyle(e).backgroundColor;
    return [...document.body.querySelectorAll('*')]
        .filter(e => !["SCRIPT", "STYLE"].includes(e.tagName))
        .filter(e => [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()))
        .map(e => [light(getComputedStyle(e).color), light(behind(e))].sort((a, b) => b - a))
        .map(([more, less]) => (more + 0.05) / (less + 0.05));
})()"""
"""How well each text of a page stands out, as WCAG 2 counts it."""


def test_the_page_is_legible_in_light_and_in_dark(tmp_path: Path) -> None:
    with Emulator(settings=Settings(burst_limit=190)) as hubspot, browsers.browser(tmp_path) as page:
        _fill(hubspot)
        page.size(1280, 900)
        backgrounds = set()
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            page.call("Emulation.setEmulatedMedia", features=features)
            page.open("about:blank")
            page.open(hubspot.page_url, "GET /crm/objects/2026-03/nothing/1", "today: ", "city: Ulm")
            found = page.value(CONTRASTS)
            assert len(found) > 50
            assert min(found) >= 4.5, scheme  # what WCAG 2 asks of text at level AA
            backgrounds.add(page.value("getComputedStyle(document.body).backgroundColor"))
        assert len(backgrounds) == 2


def _fill(hubspot: Emulator) -> None:
    """Let more happen, for the picture."""
    hubspot.change(daily_limit=650_000, search_limit=5)
    hubspot.seed_records("companies", [{"name": f"Firm {n}", "domain": f"firm{n}.example"} for n in range(7)])
    hubspot.faults.add(Fault.rate_limited(operation="search", nth=3), Fault.drop(object_type="deals", nth=9))
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {hubspot.token}"
    base = f"{hubspot.url}/crm/objects/2026-03"
    for number in range(40):
        properties = {"email": f"p{number}@example.com", "firstname": "Ada", "city": "Ulm"}
        inputs = [{"id": properties["email"], "idProperty": "email", "properties": properties}]
        session.post(f"{base}/contacts/batch/upsert", json={"inputs": inputs}, timeout=10)
        if number % 8 == 0:
            session.post(f"{base}/contacts/search", json={"limit": 1}, timeout=10)
    session.get(f"{base}/nothing/1", timeout=10)
