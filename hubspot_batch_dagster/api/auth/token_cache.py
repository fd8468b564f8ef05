"""A token cache: one file in which processes that share an OAuth credential share its tokens too."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hubspot_batch_dagster.api.errors import StoreError

LONGEST_WAIT = 60.0
"""Seconds to wait for another process that is renewing the token; a renewal takes one request."""


@dataclass(frozen=True)
class Tokens:
    """What a token endpoint gave. Neither token prints.

    Attributes:
        expires_at: Epoch seconds.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: float


class TokenCache:
    """The file. It holds tokens in clear, so only its owner may read it.

    Args:
        path: The file; a lock file lies beside it.
        owner: Names the credential. Tokens of another one in the same file are not used.
    """

    def __init__(self, path: Path, owner: str) -> None:
        self.path = path
        self._owner = owner

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the file against other threads and processes. A process that dies lets go.

        Raises:
            StoreError: The folder cannot be written, or another process held it for a minute.
        """
        from filelock import FileLock, Timeout  # only those who share tokens pay for the import

        trouble = ""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(f"{self.path}.lock", timeout=LONGEST_WAIT)
            lock.acquire()
        except Timeout:
            trouble = f"is held by another process since {LONGEST_WAIT:.0f} s"
        except OSError as error:
            trouble = f"cannot be used: {error.strerror}"
        if trouble:
            raise StoreError(f"The token cache {self.path} {trouble}.")
        try:
            yield
        finally:
            lock.release()

    def read(self) -> Tokens | None:
        """Return the tokens, or None where there are none that can be used: a broken file counts as an empty
        one.
        """
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if found["owner"] != self._owner:
                return None
            return Tokens(str(found["access"]), str(found["refresh"]), float(found["expires_at"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, tokens: Tokens) -> None:
        """Replace the file, readable by its owner alone from its first byte on.

        Raises:
            StoreError: It cannot be written.
        """
        text = json.dumps(
            {
                "owner": self._owner,
                "access": tokens.access,
                "refresh": tokens.refresh,
                "expires_at": tokens.expires_at,
            }
        )
        trouble = ""
        try:
            handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                Path(name).replace(self.path)
            except BaseException:
                with suppress(OSError):
                    Path(name).unlink()
                raise
        except OSError as error:
            trouble = str(error.strerror)
        if trouble:
            raise StoreError(f"The token cache {self.path} cannot be written: {trouble}.")
