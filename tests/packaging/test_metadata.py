"""What pip learns of the package before it installs it."""

import re
from importlib.metadata import metadata, requires
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "hubspot_batch_dagster"
PROMISED = {"emulator", "redis", "postgres", "polars", "ui", "warehouse"}


def test_the_extras_that_the_pages_name_exist() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {
        extra
        for page in pages
        for names in re.findall(r"hubspot-batch-dagster\[([\w,]+)\]", page.read_text())
        for extra in names.split(",")
    }
    offered = set(metadata("hubspot-batch-dagster").get_all("Provides-Extra") or [])
    assert named | PROMISED <= offered


def test_each_extra_brings_what_it_is_named_for() -> None:
    wanted = {
        "emulator": "uvicorn",
        "redis": "redis",
        "postgres": "psycopg",
        "warehouse": "adbc-driver-postgresql",
        "polars": "polars",
        "ui": "dagster-webserver",
    }
    for extra, name in wanted.items():
        lines = [line for line in requires("hubspot-batch-dagster") or [] if f'extra == "{extra}"' in line]
        assert any(line.startswith(name) for line in lines), extra


def test_type_checkers_see_the_annotations() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_no_file_of_the_package_is_a_test() -> None:
    assert [path.name for path in PACKAGE.rglob("*.py") if path.name.startswith(("test_", "conftest"))] == []
