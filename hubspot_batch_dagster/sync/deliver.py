"""Delivery: enough requests in flight to fill the limit, whatever the latency.

One thread reads batches and hands out work; a pool of threads sends it. At most so many batches are
in flight as the limit and the latency ask for, so reading waits for sending.
"""

from __future__ import annotations

import math
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeVar

from hubspot_batch_dagster.sync.batch import Batch
from hubspot_batch_dagster.sync.journal import Intent, Outcomes
from hubspot_batch_dagster.sync.send import Delivery, Sender

FEWEST, MOST = 4, 64

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(work: Callable[[T], R], items: Iterable[T], width: int = 16) -> Iterator[R]:
    """Do work on items in threads, ``width`` at a time, and give the results in the order of the items."""
    with ThreadPoolExecutor(width, thread_name_prefix="hubspot") as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= width:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


@dataclass
class Courier:
    """Delivers the batches of a run.

    Attributes:
        sender: Sends one batch.
        on_outcomes: Called with each batch's outcomes, always in one and the same thread.
        as_new: Turns rows whose record is gone into rows to create.
        lost: Intents whose answers were lost; filled while delivering.
    """

    sender: Sender
    on_outcomes: Callable[[Outcomes], None]
    as_new: Callable[[Batch], Batch]
    lost: list[Intent] = field(default_factory=list)

    def deliver(self, batches: Iterator[Batch]) -> None:
        """Send all batches, and what comes of them. Returns when everything in flight has been settled.

        If it is interrupted, what is in flight is awaited and settled before the interruption goes on.

        Raises:
            StoreError: The journal could not be written.
        """
        # An interruption strikes the main thread between any two instructions: a future that was taken from the queue and
        # not yet counted would be waited for for ever, or its records forgotten. So the accounting has a thread of its own.
        halt, interruption = self.sender.wire.halt, None
        alone = ThreadPoolExecutor(1, thread_name_prefix="hubspot-courier")
        try:
            work = alone.submit(self._deliver, batches)
            while not work.done():
                try:
                    wait([work])
                except BaseException as caught:
                    halt.now()
                    interruption = interruption or caught
        except BaseException:
            halt.now()
            raise
        finally:
            alone.shutdown(wait=True)
        work.result()
        if interruption is not None:
            raise interruption

    def _deliver(self, batches: Iterator[Batch]) -> None:
        halt = self.sender.wire.halt
        done: queue.SimpleQueue[Future[Delivery]] = queue.SimpleQueue()
        in_flight = 0
        again: list[Batch] = []
        pool = ThreadPoolExecutor(MOST, thread_name_prefix="hubspot")
        try:
            try:
                while not halt:
                    batch = again.pop() if again else next(batches, None)
                    if batch is None and not in_flight:
                        break
                    if batch is not None:
                        pool.submit(self.sender.deliver, batch).add_done_callback(done.put)
                        in_flight += 1
                    while in_flight and (batch is None or in_flight >= self._wanted()):
                        finished = done.get()
                        in_flight -= 1
                        again += self._take(finished)
                        if again:
                            break
            except BaseException:
                halt.now()
                raise
            finally:
                while in_flight:
                    finished = done.get()
                    in_flight -= 1
                    self._take(finished)
        finally:
            pool.shutdown(wait=True)

    def _take(self, finished: Future[Delivery]) -> list[Batch]:
        try:
            delivery = finished.result()
        except BaseException:
            self.sender.wire.halt.now()
            raise
        for outcomes in delivery.outcomes:
            self.on_outcomes(outcomes)
        if delivery.lost is not None:
            self.lost.append(delivery.lost)
        again = [self.as_new(delivery.again)] if delivery.again is not None else []
        return again if delivery.stale is None else [*again, delivery.stale]

    def _wanted(self) -> int:
        """Batches that must be in flight to use the whole limit at the latency seen so far (Little's law), with a third to spare."""
        rate = self.sender.wire.requests_per_second()
        if rate is None:
            return 2 * FEWEST
        return min(MOST, max(FEWEST, math.ceil(rate * self.sender.wire.tally.latency * 1.33) + 2))
