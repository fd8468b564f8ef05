"""The pages for contributors and on decisions name files, names, commands and figures that exist."""

import re
import shutil
import subprocess
from pathlib import Path

import docs_pages
import pytest

ROOT = docs_pages.ROOT
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
TEMPLATE = ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md"
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", TEMPLATE, *DECISIONS]
PARTS = ["## Context", "## Choice", "## Figures", "## What would change it"]
DECIDED = {
    "bucket-journal",
    "duckdb-stage",
    "emulator-inside",
    "generations",
    "msgspec",
    "own-state",
    "rate-limiter",
    "requests",
    "version-default",
}
PROTOTYPES = ("a prototype", "a trial before the fence")
"""Sources of figures that are no file of the project."""
SUFFIXES = (".py", ".md", ".yaml", ".yml", ".toml")
_NAMED_IN = re.compile(r"`(\w+)` in\s+`([\w/]+\.py)`|`(\w+)` of\s+`([\w/]+\.py)`")


def is_path(span: str) -> bool:
    return " " not in span and (span.endswith("/") or ("/" in span and span.endswith(SUFFIXES)))


def make_targets(page: Path) -> list[str]:
    code = "\n".join(block.code for block in docs_pages.blocks_of(page))
    spans = "\n".join(docs_pages.spans(page))
    return re.findall(r"^make ([\w-]+)", f"{code}\n{spans}", re.M)


@pytest.mark.parametrize("page", PAGES, ids=docs_pages.page_name)
def test_the_files_that_a_page_names_exist(page: Path) -> None:
    named = {span for span in docs_pages.spans(page) if is_path(span) and not span.startswith("*")}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    if page.name == "CONTRIBUTING.md":
        assert len(named) >= 30


def test_the_names_that_the_pages_say_are_in_a_file_are_in_it() -> None:
    found = [match for page in PAGES for match in _NAMED_IN.findall(page.read_text())]
    assert len(found) >= 12
    for a, b, c, d in found:
        name, file = a or c, b or d
        defined = re.compile(rf"^(?: {{4}})?(?:def {name}\b|class {name}\b|{name}(?:: [^=]+)? = )", re.M)
        assert defined.search((ROOT / file).read_text()), f"{name} in {file}"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_commands_of_the_pages_are_targets_of_the_makefile() -> None:
    named = {target for page in PAGES for target in make_targets(page)}
    assert {"install", "check", "test", "lint", "types", "docs"} <= named
    for target in sorted(named):
        done = subprocess.run(
            ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_tests_that_a_command_names_exist() -> None:
    commands = [span for page in PAGES for span in docs_pages.spans(page) if "pytest" in span and " " in span]
    assert commands
    for command in commands:
        assert command.startswith(".venv/bin/python -m pytest ")
        assert (ROOT / command.split()[-1]).is_dir()


def test_the_links_of_the_pages_lead_somewhere() -> None:
    for page in [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]:
        for target in docs_pages.links(page):
            assert target.startswith("https://") or (ROOT / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=docs_pages.page_name)
def test_a_page_says_nothing_of_a_machine(page: Path) -> None:
    assert not re.search(r"/(?:work|tmp|root)/|\u2014", page.read_text())


def test_each_decision_has_a_page_that_the_site_lists() -> None:
    assert {page.stem for page in DECISIONS} >= DECIDED
    listed = (ROOT / "mkdocs.yml").read_text()
    assert [page.name for page in DECISIONS if f"decisions/{page.name}" not in listed] == []


@pytest.mark.parametrize("page", DECISIONS, ids=docs_pages.page_name)
def test_a_decision_has_context_choice_figures_and_what_would_change_it(page: Path) -> None:
    assert re.findall(r"^## .+$", page.read_text(), re.M) == PARTS


def figures() -> list[tuple[str, str, str, str]]:
    """Page, what was measured, the figure and its source, for each figure that a file of the project has."""
    found = []
    for page in DECISIONS:
        for line in re.findall(r"^\| (.+) \|$", page.read_text(), re.M):
            measured, figure, source = line.split(" | ")
            if source not in ("source", *PROTOTYPES):
                found.append((page.name, measured, figure, source.strip("`")))
    return found


def test_a_decision_has_the_figures_of_its_sources() -> None:
    """A line of the source has the number beside a word of what was measured; those of a prototype have no
    file.
    """
    assert len(figures()) >= 12
    for page, measured, figure, source in figures():
        words = set(re.findall(r"[a-z]{4,}", measured.lower()))
        number = re.findall(r"\d[\d,.]*", figure)[0]
        spelled = {"5": "five"}.get(number, number)
        about = re.compile(rf"(?<![\d.])(?:{re.escape(number)}|{spelled})(?![\d])")
        lines = (ROOT / source).read_text().split("\n")
        held = [
            line
            for line in lines
            if about.search(line) and words & set(re.findall(r"[a-z]{4,}", line.lower()))
        ]
        assert held, f"{page}: {measured}: {number} is not in {source}"
