"""The example's failure hook and failure sensor: one message, to whom it belongs, with nobody's data."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from example_helpers import QUIET, Project

from example_project import alerts, warehouse
from example_project.data import appointments
from example_project.sensors import tell_slack_of_runs
from hubspot_batch_dagster import Create, Upsert, hubspot_asset

LOG = logging.getLogger("alerts")


class Chat:
    """A chat on this machine, and what was posted to it."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.status = 200
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/json"
                chat.posted.append(json.loads(body))
                self.send_response(chat.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/a-secret"


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    chat = Chat()
    thread = threading.Thread(target=chat.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv(alerts.WEBHOOK, chat.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield chat
    chat.server.shutdown()
    thread.join()
    chat.server.server_close()


def failing(error: Exception) -> dg.ExecuteInProcessResult:
    """A run of a job with the hook, whose op fails with this."""

    @dg.op
    def broken() -> None:
        raise error

    @dg.job(hooks={alerts.tell_slack})
    def job() -> None:
        broken()

    return job.execute_in_process(run_config=QUIET, raise_on_error=False)


def removing(*call_ids: str) -> dict[str, Any]:
    return {"ops": {"remove_calls": {"config": {"call_ids": [*call_ids]}}}}


def test_the_hook_posts_once_when_the_op_job_fails_and_is_silent_when_it_does_not(
    project: Project, chat: Chat
) -> None:
    call = {"call_id": 1, "hs_timestamp": "2026-01-01T09:00:00Z"}
    project.sync([call], Create("calls", key="call_id", properties=["hs_timestamp"]), name="calls")
    assert project.run("call_removal", removing("1")).success
    assert chat.posted == []

    ran = project.run("call_removal", removing("1", "4711"))
    assert not ran.success
    (posted,) = chat.posted
    assert set(posted) == {"text"}
    assert posted["text"].startswith(f"remove_calls failed in run {ran.run_id}: remove_calls: 2 rows: ")
    assert "NO_RECORD (1)" in posted["text"]
    assert "4711" not in posted["text"]
    assert project.hubspot.token not in posted["text"]


@pytest.mark.parametrize("on", ["asset", "job"])
def test_a_red_asset_fires_the_hook_whether_it_is_the_assets_or_the_jobs(
    project: Project, chat: Chat, on: str
) -> None:
    hooks = {alerts.tell_slack}

    @hubspot_asset(
        Upsert("contacts", id_property="email"), hooks=hooks if on == "asset" else None, max_rejected=0
    )
    def contacts() -> list[dict[str, str]]:
        return [{"email": "ada at example.com"}]

    job = dg.define_asset_job("job", selection=[contacts], hooks=hooks if on == "job" else None)
    defs = dg.Definitions(
        assets=[contacts],
        jobs=[job],
        resources={"hubspot": project.resource, "io_manager": dg.mem_io_manager},
    )
    ran = defs.resolve_job_def("job").execute_in_process(run_config=QUIET, raise_on_error=False)
    assert not ran.success
    (posted,) = chat.posted
    assert posted["text"].startswith(f"contacts failed in run {ran.run_id}: contacts: 1 row: 1 rejected.")
    assert posted["text"].endswith("Rejected: email: INVALID_EMAIL (1).")
    assert "ada" not in posted["text"].replace(ran.run_id, "")  # which has letters of its own


def test_only_the_first_line_of_a_failure_is_told(chat: Chat) -> None:
    ran = failing(dg.Failure("Half of it is missing.\nada@example.com was the first."))
    assert chat.posted == [{"text": f"broken failed in run {ran.run_id}: Half of it is missing."}]


def test_what_another_error_says_stays_here_for_it_may_quote_a_row(chat: Chat) -> None:
    ran = failing(ValueError("ada@example.com is no number"))
    assert chat.posted == [{"text": f"broken failed in run {ran.run_id}: ValueError."}]


def test_without_a_url_it_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(alerts.WEBHOOK, raising=False)
    alerts.post("calls failed", LOG)
    assert "calls failed (SLACK_WEBHOOK_URL is not set" in caplog.text


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/a-secret", "a-secret", "http://[a-secret"], ids=["nobody", "no URL", "half"]
)
def test_a_chat_that_cannot_be_told_fails_nothing_and_its_url_stays_secret(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(alerts.WEBHOOK, url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    alerts.post("calls failed", LOG)
    assert "calls failed (The chat could not be told" in caplog.text
    assert "a-secret" not in caplog.text


def test_a_chat_that_says_no_fails_nothing(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    chat.status = 404
    alerts.post("calls failed", LOG)
    assert len(chat.posted) == 1
    assert "The chat could not be told: HTTPError" in caplog.text


def tell_of(ran: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> None:
    """What the daemon does when a run has failed."""
    context = dg.build_run_status_sensor_context(
        "tell_slack_of_runs", ran.get_run_failure_event(), instance, ran.dagster_run
    )
    tell_slack_of_runs(context.for_run_failure())


def test_the_sensor_tells_of_a_red_asset(
    project: Project, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    rained = [{**row, "outcome": "it rained"} for row in appointments.rows()[:3]]
    monkeypatch.setattr(
        warehouse, "read_between", lambda *_: pa.Table.from_pylist(rained, appointments.SCHEMA)
    )
    by_mail = Upsert("contacts", id_property="email", properties={"email": "mail"})
    project.sync([{"mail": "ada@example.com"}], by_mail, name="contacts")
    ran = project.run("day_of_meetings", partition_key="2026-01-01")
    assert not ran.success
    tell_of(ran, project.instance)
    (posted,) = chat.posted
    assert posted["text"].startswith(f"meetings failed in run {ran.run_id}: meetings: 3 rows: 3 rejected.")
    assert "rained" not in posted["text"]


def test_the_sensor_tells_an_error_of_somebodys_own_by_its_name(
    project: Project, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: Any) -> None:
        raise ValueError("ada@example.com is no number")

    monkeypatch.setattr(warehouse, "read_between", unreadable)
    ran = project.run("day_of_meetings", partition_key="2026-01-01")
    tell_of(ran, project.instance)
    assert chat.posted == [{"text": f"meetings failed in run {ran.run_id}: ValueError."}]


def test_the_op_job_is_left_to_its_hook_so_that_nothing_is_told_twice(project: Project) -> None:
    job = project.defs.resolve_job_def("call_removal")
    assert {each.name for each in job.hook_defs} == {"tell_slack"}
    assert all(not project.defs.resolve_job_def(name).hook_defs for name in ("tables", "day_of_meetings"))
