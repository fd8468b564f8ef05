"""The sums of a store's files, without which one byte that a disk gives back wrongly would be another
record's id.

The journal keeps those of the ids table that counts and of its open associations; each run's tables have
theirs beside them.
"""

from __future__ import annotations

import json
from pathlib import Path

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.batches.seals import check_seal, seal_of, sealed_json, unbroken
from hubspot_batch_dagster.sync.state.files import Files
from hubspot_batch_dagster.sync.state.names import folders_of

SUMS = "sums.json"
"""The sums of the tables of a run, beside them."""

_IDS = "Restore the file, or move it away and run with adopt_existing=True: the ids are read from the portal."
_ASSOCIATIONS = (
    "Restore the file, or move it and its copy open_associations.parquet away and run with full_refresh=True:"
    " all associations are written again."
)
_RUN = "Restore the file. It is needed by revert, rejected, ids and reconcile alone."


class FileSums:
    """The sums of what is put into a store.

    Args:
        files: The files of the store.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._of_runs = dict[tuple[str, str], dict[str, str]]()
        self._of_associations = dict[tuple[str, int], str]()

    def note_table(self, sync: str, run: str, name: str, written: Path) -> None:
        """Remember the sum of a table of a run until the run ends."""
        self._of_runs.setdefault((sync, run), {})[name] = seal_of(written)

    def note_associations(self, sync: str, generation: int, written: Path) -> None:
        """Remember the sum of a generation's open associations until the generation counts."""
        self._of_associations[sync, generation] = seal_of(written)

    def keep(self, sync: str, run: str) -> None:
        """Write down the sums of a run's tables, which is at its end."""
        sums = self._of_runs.pop((sync, run), {})
        if sums:
            self._files.write_once((*folders_of(sync), "runs", run, SUMS), sealed_json(sums).encode())

    def of_generation(self, sync: str, generation: int, ids: Path) -> str:
        """Return the sums that the journal keeps of a generation: of its ids table and, after a blank, of its
        open associations.
        """
        return f"{seal_of(ids)} {self._of_associations.pop((sync, generation), '')}".rstrip()

    def check_table(self, sync: str, run: str, name: str, path: Path) -> None:
        """Refuse a table of a run that is not as it was written. One of an earlier version, or of a killed
        run, has no sum.

        Raises:
            StoreError: It is damaged.
        """
        place = (*folders_of(sync), "runs", run, SUMS)
        found = self._files.read(place)
        try:
            sums = {} if found is None else dict(json.loads(unbroken(found)))
        except (ValueError, TypeError):
            raise StoreError(f"The file {self._files.path(place)} is damaged.", remedy=_RUN) from None
        check_seal(path, sums.get(name, ""), _RUN)


def check_ids(path: Path, seal: str) -> None:
    """Refuse an ids table that is not what the journal has the sum of.

    Raises:
        StoreError: It is damaged.
    """
    check_seal(path, seal.partition(" ")[0], _IDS)


def check_associations(path: Path, seal: str) -> None:
    """Do the same for the open associations of its generation."""
    check_seal(path, seal.partition(" ")[2], _ASSOCIATIONS)


def with_ids(seal: str, ids: str) -> str:
    """Return the sums of a generation with another one of its ids table."""
    return f"{ids} {seal.partition(' ')[2]}".rstrip()
