"""Many syncs in one file, associations, retries and hooks in YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from component_helpers import loaded, refusal, told_by
from dagster.components.testing import create_defs_folder_sandbox

from hubspot_batch_dagster import (
    Associate,
    HubSpotSyncCollectionComponent,
    HubSpotSyncComponent,
    HubSpotTranslator,
    build_hubspot_sync_assets,
)
from hubspot_batch_dagster.component.source import Source
from hubspot_batch_dagster.emulator import Emulator


@dg.failure_hook
def told(context: dg.HookContext) -> None:
    context.log.info("told")


def definitions(attributes: dict[str, Any], files: dict[str, str], folder: Path) -> dg.Definitions:
    """A collection as Dagster loads it, with files beside its YAML."""
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=HubSpotSyncCollectionComponent,
            defs_path=folder.name,
            defs_yaml_contents={
                "type": "hubspot_batch_dagster.HubSpotSyncCollectionComponent",
                "attributes": attributes,
            },
        )
        kept = {}
        for name, text in files.items():
            (folder / name).write_text(text)
            kept[name] = str(folder / name)
        with sandbox.load_component_and_build_defs(defs_path=path) as (_, defs):
            return defs


def test_syncs_share_defaults_and_their_objects_are_nodes_below_them(
    hubspot_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "people.csv").write_text("email,firstname\nada@example.com,Ada\n")
    (tmp_path / "leads.csv").write_text("email\nbob@example.com\n")
    (tmp_path / "firms.csv").write_text("id,name\n1,Firm\n")
    attributes = {
        "defaults": {
            "asset": {"group_name": "crm", "owners": ["team:sales"]},
            "operation": "upsert",
            "object_type": "contacts",
            "id_property": "email",
        },
        "syncs": [
            {"asset": {"key": "people"}, "source": {"path": str(tmp_path / "people.csv")}},
            {
                "asset": {"key": "leads", "group_name": "fair"},
                "source": {"path": str(tmp_path / "leads.csv")},
            },
            {
                "asset": {"key": "firms"},
                "source": {"path": str(tmp_path / "firms.csv")},
                "operation": "create",
                "object_type": "companies",
                "key": "id",
                "id_property": None,
            },
        ],
    }
    attributes["hubspot"] = {
        "access_token_env": "COLLECTION_TOKEN",
        "base_url": hubspot_emulator.url,
        "store": str(tmp_path / "store"),
    }
    monkeypatch.setenv("COLLECTION_TOKEN", hubspot_emulator.token)
    defs = definitions(attributes, {}, tmp_path)
    graph = defs.resolve_asset_graph()
    groups = {key.to_user_string(): graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert {name: groups[name] for name in ("people", "leads", "firms")} == {
        "people": "crm",
        "leads": "fair",
        "firms": "crm",
    }
    [node] = [key for key in graph.get_all_asset_keys() if key.path[-1] == "contacts"]
    assert node.path[0] == "hubspot"
    assert {each.to_user_string() for each in graph.get(node).parent_keys} == {"people", "leads"}
    assert defs.resolve_implicit_global_asset_job_def().execute_in_process().success
    assert len(hubspot_emulator.records("contacts")) == 2
    assert len(hubspot_emulator.records("companies")) == 1


def test_collections_of_one_project_have_nodes_of_their_own() -> None:
    """In folders of one name, and as two documents of one file."""

    def collection(key: str) -> dict[str, Any]:
        sync = {
            "asset": {"key": key},
            "source": {"path": "people.csv"},
            "operation": "upsert",
            "object_type": "contacts",
            "id_property": "email",
        }
        return {
            "type": "hubspot_batch_dagster.HubSpotSyncCollectionComponent",
            "attributes": {"syncs": [sync], "hubspot": {"access_token_env": "HUBSPOT_ACCESS_TOKEN"}},
        }

    with create_defs_folder_sandbox() as sandbox:
        for place, keys in (("emea/crm", ["a", "b"]), ("us/crm", ["c"])):
            folder = sandbox.defs_folder_path / place
            folder.mkdir(parents=True)
            (folder / "defs.yaml").write_text(yaml.dump_all([collection(key) for key in keys]))
        with sandbox.build_all_defs() as defs:
            graph = defs.resolve_asset_graph()
            nodes = {key for key in graph.get_all_asset_keys() if key.path[-1] == "contacts"}
            below = {
                key.to_user_string(): {each.to_user_string() for each in graph.get(key).parent_keys}
                for key in nodes
            }
    assert below == {
        "hubspot/emea/crm/contacts": {"a"},
        "hubspot/emea/crm/1/contacts": {"b"},
        "hubspot/us/crm/contacts": {"c"},
    }


def test_two_syncs_of_one_key_and_a_wrong_field_are_refused(tmp_path: Path) -> None:
    sync = {
        "asset": {"key": "a"},
        "source": {"asset": "x"},
        "operation": "upsert",
        "object_type": "contacts",
        "id_property": "email",
    }
    for syncs, words in (
        ("two of them", "syncs is a value of type str, and it must be a list."),
        ([sync, sync], "Two syncs have the key a"),
        ([{**sync, "id_propperty": "x"}], "id_propperty"),
        ([{**sync, "operation": "create"}], "id_property is no field of create"),
    ):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster wraps ours in its own
            definitions({"syncs": syncs}, {}, tmp_path)
        assert words in told_by(caught.value)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        definitions({"syncs": [sync], "resource": "my.hub"}, {}, tmp_path)
    assert "attributes.resource\n" in told_by(caught.value)
    assert "resource is 'my.hub': the key of a resource" in told_by(caught.value)


def test_assets_of_several_syncs_in_python_go_through_one_translator() -> None:
    class Sales(HubSpotTranslator):
        def get_asset_spec(self, sync: Any) -> dg.AssetSpec:
            return sync.spec.replace_attributes(group_name="sales")

    syncs = [
        HubSpotSyncComponent(
            asset=dg.AssetSpec(name),
            source=Source(asset="x"),
            operation="upsert",
            object_type=name,
            key="id",
            resource="hubspot",
        )
        for name in ("companies", "deals")
    ]
    assets = build_hubspot_sync_assets(syncs, translator=Sales())
    assert [(each.key.to_user_string(), each.get_asset_spec().group_name) for each in assets] == [
        ("companies", "sales"),
        ("deals", "sales"),
    ]


def test_associations_between_records_are_an_operation_too() -> None:
    with loaded(
        operation="associate",
        to_type="companies",
        from_column="mail",
        to_column="firm",
        to_through="companies",
        id_property=None,
    ) as (component, _):
        assert component.sync_operation == Associate(
            "contacts", to_type="companies", from_column="mail", to_column="firm", to_through="companies"
        )
    assert "to_type is missing: associate needs it." in refusal(operation="associate", id_property=None)


def test_retries_hooks_and_the_io_manager_are_those_of_the_yaml() -> None:
    with loaded(
        retry_policy={"max_retries": 3, "delay": 30, "backoff": "exponential", "jitter": "full"},
        hooks=[f"{__name__}.told"],
        io_manager_key="warehouse",
        ids="none",
    ) as (_, defs):
        [made] = [each for each in defs.assets or [] if isinstance(each, dg.AssetsDefinition)]
    assert made.op.retry_policy == dg.RetryPolicy(3, 30, dg.Backoff.EXPONENTIAL, dg.Jitter.FULL)
    assert {each.name for each in made.hook_defs} == {"told"}
    assert "warehouse" in made.required_resource_keys
    assert "There is no hook nowhere.told" in refusal(hooks=["nowhere.told"])
