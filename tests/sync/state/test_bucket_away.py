"""The bucket goes away, as journal and as the place of the ids tables: for a moment, and for good."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import fsspec
import pytest
from bench.door import Door
from bench.servers import S3
from bench.sync_bench import COMPANIES, Bench, firms, shown

from hubspot_batch_dagster.api.errors import HubSpotError, StoreError
from hubspot_batch_dagster.sync.requests.retry_policy import RetryPolicy
from hubspot_batch_dagster.sync.state.bucket import Bucket
from hubspot_batch_dagster.sync.state.remote_files import open_files

N = 40
NAMES = [f"Firm {i}" for i in range(N)]
OVER = RetryPolicy(index_lag=0.2, certain_after=-5.0)


def in_bucket(like: Bench, s3_server: S3, patience: float) -> Bench:
    return Bench(like.emulator, f"{s3_server.url}/{uuid4().hex}", patience=patience)


def shut_at(door: Door, bench: Bench, made: int) -> threading.Thread:
    """Shut the door once so many records are made."""

    def watch() -> None:
        ends = time.monotonic() + 60
        while bench.emulator.books.created_count("companies") < made and time.monotonic() < ends:
            time.sleep(0.002)
        door.shut()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def open_after(door: Door, seconds: float) -> None:
    opening = threading.Timer(seconds, door.open)
    opening.daemon = True
    opening.start()


def test_a_bucket_that_is_away_for_seconds_in_mid_run_stops_no_run(
    bench: Bench, s3_server: S3, door: Door
) -> None:
    bench.emulator.change(latency=0.05)
    mine = in_bucket(bench, s3_server, patience=60.0)
    watch = shut_at(door, bench, 10)
    back = threading.Thread(target=lambda: (watch.join(), open_after(door, 3.0)))
    back.start()
    result = mine.run(firms(N), COMPANIES, batch_size=2)
    back.join()
    assert shown(result) == {"created": N}
    assert bench.once_each("companies", "name", NAMES)
    mine.close()


@pytest.mark.parametrize("step", ["put", "copy", "read", "exists", "names", "local_copy", "opened"])
def test_a_file_system_that_is_away_for_seconds_stops_no_run(
    bench: Bench, s3_server: S3, door: Door, step: str
) -> None:
    """It goes away before each kind of thing that a run asks of it."""
    mine = in_bucket(bench, s3_server, patience=60.0)
    assert shown(mine.run(firms(3), COMPANIES)) == {"created": 3}
    function, away = getattr(mine.store.files, step), threading.Event()

    def goes_away(*given: object) -> object:
        if not away.is_set():
            away.set()
            door.shut()
            open_after(door, 6.0)
        return function(*given)

    setattr(mine.store.files, step, goes_away)
    assert shown(mine.run(firms(5), COMPANIES)) == {"unchanged": 3, "created": 2}
    assert away.is_set()
    mine.close()


def test_a_bucket_that_stays_away_ends_the_run_with_its_name_and_the_next_run_goes_on(
    bench: Bench, s3_server: S3, door: Door
) -> None:
    """What was answered is kept: nothing is made twice."""
    bench.emulator.change(latency=0.05)
    mine = in_bucket(bench, s3_server, patience=1.0)
    watch = shut_at(door, bench, 10)
    with pytest.raises(StoreError, match="does not answer, and was waited for") as caught:
        mine.run(firms(N), COMPANIES, batch_size=2)
    watch.join()
    assert isinstance(caught.value, HubSpotError)
    assert str(mine.root) in caught.value.message
    assert "run again" in caught.value.remedy
    made = bench.emulator.books.created_count("companies")
    assert 10 <= made < N
    door.open()
    mine.store._lock_wait = 5.0  # the run that ended could not say so, and this process knows
    assert sum(shown(mine.run(firms(N), COMPANIES, batch_size=2, retry_policy=OVER)).values()) == N
    assert shown(mine.run(firms(N), COMPANIES, retry_policy=OVER)) == {"unchanged": N}
    assert bench.once_each("companies", "name", NAMES)
    mine.close()


@pytest.mark.parametrize("step", ["put", "exists"])
def test_a_run_ends_soon_after_its_patience(bench: Bench, s3_server: S3, door: Door, step: str) -> None:
    """The clients of a bucket try again by themselves, and several things are asked of it at the end: one outage is waited for once."""
    mine = in_bucket(bench, s3_server, patience=1.0)
    mine.run(firms(3), COMPANIES)
    function, shut = getattr(mine.store.files, step), list[float]()

    def goes_away(*given: object) -> object:
        if not shut:
            door.shut()
            shut.append(time.monotonic())
        return function(*given)

    setattr(mine.store.files, step, goes_away)
    with pytest.raises(StoreError, match="does not answer, and was waited for"):
        mine.run(firms(5), COMPANIES)
    assert time.monotonic() - shut[0] < 8.0
    mine.close()


@contextlib.contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, status: int, code: str) -> Iterator[list[str]]:
    """An S3 server that says the same to everybody; the paths that were asked for."""
    asked: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = f"<Error><Code>{code}</Code><Message>said {code}</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    given = {
        "ACCESS_KEY_ID": "x",
        "SECRET_ACCESS_KEY": "x",
        "REGION": "us-east-1",
        "DEFAULT_REGION": "us-east-1",
    }
    for name, value in {**given, "ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield asked
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    server.shutdown()
    server.server_close()


def refused_at_once(ask: Callable[[], object], said: str) -> str:
    """The remedy of a refusal that is not waited for."""
    began = time.monotonic()
    with pytest.raises(StoreError, match=said) as caught:
        ask()
    assert time.monotonic() - began < 10
    return caught.value.remedy


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "RequestTimeTooSkewed", "Set this host's clock"),
        (400, "ExpiredToken", "Renew or correct the credentials"),
        (403, "AccessDenied", "Give the credentials the right"),
    ],
)
def test_a_bucket_that_refuses_who_asks_is_not_waited_for_and_told_with_its_own_remedy(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, remedy: str
) -> None:
    with answering(monkeypatch, status, code):
        bucket = Bucket("s3://bucket/hubspot", patience=30.0)
        assert remedy in refused_at_once(lambda: bucket.read("head"), code)


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "RequestTimeTooSkewed", "Set this host's clock"),
        (400, "ExpiredToken", "Renew or correct the credentials"),
        (403, "SignatureDoesNotMatch", "Renew or correct the credentials"),
        (403, "AccessDenied", "Check the URL, the credentials and what they may do there"),
    ],
)
def test_what_the_files_of_a_bucket_are_refused_with_has_the_remedy_that_the_journal_gives(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, remedy: str
) -> None:
    with answering(monkeypatch, status, code):
        files, _ = open_files("s3://bucket/hubspot", patience=30.0)
        assert remedy in refused_at_once(lambda: files.read(("s", "store.json")), f"said {code}")


def test_an_internal_error_of_s3_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was taken for a refusal: a single one ended the run."""
    with answering(monkeypatch, 500, "InternalError") as asked:
        files, _ = open_files("s3://bucket/hubspot", patience=2.0)
        with pytest.raises(StoreError, match="does not answer, and was waited for"):
            files.read(("s", "store.json"))
    assert len(asked) > 1
