"""The files of a store in any file system that fsspec knows. One that is away for a while is waited for."""

from __future__ import annotations

import contextlib
import errno
import getpass
import hashlib
import inspect
import io
import os
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.bucket_answers import REMEDY, AnotherAnswered, check_page, watch_s3
from hubspot_batch_dagster.sync.state.files import Files, LocalFiles, Place
from hubspot_batch_dagster.sync.state.patience import REMEDIES, Patience
from hubspot_batch_dagster.sync.state.private_files import cannot, folder_of_this_user, make_folder

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")

_AWAY = re.compile(r"Connect|Timeout|Unavailable|TransportError|ServiceRe(quest|sponse)Error")
"""How the errors of each file system's library are called that say that nobody answers."""

_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"}
"""File systems that have no folders to make, and where an object is there whole or not at all."""

_S3 = ("s3://", "s3a://")
_S3_CLIENT = {"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": 15}

_AWAY_NUMBERS = (
    errno.EBUSY,
    errno.EIO,
    getattr(errno, "EREMOTEIO", errno.EIO),  # s3fs for an InternalError of S3
    errno.ECONNRESET,
    errno.ECONNREFUSED,
    errno.ETIMEDOUT,
    errno.EHOSTUNREACH,
)


def open_files(root: str, *, patience: float) -> tuple[Files, Path]:
    """Return the files of a store, and its folder on this host: the store's own, or one for what belongs to
    this host alone.

    Args:
        root: A folder or a URL.
        patience: Seconds for which a file system that is away is tried again.

    Raises:
        StoreError: The folder cannot be made, or no such file system is installed.
    """
    if "://" not in root or root.startswith("file://"):
        base = Path(os.path.abspath(root.removeprefix("file://")))  # noqa: PTH100 - without following links
        make_folder(base, base=base)
        return LocalFiles(base), base
    try:
        import fsspec

        filesystem, base_url = fsspec.core.url_to_fs(root, **_options(root, fsspec.config.conf))
    except (ImportError, ValueError, OSError) as error:
        raise StoreError(
            f"The store {root} cannot be opened: {str(error).rstrip('.')}.",
            remedy=(
                "Correct the URL, or install the file system that it names: s3fs for s3://, gcsfs for gs://,"
                " adlfs for abfs://."
            ),
        ) from None
    if root.startswith(_S3):
        filesystem.retries = 1
        watch_s3(filesystem)
    mark = hashlib.sha256(f"{getpass.getuser()} {root}".encode()).hexdigest()[:16]
    return RemoteFiles(filesystem, base_url.rstrip("/"), patience=patience), folder_of_this_user(mark)


