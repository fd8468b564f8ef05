"""A project of `dg` in a folder, and what `dg` says in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PYPROJECT = """\
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
DEFINITIONS = """\
from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
RESOURCES = """\
import dagster as dg
from hubspot_batch_dagster import HubSpotResource

hubspot = HubSpotResource(access_token=dg.EnvVar("HUBSPOT_ACCESS_TOKEN"))
defs = dg.Definitions(resources={"hubspot": hubspot})
"""


def made_project(folder: Path, files: Mapping[str, str]) -> Path:
    """A project with a HubSpot resource in Python, and files in its folder of definitions."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    defs = folder / "src" / "crm" / "defs"
    own = {
        "../__init__.py": "",
        "__init__.py": "",
        "../definitions.py": DEFINITIONS,
        "resources.py": RESOURCES,
    }
    for path, text in {**own, **files}.items():
        (defs / path).parent.mkdir(parents=True, exist_ok=True)
        (defs / path).write_text(text)
    return folder


class Dg:
    """A command of `dg` that runs in a project."""

    def __init__(self, folder: Path, *command: str, **environment: str) -> None:
        binaries = Path(sys.executable).parent
        self.process = subprocess.Popen(
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
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def says(self) -> tuple[int, str]:
        """Its status, and what it printed."""
        try:
            said = self.process.communicate(timeout=120)[0]
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(10)
        return self.process.returncode, said


def dg_says(folder: Path, *command: str, **environment: str) -> tuple[int, str]:
    """What `dg` says in a project, and its status."""
    return Dg(folder, *command, **environment).says()
