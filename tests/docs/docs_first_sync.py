"""The first sync of the getting-started page as a script: what a reader types, in one folder."""

import re
import socket
from pathlib import Path

import docs_pages

PAGE = docs_pages.ROOT / "docs" / "getting-started.md"


def steps() -> list[tuple[str, str]]:
    """("run", command) and ("write", code of definitions.py), in the order of the page."""
    text = PAGE.read_text()
    part = re.search(r"<!-- the first sync begins -->(.*)<!-- the first sync ends -->", text, re.S)
    assert part is not None
    found: list[tuple[str, str]] = []
    for block in docs_pages.blocks_of(PAGE, part[1]):
        if block.language == "sh":
            found += [("run", line) for line in docs_pages.lines_of(block.code)]
        else:
            found.append(("write", block.code))
    return found


def script(folder: Path, *, install: bool) -> str:
    """The steps for a shell; the emulator it starts ends with it.

    Args:
        folder: Where definitions.py is prepared under another name, to be written by the script.
        install: Make and activate an environment and install into it, as the page says; else the present one
            is used.
    """
    port = _free_port()
    lines = ["set -e", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for kind, text in steps():
        told = text.replace("8585", str(port))
        if kind == "write":
            (folder / "prepared.txt").write_text(told)
            lines.append("cp prepared.txt definitions.py")
        elif install or not re.match(r"(pip|python3? -m venv|\. )", told):
            lines.append(told)
            if told.endswith("&"):
                lines.append(_until_it_listens(port))
    return "\n".join(lines)


def _until_it_listens(port: int) -> str:
    """Nobody types the next line within a second; a script does."""
    probe = f"import socket; socket.create_connection(('127.0.0.1', {port}), 1).close()"
    return f'for n in $(seq 150); do python -c "{probe}" 2>/dev/null && break; sleep 0.2; done'


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
