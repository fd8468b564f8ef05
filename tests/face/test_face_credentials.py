"""The resource's credential: an access token or OAuth, exactly one, checked when it is opened; the portal
that it is for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from bench.sync_bench import SETTINGS, Bench, shown

from hubspot_batch_dagster import HubSpotResource, Upsert
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.emulator import Emulator

ROWS = [{"email": "a@x.org"}]
BY_EMAIL = Upsert("contacts", id_property="email")


@pytest.fixture
def bench(running: Emulator, tmp_path: Path) -> Iterator[Bench]:
    """A portal, a store and the way between them; rows are checked before they are sent."""
    running.reset()
    made = Bench(running, tmp_path / "store")
    made.reopen()
    yield made
    made.close()
    running.faults.clear()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def oauth(bench: Bench, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The fields of a resource that goes by OAuth."""
    credentials = bench.emulator.credentials
    yield {
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "refresh_token": credentials.refresh_token,
        "base_url": bench.emulator.url,
        "store": str(tmp_path / "ids"),
    }
    bench.emulator.portal.settings = SETTINGS


def token_requests(emulator: Emulator) -> int:
    return len(emulator.books.requests("oauth.token"))


def test_a_refresh_token_gives_access_and_its_token_is_shared_by_all_who_have_it(
    bench: Bench, oauth: dict[str, Any], tmp_path: Path
) -> None:
    for run in range(2):
        with HubSpotResource(**oauth).open() as hubspot:
            assert sum(shown(hubspot.sync(ROWS, BY_EMAIL, name=f"s{run}")).values()) == 1
    assert token_requests(bench.emulator) == 1
    cached = list((tmp_path / "cache").rglob("token-*.json"))
    assert len(cached) == 1
    assert os.name != "posix" or cached[0].stat().st_mode & 0o077 == 0


def test_an_expired_token_is_renewed_once_and_the_run_goes_on(bench: Bench, oauth: dict[str, Any]) -> None:
    with HubSpotResource(**oauth).open() as hubspot:
        hubspot.sync(ROWS, BY_EMAIL, name="s")
        bench.emulator.expire_tokens()
        assert shown(hubspot.sync([{"email": "b@x.org"}], BY_EMAIL, name="s")) == {"created": 1}
    assert token_requests(bench.emulator) == 2


def test_the_secrets_may_come_from_the_environment_and_never_show(
    oauth: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("client_id", "client_secret", "refresh_token")
    for name in names:
        monkeypatch.setenv(name.upper(), oauth[name])
    given = {**oauth, **{name: dg.EnvVar(name.upper()) for name in names}}
    with HubSpotResource(**given).open() as hubspot:
        assert shown(hubspot.sync(ROWS, BY_EMAIL, name="s")) == {"created": 1}
        said = f"{hubspot!r} {hubspot} {hubspot.client!r} {hubspot.portal!r}"
    assert oauth["client_secret"] not in said
    assert oauth["refresh_token"] not in said
    schema = HubSpotResource.model_json_schema()["properties"]
    secret = {name for name, each in schema.items() if each.get("dagster__is_secret")}
    assert {"access_token", "client_secret", "refresh_token"} <= secret


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "no access_token"),
        ({"client_id": "a"}, "no client_secret, refresh_token"),
        ({"access_token": "pat-1", "client_id": "a"}, "an access_token and client_id"),
    ],
)
def test_none_or_two_or_half_a_credential_is_refused_before_the_resource_is_open(
    fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(InputError, match=why), HubSpotResource(**fields).open():
        pass


def test_the_client_of_a_pinned_resource_is_not_handed_out_for_another_portal(
    bench: Bench, tmp_path: Path
) -> None:
    fields: dict[str, Any] = {
        "access_token": bench.emulator.token,
        "base_url": bench.emulator.url,
        "store": str(tmp_path / "ids"),
    }
    with HubSpotResource(**fields, portal_id=1).open() as hubspot:
        with pytest.raises(InputError, match="portal_id=1"):
            _ = hubspot.client
        with pytest.raises(InputError, match="portal_id=1"):
            hubspot.sync(ROWS, BY_EMAIL, name="s")
    with HubSpotResource(**fields, portal_id=bench.emulator.portal_id).open() as hubspot:
        assert hubspot.client.account_details().portal_id == bench.emulator.portal_id
    assert bench.writes() == 0


def test_one_open_resource_asks_the_portal_once_for_all_its_runs(bench: Bench, tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "access_token": bench.emulator.token,
        "base_url": bench.emulator.url,
        "store": str(tmp_path / "ids"),
    }
    with HubSpotResource(**fields).open() as hubspot:
        for run in range(3):
            hubspot.sync(ROWS, BY_EMAIL, name=f"s{run}")
    assert bench.definitions_asked() == ["account.details", "properties.list"]
    bench.emulator.books.clear()
    with HubSpotResource(**fields, check_portal=False).open() as hubspot:
        hubspot.sync(ROWS, BY_EMAIL, name="off")
    assert bench.definitions_asked() == ["account.details"]  # whose records they are is asked all the same


def test_a_warning_of_2026_09_reaches_the_ids_table(bench: Bench) -> None:
    """HubSpot corrects a date with a time of day there and says so; without definitions it is sent as it
    came.
    """
    bench.emulator.add_property("contacts", "born", kind="date")
    bench.reopen(version="2026-09", check=False)
    rows = [{"email": "a@x.org", "born": "1990-01-02T03:04:05Z"}, {"email": "b@x.org", "born": "1990-01-02"}]
    lines = {each["email"]: each for each in bench.run(rows, BY_EMAIL).ids.to_pylist()}
    assert lines["a@x.org"]["outcome"] == "created"
    assert "born was normalized from 1990-01-02T03:04:05Z to 1990-01-02" in lines["a@x.org"]["warning"]
    assert lines["b@x.org"]["warning"] is None


def test_a_date_with_a_time_of_day_is_refused_only_where_hubspot_certainly_refuses_it(bench: Bench) -> None:
    """Version 2026-09 keeps the day: there the day is sent, and a warning of the plan says so."""
    bench.emulator.add_property("contacts", "born", kind="date")
    rows = [{"email": "a@x.org", "born": "1990-01-02T03:04:05Z"}, {"email": "b@x.org", "born": "1990-01-02"}]
    bench.reopen(version="2026-03")
    assert shown(bench.run(rows, BY_EMAIL, "before")) == {"created": 1, "rejected": 1}
    assert not [each for each in bench.warnings if "time of day" in each]
    bench.reopen(version="2026-09")
    assert shown(bench.run(rows, BY_EMAIL, "now")) == {"created": 1, "updated": 1}
    assert {each["born"] for each in bench.emulator.records("contacts").values()} == {"1990-01-02"}
    assert [each for each in bench.warnings if "1 dates of the column 'born' have a time of day" in each]
    assert shown(bench.run(rows, BY_EMAIL, "now")) == {"unchanged": 2}
