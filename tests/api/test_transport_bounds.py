"""Every exchange ends within its bounds: of time, of size, and of which answer is whose."""

from __future__ import annotations

import gzip
import time
import zlib
from typing import Any

import pytest
from bench.wire_server import Drip, Raw, Reply, Step, WireServer

from hubspot_batch_dagster.api import exchange, transport
from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.endpoints import endpoint
from hubspot_batch_dagster.api.errors import (
    AnswerLost,
    AnswerTooLarge,
    InputError,
    NotConnected,
)
from hubspot_batch_dagster.api.inflate import NotInflated, TooLong, inflated
from hubspot_batch_dagster.api.transport import Timeout, Transport

TOKEN = "pat-na1-00000000-aaaa-bbbb-cccc-000000000000"
QUICK = Timeout(connect=1.0, read=1.0, total=2.0)
CREATE = endpoint("contacts", "create")


def post(url: str, body: bytes = b'{"inputs":[]}', **options: Any) -> Any:
    with HubSpotClient(TOKEN, base_url=url, timeout=QUICK) as hubspot:
        return hubspot.send(CREATE, body, **options)


# ---- which answer is whose


@pytest.mark.parametrize(
    "interim", [b"102 Processing", b"103 Early Hints", b"100 Continue", b"199 Miscellaneous"]
)
def test_answers_that_announce_another_are_read_past(interim: bytes) -> None:

    class Announced(Reply):
        def bytes(self) -> bytes:
            return (b"HTTP/1.1 " + interim + b"\r\nlink: </x>\r\n\r\n") * 2 + super().bytes()

    def script(seen: Any) -> Step:
        return Announced(200, {"results": [{"id": seen.json["inputs"][0]["id"]}]})

    with WireServer(script=script) as server, HubSpotClient(TOKEN, base_url=server.url) as hubspot:
        for record in ("1", "2", "3"):
            assert hubspot.batch_read("contacts", [record]).results[0].id == record


@pytest.mark.parametrize("status", [b"101 Switching Protocols", b"102 Processing"])
def test_an_announcement_without_an_answer_is_a_lost_answer(status: bytes) -> None:
    with WireServer(Raw((b"HTTP/1.1 " + status + b"\r\n\r\n") * 50)) as server, pytest.raises(AnswerLost):
        post(server.url)


def test_bytes_behind_an_answer_are_not_the_next_requests_answer() -> None:
    """A server that answers twice; the connection is not used again."""

    class Twice(Reply):
        def bytes(self) -> bytes:
            return super().bytes() * 2

    def script(seen: Any) -> Step:
        return Twice(200, {"results": [{"id": seen.json["inputs"][0]["id"]}]})

    with WireServer(script=script) as server, HubSpotClient(TOKEN, base_url=server.url) as hubspot:
        for record in ("1", "2", "3"):
            assert hubspot.batch_read("contacts", [record]).results[0].id == record
    assert len({seen.peer for seen in server.seen}) == 3


def test_a_connection_is_kept_where_nothing_is_behind_the_answer() -> None:
    with WireServer(Reply()) as server, HubSpotClient(TOKEN, base_url=server.url) as hubspot:
        for _ in range(3):
            hubspot.batch_read("contacts", ["1"])
    assert len({seen.peer for seen in server.seen}) == 1


# ---- sizes


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (exchange, transport):
        monkeypatch.setattr(module, "LONGEST_BODY", 100_000)


