"""HubSpot's clock, as far as its answers tell it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone

from msgspec import DecodeError, Struct, field
from msgspec.json import Decoder

_FRESH_SECONDS = 30.0


class _Completed(Struct):
    at: str = field(name="completedAt", default="")


_DECODER = Decoder(_Completed)


class ServerClock:
    """The difference between HubSpot's clock and this host's.

    HubSpot's time is taken from what HubSpot itself writes: the ``completedAt`` of its batch answers. The
    ``Date`` header is not believed, for a proxy or gateway may put it there, by a clock that records know
    nothing of.

    Both the wall clock and a clock that never jumps are read: when the wall clock is set in the middle of a
    run, the time told here goes on as before.

    Args:
        wall: Seconds since 1970 on this host.
        steady: Seconds from some moment on; never set.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._steady = steady
        self._offset = wall() - steady()
        self._learned_at: float | None = None

    def now(self) -> float:
        """Tell the seconds since 1970."""
        return self._steady() + self._offset

    def learn(self, body: bytes) -> None:
        """Take the time from the body of a batch answer, if the last one is some while ago."""
        now = self._steady()
        if self._learned_at is not None and now - self._learned_at < _FRESH_SECONDS:
            return
        at = _completed_at(body)
        if at is not None:
            self._offset = at - now
            self._learned_at = now


def _completed_at(body: bytes) -> float | None:
    try:
        text = _DECODER.decode(body).at
        at = datetime.fromisoformat(text[:40].replace("Z", "+00:00"))
        return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()
    except (DecodeError, RecursionError, UnicodeDecodeError, ValueError, OverflowError):
        return None
