"""Partition keys are names: where each has a sync of its own no two share anything, and none leads out of a
folder.
"""

import unicodedata
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from face_helpers import FIRMS, Bench, firms

from hubspot_batch_dagster import HubSpotSyncComponent, InputError, hubspot_asset
from hubspot_batch_dagster.component.source import Source
from hubspot_batch_dagster.sync.state.names import file_name_of

REFUSED = {
    "..": "has the part '..'",
    ".": "has the part '.'",
    "": "is empty",
    "us/west": "holds a '/'",
    "../../x": "holds a '/'",
    "x" * 181: "more than 180 bytes",
    "ü" * 31: "more than 180 bytes",
}


def of_portals(keys: list[str], **options: Any) -> dg.AssetsDefinition:
    """An asset with a sync for each partition."""

    @hubspot_asset(
        FIRMS,
        partitions_def=dg.StaticPartitionsDefinition(keys),
        resource=dict.fromkeys(keys, "hubspot"),
        ids="none",
        **options,
    )
    def everywhere(context: dg.AssetExecutionContext) -> list[dict[str, Any]]:
        return [{"id": context.partition_key, "name": context.partition_key}]

    return everywhere


@pytest.mark.parametrize("key", ["us\0", "\ud800"], ids=repr)
def test_a_partition_key_that_is_no_text_is_refused_too(key: str) -> None:
    with pytest.raises(InputError, match=r"resource|partition"):
        hubspot_asset(FIRMS, resource={"emea": "hubspot", key: "hubspot"})(list)


@pytest.mark.parametrize("key", REFUSED, ids=repr)
def test_a_portals_partition_key_that_is_no_name_is_refused_when_the_asset_is_defined(key: str) -> None:
    portals = {"emea": "hubspot", key: "hubspot"}
    regions = dg.StaticPartitionsDefinition(["emea"])

    def in_yaml() -> None:
        HubSpotSyncComponent(
            asset=dg.AssetSpec("a", partitions_def=regions),
            source=Source(asset="b"),
            operation="create",
            object_type="companies",
            key="k",
            resource=portals,
        ).build_asset()

    for define in (lambda: hubspot_asset(FIRMS, resource=portals, partitions_def=regions)(list), in_yaml):
        with pytest.raises(InputError) as caught:
            define()
        assert REFUSED[key] in caught.value.message
        assert "partition" in caught.value.message
        assert len(str(caught.value)) < 500


def test_partitions_whose_keys_look_alike_have_syncs_of_their_own(bench: Bench) -> None:
    """Capitals, Unicode forms, percent signs, and names of our own files."""
    keys = ["emea", "EMEA", "%2E%2E", "runs"]
    keys += [unicodedata.normalize(form, "Ström") for form in ("NFC", "NFD")]
    asset = of_portals(keys)
    with dg.instance_for_test() as instance:
        for outcome in ("created", "unchanged"):
            for key in keys:
                ran = bench.materialize(asset, instance=instance, partition_key=key)
                assert ran.success, key
                assert ran.metadata("everywhere")[outcome] == 1, key
    assert bench.once_each("companies", "name", keys)
    with bench.resource().open() as hubspot:
        assert sorted(hubspot.ids.syncs()) == sorted(f"everywhere/{key}" for key in keys)
    assert len([each for each in (bench.store / "everywhere").iterdir() if each.is_dir()]) == len(keys)
    locks = {file_name_of(f"everywhere/{key}").casefold() for key in keys}
    assert len(locks) == len(keys), "also where the file system does not tell capitals apart"


def test_partitions_of_one_portal_share_a_sync_whatever_their_keys_are(bench: Bench) -> None:
    keys = ["..", "../../x", "x" * 300]

    @hubspot_asset(FIRMS, partitions_def=dg.StaticPartitionsDefinition(keys), ids="none")
    def parts(context: dg.AssetExecutionContext) -> list[dict[str, Any]]:
        return [{"id": context.partition_key, "name": context.partition_key}]

    for key in keys:
        assert bench.materialize(parts, partition_key=key).success, key
    assert bench.once_each("companies", "name", keys)
    assert [each.parent.name for each in bench.folder.rglob("ids.parquet") if "runs" not in each.parts] == [
        "parts"
    ]


@pytest.mark.parametrize("key", ["..", "../../x", "a/../b", "a//b", "x" * 300], ids=repr)
def test_a_value_is_never_stored_outside_its_assets_folder(bench: Bench, tmp_path: Path, key: str) -> None:
    @dg.asset(partitions_def=dg.StaticPartitionsDefinition([key]))
    def frame() -> list[dict[str, Any]]:
        return firms(1)

    before = sorted(tmp_path.rglob("*"))
    ran = bench.materialize(frame, partition_key=key)
    assert "cannot be the name of a file" in str(ran.result.failure_data_for_node("frame").error.cause)
    assert [each for each in sorted(tmp_path.rglob("*")) if each not in before and each.suffix] == []

    @dg.asset(key=["frames", "..", "..", "x"])
    def climbing() -> list[dict[str, Any]]:
        return firms(1)

    assert not bench.materialize(climbing).success
    assert not list(tmp_path.rglob("*.parquet"))


def test_partitions_with_plain_keys_are_stored_where_they_were(bench: Bench) -> None:
    both = dg.MultiPartitionsDefinition(
        {"a": dg.StaticPartitionsDefinition(["1"]), "b": dg.StaticPartitionsDefinition(["x.y"])}
    )

    @dg.asset(partitions_def=both)
    def frame() -> list[dict[str, Any]]:
        return firms(1)

    assert bench.materialize(frame, partition_key=dg.MultiPartitionKey({"a": "1", "b": "x.y"})).success
    assert (bench.folder / "values" / "frame" / "1" / "x.y.parquet").is_file()
