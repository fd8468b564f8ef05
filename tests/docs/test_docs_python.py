"""What the pages show in Python runs as it stands, and its assets materialize against a HubSpot."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import docs_pages
import pytest

import hubspot_batch_dagster
from hubspot_batch_dagster import HubSpotClient, HubSpotResource
from hubspot_batch_dagster.emulator import Emulator, Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
ELSEWHERE = ("https://api.hubapi.com", "http://127.0.0.1:8585")
PYTHON = docs_pages.blocks("python", "py")


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(settings=Settings(search_lag=0.02)) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Emulator:
    """A HubSpot in the place of the real one, and an environment as the pages want it."""
    running.reset()
    for name in ("HUBSPOT_ACCESS_TOKEN", "HUBSPOT_EMEA_TOKEN", "HUBSPOT_US_TOKEN"):
        monkeypatch.setenv(name, running.token)
    monkeypatch.setenv("HUBSPOT_BASE_URL", running.url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)

    opened = HubSpotClient.__init__

    def redirected(client: HubSpotClient, *args: Any, base_url: str = ELSEWHERE[0], **options: Any) -> None:
        opened(client, *args, base_url=running.url if base_url in ELSEWHERE else base_url, **options)

    monkeypatch.setattr(HubSpotClient, "__init__", redirected)
    return running


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_a_block_runs_and_its_assets_materialize(block: docs_pages.Block, emulator: Emulator) -> None:
    Path("block.py").write_text(block.code)
    names = runpy.run_path("block.py", run_name="block")
    assets = [each for each in names.values() if isinstance(each, dg.AssetsDefinition)]
    if isinstance(names.get("defs"), dg.Definitions):
        dg.Definitions.validate_loadable(names["defs"])
        materialize(names["defs"], assets)
    elif assets:
        resource = HubSpotResource(access_token=emulator.token, base_url=emulator.url, store="ids")
        materialize(dg.Definitions(assets=assets, resources={"hubspot": resource}), assets)


def materialize(defs: dg.Definitions, assets: list[dg.AssetsDefinition]) -> None:
    """Materialize what has all its sources on the page, and demand that every check passes."""
    made = {key for each in assets for key in each.keys}
    whole = [each for each in assets if {key for keys in each.asset_deps.values() for key in keys} <= made]
    for partitions in dict.fromkeys(each.partitions_def for each in whole):
        chosen = [each for each in whole if each.partitions_def == partitions]
        job = dg.define_asset_job("all_of_it", selection=dg.AssetSelection.assets(*chosen))
        repository = dg.Definitions.merge(defs, dg.Definitions(jobs=[job]))
        result = repository.resolve_job_def("all_of_it").execute_in_process(
            partition_key=partitions.get_first_partition_key() if partitions else None, run_config=QUIET
        )
        assert result.success
        failed = [each.check_name for each in result.get_asset_check_evaluations() if not each.passed]
        assert failed == []


def test_there_is_something_to_run() -> None:
    assert len(PYTHON) >= 10


SHOWN = [
    pytest.param(span, id=f"{docs_pages.page_name(page)}-{span}")
    for page in docs_pages.PAGES
    for span in dict.fromkeys(docs_pages.spans(page))
    if re.match(r"(Create|Upsert|Update|Archive|Association|Associate|HubSpotResource)\(.+\)$", span)
    and "..." not in span
]


@pytest.mark.parametrize("span", SHOWN)
def test_an_operation_in_a_sentence_is_one(span: str) -> None:
    names: dict[str, Any] = {
        name: getattr(hubspot_batch_dagster, name) for name in hubspot_batch_dagster.__all__
    }
    assert eval(span, names) is not None


def test_settings_that_the_tuning_page_names_exist_with_those_defaults() -> None:
    text = (docs_pages.ROOT / "docs" / "tuning.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", text, re.M)
    assert len(rows) >= 5
    for name, said in rows:
        default = HubSpotResource.model_fields[name].get_default(call_default_factory=True, validated_data={})
        if re.match(r"`?[\d.]+", said):
            number = re.match(r"`?([\d.]+)(MB|GB)?", said)
            assert number is not None
            value = f"{number[1]}{number[2]}" if number[2] else float(number[1])
            assert default == value, name
