"""The files of a sync of which each generation has its own: the journal says which one counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.files import Files
from hubspot_batch_dagster.sync.state.journal import Journal
from hubspot_batch_dagster.sync.state.names import folders_of

IDS = "ids.parquet"
OPEN_ASSOCIATIONS = "open_associations.parquet"
KEPT_ONCE = {
    IDS: "ids-{}.parquet",
    "portal.json": "portal-{}.json",
    OPEN_ASSOCIATIONS: "open_associations-{}.parquet",
}
"""What is kept once a generation -> how a generation's own is named."""


class KeptOnce:
    """What is kept once a generation.

    Args:
        files: The files of the store.
        journal: Gives its journal, which says which generation of a sync counts.
    """

    def __init__(self, files: Files, journal: Callable[[], Journal]) -> None:
        self._files = files
        self._journal = journal

    def current(self, sync: str, name: str) -> str:
        """The file that counts of those that are kept once a generation; of a store of the first version the only one."""
        line = self._journal().generation(sync)
        if line is None or line.current is None:
            return name
        if name == IDS:
            current = KEPT_ONCE[IDS].format(line.current)
            if not self._files.exists((*folders_of(sync), current)):
                raise StoreError(
                    f"The ids table {self._files.path((*folders_of(sync), current))} is gone, though the journal knows that it was written.",
                    remedy="Restore the store. If it is lost, adopt the records from the portal.",
                )
            return current
        counted = [n for n in self._files.numbered(folders_of(sync), KEPT_ONCE[name]) if n <= line.current]
        return KEPT_ONCE[name].format(max(counted)) if counted else name

    def publish(self, sync: str) -> None:
        """Copy what counts to the names that readers know. A later run may do the same meanwhile, and then its own counts."""
        for _ in range(10):
            line = self._journal().generation(sync)
            if line is None or line.current is None:
                return
            for name in KEPT_ONCE:
                source = self.current(sync, name)
                if source != name:
                    self._files.copy((*folders_of(sync), source), (*folders_of(sync), name))
            now = self._journal().generation(sync)
            if now is not None and now.current == line.current:
                return

    def forget_old(self, sync: str, generation: int) -> None:
        """Delete the files of the generations before one, but for the last of them: who opened that may still read it."""
        for name, pattern in KEPT_ONCE.items():
            for old in sorted(
                n for n in self._files.numbered(folders_of(sync), KEPT_ONCE[name]) if n < generation
            )[:-1]:
                self._files.delete((*folders_of(sync), pattern.format(old)))


def is_store(root: str) -> bool:
    """Whether a store is there: looking makes none. What lies elsewhere is taken for one."""
    folder = root.removeprefix("file://")
    if "://" in folder:
        return True
    own = ("store.json", "journal.db", *("*/" * depth + IDS for depth in range(1, 5)))
    return any(next(Path(folder).glob(each), None) is not None for each in own)
