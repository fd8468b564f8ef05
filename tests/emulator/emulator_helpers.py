"""A small HTTP caller for the emulator's own tests; it knows paths and headers and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import requests

from hubspot_batch_dagster.emulator import Emulator, RemoteEmulator


class Caller:
    """Calls an emulator with its token."""

    def __init__(self, emulator: Emulator | RemoteEmulator, token: str | None = None) -> None:
        self.emulator = emulator
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {emulator.token if token is None else token}"

    def send(
        self, method: str, path: str, body: Any = None, *, timeout: float = 10.0, **options: Any
    ) -> requests.Response:
        """Sends one request and gives back whatever came."""
        return self.session.request(
            method, f"{self.emulator.url}{path}", json=body, timeout=timeout, **options
        )

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        """POSTs a JSON body."""
        return self.send("POST", path, body, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """GETs a path."""
        return self.send("GET", path, **options)

    def batch(
        self,
        object_type: str,
        operation: str,
        inputs: Iterable[Any],
        version: str = "v3",
        *,
        timeout: float = 10.0,
        **more: Any,
    ) -> requests.Response:
        """Sends a batch in the path family of a version."""
        base = "/crm/v3/objects" if version == "v3" else f"/crm/objects/{version}"
        body = {"inputs": list(inputs), **more}
        return self.post(f"{base}/{object_type}/batch/{operation}", body, timeout=timeout)


def rows(*properties: Mapping[str, Any], trace: bool = True) -> list[dict[str, Any]]:
    """Create inputs, with trace ids `t0`, `t1`, ... unless told otherwise."""
    return [
        {"properties": dict(values), **({"objectWriteTraceId": f"t{place}"} if trace else {})}
        for place, values in enumerate(properties)
    ]


def contact_rows(count: int, prefix: str = "p", *, trace: bool = True) -> list[dict[str, Any]]:
    """Create inputs for contacts with emails of their own."""
    return rows(*({"email": f"{prefix}{n}@example.com"} for n in range(count)), trace=trace)


def created_ids(answer: requests.Response) -> dict[str, str]:
    """Trace id to record id, from an answer."""
    return {result["objectWriteTraceId"]: result["id"] for result in answer.json()["results"]}
