"""Names of syncs, and where in a store they live: two names never share a folder, a lock or a journal.

A name is made of parts with ``/`` between them, as an asset key is. Each part is a folder. A part that has
the name of a file of our own is written in another way, so that users' names and our files do not meet.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import time
import uuid
from collections.abc import Iterable
from urllib.parse import quote, unquote

from hubspot_batch_dagster.api.errors import InputError

LONGEST_PART = 180
"""Bytes of one part as a folder's name; file systems take 255, and a file of ours adds to it."""

LONGEST_NAME = 800
"""Bytes of all parts; most file systems take 4,096 for a whole path, the rest is for where the store is."""

_OWN = ("ids.", "ids-", "portal.", "portal-", "in_progress.", "begun.", "journal.", "store.", ".")
"""How the names of our own files begin, in the store's folder and in a sync's."""

_OWN_FILE = re.compile(r"runs(\.parquet)?|open_associations(-\d+)?\.parquet")
"""The others, whole: what only begins like them was always a folder of this name."""


def check_run(run: str) -> str:
    """Refuse what cannot be the id of a run, for its tables lie in a folder of this name; and give it back
    otherwise.

    Raises:
        InputError: It would lead to another folder.
    """
    if (
        not run.strip()
        or run in (".", "..")
        or re.search(r"[/\\\x00-\x1f\x7f]", run)
        or len(run) > LONGEST_PART
    ):
        shown = run if len(run) <= 80 else f"{run[:77]}..."
        raise InputError(
            f"run is {shown!r}, which is the id of no run.",
            remedy=(
                "The run's id is `sync_run` in the metadata of its materialization; the last 10 runs are"
                " kept."
            ),
        )
    return run


def new_run_id() -> str:
    """Make the id of a run: 16 hex digits that sort by time, also where one run follows another within a
    second.
    """
    return f"{time.time_ns() * 65_536 // 10**9:012x}{uuid.uuid4().hex[:4]}"


def check_name(name: str) -> str:
    """Refuse a name that cannot be that of a sync, and give it back otherwise.

    Raises:
        InputError: A part is empty, ``.`` or ``..``, holds a control character, or is too long.
    """
    if not isinstance(name, str):
        raise InputError(
            f"The name of a sync is text, not {type(name).__name__}.", remedy="Give name='...' as text."
        )
    if not name:
        raise InputError("The name of the sync is empty.", remedy="Give the sync a name, such as 'contacts'.")
    parts = name.split("/")
    for part in parts:
        _check_part(part, name)
    if sum(len(_folder(part)) + 1 for part in parts) > LONGEST_NAME:
        raise _refused(name, f"is longer than {LONGEST_NAME} bytes", "Shorten it.")
    return name


def joined_name(parts: Iterable[str]) -> str:
    """Return the name of a sync whose parts are these, such as those of an asset key.

    Raises:
        InputError: A part holds a ``/``: it would be two parts; or as for :func:`check_name`.
    """
    listed = list(parts)
    for part in listed:
        if "/" in part:
            raise _refused(
                "/".join(listed), f"has the part {part!r}, which holds a '/'", "Make it two parts."
            )
    return check_name("/".join(listed))


def check_partition(key: str) -> str:
    """Refuse a partition key that cannot be the last part of a sync's name, and give it back otherwise.

    Raises:
        InputError: As for :func:`joined_name`.
    """
    try:
        return joined_name([key])
    except InputError as error:
        shown = key if len(key) <= 80 else f"{key[:77]}..."
        raise InputError(
            f"The partition {shown!r} has a portal of its own, and so a sync that ends in its key:"
            f" {error.message}",
            remedy="Give the partition another key.",
        ) from None


def rename_command(old: str, new: str) -> str:
    """Return what to type to give a sync another name."""
    return shlex.join(["hubspot-batch-dagster", "rename", old, new])


def name_of_undo(sync: str, run: str) -> str:
    """Return the name of the sync that takes a run of another one back."""
    return f"{sync}/undo/{run}"


def is_of_undo(name: str) -> bool:
    """Whether a name is one of :func:`name_of_undo`; a user's own sync may well be called
    ``undo/something``.
    """
    return re.search(r"/undo/[0-9a-f]{16}$", name) is not None


def folders_of(name: str) -> list[str]:
    """Return the folders of a sync, from the store's own on.

    Raises:
        InputError: As for :func:`check_name`.
    """
    return [_folder(part) for part in check_name(name).split("/")]


def name_of(folders: str) -> str:
    """Return the name of the sync that lives in some folders, joined by ``/``."""
    return "/".join(unquote(part) for part in folders.split("/"))


def file_name_of(name: str) -> str:
    """Return the name of the sync as one name of a file, for its lock; also where the file system does not
    tell capitals apart.

    Raises:
        InputError: As for :func:`check_name`.
    """
    whole = quote(check_name(name), safe="")
    if len(whole) <= LONGEST_PART and not re.search("[A-Z]", name):
        return whole
    # No name holds a NUL, so no quoted name begins like this.
    return "%00" + hashlib.sha256(name.encode()).hexdigest()


def _check_part(part: str, name: str) -> None:
    if not part:
        raise _refused(name, "has an empty part", "Leave out a '/' at its ends or beside another one.")
    if part in (".", ".."):
        raise _refused(name, f"has the part {part!r}", "Give the part a name of its own.")
    if any(ord(each) < 32 or ord(each) == 127 for each in part):
        raise _refused(name, "holds a control character", "Leave it out.")
    try:
        too_long = len(_folder(part)) > LONGEST_PART
    except UnicodeEncodeError:
        raise _refused(name, "holds a character that is none", "Leave it out.") from None
    if too_long:
        raise _refused(name, f"has a part of more than {LONGEST_PART} bytes", "Shorten it.")


def _folder(part: str) -> str:
    """Return a part as the name of a folder. Where it is like the name of a file of ours, its first character
    is written as a number.
    """
    quoted = quote(part, safe="")
    if part.lower().startswith(_OWN) or _OWN_FILE.fullmatch(part.lower()):
        return f"%{ord(quoted[0]):02X}{quoted[1:]}"
    return quoted


def _refused(name: str, why: str, remedy: str) -> InputError:
    shown = name if len(name) <= 80 else f"{name[:77]}..."
    return InputError(f"The name of the sync {shown!r} {why}. Nothing was sent.", remedy=remedy)
