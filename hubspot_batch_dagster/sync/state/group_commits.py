"""Commits in groups: whichever thread gets the writer commits for all that wait, so a slow place costs
latency and not throughput.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hubspot_batch_dagster.api.errors import Overtaken, StoreError

W = TypeVar("W")
T = TypeVar("T")


@dataclass
class _Waiting(Generic[W, T]):
    sync: str
    run: str
    work: W
    testimony: Sequence[T] = ()
    done: bool = False
    error: BaseException | None = field(default=None, repr=False)


class GroupCommits(Generic[W, T]):
    """Commits of many threads, each group of one run of one sync.

    Args:
        write: Commits what several threads want written for a run: all or nothing.
        testify: Keeps what an overtaken run heard.

    Attributes:
        writer: Hold it around what must not come between others' commits.
        waiting: Who waits.
    """

    def __init__(
        self, write: Callable[[str, str, list[W]], None], testify: Callable[[str, Sequence[T]], None]
    ) -> None:
        self.writer = threading.RLock()
        self.waiting: list[_Waiting[W, T]] = []
        self._mutex = threading.Lock()
        self._write = write
        self._testify = testify

    def commit(self, sync: str, run: str, work: W, testimony: Sequence[T] = ()) -> None:
        """Have something written for a run, together with what all others want written.

        Raises:
            Overtaken: A later run has begun; nothing but ``testimony`` was kept.
            StoreError: It could not be written.
        """
        mine = _Waiting(sync, run, work, testimony)
        with self._mutex:
            self.waiting.append(mine)
        with self.writer:
            if not mine.done:
                with self._mutex:
                    waiting, self.waiting = self.waiting, []
                for of in dict.fromkeys((each.sync, each.run) for each in waiting):
                    self._commit_group([each for each in waiting if (each.sync, each.run) == of], *of)
        if mine.error is not None:
            raise mine.error

    def _commit_group(self, group: list[_Waiting[W, T]], sync: str, run: str) -> None:
        try:
            self._write(sync, run, [each.work for each in group])
        except BaseException as error:
            for each in group:
                each.error = error
            if isinstance(error, Overtaken):
                self._testify(run, [line for each in group for line in each.testimony])
            elif not isinstance(error, StoreError):
                raise
        finally:
            for each in group:
                each.done = True
