"""A portal's definitions in a project: a misspelt property is found where HubSpot cannot be reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from component_helpers import told_by
from dagster.components.testing import create_defs_folder_sandbox
from dg_project import Dg, dg_says, made_project

from hubspot_batch_dagster import HubSpotPortalComponent, HubSpotSyncCollectionComponent, HubSpotSyncComponent
from hubspot_batch_dagster.emulator import Emulator

PORTAL = """\
type: hubspot_batch_dagster.HubSpotPortalComponent
attributes:
  hubspot:
    access_token_env: HUBSPOT_ACCESS_TOKEN
    base_url: "{{ env.HUBSPOT_BASE_URL }}"
"""
CONTACTS = """\
type: hubspot_batch_dagster.HubSpotSyncComponent
attributes:
  asset: {key: contacts}
  source: {path: people.csv}
  operation: upsert
  object_type: contacts
  id_property: email
  properties:
    email: mail
    fristname: first_name
  resource: hubspot
"""
IN_PYTHON = """\
from pathlib import Path

import dagster as dg
from hubspot_batch_dagster import HubSpotSyncComponent, Upsert, build_hubspot_sync_assets, hubspot_asset
from hubspot_batch_dagster.component.source import Source

PORTAL = Path(__file__).with_name("portal.json")


@hubspot_asset(Upsert("contacts", id_property="email", properties=["email", "{of_asset}"]), portal=PORTAL)
def people() -> list:
    return []


firms = build_hubspot_sync_assets(
    [
        HubSpotSyncComponent(
            asset=dg.AssetSpec("firms"),
            source=Source(asset="all_firms"),
            operation="upsert",
            object_type="companies",
            key="id",
            properties=["{of_sync}"],
        )
    ],
    portal=PORTAL,
)


@dg.asset
def all_firms() -> list:
    return []
