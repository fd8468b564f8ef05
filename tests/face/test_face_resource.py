"""HubSpotResource: secrets, settings, life and death."""

import logging
import time
from pathlib import Path

import dagster as dg
import pytest
from bench.wire_server import Drip, Reply, WireServer
from face_helpers import BY_EMAIL, Bench, people

from hubspot_batch_dagster import HubSpotResource, hubspot_asset
from hubspot_batch_dagster.api.errors import AnswerLost, InputError, NotConnected
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.session_checks import check_values

SECRET = "pat-na1-0123456789-secret"


@pytest.mark.parametrize("show", [repr, str, "{}".format], ids=["repr", "str", "format"])
def test_the_token_is_in_no_text_of_the_resource(show) -> None:
    resource = HubSpotResource(
        access_token=SECRET,
        journal=f"postgresql+psycopg://me:{SECRET}@db/x",
        budget_url=f"redis://:{SECRET}@r",
    )
    assert SECRET not in show(resource)
    assert "api.hubapi.com" in show(resource)


@pytest.mark.parametrize("wrong", [{"share": "lots"}, {"nope": 1}, {"access_token": [SECRET]}])
def test_a_wrong_argument_is_refused_without_telling_the_token(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError) as caught:
        HubSpotResource(**{"access_token": SECRET, **wrong})
    assert next(iter(wrong)) in str(caught.value)
    assert SECRET not in str(caught.value)


def test_secret_fields_are_marked_so_that_dagster_masks_them() -> None:
    fields = HubSpotResource.model_fields
    for name in ("access_token", "journal", "budget_url", "warehouse"):
        assert fields[name].json_schema_extra == {"dagster__is_secret": True}, name
        assert fields[name].repr is False, name


def test_every_field_says_what_it_is_for() -> None:
    assert [name for name, each in HubSpotResource.model_fields.items() if not each.description] == []


def test_a_token_from_the_environment_is_read_when_the_resource_is_opened(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = bench.resource(access_token=dg.EnvVar("HUBSPOT_ACCESS_TOKEN"))
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", bench.emulator.token)
    with resource.open() as hubspot:
        assert hubspot.sync(people(2), BY_EMAIL, name="contacts").counts["created"] == 2


def test_a_missing_environment_variable_is_named(bench: Bench) -> None:
    resource = bench.resource(access_token=dg.EnvVar("HUBSPOT_ACCESS_TOKEN"))
    with pytest.raises(Exception, match="HUBSPOT_ACCESS_TOKEN"), resource.open():
        pass


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"portal_id": dg.EnvVar("P")}, 'Write portal_id=dg.EnvVar.int("P")'),
        ({"store": dg.EnvVar.int("P")}, 'Write store=dg.EnvVar("P")'),
        ({"share": dg.EnvVar("P")}, 'os.environ["P"]'),
        ({"check_portal": dg.EnvVar.int("P")}, 'os.environ["P"]'),
        ({"allow_http": dg.EnvVar("P")}, 'os.environ["P"]'),
    ],
)
def test_a_variable_that_dagster_cannot_read_into_its_field_is_refused_with_how_to_write_it(
    wrong: dict[str, object], said: str
) -> None:
    """An integer variable in the place of a bool was taken as False, whatever it held."""
    with pytest.raises(InputError) as caught:
        HubSpotResource(access_token=SECRET, **wrong)
    assert said in str(caught.value)


def test_a_url_is_checked_as_far_as_it_can_be_while_allow_http_is_not_known() -> None:
    check_values({"base_url": "http://hubspot.internal"})
    with pytest.raises(InputError, match="http"):
        check_values({"base_url": "http://hubspot.internal", "allow_http": False})
    with pytest.raises(InputError, match="base_url"):
        check_values({"base_url": "ftp://hubspot.internal"})


def test_it_says_how_to_open_it_when_it_is_not_open(bench: Bench) -> None:
    resource = bench.resource()
    for use in (lambda: resource.client, lambda: resource.sync(people(1), BY_EMAIL, name="contacts")):
        with pytest.raises(InputError, match=r"not open.*with HubSpotResource\(\.\.\.\)\.open\(\)"):
            use()


def test_a_sync_outside_an_asset_wants_a_name(bench: Bench) -> None:
    with bench.resource().open() as hubspot, pytest.raises(InputError, match="name="):
        hubspot.sync(people(1), BY_EMAIL)
    assert bench.books.requests() == []


