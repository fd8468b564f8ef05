"""Sums over what a store keeps: one byte that a disk gives back wrongly would be another row's key, or
another record's id.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hubspot_batch_dagster.api.errors import StoreError

_CHUNK = 1 << 20
_MARK = b',"crc":'


def seal_of(path: Path) -> str:
    """Return the sum of a file."""
    found = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found = zlib.crc32(chunk, found)
    return f"{found:08x}"


def sealed_json(said: Mapping[str, Any]) -> str:
    """Return a mapping as JSON that tells when it was changed; a seal that it had is replaced."""
    return closed(
        json.dumps({name: each for name, each in said.items() if name != "crc"}).encode()[:-1]
    ).decode()


def closed(body: bytes) -> bytes:
    """Return a JSON object of which the last brace is missing, with its sum and that brace."""
    return b"%b%b%d}" % (body, _MARK, zlib.crc32(body))


def bound(content: bytes, *about: object) -> bytes:
    """Return what :func:`closed` gave, with a sum that is also of what stands beside it, such as the other
    columns of its line.
    """
    body, mark, said = content.rpartition(_MARK)
    return b"%b%b%d}" % (body, mark, _sum_with(int(said[:-1]), about))


def unbroken(content: bytes, *about: object) -> bytes:
    """Return what :func:`closed` or :func:`bound` was given, as JSON without a sum. What an earlier version
    wrote has none, or one of its own alone.

    Raises:
        ValueError: It was changed since, or what stands beside it.
    """
    body, mark, said = content.rpartition(_MARK)
    if not mark and content.rstrip().endswith((b"}", b"]")):
        return content
    own = zlib.crc32(body)
    if said not in (b"%d}" % _sum_with(own, about), b"%d}" % own):
        raise ValueError("it was changed since it was written")
    return body + b"}"


def sum_of(*about: object) -> str:
    """Return the sum of some values."""
    return f"{_sum_with(0, about):08x}"


def _sum_with(before: int, about: tuple[object, ...]) -> int:
    return zlib.crc32("\0".join(map(repr, about)).encode(), before)


def check_seal(path: Path, seal: str, remedy: str) -> None:
    """Refuse a file that is not what was written, as far as its sum is known.

    Raises:
        StoreError: It is another one.
    """
    if seal and seal_of(path) != seal:
        raise StoreError(f"The file {path} cannot be read: it is not as it was written.", remedy=remedy)
