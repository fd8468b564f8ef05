"""Batches packed in Arrow: byte for byte what the rows would give one by one."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from bench.sync_bench import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st

from hubspot_batch_dagster.api.batch_results import ResultReader
from hubspot_batch_dagster.api.bodies import Sent, batch_body
from hubspot_batch_dagster.api.client import as_model
from hubspot_batch_dagster.api.models import ArchiveInput, CreateInput, UpdateInput, UpsertInput
from hubspot_batch_dagster.sync.batches import packed_batch as packing
from hubspot_batch_dagster.sync.batches.journal_entries import Line
from hubspot_batch_dagster.sync.batches.packed_batch import PackedBatch, batch_of, packed
from hubspot_batch_dagster.sync.state.sql_journal import SqlJournal

TEXTS = st.text(max_size=12).filter(lambda text: not any("\ud800" <= each <= "\udfff" for each in text))
ACTIONS = st.sampled_from(["create", "upsert", "update"])


def table(values: list[tuple[str, str, bool]], first: int = 0) -> pa.Table:
    """Rows of a plan with their texts, from (key, value, whether it has associations)."""
    return pa.table(
        {
            "row": pa.array([first + i for i in range(len(values))], pa.int64()),
            "key": pa.array([key for key, _, _ in values], pa.string()),
            "digest": pa.array([f"{i:032x}" for i in range(len(values))], pa.string()),
            "send_id": pa.array([key for key, _, _ in values], pa.string()),
            "properties": pa.array(
                [json.dumps({"name": value}, ensure_ascii=False) for _, value, _ in values], pa.string()
            ),
            "associations": pa.array(
                ['[{"to":{"id":"7"},"types":[]}]' if linked else None for _, _, linked in values], pa.string()
            ),
        }
    )


def answer(batch: PackedBatch, **changes: Any) -> bytes:
    """HubSpot's answer to a batch, all well, in another order than it was sent."""
    results = [
        {"id": str(1000 + row), "objectWriteTraceId": f"{batch.run}-{row}", "new": bool(row % 2)}
        for row in batch.rows
    ]
    return json.dumps({"status": "COMPLETE", "results": results[::-1], **changes}).encode()


@EXAMPLES
@given(
    values=st.lists(st.tuples(TEXTS, TEXTS, st.booleans()), min_size=1, max_size=25),
    action=ACTIONS,
    size=st.integers(1, 10),
    id_property=st.sampled_from([None, "email", 'odd"name']),
)
def test_a_packed_body_is_what_its_rows_give_one_by_one(
    values: list[tuple[str, str, bool]], action: Any, size: int, id_property: str | None
) -> None:
    by = None if action == "create" else id_property
    found = list(packed(table(values, first=5), action, "run", by, size))
    assert [len(each) for each in found[:-1]] == [size] * (len(found) - 1)
    assert [row for each in found for row in each.rows] == list(range(5, 5 + len(values)))
    for each in found:
        batch = each.unpack()
        if action == "create":
            assert [i for i in batch.ids if i is not None] in ([], batch.keys)  # never sent
            assert all("associations" in sent for sent in json.loads(each.body)["inputs"])
        assert json.loads(each.body) == json.loads(batch.body())
        assert each.body == batch.body()


MODELS: dict[str, type[Sent]] = {"create": CreateInput, "upsert": UpsertInput, "update": UpdateInput}


@EXAMPLES
@given(
    values=st.lists(st.tuples(TEXTS.filter(bool), TEXTS, st.booleans()), min_size=1, max_size=9),
    action=st.sampled_from([*MODELS, "archive"]),
)
def test_a_packed_body_is_what_the_clients_typed_inputs_give(
    values: list[tuple[str, str, bool]], action: Any
) -> None:
    """Two writers of one body: the engine's, which is quick, and the client's, which checks each input."""
    by = None if action in ("create", "archive") else "email"
    rows = batch_of(table(values), action, "run", by)
    inputs: list[dict[str, Any]] = []
    for i, (key, value, linked) in enumerate(values):
        one: dict[str, Any] = {"id": key} if action != "create" else {}
        if action != "archive":
            one |= {"properties": {"name": value}, "objectWriteTraceId": f"run-{i}"}
        if by:
            one["idProperty"] = by
        if action == "create":
            links = [{"to": {"id": "7"}, "types": [{"associationTypeId": 1}]}] if linked else []
            one["associations"] = links
        inputs.append(one)
    kind = MODELS.get(action, ArchiveInput)
    typed = json.loads(batch_body(*(as_model(kind, one).to_json() for one in inputs)))
    written = json.loads(rows.body())
    for one in (*typed["inputs"], *written["inputs"]):
        for association in one.pop("associations", []):
            association.pop("types")  # the table's are empty, which no model takes
    assert written == typed


