"""What a broken connection means: certainly not written, or perhaps written; and that every wait ends."""

from __future__ import annotations

import logging
import pickle
import socket
import ssl
import threading
import time
import traceback
from typing import Any

import pytest
from bench.wire_server import Drip, Raw, Reply, Reset, Stall, Step, WireServer

from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import AnswerLost, HubSpotError, InputError, NotConnected, ServerTrouble
from hubspot_batch_dagster.api.transport import Timeout, Transport

TOKEN = "pat-na1-00000000-aaaa-bbbb-cccc-000000000000"
QUICK = Timeout(connect=1.0, read=0.3, total=1.0)
HEAD = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
CHUNKED = b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n"


def create(url: str, timeout: Timeout = QUICK, **options: Any) -> Any:
    with HubSpotClient(TOKEN, base_url=url, timeout=timeout, **options) as hubspot:
        return hubspot.batch_create("contacts", [{"properties": {"email": "a@b.co"}}])


def nobody_listens() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Reset(), "reset"),
        (Raw(), "closed the connection without an answer"),
        (Stall(), "silent"),
        (Stall(HEAD), "silent"),
        (Stall(b"HTTP/1.1 201 Cre"), "silent"),
        (Raw(HEAD + b'{"status":'), "broke off"),
        (Reset(HEAD + b'{"status":'), ""),
        (Raw(CHUNKED + b'10\r\n{"status":'), ""),
        (Raw(CHUNKED + b"zz\r\n{}"), ""),
        (Raw(b"nonsense\r\n\r\n"), ""),
        (Raw(HEAD.replace(b"content-type: application/json", b"content-encoding: gzip") + b"x" * 100), ""),
        (Reply(201, b"\x1f\x8b\x08\x00cut", {"content-encoding": "gzip"}), ""),
        (Raw(b"HTTP/1.1 201 Created\r\n\r\n" + b'{"status":"COMPLETE","resu'), "not a whole JSON object"),
    ],
)
def test_an_answer_that_does_not_come_whole_is_lost_and_perhaps_written(step: Step, words: str) -> None:
    with WireServer(step) as server, pytest.raises(AnswerLost) as caught:
        create(server.url)
    assert caught.value.may_have_acted
    assert words in str(caught.value)
    assert len(server.seen) == 1, "nothing is ever sent twice"


@pytest.mark.parametrize("data", [HEAD.replace(b"100", b"9999"), b"HTTP/1.1 201 Created\r\nx-slow: "])
def test_a_drip_of_bytes_ends_at_the_total_time(data: bytes) -> None:
    """The read timeout starts anew with each byte; the total does not."""
    started = time.monotonic()
    with WireServer(Drip(data)) as server, pytest.raises(AnswerLost, match=r"not complete after 0\.5 s"):
        create(server.url, Timeout(connect=1.0, read=5.0, total=0.5))
    assert time.monotonic() - started < 3


def test_a_time_that_is_over_before_the_answer_ends_the_exchange() -> None:
    with WireServer() as server, pytest.raises(AnswerLost, match="not complete after 1e-06 s"):
        create(server.url, Timeout(connect=1.0, read=1.0, total=0.000001))


def test_a_client_shows_its_timeout() -> None:
    with HubSpotClient(TOKEN, timeout=QUICK) as hubspot:
        assert hubspot.timeout == QUICK


def test_a_refused_connection_certainly_wrote_nothing() -> None:
    with pytest.raises(NotConnected, match="refused") as caught:
        create(f"http://127.0.0.1:{nobody_listens()}")
    assert not caught.value.may_have_acted


def test_an_unknown_host_certainly_wrote_nothing() -> None:
    with pytest.raises(NotConnected, match="host name is not known"):
        create("https://hubspot.invalid")


def test_a_host_that_does_not_speak_tls_certainly_wrote_nothing() -> None:
    with WireServer(Raw(b"nonsense\r\n\r\n")) as server, pytest.raises(NotConnected):
        create(server.url.replace("http://", "https://"))


def test_a_tls_handshake_that_never_ends_is_not_connected() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NotConnected):
        create(f"https://127.0.0.1:{silent.getsockname()[1]}", Timeout(connect=0.3, read=0.3, total=1.0))


def test_an_untrusted_certificate_certainly_wrote_nothing(tmp_path: Any) -> None:
    pytest.importorskip("cryptography", reason="needed to make a certificate")
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as plain:
        thread = threading.Thread(target=shake_hands, args=(plain, context), daemon=True)
        thread.start()
        with pytest.raises(NotConnected, match=r"(?i)certificate"):
            create(f"https://127.0.0.1:{plain.getsockname()[1]}")
        thread.join(5)


