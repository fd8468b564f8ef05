"""Echoes: a success that says, beside the record's id, that HubSpot did not take a value.

An answer repeats the properties of each record. Where one of them is not what was sent, and no way of
HubSpot's to write it either, the row gets a warning: HubSpot moves a lifecycle stage forward only, and a
workflow may set a value of its own. The property by which HubSpot finds the record is left out: a contact is
found by each of its addresses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, Struct, field
from msgspec.json import Decoder

from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.value_comparison import can_be
from hubspot_batch_dagster.sync.batches.verdict import Verdict

STAGE = "lifecyclestage"

STAGE_KEPT = (
    f"HubSpot kept another {STAGE} than was sent: a stage is not moved back. Clear the property first, then"
    " send the stage."
)


class _Record(Struct):
    id: str = ""
    properties: dict[str, Any] = field(default_factory=dict)


class _Answer(Struct):
    results: list[_Record] = field(default_factory=list)


_DECODER = Decoder(_Answer)


def with_warnings(batch: Batch, verdicts: dict[int, Verdict], body: bytes) -> dict[int, Verdict]:
    """Return the verdicts on a batch, with a warning where the answer has another value than was sent.

    Args:
        batch: What was sent.
        verdicts: What the answer says of each row.
        body: The answer. What cannot be read contradicts nothing.
    """
    try:
        echoes = {each.id: each.properties for each in _DECODER.decode(body).results}
    except (DecodeError, RecursionError, UnicodeDecodeError):
        return verdicts
    return {i: _warned(batch, i, verdict, echoes) for i, verdict in verdicts.items()}


def _warned(batch: Batch, i: int, verdict: Verdict, echoes: Mapping[str, Mapping[str, Any]]) -> Verdict:
    echo = echoes.get(verdict.id or "")
    if not echo or verdict.outcome == "rejected":
        return verdict
    sent = json.loads(batch.properties[i])
    names = [name for name in contradicted(sent, echo) if name != batch.id_property]
    if not names:
        return verdict
    said = (STAGE_KEPT if name == STAGE else f"HubSpot has another {name} than was sent." for name in names)
    return verdict._replace(warning="; ".join(filter(None, (verdict.warning, *said))))


def contradicted(sent: Mapping[str, str], echo: Mapping[str, Any]) -> list[str]:
    """Return the properties of which a record has another value than was sent; what the answer does not
    repeat is none of them.
    """
    return [
        name
        for name, value in sent.items()
        if isinstance(kept := echo.get(name), str) and kept != value and not can_be(kept, value)
    ]
