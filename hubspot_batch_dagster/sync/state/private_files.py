"""Files that are nobody else's business: folders of 0700, files of 0600, and nothing outside the store.

Permissions that an operator has given are kept: a file that is replaced keeps its own, and what is new in a
sync's folder has those of the folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import uuid
from pathlib import Path

from hubspot_batch_dagster.api.errors import StoreError

POSIX = os.name == "posix"


def make_folder(folder: Path, *, base: Path) -> None:
    """Make a folder and those above it that are missing. One in a folder of the store has its permissions,
    any other is private.

    Raises:
        StoreError: It cannot be made, or a symbolic link leads out of ``base``.
    """
    check_inside(folder, base=base)
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        for each in reversed(missing):
            own = base in each.parent.parents  # below the store's own folder the operator's permissions go on
            mode = stat.S_IMODE(each.parent.stat().st_mode) if own else 0o700
            with contextlib.suppress(FileExistsError):
                each.mkdir(mode=mode)
                if POSIX:
                    each.chmod(mode)  # what the umask took away is none of the operator's doing
    except OSError as error:
        raise cannot("make", str(folder), error) from None


def check_inside(path: Path, *, base: Path) -> None:
    """Refuse a path that leads through a symbolic link below ``base``: what is behind it is not the store's.

    Raises:
        StoreError: It does.
    """
    below = path.relative_to(base) if path.is_relative_to(base) else Path()
    walked = base
    for part in below.parts:
        walked = walked / part
        if walked.is_symlink():
            raise StoreError(
                f"{walked} is a symbolic link, and what is behind it is not the store's. Nothing was written"
                " or deleted.",
                remedy="Remove the link, or give the resource the folder that is meant as store=.",
            )


def replace_file(written: Path, target: Path, *, base: Path) -> None:
    """Put a file in its place: a reader sees the old one or the new one, never half of one. Durable when this
    returns.
    """
    make_folder(target.parent, base=base)
    check_inside(target, base=base)
    beside = target.with_name(f".{uuid.uuid4().hex[:16]}.tmp")
    try:
        shutil.move(os.fspath(written), beside)
        if POSIX:
            beside.chmod(_mode_for(target, base))
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(target.parent)


def write_once(target: Path, content: bytes, *, base: Path) -> None:
    """Write a small file unless it is there; of two that do so at once one is the first, and nobody sees half
    of it.
    """
    if target.exists():
        return
    make_folder(target.parent, base=base)
    beside = target.with_name(f".{uuid.uuid4().hex[:16]}.tmp")
    create_private(beside)
    try:
        beside.write_bytes(content)
        with contextlib.suppress(FileExistsError):
            try:
                os.link(beside, target)
            except FileExistsError:
                raise
            except OSError:  # no second names on this file system
                beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(target.parent)


def link_file(source: Path, target: Path, *, base: Path) -> None:
    """Give a file a second name in the place of another file: no byte is copied where the file system can do
    so.
    """
    check_inside(target, base=base)
    beside = target.with_name(f".{uuid.uuid4().hex[:16]}.tmp")
    try:
        try:
            if target.exists() and target.stat().st_mode != source.stat().st_mode:
                raise OSError  # the operator has given the former one permissions of its own
            os.link(source, beside)
        except OSError:
            shutil.copyfile(source, beside)
            if POSIX:
                beside.chmod(_mode_for(target, base))
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(target.parent)


def delete_folder(folder: Path, *, base: Path) -> None:
    """Delete a folder of the store with all that is in it. Links in it are deleted, and not what is behind
    them.
    """
    check_inside(folder, base=base)
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


def create_private(file: Path) -> None:
    """Make an empty file that only this user can read, unless it is there."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    if POSIX:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def folder_of_this_user(mark: str) -> Path:
    """Return a folder for what belongs to this user on this host, whatever the store is; nothing in it has to
    outlast the process.

    It is in the user's cache. A folder there that somebody else made, or that others may write to, is not
    used: then it is a new one, under a name that nobody can guess.
    """
    import platformdirs  # only remote stores need it

    folder = Path(platformdirs.user_cache_dir("hubspot-batch-dagster", appauthor=False)) / mark
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_ours(folder):
            return folder
    except OSError:
        pass  # no home folder, or none that may be written
    return Path(tempfile.mkdtemp(prefix="hubspot-batch-dagster-"))


def cannot(verb: str, where: str, error: Exception) -> StoreError:
    """Return the error for what the file system refuses."""
    why = str(getattr(error, "strerror", None) or error or type(error).__name__).rstrip(".")
    if "://" in where:
        remedy = (
            "Check the URL, the credentials and what they may do there, or give the resource another store=."
        )
    else:
        remedy = (
            "Check that the disk has room and that this user may write there, or give the resource another"
            " store=."
        )
    return StoreError(f"Cannot {verb} {where}: {why}.", remedy=remedy)


def _is_ours(folder: Path) -> bool:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return False
    return not POSIX or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)


def _mode_for(target: Path, base: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return stat.S_IMODE(target.stat().st_mode)
    if target.parent == base:
        return 0o600
    return stat.S_IMODE(target.parent.stat().st_mode) & 0o666
