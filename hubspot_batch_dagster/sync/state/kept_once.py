"""What a store keeps of a sync once a run. The file of each run has a name of its own, so that a run that was
overtaken has nothing to replace; the closing append to the journal says whose counts, and the names that
readers know are copies made afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.files import Files, Place, numbers_in
from hubspot_batch_dagster.sync.state.identity import check_sync
from hubspot_batch_dagster.sync.state.ids_table import FORMERLY_IN_PROGRESS, IN_PROGRESS, described
from hubspot_batch_dagster.sync.state.journal import Journal
from hubspot_batch_dagster.sync.state.names import folders_of

KEEP_RUNS = 10
IDS = "ids.parquet"
RUNS = "runs.parquet"
OPEN_ASSOCIATIONS = "open_associations.parquet"
KEPT_ONCE = {
    IDS: "ids-{}.parquet",
    "portal.json": "portal-{}.json",
    OPEN_ASSOCIATIONS: "open_associations-{}.parquet",
    RUNS: "journal.runs-{}.parquet",
}
"""What is kept once a generation -> how a generation's own is named."""

ORDER = re.compile(r"in_progress\.order-(\d+)(?:-([0-9a-f]{8}))?\.parquet")
"""How new the rows of a run are, until its ids table says it: generation and sum; one of an earlier version
has no sum.
"""


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
        """Return the file that counts of those that are kept once a generation; of a store of the first
        version the only one.

        Raises:
            StoreError: The ids table is gone, though the journal knows that it was written.
        """
        line, folder = self._journal().generation(sync), folders_of(sync)
        counts = None if line is None else line.history if name == RUNS else line.current
        if name not in KEPT_ONCE or counts is None:
            return name
        current = KEPT_ONCE[name].format(counts)
        if name == RUNS:
            return current
        if name == IDS:
            if not self._files.exists((*folder, current)):
                raise StoreError(
                    f"The ids table {self._files.path((*folder, current))} is gone, though the journal knows"
                    " that it was written.",
                    remedy="Restore the store. If it is lost, adopt the records from the portal.",
                )
            return current
        counted = [n for n in self._files.numbered(folder, KEPT_ONCE[name]) if n <= counts]
        return KEPT_ONCE[name].format(max(counted)) if counted else name

    def publish(self, sync: str) -> None:
        """Copy what counts to the names that readers know. A later run may do the same meanwhile, and then
        its own counts.
        """
        folder = folders_of(sync)
        for _ in range(10):
            before = self._counting(sync)
            if before == (None, None):
                return
            try:
                for name in KEPT_ONCE:
                    source = self.current(sync, name)
                    if source != name and (name != RUNS or self._files.exists((*folder, source))):
                        self._files.copy((*folder, source), (*folder, name))
            except StoreError:  # a later run has ended, and has deleted what counted before
                if self._counting(sync) == before:
                    raise
            if self._counting(sync) == before:
                return

    def _counting(self, sync: str) -> tuple[int | None, int | None]:
        line = self._journal().generation(sync)
        return (None, None) if line is None else (line.current, line.history)

    def runs(self, sync: str, run: str) -> list[str]:
        """Return the runs whose tables are kept, this one among them."""
        there = sorted(self._files.names((*folders_of(sync), "runs")))
        return sorted({*there[-KEEP_RUNS:], *({run} & {*there})})

    def needless(
        self, sync: str, *, generation: int, number: int, kept: list[str], whole: bool
    ) -> list[Place]:
        """Return what nobody needs once a run has ended. It is listed before the run's closing append: no
        file of a later run is there yet.

        Args:
            sync: Whose.
            generation: That of the ids table that counts from then on.
            number: That of the run.
            kept: The runs whose tables are kept.
            whole: The ids table holds all that the journal knows.
        """
        folder = folders_of(sync)
        there = self._files.names(folder)
        found: list[Place] = []
        for name, pattern in KEPT_ONCE.items():
            latest = number if name == RUNS else generation
            # Who opened the one before this may still read it.
            old = sorted(n for n in numbers_in(there, pattern) if n < latest)[:-1]
            found += [(*folder, pattern.format(n)) for n in old]
        if whole:
            marks = [(IN_PROGRESS.format(n), n) for n in numbers_in(there, IN_PROGRESS)]
            orders = [(each[0], int(each[1])) for each in map(ORDER.fullmatch, there) if each]
            found += [(*folder, name) for name, n in marks + orders if n <= number]
        runs = self._files.names((*folder, "runs"))
        return found + [
            (*folder, "runs", each) for each in runs if kept and each not in kept and each < max(kept)
        ]


def mark_of_first_run(files: Files, sync: str) -> str | None:
    """Return the file that says what the keys of a first run are that has not come to its end: that of the
    latest run.
    """
    folder = folders_of(sync)
    numbers = files.numbered(folder, IN_PROGRESS)
    if numbers:
        return IN_PROGRESS.format(max(numbers))
    return next((each for each in FORMERLY_IN_PROGRESS if files.exists((*folder, each))), None)


def generation_in_progress(files: Files, sync: str) -> int:
    """Return the latest run that has left a mark of its begin and did not come to its end; 0 for none."""
    return max(files.numbered(folders_of(sync), IN_PROGRESS), default=0)


def check_first_run(files: Files, sync: str) -> None:
    """Refuse a folder in which a first run of another sync did not come to its end.

    Raises:
        InputError: With both names.
    """
    name = mark_of_first_run(files, sync)
    if name is not None:
        place = (*folders_of(sync), name)
        with files.opened(place) as file:
            said = {} if file is None else described(Path(files.path(place)), file)
        check_sync(f"The folder of {sync!r}", str(said.get("sync", "")), sync)


def is_mark_of_first_run(name: str) -> bool:
    """Whether a file may be one of :func:`mark_of_first_run`."""
    before, after = IN_PROGRESS.split("{}")
    return name in FORMERLY_IN_PROGRESS or (name.startswith(before) and name.endswith(after))


def is_store(root: str) -> bool:
    """Whether a store is there: looking makes none. What lies elsewhere is taken for one."""
    folder = root.removeprefix("file://")
    if "://" in folder:
        return True
    own = ("store.json", "journal.db", *("*/" * depth + IDS for depth in range(1, 5)))
    return any(next(Path(folder).glob(each), None) is not None for each in own)
