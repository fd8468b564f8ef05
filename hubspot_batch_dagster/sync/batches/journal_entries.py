"""What the journal holds of a batch: the intent before its request, the outcomes after its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import pydantic_core

from hubspot_batch_dagster.api.departure import Moment
from hubspot_batch_dagster.operations.base import Action
from hubspot_batch_dagster.sync.batches.seals import closed, unbroken


@dataclass(frozen=True)
class Intent:
    """The rows of one batch that may have reached HubSpot; each list has one item for each row.

    ``sent_at`` is when its first request could leave, and ``last_at`` when the last one could, both by
    HubSpot's clock. ``own_at`` is when the last one could by the clock of the host that sent it; 0 where an
    older version wrote the intent. ``bodies`` holds the values of the rows (the JSON text that was sent) when
    they are needed to recognise a record, and is empty otherwise. ``settled`` says that the fate of every row
    is known, and that an earlier request of the batch had no answer: HubSpot may still carry it out, and
    write older values over newer ones. ``noted`` says that a later run wrote outcomes ``unknown`` of its
    rows. ``written`` is the moment from which on this process counts how long a request of it may leave; the
    journal does not keep it.
    """

    id: str
    action: Action
    sent_at: float
    rows: list[int]
    keys: list[str]
    digests: list[str]
    ids: list[str | None]
    bodies: list[str] = field(default_factory=list, repr=False)
    last_at: float = 0.0
    settled: bool = False
    noted: bool = False
    own_at: float = 0.0
    written: Moment | None = field(default=None, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_of_associations(self) -> bool:
        """Whether it says nothing of rows, but that associations of theirs were sent and the answer is
        missing.
        """
        return self.action == "associate" and self.settled

    @property
    def newest(self) -> float:
        """The last moment at which one of its requests could leave."""
        return max(self.sent_at, self.last_at)

    @property
    def oldest(self) -> float:
        """The first moment at which its record can have been made, by whichever clock says less."""
        return min(self.sent_at, self.own_at) if self.own_at else self.sent_at

    def age(self, server_now: float, own_now: float) -> float:
        """Seconds since its last request could leave, by whichever clock says less: what is over must be
        certain to be.

        Args:
            server_now: Seconds since 1970, by HubSpot's clock.
            own_now: Seconds since 1970, by this host's.
        """
        told = server_now - self.newest
        return min(told, own_now - self.own_at) if self.own_at else told

    def without(self, heard: Outcomes) -> Intent | None:
        """Return what is left of it once some outcomes are known; one of a repeatable batch stays whole while
        some row is open.
        """
        settled = set(heard.rows)
        left = [i for i, row in enumerate(self.rows) if row not in settled]
        if not left:
            return None
        return self.pick(left) if self.action == "create" else self

    def pick(self, indexes: Sequence[int]) -> Intent:
        """Return the same intent with only the rows at ``indexes``."""
        return replace(
            self,
            rows=[self.rows[i] for i in indexes],
            keys=[self.keys[i] for i in indexes],
            digests=[self.digests[i] for i in indexes],
            ids=[self.ids[i] for i in indexes],
            bodies=[self.bodies[i] for i in indexes] if self.bodies else [],
        )


@dataclass(frozen=True)
class Outcomes:
    """What became of some rows; each list has one item for each row. Columns, so that Arrow can take them as
    they are.
    """

    rows: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    categories: list[str | None] = field(default_factory=list)
    codes: list[str | None] = field(default_factory=list)
    properties: list[str | None] = field(default_factory=list)
    messages: list[str | None] = field(default_factory=list)
    correlation_ids: list[str | None] = field(default_factory=list)
    warnings: list[str | None] = field(default_factory=list)
    settled_at: float = 0.0

    def __len__(self) -> int:
        return len(self.rows)

    def pick(self, indexes: Sequence[int]) -> Outcomes:
        """Return the outcomes of some of the rows."""
        columns = {name: [getattr(self, name)[i] for i in indexes] for name in OUTCOME_COLUMNS}
        return Outcomes(**columns, settled_at=self.settled_at)

    def tells(self) -> bool:
        """Whether there is a reason or a warning for any row."""
        return any(
            any(column)
            for column in (
                self.categories,
                self.codes,
                self.properties,
                self.messages,
                self.correlation_ids,
                self.warnings,
            )
        )


class Line(NamedTuple):
    """What the journal keeps of one batch, written as :func:`payload_of` writes it."""

    intent_id: str
    action: Action
    at: float
    payload: bytes


INTENT_COLUMNS = ("rows", "keys", "digests", "ids", "bodies", "last_at", "settled", "noted", "own_at")
OUTCOME_COLUMNS = tuple(each.name for each in fields(Outcomes) if each.name != "settled_at")
_NULLABLE = frozenset({"ids", "categories", "codes", "properties", "messages", "correlation_ids", "warnings"})


def payload_of(columns: Mapping[str, bytes]) -> bytes:
    """Return the payload of an intent or of outcomes, of columns that are JSON already, with its sum."""
    return closed(b"{" + b",".join(b'"%b":%b' % (name.encode(), each) for name, each in columns.items()))


def pack(value: Any, columns: tuple[str, ...]) -> bytes:
    """Columns as JSON, without those of nulls alone: most rows have no error to tell of."""
    found = {name: getattr(value, name) for name in columns}
    for name in _NULLABLE & found.keys():
        if found[name].count(None) == len(found["rows"]):
            del found[name]
    bodies = found.pop("bodies", None)
    written = {name: pydantic_core.to_json(each) for name, each in found.items()}
    if bodies:
        written["bodies"] = f"[{','.join(bodies)}]".encode()
    return payload_of(written)


def unpack(payload: bytes, columns: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = pydantic_core.from_json(unbroken(bytes(payload)))
    for name in _NULLABLE.intersection(columns):
        found.setdefault(name, [None] * len(found["rows"]))
    if "bodies" in found:
        found["bodies"] = [pydantic_core.to_json(each).decode() for each in found["bodies"]]
    return found
