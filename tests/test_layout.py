"""The layout: which way imports run in every package, how long a file and a statement may be, and one name for
one thing.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import hubspot_batch_dagster

PACKAGE = Path(hubspot_batch_dagster.__file__).parent

LAYERS: dict[str, tuple[str, ...]] = {
    "": (
        "component",
        "asset op",
        "execution",
        "cli metadata pytest_plugin reconcile_check",
        "associations_check dry_run objects resource",
        "checks ids_value resource_methods",
        "session",
        "session_client",
        "event_log io_manager known_portal returned_rows schema_check session_settings step_context step_options",
        "definition sync",
        "launchpad operations session_checks",
        "api automation emulator table",
    ),
    "api": (
        "client",
        "connection",
        "auth",
        "transport",
        "exchange",
        "custom_objects departure endpoints",
        "answers arguments association_types object_types rate_limit search",
        "associations batch_results definitions errors",
        "response_errors",
        "hubspot_error",
        "models",
        "bodies inflate json_bounds server_clock",
    ),
    "api/auth": (
        "oauth",
        "credentials token_cache",
    ),
    "api/rate_limit": (
        "open_budget",
        "shared_budget",
        "facts logs",
        "daily grant log_outage postgres_log redis_log sqlite_log windows",
        "budget budget_file log postgres_silence",
    ),
    "cli": (
        "group",
        "associations check ids journal models plan reconcile rejected rename revert runs",
        "checked_project portal_file",
        "emulator output planned_asset",
        "progress",
        "options",
        "parameters",
    ),
    "component": (
        "collection",
        "component",
        "portal_component",
        "source",
        "csv_rows resource_field scaffolder sql_rows step_fields translation",
        "fields source_errors",
    ),
    "emulator": (
        "__main__",
        "foreground",
        "server",
        "app",
        "admin catalogue",
        "portal_file process records",
        "associations_v3 schemas",
        "association_batch merges property_definitions routes search",
        "batch overview privacy sending",
        "account_details faults inputs limit_reports portal_setup",
        "associating association_labels limits oauth owner_list pipeline_definitions property_validations",
        "scopes",
        "portal",
        "table",
        "account values",
        "associations definitions local_access owners page pipelines",
        (
            "association_types books exchange object_types properties_activities properties_commerce"
            " properties_crm settings special_values"
        ),
    ),
    "operations": (
        "associate existing_records records",
        "writes_properties",
        "base",
        "association",
        "properties",
    ),
    "sync": (
        "undo",
        "run",
        "stages",
        "context",
        "changed_rows",
        "options",
        "progress",
        "planning reconciliation",
        "prepare read schema",
        "column_mapping delivery undo_associations",
        "associations history warehouse",
        "settlement staging trace_log",
        "report state",
        "batches changed_since requests result",
    ),
    "sync/associations": (
        "association_files key_lookup",
        "association_table kept_lines writer",
        "association_requests association_statements",
        "addition",
        "new_associations",
        "lines",
        "moved_records types",
    ),
    "sync/batches": (
        "packed_batch",
        "batch verdict",
        "as_of journal_entries value_comparison",
        "seals",
    ),
    "sync/delivery": (
        "association_sender dispatcher",
        "sender",
        "batch_delivery",
        "batch_lookup",
        "batch_settlement",
        "archive_guard delivery_context",
        (
            "absent_records before_images conditional_properties delivered_batch outage refusal_trials"
            " refused_associations refused_values row_states"
        ),
        "trial_rows",
    ),
    "sync/planning": (
        "preview",
        "planner",
        "adoption guards near_keys",
        "plan_statements",
    ),
    "sync/reconciliation": (
        "reconcile",
        "association_reconciliation marks",
        "reconciled_table",
    ),
    "sync/requests": (
        "requester",
        "retry_policy",
        "answer_table groups parallel stop_signal",
    ),
    "sync/schema": (
        "preflight",
        "portal_definitions",
        "column_checks drift new_properties required_properties",
        "definitions portal",
        "model_source owners",
    ),
    "sync/settlement": (
        "answers recovery",
        "lookup matching",
        "echoes refusals unique_values",
    ),
    "sync/stages": (
        "save",
        "associate",
        "decide deliver find_known stage_rows",
        "compare match_existing",
        "first_run identify look_at_records merged_records resolve_schema retry_refused settle_unknown",
    ),
    "sync/staging": (
        "conclusion known_rows",
        "record_owners reopened_rows respelling shared_records",
        "staging_area",
        "database row_digest staging_statements stored_keys",
        "elsewhere outcome_table spill_file statements tables",
    ),
    "sync/state": (
        "rename row_order",
        "store",
        "bucket_journal file_sums kept_once sql_journal",
        "bucket_log fenced_commits",
        "bucket remote_files sql_database",
        "files group_commits ids_table journal_engine locks patience scratch sql_record",
        "bucket_answers identity ids_elsewhere journal kept_tables names private_files sql_lines write_ahead",
        "sql_schema",
    ),
    "sync/warehouse": (
        "comparison",
        "warehouse_tables",
        "source_digest warehouse_ids warehouse_query",
        "duckdb_engine fetched_postgres merged_lines plain_rows",
        "fetched_rows postgres_engine",
        "engine",
    ),
    "table": (
        "binding",
        "encode",
        "parquet targets",
        "keys order rows values",
        "casting dates dicts elements frames json_text plain",
        "duckdb_rows objects soundness text",
        "mixed rejections row_model",
        "check options",
        "halves layout messages",
        "errors kernels near_rows rules",
    ),
}
"""Package -> its modules and packages in layers, from the top. A module imports from layers below its own,
late imports and those for types alone included; modules of one layer do not import each other.
"""

LONGEST = 400
LONGEST_UNNAMED = 4
"""Lines of an SQL statement that stands in the function which executes it."""
SAME_FILE = {
    "answers": "an answer of the wire, and an answer as verdicts on rows",
    "associate": "the operation whose rows are associations, and the stage that writes those of records",
    "definitions": "bodies of the wire, and what a run knows of them",
    "errors": "the tree of errors, and the table's own below it, which imports nothing",
    "objects": "nodes of Dagster's graph, and Python objects in a cell",
    "options": "of a run, and of an enumeration",
}
"""Names of files that stand for two things, and why. The emulator is the other side of the wire: its words
are HubSpot's, as those of ``api`` are. A command has the name of what it does.
"""

_MIRRORS = ("emulator/", "cli/")


def modules() -> dict[tuple[str, ...], Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[parts[:-1] if parts[-1] == "__init__" else parts] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """The modules of ours that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{each.name}" for each in node.names]
        for name in names:
            parts = tuple(name.split("."))
            if parts[0] == "hubspot_batch_dagster":
                parts = parts[1:]
                while parts not in MODULES:
                    parts = parts[:-1]
                yield parts


