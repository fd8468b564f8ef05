"""Credentials: what they accept, what they never show, and how OAuth tokens are renewed."""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import pickle
import stat
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from bench.wire_server import Reply, Reset, Seen, Step, WireServer

from hubspot_batch_dagster.api.auth.credentials import AccessToken
from hubspot_batch_dagster.api.auth.oauth import OAuthRefresh
from hubspot_batch_dagster.api.auth.token_cache import TokenCache, Tokens
from hubspot_batch_dagster.api.client import HubSpotClient
from hubspot_batch_dagster.api.errors import (
    ExpiredToken,
    HubSpotError,
    InputError,
    NotAuthenticated,
    NotConnected,
    RateLimited,
    ServerTrouble,
    StoreError,
)

TOKEN = "pat-na1-11111111-aaaa-bbbb-cccc-222222222222"
SECRET, REFRESH = "client-secret-value", "refresh-token-value"
EXPIRED = Reply(401, {"category": "EXPIRED_AUTHENTICATION", "message": "expired 5 second(s) ago"})


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def granting(**more: Any) -> Callable[[Seen], Step]:
    """An OAuth server that gives a-1, a-2, ... and a HubSpot that takes any of them."""
    count = iter(range(1, 10_000))

    def script(seen: Seen) -> Step:
        if "/oauth/" in seen.path:
            return Reply(200, {"access_token": f"a-{next(count)}", "expires_in": 1800, **more})
        return Reply()

    return script


def oauth(server: WireServer, **options: Any) -> OAuthRefresh:
    return OAuthRefresh("client-id", SECRET, REFRESH, base_url=server.url, **options)


def renewals(server: WireServer) -> list[Seen]:
    return [seen for seen in server.seen if "/oauth/" in seen.path]


# ---- access tokens


def test_blanks_around_a_token_are_dropped() -> None:
    assert AccessToken(f"  {TOKEN}\n").token() == TOKEN


@pytest.mark.parametrize("wrong", ["", "   ", f"Bearer {TOKEN}", "pat na1", "pat-ü", "pat\x00", None, 5])
def test_what_cannot_be_a_token_is_refused_without_showing_it(wrong: Any) -> None:
    with pytest.raises(InputError) as caught:
        AccessToken(wrong)
    assert caught.value.remedy
    assert TOKEN not in str(caught.value)


def test_a_token_never_prints_and_is_never_pickled() -> None:
    source = AccessToken(TOKEN)
    client = HubSpotClient(source)
    shown = [repr(source), str(source), f"{source}", repr(client), str(client), client.fingerprint]
    assert TOKEN not in " ".join(shown)
    for holder in (source, client):
        with pytest.raises(TypeError, match="holds a secret"):
            pickle.dumps(holder)
        with pytest.raises(TypeError, match="holds a secret"):
            copy.deepcopy(holder)


def test_a_fingerprint_names_a_token_without_giving_it_away() -> None:
    first = AccessToken(TOKEN).fingerprint
    assert first == AccessToken(f" {TOKEN} ").fingerprint
    assert first != AccessToken(f"{TOKEN}x").fingerprint
    assert len(first) == 16
    assert int(first, 16) >= 0


def test_a_refused_access_token_is_not_sent_again() -> None:
    with WireServer(EXPIRED) as server, HubSpotClient(TOKEN, base_url=server.url) as hubspot:
        with pytest.raises(ExpiredToken, match="whole token was copied"):
            hubspot.batch_read("contacts", [1])
        assert len(server.seen) == 1


# ---- OAuth


def test_a_token_is_got_once_and_used_until_a_minute_before_its_end() -> None:
    clock = Clock()
    with WireServer(script=granting()) as server:
        source = oauth(server, clock=clock)
        assert [source.token(), source.token()] == ["a-1", "a-1"]
        clock.now += 1800 - 61
        assert source.token() == "a-1"
        clock.now += 2
        assert source.token() == "a-2"
        source.close()
    assert len(server.seen) == 2


@pytest.mark.parametrize("lives", [-5, 0, 1, 59])
def test_a_token_that_is_said_to_live_shortly_is_not_renewed_before_each_request(lives: float) -> None:
    with WireServer(script=granting(expires_in=lives)) as server:
        source = oauth(server)
        assert [source.token(), source.token()] == ["a-1", "a-1"]
        assert source.refresh("a-1")
        source.close()
    assert len(server.seen) == 2


