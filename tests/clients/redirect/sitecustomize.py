"""Leads requests for HubSpot's address to the emulator, in clients that have no setting for it."""

import os

HUBSPOT = "https://api.hubapi.com"
EMULATOR = os.environ.get("EMULATOR_URL", "")


def _led(url: object) -> str:
    text = str(url)
    return EMULATOR + text[len(HUBSPOT) :] if text.startswith(HUBSPOT) else text


def _lead_requests() -> None:
    try:
        import requests
    except ImportError:
        return
    true = requests.Session.send

    def send(self, request, **options):  # type: ignore[no-untyped-def]
        request.url = _led(request.url)
        return true(self, request, **options)

    requests.Session.send = send


def _lead_httpx() -> None:
    try:
        import httpx
    except ImportError:
        return
    true = httpx.Client.send

    def send(self, request, **options):  # type: ignore[no-untyped-def]
        request.url = httpx.URL(_led(request.url))
        request.headers["host"] = request.url.netloc.decode()
        return true(self, request, **options)

    httpx.Client.send = send


if EMULATOR:
    _lead_requests()
    _lead_httpx()
