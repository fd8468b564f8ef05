"""PackedBatch batches: the bodies and journal lines of many batches made at once in Arrow, without a Python
object for each row.

Nearly every batch goes out as it is and comes back all well. For those a row costs nothing in Python but its
record id. A batch that HubSpot says anything else about is unpacked, and settled row by row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic_core import to_json

from hubspot_batch_dagster.api.batch_results import ResultReader, TracedRecord
from hubspot_batch_dagster.api.bodies import batch_body
from hubspot_batch_dagster.api.departure import Moment
from hubspot_batch_dagster.api.models import is_record_id
from hubspot_batch_dagster.operations.base import Action
from hubspot_batch_dagster.sync.batches.batch import Batch, intent_id
from hubspot_batch_dagster.sync.batches.journal_entries import Intent, payload_of
from hubspot_batch_dagster.sync.batches.value_comparison import can_be
from hubspot_batch_dagster.table.json_text import escaped
from hubspot_batch_dagster.table.kernels import prefixed, suffixed

MAX_BYTES = 4_000_000
"""Bytes in one request. HubSpot documents no limit; a hundred long texts could reach many megabytes."""

AT_ONCE = 40
"""Batches packed in one go: enough to make the kernels' own cost small, and few enough to stay in the
processor's cache.
"""

DIRECT = ("create", "upsert", "update")
"""Actions whose batches may be packed: the answer names every record."""


@dataclass(frozen=True)
class PackedBatch:
    """A batch that is ready to leave.

    Attributes:
        action: The batch verb.
        run: Prefix of the trace ids; unique for each run.
        rows: Positions in the user's table.
        body: The request body.
        lines: Name -> JSON list of a value for each row, as the journal takes them.
        table: The rows themselves, from ``start`` on, to unpack.
        id_property: The unique property that the ids are values of; ``None`` for record ids.
        sent_at: When its request may leave, by HubSpot's clock; 0 until its intent is durable.
        own_at: The same moment by this host's clock.
        written: The same moment, to count from how long it may leave.
    """

    action: Action
    run: str
    rows: list[int]
    body: bytes = field(repr=False)
    lines: dict[str, bytes] = field(repr=False)
    table: pa.Table = field(repr=False)
    start: int = 0
    id_property: str | None = None
    sent_at: float = 0.0
    own_at: float = 0.0
    written: Moment | None = field(default=None, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def intent_id(self) -> str:
        """The name of its intent in the journal."""
        return intent_id(self.run, self.action, self.rows)

    def intent_payload(self) -> bytes:
        """Return what the journal must know before the request leaves. Creates are known by their values
        alone.
        """
        names = ("rows", "keys", "digests", "ids", *(["bodies"] if self.action == "create" else []))
        columns = {name: self.lines[name] for name in names if name in self.lines}
        return payload_of({**columns, "own_at": to_json(self.own_at)})

    def unpack(self) -> Batch:
        """Return the batch with a Python object for each value."""
        return batch_of(self.table.slice(self.start, len(self)), self.action, self.run, self.id_property)

    def intent(self, batch: Batch) -> Intent:
        """Return the intent of the unpacked batch, as it is in the journal."""
        return replace(batch.intent(self.sent_at, self.own_at), written=self.written)

    def accept(self, body: bytes, settled_at: float, reader: ResultReader) -> AcceptedBatch | None:
        """Settle an answer in which all went well for every row; ``None`` if it says anything else."""
        records = reader.records(body)
        if records is None or len(records) != len(self.rows):
            return None
        found = {each.trace_id: each for each in records}
        try:
            mine = [found[f"{self.run}-{row}"] for row in self.rows]
        except KeyError:
            return None
        ids = [each.id for each in mine]
        if len(set(ids)) < len(ids) or not all(map(is_record_id, ids)) or self._contradicted(mine, reader):
            return None
        if self.action == "upsert":
            outcomes = ["created" if each.new else "updated" for each in mine]
        else:
            outcomes = [f"{self.action}d"] * len(mine)
        return AcceptedBatch(self, ids, outcomes, settled_at)

    def _contradicted(self, records: Sequence[TracedRecord], reader: ResultReader) -> bool:
        """Whether a record has another value than was sent for its row."""
        stored = reader.stored(records)
        if reader.repeats(stored, self.lines["bodies"]):
            return False
        sent = reader.sent(self.body)
        return stored != sent and any(
            not can_be(kept, value)
            for own, record in zip(sent, stored, strict=True)
            if own is not None and record is not None and own != record
            for value, kept in reader.differing(own, record)
        )


@dataclass(frozen=True)
class AcceptedBatch:
    """A packed batch all of whose rows were written.

    Attributes:
        packed: The batch.
        ids: The record id of each row.
        outcomes: ``created`` or ``updated``, for each row.
        settled_at: When the answer was read.
    """

    packed: PackedBatch
    ids: list[str]
    outcomes: list[str]
    settled_at: float

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def rows(self) -> list[int]:
        """Positions in the user's table."""
        return self.packed.rows

    def payload(self) -> bytes:
        """Return what the journal keeps of it."""
        lines = self.packed.lines
        return payload_of(
            {
                **{name: lines[name] for name in ("rows", "keys", "digests")},
                "outcomes": to_json(self.outcomes),
                "ids": to_json(self.ids),
            }
        )


