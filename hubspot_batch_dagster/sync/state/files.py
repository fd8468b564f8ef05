"""The files of a store, and a folder of this host as such."""

from __future__ import annotations

import contextlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from hubspot_batch_dagster.sync.state.private_files import (
    cannot,
    check_inside,
    delete_folder,
    link_file,
    make_folder,
    replace_file,
    write_once,
)

Place = Sequence[str]
"""A file or folder of the store, by the names that lead to it from the store's own folder."""


class Files(ABC):
    """The files of a store. What cannot be read or written is a ``StoreError``."""

    local: bool
    stop: Event
    """Set when the run is to stop: then a file system that is away is not waited for long."""

    @abstractmethod
    def path(self, place: Place) -> str:
        """Its path or URL."""

    @abstractmethod
    def exists(self, place: Place) -> bool:
        """Whether it is there."""

    @abstractmethod
    def names(self, place: Place) -> list[str]:
        """Return what is in a folder; nothing where there is none."""

    @abstractmethod
    def folders_with(self, name: str) -> Iterator[list[str]]:
        """Yield the folders, below the store's own, that hold a file of this name."""

    @abstractmethod
    def local_copy(self, place: Place) -> contextlib.AbstractContextManager[Path | None]:
        """Return the file as one of this host; ``None`` where there is none."""

    @abstractmethod
    def opened(self, place: Place) -> contextlib.AbstractContextManager[Any]:
        """Return the file, opened to read some of its bytes; ``None`` where there is none."""

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
        """Return the numbers of the files in a folder whose names have one in the place of ``{}``."""
        return numbers_in(self.names(place), name)

    def read(self, place: Place) -> bytes | None:
        """Return the bytes of a small file."""
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


def numbers_in(names: Iterable[str], name: str) -> list[int]:
    """Return the numbers of those names that have one in the place of ``{}``."""
    pattern = re.compile(re.escape(name).replace(r"\{\}", r"(\d+)"))
    found = (pattern.fullmatch(each) for each in names)
    return [int(each[1]) for each in found if each is not None]


class LocalFiles(Files):
    """A folder of this host. Nothing outside it is written or deleted, and no symbolic link in it is
    followed.
    """

    local = True

    def __init__(self, base: Path) -> None:
        self._base = base
        self.stop = Event()

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
            file = self._base.joinpath(*place).open("rb")
        except FileNotFoundError:
            yield None
            return
        except OSError as error:
            raise cannot("read", self.path(place), error) from None
        with file:
            yield file

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
