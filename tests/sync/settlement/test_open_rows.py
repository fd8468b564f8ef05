"""Which row a record is that a search shows: found by its values, and not by trying each row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone

import pytest
from bench.sync_bench import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st

from hubspot_batch_dagster.api.models import Record
from hubspot_batch_dagster.sync.batches.journal_entries import Intent
from hubspot_batch_dagster.sync.batches.value_comparison import same_values
from hubspot_batch_dagster.sync.settlement import lookup
from hubspot_batch_dagster.sync.settlement.lookup import MARGIN, OpenRows

VALUES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "1.0", "x", " X ", "", "2026-01-02"]))


def intent(number: int, bodies: list[dict[str, str]], sent_at: float = 0.0) -> Intent:
    n = len(bodies)
    return Intent(
        id=str(number),
        action="create",
        sent_at=sent_at,
        rows=list(range(n)),
        keys=[f"k{i}" for i in range(n)],
        digests=[""] * n,
        ids=[None] * n,
        bodies=[json.dumps(each) for each in bodies],
    )


def record(number: int, properties: Mapping[str, str], made: float) -> Record:
    at = datetime.fromtimestamp(made, timezone.utc)
    return Record.model_validate({"id": str(number), "properties": dict(properties), "createdAt": at})


@EXAMPLES
@given(
    batches=st.lists(st.tuples(st.lists(VALUES, min_size=1, max_size=4), st.integers(0, 3)), max_size=4),
    seen=st.lists(st.tuples(VALUES, st.integers(0, 3)), max_size=8),
)
def test_a_record_is_of_the_first_row_with_most_values_that_it_holds(
    batches: list[tuple[list[dict[str, str]], int]], seen: list[tuple[dict[str, str], int]]
) -> None:
    """Each row has one record at most, and none that was made long before it was sent."""
    base, step = 1_800_000_000.0, MARGIN * 0.75
    intents = [intent(n, rows, base + at * step) for n, (rows, at) in enumerate(batches)]
    rows = OpenRows(intents, {each.id: [json.loads(body) for body in each.bodies] for each in intents})
    left = [(each, i, json.loads(body)) for each in intents for i, body in enumerate(each.bodies)]
    for number, (properties, at) in enumerate(seen):
        found = record(number, properties, base + at * step - MARGIN)
        fitting = [
            row for row in left if same_values(row[2], found.properties) and base + at * step >= row[0].oldest
        ]
        wanted = max(fitting, key=lambda row: len(row[2]), default=None)
        place = rows.take(found)
        assert (None if place is None else (place.intent.id, place.at)) == (
            None if wanted is None else (wanted[0].id, wanted[1])
        )
        if wanted is not None:
            left.remove(wanted)


def test_a_record_is_not_held_against_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed first load leaves thousands of rows, and other syncs have made thousands of records since."""
    asked = 0
    meaning = lookup.meaning

    def counted(value: str) -> str:
        nonlocal asked
        asked += 1
        return meaning(value)

    monkeypatch.setattr(lookup, "meaning", counted)
    bodies = [{"name": f"n{i}", "city": "Ulm"} for i in range(1_000)]
    rows = OpenRows([intent(0, bodies)], {"0": bodies})
    assert all(rows.take(record(i, {"name": f"other {i}", "city": "Ulm"}, 9e8)) is None for i in range(500))
    assert rows.take(record(500, {"name": "n7", "city": "Ulm"}, 9e8)) is not None
    assert asked == 2 * 1_000 + 2 * 501
