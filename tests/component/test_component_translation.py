"""`translation` in YAML: how assets introduce themselves is said once, from what each of them does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from component_helpers import counts, loaded, refusal, run, told_by
from dagster.components.testing import create_defs_folder_sandbox
from dg_project import Dg, made_project

from hubspot_batch_dagster import (
    HubSpotResource,
    HubSpotSyncCollectionComponent,
    HubSpotSyncComponent,
    HubSpotTranslator,
    build_hubspot_sync_assets,
)
from hubspot_batch_dagster.component.source import Source
from hubspot_batch_dagster.definition import HubSpotSync
from hubspot_batch_dagster.emulator import Emulator

SYNCS: list[dict[str, Any]] = [
    {"asset": {"key": name}, "source": {"path": f"{name}.csv"}, "object_type": name, "key": "id"}
    for name in ("companies", "deals")
]
COLLECTION: Mapping[str, Any] = {
    "defaults": {"operation": "upsert"},
    "syncs": SYNCS,
    "translation": {
        "key": "crm/{{ spec.key.path[-1] }}",
        "group_name": "{{ operation.object_type }}",
        "tags": {"by": "{{ operation.key }}"},
    },
}


def specs_of(defs: dg.Definitions) -> dict[str, dg.AssetSpec]:
    """The specs of the syncs, by their keys."""
    return {
        each.key.to_user_string(): each.get_asset_spec()
        for each in defs.assets or ()
        if isinstance(each, dg.AssetsDefinition)
    }


def collection(attributes: Mapping[str, Any], functions: str = "") -> dg.Definitions:
    """The definitions of a collection, with functions of the project's for its templates."""
    written: dict[str, Any] = {
        "type": "hubspot_batch_dagster.HubSpotSyncCollectionComponent",
        "attributes": dict(attributes),
    }
    if functions:
        written["template_vars_module"] = ".functions"
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=HubSpotSyncCollectionComponent, defs_path="crm", defs_yaml_contents=written
        )
        (path / "functions.py").write_text(functions)
        with sandbox.load_component_and_build_defs(defs_path=path) as (_, defs):
            return defs


def test_an_asset_introduces_itself_by_its_operation_and_its_own_spec() -> None:
    with loaded(
        asset={"key": "contacts", "tags": {"team": "sales"}},
        translation={
            "key": "crm/{{ spec.key.path[0] }}",
            "group_name": "{{ operation.object_type }}",
            "description": "{{ spec.description }} Ask sales.",
            "owners": ["team:sales"],
            "tags": {"by": "{{ operation.id_property }}"},
        },
    ) as (_, defs):
        spec = specs_of(defs)["crm/contacts"]
    assert spec.group_name == "contacts"
    assert spec.description == "Upserts contacts by email from customers. Ask sales."
    assert list(spec.owners) == ["team:sales"]
    assert {name: spec.tags[name] for name in ("team", "by")} == {"team": "sales", "by": "email"}
    assert spec.metadata["hubspot/object_type"] == "contacts"


def test_a_translated_key_is_that_of_checks_schedule_and_ids_table(
    hubspot_emulator: Emulator, hubspot: HubSpotResource
) -> None:
    @dg.asset
    def customers() -> list[dict[str, str]]:
        return [{"email": "ada@example.com"}]

    with loaded(
        asset={"key": "contacts"},
        translation={"key": "crm/{{ spec.key.path[0] }}"},
        schedule={"cron": "0 2 * * *"},
    ) as (_, defs):
        [schedule] = defs.schedules or ()
        assert schedule.name == "crm__contacts_schedule"
        ran = run(defs, hubspot, customers)
    assert counts(ran) == {"created": 1}
    assert {each.asset_key.to_user_string() for each in ran.get_asset_check_evaluations()} == {"crm/contacts"}
    assert hubspot.ids.syncs() == ["crm/contacts"]
    assert len(hubspot_emulator.records("contacts")) == 1


def test_a_collection_translates_all_its_syncs_and_each_has_the_last_word() -> None:
    own = {**SYNCS[1], "translation": {"group_name": "{{ spec.group_name }}_by_night"}}
    specs = specs_of(collection({**COLLECTION, "syncs": [SYNCS[0], own]}))
    assert {key: spec.group_name for key, spec in specs.items()} == {
        "crm/companies": "companies",
        "crm/deals": "deals_by_night",
    }
    assert {spec.tags["by"] for spec in specs.values()} == {"id"}