def batch_of(rows: pa.Table, action: Action, run: str, id_property: str | None) -> Batch:
    """Rows of a plan, joined with their texts, as a batch."""
    columns: dict[str, list[Any]] = rows.to_pydict()
    return Batch(
        action=action,
        run=run,
        rows=columns["row"],
        keys=columns["key"],
        digests=columns["digest"],
        ids=columns["send_id"],
        properties=columns["properties"],
        associations=columns["associations"],
        id_property=id_property,
    )


def packed(
    rows: pa.Table, action: Action, run: str, id_property: str | None, size: int
) -> Iterator[PackedBatch]:
    """Rows of a plan, joined with their texts, as batches of ``size`` and of no more than ``MAX_BYTES``; only
    the last has fewer.
    """
    for start in range(0, rows.num_rows, size * AT_ONCE):
        yield from _pack(rows.slice(start, size * AT_ONCE).combine_chunks(), action, run, id_property, size)


def _pack(
    rows: pa.Table, action: Action, run: str, id_property: str | None, size: int
) -> Iterator[PackedBatch]:
    column = {name: _only(rows.column(name)) for name in rows.column_names}
    lines = {"rows": column["row"].cast(pa.string()), "keys": _quoted(column["key"])}
    lines["digests"] = suffixed(prefixed(column["digest"], '"'), '"')
    lines["bodies"] = column["properties"]
    if action != "create":
        lines["ids"] = pc.fill_null(_quoted(column["send_id"]), "null")
    starts = list(range(0, rows.num_rows, size))
    groups = pa.array([*starts, rows.num_rows], pa.int32())
    written = {name: _joined(values, groups) for name, values in lines.items()}
    bodies = _joined(_inputs(action, run, id_property, column, lines), groups)
    numbers = _numbers(column["row"])
    for i, start in enumerate(starts):
        body = batch_body(bodies[i])
        few = numbers[start : start + size]
        if len(body) > MAX_BYTES and len(few) > 1:
            half = rows.slice(start, size).combine_chunks()
            yield from _pack(half, action, run, id_property, (len(few) + 1) // 2)
            continue
        yield PackedBatch(
            action=action,
            run=run,
            rows=few,
            body=body,
            lines={name: b"[" + each[i] + b"]" for name, each in written.items()},
            table=rows,
            start=start,
            id_property=id_property,
        )


def _inputs(
    action: Action, run: str, id_property: str | None, column: dict[str, Any], lines: dict[str, Any]
) -> Any:
    """Return the JSON object of each row, as the requester wants it. The properties were encoded column by
    column and are put in as they are.
    """
    trace = f',"objectWriteTraceId":"{run}-'
    if action == "create":
        associations = pc.fill_null(column["associations"], "[]")  # the contract requires them
        head = pc.binary_join_element_wise('{"associations":', associations, ',"properties":', "")
    else:
        by = f'"idProperty":{json.dumps(id_property, ensure_ascii=False)},' if id_property else ""
        head = pc.binary_join_element_wise('{"id":', lines["ids"], f',{by}"properties":', "")
    return pc.binary_join_element_wise(head, column["properties"], trace, lines["rows"], '"}', "")


def _joined(values: Any, groups: Any) -> Sequence[bytes]:
    """Return the texts of each group with commas between them, as bytes."""
    found: Any = pc.binary_join(pa.ListArray.from_arrays(groups, values), ",")
    return [each.as_buffer().to_pybytes() for each in found]


def _numbers(column: Any) -> list[int]:
    """Return an int64 column without nulls as Python integers, in a tenth of the time of ``to_pylist``."""
    memory = memoryview(column.buffers()[1]).cast("q")
    return memory[column.offset : column.offset + len(column)].tolist()


def _quoted(text: Any) -> Any:
    return suffixed(prefixed(escaped(text), '"'), '"')


def _only(column: pa.ChunkedArray[Any]) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