"""
SYNC: dict[str, Any] = {
    "asset": {"key": "rows"},
    "source": {"path": "rows.csv"},
    "operation": "upsert",
    "object_type": "contacts",
    "id_property": "email",
    "properties": ["email", "firstname"],
}


def test_dg_check_defs_finds_a_misspelt_property_while_hubspot_is_away(tmp_path: Path) -> None:
    """The portal's definitions are read once; the check then names line, asset and the nearest name, and asks
    nobody. Loaded to run, the same project only warns: the property may be newer than the definitions.
    """
    pytest.importorskip("dagster_dg_cli")
    folder = made_project(tmp_path, {"portal/defs.yaml": PORTAL, "contacts/defs.yaml": CONTACTS})
    with Emulator() as hubspot:
        there = {"HUBSPOT_ACCESS_TOKEN": hubspot.token, "HUBSPOT_BASE_URL": hubspot.url}
        status, said = dg_says(folder, "utils", "refresh-defs-state", **there)
        assert status == 0, said
    away = {"HUBSPOT_BASE_URL": there["HUBSPOT_BASE_URL"]}  # the emulator has ended, and there is no token
    words = (
        "Column 'first_name' goes to property 'fristname', which does not exist among those of contacts."
        " Nearest: 'firstname'"
    )
    checked, listed = Dg(folder, "check", "defs", **away), Dg(folder, "list", "defs", **away)
    status, said = checked.says()
    assert status != 0
    assert words in said
    assert "If it is new in HubSpot, read the definitions anew: dg utils refresh-defs-state." in said
    assert "defs.yaml:10 - attributes.properties.fristname" in said
    status, said = listed.says()
    assert status == 0, said
    assert words in said
    assert "dg utils refresh-defs-state" in said
    written = folder / "src" / "crm" / "defs" / "contacts" / "defs.yaml"
    written.write_text(CONTACTS.replace("fristname", "firstname"))
    status, said = dg_says(folder, "check", "defs", **away)
    assert status == 0, said


def test_dg_check_defs_finds_a_misspelt_property_of_a_sync_in_python(
    tmp_path: Path, portal_json: Path
) -> None:
    """Of `@hubspot_asset` and of `build_hubspot_sync_assets`, in a project that has no portal component."""
    pytest.importorskip("dagster_dg_cli")
    running = []
    for number, (of_asset, of_sync) in enumerate(
        [("fristname", "name"), ("firstname", "nmae"), ("firstname", "name")]
    ):
        text = IN_PYTHON.format(of_asset=of_asset, of_sync=of_sync)
        files = {"people.py": text, "portal.json": portal_json.read_text()}
        running.append(Dg(made_project(tmp_path / str(number), files), "check", "defs"))
    (first, of_asset), (second, of_sync), (right, said) = [each.says() for each in running]
    assert first != 0
    assert "Column 'fristname' is no property of contacts. Nearest: 'firstname'" in of_asset
    assert 'people.py", line 10' in of_asset
    assert second != 0
    assert "Column 'nmae' is no property of companies. Nearest: 'name'" in of_sync
    assert right == 0, said


def built(portal: dict[str, Any], sync: dict[str, Any], kind: Any = HubSpotSyncComponent) -> dg.Definitions:
    """The definitions of a sync in a project that has a portal."""
    with create_defs_folder_sandbox() as sandbox:
        sandbox.scaffold_component(
            component_cls=HubSpotPortalComponent,
            defs_path="portal",
            defs_yaml_contents={
                "type": "hubspot_batch_dagster.HubSpotPortalComponent",
                "attributes": portal,
            },
        )
        path = sandbox.scaffold_component(
            component_cls=kind,
            defs_path="sync",
            defs_yaml_contents={"type": f"hubspot_batch_dagster.{kind.__name__}", "attributes": sync},
        )
        with sandbox.load_component_and_build_defs(defs_path=path) as (_, defs):
            return defs


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"properties": ["email", "fristname"]}, "Nearest: 'firstname'"),
        ({"properties": ["email", "score"]}, "Column 'score' is calculated by HubSpot."),
        ({"properties": ["email", "createdate"]}, "Column 'createdate' is read-only in HubSpot."),
        ({"id_property": "firstname"}, "id_property='firstname' is not unique in HubSpot."),
        (
            {"object_type": "crs", "id_property": "vin", "properties": ["vin"]},
            "no object type 'crs'. It has cars.",
        ),
        (
            {"associations": [{"to": "p_crs", "column": "car", "type": 7}]},
            "The account has no object type 'p_crs'",
        ),
    ],
    ids=lambda each: str(each)[:40],
)
@pytest.mark.usefixtures("checking")
def test_what_the_portal_would_refuse_is_refused_when_definitions_are_checked(
    portal_json: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster wraps ours in its own
        built({"path": str(portal_json)}, {**SYNC, **change})
    assert words in told_by(caught.value)
    assert "Nothing was sent" not in told_by(caught.value)


@pytest.mark.parametrize("properties", [["email", "new_in_hubspot"], ["email", "score"]], ids=str)
def test_what_the_portal_would_refuse_only_warns_where_the_project_loads_to_run(
    portal_json: Path, properties: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert built({"path": str(portal_json)}, {**SYNC, "properties": properties}).assets
    [warning] = [each.getMessage() for each in caplog.records if "rows: Column" in each.getMessage()]
    assert f"hubspot-batch-dagster portal --out {portal_json}" in warning
    assert "a run asks HubSpot itself" in warning


def test_an_object_type_that_is_newer_than_the_definitions_only_warns(
    portal_json: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newer = {"object_type": "p_boats", "id_property": "hull", "properties": ["hull"]}
    assert built({"path": str(portal_json)}, {**SYNC, **newer}).assets
    assert "rows: The account has no object type 'p_boats'" in caplog.text


@pytest.mark.usefixtures("checking")
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"properties": None},
        {"object_type": "p_cars", "id_property": "vin", "properties": ["vin"]},
        {"object_type": "cars", "id_property": "vin", "properties": ["vin"]},
        {"properties": ["email", "shoe_size"], "missing_properties": "create"},
    ],
    ids=str,
)
def test_what_the_portal_takes_and_what_goes_elsewhere_loads(
    portal_json: Path, change: dict[str, Any]
) -> None:
    sync = {name: value for name, value in {**SYNC, **change}.items() if value is not None}
    assert built({"path": str(portal_json)}, sync).assets


@pytest.mark.usefixtures("checking")
def test_a_sync_of_a_collection_is_checked_and_named_with_its_line(portal_json: Path) -> None:
    syncs = [SYNC, {**SYNC, "asset": {"key": "wrong"}, "properties": ["email", "fristname"]}]
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster wraps ours in its own
        built({"path": str(portal_json)}, {"syncs": syncs}, HubSpotSyncCollectionComponent)
    assert "wrong: Column 'fristname' is no property of contacts." in told_by(caught.value)


def test_the_columns_of_an_asset_have_the_portals_labels_before_it_ever_ran(portal_json: Path) -> None:
    [asset] = built({"path": str(portal_json)}, SYNC).assets or []
    assert isinstance(asset, dg.AssetsDefinition)
    schema = asset.get_asset_spec().metadata["dagster/column_schema"]
    first = next(each for each in schema.columns if each.name == "firstname")
    defined = json.loads(portal_json.read_text())["properties"]["contacts"]
    label = next(each["label"] for each in defined if each["name"] == "firstname")
    assert first.description.startswith(label)


def test_without_definitions_the_project_loads_and_says_that_nothing_is_checked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong = {**SYNC, "properties": ["email", "fristname"]}
    portal = {
        "hubspot": {"access_token_env": "NOT_SET"},
        "defs_state": {"management_type": "LOCAL_FILESYSTEM"},
    }
    assert built(portal, wrong).assets
    assert "dg utils refresh-defs-state" in caplog.text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "path and hubspot: give one of them."),
        ({"path": "nowhere.json"}, "nowhere.json cannot be read: No such file or directory."),
        ({"path": __file__}, "holds no definitions of a portal"),
    ],
    ids=["neither", "no file", "another file"],
)
@pytest.mark.usefixtures("checking")
def test_a_portal_that_cannot_be_meant_is_refused_with_what_to_do(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster wraps ours in its own
        built(given, SYNC)
    assert words in told_by(caught.value)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (None, "cannot be read: No such file or directory."),
        ("{", "holds no definitions of a portal"),
        ("[" * 100_000, "holds no definitions of a portal"),
        ('{"format": 1, "contacts": {}}', "holds no definitions of a portal: KeyError"),
        ('{"format": 2, "properties": {}}', "has the format 2, and this version reads 1."),
    ],
    ids=["gone", "cut off", "too deep", "of another shape", "of a later format"],
)
def test_definitions_that_cannot_be_read_stop_the_check_and_not_the_code_location(
    tmp_path: Path,
    written: str | None,
    words: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "portal.json"
    if written is not None:
        file.write_text(written)
    assert built({"path": str(file)}, SYNC).assets
    [warning] = [each.getMessage() for each in caplog.records if "are not checked" in each.getMessage()]
    assert words in warning
    assert warning.endswith(f"Write it anew: hubspot-batch-dagster portal --out {file}.")
    monkeypatch.setenv("DAGSTER_IS_DEFS_VALIDATION_CLI", "1")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster wraps ours in its own
        built({"path": str(file)}, SYNC)
    assert words in told_by(caught.value)


def test_a_unit_test_builds_a_sync_without_a_project() -> None:
    component = HubSpotSyncComponent.from_attributes_dict(attributes=SYNC)
    assert component.build_defs(dg.ComponentTree.for_test().load_context).assets
    assert component.build_defs(None).assets  # type: ignore[arg-type]


def test_the_portal_describes_itself() -> None:
    spec = HubSpotPortalComponent.get_spec()
    assert spec.description
    assert yaml.safe_load(PORTAL)["type"].endswith(HubSpotPortalComponent.__name__)


@pytest.mark.usefixtures("checking")
def test_of_several_portals_each_has_the_syncs_of_its_resource(portal_json: Path) -> None:
    """The portal that names no resource has all others."""
    wrong = {**SYNC, "properties": ["email", "fristname"]}
    us = {"path": str(portal_json), "resource": "us"}
    assert built(us, wrong).assets
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster wraps ours in its own
        built(us, {**wrong, "resource": "us"})
    assert "Nearest: 'firstname'" in told_by(caught.value)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster wraps ours in its own
        built({"path": str(portal_json)}, {**wrong, "hubspot": {"access_token_env": "ITS_OWN"}})
    assert "Nearest: 'firstname'" in told_by(caught.value)
