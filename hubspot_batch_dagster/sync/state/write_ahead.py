"""SQLite's write-ahead log, looked at before SQLite reads it: what it cannot read there, it leaves out
without a word.

A killed process leaves its last commits in ``journal.db-wal``. Each frame of that file has a sum that goes on
from the one before it. At the first frame whose sum is wrong SQLite takes the log for ended: so it must, for
a power cut may tear the last commit. Where a later commit stands whole behind it, though, the frame was
changed since it was written, and what would be left out was durable.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_HEADER, _FRAME = 32, 24
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
"""The first four bytes -> the byte order of the words that are summed up."""

_LOOKS, _BETWEEN = 3, 0.05
"""Another process may write to the log while it is looked at: then the next look finds it whole."""


class _Frame(NamedTuple):
    """What a frame says of itself.

    Attributes:
        whole: Its sum goes on from that of the frame before it.
        ours: It belongs to this log, and is not what an earlier one left behind.
        commits: It ends a commit.
    """

    whole: bool
    ours: bool
    commits: bool


def check_write_ahead(database: Path) -> None:
    """Refuse a log in which a commit was changed that later ones follow.

    Args:
        database: The database that the log is of.

    Raises:
        ValueError: There is one.
    """
    log = database.with_name(f"{database.name}-wal")
    for look in range(_LOOKS):
        if look:
            time.sleep(_BETWEEN)
        try:
            with database.open("rb") as file:
                page = struct.unpack(">H", file.read(18)[16:])[0]
            content = log.read_bytes()
        except (OSError, struct.error):
            return  # there is none, or SQLite says what is wrong
        if not _is_broken(content, 65536 if page == 1 else page):
            return
    raise ValueError("the write-ahead log was changed since it was written")


def _is_broken(content: bytes, page: int) -> bool:
    """Whether a frame is wrong behind which a later commit stands whole."""
    wrong = ended = False
    for frame in _frames(content, page):
        wrong = wrong or not (frame.whole and frame.ours)
        if wrong and ended and frame.whole and frame.ours:
            return True
        ended = ended or (wrong and frame.ours and frame.commits)
    return False


def _frames(content: bytes, page: int) -> Iterator[_Frame]:
    if len(content) < _HEADER or page < 512 or page & (page - 1):
        return  # nothing, or what SQLite itself does not take for a database
    magic, _, _, _, *salts, first, second = struct.unpack(">8I", content[:_HEADER])
    order = _MAGIC.get(magic)
    if order is None or _sum(content[: _HEADER - 8], order, 0, 0) != (first, second):
        # The header is wrong: all frames would be left out. What they say of each other tells whether that is
        # damage.
        order, salts = (
            order or "<",
            [*struct.unpack(">2I", content[_HEADER + 8 : _HEADER + 16].ljust(8, b"\0"))],
        )
        yield _Frame(False, True, True)
    size = _FRAME + page
    for at in range(_HEADER, len(content) - size + 1, size):
        _, commits, *of, one, two = struct.unpack(">6I", content[at : at + _FRAME])
        found = _sum(content[at : at + 8], order, first, second)
        whole = _sum(content[at + _FRAME : at + size], order, *found) == (one, two)
        yield _Frame(whole, of == salts, commits != 0)
        first, second = one, two


def _sum(content: bytes, order: str, first: int, second: int) -> tuple[int, int]:
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second
