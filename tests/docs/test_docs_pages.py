"""The pages hold together: links lead somewhere, YAML loads, and MkDocs builds them without a complaint."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import docs_pages
import pytest
import yaml

CONFIG = docs_pages.ROOT / "mkdocs.yml"
OUTSIDE = ("https://", "http://", "mailto:")
PYTHON_TAG = re.compile(r"!!python/name:\S+")


def nav_of(config: str) -> set[str]:
    """The pages in the navigation of mkdocs.yml, of all its sections."""
    listed = re.search(r"^nav:\n((?:[ -].*\n)+)", config, re.M)
    assert listed is not None
    return _pages_in(yaml.safe_load(listed[1]))


def _pages_in(entries: list[dict[str, Any]]) -> set[str]:
    found: set[str] = set()
    for entry in entries:
        for target in entry.values():
            found |= {target} if isinstance(target, str) else _pages_in(target)
    return found


@pytest.mark.parametrize("page", docs_pages.PAGES, ids=docs_pages.page_name)
def test_links_and_images_lead_somewhere(page: Path) -> None:
    for target in docs_pages.links(page):
        if target.startswith(OUTSIDE):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in docs_pages.anchors(file), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", docs_pages.PAGES, ids=docs_pages.page_name)
def test_a_page_says_nothing_of_this_machine(page: Path) -> None:
    """Nor is a file too long, or a dash one that nobody can type."""
    text = page.read_text()
    assert not re.search(r"/work/|/tmp/|/root/|\u2014", text)
    assert page.name == "README.md" or text.startswith("# ")


@pytest.mark.parametrize("block", docs_pages.blocks("yaml", "yml", "json"), ids=str)
def test_a_yaml_or_json_block_loads(block: docs_pages.Block) -> None:
    load = json.loads if block.language == "json" else yaml.safe_load
    assert load(block.code) is not None


def test_every_block_says_what_it_is() -> None:
    known = {"python", "sh", "yaml", "json", "toml", "text", "sql"}
    unknown = [
        str(block)
        for page in docs_pages.PAGES
        for block in docs_pages.blocks_of(page)
        if block.language not in known
    ]
    assert unknown == []


@pytest.mark.parametrize("page", docs_pages.PAGES, ids=docs_pages.page_name)
def test_a_heading_stands_apart_from_what_comes_before(page: Path) -> None:
    """Right below a table it would be a row of the table."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    assert re.findall(r"^.+\n#{1,4} .*", text, re.M) == []


def test_every_page_is_in_the_navigation() -> None:
    docs = docs_pages.ROOT / "docs"
    pages = {path.relative_to(docs).as_posix() for path in docs_pages.PAGES if path.is_relative_to(docs)}
    assert nav_of(CONFIG.read_text()) == pages


def test_mkdocs_builds_the_pages_strictly_and_they_ask_nobody_for_anything(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--config-file",
            str(CONFIG),
            "--site-dir",
            str(tmp_path),
        ],
        cwd=docs_pages.ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for page in tmp_path.rglob("*.html"):
        tags = re.findall(r"<(?:script|img|link|iframe)\b[^>]*>", page.read_text())
        asked = [tag for tag in tags if re.search(r"\b(?:src|href)=\"?(?:https?:)?//", tag)]
        assert [tag for tag in asked if 'rel="canonical"' not in tag] == []
    reference = (tmp_path / "reference" / "index.html").read_text()
    assert ":class:" not in reference
    assert "&gt;&gt;&gt;" in reference or 'class="gp"' in reference


def test_the_files_of_the_example_that_a_page_names_exist() -> None:
    named = {
        span
        for page in docs_pages.PAGES
        for span in docs_pages.spans(page)
        if span.startswith("example_project/")
    }
    assert len(named) >= 8
    assert [file for file in sorted(named) if not (docs_pages.ROOT / file).is_file()] == []


def test_code_fits_its_column() -> None:
    """A command that is typed in one line may be longer."""
    wide = [
        f"{block}: {line}"
        for block in docs_pages.blocks("python", "yaml", "text")
        if block.page.startswith("docs/")
        for line in block.code.splitlines()
        if len(line) > 88
    ]
    assert wide == []
