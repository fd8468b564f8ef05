"""Nobody else's web page talks to it, nothing grows without bound, and mistakes get one clear line."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from emulator_helpers import Caller, contact_rows

from hubspot_batch_dagster.emulator import BooksIncomplete, Emulator, RemoteEmulator, Settings


@pytest.mark.parametrize(
    "path", ["/_emulator/records/contacts", "/crm/v3/objects/contacts", "/", "/_emulator"]
)
@pytest.mark.parametrize(
    "host", ["attacker.example", "127.0.0.1.attacker.example:80", "10.0.0.1", "localhost.evil"]
)
def test_a_foreign_host_is_refused_before_a_token_is_looked_at(
    call: Caller, hubspot: Emulator, path: str, host: str
) -> None:
    hubspot.seed_records("contacts", [{"email": "a@example.com"}])
    answer = Caller(hubspot, token="wrong").get(path, headers={"Host": host})
    assert (answer.status_code, answer.json()["category"]) == (403, "FOREIGN_REQUEST")
    assert call.get("/crm/v3/objects/contacts").status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://attacker.example", "null", "http://127.0.0.1:1", "https://localhost"]
)
def test_a_foreign_origin_is_refused_and_changes_nothing(
    call: Caller, hubspot: Emulator, origin: str
) -> None:
    hubspot.seed_records("contacts", [{"email": "a@example.com"}])
    token = hubspot.page_url.partition("#")[2]
    headers = {"Origin": origin, "Content-Type": "text/plain", "X-Emulator-Token": token}
    assert call.send("POST", "/_emulator/reset", headers=headers).status_code == 403
    create = call.batch("contacts", "create", contact_rows(1), timeout=10)
    assert create.status_code == 201
    foreign = call.send("POST", "/crm/v3/objects/contacts/batch/create", {"inputs": []}, headers=headers)
    assert foreign.status_code == 403
    assert len(hubspot.records("contacts")) == 2


def test_its_own_origin_and_every_loopback_name_are_taken(call: Caller, hubspot: Emulator) -> None:
    port = hubspot.url.rpartition(":")[2]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST"):
        own = {"Host": host, "Origin": f"http://{host}"}
        assert call.get("/crm/v3/owners", headers=own).status_code == 200


def test_the_admin_api_needs_a_token_of_its_own(hubspot: Emulator) -> None:
    for url in (hubspot.url, f"{hubspot.url}/#{hubspot.token}"):
        with pytest.raises(ValueError, match="needs its token"):
            RemoteEmulator(url, hubspot.token).reset()
    assert RemoteEmulator(hubspot.page_url).call("GET", "status")["portalId"] == hubspot.portal_id
    assert hubspot.page_url.partition("#")[2] not in repr(hubspot)


def test_the_page_needs_no_token_and_holds_none(call: Caller, hubspot: Emulator) -> None:
    answer = Caller(hubspot, token="").get("/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html;charset=utf-8")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert hubspot.token not in answer.text
    assert hubspot.page_url.partition("#")[2] not in answer.text
    assert call.post("/").status_code == 404


def test_a_body_over_the_bound_is_refused(call: Caller, hubspot: Emulator) -> None:
    hubspot.change(max_body=10_000)
    assert call.batch("contacts", "create", contact_rows(2)).status_code == 201
    big = [{"properties": {"email": "x@example.com", "city": "x" * 2_000_000}}]
    assert Caller(hubspot).batch("contacts", "create", big).status_code == 413
    assert len(hubspot.records("contacts")) == 2


def test_books_that_have_dropped_entries_say_so_instead_of_counting_wrong(
    call: Caller, hubspot: Emulator
) -> None:
    hubspot.change(max_book_entries=100)
    call.batch("contacts", "create", contact_rows(100))
    assert hubspot.books.created_count("contacts") == 100
    call.batch("contacts", "create", contact_rows(1, "q"))
    assert hubspot.books.dropped > 0
    with pytest.raises(BooksIncomplete, match="Raise max_book_entries"):
        hubspot.books.created_count("contacts")
    with pytest.raises(ValueError, match="older ones are gone"):
        _ = RemoteEmulator(hubspot.page_url).books
    assert hubspot.books.latest_requests(1)[0].inputs == 1
    hubspot.books.clear()
    assert hubspot.books.created_count("contacts") == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "TAKEN"], "is in use. Give another port"),
        (["--port", "70000"], "a port is between 0 and 65535"),
        (["--settings", "{nonsense"], "--settings is not JSON"),
        (["--settings", "[" * 100_000], "--settings is not JSON"),
        (["--settings", "[1]"], "--settings must be a JSON object"),
        (["--settings", '{"colour": "red"}'], "no such setting: colour"),
        (
            ["--settings", '{"burst_limit": "many"}'],
            "burst_limit cannot be 'many': it is a whole number or null",
        ),
        (["--settings", '{"null_value": "x"}'], "it is one of 'clear', 'ignore', 'refuse'"),
        (["--token", "pat-secret"], "put the token in HUBSPOT_EMULATOR_TOKEN"),
        (["--portal", "nowhere.json"], "nowhere.json: cannot be read"),
        (["--portal", "FILE"], "has no part 'records'"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_a_mistake_on_the_command_line_gets_one_clear_line(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "portal.json").write_text(json.dumps({"records": []}))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        places = {"TAKEN": port, "FILE": str(tmp_path / "portal.json")}
        given = [places.get(each, each) for each in arguments]
        command = [sys.executable, "-m", "hubspot_batch_dagster.emulator", *given]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, env=os.environ, check=False
        )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
    assert "pat-secret" not in done.stderr


def test_a_mistake_in_python_gets_one_clear_sentence_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"Port {port} is in use. Give another port") as caught:
            Emulator(port=port).start()
        assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(ValueError, match="burst_limit cannot be 'many': it is a whole number or null"):
        Settings(burst_limit="many")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no such setting: colour"):
        Emulator().change(colour="red")


@pytest.mark.parametrize("value", [-1, -0.5, float("nan")])
def test_a_number_below_zero_is_no_setting(value: float) -> None:
    """A limit of -1 is not none: it would let nothing through, and say nothing."""
    name = "burst_limit" if isinstance(value, int) else "latency"
    with pytest.raises(ValueError, match=f"{name} cannot be {value!r}: it is a number from 0 on"):
        Settings(**{name: value})


def test_a_process_of_its_own_has_no_token_on_its_command_line() -> None:
    from hubspot_batch_dagster.emulator import EmulatorProcess

    with EmulatorProcess(token="pat-na1-mine") as hubspot:
        assert hubspot.token == "pat-na1-mine"
        assert Caller(hubspot).get("/crm/v3/owners").status_code == 200
        process = hubspot._process
        assert process is not None
        assert "pat-na1-mine" not in " ".join(map(str, process.args))  # type: ignore[arg-type]