def test_a_function_of_the_project_translates() -> None:
    functions = """\
import dagster as dg


@dg.template_var
def of_team():
    def translated(spec, operation):
        return spec.replace_attributes(group_name="all", owners=[f"team:{operation.object_type}"])

    return translated
"""
    made = specs_of(collection({**COLLECTION, "translation": "{{ of_team(spec, operation) }}"}, functions))
    assert {key: (spec.group_name, list(spec.owners)) for key, spec in made.items()} == {
        "companies": ("all", ["team:companies"]),
        "deals": ("all", ["team:deals"]),
    }


def test_the_objects_nodes_are_below_the_translated_keys() -> None:
    resource = dg.Definitions(resources={"hubspot": HubSpotResource(access_token="x")})
    graph = dg.Definitions.merge(collection(COLLECTION), resource).resolve_asset_graph()
    node = graph.get(dg.AssetKey(["hubspot", "crm", "companies"]))
    assert {each.to_user_string() for each in node.parent_keys} == {"crm/companies"}


def test_a_translation_that_cannot_be_meant_is_refused() -> None:
    assert "nobody" in refusal(translation={"group_name": "{{ nobody.knows }}"})
    assert "gruop_name" in refusal(translation={"gruop_name": "crm"})
    partitioned = {"partitions_def": {"type": "static", "partition_keys": ["a"]}}
    assert "when_gone='archive' cannot be used with partitions" in refusal(
        translation=partitioned, when_gone="archive", key="email", id_property=None
    )
    assert "schedule does not say which partition" in refusal(
        translation=partitioned, schedule={"cron": "0 2 * * *"}
    )


def test_two_syncs_that_are_translated_to_one_key_are_refused() -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster wraps ours in its own
        collection({**COLLECTION, "translation": {"key": "all"}})
    assert "Two syncs have the key all." in told_by(caught.value)


def test_in_python_it_is_a_function_and_comes_after_the_translator() -> None:
    class Crm(HubSpotTranslator):
        def get_asset_spec(self, sync: HubSpotSync) -> dg.AssetSpec:
            return sync.spec.replace_attributes(group_name="crm", owners=["team:sales"])

    def by_night(spec: dg.AssetSpec, sync: HubSpotSync) -> dg.AssetSpec:
        return spec.replace_attributes(group_name=f"{spec.group_name}_{sync.operation.object_type}")

    sync = HubSpotSyncComponent(
        asset=dg.AssetSpec("firms"),
        source=Source(asset="x"),
        operation="upsert",
        object_type="companies",
        key="id",
        translation=by_night,
    )
    [made] = build_hubspot_sync_assets([sync], translator=Crm())
    assert made.get_asset_spec().group_name == "crm_companies"
    assert list(made.get_asset_spec().owners) == ["team:sales"]


def test_dg_checks_a_translation_and_lists_what_it_made(tmp_path: Path) -> None:
    pytest.importorskip("dagster_dg_cli")
    syncs = {"type": "hubspot_batch_dagster.HubSpotSyncCollectionComponent", "attributes": dict(COLLECTION)}
    wrong = {**COLLECTION, "translation": {"gruop_name": "crm"}}
    good = made_project(tmp_path / "good", {"crm/defs.yaml": yaml.safe_dump(syncs, sort_keys=False)})
    bad = made_project(
        tmp_path / "bad",
        {"crm/defs.yaml": yaml.safe_dump({**syncs, "attributes": wrong}, sort_keys=False)},
    )
    running = [Dg(good, "check", "yaml"), Dg(good, "list", "defs", "--json"), Dg(bad, "check", "yaml")]
    (status, said), (listed, made), (refused, why) = [each.says() for each in running]
    assert status == 0, said
    assert listed == 0, made
    found = json.loads(made[made.index("{") :])
    assert {
        each["asset_key"]: each["group_name"] for each in found["assets"] if each["group_name"] != "hubspot"
    } == {
        "crm/companies": "companies",
        "crm/deals": "deals",
    }
    assert refused != 0
    assert "{'gruop_name': 'crm'} is not valid under any of the given schemas" in why
    assert "defs.yaml:18" in why
