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
        StoreError: It cannot be made, or ``.scratch`` is a symbolic link.
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
    finally:
        held.release()
        delete_folder(folder, base=here)


_MADE_WITHIN = 3600.0
"""Seconds after which a folder without that file is none that is being made: an earlier version left it."""


def _clear(place: Path, here: Path) -> None:
    """Delete the folders that no living process holds. One that is being made at this moment has no such file
    yet, and stays.
    """
    for folder in place.iterdir():
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
