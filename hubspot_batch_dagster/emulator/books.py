"""The books: every request that arrived and every change that was made, so that a test can count."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple


class RequestEntry(NamedTuple):
    """One request.

    Attributes:
        n: Its number, from 1.
        time: When it arrived, in seconds since 1970 by the portal's clock.
        arrived: The same moment by a steady clock: what the rate limit counts by.
        status: The status that was sent; 0 if nothing was sent.
        inputs: How many inputs the body had.
        trace_ids: The `objectWriteTraceId` values, in the order of the inputs.
        committed: Ids of the records it created, changed or archived.
        fault: The fault that was played, if any.
        seconds: How long the emulator worked on it; latency and other waits are not in it.
    """

    n: int
    time: float
    arrived: float
    method: str
    path: str
    operation: str
    object_type: str
    version: str
    status: int
    inputs: int
    trace_ids: tuple[str, ...]
    committed: tuple[str, ...]
    fault: str | None
    seconds: float


class Commit(NamedTuple):
    """One change.

    Attributes:
        kind: `created`, `updated`, `archived`, `purged`, `merged`, `seeded` (put there by a test),
            `associated`, `dissociated`. A merge is noted with the record that is left.
        properties: All the record's properties after the change; for associations the two ends and the type.
        request: Number of the request that made it; 0 for a seeded record.
    """

    record_id: str
    object_type: str
    kind: str
    trace_id: str | None
    properties: Mapping[str, Any]
    time: float
    request: int


class BooksIncomplete(RuntimeError):
    """The books have dropped entries that a question needs."""

    def __init__(self, dropped: int, limit: int) -> None:
        super().__init__(
            f"The books keep {limit} entries, and {dropped} older ones are gone."
            " Raise max_book_entries in the settings, or clear the books between tests."
        )


class Books:
    """Every request and every commit, in order, with the questions tests ask.

    Attributes:
        limit: The most requests, and the most commits, that are kept; then the oldest go.
        dropped: How many have gone.
    """

    def __init__(self, limit: int = 2_000_000) -> None:
        self.limit = limit
        self.dropped = 0
        self._requests: list[RequestEntry] = []
        self._commits: list[Commit] = []

    def __repr__(self) -> str:
        kept = f"requests={len(self._requests)}, commits={len(self._commits)}"
        return f"Books({kept}, dropped={self.dropped})"

    def note_request(self, entry: RequestEntry) -> None:
        """Write down a finished request."""
        if len(self._requests) >= self.limit:
            self._drop(self._requests)
        self._requests.append(entry)

    def note_commit(self, commit: Commit) -> None:
        """Write down a change."""
        if len(self._commits) >= self.limit:
            self._drop(self._commits)
        self._commits.append(commit)

    def _drop(self, entries: list[Any]) -> None:
        """Make room: the oldest quarter goes at once, so that it does not cost every entry."""
        count = max(1, len(entries) - self.limit * 3 // 4)
        del entries[:count]
        self.dropped += count

    def clear(self) -> None:
        """Start new books."""
        self._requests, self._commits, self.dropped = [], [], 0

    def latest_requests(self, count: int) -> list[RequestEntry]:
        """Tell the newest requests, newest last, whatever has gone."""
        return self._requests[-count:]

    def requests(
        self, operation: str | None = None, object_type: str | None = None, status: int | None = None
    ) -> list[RequestEntry]:
        """Return the requests of one operation, object type or status; all of them without arguments."""
        self._refuse_incomplete()
        return [
            entry
            for entry in self._requests[:]
            if (operation is None or entry.operation == operation)
            and (object_type is None or entry.object_type == object_type)
            and (status is None or entry.status == status)
        ]

    def commits(self, kind: str | None = None, object_type: str | None = None) -> list[Commit]:
        """Return the changes of one kind or object type; all of them without arguments."""
        self._refuse_incomplete()
        return [
            commit
            for commit in self._commits[:]
            if (kind is None or commit.kind == kind)
            and (object_type is None or commit.object_type == object_type)
        ]

    def records(self, object_type: str) -> dict[str, Mapping[str, Any]]:
        """Return the records that live now: id to properties, as the commits left them."""
        living: dict[str, Mapping[str, Any]] = {}
        for commit in self.commits(object_type=object_type):
            if commit.kind in ("archived", "purged"):
                living.pop(commit.record_id, None)
            elif commit.kind in ("created", "updated", "seeded", "merged"):
                if commit.kind == "merged":
                    for old_id in commit.properties["hs_merged_object_ids"].split(";"):
                        living.pop(old_id, None)
                living[commit.record_id] = commit.properties
        return living

    def created_count(self, object_type: str | None = None) -> int:
        """How many records requests have created."""
        return len(self.commits("created", object_type))

    def duplicates(self, object_type: str, property_name: str) -> dict[str, list[str]]:
        """Values of a property that more than one living record has, with the records' ids."""
        holders: dict[str, list[str]] = defaultdict(list)
        for record_id, properties in self.records(object_type).items():
            value = properties.get(property_name)
            if value not in (None, ""):
                holders[str(value)].append(record_id)
        return {value: ids for value, ids in holders.items() if len(ids) > 1}

    def trace_ids_committed_twice(self) -> dict[str, int]:
        """Trace ids under which more than one record was created, with the number of records."""
        counts = Counter(commit.trace_id for commit in self.commits("created") if commit.trace_id is not None)
        return {trace_id: count for trace_id, count in counts.items() if count > 1}

    @property
    def refused(self) -> int:
        """How many requests got a 429."""
        return len(self.requests(status=429))

    def max_in_window(self, seconds: float = 10.0, *, with_refused: bool = False) -> int:
        """Return the most requests that arrived in any rolling window.

        Args:
            seconds: Length of the window; a request exactly this much later is outside it.
            with_refused: Count those answered 429 too.
        """
        times = sorted(entry.arrived for entry in self.requests() if with_refused or entry.status != 429)
        most = first = 0
        for last, moment in enumerate(times):
            while times[first] <= moment - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def _refuse_incomplete(self) -> None:
        if self.dropped:
            raise BooksIncomplete(self.dropped, self.limit)

    def as_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "requests": [entry._asdict() for entry in self.requests()],
            "commits": [commit._asdict() for commit in self.commits()],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Books:
        """Books from what `as_json` gave."""
        books = cls()
        for entry in values["requests"]:
            pairs = {"trace_ids": tuple(entry["trace_ids"]), "committed": tuple(entry["committed"])}
            books.note_request(RequestEntry(**{**entry, **pairs}))
        for commit in values["commits"]:
            books.note_commit(Commit(**commit))
        return books
