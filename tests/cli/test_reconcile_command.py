"""`hubspot-batch-dagster reconcile`, and the check that does the same on a schedule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from hubspot_batch_dagster import Association, HubSpotResource, Upsert, hubspot_asset, hubspot_reconcile_check
from hubspot_batch_dagster.cli import cli
from hubspot_batch_dagster.emulator import Emulator

PEOPLE = [{"email": f"p{i}@x.org"} for i in range(3)]
BY_EMAIL = Upsert("contacts", id_property="email")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Emulator() as emulator:
        yield emulator


def resource(hub: Emulator, folder: Path) -> HubSpotResource:
    return HubSpotResource(access_token=hub.token, base_url=hub.url, store=str(folder / "store"))


def say(hub: Emulator, folder: Path, *options: str) -> Result:
    words = ["reconcile", "people", "--base-url", hub.url, "--store", str(folder / "store"), *options]
    return CliRunner().invoke(cli, words, env={"HUBSPOT_ACCESS_TOKEN": hub.token})


def archive_one(hub: Emulator, folder: Path) -> None:
    with resource(hub, folder).open() as hubspot:
        hubspot.sync(PEOPLE, BY_EMAIL, name="people")
        hubspot.client.batch_archive("contacts", [next(iter(hub.records("contacts")))])


def test_the_command_counts_shows_and_writes_a_table(hub: Emulator, tmp_path: Path) -> None:
    archive_one(hub, tmp_path)
    out = tmp_path / "records.parquet"
    run = say(hub, tmp_path)
    assert run.exit_code == 0, run.output
    assert "3 of 3 contacts were read: 2 as sent, 1 archived." in run.output
    assert "archived" in run.output.splitlines()[-1]
    assert say(hub, tmp_path, "--out", str(out)).exit_code == 0
    assert len(say(hub, tmp_path, "--format", "csv").stdout.splitlines()) == 4
    assert pq.read_table(out).column("state").to_pylist().count("as_sent") == 2
    assert hub.token not in run.output


def test_repair_has_the_next_run_send_the_row_again(hub: Emulator, tmp_path: Path) -> None:
    archive_one(hub, tmp_path)
    assert "1 rows are sent again by the next run" in say(hub, tmp_path, "--repair").output
    with resource(hub, tmp_path).open() as hubspot:
        assert hubspot.sync(PEOPLE, BY_EMAIL, name="people").counts["created"] == 1
    assert len(hub.records("contacts")) == 3


def test_a_token_of_another_account_is_refused_before_anything_is_marked(
    hub: Emulator, tmp_path: Path
) -> None:
    """To another account all records are gone: repaired, they would be made there."""
    archive_one(hub, tmp_path)
    hub.change(portal_id=999)
    run = say(hub, tmp_path, "--repair")
    assert run.exit_code != 0
    assert "999" in run.output


def test_an_unknown_sync_and_a_missing_token_are_named(hub: Emulator, tmp_path: Path) -> None:
    run = say(hub, tmp_path)
    assert run.exit_code != 0
    assert "There is no store" in run.output
    archive_one(hub, tmp_path)
    words = ["reconcile", "people", "--base-url", hub.url, "--store", str(tmp_path / "store")]
    run = CliRunner().invoke(cli, words, env={"HUBSPOT_ACCESS_TOKEN": ""})
    assert run.exit_code != 0
    assert "access_token" in run.output
    words[1] = "nobody"
    run = CliRunner().invoke(cli, words, env={"HUBSPOT_ACCESS_TOKEN": hub.token})
    assert "no ids table" in run.output


@pytest.mark.parametrize(("max_amiss", "passes"), [(0.0, False), (0.5, True)])
def test_the_check_warns_of_records_that_are_not_as_they_were_sent(
    hub: Emulator, tmp_path: Path, max_amiss: float, passes: bool
) -> None:
    @hubspot_asset(BY_EMAIL)
    def people() -> list[dict[str, str]]:
        return PEOPLE

    check = hubspot_reconcile_check(people, max_amiss=max_amiss)
    archive_one(hub, tmp_path)
    result = dg.materialize(
        [people, check],
        selection=dg.AssetSelection.checks(check),
        resources={"hubspot": resource(hub, tmp_path)},
    )
    (found,) = result.get_asset_check_evaluations()
    assert (found.passed, found.severity) == (passes, dg.AssetCheckSeverity.WARN)
    assert found.metadata["records_archived"].value == 1
    assert found.metadata["sample"].value.records[0].data["state"] == "archived"


WITH_FIRM = Upsert(
    "contacts",
    id_property="email",
    properties=["email"],
    associations=[Association("companies", column="firm")],
)


@pytest.fixture
def seats(hub: Emulator, tmp_path: Path) -> list[dict[str, str]]:
    """Three contacts of one company, one of which somebody took away."""
    (firm,) = hub.seed_records("companies", [{"name": "Firm"}])
    rows = [{**each, "firm": firm} for each in PEOPLE]
    with resource(hub, tmp_path).open() as hubspot:
        hubspot.sync(rows, WITH_FIRM, name="people")
    contact = next(iter(hub.records("contacts")))
    hub.portal.associations.remove_all("contacts", contact, "companies", firm)
    return rows


def test_the_command_tells_of_associations_and_has_them_written_again(
    hub: Emulator, tmp_path: Path, seats: list[dict[str, str]]
) -> None:
    run = say(hub, tmp_path, "--associations")
    assert run.exit_code == 0, run.output
    assert "Associations: 2 as wanted, 1 missing." in run.output
    assert run.output.splitlines()[-1].endswith("missing")
    assert len(say(hub, tmp_path, "--associations", "--format", "csv").stdout.splitlines()) == 4
    assert "Those of 1 rows are written again by the next run" in say(hub, tmp_path, "--repair").output
    with resource(hub, tmp_path).open() as hubspot:
        assert hubspot.sync(seats, WITH_FIRM, name="people").association_counts["associated"] == 1


def test_the_command_says_that_a_sync_has_no_associations(hub: Emulator, tmp_path: Path) -> None:
    archive_one(hub, tmp_path)
    run = say(hub, tmp_path, "--associations")
    assert run.exit_code != 0
    assert "no associations" in run.output


@pytest.mark.parametrize(("max_amiss", "passes"), [(0.0, False), (0.5, True)])
def test_the_check_warns_of_associations_that_are_missing(
    hub: Emulator, tmp_path: Path, seats: list[dict[str, str]], max_amiss: float, passes: bool
) -> None:
    @hubspot_asset(WITH_FIRM)
    def people() -> list[dict[str, str]]:
        return seats

    check = hubspot_reconcile_check(people, max_amiss=max_amiss)
    result = dg.materialize(
        [people, check],
        selection=dg.AssetSelection.checks(check),
        resources={"hubspot": resource(hub, tmp_path)},
    )
    (found,) = result.get_asset_check_evaluations()
    assert found.passed is passes
    assert found.metadata["associations_missing"].value == 1
    assert found.metadata["associations_sample"].value.records[0].data["state"] == "missing"
