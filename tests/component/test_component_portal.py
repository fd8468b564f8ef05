"""A portal's definitions in a project: a misspelt property is found where HubSpot cannot be reached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from component_helpers import told_by
from dagster.components.testing import create_defs_folder_sandbox

from hubspot_batch_dagster import HubSpotPortalComponent, HubSpotSyncCollectionComponent, HubSpotSyncComponent
from hubspot_batch_dagster.emulator import Emulator

PROJECT = """\
[project]
name = "crm"
version = "0"
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "crm"
[tool.dg.cli.telemetry]
enabled = false
"""
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
RESOURCES = """\
import dagster as dg
from hubspot_batch_dagster import HubSpotResource

hubspot = HubSpotResource(access_token=dg.EnvVar("HUBSPOT_ACCESS_TOKEN"))
defs = dg.Definitions(resources={"hubspot": hubspot})
"""
DEFINITIONS = """\
from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
SYNC: dict[str, Any] = {
    "asset": {"key": "rows"},
    "source": {"path": "rows.csv"},
    "operation": "upsert",
    "object_type": "contacts",
    "id_property": "email",
    "properties": ["email", "firstname"],
}


def project(folder: Path) -> Path:
    """A project of `dg` with a portal, a sync of contacts and a resource in Python."""
    (folder / "pyproject.toml").write_text(PROJECT)
    defs = folder / "src" / "crm" / "defs"
    for path, text in {
        "../__init__.py": "",
        "__init__.py": "",
        "portal/defs.yaml": PORTAL,
        "contacts/defs.yaml": CONTACTS,
        "resources.py": RESOURCES,
        "../definitions.py": DEFINITIONS,
    }.items():
        (defs / path).parent.mkdir(parents=True, exist_ok=True)
        (defs / path).write_text(text)
    return folder


def dg_says(folder: Path, *command: str, **environment: str) -> tuple[int, str]:
    """What `dg` says in a project, and its status."""
    binaries = Path(sys.executable).parent
    ran = subprocess.run(
        [str(binaries / "dg"), *command],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("HUBSPOT_")},
            "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": os.pathsep.join(
                [str(folder / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            "VIRTUAL_ENV": str(binaries.parent),
            "HOME": str(folder),
            "DAGSTER_HOME": str(folder),
            "COLUMNS": "200",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_dg_check_defs_finds_a_misspelt_property_while_hubspot_is_away(tmp_path: Path) -> None:
    """The portal's definitions are read once; the check then names line, asset and the nearest name, and asks nobody."""
    pytest.importorskip("dagster_dg_cli")
    folder = project(tmp_path)
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with Emulator() as hubspot:
        there = {"HUBSPOT_ACCESS_TOKEN": hubspot.token, "HUBSPOT_BASE_URL": hubspot.url}
        status, said = dg_says(folder, "utils", "refresh-defs-state", **there)
        assert status == 0, said
    away = {"HUBSPOT_BASE_URL": there["HUBSPOT_BASE_URL"]}  # the emulator has ended, and there is no token
    status, said = dg_says(folder, "check", "defs", **away)
    assert status != 0
    assert (
        "Column 'first_name' goes to property 'fristname', which does not exist among those of contacts."
        in said
    )
    assert "Nearest: 'firstname'" in said
    assert "defs.yaml:10 - attributes.properties.fristname" in said
    written = folder / "src" / "crm" / "defs" / "contacts" / "defs.yaml"
    written.write_text(CONTACTS.replace("fristname", "firstname"))
    status, said = dg_says(folder, "check", "defs", **away)
    assert status == 0, said


@pytest.fixture(scope="module")
def portal_json(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The definitions of a portal in a file, as the command line writes them."""
    from click.testing import CliRunner

    from hubspot_batch_dagster.cli import cli

    out = tmp_path_factory.mktemp("portal") / "portal.json"
    with Emulator() as hubspot:
        hubspot.add_object_type("cars", [{"name": "vin", "hasUniqueValue": True}])
        hubspot.add_property("contacts", "score", type="number", calculated=True)
        there = {"HUBSPOT_ACCESS_TOKEN": hubspot.token, "HUBSPOT_BASE_URL": hubspot.url}
        assert CliRunner().invoke(cli, ["portal", "--out", str(out)], env=there).exit_code == 0
    return out


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
def test_what_the_portal_would_refuse_is_refused_when_the_project_loads(
    portal_json: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster wraps ours in its own
        built({"path": str(portal_json)}, {**SYNC, **change})
    assert words in told_by(caught.value)
    assert "Nothing was sent" not in told_by(caught.value)


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
        ({"path": "nowhere.json"}, "hubspot-batch-dagster portal --out nowhere.json"),
        ({"path": __file__}, "holds no definitions of a portal"),
    ],
    ids=["neither", "no file", "another file"],
)
def test_a_portal_that_cannot_be_meant_is_refused_with_what_to_do(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster wraps ours in its own
        built(given, SYNC)
    assert words in told_by(caught.value)


def test_a_unit_test_builds_a_sync_without_a_project() -> None:
    component = HubSpotSyncComponent.from_attributes_dict(attributes=SYNC)
    assert component.build_defs(dg.ComponentTree.for_test().load_context).assets
    assert component.build_defs(None).assets  # type: ignore[arg-type]


def test_the_portal_describes_itself() -> None:
    spec = HubSpotPortalComponent.get_spec()
    assert spec.description
    assert yaml.safe_load(PORTAL)["type"].endswith(HubSpotPortalComponent.__name__)


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
