"""Records that HubSpot does not make with their associations: they are made without those that are not
required.

The associations are written, and refused, for themselves once the record exists: what becomes of them is not
what becomes of the row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

from hubspot_batch_dagster.sync.associations.types import AssociationTypeKey
from hubspot_batch_dagster.sync.batches.batch import Batch
from hubspot_batch_dagster.sync.batches.verdict import MESSAGE_LENGTH, Verdict

_NUMBER = re.compile(r"[0-9]+")


def without_refused(
    batch: Batch, verdicts: Mapping[int, Verdict], required: Set[AssociationTypeKey]
) -> tuple[Batch, dict[int, Verdict]]:
    """Take the associations out of rows to create that HubSpot refused because of them.

    Args:
        batch: The rows.
        verdicts: Row -> what HubSpot said.
        required: The types of associations without which no record is to be made.

    Returns:
        The batch as it is to be sent, and the rows to send again, with what HubSpot had said.
    """
    if batch.action != "create":
        return batch, {}
    texts, again = list(batch.associations), dict[int, Verdict]()
    for row, verdict in verdicts.items():
        given: list[dict[str, Any]] = json.loads(texts[row] or "[]")
        kept = [each for each in given if not required.isdisjoint(_types(each))]
        if verdict.outcome == "rejected" and len(kept) < len(given) and _is_about(verdict, given):
            texts[row] = json.dumps(kept, separators=(",", ":")) if kept else None
            again[row] = verdict
    return replace(batch, associations=texts), again


def said_before(verdict: Verdict, before: Verdict | None) -> Verdict:
    """Return the refusal of a row that was sent without its associations, with what HubSpot had said of it
    with them.
    """
    if verdict.outcome != "rejected" or before is None:
        return verdict
    message = f"{verdict.message} With its associations HubSpot had said: {before.message}"
    return verdict._replace(message=message[:MESSAGE_LENGTH])


def _is_about(verdict: Verdict, given: list[dict[str, Any]]) -> bool:
    """Whether a refusal speaks of associations, or names a record at the other end."""
    message = verdict.message or ""
    if "associat" in f"{verdict.category} {verdict.code} {message}".lower():
        return True
    return not {str(each["to"]["id"]) for each in given}.isdisjoint(_NUMBER.findall(message))


def _types(association: Mapping[str, Any]) -> set[AssociationTypeKey]:
    return {(each["associationCategory"], each["associationTypeId"]) for each in association["types"]}
