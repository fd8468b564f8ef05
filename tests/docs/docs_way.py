"""The way of the page "From an empty folder to every night": what a reader types, and the files that he
writes.
"""

import re
from pathlib import Path
from typing import NamedTuple

import docs_pages

PAGE = docs_pages.ROOT / "docs" / "every-night.md"
_FILE = re.compile(r"`(src/[\w/.]+)`")


class Step(NamedTuple):
    """One command, or one file to write.

    Attributes:
        text: The command, or what the file has in it.
        file: Where the text goes; ``None`` for a command.
    """

    text: str
    file: Path | None = None


def steps() -> list[Step]:
    """The steps in the order of the page; the file that a block is written to is the last one named before
    it.
    """
    part = re.search(r"<!-- the way begins -->(.*)<!-- the way ends -->", PAGE.read_text(), re.S)
    assert part is not None
    found: list[Step] = []
    named = None
    for piece in re.split(r"(^```\w+\n.*?^```$)", part[1], flags=re.S | re.M):
        if not piece.startswith("```"):
            named = (_FILE.findall(piece) or [named])[-1]
            continue
        [block] = docs_pages.blocks_of(PAGE, piece)
        if block.language == "sh":
            found += [Step(line) for line in docs_pages.lines_of(block.code)]
        else:
            assert named is not None
            found.append(Step(block.code, Path(named)))
    return found


def commands() -> list[str]:
    """The commands alone."""
    return [step.text for step in steps() if step.file is None]
