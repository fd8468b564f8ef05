"""Delivery: enough requests in flight to fill the limit, whatever the latency.

One thread reads batches and hands out work; a pool of threads sends it. At most so many batches are
in flight as the limit and the latency ask for, so reading waits for sending.
"""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, Outcomes
from hubspot_batch_dagster.sync.batches.packed_batch import AcceptedBatch, PackedBatch
from hubspot_batch_dagster.sync.delivery.delivered_batch import DeliveredBatch
from hubspot_batch_dagster.sync.delivery.sender import Sender

FEWEST, MOST = 4, 64


@dataclass
class Dispatcher:
    """Delivers the batches of a run.

    Attributes:
        sender: Sends one batch.
        on_outcomes: Called with each batch's outcomes, always in one and the same thread.
        matches: Rows whose record is gone are not created at once: another record may be theirs.
        lost: Intents whose answers were lost; filled while delivering.
        found_rows: Rows whose record was there already when it was to be made; filled while delivering.
        gone_rows: Rows whose record is gone, where ``matches`` says so; filled while delivering.
    """

    sender: Sender
    on_outcomes: Callable[[Outcomes | AcceptedBatch], None]
    matches: bool = False
    lost: list[Intent] = field(default_factory=list)
    found_rows: list[int] = field(default_factory=list)
    gone_rows: list[int] = field(default_factory=list)

    def deliver(self, batches: Iterator[Batch | PackedBatch]) -> None:
        """Send all batches, and what comes of them. Returns when everything in flight has been settled.

        If it is interrupted, what is in flight is awaited and settled before the interruption goes on.

        Raises:
            StoreError: The journal could not be written.
        """
        # An interruption strikes the main thread between any two instructions: a future that was taken from
        # the queue and not yet counted would be waited for for ever, or its records forgotten. So the
        # accounting has a thread of its own.
        stop, interruption = self.sender.requester.stop, None
        alone = ThreadPoolExecutor(1, thread_name_prefix="hubspot-dispatcher")
        try:
            work = alone.submit(self._deliver, batches)
            while not work.done():
                try:
                    wait([work])
                except BaseException as caught:
                    stop.set()
                    interruption = interruption or caught
        except BaseException:
            stop.set()
            raise
        finally:
            alone.shutdown(wait=True)
        work.result()
        if interruption is not None:
            raise interruption

    def _deliver(self, batches: Iterator[Batch | PackedBatch]) -> None:
        stop = self.sender.requester.stop
        in_flight = InFlight(batches, ThreadPoolExecutor(MOST, thread_name_prefix="hubspot"))
        try:
            try:
                while not stop:
                    wanted = self._wanted(in_flight.commit_seconds)
                    group = list(islice(in_flight, max(0, wanted - in_flight.size)))
                    if not group and not in_flight.size:
                        break
                    self._launch(group, in_flight)
                    if in_flight.size:
                        self._collect(in_flight)
            except BaseException:
                stop.set()
                raise
            finally:
                self._drain(in_flight)
        finally:
            in_flight.pool.shutdown(wait=True)

    def _launch(self, group: list[Batch | PackedBatch], in_flight: InFlight) -> None:
        """Make durable what went well since the last time and what is to leave now; then let it leave."""
        accepted, in_flight.accepted = in_flight.accepted, []
        began = time.monotonic()
        ready = self.sender.begin(group, accepted)
        in_flight.note_commit(time.monotonic() - began)
        for batch in ready:
            in_flight.pool.submit(self.sender.deliver, batch).add_done_callback(in_flight.landed.put)
            in_flight.size += 1
        self._tell(accepted)

    def _tell(self, several: Sequence[Outcomes | AcceptedBatch]) -> None:
        """Hand all of them over, whatever is raised for one: they are durable, and the run must know."""
        trouble = None
        for each in several:
            try:
                self.on_outcomes(each)
            except BaseException as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble

    def _drain(self, in_flight: InFlight) -> None:
        """Await and settle everything in flight, whatever goes wrong with some of it."""
        trouble = None
        while in_flight.size:
            try:
                self._take(in_flight.landed.get(), in_flight)
            except BaseException as error:
                trouble = trouble or error
        self._launch([], in_flight)
        if trouble is not None:
            raise trouble

    def _collect(self, in_flight: InFlight) -> None:
        """Wait for a batch to come back, and take all that are there.

        Where nothing limits the rate, wait for half of them: what becomes durable together costs one commit.
        """
        enough = 1 if self.sender.requester.requests_per_second() is not None else in_flight.size // 2
        taken = 0
        while in_flight.size and (taken < enough or not in_flight.landed.empty()):
            self._take(in_flight.landed.get(), in_flight)
            taken += 1

    def _take(self, finished: Future[DeliveredBatch], in_flight: InFlight) -> None:
        in_flight.size -= 1
        try:
            delivery = finished.result()
        except BaseException:
            self.sender.requester.stop.set()
            raise
        if delivery.accepted is not None:
            in_flight.accepted.append(delivery.accepted)
        if delivery.lost is not None:
            self.lost.append(delivery.lost)
        if delivery.again is not None and self.matches:
            self.gone_rows += delivery.again.rows
        elif delivery.again is not None:
            in_flight.again.append(delivery.again.as_new())
        if delivery.stale is not None:
            in_flight.again.append(delivery.stale)
        self.found_rows += delivery.found_rows
        self._tell(delivery.outcomes)

    def _wanted(self, commit_seconds: float) -> int:
        """Batches that must be in flight to use the whole limit at the latency seen so far (Little's law),
        with a third to spare.

        A batch waits for two commits beside its request: the one that lets it leave, and the one under way
        when it lands.
        """
        rate = self.sender.requester.requests_per_second()
        if rate is None:
            return 2 * FEWEST
        seconds = self.sender.requester.tally.latency + 2 * commit_seconds
        return min(MOST, max(FEWEST, math.ceil(rate * seconds * 1.33) + 2))


class InFlight:
    """What is under way: batches still to come, in flight, landed, and to be sent again in another way."""

    def __init__(self, batches: Iterator[Batch | PackedBatch], pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self.landed: queue.SimpleQueue[Future[DeliveredBatch]] = queue.SimpleQueue()
        self.size = 0
        self.again: list[Batch] = []
        self.accepted: list[AcceptedBatch] = []
        self.commit_seconds = 0.0
        self._batches = batches

    def note_commit(self, seconds: float) -> None:
        """Note how long a commit took; the mean follows it slowly."""
        self.commit_seconds += (seconds - self.commit_seconds) / 8

    def __iter__(self) -> Iterator[Batch | PackedBatch]:
        return self

    def __next__(self) -> Batch | PackedBatch:
        return self.again.pop() if self.again else next(self._batches)
