"""Local access: which requests come from this computer's own programs and not from a foreign web page.

A page of another site can make a browser send requests to a loopback port. It cannot set the `Host` header to
a loopback name (a rebound name shows there), and its `Origin` is its own. Both come before any token.
"""

from __future__ import annotations

from collections.abc import Mapping

from hubspot_batch_dagster.emulator.exchange import Answer, error_body

LOOPBACK = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})


def refusal(headers: Mapping[bytes, bytes]) -> Answer | None:
    """Build the 403 for a request with a foreign `Host` or `Origin`; None if nothing is wrong with it.

    Args:
        headers: The request's headers, names in lower case. A request without a `Host` is no browser's.
    """
    host = headers.get(b"host")
    if host is not None and _name(host) not in LOOPBACK:
        return _refuse("Host", host)
    origin = headers.get(b"origin")
    if origin is not None and origin != b"http://" + (host or b""):
        return _refuse("Origin", origin)
    return None


def two_hosts() -> Answer:
    """Build the 403 for a request that names two hosts, of which one could be foreign."""
    return Answer(403, error_body("A request names one Host.", "FOREIGN_REQUEST"), {"Connection": "close"})


def _name(host: bytes) -> bytes:
    name, colon, port = host.rpartition(b":")
    return name.lower() if colon and port.isdigit() else host.lower()


def _refuse(header: str, value: bytes) -> Answer:
    shown = value[:100].decode("ascii", "replace")
    message = f"The emulator serves this computer only: {header} {shown!r} is foreign. Call it at 127.0.0.1."
    return Answer(403, error_body(message, "FOREIGN_REQUEST"), {"Connection": "close"})
