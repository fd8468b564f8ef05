"""What HubSpot and the way to it do wrong: the faults of a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hubspot_batch_dagster.emulator import Fault
from tests.torture.source import Source

WRITES = "create|update|upsert|archive"
READS = "read|search"

READ_TIMEOUT = 0.5
"""Seconds after which the sync gives a silent server up."""

LATE = 0.8
"""Seconds after which a late request is carried out: the sync has long given it up. Shorter than
``certain_after``.
"""


@dataclass(frozen=True)
class Trouble:
    """A kind of trouble.

    Attributes:
        name: As the summary calls it.
        fault: Makes one occurrence of it from the fields that say when; ``None`` if settings do it all.
        settings: How the emulated portal is set.
        needs_values: It strikes by a row's values, so it is nothing for an archive.
    """

    name: str
    fault: Callable[..., Fault] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    needs_values: bool = False

    def rules(self, rng: random.Random, source: Source, operations: str = WRITES) -> list[Fault]:
        """The rules of a seed: one to three occurrences at requests of its choice."""
        if self.fault is None:
            return []
        if self.needs_values:
            return [
                self.fault(operation=operations, row={"marker": row.marker}) for row in source.of("poison")
            ]
        batches = len(source.rows) // 100 + 2
        turns = rng.sample(range(1, batches + 2), k=rng.randint(1, min(3, batches)))
        return [self.fault(operation=operations, nth=turn) for turn in sorted(turns)]


def _answer(status: int, **more: Any) -> Callable[..., Fault]:
    return lambda **fields: Fault.answer(status, **{**more, **fields})


def _with(make: Callable[..., Fault], *given: Any, **more: Any) -> Callable[..., Fault]:
    return lambda **fields: make(*given, **{**more, **fields})


TROUBLES = (
    Trouble("none"),
    Trouble("drop before", _with(Fault.drop)),
    Trouble("reset after commit", _with(Fault.drop, after_commit=True, reset=True)),
    Trouble("drop after commit", _with(Fault.drop, after_commit=True)),
    Trouble("502 before", _with(Fault.html, 502)),
    Trouble("502 after commit", _with(Fault.html, 502, after_commit=True)),
    Trouble("504 after commit", _answer(504, after_commit=True)),
    Trouble("truncated", _with(Fault.truncate)),
    Trouble("silent", _with(Fault.silent, 5.0)),
    Trouble("silent after commit", _with(Fault.silent, 5.0, after_commit=True)),
    Trouble("late", _with(Fault.slow, LATE)),
    Trouble("423", _with(Fault.locked)),
    Trouble("429", _with(Fault.rate_limited)),
    Trouble("429 Retry-After", _with(Fault.rate_limited, 0.2)),
    Trouble("429 daily", _with(Fault.daily_limit)),
    Trouble("477", _with(Fault.moving)),
    Trouble("401 expired", _with(Fault.expired_token)),
    Trouble("400 unnamed", _with(Fault.invalid_batch), needs_values=True),
    Trouble("400 once", _with(Fault.invalid_batch)),
    Trouble("409 once", _with(Fault.conflict)),
    Trouble("409 after commit", _with(Fault.conflict, after_commit=True)),
    Trouble("409 batch", None, {"conflict_with_trace_ids": "409"}),
    Trouble(
        "409 batch, half", None, {"conflict_with_trace_ids": "409", "conflict_commits_rows_before": True}
    ),
    Trouble("207", None, {"update_partial_by_trace_id": True}),
    Trouble("omitted rows", _with(Fault.omit, 3)),
    Trouble("empty", _with(Fault.empty)),
    Trouble("empty after commit", _with(Fault.empty, after_commit=True)),
)


def read_trouble(rng: random.Random) -> list[Fault]:
    """One failing read or search, for seeds that have bad luck there too."""
    make = rng.choice(
        [_with(Fault.drop), _answer(503), _with(Fault.rate_limited), _with(Fault.expired_token)]
    )
    return [make(operation=READS, nth=rng.randint(1, 4))]
