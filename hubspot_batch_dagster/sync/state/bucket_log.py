"""The log of one sync in a bucket: numbered objects, each made once.

An append makes the object with the next number. Who finds it taken is not the latest run any more: between
two appends of one run only a later run's *begin* can have been made. So each begin is also the seal on the
run before it, and is never deleted: a number that is free again would not fence. All else goes once a
*snapshot* holds what it came to.

A put that is answered "exists", or not at all, is read back before it is judged: an entry with our own nonce
is success; nothing there is tried again, for a put of the same bytes may be repeated; an entry of somebody
else fences.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pydantic_core

from hubspot_batch_dagster.api.errors import StoreError
from hubspot_batch_dagster.sync.state.bucket import Bucket
from hubspot_batch_dagster.sync.state.journal import Generation

Op = Mapping[str, Any]
"""One thing that an entry says: ``op`` is its kind."""

_DIGITS = 12
_HEAD = "head"
"""A hint from where to read: the number of the last snapshot. An old one only costs reading."""
_AT_ONCE = 256
"""Entries that are read and held at a time."""
_TRIES = 50
"""How often something is read anew because somebody else writes or deletes at the same moment."""


class Taken(Exception):
    """Somebody else's entry has the number: a later run has begun."""


@dataclass
class SyncState:
    """What the entries of a sync come to.

    Attributes:
        latest: The latest run; ``None`` before the first, and after the sync got another name.
        number: Of the last run that began, whatever became of the sync's name.
        name: The sync's.
        intents: Open intents: id -> action, moment, rows.
        settled: For each batch of outcomes the number of the entry that holds it.
        kept: Outcomes that a snapshot took over.
        respelt: Entry -> former key -> key, for the outcomes before it.
        images: Before-images: run and object.
        seals: Entries that are never deleted.
    """

    latest: Generation | None = None
    number: int = 0
    name: str = ""
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    settled: list[int] = field(default_factory=list)
    kept: list[Op] = field(default_factory=list)
    respelt: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    images: list[tuple[str, str]] = field(default_factory=list)
    seals: list[int] = field(default_factory=list)

    def snapshot(self) -> dict[str, Any]:
        """All of it, where no outcomes are left in entries."""
        latest = None if self.latest is None else vars(self.latest)
        return {
            "op": "snapshot",
            "latest": latest,
            "number": self.number,
            "name": self.name,
            "intents": self.intents,
            "kept": self.kept,
            "images": self.images,
            "seals": self.seals,
        }

    @classmethod
    def of(cls, found: Op) -> SyncState:
        """Return the state of a snapshot."""
        return cls(
            latest=None if found["latest"] is None else Generation(**found["latest"]),
            number=found["number"],
            name=found["name"],
            intents=dict(found["intents"]),
            kept=list(found["kept"]),
            images=[(run, name) for run, name in found["images"]],
            seals=list(found["seals"]),
        )


