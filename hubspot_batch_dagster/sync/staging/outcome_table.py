"""Outcomes as Arrow tables, on their way into the stage."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

import pyarrow as pa

from hubspot_batch_dagster.sync.batches.journal_entries import Outcomes
from hubspot_batch_dagster.sync.batches.packed_batch import AcceptedBatch


def outcome_table(several: Sequence[Outcomes], numbers: Sequence[int]) -> pa.Table:
    """Outcomes as Arrow, with the numbers that say in which order they happened."""
    text = (
        "keys",
        "digests",
        "outcomes",
        "ids",
        "categories",
        "codes",
        "properties",
        "messages",
        "correlation_ids",
        "warnings",
    )
    names = (
        "key",
        "digest",
        "outcome",
        "id",
        "category",
        "code",
        "property",
        "message",
        "correlation_id",
        "warning",
    )
    rows = list(chain.from_iterable(each.rows for each in several))
    columns: dict[str, Any] = {"row": pa.array(rows, pa.int64())}
    for attribute, name in zip(text, names, strict=True):
        values = list(chain.from_iterable(getattr(each, attribute) for each in several))
        empty = values.count(None) == len(values)
        columns[name] = pa.nulls(len(values), pa.string()) if empty else pa.array(values, pa.string())
    sizes = [len(each) for each in several]
    at = [int(each.settled_at * 1e6) for each in several]
    columns["settled_at"] = _spread(pa.array(at, pa.timestamp("us", tz="UTC")), sizes)
    columns["seq"] = _spread(pa.array(numbers, pa.int64()), sizes)
    return pa.table(columns)


def outcomes_without_reasons(several: Sequence[Outcomes | AcceptedBatch], numbers: Sequence[int]) -> pa.Table:
    """Outcomes without their reasons, with their numbers. ``stale`` are rows whose values are still to be
    sent.
    """
    sizes = [len(each) for each in several]
    at = [int(each.settled_at * 1e6) for each in several]
    stale = [
        [not digest for digest in each.digests] if isinstance(each, Outcomes) else [False] * len(each)
        for each in several
    ]
    return pa.table(
        {
            "row": pa.array(list(chain.from_iterable(each.rows for each in several)), pa.int64()),
            "outcome": pa.array(list(chain.from_iterable(each.outcomes for each in several)), pa.string()),
            "id": pa.array(list(chain.from_iterable(each.ids for each in several)), pa.string()),
            "stale": pa.array(list(chain.from_iterable(stale)), pa.bool_()),
            "settled_at": _spread(pa.array(at, pa.timestamp("us", tz="UTC")), sizes),
            "seq": _spread(pa.array(numbers, pa.int64()), sizes),
        }
    )


def _spread(one_each: pa.Array[Any], sizes: Sequence[int]) -> pa.Array[Any]:
    """Each value as often as its size says."""
    places = chain.from_iterable(repeat(i, size) for i, size in enumerate(sizes))
    return one_each.take(pa.array(list(places), pa.int64()))
