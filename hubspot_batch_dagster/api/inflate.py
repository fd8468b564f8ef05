"""Bodies as they were before they were compressed, and no longer than allowed."""

from __future__ import annotations

import zlib

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_BARE = -zlib.MAX_WBITS
_MOST_PARTS = 100
"""Streams in one gzip body. Each costs a copy of the rest."""


class NotInflated(ValueError):
    """The body is broken, or compressed in a way that was not asked for."""


class TooLong(ValueError):
    """The body would be longer than allowed; inflating it was broken off."""


def inflated(body: bytes, encoding: str, longest: int) -> bytes:
    """Undo a ``Content-Encoding``.

    Args:
        body: The bytes as they came.
        encoding: The header's value; empty for none.
        longest: Bytes that the body may have. A few kilobytes can stand for gigabytes.

    Raises:
        NotInflated: The bytes are not what the header says, or it is neither gzip nor deflate.
        TooLong: There is more than ``longest``.
    """
    name = encoding.strip().lower()
    if name in ("", "identity") or not body:
        if len(body) > longest:
            raise TooLong
        return body
    if name not in ("gzip", "x-gzip", "deflate"):
        raise NotInflated(f"it is encoded as {name[:40]!r}")
    try:
        return _decompressed(body, _GZIP_OR_ZLIB, longest)
    except zlib.error:
        if name != "deflate":
            raise NotInflated("it is not the gzip that it says") from None
    try:
        return _decompressed(body, _BARE, longest)  # some servers leave the frame of zlib out
    except zlib.error:
        raise NotInflated("it is not the deflate that it says") from None


def _decompressed(body: bytes, frame: int, longest: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while body and len(parts) < _MOST_PARTS:
        unit = zlib.decompressobj(frame)
        parts.append(unit.decompress(body, longest - size + 1))
        size += len(parts[-1])
        if size > longest:
            raise TooLong
        if not unit.eof:
            raise NotInflated("it breaks off")
        body = unit.unused_data if frame == _GZIP_OR_ZLIB else b""
    return b"".join(parts)