BOMB = gzip.compress(b'{"results":[' + b" " * 5_000_000 + b"]}")
GZIPPED = {"content-encoding": "gzip"}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "step",
    [
        Reply(201, b"{" + b" " * 200_000 + b"}"),
        Reply(201, BOMB, GZIPPED),
        Raw(b"HTTP/1.1 201 Created\r\n\r\n{" + b" " * 300_000),
        Raw(b"HTTP/1.1 201 Created\r\ncontent-length: 99999999999999\r\n\r\n{" + b" " * 300_000),
        Raw(b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n40000\r\n" + b" " * 300_000),
        Raw(b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffff\r\n" + b" " * 9),
    ],
)
def test_an_answer_that_is_too_long_is_broken_off_and_perhaps_written(step: Step) -> None:
    with WireServer(step) as server, pytest.raises(AnswerTooLarge, match="longer than") as caught:
        post(server.url)
    assert caught.value.may_have_acted


@pytest.mark.parametrize(
    "head",
    [
        b"x: " + b"a" * 70_000 + b"\r\n",
        b"".join(b"x-%d: a\r\n" % i for i in range(200)),
        b"".join(b"x-%d: " % i + b"a" * 60_000 + b"\r\n" for i in range(20)),
        b"content-length: " + b"9" * 5000 + b"\r\n",
        b"content-length: -7\r\n",
        b"content-length: 5, 6\r\n",
        b"transfer-encoding: chunked\r\n\r\n-5\r\nhello",
        b"transfer-encoding: chunked\r\n\r\n" + b"a" * 70_000,
        b"content-encoding: br\r\ncontent-length: 2\r\n\r\n{}",
        b"\x00\xff: \x01\r\n",
    ],
)
def test_headers_that_nobody_sends_end_in_an_error_of_the_tree(head: bytes) -> None:
    step = Raw(b"HTTP/1.1 201 Created\r\n" + head + b"\r\n\r\n")
    with WireServer(step) as server, pytest.raises(AnswerLost):
        post(server.url)
    assert len(server.seen) == 1


def test_bodies_are_inflated_whichever_way_they_were_deflated() -> None:
    text = b'{"results":[]}'
    bare = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    assert inflated(text, "", 99) == inflated(text, "identity", 99) == text
    assert inflated(gzip.compress(text), "GZIP", 99) == text
    assert inflated(gzip.compress(text) + gzip.compress(text), "gzip", 99) == text * 2
    assert inflated(zlib.compress(text), "deflate", 99) == text
    assert inflated(bare.compress(text) + bare.flush(), "deflate", 99) == text
    assert inflated(b"", "gzip", 99) == b""
    for wrong, encoding in (
        (text, "gzip"),
        (text, "deflate"),
        (text, "br"),
        (gzip.compress(text)[:-3], "gzip"),
    ):
        with pytest.raises(NotInflated):
            inflated(wrong, encoding, 99)
    for body, encoding in ((b"x" * 100, ""), (gzip.compress(b"x" * 100), "gzip")):
        with pytest.raises(TooLong):
            inflated(body, encoding, 99)


# ---- the way there


def test_a_proxy_that_drips_its_answer_ends_with_the_time_for_connecting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with WireServer(Drip(b"HTTP/1.1 200 Connection established\r\nx: ", every=0.02)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("NO_PROXY", "")
        started = time.monotonic()
        times = Timeout(connect=0.4, read=5.0, total=20.0)
        hubspot = HubSpotClient(TOKEN, base_url="https://hubspot.invalid", timeout=times, trust_env=True)
        with hubspot, pytest.raises(NotConnected) as caught:
            hubspot.batch_read("contacts", ["1"])
        assert time.monotonic() - started < 3
        assert not caught.value.may_have_acted
        assert TOKEN.encode() not in proxy.last.head


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "http://hub.localhost"]
)
def test_this_host_may_be_spoken_to_without_tls(url: str) -> None:
    Transport(url).close()


@pytest.mark.parametrize("url", ["http://api.hubapi.com", "HTTP://10.0.0.1:80", "http://emulator:8000"])
def test_a_token_leaves_this_host_without_tls_only_where_it_is_allowed(url: str) -> None:
    with pytest.raises(InputError, match="without encryption"):
        Transport(url)
    Transport(url, allow_http=True).close()


@pytest.mark.parametrize(
    "url",
    ["https://", "https://:80", "https://a:99999", "https://a b", "https://u@h", "ftp://h", "https://h\\x"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="base_url"):
        Transport(url)
