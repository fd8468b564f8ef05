"""The README and the pages of docs/, taken apart."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)```[ \t]*$", re.M | re.S
)
_SPAN = re.compile(r"`([^`\n]+)`")
_SPAN_OF_LINES = re.compile(r"`([^`]+)`")
_PROGRAM = re.compile(r"(make|python3?|pip|hubspot-batch-dagster|dagster|dg|kill|echo) \S")
_LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it is, its language, its code."""

    page: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(*languages: str) -> list[Block]:
    """The blocks of these languages, on all pages."""
    return [each for page in PAGES for each in blocks_of(page) if each.language in languages]


def blocks_of(page: Path, text: str | None = None) -> Iterator[Block]:
    text = page.read_text() if text is None else text
    for found in _FENCE.finditer(text):
        indent = found["indent"]
        code = "".join(line.removeprefix(indent) for line in found["code"].splitlines(keepends=True))
        line = text[: found.start()].count("\n") + 1
        yield Block(page_name(page), line, found["language"], code)


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _FENCE.sub("", page.read_text())


def spans(page: Path) -> list[str]:
    """The pieces of code inside sentences and tables."""
    return _SPAN.findall(prose(page))


def links(page: Path) -> list[str]:
    return [found["target"] for found in _LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """The headings as MkDocs and GitHub name them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(page)))
    return {heading.strip().replace(" ", "-") for heading in plain}


def commands() -> list[tuple[str, Block]]:
    """Every command of every sh block: comments left out, continued lines joined."""
    return [
        (line, block) for block in blocks("sh", "bash", "shell", "console") for line in lines_of(block.code)
    ]


def commands_in_sentences() -> list[tuple[str, str]]:
    """Every command that stands inside a sentence or a table, with its page."""
    return [
        (words, page_name(page))
        for page in PAGES
        for span in _SPAN_OF_LINES.findall(prose(page))
        if _PROGRAM.match(words := re.sub(r"\s+", " ", span))
    ]


def lines_of(code: str) -> list[str]:
    joined = code.replace("\\\n", " ")
    stripped = (re.sub(r"\s+#.*$", "", line).strip() for line in joined.splitlines())
    return [re.sub(r"\s+", " ", line) for line in stripped if line and not line.startswith("#")]
