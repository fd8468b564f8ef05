"""Settings are checked when they are given: ranges, and URLs whose driver or file system is missing."""

from __future__ import annotations

import sys
from typing import Any

import dagster as dg
import pytest

from hubspot_batch_dagster import (
    ArrowParquetIOManager,
    HubSpotResource,
    InputError,
    SessionSettings,
    Upsert,
    hubspot_asset,
    hubspot_op,
)

PEOPLE = Upsert("contacts", id_property="email")


@pytest.mark.parametrize(
    "wrong",
    [
        {"patience": -1.0}, {"certain_after": 0.0}, {"index_lag": -5.0}, {"backoff": -0.1}, {"timeout": 0.0},
        {"share": 0.0}, {"share": 1.5}, {"daily_share": float("nan")}, {"limit": 0}, {"portal_id": 0},
        {"memory": "much"}, {"memory": "512"}, {"version": "v4"}, {"patience": float("inf")},
        {"certain_after": 1.0, "index_lag": 2.0}, {"timeout": float("inf")}, {"memory": "0MB"}, {"memory": "0.0 gb"},
        {"store": "s3:/bucket"}, {"store": "s3://"}, {"store": "://bucket"}, {"store": "a\0b"}, {"journal": "\0"},
        {"journal": "postgresql+psycopg://u:p@h:0/d"}, {"client_id": "also"},
        {"memory": "9" * 30 + "TB"}, {"memory": "1KB"},
        {"timeout": 1e12}, {"limit": 10**30}, {"portal_id": 10**30}, {"patience": 1e300}, {"lock_wait": 1e10},
        {"index_lag": 1e10, "certain_after": 1e10}, {"certain_after": 1e10}, {"backoff": 1e9},
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [SessionSettings, HubSpotResource])
def test_settings_that_mean_nothing_are_refused(kind: Any, wrong: dict[str, Any]) -> None:
    """Where they are given, with the name of the setting."""
    with pytest.raises(InputError, match=next(iter(wrong))):
        kind(access_token="t", **wrong)


def test_a_setting_from_the_environment_is_checked_in_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the run its value is not known."""
    monkeypatch.setenv("HUBSPOT_LIMIT", "0")
    resource = HubSpotResource(access_token="t", limit=dg.EnvVar.int("HUBSPOT_LIMIT"))
    with pytest.raises(InputError, match="limit is 0"), resource.open():
        pass


@pytest.mark.parametrize(
    ("setting", "url", "package", "words"),
    [
        ("store", "s3://bucket/hubspot", "s3fs", r"hubspot-batch-dagster\[s3\]"),
        ("store", "gs://bucket/hubspot", "gcsfs", r"hubspot-batch-dagster\[gcs\]"),
        ("store", "abfs://container/hubspot", "adlfs", r"hubspot-batch-dagster\[azure\]"),
        ("store", "nonsense://bucket", "", "no file system"),
        ("journal", "postgresql+psycopg://u:s3cr3t@h/d", "psycopg", r"hubspot-batch-dagster\[postgres\]"),
        ("journal", "postgresql+psycopg://u:s3cr3t@h:99999/d", "", "port 99999"),
        ("journal", "s3cr3t", "", "not the URL of a database"),
        ("journal", "nonsense://u:s3cr3t@h/d", "", "not the URL of a database"),
        ("budget_url", "redis://u:s3cr3t@h:6379/0", "redis", r"hubspot-batch-dagster\[redis\]"),
        ("budget_url", "redis://u:s3cr3t@h:99999/0", "", "not valid"),
        ("budget_url", "redis://u:s3cr3t@h:6379/0?retry=3", "", "option after its"),
        ("budget_url", "redis://u:s3cr3t@h:6379/0?encoding=utf-16", "", "option after its"),
        ("budget_url", "redis://u:pass?s3cr3t@h:6379/0", "", "%3F"),
        ("budget_url", "redis://h:6379/0?health_check_interval=s3cr3t", "", "not a number from 0 to 3600"),
        ("budget_url", "redis://u:s3cr3t@h:6379/0?protocol=9", "", "protocol= after its"),
        ("budget_url", "redis://u:s3cr3t@h:6379/0?socket_timeout=1e12", "", "socket_timeout= after its"),
        ("budget_url", "postgresql+psycopg://u:s3cr3t@h/d", "psycopg", r"hubspot-batch-dagster\[postgres\]"),
        ("budget_url", "postgresql+psycopg://u:s3cr3t@h:99999/d", "", "port 99999"),
        ("budget_url", "s3cr3t", "", "neither Redis nor Postgres"),
        ("warehouse", "postgresql://u:s3cr3t@h:99999/d", "", "port that is none"),
        ("warehouse", "mysql://u:s3cr3t@h/d", "", "mysql is not known"),
        ("base_url", "http://127.0.0.1:99999", "", "not an address"),
        ("base_url", "http://u:s3cr3t@h", "", "not an address"),
    ],
)
@pytest.mark.parametrize("kind", [SessionSettings, HubSpotResource])
def test_a_url_without_its_driver_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, kind: Any, setting: str, url: str, package: str, words: str
) -> None:
    """Where it is given, and not when it is opened; a password in the URL never shows."""
    if package:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=words) as caught:
        kind(access_token="t", **{setting: url})
    assert setting in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("setting", ["store", "journal", "budget_url", "warehouse", "base_url"])
def test_a_url_that_is_not_known_yet_is_checked_in_the_run(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """It comes from the environment of the run."""
    monkeypatch.setenv("HUBSPOT_SOME_URL", "nonsense://u:s3cr3t@h:99999/d")
    resource = HubSpotResource(**{"access_token": "t", setting: dg.EnvVar("HUBSPOT_SOME_URL")})
    with pytest.raises(InputError, match=setting) as caught, resource.open():
        pass
    assert "s3cr3t" not in str(caught.value)


def test_what_looks_odd_and_is_meant_is_taken() -> None:
    HubSpotResource(access_token="t", memory="0.5GB", store="C:/ids", journal="sqlite:///journal.db", share=1)


@pytest.mark.parametrize("token", ["  ", "a\nb", "tökén"])
def test_a_token_that_is_none_is_refused_where_it_is_given(token: str) -> None:
    with pytest.raises(InputError, match="access token"):
        HubSpotResource(access_token=token)


def test_an_address_in_clear_is_refused_where_it_is_given_unless_it_is_allowed() -> None:
    HubSpotResource(access_token="t", base_url="http://hub.local", allow_http=True)
    with pytest.raises(InputError, match="base_url"):
        HubSpotResource(access_token="t", base_url="http://hub.local")


def test_what_stands_for_a_secret_in_the_launchpad_is_no_url() -> None:
    """A run that is launched with its mask gets this text for the setting."""
    HubSpotResource(access_token="t", journal="********", budget_url="********", warehouse="********")


@pytest.mark.parametrize(
    ("url", "package", "words"),
    [("s3://bucket/x", "s3fs", r"hubspot-batch-dagster\[s3\]"), ("nonsense://bucket", "", "no file system")],
)
def test_the_folder_of_an_io_manager_is_checked_where_it_is_given(
    monkeypatch: pytest.MonkeyPatch, url: str, package: str, words: str
) -> None:
    if package:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=words) as caught:
        ArrowParquetIOManager(base_dir=url)
    assert "base_dir" in str(caught.value)
    ArrowParquetIOManager(base_dir=dg.EnvVar("SOME_FOLDER"))


@pytest.mark.parametrize("decorator", [hubspot_asset, hubspot_op])
def test_a_decorator_without_parentheses_is_refused(decorator: Any) -> None:
    """The message says how to write it."""
    with pytest.raises(InputError, match="operation") as caught:

        @decorator
        def people() -> list[Any]:
            return []

    assert "parentheses" in caught.value.remedy


@pytest.mark.parametrize("parts", [["..", "x"], ["x", "."], ["x" * 300]])
def test_an_asset_key_that_cannot_name_a_sync_is_refused_where_the_asset_is_defined(parts: list[str]) -> None:
    with pytest.raises(InputError, match="The name of the sync"):

        @hubspot_asset(PEOPLE, key=dg.AssetKey(parts))
        def people() -> list[Any]:
            return []


@pytest.mark.parametrize("wrong", [float("nan"), -1, 1.5, True, "5"])
@pytest.mark.parametrize("name", ["max_rejected", "max_unknown"])
def test_a_tolerance_that_means_nothing_is_refused_where_the_asset_is_defined(name: str, wrong: Any) -> None:
    with pytest.raises(InputError, match=name):

        @hubspot_asset(PEOPLE, **{name: wrong})
        def people() -> list[Any]:
            return []
