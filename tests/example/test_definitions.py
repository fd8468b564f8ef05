"""The example loads as a newcomer would load it: without a token, without a HubSpot, without DAGSTER_HOME."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
import yaml

from example_project import warehouse

ROOT = Path(__file__).parents[2]

EVERY_NIGHT = {"companies", "contacts", "deals", "leads", "calls", "vehicles"}
SENT = EVERY_NIGHT | {"meetings"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUBSPOT_ACCESS_TOKEN", "HUBSPOT_BASE_URL", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def defs() -> dg.Definitions:
    from example_project.definitions import defs

    return defs


def test_the_definitions_load_without_a_token(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_table_of_the_warehouse_goes_to_hubspot(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    groups = {key.to_user_string(): graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert {name for name, group in groups.items() if group == "crm"} == SENT
    assert len([group for group in groups.values() if group == "warehouse"]) == len(EVERY_NIGHT)
    assert len(SENT) == len(warehouse.TABLES), "meetings read their table themselves, a day at a time"


def test_leads_calls_and_meetings_take_the_contacts_ids_and_nothing_depends_on_the_red_asset(
    defs: dg.Definitions,
) -> None:
    graph = defs.resolve_asset_graph()

    def parents(name: str) -> set[str]:
        return {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}

    assert "contacts" in parents("leads") & parents("calls") & parents("meetings")
    assert "companies" in parents("deals")
    assert not graph.get(dg.AssetKey("vehicles")).child_keys


def test_all_but_the_partitioned_asset_runs_every_night_at_two(defs: dg.Definitions) -> None:
    nightly = defs.resolve_schedule_def("nightly")
    assert nightly.cron_schedule == "0 2 * * *"
    job = defs.resolve_job_def(nightly.job_name)
    chosen = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    every = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert chosen == every - {"meetings"}
    assert chosen >= EVERY_NIGHT
    assert job.partitions_def is None
    with dg.build_schedule_context() as context:
        (request,) = nightly.evaluate_tick(context).run_requests or []
    assert request.partition_key is None


def test_each_asset_that_goes_to_hubspot_has_its_checks(defs: dg.Definitions) -> None:
    checks = defs.resolve_asset_graph().asset_check_keys
    for name in SENT:
        names = {check.name for check in checks if check.asset_key == dg.AssetKey(name)}
        assert names - {"associations_resolved"} == {
            "rows_accounted_for",
            "rows_rejected",
            "rows_unknown",
            "portal_schema",
        }


def test_unless_told_otherwise_nothing_leaves_this_machine() -> None:
    code = "from example_project.resources import resources; print(resources['hubspot'].base_url)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("http://127.0.0.1:")


def test_the_workspace_names_the_definitions() -> None:
    """`dagster dev` without arguments reads workspace.yaml, unless pyproject.toml has a table of Dagster's
    own.
    """
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    assert workspace["load_from"][0]["python_module"]["module_name"] == "example_project.definitions"
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert "[tool.dagster]" not in pyproject
    assert "[tool.dg" not in pyproject


def test_a_record_id_is_found_whatever_the_case_and_a_rejected_row_lends_none() -> None:
    from example_project.record_ids import with_record_id

    rows = pa.table({"row": [1, 2, 3, 4], "mail": ["A@x.example", " b@x.example ", "c@x.example", None]})
    ids = pa.table(
        {
            "mail": ["a@x.example", "A@x.example", "b@x.example", "c@x.example", None],
            "hs_object_id": ["11", None, "12", None, None],
        }
    )
    joined = with_record_id(rows, ids, on="mail", name="contact_id").sort_by("row")
    assert joined["contact_id"].to_pylist() == ["11", "12", None, None]
    assert joined.column_names == ["row", "mail", "contact_id"]