@pytest.mark.parametrize("token", ["", "two\nlines", "a\u2603", "Bearer x", None, 5, ["a"]])
def test_what_cannot_be_a_token_is_none_that_was_renewed(token: Any) -> None:
    with (
        WireServer(script=granting(access_token=token)) as server,
        HubSpotClient(oauth(server), base_url=server.url) as hubspot,
        pytest.raises(NotConnected, match="holds no token"),
    ):
        hubspot.batch_read("contacts", [1])


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("v1", "/oauth/v1/token"),
        ("v3", "/oauth/v3/token"),
        ("2025-09", "/oauth/v3/token"),
        ("2026-03", "/oauth/2026-03/token"),
        ("2026-09", "/oauth/2026-09/token"),
    ],
)
def test_a_renewal_is_a_form_at_the_versions_path(version: str, path: str) -> None:
    with WireServer(script=granting()) as server:
        oauth(server, version=version).token()
    assert server.last.line == f"POST {path} HTTP/1.1"
    assert server.last.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(server.last.body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["client-id"],
        "client_secret": [SECRET],
        "refresh_token": [REFRESH],
    }
    assert "authorization" not in server.last.headers


def test_a_new_refresh_token_replaces_the_old_one_and_the_fingerprint_stays() -> None:
    with WireServer(script=granting(refresh_token="rotated")) as server:
        source = oauth(server)
        name = source.fingerprint
        source.refresh(source.token())
    assert [parse_qs(seen.body.decode())["refresh_token"] for seen in server.seen] == [[REFRESH], ["rotated"]]
    assert source.fingerprint == name


def test_a_refused_token_is_replaced_and_the_request_sent_once_more() -> None:
    def script(seen: Seen) -> Step:
        if "/oauth/" in seen.path:
            return Reply(200, {"access_token": f"a-{len(renewals(server))}"})
        return Reply(200) if seen.headers["authorization"] == "Bearer a-2" else EXPIRED

    with (
        WireServer(script=script) as server,
        HubSpotClient(oauth(server), base_url=server.url) as hubspot,
    ):
        hubspot.batch_create("contacts", [{"properties": {"a": "1"}}])
        sent = [seen for seen in server.seen if "/oauth/" not in seen.path]
    assert [seen.headers["authorization"] for seen in sent] == ["Bearer a-1", "Bearer a-2"]
    assert sent[0].body == sent[1].body


def test_a_token_that_is_refused_again_ends_the_request() -> None:
    def script(seen: Seen) -> Step:
        return granted(seen) if "/oauth/" in seen.path else EXPIRED

    granted = granting()
    with WireServer(script=script) as server, HubSpotClient(oauth(server), base_url=server.url) as hubspot:
        with pytest.raises(ExpiredToken) as caught:
            hubspot.batch_read("contacts", [1])
        assert not caught.value.may_have_acted
        assert len(server.seen) == 4


def test_all_threads_together_renew_once() -> None:
    with WireServer(script=granting()) as server:
        source = oauth(server)
        stale = source.token()
        found: list[bool] = []
        barrier = threading.Barrier(12)

        def work() -> None:
            barrier.wait(5)
            found.append(source.refresh(stale))

        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert found == [True] * 12
        assert source.token() == "a-2"
    assert len(server.seen) == 2


def test_getting_the_same_token_again_is_no_renewal() -> None:
    with WireServer(Reply(200, {"access_token": "same"})) as server:
        source = oauth(server)
        assert not source.refresh(source.token())


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            400,
            {"error": "invalid_grant", "status": "BAD_REFRESH_TOKEN", "message": "missing or invalid"},
            "Install",
        ),
        (400, {"status": "BAD_CLIENT_ID", "error": "invalid_client"}, "client id"),
        (400, {"status": "BAD_CLIENT_SECRET", "error": "invalid_client"}, "client secret"),
        (400, {"status": "BAD_HUB", "error": "x"}, "taken out"),
        (401, {"message": "no"}, "token"),
        (403, b"<p>blocked</p>", "token"),
    ],
)
def test_a_refused_credential_says_which_part_to_mend(status: int, body: Any, words: str) -> None:
    with WireServer(Reply(status, body)) as server, pytest.raises(NotAuthenticated) as caught:
        oauth(server).token()
    assert words in caught.value.remedy
    assert caught.value.status == status
    assert not caught.value.may_have_acted


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (Reply(502, b"<h1>x</h1>"), ServerTrouble),
        (Reply(429, {"policyName": "SECONDLY"}), RateLimited),
        (Reset(), NotConnected),
        (Reply(200, b""), NotConnected),
        (Reply(200, {"access_token": ""}), NotConnected),
        (Reply(200, {"nothing": 1}), NotConnected),
    ],
)
def test_trouble_at_the_token_endpoint_never_means_that_rows_may_be_written(
    step: Step, kind: type[HubSpotError]
) -> None:
    with WireServer(step) as server, HubSpotClient(oauth(server), base_url=server.url) as hubspot:
        with pytest.raises(kind) as caught:
            hubspot.batch_create("contacts", [{"properties": {}}])
        assert not caught.value.may_have_acted
        assert [seen for seen in server.seen if "/oauth/" not in seen.path] == []
    assert not pickle.loads(pickle.dumps(caught.value)).may_have_acted


