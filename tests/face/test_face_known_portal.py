"""Syncs in Python are held against a portal's definitions in a file, without HubSpot."""

from pathlib import Path

import dagster as dg
import pytest
from face_helpers import Bench, people

from hubspot_batch_dagster import HubSpotSyncComponent, Upsert, build_hubspot_sync_assets, hubspot_asset
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.component.source import Source
from hubspot_batch_dagster.emulator import Emulator
from hubspot_batch_dagster.sync.schema.portal_definitions import read_definitions, write_definitions

RIGHT = Upsert("contacts", id_property="email", properties=["email", "firstname"])
WRONG = Upsert("contacts", id_property="email", properties=["email", "fristname"])


@pytest.fixture(scope="module")
def portal(running: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portal's definitions in a file."""
    from hubspot_batch_dagster import HubSpotClient

    path = tmp_path_factory.mktemp("definitions") / "portal.json"
    client = HubSpotClient(running.token, base_url=running.url)
    write_definitions(read_definitions(client, lambda _: None), path)
    return path


@pytest.fixture
def checking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Definitions load to be checked, as by `dg check defs`."""
    monkeypatch.setenv("DAGSTER_IS_DEFS_VALIDATION_CLI", "1")


def made(operation: Upsert, portal: Path | str) -> dg.AssetsDefinition:
    @hubspot_asset(operation, portal=portal)
    def contacts() -> list:
        return people(2)

    return contacts


def several(*names: str, portal: Path) -> list[dg.AssetsDefinition]:
    syncs = [
        HubSpotSyncComponent(
            asset=dg.AssetSpec(name),
            source=Source(asset="x"),
            operation="upsert",
            object_type="contacts",
            id_property="email",
            properties=["email", name],
        )
        for name in names
    ]
    return build_hubspot_sync_assets(syncs, portal=portal)


@pytest.mark.usefixtures("checking")
def test_a_misspelt_property_is_refused_when_definitions_are_checked(portal: Path) -> None:
    with pytest.raises(InputError, match=r"'fristname' is no property of contacts.*Nearest: 'firstname'"):
        made(WRONG, portal)
    with pytest.raises(InputError, match=r"'fristname' is no property of contacts"):
        several("firstname", "fristname", portal=portal)
    assert made(RIGHT, str(portal)).key == dg.AssetKey("contacts")
    assert len(several("firstname", "lastname", portal=portal)) == 2


def test_a_project_that_loads_to_run_is_only_warned_and_the_run_still_asks_hubspot(
    bench: Bench, portal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A property that was made in HubSpot after the file was written is sent."""
    since = Upsert("contacts", id_property="email", properties=["email", "made_since"])

    @hubspot_asset(since, portal=portal)
    def contacts() -> list:
        return [{"email": "ada@x.org", "made_since": "yes"}]

    assert "contacts: Column 'made_since' is no property of contacts." in caplog.text
    assert f"read the definitions anew: hubspot-batch-dagster portal --out {portal}" in caplog.text
    ran = bench.materialize(contacts)
    assert not ran.success
    assert "made_since" in ran.failure("contacts")
    bench.emulator.add_property("contacts", "made_since")
    assert bench.materialize(contacts).success
    assert bench.once_each("contacts", "made_since", ["yes"])


def test_a_file_that_is_not_there_stops_the_check_and_not_the_code_location(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = tmp_path / "nowhere.json"
    assert made(WRONG, nowhere).key == dg.AssetKey("contacts")
    assert f"Syncs are not checked against the portal: {nowhere} cannot be read" in caplog.text
    monkeypatch.setenv("DAGSTER_IS_DEFS_VALIDATION_CLI", "1")
    with pytest.raises(InputError, match=r"Write it anew: hubspot-batch-dagster portal --out"):
        made(RIGHT, nowhere)


def test_the_columns_have_the_portals_words_in_python_too(portal: Path) -> None:
    for asset in (made(RIGHT, portal), *several("firstname", portal=portal)):
        [email, first] = asset.get_asset_spec().metadata["dagster/column_schema"].columns
        assert first.description.startswith("First")
        assert email.type == "string"


def test_a_file_that_was_written_anew_is_read_anew(
    portal: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = tmp_path / "portal.json"
    own.write_text('{"format": 1, "properties": {"contacts": []}}')
    made(RIGHT, own)
    assert "is no property of contacts" in caplog.text
    caplog.clear()
    own.write_text(portal.read_text())
    made(RIGHT, own)
    assert caplog.text == ""
