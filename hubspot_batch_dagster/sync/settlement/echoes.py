"""Echoes: a success that says, beside the record's id, that HubSpot did not take a value.

HubSpot moves a lifecycle stage forward only. An earlier one is answered with a 200, and with the stage that the record keeps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec import DecodeError, Struct, field
from msgspec.json import Decoder

from hubspot_batch_dagster.sync.batches.packed_batch import PackedBatch

KEPT = "lifecyclestage"
"""The property that HubSpot keeps as it is without a word."""

_SENT = f'"{KEPT}":'

WARNING = f"HubSpot kept another {KEPT} than was sent: a stage is not moved back. Clear the property first, then send the stage."


class _Stage(Struct):
    lifecyclestage: str | None = None


class _Record(Struct):
    trace_id: str = field(name="objectWriteTraceId", default="")
    properties: _Stage = field(default_factory=_Stage)


class _Answer(Struct):
    results: list[_Record] = field(default_factory=list)


_DECODER = Decoder(_Answer)


def contradicts(packed: PackedBatch, body: bytes) -> bool:
    """Whether the answer to a packed batch says of any row that a value was not taken."""
    if packed.action not in ("update", "upsert") or _SENT.encode() not in packed.body:
        return False
    batch = packed.unpack()
    return bool(contradicted(batch.traces(), batch.properties, body))


def contradicted(traces: Mapping[str, int], properties: Sequence[str], body: bytes) -> set[int]:
    """The rows of a batch whose record kept another value than was sent.

    Args:
        traces: Trace id -> row.
        properties: What was sent for each row, as JSON texts.
        body: The answer. What cannot be read contradicts nothing.
    """
    sent = {i: _value(text) for i, text in enumerate(properties) if _SENT in text}
    if not sent:
        return set()
    try:
        records = _DECODER.decode(body).results
    except (DecodeError, RecursionError, UnicodeDecodeError):
        return set()
    echoes = {
        traces[each.trace_id]: each.properties.lifecyclestage for each in records if each.trace_id in traces
    }
    return {
        i for i, value in sent.items() if value and echoes.get(i) and _folded(echoes[i]) != _folded(value)
    }


def _value(properties: str) -> str | None:
    found = json.loads(properties).get(KEPT)
    return found if isinstance(found, str) else None


def _folded(stage: str | None) -> str:
    return (stage or "").strip().lower()