@pytest.mark.parametrize("step", [Reply(400, {"message": f"bad {SECRET} {REFRESH}"}), Reset()])
def test_oauth_secrets_never_show(step: Step) -> None:
    with WireServer(step) as server:
        source = oauth(server)
        with pytest.raises(HubSpotError) as caught:
            source.token()
        error = caught.value
        shown = [repr(source), str(source), str(error), repr(vars(error)), *traceback.format_exception(error)]
        for secret in (SECRET, REFRESH):
            assert secret not in "".join(shown)
            assert secret.encode() not in pickle.dumps(error)
        assert error.__context__ is None
        with pytest.raises(TypeError, match="holds a secret"):
            pickle.dumps(source)
    assert SECRET not in repr(Tokens(SECRET, REFRESH, 0.0))


def test_wrong_oauth_settings_are_refused_at_once() -> None:
    with pytest.raises(InputError, match="client secret is empty"):
        OAuthRefresh("id", "", "refresh")
    with pytest.raises(InputError, match="2026-09"):
        OAuthRefresh("id", "secret", "refresh", version="v2")


# ---- tokens shared by processes


def test_processes_share_a_token_through_the_cache(tmp_path: Path) -> None:
    with WireServer(script=granting()) as server:
        cache = tmp_path / "new" / "tokens.json"
        assert oauth(server, cache=cache).token() == "a-1"
        assert oauth(server, cache=cache).token() == "a-1"
        assert len(server.seen) == 1
        third = oauth(server, cache=cache)
        assert third.refresh("a-1")
        assert third.token() == "a-2"
        assert oauth(server, cache=cache).token() == "a-2"
    assert len(server.seen) == 2


def test_a_process_that_was_refused_takes_the_token_that_another_renewed(tmp_path: Path) -> None:
    with WireServer(script=granting()) as server:
        first, second = (oauth(server, cache=tmp_path / "t") for _ in range(2))
        stale = first.token()
        assert second.token() == stale
        first.refresh(stale)
        assert second.refresh(stale)
        assert second.token() == first.token() == "a-2"
    assert len(server.seen) == 2


def test_a_rotated_refresh_token_reaches_the_other_processes(tmp_path: Path) -> None:
    clock = Clock()
    with WireServer(script=granting(refresh_token="rotated")) as server:
        oauth(server, cache=tmp_path / "t", clock=clock).token()
        clock.now += 1800
        oauth(server, cache=tmp_path / "t", clock=clock).token()
    assert parse_qs(server.last.body.decode())["refresh_token"] == ["rotated"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no owner bits")
def test_the_cache_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    with WireServer(script=granting()) as server:
        oauth(server, cache=tmp_path / "t").token()
    assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) in (["t"], ["t", "t.lock"])


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"owner": "somebody else", "access": "x"}'])
def test_a_cache_that_is_broken_or_somebody_elses_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text)
    with WireServer(script=granting()) as server:
        assert oauth(server, cache=tmp_path / "t").token() == "a-1"
    assert json.loads((tmp_path / "t").read_text())["access"] == "a-1"


def test_tokens_of_another_credential_in_the_same_file_are_not_used(tmp_path: Path) -> None:
    TokenCache(tmp_path / "t", "somebody else").write(Tokens("theirs", "theirs", time.time() + 1000))
    with WireServer(script=granting()) as server:
        assert oauth(server, cache=tmp_path / "t").token() == "a-1"
    assert parse_qs(server.last.body.decode())["refresh_token"] == [REFRESH]


def test_a_token_pasted_with_its_header_is_refused_by_that_reason() -> None:
    with pytest.raises(InputError, match="starts with 'Bearer'"):
        AccessToken(f"Bearer {TOKEN}")


def test_a_cache_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with WireServer(script=granting()) as server:
        with pytest.raises(StoreError, match="token cache"):
            oauth(server, cache=tmp_path / "file" / "t").token()
        (tmp_path / "folder").mkdir()
        with pytest.raises(StoreError, match="cannot be written"):
            oauth(server, cache=tmp_path / "folder").token()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_cache_that_is_held_too_long_is_a_store_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubspot_batch_dagster.api.auth.token_cache.LONGEST_WAIT", 0.1)
    cache = TokenCache(tmp_path / "t", "me")
    with cache.locked(), pytest.raises(StoreError, match="held by another process"), cache.locked():
        pass


def test_processes_that_start_together_renew_once(tmp_path: Path) -> None:
    def slow(seen: Seen) -> Step:
        time.sleep(0.05)
        return granted(seen)

    granted = granting()
    with WireServer(script=slow) as server:
        context = multiprocessing.get_context("spawn")
        results = context.Queue()
        workers = [
            context.Process(target=take_token, args=(server.url, str(tmp_path / "t"), results))
            for _ in range(3)
        ]
        for worker in workers:
            worker.start()
        found = {results.get(timeout=30) for _ in workers}
        for worker in workers:
            worker.join(10)
    assert found == {"a-1"}
    assert len(server.seen) == 1


def take_token(url: str, cache: str, results: Any) -> None:
    results.put(OAuthRefresh("client-id", SECRET, REFRESH, base_url=url, cache=cache).token())
