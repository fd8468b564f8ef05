"""What importing the wire costs, and what it must not drag in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pyarrow", "duckdb", "pandas", "dagster", "sqlalchemy")
API = Path(__file__).parents[2] / "hubspot_batch_dagster" / "api"
SCRIPT = """
import importlib, sys
importlib.import_module("hubspot_batch_dagster")
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print(",".join(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


@pytest.mark.parametrize(
    "module",
    ["api", "api.client", "api.auth.oauth", "api.batch_results", "api.search", "api.rate_limit.budget"],
)
def test_the_wire_needs_no_tables_no_database_and_no_dagster(module: str) -> None:
    command = [sys.executable, "-c", SCRIPT, f"hubspot_batch_dagster.{module}"]
    loaded = (
        subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        .stdout.strip()
        .split(",")
    )
    assert set(loaded).isdisjoint(HEAVY)
    if module == "api.batch_results":
        assert "requests" not in loaded, "reading bodies needs no HTTP"


def test_the_wire_imports_only_itself_from_the_package() -> None:
    for path in API.rglob("*.py"):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] in (["from"], ["import"]) and words[1].startswith("hubspot_batch_dagster"):
                assert words[1].startswith("hubspot_batch_dagster.api"), f"{path.name}: {line}"
