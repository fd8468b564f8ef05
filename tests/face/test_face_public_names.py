"""The public names, what they cost to import, and which way imports run."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hubspot_batch_dagster

PACKAGE = Path(hubspot_batch_dagster.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
BELOW = ("sync", "operations", "table", "api", "emulator")
MAY_IMPORT = {
    "api": {"api"},
    "table": {"table"},
    "operations": {"operations", "table", "api"},
    "sync": {"sync", "operations", "table", "api"},
    "emulator": {"emulator"},
}

PUBLIC = {
    "Archive",
    "ArrowParquetIOManager",
    "Associate",
    "Association",
    "Cast",
    "ChangedSince",
    "Create",
    "HubSpotClient",
    "HubSpotError",
    "HubSpotPortalComponent",
    "HubSpotResource",
    "HubSpotRunConfig",
    "HubSpotSession",
    "HubSpotSyncCollectionComponent",
    "HubSpotSyncComponent",
    "HubSpotTranslator",
    "InputError",
    "Property",
    "SessionSettings",
    "StoreError",
    "SyncPlan",
    "SyncResult",
    "Update",
    "Upsert",
    "Warehouse",
    "build_hubspot_sync_assets",
    "eager_when_checks_pass",
    "hubspot_asset",
    "hubspot_object_specs",
    "hubspot_op",
    "hubspot_reconcile_check",
    "prepare",
}


def room(path: Path) -> str:
    """The room a module is in; the face has no folder."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else "face"


def imports(path: Path) -> Iterator[str]:
    """Every module that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""


def test_the_public_names_are_these() -> None:
    names = set(hubspot_batch_dagster.__all__)
    assert names == PUBLIC
    assert len(names) <= 32
    assert list(hubspot_batch_dagster.__all__) == sorted(hubspot_batch_dagster.__all__)


@pytest.mark.parametrize("name", sorted(hubspot_batch_dagster.__all__))
def test_a_public_name_can_be_had_and_is_explained(name: str) -> None:
    thing = getattr(hubspot_batch_dagster, name)
    assert name in dir(hubspot_batch_dagster)
    assert len((thing.__doc__ or "").split()) >= 8
    if isinstance(thing, type):
        own = [each for each in vars(thing).values() if getattr(each, "__module__", "") == thing.__module__]
        public = [each.__name__ for each in own if callable(each) and each.__name__[0] != "_"]
        unexplained = [each for each in public if not inspect.getdoc(getattr(thing, each))]
        assert unexplained == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Upsort"):
        _ = hubspot_batch_dagster.Upsort


def test_the_version_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert hubspot_batch_dagster.__version__ == version("hubspot-batch-dagster")


def test_the_examples_in_docstrings_do_what_they_say() -> None:
    tried = 0
    for each in pkgutil.walk_packages([str(PACKAGE)], "hubspot_batch_dagster."):
        if each.name.endswith("__main__"):
            continue
        done = doctest.testmod(importlib.import_module(each.name), optionflags=doctest.ELLIPSIS)
        assert done.failed == 0, each.name
        tried += done.attempted
    assert tried >= 15


def test_importing_the_wire_costs_neither_arrow_nor_dagster() -> None:
    code = "import sys, hubspot_batch_dagster, hubspot_batch_dagster.api; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"dagster", "pyarrow", "pandas", "duckdb", "sqlalchemy", "polars"}


def test_importing_the_face_costs_no_frame_library() -> None:
    code = "import sys; from hubspot_batch_dagster import *; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(done.stdout.split())
    assert "dagster" in loaded
    assert not loaded & {"pandas", "polars"}


def test_imports_run_downwards() -> None:
    """Face to sync to table and api; Dagster and pandas nowhere below the face; the emulator is alone."""
    wrong = []
    for path in MODULES:
        here = room(path)
        if here not in BELOW:
            continue
        banned = {"dagster", "dagster_shared", "pandas"}
        if here == "api":
            banned |= {"pyarrow", "duckdb", "sqlalchemy"}
        if path.name in ("postgres_log.py", "postgres_silence.py"):
            banned -= {"sqlalchemy"}  # when it is used; importing the wire costs none of it
        for name in imports(path):
            top, *rest = name.split(".")
            ours = top == "hubspot_batch_dagster"
            if top in banned or (ours and (not rest or rest[0] not in MAY_IMPORT[here])):
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert wrong == []
    assert {room(path) for path in MODULES} >= {"face", *BELOW}


def test_a_module_that_defines_assets_ops_or_resources_keeps_its_annotations() -> None:
    """Dagster refuses a context whose annotation is text."""
    modules = [
        path
        for path in MODULES
        if "dagster" in {each.split(".")[0] for each in imports(path)} and room(path) != "cli"
    ]
    assert len(modules) >= 6
    assert [path.name for path in modules if "__future__" in set(imports(path))] == []


def test_the_face_asks_dagster_nothing_private() -> None:
    wrong = [
        f"{path.name}: {name}" for path in MODULES for name in imports(path) if name.startswith("dagster._")
    ]
    assert wrong == []
