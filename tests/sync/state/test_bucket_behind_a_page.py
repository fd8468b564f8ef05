"""A proxy or a login page answers 200 in place of the bucket: it is not believed."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
from bench.door import Door
from bench.servers import S3
from bench.sync_bench import COMPANIES, Bench, firms, shown

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.bucket import Bucket
from hubspot_batch_dagster.sync.state.remote_files import open_files

N = 40
NAMES = [f"Firm {i}" for i in range(N)]
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
SOUND = b'<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><body>Log in</body></html>'


@contextlib.contextmanager
def page(port: int, content: bytes = PAGE, *, etag: bool = False) -> Iterator[int]:
    """Answer every request with a page and 200."""

    class Page(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # answers "Expect: 100-continue"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Connection", "close")
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Last-Modified", "Thu, 26 Nov 2026 10:00:00 GMT")
            if etag:
                self.send_header("ETag", '"page"')
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    for verb in ("HEAD", "PUT", "POST", "DELETE"):
        setattr(Page, f"do_{verb}", Page.do_GET)
    server = ThreadingHTTPServer(("127.0.0.1", port), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("content", [PAGE, SOUND])
@pytest.mark.parametrize("etag", [False, True])
def test_no_answer_of_a_page_is_taken_for_one_of_the_bucket(
    s3_server: S3, door: Door, tmp_path: Path, content: bytes, etag: bool
) -> None:
    """Neither a read, a list nor a write: each is waited out, and the remedy names what is between."""
    url = f"{s3_server.url}/{uuid4().hex}"
    files, _ = open_files(url, patience=0.3)
    journal = Bucket(url, patience=0.3)
    place = ("s", "store.json")
    written = tmp_path / "store.json"
    written.write_text(json.dumps({"a": 1}))
    files.put(written, place)
    written.write_text(json.dumps({"a": 2}))
    door.shut()
    with page(door.port, content, etag=etag):
        asked = {
            "read": lambda: files.read(place),
            "read elsewhere": lambda: files.read(("s", "none.json")),
            "list": lambda: files.names(("s",)),
            "find": lambda: list(files.folders_with("store.json")),
            "journal": lambda: journal.read("head"),
        }
        if not etag:
            asked["exists"] = lambda: files.exists(place)
            asked["write"] = lambda: files.put(written, place)
        for name, ask in asked.items():
            with pytest.raises(StoreError, match="does not answer") as caught:
                raise AssertionError(f"{name}: {ask()!r}")
            assert "in its place" in caught.value.remedy, name
    door.open()
    assert files.read(place) == json.dumps({"a": 1}).encode()


def test_a_page_in_front_of_the_bucket_for_seconds_costs_no_row_and_doubles_none(
    bench: Bench, s3_server: S3, door: Door
) -> None:
    bench.emulator.change(latency=0.05)
    mine = Bench(bench.emulator, f"{s3_server.url}/{uuid4().hex}", patience=60.0)

    def intercept() -> None:
        while bench.emulator.books.created_count("companies") < 10:
            threading.Event().wait(0.002)
        door.shut()
        with page(door.port):
            threading.Event().wait(3.0)
        door.open()

    between = threading.Thread(target=intercept, daemon=True)
    between.start()
    result = mine.run(firms(N), COMPANIES, batch_size=2)
    between.join()
    assert shown(result) == {"created": N}
    again = mine.run(firms(N), COMPANIES, batch_size=2)
    assert shown(again) == {"unchanged": N}
    assert bench.once_each("companies", "name", NAMES)
    mine.close()
