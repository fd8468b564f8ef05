"""The reference has every public name, and each name an example that the doctests run."""

import doctest
import re
from pathlib import Path

import docs_pages
import pyarrow.parquet as pq
import pytest

import hubspot_batch_dagster
from hubspot_batch_dagster import HubSpotResource, Upsert
from hubspot_batch_dagster.emulator import Emulator

NAMES = sorted(hubspot_batch_dagster.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_an_example_that_runs(name: str) -> None:
    """That it does what it says is for the doctests of tests/face."""
    examples = doctest.DocTestParser().get_examples(getattr(hubspot_batch_dagster, name).__doc__ or "")
    run = [each for each in examples if not each.options.get(doctest.SKIP)]
    assert run, f"{name} has no example"
    assert any(re.search(rf"\b{name}\b", each.source) for each in run)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_in_the_reference(name: str) -> None:
    page = (docs_pages.ROOT / "docs" / "reference.md").read_text()
    assert re.search(rf"^::: hubspot_batch_dagster\.[\w.]+\.{name}$", page, re.M)


def test_the_columns_of_an_ids_table_are_those_of_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Emulator() as emulator:
        resource = HubSpotResource(
            access_token=emulator.token, base_url=emulator.url, store=str(tmp_path / "ids")
        )
        with resource.open() as hubspot:
            hubspot.sync(
                [{"email": "ada@example.com"}], Upsert("contacts", id_property="email"), name="people"
            )
    columns = set(pq.read_schema(tmp_path / "ids" / "people" / "ids.parquet").names)
    page = (docs_pages.ROOT / "docs" / "ids-tables.md").read_text()
    named = {
        name for line in re.findall(r"^\| (`.+?) \|", page, re.M) for name in re.findall(r"`(\w+)`", line)
    }
    assert named == columns - {"email"}
