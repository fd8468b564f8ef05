"""The journal in a bucket, beside the ids tables: no database is needed.

Each commit is one object of the sync's log (:mod:`~hubspot_batch_dagster.sync.state.bucket_log`), which
cannot be made where a later run has begun. Commits are grouped
(:mod:`~hubspot_batch_dagster.sync.state.group_commits`). Values that were sent stay in the bucket until the
run ends.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pydantic_core

from hubspot_batch_dagster.api.errors import Overtaken, StoreError
from hubspot_batch_dagster.operations.base import Action
from hubspot_batch_dagster.sync.batches.journal_entries import (
    INTENT_COLUMNS,
    OUTCOME_COLUMNS,
    Intent,
    Line,
    Outcomes,
    pack,
    unpack,
)
from hubspot_batch_dagster.sync.state.bucket import Bucket
from hubspot_batch_dagster.sync.state.bucket_log import BucketLog, Op, SyncState, Taken
from hubspot_batch_dagster.sync.state.group_commits import GroupCommits
from hubspot_batch_dagster.sync.state.identity import renamed
from hubspot_batch_dagster.sync.state.journal import Generation, Journal, overtaken
from hubspot_batch_dagster.sync.state.locks import has_vanished

FOLDER = ".journal"
"""The journal's folder in the store; a sync's own folder never has such a name."""

_ENDED = set[str]()
"""Runs of this process that have ended and could not say so, since the bucket was away."""

_LONGEST_FOLDER = 200
_TRIES = 200
"""How often a begin tries for a number that the run before it goes on to take."""


class _Sync:
    """A sync's log, to which only its latest run can append.

    Args:
        name: The sync.
        bucket: Where its log is.
    """

    def __init__(self, name: str, bucket: Bucket) -> None:
        self.log = BucketLog(bucket, f"{FOLDER}/{_folder(name)}")
        self._name = name
        self._bucket = bucket
        self._groups = GroupCommits[Sequence[Op], Op](self._write, self._testify)
        self.writer = self._groups.writer

    def refreshed(self) -> SyncState:
        """Return what is known of the sync now."""
        with self.writer:
            return self.log.refresh()

    def commit(self, run: str, ops: Sequence[Op], testimony: Sequence[Op] = ()) -> None:
        """Append for a run, together with all that other threads want to append.

        Raises:
            Overtaken: A later run has begun; nothing but ``testimony`` was written.
            StoreError: It could not be written.
        """
        self._groups.commit(self._name, run, ops, testimony)

    def append(self, run: str, ops: Sequence[Op]) -> None:
        """Append for a run, alone; hold ``writer``.

        Raises:
            Overtaken: A later run has begun.
        """
        latest = self.log.state.latest
        if latest is None or latest.run != run:
            self.state_for(run)
        try:
            self.log.append(run, ops)
        except Taken:
            raise self.overtaken(run) from None

    def state_for(self, run: str) -> tuple[SyncState, Generation]:
        """Return what is known of the sync now, and its line, for its latest run; hold ``writer``.

        Raises:
            Overtaken: A later run has begun.
        """
        state = self.log.refresh()
        if state.latest is None or state.latest.run != run:
            raise self.overtaken(run)
        return state, state.latest

    def overtaken(self, run: str) -> Overtaken:
        """Return the error for a run that is not the latest any more."""
        return overtaken(self.refreshed().latest, self._name, run)

    def _write(self, _sync: str, run: str, several: list[Sequence[Op]]) -> None:
        self.append(run, [op for ops in several for op in ops])

    def _testify(self, run: str, lines: Sequence[Op]) -> None:
        """Keep what a run heard that may not write any more; where even that fails, the later run finds out
        by itself.
        """
        with suppress(StoreError):
            for line in lines:
                name = f"{self.log.folder}/testimony/{run}-{time.time_ns():020}-{uuid.uuid4().hex}"
                self._bucket.replace(name, pydantic_core.to_json(line))


class BucketJournal(Journal):
    """The journal in a bucket.

    Args:
        url: The store's URL, such as ``s3://bucket/hubspot``.
        patience: Seconds for which a bucket that does not answer is tried again.
        objects: An object store of obstore's to use instead of what ``url`` names.

    Raises:
        StoreError: The bucket cannot be opened.
    """

    def __init__(self, url: str, *, patience: float = 60.0, objects: Any = None) -> None:
        self._bucket = Bucket(url, patience=patience, objects=objects)
        self._syncs: dict[str, _Sync] = {}
        self._opening = threading.Lock()

    def __repr__(self) -> str:
        return f"BucketJournal({self._bucket.url!r})"

    @property
    def stop(self) -> threading.Event:
        return self._bucket.patience.stop

    @stop.setter
    def stop(self, event: threading.Event) -> None:
        self._bucket.patience.stop = event

    def close(self) -> None:
        self._syncs.clear()

    def try_lock(self, sync: str) -> Callable[[], None] | None:
        line = self.generation(sync)
        free = line is None or not line.holder or line.run in _ENDED or has_vanished(line.holder)
        return (lambda: None) if free else None

    def generation(self, sync: str) -> Generation | None:
        return self._sync(sync).refreshed().latest

    def begin(self, sync: str, run: str, *, after: int = 0, holder: str = "") -> Generation:
        of = self._sync(sync)
        with of.writer:
            before = of.log.refresh()
            latest = before.latest
            for _ in range(_TRIES):
                number = max(before.number, after) + 1
                op = {"op": "begin", "sync": sync, "number": number, "holder": holder}
                try:
                    entry = of.log.append(run, [op])
                except Taken:
                    before = of.log.refresh()
                    if before.latest is None or latest is None or before.latest.run != latest.run:
                        break  # somebody else began at the same moment
                    continue
                made = of.log.state.latest
                if made is not None and of.log.is_last(entry):
                    return made
                # Entries come after it: the number was free again, because what had it is folded.
                of.log.reread()
                break
            raise of.overtaken(run)

    def beat(self, sync: str, run: str) -> None:
        self._sync(sync).commit(run, [])

    def bind(self, sync: str, run: str, identity: str) -> None:
        self._sync(sync).commit(run, [_line(identity=identity)])

    def end(self, sync: str, run: str) -> None:
        try:
            self._sync(sync).commit(run, [_line(holder="")])
        except StoreError:  # a later run has begun, or one of another process finds no sign of life
            _ENDED.add(run)

    def intend(self, sync: str, run: str, intent: Intent) -> None:
        self._sync(sync).commit(run, [_intent(intent)])

    def settle(
        self, sync: str, run: str, outcomes: Outcomes, *, intent_id: str | None, left: Intent | None = None
    ) -> None:
        told = _outcomes(run, outcomes.settled_at, pack(outcomes, OUTCOME_COLUMNS))
        ops: list[Op] = [told] if len(outcomes) else []
        if left is not None:
            ops.append(_intent(left))
        elif intent_id is not None:
            ops.append({"op": "close", "id": intent_id})
        intent = intent_id or (left.id if left is not None else None)
        self._sync(sync).commit(run, ops, [{**told, "intent": intent}] if intent and len(outcomes) else [])

    def record(self, sync: str, run: str, accepted: Sequence[Line], intents: Sequence[Line]) -> None:
        told = [_outcomes(run, each.at, each.payload) for each in accepted]
        ops: list[Op] = [*told]
        ops += [{"op": "close", "id": each.intent_id} for each in accepted]
        ops += [_opened(each.intent_id, each.action, each.at, each.payload) for each in intents]
        heard = [{**line, "intent": each.intent_id} for line, each in zip(told, accepted, strict=True)]
        if ops:
            self._sync(sync).commit(run, ops, heard)

    def take_testimony(self, sync: str, run: str) -> list[tuple[str, Outcomes]]:
        of = self._sync(sync)
        folder = f"{of.log.folder}/testimony"
        names = self._bucket.names(folder)
        if not names:
            return []
        taken: list[tuple[str, Outcomes]] = []
        with of.writer:
            open_now = {each.id: each for each in self.open_intents(sync)}
            ops: list[Op] = []
            for name in names:
                content = self._bucket.read(f"{folder}/{name}")
                op = None if content is None else self._parsed(content)
                intent = None if op is None else open_now.get(op["intent"])
                if op is None or intent is None:
                    continue
                outcomes = self._outcomes_of(op)
                taken.append((intent.id, outcomes))
                left = intent.without(outcomes)
                ops.append({name: op[name] for name in ("op", "run", "settled_at", "payload")})
                ops.append({"op": "close", "id": intent.id} if left is None else _intent(left))
                open_now[intent.id] = left if left is not None else intent.pick([])
            self._sync(sync).commit(run, ops)
        self._bucket.delete(f"{folder}/{name}" for name in names)
        return taken

    def open_intents(self, sync: str) -> list[Intent]:
        found = [
            Intent(
                id=name,
                action=each["action"],
                sent_at=each["sent_at"],
                **self._unpacked(each["payload"], INTENT_COLUMNS),
            )
            for name, each in list(self._sync(sync).refreshed().intents.items())
        ]
        return sorted(found, key=lambda each: (each.sent_at, each.id))

    def outcomes(self, sync: str) -> Iterator[Outcomes]:
        of = self._sync(sync)
        of.refreshed()
        for op in of.log.outcomes():
            yield self._outcomes_of(op)

    def conclude(
        self,
        sync: str,
        run: str,
        *,
        current: int | None,
        forget: bool,
        kept_runs: Sequence[str] = (),
        seal: str | None = None,
        history: int | None = None,
    ) -> None:
        of, dropped = self._sync(sync), list[str]()
        said: dict[str, Any] = {"current": current, "seal": seal, "history": history}
        values = {name: value for name, value in said.items() if name == "current" or value is not None}
        with of.writer:
            if not forget:
                self._sync(sync).commit(run, [_line(**values)])
                return
            state, latest = of.state_for(run)
            for of_run, name in state.images:
                if kept_runs and of_run not in kept_runs:
                    dropped.append(name)
            folded = replace(
                state,
                latest=replace(latest, **values),
                settled=[],
                kept=[],
                respelt=[],
                images=[each for each in state.images if each[1] not in dropped],
            )
            of.append(run, [folded.snapshot()])
            of.log.fold()
        self._bucket.delete(dropped)

    def keep_before(self, sync: str, run: str, images: list[dict[str, str | None]]) -> None:
        name = f"{self._sync(sync).log.folder}/before/{run}-{uuid.uuid4().hex}"
        self._bucket.replace(name, pydantic_core.to_json(images))
        self._sync(sync).commit(run, [{"op": "images", "name": name}])

    def before(self, sync: str, run: str) -> Iterator[dict[str, str | None]]:
        for of_run, name in list(self._sync(sync).refreshed().images):
            content = self._bucket.read(name) if of_run == run else None
            if content is not None:
                yield from self._parsed(content)

    def rewrite_keys(self, sync: str, run: str, new: dict[str, str]) -> None:
        ops: list[Op] = [{"op": "respelt", "keys": new}]
        for intent in self.open_intents(sync):
            keys = [new.get(key, key) for key in intent.keys]
            if keys != intent.keys:
                ops.append(_intent(replace(intent, keys=keys)))
        self._sync(sync).commit(run, ops)

    def rename(self, sync: str, new: str, run: str, *, seal: str = "") -> None:
        old, of = self._sync(sync), self._sync(new)
        with old.writer, of.writer:
            state, line = old.state_for(run)
            number = max(state.number, of.state_for(run)[0].number)
            latest = replace(line, number=number, identity=renamed(line.identity, new), holder="", seal=seal)
            whole = replace(
                state, latest=latest, number=number, settled=[], respelt=[], kept=list(old.log.outcomes())
            )
            # The new name points at the entry that gives the old one up: until that is made, it has no state.
            told = {"op": "from", "sync": new, "folder": old.log.folder}
            of.append(run, [{**told, "number": old.log.next}])
            old.append(run, [{"op": "renamed", "to": new, "state": whole.snapshot()}])
            of.log.reread()

    def summary(self) -> list[tuple[str, int, int]]:
        found = []
        for folder in self._bucket.folders(FOLDER):
            state = BucketLog(self._bucket, f"{FOLDER}/{folder}").refresh()
            settled = len(state.settled) + len(state.kept)
            if state.intents or settled:
                found.append((state.name, len(state.intents), settled))
        return sorted(found)

    def _sync(self, sync: str) -> _Sync:
        with self._opening:
            if sync not in self._syncs:
                self._syncs[sync] = _Sync(sync, self._bucket)
            return self._syncs[sync]

    def _outcomes_of(self, op: Op) -> Outcomes:
        found = Outcomes(settled_at=op["settled_at"], **self._unpacked(op["payload"], OUTCOME_COLUMNS))
        respelt = op.get("respelt", {})
        return replace(found, keys=[respelt.get(key, key) for key in found.keys]) if respelt else found

    def _unpacked(self, payload: str, columns: tuple[str, ...]) -> dict[str, Any]:
        try:
            return unpack(payload.encode(), columns)
        except (ValueError, KeyError, TypeError) as error:
            raise self._bucket.damaged(f" ({type(error).__name__})") from None

    def _parsed(self, content: bytes) -> Any:
        try:
            return pydantic_core.from_json(content)
        except ValueError as error:
            raise self._bucket.damaged(f" ({type(error).__name__})") from None


def _folder(sync: str) -> str:
    """Return the folder of a sync's log: its name as one part of a path, or the hash of a long one."""
    quoted = quote(sync, safe="")
    if len(quoted) <= _LONGEST_FOLDER:
        return quoted
    return f"{quoted[:100]}-{hashlib.sha256(sync.encode()).hexdigest()}"


def _line(**values: Any) -> Op:
    return {"op": "line", "values": values}


def _opened(name: str, action: Action, sent_at: float, payload: bytes) -> Op:
    return {"op": "intent", "id": name, "action": action, "sent_at": sent_at, "payload": payload.decode()}


def _intent(intent: Intent) -> Op:
    return _opened(intent.id, intent.action, intent.sent_at, pack(intent, INTENT_COLUMNS))


def _outcomes(run: str, at: float, payload: bytes) -> dict[str, Any]:
    return {"op": "outcomes", "run": run, "settled_at": at, "payload": payload.decode()}
