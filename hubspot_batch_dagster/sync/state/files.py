"""The files of a store: a folder of this host, or any file system that fsspec knows."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import re
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.private_files import (
    cannot,
    check_inside,
    delete_folder,
    folder_of_this_user,
    link_file,
    make_folder,
    replace_file,
    write_once,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Place = Sequence[str]
"""A file or folder of the store, by the names that lead to it from the store's own folder."""


class Files(ABC):
    """The files of a store. What cannot be read or written is a ``StoreError``."""

    local: bool

    @abstractmethod
    def path(self, place: Place) -> str:
        """Its path or URL."""

    @abstractmethod
    def exists(self, place: Place) -> bool:
        """Whether it is there."""

    @abstractmethod
    def names(self, place: Place) -> list[str]:
        """What is in a folder; nothing where there is none."""

    @abstractmethod
    def folders_with(self, name: str) -> Iterator[list[str]]:
        """The folders, below the store's own, that hold a file of this name."""

    @abstractmethod
    def local_copy(self, place: Place) -> contextlib.AbstractContextManager[Path | None]:
        """The file as one of this host; ``None`` where there is none."""

    @abstractmethod
    def opened(self, place: Place) -> contextlib.AbstractContextManager[Any]:
        """The file, opened to read some of its bytes; ``None`` where there is none."""

    @abstractmethod
    def put(self, written: Path, place: Place) -> str:
        """Move a file of this host here, atomically; returns its path or URL."""

    @abstractmethod
    def copy(self, source: Place, target: Place) -> None:
        """Copy a file, atomically."""

    @abstractmethod
    def delete(self, place: Place) -> None:
        """Delete a file, or a folder with all that is in it; what cannot be deleted stays."""

    def numbered(self, place: Place, name: str) -> list[int]:
        """The numbers of the files in a folder whose names have one in the place of ``{}``."""
        pattern = re.compile(re.escape(name).replace(r"\{\}", r"(\d+)"))
        found = (pattern.fullmatch(each) for each in self.names(place))
        return [int(each[1]) for each in found if each is not None]

    def read(self, place: Place) -> bytes | None:
        """The bytes of a small file."""
        with self.local_copy(place) as path:
            try:
                return None if path is None else path.read_bytes()
            except OSError as error:
                raise cannot("read", self.path(place), error) from None

    @abstractmethod
    def write_once(self, place: Place, content: bytes) -> None:
        """Write a small file unless it is there."""

    def probe(self, probe: Path, place: Place) -> None:
        """Write a small file, and delete it."""
        try:
            probe.write_bytes(b"\0" * 4096)
        except OSError as error:
            raise cannot("write", str(probe), error) from None
        self.put(probe, place)
        self.delete(place)


def open_files(root: str) -> tuple[Files, Path]:
    """The files of a store, and its folder on this host: the store's own, or one for what belongs to this host alone.

    Raises:
        StoreError: The folder cannot be made, or no such file system is installed.
    """
    if "://" not in root or root.startswith("file://"):
        base = Path(os.path.abspath(root.removeprefix("file://")))  # noqa: PTH100 - without following links
        make_folder(base, base=base)
        return LocalFiles(base), base
    try:
        import fsspec

        filesystem, base_url = fsspec.core.url_to_fs(root)
    except (ImportError, ValueError, OSError) as error:
        raise StoreError(
            f"The store {root} cannot be opened: {str(error).rstrip('.')}.",
            remedy="Correct the URL, or install the file system that it names: s3fs for s3://, gcsfs for gs://, adlfs for abfs://.",
        ) from None
    mark = hashlib.sha256(f"{getpass.getuser()} {root}".encode()).hexdigest()[:16]
    return RemoteFiles(filesystem, base_url.rstrip("/")), folder_of_this_user(mark)