def _options(root: str, configured: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file system is opened with. What is tried again is decided here: how long is a setting of
    the user's.
    """
    if not root.startswith(_S3):
        return {}
    given = configured.get("s3", {}).get("config_kwargs", {})
    return {"config_kwargs": {**_S3_CLIENT, **given}}


class RemoteFiles(Files):
    """A file system that fsspec knows.

    Each has errors of its own, which fsspec hands on: missing credentials of S3 are no ``OSError``. None may
    be taken for an empty store, which means a first run.

    Args:
        filesystem: Which.
        base: The store's own folder in it.
        patience: Seconds for which it is tried again while it is away.
    """

    local = False

    def __init__(self, filesystem: AbstractFileSystem, base: str, *, patience: float) -> None:
        self._remote: Any = filesystem
        self._base = base
        self._patience = Patience(patience, first=True)
        protocol = filesystem.protocol
        known = {protocol} if isinstance(protocol, str) else {*protocol}
        self._holds_objects = not known.isdisjoint(_OBJECT_STORES)

    @property
    def stop(self) -> Event:
        return self._patience.stop

    @stop.setter
    def stop(self, event: Event) -> None:
        self._patience.stop = event

    def path(self, place: Place) -> str:
        return str(self._remote.unstrip_protocol(self._at(place)))

    def exists(self, place: Place) -> bool:
        def go() -> bool:
            self._remote.invalidate_cache()
            return bool(self._remote.exists(self._at(place)))

        return self._ask("read", place, go) or False

    def names(self, place: Place) -> list[str]:
        at = self._at(place)

        def go() -> list[str]:
            self._remote.invalidate_cache()
            listed = [str(each).rstrip("/") for each in self._remote.ls(at, detail=False)]
            return [each.rsplit("/", 1)[1] for each in listed if each != at]  # a file is listed as itself

        return self._ask("read", place, go) or []

    def folders_with(self, name: str) -> Iterator[list[str]]:
        every = self._ask("read", (), lambda: [str(each) for each in self._remote.find(self._base)])
        for found in every or []:
            folder, _, last = found.removeprefix(self._base).strip("/").rpartition("/")
            if last == name:
                yield folder.split("/")

    @contextlib.contextmanager
    def local_copy(self, place: Place) -> Iterator[Path | None]:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / place[-1]

            def go() -> Path:
                self._remote.get_file(self._at(place), os.fspath(copy))
                with copy.open("rb") as file:
                    check_page(file.read(300), place[-1])
                return copy

            yield self._ask("read", place, go)

    @contextlib.contextmanager
    def opened(self, place: Place) -> Iterator[Any]:
        file = self._ask("read", place, lambda: self._remote.open(self._at(place), "rb"))
        if file is None:
            yield None
            return
        with file:
            yield io.BufferedReader(_Patient(file, partial(self._ask, "read", place)))

    def put(self, written: Path, place: Place) -> str:
        def go() -> None:
            self._make_folder_of(place)
            self._whole(place, partial(self._remote.put_file, os.fspath(written)))

        self._written(place, go)
        written.unlink()
        return self.path(place)

    def write_once(self, place: Place, content: bytes) -> None:
        if self.exists(place):
            return

        def go() -> None:
            self._make_folder_of(place)
            # Of two that do so at once one is the first, where the file system can tell: fsspec before
            # 2024.10 cannot.
            once = "mode" in inspect.signature(self._remote.pipe_file).parameters
            with contextlib.suppress(FileExistsError):
                self._remote.pipe_file(self._at(place), content, **({"mode": "create"} if once else {}))

        self._written(place, go)

    def copy(self, source: Place, target: Place) -> None:
        self._written(target, lambda: self._whole(target, partial(self._remote.cp_file, self._at(source))))

    def delete(self, place: Place) -> None:
        with contextlib.suppress(StoreError):
            self._ask("write", place, lambda: self._remote.rm(self._at(place), recursive=True))

    def _make_folder_of(self, place: Place) -> None:
        if not self._holds_objects:
            self._remote.makedirs(self._at(place[:-1]), exist_ok=True)

    def _whole(self, place: Place, write: Callable[[str], object]) -> None:
        """Write a file so that nobody ever finds a part of it under its name."""
        target = self._at(place)
        if self._holds_objects:
            write(target)
            return
        half = f"{target}.{uuid.uuid4().hex[:16]}.tmp"
        write(half)
        self._remote.mv(half, target)

    def _at(self, place: Place) -> str:
        return "/".join([self._base, *place])

    def _written(self, place: Place, work: Callable[[], T]) -> T:
        """Write; that nothing is there, such as the bucket, is an error too."""
        missing: list[OSError] = []
        done = self._ask("write", place, work, missing)
        if missing:
            raise cannot("write", self.path(place), missing[0])
        return done  # type: ignore[return-value]

    def _ask(
        self, verb: str, place: Place, work: Callable[[], T], missing: list[OSError] | None = None
    ) -> T | None:
        """Do work that may be done twice, again while the file system is away; ``None`` where it says that
        nothing is there.

        Raises:
            StoreError: It is away for longer than ``patience``, or refuses.
        """

        def go() -> T | None:
            try:
                return work()
            except (FileNotFoundError, NotADirectoryError) as error:
                if missing is not None:
                    missing.append(error)
                return None

        where = self.path(place)
        return self._patience.wait_out(
            go,
            (Exception,),
            is_away=is_away,
            refused=lambda error: _refused(verb, where, error),
            gone=lambda error, waited: _gone(verb, where, error, waited),
        )


class _Patient(io.RawIOBase):
    """A file that is read with patience.

    Args:
        file: As the file system opens it.
        ask: Does work again while the file system is away.
    """

    def __init__(self, file: Any, ask: Callable[[Callable[[], Any]], Any]) -> None:
        self._file = file
        self._ask = ask

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: Any, /) -> int:
        at, wanted = self._file.tell(), len(buffer)

        def go() -> bytes:
            self._file.seek(at)
            content = bytes(self._file.read(wanted))
            return content if at else check_page(content, "A file")

        found: bytes = self._ask(go) or b""
        buffer[: len(found)] = found
        return len(found)


def is_away(error: Exception) -> bool:
    """Whether an error of a file system says that it is away, and not that it refuses."""
    if isinstance(error, PermissionError):
        return False
    kinds = (each.__name__ for each in type(error).__mro__)
    return any(_AWAY.search(each) for each in kinds) or getattr(error, "errno", None) in _AWAY_NUMBERS


def _refused(verb: str, where: str, error: Exception) -> StoreError:
    found = cannot(verb, where, error)
    answer = getattr(error.__cause__, "response", None)  # of S3, from which s3fs made the error
    code = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
    return StoreError(found.message, remedy=REMEDIES[code]) if code in REMEDIES else found


def _gone(verb: str, where: str, error: Exception, waited: float) -> StoreError:
    why = str(error).rstrip(".") or type(error).__name__
    return StoreError(
        f"Cannot {verb} {where}: the file system does not answer, and was waited for {waited:.0f} s: {why}.",
        remedy=REMEDY
        if isinstance(error, AnotherAnswered)
        else (
            "Check the URL and the network, then run again: what was sent is in the journal, and the run goes"
            " on from there."
        ),
    )
