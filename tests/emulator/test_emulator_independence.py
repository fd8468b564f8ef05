"""The emulator is a judge of its own: it shares no code with what it judges."""

from __future__ import annotations

import ast
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import hubspot_batch_dagster.emulator

FOLDER = Path(hubspot_batch_dagster.emulator.__file__).parent
ALLOWED = {"hubspot_batch_dagster", "pydantic_core", "uvicorn"}


@pytest.mark.parametrize("module", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_a_module_imports_the_standard_library_uvicorn_and_its_own_room(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            top = name.partition(".")[0]
            assert top in ALLOWED or top in sys.stdlib_module_names, name
            if top == "hubspot_batch_dagster":
                assert name.startswith("hubspot_batch_dagster.emulator"), name


ORDER = (
    "exchange books settings object_types properties_crm properties_commerce properties_activities",
    "definitions pipelines owners association_types local_access page",
    "account associations values special_values",
    "table",
    "portal",
    "scopes",
    "limits oauth associating association_labels owner_list pipeline_definitions property_validations",
    "inputs faults account_details limit_reports portal_setup",
    "batch sending overview privacy",
    "merges search property_definitions association_batch routes",
    "schemas associations_v3",
    "portal_file records",
    "admin catalogue",
    "app",
    "server process",
    "foreground",
    "__init__ __main__",
)
"""The modules, lowest first; a module imports from lower lines only, also inside functions."""


def test_imports_run_one_way() -> None:
    level = {name: place for place, line in enumerate(ORDER) for name in line.split()}
    assert set(level) == {path.stem for path in FOLDER.glob("*.py")}
    for module in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("hubspot"):
                continue
            _, _, name = (node.module or "").partition("hubspot_batch_dagster.emulator")
            for imported in [name[1:]] if name else [alias.name for alias in node.names]:
                assert level[imported] < level[module.stem], f"{module.stem} imports {imported}"


@pytest.mark.parametrize("module", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_a_module_stays_under_400_lines_of_110_characters(module: Path) -> None:
    lines = module.read_text().splitlines()
    assert len(lines) < 400
    assert max(map(len, lines), default=0) <= 110


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_url_and_token_and_ends_cleanly(
    ending: signal.Signals, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "hubspot_batch_dagster.emulator"]
    command += ["--burst-limit", "9", "--latency", "0.01", "--ready-file", str(tmp_path / "ready.json")]
    environment = {**os.environ, "HUBSPOT_EMULATOR_TOKEN": "pat-na1-mine"}
    environment["HUBSPOT_EMULATOR_ADMIN_TOKEN"] = "mine-too"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("HubSpot emulator on http://127.0.0.1:")
        assert process.stdout.readline() == "Access token: pat-na1-mine\n"
        page = process.stdout.readline()
        assert re.fullmatch(r"What happens: http://127\.0\.0\.1:\d+/#mine-too\n", page)
        assert stat.S_IMODE((tmp_path / "ready.json").stat().st_mode) == 0o600
        process.send_signal(ending)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(5)
        if process.stdout is not None:
            process.stdout.close()