class LocalFiles(Files):
    """A folder of this host. Nothing outside it is written or deleted, and no symbolic link in it is followed."""

    local = True

    def __init__(self, base: Path) -> None:
        self._base = base

    def path(self, place: Place) -> str:
        return os.fspath(self._base.joinpath(*place))

    def exists(self, place: Place) -> bool:
        return self._base.joinpath(*place).exists()

    def names(self, place: Place) -> list[str]:
        try:
            return [each.name for each in self._base.joinpath(*place).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:  # what cannot be listed is not empty: nothing there means a first run
            raise cannot("read", self.path(place), error) from None

    def folders_with(self, name: str) -> Iterator[list[str]]:
        for found in self._base.rglob(name):
            yield list(found.parent.relative_to(self._base).parts)

    @contextlib.contextmanager
    def local_copy(self, place: Place) -> Iterator[Path | None]:
        path = self._base.joinpath(*place)
        yield path if path.exists() else None

    @contextlib.contextmanager
    def opened(self, place: Place) -> Iterator[Any]:
        try:
            with self._base.joinpath(*place).open("rb") as file:
                yield file
        except FileNotFoundError:
            yield None

    def put(self, written: Path, place: Place) -> str:
        target = self._base.joinpath(*place)
        try:
            replace_file(written, target, base=self._base)
        except OSError as error:
            raise cannot("write", str(target), error) from None
        return str(target)

    def write_once(self, place: Place, content: bytes) -> None:
        target = self._base.joinpath(*place)
        try:
            write_once(target, content, base=self._base)
        except OSError as error:
            raise cannot("write", str(target), error) from None

    def copy(self, source: Place, target: Place) -> None:
        make_folder(self._base.joinpath(*target).parent, base=self._base)
        try:
            link_file(self._base.joinpath(*source), self._base.joinpath(*target), base=self._base)
        except OSError as error:
            raise cannot("write", self.path(target), error) from None

    def delete(self, place: Place) -> None:
        path = self._base.joinpath(*place)
        check_inside(path.parent, base=self._base)
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                delete_folder(path, base=self._base)
            else:
                path.unlink(missing_ok=True)


class RemoteFiles(Files):
    """A file system that fsspec knows."""

    local = False

    def __init__(self, filesystem: AbstractFileSystem, base: str) -> None:
        self._remote: Any = filesystem
        self._base = base

    def path(self, place: Place) -> str:
        return str(self._remote.unstrip_protocol(self._at(place)))

    def _at(self, place: Place) -> str:
        return "/".join([self._base, *place])

    @contextlib.contextmanager
    def _asked(self, verb: str, place: Place) -> Iterator[None]:
        """Tell what the file system does not do as a ``StoreError``. That nothing is there goes on as it is.

        Each file system has errors of its own, which fsspec hands on: missing credentials of S3 are no ``OSError``. None may be
        taken for an empty store, which means a first run.
        """
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:
            raise cannot(verb, self.path(place), error) from None

    def exists(self, place: Place) -> bool:
        with contextlib.suppress(FileNotFoundError), self._asked("read", place):
            self._remote.invalidate_cache()
            return bool(self._remote.exists(self._at(place)))
        return False

    def names(self, place: Place) -> list[str]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._asked("read", place):
            self._remote.invalidate_cache()
            at = self._at(place)
            listed = [str(each).rstrip("/") for each in self._remote.ls(at, detail=False)]
            return [each.rsplit("/", 1)[1] for each in listed if each != at]  # a file is listed as itself
        return []

    def folders_with(self, name: str) -> Iterator[list[str]]:
        with self._asked("read", ()):
            every = self._remote.find(self._base)
        for found in every:
            folder, _, last = str(found).removeprefix(self._base).strip("/").rpartition("/")
            if last == name:
                yield folder.split("/")

    @contextlib.contextmanager
    def local_copy(self, place: Place) -> Iterator[Path | None]:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / place[-1]
            try:
                with self._asked("read", place):
                    self._remote.get_file(self._at(place), os.fspath(copy))
            except FileNotFoundError:
                yield None
                return
            yield copy

    @contextlib.contextmanager
    def opened(self, place: Place) -> Iterator[Any]:
        try:
            with self._asked("read", place):
                file = self._remote.open(self._at(place), "rb")
        except FileNotFoundError:
            yield None
            return
        with file:
            yield file

    def put(self, written: Path, place: Place) -> str:
        target = self._at(place)
        with self._written(place):
            self._remote.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
            half = f"{target}.{uuid.uuid4().hex[:16]}.tmp"
            self._remote.put_file(os.fspath(written), half)
            self._remote.mv(half, target)
            written.unlink()
        return self.path(place)

    def write_once(self, place: Place, content: bytes) -> None:
        if self.exists(place):
            return
        with self._written(place):
            self._remote.makedirs(self._at(place).rsplit("/", 1)[0], exist_ok=True)
            self._remote.pipe_file(self._at(place), content)

    def copy(self, source: Place, target: Place) -> None:
        with self._written(target):
            half = f"{self._at(target)}.{uuid.uuid4().hex[:16]}.tmp"
            self._remote.cp_file(self._at(source), half)
            self._remote.mv(half, self._at(target))

    def delete(self, place: Place) -> None:
        with contextlib.suppress(OSError, StoreError), self._asked("write", place):
            self._remote.rm(self._at(place), recursive=True)

    @contextlib.contextmanager
    def _written(self, place: Place) -> Iterator[None]:
        """Tell what cannot be written as a ``StoreError``, a missing bucket too."""
        try:
            with self._asked("write", place):
                yield
        except FileNotFoundError as error:
            raise cannot("write", self.path(place), error) from None