def layer_of(package: tuple[str, ...], child: str) -> int:
    layers = LAYERS["/".join(package)]
    for depth, layer in enumerate(layers):
        if child in layer.split():
            return depth
    raise AssertionError(
        f"Say in LAYERS[{'/'.join(package)!r}] of {Path(__file__).name} where {child!r} belongs."
    )


def wrong_imports(module: tuple[str, ...]) -> Iterator[str]:
    for other in imported(MODULES[module]):
        together = 0
        while together < min(len(module), len(other)) and module[together] == other[together]:
            together += 1
        if together in (len(module), len(other)):
            continue  # a package gives names of its own modules to others
        here, there = (layer_of(module[:together], each[together]) for each in (module, other))
        if here >= there:
            place = "/".join(module[:together]) or "the top"
            yield f"{'/'.join(module)} imports {'/'.join(other)}, which in {place} is not below it"


@pytest.mark.parametrize("package", sorted({name[:1] for name in MODULES}), ids="/".join)
def test_imports_run_downwards_in_every_package(package: tuple[str, ...]) -> None:
    """No circles, not even in imports that come late or are for types alone."""
    wrong = [each for name in MODULES if name[:1] == package for each in wrong_imports(name)]
    assert wrong == []


def test_every_module_has_a_place_in_the_order_and_every_place_a_module() -> None:
    packages = defaultdict(set)
    for module in MODULES:
        for depth in range(len(module)):
            packages["/".join(module[:depth])].add(module[depth])
    told = {
        package: {each for layer in layers for each in layer.split()} for package, layers in LAYERS.items()
    }
    assert told == {name: found for name, found in packages.items() if name in told or len(found) > 1}


def test_files_are_short() -> None:
    long = {"/".join(name) for name, path in MODULES.items() if len(path.read_text().splitlines()) > LONGEST}
    assert long == set()


def test_one_name_of_a_file_stands_for_one_thing() -> None:
    files = defaultdict(list)
    for name, path in MODULES.items():
        if path.stem not in ("__init__", "__main__") and not "/".join(name).startswith(_MIRRORS):
            files[path.stem].append("/".join(name))
    assert {stem: found for stem, found in files.items() if len(found) > 1 and stem not in SAME_FILE} == {}


def test_one_name_of_a_type_stands_for_one_thing() -> None:
    types = defaultdict(list)
    for name, path in MODULES.items():
        if not "/".join(name).startswith(_MIRRORS):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    types[node.name].append("/".join(name))
    assert {kind: found for kind, found in types.items() if len(found) > 1} == {}


_STATEMENT = re.compile(
    r"\b(SELECT|INSERT INTO|UPDATE \S+ SET|DELETE FROM|MERGE INTO|COPY \(|"
    r"CREATE (OR REPLACE )?(TEMP |UNLOGGED |UNIQUE )?(TABLE|VIEW|INDEX|FUNCTION))\b"
)


def unnamed_statements(module: ast.Module) -> Iterator[int]:
    """The lines where a long SQL statement begins that is neither a constant of its module nor what a
    function returns.
    """
    named = [each.value for each in module.body if isinstance(each, ast.Assign | ast.AnnAssign | ast.Expr)]
    named += [each.value for each in ast.walk(module) if isinstance(each, ast.Return)]
    inside = {id(inner) for each in named if each is not None for inner in ast.walk(each)}
    docstrings = {
        id(each.body[0].value)
        for each in ast.walk(module)
        if isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(each.body[0], ast.Expr)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in inside | docstrings:
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            text = "".join(str(each.value) for each in parts if isinstance(each, ast.Constant))
            if (node.end_lineno or 0) - node.lineno >= LONGEST_UNNAMED and _STATEMENT.search(text):
                yield node.lineno


def test_a_long_sql_statement_has_a_name() -> None:
    unnamed = {
        "/".join(name): lines
        for name, path in MODULES.items()
        if (lines := list(unnamed_statements(ast.parse(path.read_text()))))
    }
    assert unnamed == {}