def test_the_store_is_beside_dagsters_own_files_and_else_in_the_working_folder(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with bench.resource(store="").open() as hubspot:
        hubspot.sync(people(1), BY_EMAIL, name="a")
    assert (tmp_path / ".hubspot" / "a" / "ids.parquet").exists()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with bench.resource(store="").open() as hubspot:
        hubspot.sync(people(1), BY_EMAIL, name="a")
    assert (tmp_path / "home" / "hubspot" / "a" / "ids.parquet").exists()


def test_limit_and_share_say_how_many_requests_may_leave(bench: Bench) -> None:
    with bench.resource(limit=40, share=0.5).open() as hubspot:
        assert hubspot.client.budget.state().limit == 20


def test_the_timeout_ends_the_wait_for_a_silent_server_and_patience_ends_the_run(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.silent(operation="upsert"))
    began = time.monotonic()
    with bench.resource(timeout=0.2, patience=0.5).open() as hubspot:
        result = hubspot.sync(people(2), BY_EMAIL, name="contacts")
    assert result.counts["unsent"] + result.counts["unknown"] == 2
    assert result.stopped is not None
    assert time.monotonic() - began < 8


def test_a_proxy_of_the_environment_is_used_only_where_the_resource_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    account = Reply(200, {"portalId": 7, "timeZone": "UTC"})
    settings = {"access_token": "pat-x", "store": str(tmp_path), "timeout": 2.0, "allow_http": True}
    with WireServer(account) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("NO_PROXY", "")
        for trust_env in (True, False):
            resource = HubSpotResource(base_url="http://hubspot.invalid", trust_env=trust_env, **settings)
            with resource.open() as hubspot:
                if trust_env:
                    assert hubspot.client.account_details().portal_id == 7
                else:
                    with pytest.raises(NotConnected):
                        hubspot.client.account_details()
        assert [seen.path for seen in proxy.seen] == ["http://hubspot.invalid/account-info/2026-03/details"]


def test_a_token_is_not_sent_in_clear_to_another_host_unless_it_is_allowed(tmp_path) -> None:
    settings = {"access_token": "pat-x", "base_url": "http://emulator:8000", "store": str(tmp_path)}
    with pytest.raises(InputError, match="without encryption"):
        HubSpotResource(**settings)
    HubSpotResource(**settings, allow_http=True)


def test_an_answer_that_drips_ends_with_the_timeout(tmp_path) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n"
    with WireServer(Drip(head)) as server:
        resource = HubSpotResource(
            access_token="pat-x", base_url=server.url, store=str(tmp_path), timeout=0.5
        )
        started = time.monotonic()
        with resource.open() as hubspot, pytest.raises(AnswerLost, match=r"not complete after 0\.5 s"):
            hubspot.client.account_details()
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("fails", [False, True], ids=["well", "badly"])
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed in /proc")
def test_nothing_stays_open_when_a_step_ends(bench: Bench, fails: bool) -> None:
    held: list[HubSpotResource] = []

    @hubspot_asset(BY_EMAIL)
    def contacts(hubspot: HubSpotResource) -> list:
        hubspot.sync(people(3), BY_EMAIL, name="before")
        held.append(hubspot)
        if fails:
            raise ValueError("no rows today")
        return people(3)

    def open_files() -> list[str]:
        found = []
        for each in Path("/proc/self/fd").iterdir():
            try:
                found.append(str(each.readlink()))
            except OSError:
                continue
        return [each for each in found if str(bench.store) in each or str(bench.folder / "cache") in each]

    assert bench.materialize(contacts).success is not fails
    assert open_files() == []
    with pytest.raises(InputError, match="not open"):
        _ = held[0].client


def test_the_token_is_in_no_log_event_or_file_of_a_run_that_fails(
    bench: Bench, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    bench.emulator.faults.add(Fault.html(502, operation="upsert"))

    @hubspot_asset(BY_EMAIL)
    def contacts() -> list:
        return people(3)

    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        ran = bench.materialize(
            contacts,
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "DEBUG"}}}},
        )
        events = [str(each) for each in instance.all_logs(ran.result.run_id)]
    assert not ran.success
    shown = "\n".join([caplog.text, *capfd.readouterr(), *events])
    token = bench.emulator.token
    assert "contacts" in shown
    assert token not in shown
    written = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert any(each.name == "journal.db" for each in written)
    assert [str(each) for each in written if token.encode() in each.read_bytes()] == []
