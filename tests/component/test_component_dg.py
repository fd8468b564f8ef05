"""The component under `dg`: listed, scaffolded, checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from hubspot_batch_dagster import HubSpotSyncComponent
from hubspot_batch_dagster.component.scaffolder import ScaffoldParams, defs_yaml
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.records import Create, Upsert

NAME = "hubspot_batch_dagster.HubSpotSyncComponent"
WRONG = f"""type: {NAME}
attributes:
  asset:
    key: wrong
  source:
    path: rows.csv
  operation: upsert
  object_type: contacts
  id_propperty: email
  on_null: nothing
"""


@dataclass(frozen=True)
class Said:
    scaffold: str
    check: str
    listed: str
    written: str


def _started(project: Path, *arguments: str) -> subprocess.Popen[str]:
    binaries = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(project / "src"),
        "VIRTUAL_ENV": str(binaries.parent),
        "HOME": str(project),
        "COLUMNS": "200",
    }
    return subprocess.Popen(
        [str(binaries / "dg"), *arguments],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finished(process: subprocess.Popen[str]) -> str:
    try:
        return process.communicate(timeout=120)[0]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What `dg` says in a project with one wrong defs.yaml; its commands run side by side, as each takes
    seconds.
    """
    pytest.importorskip("dagster_dg_cli")
    project = tmp_path_factory.mktemp("project")
    (project / "pyproject.toml").write_text(
        '[project]\nname = "crm"\nversion = "0"\n[tool.dg]\ndirectory_type = "project"\n'
        '[tool.dg.project]\nroot_module = "crm"\n[tool.dg.cli.telemetry]\nenabled = false\n'
    )
    defs = project / "src" / "crm" / "defs"
    (defs / "wrong").mkdir(parents=True)
    (project / "src" / "crm" / "__init__.py").touch()
    (defs / "__init__.py").touch()
    (defs / "wrong" / "defs.yaml").write_text(WRONG)
    options = ("--object-type", "contacts", "--operation", "upsert")
    running = [
        _started(project, "scaffold", "defs", NAME, "crm/contacts", *options),
        _started(project, "check", "yaml", "--no-validate-requirements", str(defs / "wrong")),
        _started(project, "list", "components", "--json"),
    ]
    told = [_finished(process) for process in running]
    written = defs / "crm" / "contacts" / "defs.yaml"
    return Said(*told, written=written.read_text() if written.exists() else "")


def test_dg_lists_the_component(said: Said) -> None:
    found, _ = json.JSONDecoder().raw_decode(said.listed[said.listed.index("[") :])
    assert NAME in {each["key"] for each in found}


def test_dg_scaffold_writes_what_the_options_say(said: Said) -> None:
    assert said.written == defs_yaml(
        NAME, "crm/contacts", ScaffoldParams(object_type="contacts", operation="upsert")
    ), said.scaffold


def test_dg_check_yaml_points_at_the_wrong_lines(said: Said) -> None:
    assert "defs.yaml:9" in said.check
    assert "'id_propperty' was unexpected" in said.check
    assert "defs.yaml:10" in said.check
    assert "'nothing' is not one of ['omit', 'clear'" in said.check


@pytest.mark.parametrize(
    ("object_type", "operation", "meant"),
    [
        (
            "contacts",
            "upsert",
            Upsert(
                "contacts",
                id_property="email",
                properties={name: name for name in ("email", "firstname", "lastname")},
            ),
        ),
        (
            "companies",
            "upsert",
            Upsert("companies", key="company_id", properties={"name": "name", "domain": "domain"}),
        ),
        (
            "leads",
            "create",
            Create(
                "leads",
                key="lead_id",
                properties={"hs_lead_name": "hs_lead_name"},
                associations=[Association("contacts", "contact_id", type=578, required=True)],
            ),
        ),
        ("2-123", "upsert", Upsert("2-123", key="id")),
        (
            "deals",
            "update",
            Update(
                "deals", record_id="hs_object_id", properties={"dealname": "dealname", "amount": "amount"}
            ),
        ),
        ("p7_cars", "archive", Archive("p7_cars", record_id="hs_object_id")),
    ],
)
def test_what_is_scaffolded_loads_and_means_what_was_asked_for(
    object_type: str, operation: Any, meant: Operation
) -> None:
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=HubSpotSyncComponent,
            defs_path="crm/table",
            scaffold_params={"object_type": object_type, "operation": operation},
        )
        with sandbox.load_component_and_build_defs(defs_path=path) as (component, defs):
            assert isinstance(component, HubSpotSyncComponent)
            assert component.sync_operation == meant
            assert component.asset.key == dg.AssetKey(["crm", "table"])
            dg.Definitions.validate_loadable(defs)


def test_an_operation_that_no_page_of_hubspot_lists_is_said_in_the_file() -> None:
    text = defs_yaml(NAME, "x", ScaffoldParams(object_type="feedback_submissions", operation="create"))
    assert "# HubSpot documents no batch create for feedback_submissions" in text


def test_the_component_describes_itself() -> None:
    spec = HubSpotSyncComponent.get_spec()
    assert spec.description
    assert "hubspot" in spec.tags
    assert spec.owners