def test_a_trusted_server_is_spoken_to_over_tls_with_the_deadline_in_place(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="needed to make a certificate")
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
    with WireServer(Drip(HEAD)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with pytest.raises(AnswerLost, match=r"not complete after 0\.4 s"):
            create(
                server.url.replace("http:", "https:"),
                Timeout(connect=2.0, read=5.0, total=0.4),
                trust_env=True,
            )
    assert len(server.seen) == 1


def test_proxies_are_taken_from_the_environment_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(Reply(200, {"results": [{"id": "1"}]})) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("NO_PROXY", "")
        assert create("http://hubspot.invalid", trust_env=True, allow_http=True).results[0].id == "1"
        assert proxy.last.path == "http://hubspot.invalid/crm/objects/2026-03/contacts/batch/create"
        with pytest.raises(NotConnected):
            create("http://hubspot.invalid", allow_http=True)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with WireServer(Reply()) as elsewhere:
        away = Reply(status, b"", {"location": f"{elsewhere.url}/x"})
        with WireServer(away) as server, pytest.raises(HubSpotError) as caught:
            create(server.url)
        assert elsewhere.seen == []
    assert caught.value.status == status


def test_a_server_error_is_sent_once() -> None:
    with WireServer(Reply(503, b"busy")) as server, pytest.raises(ServerTrouble):
        create(server.url)
    assert len(server.seen) == 1


def test_a_connection_that_the_server_closed_while_idle_is_not_used_again() -> None:
    closing = Raw(Reply(200, {"results": []}).bytes())
    with WireServer(closing) as server, HubSpotClient(TOKEN, base_url=server.url, timeout=QUICK) as hubspot:
        for _ in range(5):
            hubspot.batch_read("contacts", [1])
            time.sleep(0.02)
    assert len(server.seen) == 5


def test_a_megabyte_batch_goes_through_a_slow_reader() -> None:
    with WireServer() as server:
        big = "x" * 60_000
        with HubSpotClient(TOKEN, base_url=server.url) as hubspot:
            hubspot.batch_create("contacts", [{"properties": {"a": big}} for _ in range(100)])
    assert len(server.last.body) > 6_000_000


@pytest.mark.parametrize(
    "step", [Reset(), Stall(), Raw(HEAD), Reply(401, b"{}"), Reply(502, b"<p>x</p>"), None]
)
def test_no_error_holds_the_token_in_any_way(step: Step | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with WireServer(step or Reply()) as server:
        url = server.url if step else f"http://127.0.0.1:{nobody_listens()}"
        with pytest.raises(HubSpotError) as caught:
            create(url)
    error = caught.value
    seen = [
        str(error),
        repr(error),
        repr(vars(error)),
        "".join(traceback.format_exception(error)),
        caplog.text,
    ]
    assert TOKEN not in "".join(seen)
    assert TOKEN.encode() not in pickle.dumps(error)
    assert error.__cause__ is None
    assert error.__context__ is None, "what requests raised holds the request"


def test_a_token_that_a_server_repeats_is_cut_out() -> None:
    echo = Reply(400, {"message": f"bad header Authorization: Bearer {TOKEN}"})
    with WireServer(echo) as server, pytest.raises(HubSpotError) as caught:
        create(server.url)
    assert "bad header" in str(caught.value)
    assert TOKEN not in repr(vars(caught.value)) + str(caught.value)


@pytest.mark.parametrize("wrong", [0, -1, float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["connect", "read", "total"])
def test_a_timeout_that_would_not_end_is_refused(name: str, wrong: float) -> None:
    with pytest.raises(InputError, match=name):
        Timeout(**{name: wrong})


def test_timeouts_print_and_the_default_outlasts_hubspots_own_gateway() -> None:
    assert repr(Timeout()) == "Timeout(connect=5.0, read=110.0, total=180.0)"
    assert Timeout().read > 100


def test_a_transport_answers_any_status_without_judging_it() -> None:
    with WireServer(Reply(418, b"tea")) as server:
        transport = Transport(server.url)
        answer = transport.exchange("GET", "/", {}, None)
        transport.close()
    assert (answer.status, answer.body) == (418, b"tea")
    assert "content-length" not in server.last.headers


def shake_hands(listening: socket.socket, context: ssl.SSLContext) -> None:
    listening.settimeout(5)
    try:
        peer, _ = listening.accept()
        with context.wrap_socket(peer, server_side=True) as tls:
            tls.recv(1)
    except OSError:
        pass


def self_signed(folder: Any) -> str:
    """A certificate for 127.0.0.1 with its key, in one file."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)
