"""A `dagster dev` of the test's own, and the questions that one asks it over GraphQL."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

SETTINGS = """\
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
"""
ENDED = ("SUCCESS", "FAILURE", "CANCELED")


@contextlib.contextmanager
def dagster_dev(arguments: Sequence[str], home: Path, env: Mapping[str, str]) -> Iterator[Dagster]:
    """Run `dagster dev` on a free port with its own home until the block ends; nothing of it stays."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").write_text(SETTINGS)
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-h",
        "127.0.0.1",
        "--log-level",
        "warning",
        *arguments,
    ]
    port = free_port()
    with (
        (home / "dagster.log").open("wb") as log,
        own_session([*command, "-p", str(port)], {**os.environ, **env, "DAGSTER_HOME": str(home)}, log),
    ):
        dagster = Dagster(f"http://127.0.0.1:{port}")
        try:
            until(dagster.is_ready, 60, "dagster dev did not start")
        except TimeoutError as error:
            raise RuntimeError((home / "dagster.log").read_text()[-3000:]) from error
        yield dagster


@contextlib.contextmanager
def own_session(
    command: Sequence[str], env: Mapping[str, str], log: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, which ends with everything that it started."""
    process = subprocess.Popen(
        command,
        env=dict(env),
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # A test run in the background ignores SIGINT, its children inherit that, and `dagster dev` would
        # never stop.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def until(holds: Callable[[], Any], seconds: float, otherwise: str) -> Any:
    """Wait until something holds, and give it back."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise TimeoutError(otherwise)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Dagster:
    """What a person does in the UI, over the API that the UI uses."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.location = ""

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
        if found.get("errors"):
            raise RuntimeError(found["errors"])
        return found["data"]

    def is_ready(self) -> bool:
        """Whether the definitions are loaded."""
        with contextlib.suppress(OSError):
            entries = self.ask(READY)["workspaceOrError"].get("locationEntries") or []
            for entry in entries:
                loaded = entry["locationOrLoadError"] or {}
                if loaded.get("__typename") == "PythonError":
                    raise RuntimeError(loaded["message"])
                self.location = entry["name"]
            return bool(entries) and all(each["loadStatus"] == "LOADED" for each in entries)
        return False

    def materialize(self, *keys: str, config: Mapping[str, Any] | None = None) -> str:
        """Launch a run; returns its id."""
        launched = self.ask(
            LAUNCH,
            params={
                "selector": {
                    "repositoryLocationName": self.location,
                    "repositoryName": "__repository__",
                    "jobName": "__ASSET_JOB",
                    "assetSelection": [{"path": key.split("/")} for key in keys],
                },
                "runConfigData": dict(config or {}),
            },
        )["launchRun"]
        if launched["__typename"] != "LaunchRunSuccess":
            raise RuntimeError(launched)
        return str(launched["run"]["runId"])

    def terminate(self, run: str) -> None:
        """What the Terminate button does."""
        answer = self.ask(TERMINATE, run=run)["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def re_execute(self, run: str, strategy: str) -> str:
        """What the Re-execute button does; returns the new run's id."""
        params = {"parentRunId": run, "strategy": strategy}
        launched = self.ask(RE_EXECUTE, params=params)["launchRunReexecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def status(self, run: str) -> str:
        return str(self.ask(STATUS, run=run)["runOrError"]["status"])

    def end_of(self, run: str, seconds: float = 300) -> str:
        """Wait for the end of a run and give its status."""
        ended: str = until(
            lambda: self.status(run) in ENDED and self.status(run), seconds, f"run {run} did not end"
        )
        return ended

    def metadata(self, key: str) -> dict[str, Any]:
        """Metadata of the latest materialization."""
        found = self.ask(ASSET, key={"path": key.split("/")})["assetNodeOrError"]
        made = found["assetMaterializations"]
        return _entries(made[0]["metadataEntries"]) | {"run": made[0]["runId"]} if made else {}

    def observation(self, key: str) -> dict[str, Any]:
        """Metadata of the latest observation."""
        found = self.ask(OBSERVED, key={"path": key.split("/")})["assetNodeOrError"]["assetObservations"]
        return _entries(found[0]["metadataEntries"]) if found else {}

    def checks(self, key: str) -> dict[str, dict[str, Any]]:
        """What the checks say of the latest materialization."""
        found = self.ask(ASSET, key={"path": key.split("/")})["assetNodeOrError"]["assetChecksOrError"]
        said = {}
        for check in found["checks"]:
            execution = check["executionForLatestMaterialization"]
            evaluation = (execution or {}).get("evaluation") or {}
            said[check["name"]] = {
                "status": execution and execution["status"],
                "severity": evaluation.get("severity"),
                "description": evaluation.get("description"),
                "metadata": _entries(evaluation.get("metadataEntries") or []),
            }
        return said

    def resources(self) -> str:
        """All that the UI may know of the resources, as text."""
        selector = {"repositoryName": "__repository__", "repositoryLocationName": self.location}
        return json.dumps(self.ask(RESOURCES, selector=selector)["repositoryOrError"])


def _entries(entries: list[dict[str, Any]]) -> dict[str, Any]:
    values = {}
    for entry in entries:
        known = [entry.get(name) for name in ("intValue", "floatValue", "text", "path")]
        table = entry.get("table")
        value = [json.loads(each) for each in table["records"]] if table else None
        values[entry["label"]] = next((each for each in known if each is not None), value)
    return values


_ENTRIES = """metadataEntries { __typename label ... on IntMetadataEntry { intValue }
    ... on FloatMetadataEntry { floatValue } ... on TextMetadataEntry { text } ... on PathMetadataEntry { path }
    ... on TableMetadataEntry { table { records } } }"""
READY = """{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus
    locationOrLoadError { __typename ... on PythonError { message } } } } } }"""
LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
    ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } } } }"""
TERMINATE = """mutation($run: String!) { terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) { __typename
    ... on TerminateRunFailure { message } ... on PythonError { message } } }"""
RE_EXECUTE = """mutation($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) { __typename
    ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
STATUS = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
ASSET = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    assetMaterializations(limit: 1) { runId _ENTRIES }
    assetChecksOrError { ... on AssetChecks { checks { name blocking executionForLatestMaterialization { status
        evaluation { success severity description _ENTRIES } } } } } } } }""".replace("_ENTRIES", _ENTRIES)
OBSERVED = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    assetObservations(limit: 1) { _ENTRIES } } } }""".replace("_ENTRIES", _ENTRIES)
RESOURCES = """query($selector: RepositorySelector!) { repositoryOrError(repositorySelector: $selector) {
    ... on Repository { allTopLevelResourceDetails { name configuredValues { key value type } } } } }"""
