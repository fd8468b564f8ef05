"""The YAML of docs/component.md loads as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster.components.testing import create_defs_folder_sandbox

from hubspot_batch_dagster import (
    HubSpotPortalComponent,
    HubSpotResource,
    HubSpotSyncCollectionComponent,
    HubSpotSyncComponent,
)

PAGE = Path(__file__).parents[2] / "docs" / "component.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.S | re.M)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_of_the_page_loads(block: str) -> None:
    contents = yaml.safe_load(block)
    kinds = (HubSpotSyncComponent, HubSpotSyncCollectionComponent, HubSpotPortalComponent)
    [kind] = [each for each in kinds if contents["type"] == f"hubspot_batch_dagster.{each.__name__}"]
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(component_cls=kind, defs_yaml_contents=contents)
        (path / "portal.json").write_text('{"properties": {}}')
        with sandbox.load_component_and_build_defs(defs_path=path) as (_, defs):
            others = dg.Definitions(
                assets=[dg.AssetSpec("customers"), dg.AssetSpec("firms")],
                resources={"hubspot": HubSpotResource(access_token="x")},
            )
            dg.Definitions.validate_loadable(dg.Definitions.merge(defs, others))


def test_the_page_has_its_blocks() -> None:
    assert len(BLOCKS) >= 3
