"""The emulator in a process of its own, spoken to over its admin API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from hubspot_batch_dagster.emulator.books import Books
from hubspot_batch_dagster.emulator.faults import Fault
from hubspot_batch_dagster.emulator.schemas import schema_for
from hubspot_batch_dagster.emulator.settings import Settings


class RemoteEmulator:
    """An emulator in another process, by its URL. It offers what `Emulator` offers, apart from `portal`.

    Args:
        url: Where it listens; with the admin token behind `#`, as it is printed at the start.
        token: An access token that it takes.
        portal_id: The account's number.
    """

    def __init__(self, url: str, token: str = "", portal_id: int = 0) -> None:
        self._reach(url)
        self.token = token
        self.portal_id = portal_id
        self.faults = RemoteFaults(self)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(url='{self.url}', portal_id={self.portal_id})"

    def _reach(self, page_url: str) -> None:
        self.page_url = page_url
        address, _, self._admin_token = page_url.partition("#")
        self.url = address.rstrip("/")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the admin API.

        Raises:
            ValueError: The emulator did not like the call; the message says why.
            OSError: It does not answer.
        """
        data = json.dumps(body).encode() if body is not None else None
        headers = {"X-Emulator-Token": self._admin_token}
        request = urllib.request.Request(f"{self.url}/_emulator/{path}", data, headers, method=method)
        try:
            with self._opener.open(request, timeout=30) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.loads(error.read())["message"]) from None
        return json.loads(content) if content else None

    @property
    def books(self) -> Books:
        """The books as they are now: a copy that does not change."""
        return Books.from_json(self.call("GET", "books"))

    def change(self, **settings: Any) -> None:
        """Change settings while it runs."""
        changes = {k: sorted(v) if isinstance(v, (set, frozenset)) else v for k, v in settings.items()}
        self.call("POST", "settings", changes)

    def reset(self) -> None:
        """Back to a fresh account: no records, books, faults or counted requests; settings and token stay."""
        self.call("POST", "reset")

    def records(self, object_type: str) -> dict[str, dict[str, str]]:
        """Living records of a type: id to properties."""
        found: dict[str, dict[str, str]] = self.call("GET", f"records/{object_type}")
        return found

    def seed_records(self, object_type: str, rows: Iterable[Mapping[str, str]]) -> list[str]:
        """Put records into the account without a request; return their ids."""
        ids: list[str] = self.call("POST", f"records/{object_type}", [dict(row) for row in rows])
        return ids

    def merge(self, object_type: str, primary_id: str, other_id: str) -> str:
        """Merge a record into another without a request; returns the id of the record that is left."""
        left: str = self.call("POST", f"merges/{object_type}", [primary_id, other_id])
        return left

    def add_property(self, object_type: str, name: str, **fields: Any) -> None:
        """Define a property without a request; see `Emulator.add_property`."""
        self.call("POST", f"properties/{object_type}", {"name": name, **fields})

    def add_label(
        self, source: str, target: str, label: str, name: str = "", inverse_label: str | None = None
    ) -> tuple[int, int]:
        """Make an association label without a request; returns its type ids in this direction and back."""
        body = {"label": label, "name": name, "inverse_label": inverse_label}
        forward, backward = self.call("POST", f"labels/{source}/{target}", body)
        return forward, backward

    def add_pipeline(self, object_type: str, pipeline: Mapping[str, Any]) -> str:
        """Add a pipeline without a request; see `Emulator.add_pipeline`."""
        pipeline_id: str = self.call("POST", f"pipelines/{object_type}", dict(pipeline))
        return pipeline_id

    def add_owner(self, email: str, **fields: Any) -> str:
        """Add somebody who may own records; see `Emulator.add_owner`."""
        owner_id: str = self.call("POST", "owners", {"email": email, **fields})
        return owner_id

    def load(self, definitions: Mapping[str, Any]) -> None:
        """Take the definitions of a portal file's content, until the next reset."""
        self.call("POST", "portal", dict(definitions))

    def add_object_type(
        self,
        name: str,
        properties: Iterable[Mapping[str, Any]],
        *,
        required: Iterable[str] = (),
        associated: Iterable[str] = ("contacts", "companies"),
    ) -> str:
        """Define a custom object type without a request; return its object type id."""
        schema = schema_for(name, properties, required, associated)
        type_id: str = self.call("POST", "types", schema)
        return type_id

    def set_rules(self, object_type: str, rules: list[dict[str, Any]]) -> None:
        """Set the admin rules of an object type; see `Emulator.set_rules`."""
        self.call("POST", f"rules/{object_type}", rules)

    def skew_clock(self, seconds: float) -> None:
        """Move the account's clock by so many seconds."""
        self.call("PUT", "clock", {"skew": seconds})

    def expire_tokens(self) -> None:
        """Lets every OAuth access token run out now."""
        self.call("POST", "expire")