class BucketLog:
    """The entries of one sync.

    Args:
        bucket: Where.
        folder: The sync's folder in it.

    Attributes:
        state: What the entries read so far come to.
        next: The number of the next entry.
    """

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self.folder = folder
        self.state = SyncState()
        self._bucket = bucket
        self.next = 1
        self._from = 1

    def refresh(self) -> SyncState:
        """Read what was appended since the last time.

        Raises:
            StoreError: The bucket cannot be read, or an entry is damaged.
        """
        for _ in range(_TRIES):
            if self.next == 1:
                self._start()
            names = self._bucket.names(f"{self.folder}/log", after=_name(self.next - 1))
            for name, content in self._read(names):
                if content is None:  # folded meanwhile
                    self._forget_all()
                    break
                self._apply(int(name), self._entry(name, content))
            else:
                return self.state
        raise StoreError(
            f"The journal in {self._bucket.url} changes faster than it can be read.", remedy="Run again."
        )

    def append(self, run: str, ops: Sequence[Op]) -> int:
        """Make the next entry; returns its number.

        Raises:
            Taken: A later run has begun, and nothing was written.
            StoreError: The bucket does not answer, or refuses.
        """
        entry = {"run": run, "nonce": uuid.uuid4().hex, "ops": list(ops)}
        content = pydantic_core.to_json(entry)
        number, name = self.next, f"{self.folder}/log/{_name(self.next)}"

        for tried in range(_TRIES):
            if self._bucket.patiently("write", lambda: self._bucket.make(name, content)):
                return self._made(number, entry)
            there = self._bucket.read(name)
            if there == content:
                return self._made(number, entry)
            if there is not None:
                found = self._entry(name, there)
                self._apply(number, found)
                if found["run"] != run:
                    raise Taken
                # Of our own, from a put that nobody had an answer to.
                return self.append(run, ops)
            time.sleep(min(1.0, 0.02 * tried))
        raise StoreError(
            f"The journal in {self._bucket.url} says that {name} exists, and does not show it.",
            remedy="Give the store a bucket with conditional writes: S3, Google Cloud Storage or Azure.",
        )

    def _made(self, number: int, entry: Mapping[str, Any]) -> int:
        self._apply(number, entry)
        return number

    def outcomes(self) -> Iterator[Op]:
        """Yield the outcomes that no ids table has, in their order.

        Raises:
            StoreError: An entry is gone or damaged.
        """
        state = self.state
        yield from state.kept
        for name, content in self._read([_name(number) for number in dict.fromkeys(state.settled)]):
            if content is None:
                raise StoreError(
                    f"The journal in {self._bucket.url} lacks {self.folder}/log/{name}.",
                    remedy=(
                        "Another run may have ended meanwhile: run again. If it stays, restore the bucket."
                    ),
                )
            respelt = {old: new for at, keys in state.respelt if at > int(name) for old, new in keys.items()}
            for op in self._entry(name, content)["ops"]:
                if op["op"] == "outcomes":
                    yield {**op, "respelt": respelt} if respelt else op

    def fold(self) -> None:
        """Delete the entries that the last snapshot holds, but for the seals."""
        last, seals = _name(self._from), {_name(each) for each in self.state.seals}
        names = self._bucket.names(f"{self.folder}/log")
        self._bucket.replace(f"{self.folder}/{_HEAD}", last.encode())
        self._bucket.delete(
            f"{self.folder}/log/{each}" for each in names if each < last and each not in seals
        )

    def reread(self) -> SyncState:
        """Read all anew."""
        self._forget_all()
        return self.refresh()

    def is_last(self, number: int) -> bool:
        """Whether no entry has a higher number: a begin at a number that is free again is none."""
        return not self._bucket.names(f"{self.folder}/log", after=_name(number))

    def _read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """Read entries, many at a time: what a killed run left may be thousands."""
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            if len(some) < 3:
                yield from ((name, self._bucket.read(f"{self.folder}/log/{name}")) for name in some)
                continue
            with ThreadPoolExecutor(16, thread_name_prefix="hubspot-journal") as pool:
                contents = list(pool.map(lambda name: self._bucket.read(f"{self.folder}/log/{name}"), some))
            yield from zip(some, contents, strict=True)

    def _start(self) -> None:
        hint = self._bucket.read(f"{self.folder}/{_HEAD}")
        if hint is not None and hint.isdigit():
            self.next = int(hint)

    def _forget_all(self) -> None:
        self.state, self.next, self._from = SyncState(), 1, 1

    def _entry(self, name: str, content: bytes) -> dict[str, Any]:
        try:
            found: dict[str, Any] = pydantic_core.from_json(content)
            if not isinstance(found["run"], str) or not isinstance(found["ops"], list):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise self._bucket.damaged(f": {self.folder}/log/{name}") from None
        return found

    def _apply(self, number: int, entry: Mapping[str, Any]) -> None:
        for op in entry["ops"]:
            self._apply_op(number, entry["run"], op)
        self.next = number + 1
        latest = self.state.latest
        if latest is not None:
            self.state.latest = replace(latest, beat=number)

    def _apply_op(self, number: int, run: str, op: Op) -> None:
        state, kind = self.state, op["op"]
        if kind == "begin":
            before = state.latest or Generation(0, "")
            state.latest = replace(before, number=op["number"], run=run, holder=op["holder"])
            state.number, state.name = op["number"], op["sync"]
            state.seals.append(number)
        elif kind == "snapshot":
            self.state, self._from = SyncState.of(op), number
        elif kind == "line" and state.latest is not None:
            state.latest = replace(state.latest, **op["values"])
        elif kind == "intent":
            state.intents[op["id"]] = {name: op[name] for name in ("action", "sent_at", "payload")}
        elif kind == "close":
            state.intents.pop(op["id"], None)
        elif kind == "outcomes":
            state.settled.append(number)
        elif kind == "respelt":
            state.respelt.append((number, op["keys"]))
        elif kind == "images":
            state.images.append((run, op["name"]))
        elif kind == "renamed":
            self.state = SyncState(number=state.number, name=state.name, seals=[*state.seals, number])
        elif kind == "from":
            self._take_over(op, number)

    def _take_over(self, op: Op, number: int) -> None:
        """Take the state of another name, if that name has given it up: its entry says so, or there is
        none.
        """
        content = self._bucket.read(f"{op['folder']}/log/{_name(op['number'])}")
        given = [] if content is None else self._entry(op["folder"], content)["ops"]
        for each in given:
            if each["op"] == "renamed" and each["to"] == op["sync"]:
                self.state = replace(
                    SyncState.of(each["state"]), name=op["sync"], seals=[*self.state.seals, number]
                )


def _name(number: int) -> str:
    return f"{number:0{_DIGITS}}"
