"""The page at `/`: records, requests, faults and the limit's window, as they happen."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path

from hubspot_batch_dagster.emulator.exchange import Answer


@cache
def _text() -> str:
    return Path(__file__).with_name("page.html").read_text(encoding="utf-8")


def page() -> Answer:
    """Build the page; it reads the admin token from its address's fragment, which browsers do not send."""
    nonce = secrets.token_urlsafe(12)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    body = _text().replace("NONCE", nonce).encode()
    return Answer(200, body, headers, "text/html;charset=utf-8")