@EXAMPLES
@given(values=st.lists(st.tuples(TEXTS, TEXTS, st.booleans()), min_size=1, max_size=9), action=ACTIONS)
def test_the_journal_gives_back_the_intent_and_the_outcomes_of_a_packed_batch(
    values: list[tuple[str, str, bool]], action: Any
) -> None:
    journal = SqlJournal("sqlite://")
    journal.begin("sync", "run")
    (batch,) = packed(table(values), action, "run", "email", 100)
    line = Line(batch.intent_id, batch.action, 3.0, batch.intent_payload())
    journal.record("sync", "run", [], [line])
    (found,) = journal.open_intents("sync")
    unpacked = batch.unpack()
    assert (found.id, found.action, found.sent_at) == (batch.intent_id, action, 3.0)
    assert (found.rows, found.keys, found.digests) == (unpacked.rows, unpacked.keys, unpacked.digests)
    assert found.ids == ([None] * len(batch) if action == "create" else unpacked.ids)
    assert [json.loads(each) for each in found.bodies] == (
        [json.loads(each) for each in unpacked.properties] if action == "create" else []
    )
    accepted = batch.accept(answer(batch), 4.0, ResultReader(("email",)))
    assert accepted is not None
    journal.record("sync", "run", [Line(batch.intent_id, action, 4.0, accepted.payload())], [])
    assert not journal.open_intents("sync")
    (outcomes,) = journal.outcomes("sync")
    assert (outcomes.rows, outcomes.keys, outcomes.digests) == (
        unpacked.rows,
        unpacked.keys,
        unpacked.digests,
    )
    assert outcomes.ids == [str(1000 + row) for row in batch.rows]
    if action == "upsert":
        assert outcomes.outcomes == ["created" if row % 2 else "updated" for row in batch.rows]
    else:
        assert set(outcomes.outcomes) == {f"{action}d"}
    journal.close()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"status":"COMPLETE","results":[]}',
        b'{"status":"PENDING","results":[]}',
        b'{"status":"COMPLETE","results":[{"id":"1","objectWriteTraceId":"run-0"},{"id":"2","objectWriteTraceId":"run-9"}]}',
        b'{"status":"COMPLETE","results":[{"id":"1","objectWriteTraceId":"run-0"},{"id":"2","objectWriteTraceId":"run-0"}]}',
        b'{"status":"COMPLETE","results":[{"id":"1","objectWriteTraceId":"run-0"},{"id":"2"}]}',
        b'{"status":"COMPLETE","results":[{"id":"1","objectWriteTraceId":"run-0"},{"id":"2","objectWriteTraceId":"run-1","warnings":[{}]}]}',
        b'{"status":"COMPLETE","results":[{"id":"1","objectWriteTraceId":"run-0"},{"id":"2","objectWriteTraceId":"run-1"}],"errors":[{}]}',
    ],
)
def test_an_answer_that_says_anything_but_all_well_is_not_taken_as_such(body: bytes) -> None:
    (batch,) = packed(table([("a", "x", False), ("b", "y", False)]), "upsert", "run", "email", 100)
    assert batch.accept(body, 1.0, ResultReader(("email",))) is None


def test_a_batch_whose_body_would_be_too_long_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_BYTES", 1000)
    found = list(packed(table([(str(i), "x" * 150, False) for i in range(20)]), "upsert", "run", "email", 10))
    assert [row for each in found for row in each.rows] == list(range(20))
    assert all(len(each.body) <= 1000 for each in found)
    assert len(found) > 2
    (alone,) = packed(table([("a", "x" * 5000, False)]), "upsert", "run", "email", 10)
    assert len(alone) == 1


@pytest.mark.parametrize("action", ["create", "upsert", "update"])
def test_a_stored_value_that_was_not_sent_is_noticed_whatever_the_answers_before_were_like(
    action: Any,
) -> None:
    """Answers are compared as texts until one repeats a value in another way, and value by value from then
    on.
    """

    def packed_and_answered(*stored: str | None) -> tuple[PackedBatch, bytes]:
        rows = table([("a", "é1", False), ("b", '2"', False)])
        texts = ['{"name":"é1"}', '{"name":"2\\""}']
        rows = rows.set_column(rows.schema.get_field_index("properties"), "properties", pa.array(texts))
        (batch,) = packed(rows, action, "run", None, 100)
        results = [
            {
                "id": str(7 + i),
                "objectWriteTraceId": f"run-{i}",
                "properties": {"hs_object_id": "7", "name": each},
            }
            for i, each in enumerate(stored)
        ]
        return batch, json.dumps({"status": "COMPLETE", "results": results[::-1]}).encode()

    reader = ResultReader(("name",))
    for stored, fine in [
        (("é1", '2"'), True),
        (("é1", "other"), False),
        (("É1 ", '2"'), True),  # HubSpot's own way to write it
        (("é1", None), True),
        (("é1", "other"), False),
        (("é1", '2"'), True),
    ]:
        batch, body = packed_and_answered(*stored)
        assert (batch.accept(body, 1.0, reader) is not None) == fine, stored
    batch, body = packed_and_answered("other", "other")
    assert batch.accept(body, 1.0, ResultReader(("name",), found_by="name")) is not None