class RemoteFaults:
    """The fault rules of an emulator in another process."""

    def __init__(self, emulator: RemoteEmulator) -> None:
        self._emulator = emulator

    def add(self, *faults: Fault) -> None:
        """Add rules."""
        self._emulator.call("POST", "faults", [fault.as_json() for fault in faults])

    def clear(self) -> None:
        """Take all rules away."""
        self._emulator.call("DELETE", "faults")

    def struck(self) -> list[tuple[Fault, int]]:
        """Each rule and how many requests it has struck."""
        listed = self._emulator.call("GET", "faults")
        return [(Fault.from_json(entry["fault"]), entry["struck"]) for entry in listed]


class EmulatorProcess(RemoteEmulator):
    """A HubSpot account on localhost in a process of its own: for load, and for tests that kill their client.

        with EmulatorProcess(settings=Settings(burst_limit=190)) as hubspot:
            ...

    The process ends with `stop`, and also when this process ends in whatever way.

    Args:
        settings: How the account behaves; its clock is not passed on.
        port: The port to listen on; 0 takes a free one.
        seed: Makes ids, shuffles and faults repeatable.
        token: The account's access token; None makes one up.
        portal: A portal file with the definitions it begins with.
    """

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        port: int = 0,
        seed: int = 0,
        token: str | None = None,
        portal: Path | None = None,
    ) -> None:
        super().__init__("")
        self.client_id = self.client_secret = self.refresh_token = ""
        self._arguments = ["--port", str(port), "--seed", str(seed), "--stop-with-parent"]
        self._arguments += ["--settings", json.dumps((settings or Settings()).as_json())]
        self._arguments += ["--portal", str(portal)] if portal is not None else []
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("HUBSPOT_EMULATOR_")}
        if token:  # not on the command line, which everybody on this computer can read
            self._environment["HUBSPOT_EMULATOR_TOKEN"] = token
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> EmulatorProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> EmulatorProcess:
        """Start the process; return when it listens.

        Raises:
            RuntimeError: It ended, or did not come up within 20 seconds.
        """
        with tempfile.TemporaryDirectory(prefix="hubspot-emulator-") as folder:
            ready_file = Path(folder, "ready.json")
            command = [sys.executable, "-m", "hubspot_batch_dagster.emulator", *self._arguments]
            self._process = subprocess.Popen(
                [*command, "--ready-file", str(ready_file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env=self._environment,
            )
            ready = self._wait_for(ready_file)
        self._reach(ready["page_url"])
        self.token, self.portal_id = ready["token"], ready["portal_id"]
        self.client_id, self.client_secret = ready["client_id"], ready["client_secret"]
        self.refresh_token = ready["refresh_token"]
        return self

    def _wait_for(self, ready_file: Path) -> dict[str, Any]:
        process, give_up = self._process, time.monotonic() + 20.0
        while process is not None and process.poll() is None and time.monotonic() < give_up:
            if ready_file.exists():
                ready: dict[str, Any] = json.loads(ready_file.read_text())
                return ready
            time.sleep(0.02)
        self.stop()
        raise RuntimeError("the emulator process did not start; it says why on standard error")

    def stop(self) -> None:
        """End the process. Stopping twice is fine."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5.0)
        if process.stdin is not None:
            process.stdin.close()
