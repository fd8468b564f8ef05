"""Scratch folders: each run has one of its own on this host, and clears what killed runs left."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from hubspot_batch_dagster.sync.state.private_files import cannot, check_inside, delete_folder, make_folder

_HELD = ".held"
"""The file whose lock says that a scratch folder is in use."""


@contextlib.contextmanager
def scratch_folder(here: Path) -> Iterator[Path]:
    """Yield a new private folder under ``here``; it is deleted at the end, and by later runs where its
    process was killed.

    Raises:
        StoreError: It cannot be made, or ``.scratch`` is a symbolic link; or what is in it is gone, or has no
            room.
    """
    place = here / ".scratch"
    make_folder(place, base=here)
    _clear(place, here)
    check_inside(place, base=here)
    try:
        folder = Path(tempfile.mkdtemp(dir=place))
        held = FileLock(folder / _HELD, mode=0o600)
        held.acquire(timeout=0)
    except (OSError, Timeout) as error:
        raise cannot("use", str(place), OSError(str(error))) from None
    try:
        yield folder
    except Exception as error:
        if _is_of(error, folder):
            raise cannot("use", str(folder), error) from error
        raise
    finally:
        held.release()
        delete_folder(folder, base=here)


def _is_of(error: Exception, folder: Path) -> bool:
    """Whether an error is one of the file system's, and of a file in the folder or for want of room."""
    if not isinstance(error, OSError) and type(error).__name__ != "IOException":  # the latter is DuckDB's
        return False
    return str(folder) in str(error) or "No space left" in str(error) or "quota" in str(error)


_MADE_WITHIN = 3600.0
"""Seconds after which a folder without that file is none that is being made: an earlier version left it."""


def _clear(place: Path, here: Path) -> None:
    """Delete the folders that no living process holds. One that is being made at this moment has no such file
    yet, and stays.
    """
    try:
        folders = list(place.iterdir())
    except OSError as error:
        raise cannot("use", str(place), error) from None
    for folder in folders:
        check_inside(folder, base=here)
        if not (folder / _HELD).is_file():
            if time.time() - folder.stat().st_mtime > _MADE_WITHIN:
                delete_folder(folder, base=here)
            continue
        held = FileLock(folder / _HELD, mode=0o600)
        with contextlib.suppress(OSError, Timeout):
            held.acquire(timeout=0)
            held.release()
            delete_folder(folder, base=here)
